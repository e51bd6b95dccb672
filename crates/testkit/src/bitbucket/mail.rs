//! Webhooks as Bitbucket sends them (support.atlassian.com, "Event payloads"; "Manage webhooks", "Secure webhooks").

use anyhow::Result;
use serde_json::{Value, json};

use super::state::{State, account, repository};
use crate::api::{Answer, Api};
use crate::load::signature;

/// A webhook that was or will be sent.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its identifier, the same when it is sent again.
    pub uuid: String,
    /// What it tells of, such as `repo:push`.
    pub event: &'static str,
    /// What it says.
    pub body: Value,
}

impl Delivery {
    /// The same event under another identifier, as a second hook of the repository would send it.
    #[must_use]
    pub fn by_another_hook(&self) -> Self {
        Self { uuid: format!("{}-again", self.uuid), ..self.clone() }
    }

    /// Sends it, signed.
    pub async fn send(&self, api: &Api, path: &str, secret: &str) -> Result<Answer> {
        let body = self.body.to_string().into_bytes();
        let signature = signature(secret, &body);
        let headers = [
            ("content-type", "application/json"),
            ("user-agent", "Bitbucket-Webhooks/2.0"),
            ("x-event-key", self.event),
            ("x-request-uuid", &*self.uuid),
            ("x-hub-signature", &*signature),
        ];
        api.send("POST", path, &headers, body).await
    }
}

impl State {
    pub(super) fn mail_push(&mut self, branch: &str, before: &str, after: &str, by: &str) {
        let position = |hash: &str| json!({ "type": "branch", "name": branch, "target": { "hash": hash } });
        let change = json!({ "old": position(before), "new": position(after), "forced": true });
        self.mail("repo:push", by, json!({ "push": { "changes": [change] } }));
    }

    pub(super) fn mail_pull(&mut self, event: &'static str, number: u64, by: &str, mut body: Value) {
        body["pullrequest"] = self.pull(number).shown();
        self.mail(event, by, body);
    }

    fn mail(&mut self, event: &'static str, by: &str, mut body: Value) {
        body["actor"] = account(by);
        body["repository"] = repository();
        let uuid = format!("00000000-0000-4000-8000-{:012}", self.new_id());
        self.waiting.push(Delivery { uuid, event, body });
    }
}
