//! Our comments below a change: each written once, found again by its marker, and replaced afterwards.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{ApiError, Marker};

/// Pages that are looked through for a comment of ours. Ours are among the first, except below a change that was
/// discussed for long before Slipway came.
const MOST_PAGES: u32 = 40;
/// Comments that are remembered.
const MOST_KNOWN: usize = 10_000;

/// A comment as its forge keeps it.
#[derive(Debug)]
pub(super) struct Written {
    /// What the forge calls it.
    pub(super) id: String,
    /// Its text.
    pub(super) text: String,
}

/// Comments of one forge.
#[async_trait]
pub(super) trait Comments: Send + Sync {
    /// Our own comments on one page of a change's comments, oldest first, and whether there are more pages. Somebody
    /// else's comment is never ours, whatever marker is in it.
    async fn ours(&self, change: u64, page: u32) -> Result<(Vec<Written>, bool), ApiError>;

    /// Writes a new one and answers what the forge calls it.
    async fn write(&self, change: u64, text: &str) -> Result<String, ApiError>;

    /// Gives an old one another text.
    async fn replace(&self, change: u64, id: &str, text: &str) -> Result<(), ApiError>;

    /// The marker as it stands in a text, where readers do not see it.
    fn hidden(&self, marker: &Marker) -> String {
        format!("<!-- {} -->", marker.as_str())
    }
}

/// What is known of our comments, so that they are not looked for every time.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<(u64, Marker), Written>>);

impl Known {
    /// Puts a comment below a change.
    pub(super) async fn put(
        &self,
        forge: &dyn Comments,
        change: u64,
        marker: &Marker,
        text: &str,
    ) -> Result<(), ApiError> {
        let hidden = forge.hidden(marker);
        let text = format!("{hidden}\n{text}");
        let known = match self.take(change, marker) {
            Some(known) => Some(known),
            None => find(forge, change, &hidden).await?,
        };
        let id = match known {
            Some(known) if known.text == text => known.id,
            Some(known) => match forge.replace(change, &known.id, &text).await {
                Ok(()) => known.id,
                // Somebody took it away: that is no reason to say nothing any more.
                Err(ApiError::Missing { .. }) => forge.write(change, &text).await?,
                Err(error) => return Err(error),
            },
            None => forge.write(change, &text).await?,
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_KNOWN {
            all.clear();
        }
        all.insert((change, marker.clone()), Written { id, text });
        Ok(())
    }

    /// What is known of a comment. It is taken out, so that after a call that failed half-way it is looked for.
    fn take(&self, change: u64, marker: &Marker) -> Option<Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(change, marker.clone()))
    }
}

async fn find(forge: &dyn Comments, change: u64, hidden: &str) -> Result<Option<Written>, ApiError> {
    for page in 1..=MOST_PAGES {
        let (ours, more) = forge.ours(change, page).await?;
        if let Some(found) = ours.into_iter().find(|comment| comment.text.starts_with(hidden.trim_end())) {
            return Ok(Some(found));
        }
        if !more {
            break;
        }
    }
    Ok(None)
}
