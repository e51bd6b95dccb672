//! Webhooks as GitLab sends them (docs.gitlab.com, "Webhook events": "Push events", "Merge request events", "Comment
//! events"; "Webhooks": "Validate payloads by using a signing token").

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use super::state::{PROJECT, State};
use crate::api::{Answer, Api};

/// A webhook that was or will be sent.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its identifier, the same when it is sent again.
    pub id: String,
    /// What it tells of, such as `Note Hook`.
    pub event: &'static str,
    /// What it says.
    pub body: Value,
}

impl Delivery {
    /// The same event under another identifier, as a second hook of the project would send it.
    #[must_use]
    pub fn by_another_hook(&self) -> Self {
        Self { id: format!("{}-again", self.id), ..self.clone() }
    }

    /// Sends it, signed as Standard Webhooks says.
    pub async fn send(&self, api: &Api, path: &str, secret: &str) -> Result<Answer> {
        let body = self.body.to_string();
        let timestamp = Timestamp::now().as_second().to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
        mac.update(format!("{}.{timestamp}.{body}", self.id).as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let signed =
            [("webhook-id", &*self.id), ("webhook-timestamp", &*timestamp), ("webhook-signature", &*signature)];
        self.send_with(api, path, &signed, body).await
    }

    /// Sends it as a GitLab does that does not sign: with the secret itself.
    pub async fn send_with_token(&self, api: &Api, path: &str, secret: &str) -> Result<Answer> {
        self.send_with(api, path, &[("x-gitlab-token", secret)], self.body.to_string()).await
    }

    async fn send_with(&self, api: &Api, path: &str, proof: &[(&str, &str)], body: String) -> Result<Answer> {
        let default = [
            ("content-type", "application/json"),
            ("user-agent", "GitLab/double"),
            ("x-gitlab-event", self.event),
            ("idempotency-key", &*self.id),
        ];
        api.send("POST", path, &[&default[..], proof].concat(), body.into_bytes()).await
    }
}

impl State {
    pub(super) fn mail_push(&mut self, branch: &str, before: &str, after: &str, account: u64) {
        let user = self.user(account);
        let body = json!({
            "object_kind": "push", "event_name": "push", "before": before, "after": after, "checkout_sha": after,
            "ref": format!("refs/heads/{branch}"), "user_id": account, "user_username": user["username"],
            "project_id": PROJECT, "project": project(),
        });
        self.mail("Push Hook", body);
    }

    /// Tells of a merge request, with more attributes than it always has.
    pub(super) fn mail_merge_request(&mut self, number: u64, action: &str, more: Value) {
        self.mail_merge_request_with(number, action, more, &json!({}));
    }

    /// The same with what was edited.
    pub(super) fn mail_merge_request_with(&mut self, number: u64, action: &str, more: Value, changes: &Value) {
        let merge = self.merge(number);
        let source = if merge.project == PROJECT { project() } else { fork() };
        let mut attributes = json!({
            "id": 100 + number, "iid": number, "action": action, "state": merge.state, "title": merge.title,
            "source_branch": merge.branch, "target_branch": merge.target, "source_project_id": merge.project,
            "target_project_id": PROJECT, "author_id": merge.author, "last_commit": { "id": merge.head }, "draft": merge.draft,
            "source": source, "target": project(),
        });
        let author = merge.author;
        let (Value::Object(attributes), Value::Object(more)) = (&mut attributes, more) else { return };
        attributes.extend(more);
        let body = json!({
            "object_kind": "merge_request", "event_type": "merge_request", "user": self.user(author),
            "project": project(), "object_attributes": attributes, "changes": changes,
        });
        self.mail("Merge Request Hook", body);
    }

    pub(super) fn mail_note(&mut self, number: u64, id: u64, account: u64, text: &str) {
        let body = json!({
            "object_kind": "note", "event_type": "note", "user": self.user(account), "project_id": PROJECT,
            "project": project(),
            "object_attributes": {
                "id": id, "note": text, "noteable_type": "MergeRequest", "author_id": account, "system": false,
                "action": "create",
            },
            "merge_request": self.merge(number).shown(),
        });
        self.mail("Note Hook", body);
    }

    fn mail(&mut self, event: &'static str, body: Value) {
        let id = format!("00000000-0000-4000-8000-{:012}", self.new_id());
        self.waiting.push(Delivery { id, event, body });
    }
}

fn project() -> Value {
    json!({ "id": PROJECT, "name": "models", "path_with_namespace": "team/models", "default_branch": "main" })
}

fn fork() -> Value {
    json!({ "name": "models", "path_with_namespace": "mallory/models", "default_branch": "main" })
}
