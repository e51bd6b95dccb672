//! Our comments below a change: each written once, found again by its marker where it is not known,
//! and replaced afterwards.

use async_trait::async_trait;

use super::{ApiError, Marker, ReportHandle};

/// Pages that are looked through for a comment of ours. Ours are among the first, except below a change that was
/// discussed for long before Slipway came.
const MAX_PAGES: u32 = 40;

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
    async fn ours(&self, pull_request: u64, page: u32) -> Result<(Vec<Written>, bool), ApiError>;

    /// Writes a new one and answers what the forge calls it.
    async fn write(&self, pull_request: u64, text: &str) -> Result<String, ApiError>;

    /// Gives an old one another text.
    async fn replace(&self, pull_request: u64, id: &str, text: &str) -> Result<(), ApiError>;

    /// The marker as it stands in a text, where readers do not see it.
    fn hidden(&self, marker: &Marker) -> String {
        format!("<!-- {} -->", marker.as_str())
    }
}

/// Puts a comment below a change: in the place of the one that is known, or of the one that is found.
pub(super) async fn put(
    forge: &dyn Comments,
    pull_request: u64,
    marker: &Marker,
    text: &str,
    known: &mut ReportHandle,
) -> Result<(), ApiError> {
    let hidden = forge.hidden(marker);
    let text = format!("{hidden}\n{text}");
    if known.id.is_empty()
        && let Some(found) = find(forge, pull_request, &hidden).await?
    {
        known.id = found.id;
        if found.text == text {
            return Ok(());
        }
    }
    if !known.id.is_empty() {
        match forge.replace(pull_request, &known.id, &text).await {
            // Somebody took it away: that is no reason to say nothing any more.
            Err(ApiError::Missing { .. }) => known.id.clear(),
            replaced => return replaced,
        }
    }
    known.id = forge.write(pull_request, &text).await?;
    Ok(())
}

async fn find(forge: &dyn Comments, pull_request: u64, hidden: &str) -> Result<Option<Written>, ApiError> {
    for page in 1..=MAX_PAGES {
        let (ours, more) = forge.ours(pull_request, page).await?;
        if let Some(found) = ours.into_iter().find(|comment| comment.text.starts_with(hidden.trim_end())) {
            return Ok(Some(found));
        }
        if !more {
            break;
        }
    }
    Ok(None)
}
