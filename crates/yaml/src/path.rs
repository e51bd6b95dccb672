//! The path of a value: `spec.model.sequential[3].conv2d`. Parsing and printing use the same form.

use std::fmt;
use std::str::FromStr;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// The value of a key: `spec`, or `["key.with.dots"]`.
    Key(String),
    /// A list item by its index, counted from zero: `[0]`.
    Index(usize),
    /// The only list item in which this key has this value: `[name=server]`, `[app.kubernetes.io/name=api]`, `["a=b"="c]"]`.
    Item {
        /// The key.
        key: String,
        /// Its value, as text.
        value: String,
    },
}

/// The steps from the root of a document to a value. The root itself is `.`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Path(Vec<Segment>);

/// A text that is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a path: expected {expected}, as in `spec.containers[name=server].image`")]
pub struct NotAPath {
    text: String,
    expected: &'static str,
}

impl Segment {
    /// The key, if the step is one.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Index(_) | Self::Item { .. } => None,
        }
    }
}

impl Path {
    /// The path of a document's root.
    pub fn root() -> Self {
        Self::default()
    }

    /// The steps in order.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The same path with one more step.
    #[must_use]
    pub fn then(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }
}

impl FromStr for Path {
    type Err = NotAPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "." {
            return Ok(Self::root());
        }
        let refuse = |expected| NotAPath { text: text.chars().take(80).collect(), expected };
        let mut segments = Vec::new();
        let mut rest = text;
        loop {
            let (segment, after) =
                if let Some(inner) = rest.strip_prefix('[') { bracketed(inner) } else { bare(rest) }.map_err(refuse)?;
            segments.push(segment);
            rest = match after.strip_prefix('.') {
                _ if after.is_empty() => return Ok(Self(segments)),
                Some(next) if !next.starts_with('[') => next,
                None if after.starts_with('[') => after,
                _ => {
                    return Err(refuse(
                        "`.` and a key, or `[`, after each step, and quotes around a key that contains \
                 `]`",
                    ));
                }
            };
        }
    }
}

/// A key up to the next dot or bracket.
fn bare(text: &str) -> Result<(Segment, &str), &'static str> {
    let end = text.find(['.', '[', ']', '"']).unwrap_or(text.len());
    if end == 0 {
        return Err("a key");
    }
    Ok((Segment::Key(text[..end].to_owned()), &text[end..]))
}

/// The text after an opening bracket, up to its closing one.
fn bracketed(text: &str) -> Result<(Segment, &str), &'static str> {
    const EXPECTED: &str = "`[0]`, `[name=server]` (with any key) or `[\"key\"]`, and quotes around a key that \
     contains `]`";
    let (segment, rest) = if text.starts_with('"') {
        let (key, rest) = quoted(text).ok_or(EXPECTED)?;
        match rest.strip_prefix('=') {
            Some(value) => item(key, value).ok_or(EXPECTED)?,
            None => (Segment::Key(key), rest),
        }
    } else if let Some((key, value)) = text.split_once('=').filter(|(key, _)| is_bare_item_key(key)) {
        item(key.to_owned(), value).ok_or(EXPECTED)?
    } else {
        let end = text.find(']').ok_or(EXPECTED)?;
        (Segment::Index(text[..end].parse().map_err(|_| EXPECTED)?), &text[end..])
    };
    Ok((segment, rest.strip_prefix(']').ok_or(EXPECTED)?))
}

/// An item whose key has the value at the beginning of `text`, in quotes or up to the closing bracket.
fn item(key: String, text: &str) -> Option<(Segment, &str)> {
    let (value, rest) = if text.starts_with('"') {
        quoted(text)?
    } else {
        let end = text.find(']').filter(|end| *end > 0)?;
        (text[..end].to_owned(), &text[end..])
    };
    Some((Segment::Item { key, value }, rest))
}

/// A text in double quotes, where `\` escapes the next character.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        for (index, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if is_bare(key) => write!(f, "{}{key}", if index == 0 { "" } else { "." })?,
                Segment::Key(key) => write!(f, "[\"{}\"]", escaped(key))?,
                Segment::Index(number) => write!(f, "[{number}]")?,
                Segment::Item { key, value } => {
                    let key = if is_bare_item_key(key) { key.clone() } else { format!("\"{}\"", escaped(key)) };
                    let value = if is_bare(value) { value.clone() } else { format!("\"{}\"", escaped(value)) };
                    write!(f, "[{key}={value}]")?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a key needs no quotes.
fn is_bare(key: &str) -> bool {
    !key.is_empty() && !key.contains(|c: char| matches!(c, '.' | '[' | ']' | '"' | '\\') || c.is_whitespace())
}

/// Whether a key before the `=` of an item needs no quotes. Labels contain dots and slashes.
fn is_bare_item_key(key: &str) -> bool {
    !key.is_empty() && !key.contains(|c: char| matches!(c, '[' | ']' | '"' | '\\' | '=') || c.is_whitespace())
}

fn escaped(key: &str) -> String {
    key.replace('\\', "\\\\").replace('"', "\\\"")
}
