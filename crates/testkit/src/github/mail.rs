//! Webhooks as GitHub sends them.

use anyhow::Result;
use serde_json::Value;

use crate::api::{Answer, Api};
use crate::load::signature;

/// A webhook that was or will be sent.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its identifier, the same when it is sent again.
    pub guid: String,
    /// What it tells of.
    pub event: String,
    /// What it says.
    pub body: Value,
}

impl Delivery {
    /// The same event under another identifier, as a second hook of the repository would send it.
    #[must_use]
    pub fn by_another_hook(&self) -> Self {
        Self { guid: format!("{}-again", self.guid), ..self.clone() }
    }

    /// Sends it, signed.
    pub async fn send(&self, api: &Api, path: &str, secret: &str) -> Result<Answer> {
        let body = self.body.to_string().into_bytes();
        let signature = signature(secret, &body);
        let headers = [
            ("content-type", "application/json"),
            ("user-agent", "GitHub-Hookshot/double"),
            ("x-github-event", &*self.event),
            ("x-github-delivery", &*self.guid),
            ("x-hub-signature-256", &*signature),
        ];
        api.send("POST", path, &headers, body).await
    }
}
