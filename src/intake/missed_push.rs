//! The delivery that Slipway creates for a push that no delivery reported.

use serde::{Deserialize, Serialize};

use crate::revisions::Announced;
use slipway_domain::CommitSha;

/// Name of the event. No forge uses it.
pub(crate) const EVENT: &str = "slipway.missed_push";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    branch: String,
    before: CommitSha,
    after: CommitSha,
}

/// Parses the body of such a delivery.
pub(crate) fn read(body: &[u8]) -> Result<Announced, String> {
    let Body { before, after, .. } = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    Ok(Announced { before: Some(before), after, found: true })
}

/// Builds the body of such a delivery.
pub(crate) fn body(branch: &str, before: &CommitSha, after: &CommitSha) -> Vec<u8> {
    let body = Body { branch: branch.to_owned(), before: before.clone(), after: after.clone() };
    serde_json::to_vec(&body).expect("texts")
}
