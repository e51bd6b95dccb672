//! Reads the deliveries of a bare git server, which `slipway hook post-receive` sends, one for each reference.

use jiff::Timestamp;
use serde::Deserialize;

use super::payload::{Name, parse, push};
use super::{DeliveryName, Forge, ForgeError, Headers, Secret, name_in, signature};
use slipway_domain::{Account, CommitSha, Event, ForgeId, Sender};

/// A bare git server.
pub(super) struct Plain;

/// The body of a plain delivery: one line of the input of a `post-receive` hook (githooks(5)).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(rename = "ref")]
    name: Name,
    before: CommitSha,
    after: CommitSha,
    /// The account that pushed, if the git server gives it to its hooks.
    pusher: Option<Name>,
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
        if event != "push" {
            return Ok(vec![Event::ignored(format!("Slipway does not use the event `{event}`"))]);
        }
        let Body { name, before, after, pusher } = parse(body)?;
        // The settings cannot contain a name that is no valid identifier, so the delivery then has no sender.
        let id = pusher.and_then(|pusher| pusher.as_str().parse::<ForgeId>().ok());
        let sender = id.map(|id| Sender(Account { name: Some(id.to_string()), id }));
        Ok(vec![Event { repository: None, sender, kind: push(&name, before, after, false)? }])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_the_git_server_names_is_who_pushed_and_a_hook_that_names_nobody_is_read_as_before() {
        let (old, new) = ("1".repeat(40), "2".repeat(40));
        let sender = |pusher: &str| {
            let body = format!(r#"{{"ref": "refs/heads/main", "before": "{old}", "after": "{new}"{pusher}}}"#);
            Plain.read("push", body.as_bytes()).expect("a push").remove(0).sender
        };
        assert_eq!(sender(r#", "pusher": "kim""#).expect("a sender").0.id.as_str(), "kim");
        assert_eq!(sender(r#", "pusher": "../x""#), None);
        assert_eq!(sender(""), None);
    }

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
