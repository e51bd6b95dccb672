//! Seam: where sources live. A forge says how its deliveries are signed and what they mean. Which forge a source lives
//! on is set, never guessed from a delivery's headers: several forges send each other's.

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

/// Which forge a source lives on.
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
    /// Forgejo, which speaks as Gitea does.
    Forgejo,
    /// Bitbucket Cloud.
    Bitbucket,
}

impl Settings {
    /// The word in the settings, and before the identifiers of accounts.
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
    /// Checks that `body` comes from one who knows one of the secrets, and names the delivery. Reads nothing but
    /// headers, and of the body nothing but its bytes. `now` is held against the time of signing, where there is one.
    fn verify(
        &self,
        headers: &dyn Headers,
        body: &[u8],
        secrets: &[Secret],
        now: Timestamp,
    ) -> Result<DeliveryName, ForgeError>;

    /// What a verified delivery means: at least one event, and more than one only where a forge tells of several
    /// references in one delivery (Bitbucket).
    fn read(&self, event: &str, body: &[u8]) -> Result<Vec<Event>, ForgeError>;

    /// The repository that a verified delivery is of, whatever it tells of it; `None` where it names none.
    fn repository(&self, body: &[u8]) -> Result<Option<Repository>, ForgeError> {
        let _ = body;
        Ok(None)
    }

    /// The reference in the repository under which a change's newest commit can be fetched, if there is one.
    fn reference_of(&self, pull_request: &PullRequest) -> Option<String> {
        match pull_request.head_repository {
            HeadRepository::Same => Some(format!("refs/heads/{}", pull_request.head_branch)),
            HeadRepository::Fork(_) | HeadRepository::Gone => None,
        }
    }
}

/// The headers of a request, whatever holds them. Names are lower case.
pub trait Headers {
    /// The value of the header, if it is there once and is a text.
    fn value(&self, name: &str) -> Option<&str>;

    /// Whether the header is there, however often and whatever is in it.
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

/// How the sender names a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryName {
    /// Its identifier.
    pub id: String,
    /// What happened, such as `push`.
    pub event: String,
}

/// Why a delivery is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForgeError {
    /// The header with the signature is not there.
    #[error("the header `{header}` is missing: is the webhook's secret set at the forge, and its kind right here?")]
    Unsigned {
        /// Its name.
        header: &'static str,
    },
    /// The delivery is another forge's.
    #[error("the delivery is from {sender}, but this source is set up as `forge: {set}`")]
    OtherForge {
        /// The setting.
        set: &'static str,
        /// Who sent it.
        sender: &'static str,
    },
    /// No signature of ours.
    #[error("{reason}")]
    Unverified {
        /// What was missing or wrong; never the secret nor the signature.
        reason: &'static str,
    },
    /// A header that every delivery has is not there.
    #[error("the header `{name}` is missing or not a text of 1 to 200 printable characters")]
    Header {
        /// Its name.
        name: &'static str,
    },
    /// The body is not what its event's name promises.
    #[error("the delivery cannot be read: {reason}")]
    Unreadable {
        /// What was expected and what came.
        reason: String,
    },
}

impl ForgeError {
    /// Whether trying again can help: what was delivered stays as it is.
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}

/// The value of a header that names something: bounded and printable, because it is stored and shown.
fn name_in(headers: &dyn Headers, name: &'static str) -> Result<String, ForgeError> {
    let value = headers.value(name).filter(|value| {
        (1..=200).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
    });
    value.map(str::to_owned).ok_or(ForgeError::Header { name })
}
