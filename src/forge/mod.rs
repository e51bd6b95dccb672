//! Seam: where pushes come from. A forge says which header signs a delivery and what its body means.

mod github;
mod plain;
mod signature;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use signature::Secret;

use crate::domain::{Event, Retry};

/// Which forge a source lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Settings {
    /// A bare git server, with `slipway hook post-receive` as its hook.
    Plain,
    /// GitHub's webhooks.
    GitHub,
}

/// The forge that `settings` name.
pub fn connect(settings: Settings) -> Arc<dyn Forge> {
    match settings {
        Settings::Plain => Arc::new(plain::Plain),
        Settings::GitHub => Arc::new(github::GitHub),
    }
}

/// One kind of forge.
pub trait Forge: Send + Sync {
    /// Checks that `body` was signed with one of the secrets, and names the delivery. Reads nothing but headers, and
    /// of the body nothing but its bytes.
    fn verify(&self, headers: &dyn Headers, body: &[u8], secrets: &[Secret]) -> Result<DeliveryName, ForgeError>;

    /// What a verified delivery means.
    fn read(&self, event: &str, body: &[u8]) -> Result<Event, ForgeError>;
}

/// The headers of a request, whatever holds them.
pub trait Headers {
    /// The value of the header, if it is there once and is a text. The name is lower case.
    fn value(&self, name: &str) -> Option<&str>;
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
    /// No signature, or none of ours.
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
