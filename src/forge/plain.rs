//! A bare git server: deliveries that `slipway hook post-receive` sends, a branch each.

use serde::{Deserialize, Serialize};

use super::{DeliveryName, Forge, ForgeError, Headers, Secret, name_in, signature};
use crate::domain::{CommitSha, Event, Push};

/// The plain forge.
pub(super) struct Plain;

/// Body of a plain delivery: one line of what git hands to a `post-receive` hook (githooks(5)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    #[serde(rename = "ref")]
    name: String,
    before: CommitSha,
    after: CommitSha,
}

impl Forge for Plain {
    fn verify(&self, headers: &dyn Headers, body: &[u8], secrets: &[Secret]) -> Result<DeliveryName, ForgeError> {
        signature::verify(headers, body, secrets)?;
        Ok(DeliveryName { id: name_in(headers, "x-slipway-delivery")?, event: name_in(headers, "x-slipway-event")? })
    }

    fn read(&self, event: &str, body: &[u8]) -> Result<Event, ForgeError> {
        if event != "push" {
            return Ok(Event::Ignored { reason: format!("`{event}` asks for nothing") });
        }
        let Body { name, before, after } =
            serde_json::from_slice(body).map_err(|error| ForgeError::Unreadable { reason: error.to_string() })?;
        Ok(push(&name, before, after))
    }
}

/// What a moved reference means.
pub(super) fn push(name: &str, before: CommitSha, after: CommitSha) -> Event {
    let Some(branch) = name.strip_prefix("refs/heads/") else {
        return Event::Ignored { reason: format!("`{name}` is not a branch") };
    };
    if after.is_zero() {
        return Event::Ignored { reason: format!("the branch `{branch}` was deleted") };
    }
    Event::Push(Push { branch: branch.to_owned(), before: (!before.is_zero()).then_some(before), after })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "1111111111111111111111111111111111111111";
    const NEW: &str = "2222222222222222222222222222222222222222";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    fn read(name: &str, before: &str, after: &str) -> Result<Event, ForgeError> {
        let body = serde_json::json!({"ref": name, "before": before, "after": after});
        Plain.read("push", body.to_string().as_bytes())
    }

    fn sha(text: &str) -> CommitSha {
        text.parse().expect("a commit")
    }

    #[test]
    fn a_moved_branch_is_a_push() {
        let push = Push { branch: "team/main".to_owned(), before: Some(sha(OLD)), after: sha(NEW) };
        assert_eq!(read("refs/heads/team/main", OLD, NEW), Ok(Event::Push(push)));
    }

    #[test]
    fn a_new_branch_has_no_before() {
        let push = Push { branch: "main".to_owned(), before: None, after: sha(NEW) };
        assert_eq!(read("refs/heads/main", ZERO, NEW), Ok(Event::Push(push)));
    }

    #[test]
    fn tags_and_deleted_branches_ask_for_nothing() {
        for (name, after) in [("refs/tags/v1", NEW), ("refs/heads/main", ZERO), ("refs/notes/x", NEW)] {
            assert!(matches!(read(name, OLD, after), Ok(Event::Ignored { .. })), "{name}");
        }
        assert!(matches!(Plain.read("ping", b""), Ok(Event::Ignored { .. })));
    }

    #[test]
    fn a_body_that_is_not_a_push_is_unreadable_with_the_place() {
        for (body, reason) in [
            (&b"{"[..], "EOF while parsing"),
            (br#"{"ref": "refs/heads/main", "before": "x", "after": "y"}"#, "`x` is not a commit"),
            (br#"{"ref": "refs/heads/main"}"#, "missing field `before`"),
            (b"\xff\xfe", "expected value"),
        ] {
            let error = Plain.read("push", body).expect_err(reason).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
