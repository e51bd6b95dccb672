//! A webhook as it arrived: stored before it is answered, read afterwards.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SourceName;

/// One webhook: what the sender said, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The source at whose address it arrived.
    pub source: SourceName,
    /// The sender's identifier for it; unique within a source.
    pub id: String,
    /// The sender's name for what happened, such as `push`.
    pub event: String,
    /// Its headers, secrets taken out.
    pub headers: BTreeMap<String, String>,
    /// The body, as its signature was checked.
    pub body: Vec<u8>,
    /// When it was stored.
    pub received_at: Timestamp,
}

/// How far the reading of a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Stored, not read yet, or to be read again later.
    Pending,
    /// Read; its runs are recorded.
    Done,
    /// Read; it asks for nothing.
    Ignored,
    /// It cannot be read, and reading it again would not help.
    Dead,
}

/// Whether a delivery was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// It was stored.
    Stored,
    /// The same source sent the same identifier before.
    Duplicate,
}

impl DeliveryState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Done, Self::Ignored, Self::Dead];

    /// The state of this word; `None` if there is none.
    pub fn from_name(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// The word in the store and on the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Ignored => "ignored",
            Self::Dead => "dead",
        }
    }
}
