//! A webhook delivery as it arrived: it is stored before the response and processed afterwards.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SourceName;

/// One webhook request: the sender's data, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The source whose address received it.
    pub source: SourceName,
    /// The sender's identifier of the delivery; unique within a source.
    pub id: String,
    /// The sender's name of the event, such as `push`.
    pub event: String,
    /// The headers without secrets.
    pub headers: BTreeMap<String, String>,
    /// The body over which the signature was verified.
    pub body: Vec<u8>,
    /// Time of storage.
    pub received_at: Timestamp,
}

/// Processing state of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Stored, and not processed yet or due for another attempt.
    Pending,
    /// Processed; its runs are recorded.
    Done,
    /// Processed; it requires no action.
    Ignored,
    /// Dead-lettered: it cannot be processed, and another attempt would not help.
    Dead,
}

/// Result of storing a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// The delivery was new and is stored.
    Stored,
    /// The same source already sent a delivery with this identifier.
    Duplicate,
}

impl DeliveryState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Done, Self::Ignored, Self::Dead];

    /// Parses the name of a state; `None` if it is unknown.
    pub fn from_name(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// The name in the store and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Ignored => "ignored",
            Self::Dead => "dead",
        }
    }
}
