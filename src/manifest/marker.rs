//! Finds markers among the comments of a file.

use serde::Deserialize;

use crate::domain::Position;
use crate::yaml::Comment;

use super::field::Field;

/// What every file with a marker holds: a file without it is never parsed.
const TOKEN: &str = "\"slipway\"";

/// The longest name of a model, as of a Kubernetes label.
const MAX_NAME: usize = 63;

/// A marked place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The model whose value belongs here.
    pub model: String,
    /// Which of its values.
    pub field: Field,
    /// What stands here now, quotes and escapes resolved.
    pub value: String,
    /// Where the value begins.
    pub position: Position,
}

/// What a marker asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) model: String,
    pub(super) field: Field,
}

/// Why a comment that should be a marker is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BadMarker {
    /// It is not JSON of the expected form.
    Malformed(String),
    /// It names a field that does not exist.
    UnknownField(String),
}

/// The comment's JSON; keys of other tools are ignored.
#[derive(Deserialize)]
struct Payload {
    slipway: Option<serde_json::Value>,
}

/// Whether a file may hold markers.
pub(super) fn may_hold_markers(content: &[u8]) -> bool {
    content.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes())
}

/// What a comment asks for; `None` if it is prose or another tool's.
///
/// Only a comment that begins with `{` can be a marker, so neither prose about markers nor a line that is commented out
/// together with its marker counts.
pub(super) fn request_of(comment: &Comment) -> Option<Result<Request, BadMarker>> {
    let text = comment.text.trim();
    if !text.starts_with('{') || !text.contains(TOKEN) {
        return None;
    }
    let payload: Payload = match serde_json::from_str(text) {
        Ok(payload) => payload,
        Err(error) => {
            // The place within the comment would read as one in the file.
            let error = error.to_string();
            let problem = error.split(" at line ").next().unwrap_or_default();
            return Some(Err(BadMarker::Malformed(format!("it is not JSON: {problem}"))));
        }
    };
    match payload.slipway? {
        serde_json::Value::String(text) => Some(parse(&text)),
        other => Some(Err(BadMarker::Malformed(format!("its value is `{other}`, not a text")))),
    }
}

fn parse(text: &str) -> Result<Request, BadMarker> {
    let Some((model, field)) = text.split_once(':') else {
        return Err(BadMarker::Malformed(format!("`{text}` holds no `:`")));
    };
    if !is_model_name(model) {
        return Err(BadMarker::Malformed(format!(
            "`{model}` is no model name: lower-case letters, digits and inner `-`, at most {MAX_NAME}"
        )));
    }
    let field = Field::named(field).ok_or_else(|| BadMarker::UnknownField(field.to_owned()))?;
    Ok(Request { model: model.to_owned(), field })
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, up to 63 characters.
fn is_model_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}
