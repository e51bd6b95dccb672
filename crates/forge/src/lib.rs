//! The kinds of forges: how their deliveries are signed, how their payloads are read, and the clients of their APIs.
//!
//! This is a replaceable part: [`Forge`] is implemented once for each kind. The settings name the forge of a source. Headers of a
//! delivery never decide it, because several forges send headers of others.

mod api;
mod bitbucket;
mod deployment;
mod gitea;
mod github;
mod gitlab;
mod page;
mod payload;
mod plain;
mod pull_request;
mod report;
mod signature;
mod standard_webhooks;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use api::{
    ApiError, ApiSettings, AppForm, AppLogin, ForgeApi, FoundReport, Login, Marker, MergeMethod, MergeRequest, Merging,
    NewApp, NewRequest, Permission, PreflightCheck, PreflightStatus, PreflightSubject, Purpose, Reaction, RefusalOf,
    RegisteredApp, ReportHandle, Undelivered, WebhookAddress, connect_api,
};
pub use deployment::{Deployment, DeploymentState};
pub use page::{Pages, opens};
pub use report::{Annotation, AnnotationLevel, Conclusion, Report, ReportButton, ReportState};
pub use signature::Secret;

use slipway_domain::{Event, HeadRepository, PullRequest, Repository, Retry};

/// The forge of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Settings {
    /// A bare git server, with `slipway hook post-receive` as its hook.
    Plain,
    /// GitHub, or GitHub Enterprise Server.
    GitHub,
    /// GitLab.
    GitLab,
    /// Gitea.
    Gitea,
    /// Forgejo, which uses Gitea's protocol.
    Forgejo,
    /// Bitbucket Cloud.
    Bitbucket,
}

impl Settings {
    /// The name in the settings, and the prefix of the identifiers of accounts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Gitea => "gitea",
            Self::Forgejo => "forgejo",
            Self::Bitbucket => "bitbucket",
        }
    }
}

/// The forge that `settings` name.
pub fn connect(settings: Settings) -> Arc<dyn Forge> {
    match settings {
        Settings::Plain => Arc::new(plain::Plain),
        Settings::GitHub => Arc::new(github::GitHub),
        Settings::GitLab => Arc::new(gitlab::GitLab),
        Settings::Gitea | Settings::Forgejo => Arc::new(gitea::Gitea),
        Settings::Bitbucket => Arc::new(bitbucket::Bitbucket),
    }
}

/// One kind of forge.
pub trait Forge: Send + Sync {
    /// Verifies that the sender of `body` has one of the secrets, and returns the delivery's name. It reads only headers and the
    /// raw bytes of the body. `now` is compared with the time of signing, if there is one.
    fn verify(
        &self,
        headers: &dyn Headers,
        body: &[u8],
        secrets: &[Secret],
        now: Timestamp,
    ) -> Result<DeliveryName, ForgeError>;

    /// The events of a verified delivery: at least one. More than one only at Bitbucket, which reports several references in one
    /// delivery.
    fn read(&self, event: &str, body: &[u8]) -> Result<Vec<Event>, ForgeError>;

    /// The repository of a verified delivery, whatever its event is. `None` if it names none.
    fn repository(&self, body: &[u8]) -> Result<Option<Repository>, ForgeError> {
        let _ = body;
        Ok(None)
    }

    /// The reference that a pull request's newest commit can be fetched from, if there is one.
    fn reference_of(&self, pull_request: &PullRequest) -> Option<String> {
        match pull_request.head_repository {
            HeadRepository::Same => Some(format!("refs/heads/{}", pull_request.head_branch)),
            HeadRepository::Fork(_) | HeadRepository::Gone => None,
        }
    }
}

/// The headers of a request, in any representation. Names are lower case.
pub trait Headers {
    /// The value of the header, if it occurs once and is a text.
    fn value(&self, name: &str) -> Option<&str>;

    /// Whether the header occurs, however often and with any value.
    fn has(&self, name: &str) -> bool;
}

impl Headers for ureq::http::HeaderMap {
    fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    fn has(&self, name: &str) -> bool {
        self.contains_key(name)
    }
}

/// The sender's name of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryName {
    /// Its identifier.
    pub id: String,
    /// Its event, such as `push`.
    pub event: String,
}

/// Why a delivery is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForgeError {
    /// The header with the signature is missing.
    #[error(
        "the header `{header}` is missing: check the webhook's secret at the forge, and `forge` of the source in the server's settings"
    )]
    Unsigned {
        /// Its name.
        header: &'static str,
    },
    /// The delivery comes from another kind of forge.
    #[error("the delivery is from {sender}, but the source is configured as `forge: {set}`")]
    OtherForge {
        /// The setting.
        set: &'static str,
        /// The sender.
        sender: &'static str,
    },
    /// No valid signature.
    #[error("{reason}")]
    Unverified {
        /// What was missing or wrong. It never contains the secret or the signature.
        reason: &'static str,
    },
    /// A required header is missing.
    #[error("the header `{name}` is missing or not a text of 1 to 200 printable characters")]
    Header {
        /// Its name.
        name: &'static str,
    },
    /// The body does not have the form of its event.
    #[error("the delivery cannot be read: {reason}")]
    Unreadable {
        /// The expected and the received value.
        reason: String,
    },
}

impl ForgeError {
    /// Whether a retry can help. It cannot, because the content of a delivery does not change.
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// The value of a header that names something. It is bounded and printable, because it is stored and shown.
fn name_in(headers: &dyn Headers, name: &'static str) -> Result<String, ForgeError> {
    let value = headers.value(name).filter(|value| {
        (1..=200).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
    });
    value.map(str::to_owned).ok_or(ForgeError::Header { name })
}
