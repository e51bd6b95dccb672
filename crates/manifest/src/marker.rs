//! Finds and parses markers in the comments of a file.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use slipway_domain::Position;
use slipway_yaml::Comment;

use super::field::Field;
use super::within::Around;

/// A text that every file with a marker contains.
pub(super) const MARK_TOKEN: &str = "\"slipway\"";

/// The longest name of a model, as for a Kubernetes label.
const MAX_NAME: usize = 63;

/// A marked place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The model whose value belongs here.
    pub model: String,
    /// The field.
    pub field: Field,
    /// The present value, with quotes and escapes resolved, without the marker's prefix and suffix.
    pub value: String,
    /// The position of the value.
    pub position: Position,
    /// The prefix and suffix in the marker.
    pub(super) around: Around,
}

/// The content of a marker: `MODEL:FIELD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The model.
    pub model: String,
    /// The field.
    pub field: Field,
}

/// Why a text is not a mark.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAMark {
    /// It does not have the expected form.
    #[error("{0}")]
    Malformed(String),
    /// It names a field that does not exist.
    #[error("unknown field `{0}`, expected one of `{fields}`", fields = Field::ALL.map(Field::as_str).join("`, `"))]
    UnknownField(String),
}

/// The comment's JSON. Keys of other tools are ignored, unless they are misspelt keys of ours.
#[derive(Deserialize)]
struct Payload {
    slipway: Option<serde_json::Value>,
    prefix: Option<serde_json::Value>,
    suffix: Option<serde_json::Value>,
    #[serde(flatten)]
    others: serde_json::Map<String, serde_json::Value>,
}

impl Payload {
    /// A key that is a misspelt `prefix` or `suffix`, and the right one.
    fn misspelt(&self) -> Option<(&str, &'static str)> {
        self.others.keys().find_map(|key| {
            let right = ["prefix", "suffix"]
                .into_iter()
                .find(|right| strsim::osa_distance(&key.to_lowercase(), right) <= MAX_SLIPS)?;
            Some((key.as_str(), right))
        })
    }
}

/// The most letters in which a misspelt key differs from the right one.
const MAX_SLIPS: usize = 2;

/// The content of a marker: the mark, and the prefix and suffix of the value in its scalar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MarkRequest {
    pub(super) mark: Mark,
    pub(super) around: Around,
}

impl Marker {
    /// The comment that marks the place for another model.
    pub fn of_model(&self, model: &str) -> String {
        written(Some(model), Some(self.field), &self.around)
    }
}

/// A mark in its written form, with placeholders for unknown parts.
pub(super) fn written(model: Option<&str>, field: Option<Field>, around: &Around) -> String {
    let model = model.unwrap_or("MODEL");
    let field = field.map_or("FIELD", Field::as_str);
    let part = |key: &str, text: &str| match text {
        "" => String::new(),
        text => format!(", \"{key}\": {}", serde_json::Value::from(text)),
    };
    let (prefix, suffix) = (part("prefix", &around.prefix), part("suffix", &around.suffix));
    format!("# {{\"slipway\": \"{model}:{field}\"{prefix}{suffix}}}")
}

/// Whether a file may contain markers.
pub(super) fn may_hold_markers(content: &[u8]) -> bool {
    content.windows(MARK_TOKEN.len()).any(|window| window == MARK_TOKEN.as_bytes())
}

/// The content of a comment; `None` if the comment is prose or belongs to another tool.
///
/// Only a comment that begins with `{` can be a marker. Prose about markers, and a line that is commented out together with its
/// marker, therefore do not count.
pub(super) fn mark_of(comment: &Comment) -> Option<Result<MarkRequest, NotAMark>> {
    let text = comment.text.trim();
    if !text.starts_with('{') || !text.contains(MARK_TOKEN) {
        return None;
    }
    let payload: Payload = match serde_json::from_str(text) {
        Ok(payload) => payload,
        Err(error) => {
            // The position within the comment could be mistaken for one in the file.
            let error = error.to_string();
            let problem = error.split(" at line ").next().unwrap_or_default();
            return Some(Err(NotAMark::Malformed(format!("it is not JSON: {problem}"))));
        }
    };
    let misspelt = payload.misspelt().map(|(key, right)| format!("unknown key `{key}`, did you mean `{right}`?"));
    let Payload { slipway, prefix, suffix, others: _ } = payload;
    let slipway = slipway?;
    if let Some(misspelt) = misspelt {
        return Some(Err(NotAMark::Malformed(misspelt)));
    }
    Some(text_of("value", slipway).and_then(|text| {
        let part = |what, part: Option<serde_json::Value>| part.map_or(Ok(String::new()), |part| text_of(what, part));
        let around = Around { prefix: part("`prefix`", prefix)?, suffix: part("`suffix`", suffix)? };
        Ok(MarkRequest { mark: text.parse()?, around })
    }))
}

/// The prefix and suffix of a mark that cannot be parsed, as far as they can be.
pub(super) fn around_of(comment: &str) -> Around {
    let payload: Option<Payload> = serde_json::from_str(comment.trim()).ok();
    let text = |part: Option<serde_json::Value>| part.and_then(|part| part.as_str().map(str::to_owned));
    let (prefix, suffix) = payload.map_or((None, None), |payload| (payload.prefix, payload.suffix));
    Around { prefix: text(prefix).unwrap_or_default(), suffix: text(suffix).unwrap_or_default() }
}

fn text_of(what: &str, value: serde_json::Value) -> Result<String, NotAMark> {
    match value {
        serde_json::Value::String(text) => Ok(text),
        other => Err(NotAMark::Malformed(format!("its {what} is `{other}`, not a text"))),
    }
}

impl FromStr for Mark {
    type Err = NotAMark;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((model, field)) = text.split_once(':') else {
            return Err(NotAMark::Malformed(format!("`{text}` holds no `:`")));
        };
        if !is_model_name(model) {
            return Err(NotAMark::Malformed(format!(
                "`{model}` is no model name: lower-case letters, digits and inner `-`, at most {MAX_NAME}"
            )));
        }
        let field = Field::from_name(field).ok_or_else(|| NotAMark::UnknownField(field.to_owned()))?;
        Ok(Self { model: model.to_owned(), field })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.model, self.field)
    }
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, up to 63 characters.
pub(super) fn is_model_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}
