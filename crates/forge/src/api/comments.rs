//! Writes Slipway's comments on a pull request: creates each once, finds it again by its marker if its identifier is unknown, and
//! replaces its text afterwards.

use async_trait::async_trait;

use super::{ApiError, Marker, ReportHandle};

/// The most pages that are searched for a comment of Slipway. Its comments are among the first, unless the pull request had a
/// long discussion before Slipway was set up.
const MAX_PAGES: u32 = 40;

/// A comment as the forge returns it.
#[derive(Debug)]
pub(super) struct Written {
    /// Its identifier at the forge.
    pub(super) id: String,
    pub(super) text: String,
}

/// The calls for comments of one forge.
#[async_trait]
pub(super) trait Comments: Send + Sync {
    /// Slipway's own comments on one page of a pull request's comments, oldest first, and whether there are more pages. A comment
    /// of another account is never returned, whatever marker it contains.
    async fn ours(&self, pull_request: u64, page: u32) -> Result<(Vec<Written>, bool), ApiError>;

    /// Creates a comment and returns its identifier at the forge.
    async fn write(&self, pull_request: u64, text: &str) -> Result<String, ApiError>;

    /// Replaces the text of an existing comment.
    async fn replace(&self, pull_request: u64, id: &str, text: &str) -> Result<(), ApiError>;

    /// The marker as it stands in a text, invisible to readers.
    fn hidden(&self, marker: &Marker) -> String {
        format!("<!-- {} -->", marker.as_str())
    }
}

/// Writes a comment on a pull request. It replaces the comment that is known or found, and creates one otherwise.
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
            // The comment was deleted at the forge: write it again.
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
