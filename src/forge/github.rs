//! GitHub's webhooks: push events (docs.github.com, "Webhook events and payloads", `push`).

use serde::Deserialize;

use super::{DeliveryName, Forge, ForgeError, Headers, Secret, name_in, plain, signature};
use crate::domain::{CommitSha, Event};

/// GitHub, or GitHub Enterprise Server.
pub(super) struct GitHub;

/// The parts of a push payload that are used. Nothing in it is trusted to say where to fetch from.
#[derive(Deserialize)]
struct PushPayload {
    #[serde(rename = "ref")]
    name: String,
    before: CommitSha,
    after: CommitSha,
}

impl Forge for GitHub {
    fn verify(&self, headers: &dyn Headers, body: &[u8], secrets: &[Secret]) -> Result<DeliveryName, ForgeError> {
        signature::verify(headers, body, secrets)?;
        Ok(DeliveryName { id: name_in(headers, "x-github-delivery")?, event: name_in(headers, "x-github-event")? })
    }

    fn read(&self, event: &str, body: &[u8]) -> Result<Event, ForgeError> {
        if event != "push" {
            return Ok(Event::Ignored { reason: format!("`{event}` asks for nothing") });
        }
        let PushPayload { name, before, after } =
            serde_json::from_slice(body).map_err(|error| ForgeError::Unreadable { reason: error.to_string() })?;
        Ok(plain::push(&name, before, after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Push;

    #[test]
    fn a_push_payload_is_read_whatever_else_it_carries() {
        let body = serde_json::json!({
            "ref": "refs/heads/main",
            "before": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
            "after": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5",
            "created": false, "deleted": false, "forced": false,
            "repository": {"id": 17_273_051, "clone_url": "https://example.test/elsewhere.git"},
            "commits": [], "pusher": {"name": "octocat"},
        });
        let event = GitHub.read("push", body.to_string().as_bytes()).expect("readable");
        let push = Push {
            branch: "main".to_owned(),
            before: Some("6113728f27ae82c7b1a177c8d03f9e96e0adf246".parse().expect("a commit")),
            after: "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5".parse().expect("a commit"),
        };
        assert_eq!(event, Event::Push(push));
    }

    #[test]
    fn a_ping_asks_for_nothing() {
        assert!(matches!(GitHub.read("ping", br#"{"zen": "Keep it logically awesome."}"#), Ok(Event::Ignored { .. })));
    }
}
