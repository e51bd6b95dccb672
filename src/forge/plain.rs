//! A bare git server: deliveries that `slipway hook post-receive` sends, a reference each.

use jiff::Timestamp;
use serde::Deserialize;

use super::payload::{Name, ignored, parse, push};
use super::{DeliveryName, Forge, ForgeError, Headers, Secret, name_in, signature};
use crate::domain::{CommitSha, Event};

/// The plain forge.
pub(super) struct Plain;

/// Body of a plain delivery: one line of what git hands to a `post-receive` hook (githooks(5)).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(rename = "ref")]
    name: Name,
    before: CommitSha,
    after: CommitSha,
}

impl Forge for Plain {
    fn verify(
        &self,
        headers: &dyn Headers,
        body: &[u8],
        secrets: &[Secret],
        _now: Timestamp,
    ) -> Result<DeliveryName, ForgeError> {
        signature::verify(headers, "x-hub-signature-256", "sha256=", body, secrets)?;
        Ok(DeliveryName { id: name_in(headers, "x-slipway-delivery")?, event: name_in(headers, "x-slipway-event")? })
    }

    fn read(&self, event: &str, body: &[u8]) -> Result<Vec<Event>, ForgeError> {
        let kind = if event == "push" {
            let Body { name, before, after } = parse(body)?;
            push(&name, before, after, false)?
        } else {
            ignored(format!("`{event}` asks for nothing"))
        };
        Ok(vec![Event { repository: None, sender: None, kind }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_not_a_push_is_unreadable_with_the_place() {
        for (body, reason) in [
            (&b"{"[..], "EOF while parsing"),
            (br#"{"ref": "refs/heads/main", "before": "x", "after": "y"}"#, "`before`: `x` is not a commit"),
            (br#"{"ref": "refs/heads/main"}"#, "missing field `before`"),
            (b"\xff\xfe", "expected value"),
        ] {
            let error = Plain.read("push", body).expect_err(reason).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
