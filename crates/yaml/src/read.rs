//! Reads one YAML document into a type. A mistake is reported with its position and in the user's terms.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment as Tracked;

use slipway_domain::Diagnostic;
use slipway_domain::Position;

use super::complaint::{Came, Complaint, SHOWN, suggestion};
use super::draft::Draft;
use super::hint;
use super::path::{Path, Segment};
use super::search::Link;
use super::tree::{Entry, Kind, Node, Tree};

/// Reads exactly one document. An enum is written as its name alone or as a mapping with one key: `- relu`, `- conv2d: {filters:
/// 32}`.
///
/// Rejects, besides values that do not fit `T`: duplicate keys, no document or more than one, more than
/// [`MAX_BYTES`](super::MAX_BYTES), and values that exceed the limits of nesting or of expanded aliases.
pub fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Diagnostic> {
    let tree = Tree::parse(file, text)?;
    one_document(file, &tree)?;
    if let Some((earlier, again)) = tree.duplicate_key(0) {
        return Err(duplicate(file, &tree, earlier, again));
    }
    if let Some(mistake) = tree.wrong_merges(file).into_iter().next() {
        return Err(mistake);
    }
    deserialize(&written_out(&tree, text)).map_err(|(path, error)| explain(file, &tree, &path, &error).0)
}

/// The text itself. If the text merges mappings, its first document without merge keys and aliases.
pub(super) fn written_out<'text>(tree: &Tree, text: &'text str) -> Cow<'text, str> {
    if tree.is_written_short() { Cow::Owned(Draft::of(tree).text()) } else { Cow::Borrowed(text) }
}

/// Reads a text into a type, or returns the path and the error.
pub(super) fn deserialize<T: DeserializeOwned>(text: &str) -> Result<T, (Path, serde_yaml::Error)> {
    // The deserializer would count the byte order mark as a column, and treat the first key as more deeply indented than the
    // rest.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(serde_yaml::Deserializer::from_str(text), &mut track);
    let read = serde_yaml::with::singleton_map_recursive::deserialize(deserializer);
    read.map_err(|error| (path_of(&track.path()), error))
}

pub(super) fn one_document(file: &str, tree: &Tree) -> Result<(), Diagnostic> {
    match tree.documents() {
        [] => Err(Diagnostic::new(file, "the file is empty, expected one YAML document")),
        [root] if root.is_left_out() => {
            let message = "the document is empty, expected keys and values";
            Err(Diagnostic::new(file, message).at(tree.position(root.span.start)))
        }
        [_] => Ok(()),
        [_, second, ..] => Err(Diagnostic::new(file, "the file contains more than one document, expected one")
            .at(tree.position(second.span.start))
            .help("remove everything after `---`, or move it to another file")),
    }
}

pub(super) fn duplicate(file: &str, tree: &Tree, earlier: &Node, again: &Node) -> Diagnostic {
    let key = again.scalar().unwrap_or_default();
    let line = tree.position(earlier.span.start).line;
    Diagnostic::new(file, format!("duplicate key `{key}`, already set on line {line}"))
        .at(tree.position(again.span.start))
        .help("keep one of the two")
}

/// Converts the tracked path, as far as it is known.
fn path_of(tracked: &serde_path_to_error::Path) -> Path {
    let known = tracked.iter().map_while(|segment| match segment {
        Tracked::Seq { index } => Some(Segment::Index(*index)),
        Tracked::Map { key } => Some(Segment::Key(key.clone())),
        Tracked::Enum { variant } => Some(Segment::Key(variant.clone())),
        Tracked::Unknown => None,
    });
    known.fold(Path::root(), |path, segment| path.then(segment))
}

/// The part that must be repaired before the rest can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slip {
    /// The key at this byte offset is unknown. The key at the path may be meant.
    Key { start: usize, meant: Option<Path> },
    /// A mapping has no value for a required key.
    Missing(Path, String),
    /// A value has the wrong type.
    Value(Path),
    /// The text cannot be parsed.
    Text,
}

/// Explains an error of the deserializer with its position, in the user's terms.
pub(super) fn explain(file: &str, tree: &Tree, path: &Path, error: &serde_yaml::Error) -> (Diagnostic, Slip) {
    let reported = error.location().map(|location| Position { line: location.line(), column: location.column() });
    let way = tree.way_through(0, path);
    let Some(last) = way.last() else {
        return (Diagnostic::new(file, error.to_string()).at(reported), Slip::Text);
    };
    match Complaint::parse(&bare_message(&error.to_string(), reported, &way)) {
        Complaint::Unknown { name, expected } => {
            let slip = match unknown_node(last, &name, &expected) {
                Some((key, true)) => {
                    // The deserializer reports the unknown key, or the mapping around it.
                    let mapping = without_last(&last.path, &name);
                    let meant = suggestion(&name, &expected).map(|name| mapping.then(Segment::Key(name.to_owned())));
                    Slip::Key { start: key.span.start, meant }
                }
                // Without its tag key no part of a mapping can be read.
                _ => Slip::Value(without_last(&last.path, TAG)),
            };
            (unknown(file, tree, last, &name, &expected), slip)
        }
        Complaint::Missing { name } => (missing(file, tree, last, &name), Slip::Missing(last.path.clone(), name)),
        Complaint::Mismatch { expected, came } => {
            let (relation, meant) = meant(last, &came);
            (mismatch(file, tree, relation, &meant, &expected, &came), Slip::Value(meant.path))
        }
        Complaint::Syntax(message) => {
            (Diagnostic::new(file, format!("invalid YAML: {message}")).at(reported), Slip::Text)
        }
        Complaint::Other(message) => {
            (Diagnostic::new(file, message).at(tree.position_at(last.place)), Slip::Value(last.path.clone()))
        }
    }
}

/// The key of a mapping that decides which other keys are valid.
const TAG: &str = "format";

/// The path without its last key, if that is `name`.
fn without_last(path: &Path, name: &str) -> Path {
    match path.segments() {
        [above @ .., Segment::Key(key)] if key == name => {
            above.iter().cloned().fold(Path::root(), |path, segment| path.then(segment))
        }
        _ => path.clone(),
    }
}

/// The message without the position and the path that the deserializer adds. Both are reported separately.
fn bare_message(message: &str, reported: Option<Position>, way: &[Link<'_>]) -> String {
    let suffix = reported.map_or_else(String::new, |at| format!(" at line {} column {}", at.line, at.column));
    let message = message.strip_suffix(&suffix).unwrap_or(message);
    let paths = way.iter().rev().map(|link| printed_by_the_deserializer(&link.path));
    let mut prefixes = paths.flat_map(|path| [format!("{path}.?: "), format!("{path}: "), format!("{path}?: ")]);
    prefixes.find_map(|prefix| message.strip_prefix(&prefix)).unwrap_or(message).to_owned()
}

/// A path as `serde_yaml` prints it, with keys unescaped.
fn printed_by_the_deserializer(path: &Path) -> String {
    path.segments().iter().fold(String::new(), |way, segment| match segment {
        Segment::Key(key) | Segment::Item { value: key, .. } if way.is_empty() => key.clone(),
        Segment::Key(key) | Segment::Item { value: key, .. } => format!("{way}.{key}"),
        Segment::Index(index) if way.is_empty() => format!(".[{index}]"),
        Segment::Index(index) => format!("{way}[{index}]"),
    })
}

/// A value's name in messages.
fn named(path: &Path) -> String {
    if path.segments().is_empty() { "the document".to_owned() } else { format!("`{path}`") }
}

fn unknown(file: &str, tree: &Tree, link: &Link<'_>, name: &str, expected: &[String]) -> Diagnostic {
    let (what, at) = match unknown_node(link, name, expected) {
        Some((node, true)) => ("key", tree.position(node.span.start)),
        Some((node, false)) => ("value", tree.position(node.span.start)),
        None => ("value", tree.position_at(link.place)),
    };
    let choices = match expected {
        [] => "expected none here".to_owned(),
        [one] => format!("expected `{one}`"),
        many => format!("expected one of `{}`", many.join("`, `")),
    };
    let diagnostic = Diagnostic::new(file, format!("unknown {what} `{name}`, {choices}")).at(at);
    let key = unknown_node(link, name, expected).filter(|(_, is_key)| *is_key);
    let number = key.and_then(|(node, _)| hint::for_decimal_comma(tree, node));
    match number.or_else(|| suggestion(name, expected).map(|close| format!("did you mean `{close}`?"))) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// The key or value with an unknown name, and whether it is a key.
///
/// An internally tagged choice is reported as a whole. Of the mappings beneath that contain the name as a key, the one with the
/// most expected keys is selected. If several are equal, the outermost is.
fn unknown_node<'tree>(link: &Link<'tree>, name: &str, expected: &[String]) -> Option<(&'tree Node, bool)> {
    if link.place.node.scalar() == Some(name) {
        return Some((link.place.node, false));
    }
    if let Some(key) = link.place.key.filter(|key| key.scalar() == Some(name)) {
        return Some((key, true));
    }
    let beneath = link.beneath();
    let keys = beneath.iter().filter_map(|link| {
        let Kind::Mapping { entries, .. } = &link.place.node.kind else {
            return None;
        };
        let entry = entries.iter().find(|entry| entry.key.scalar() == Some(name))?;
        Some((likeness(entries, expected), &entry.key))
    });
    let best_key = keys.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best_key.map(|(_, key)| (key, true)).or_else(|| {
        let value = beneath.iter().find(|link| link.place.node.scalar() == Some(name))?;
        Some((value.place.node, false))
    })
}

/// The number of expected keys in a mapping.
fn likeness(entries: &[Entry], expected: &[String]) -> usize {
    let is_expected = |key: &str| expected.iter().any(|name| name == key);
    entries.iter().filter(|entry| entry.key.scalar().is_some_and(is_expected)).count()
}

fn missing(file: &str, tree: &Tree, link: &Link<'_>, name: &str) -> Diagnostic {
    let has_it = matches!(&link.place.node.kind,
        Kind::Mapping { entries, .. } if entries.iter().any(|entry| entry.key.scalar() == Some(name)));
    let relation = if has_it { "beneath" } else { "in" };
    Diagnostic::new(file, format!("missing key `{name}` {relation} {}", named(&link.path)))
        .at(tree.position_at(link.place))
        .help(format!("add `{name}: …`"))
}

/// The value of the wrong type: the reported one. If a whole mapping is reported for a part of it, the only value beneath it that
/// matches the received value.
fn meant<'tree>(link: &Link<'tree>, came: &Came) -> (&'static str, Link<'tree>) {
    let mut alike = link.beneath().into_iter().filter(|link| is_like(link.place.node, came));
    match (is_like(link.place.node, came), alike.next(), alike.next()) {
        (false, Some(only), None) => ("for", only),
        (false, Some(_), Some(_)) => ("within", link.clone()),
        _ => ("for", link.clone()),
    }
}

fn mismatch(file: &str, tree: &Tree, relation: &str, link: &Link<'_>, expected: &str, came: &Came) -> Diagnostic {
    let written = link.place.node.scalar().filter(|_| !link.place.node.is_quoted());
    // Use the file's own spelling: `1.0` is meant, not the number one.
    let came_words = match (written, came) {
        (Some(written), Came::Scalar { words, text }) if is_same_value(link.place.node, text) => {
            let shown: String = written.chars().take(SHOWN).collect();
            words.replace(&format!("`{text}`"), &format!("`{shown}`"))
        }
        _ => came.words().to_owned(),
    };
    let message = format!("expected {expected} {relation} {}, found {came_words}", named(&link.path));
    let diagnostic = Diagnostic::new(file, message).at(tree.position_at(link.place));
    let key = match link.path.segments().last() {
        Some(Segment::Key(key)) => Some(key.as_str()),
        _ => None,
    };
    match hint::for_mismatch(link.place, key, expected, came) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// Whether a plain scalar is the received number or truth value, in any spelling.
fn is_same_value(node: &Node, text: &str) -> bool {
    let (Some(written), false) = (node.scalar(), node.is_quoted()) else { return false };
    number(written).is_some_and(|value| number(text) == Some(value)) || written.eq_ignore_ascii_case(text)
}

/// The number that YAML reads in a plain scalar, including whole numbers in another base.
fn number(text: &str) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let based = [("0x", 16), ("0o", 8), ("0b", 2)];
    let size = match based.iter().find_map(|(prefix, base)| Some((digits.strip_prefix(prefix)?, *base))) {
        #[expect(clippy::cast_precision_loss, reason = "only whether two spellings are of one number is asked")]
        Some((digits, base)) => u128::from_str_radix(digits, base).ok()? as f64,
        None => digits
            .strip_prefix('.')
            .filter(|name| !name.starts_with(|first: char| first.is_ascii_digit()))
            .unwrap_or(digits)
            .parse()
            .ok()?,
    };
    Some(sign * size)
}

fn is_like(node: &Node, came: &Came) -> bool {
    match came {
        Came::Scalar { text, .. } => node.scalar() == Some(text) || is_same_value(node, text),
        Came::List => matches!(node.kind, Kind::Sequence { .. }),
        Came::Mapping => matches!(node.kind, Kind::Mapping { .. }),
        Came::Nothing => node.is_left_out() || matches!((node.scalar(), node.is_quoted()), (Some("~" | "null"), false)),
        Came::Other(_) => false,
    }
}
