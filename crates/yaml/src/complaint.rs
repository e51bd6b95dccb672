//! Translates the messages of serde into the terms of Slipway: key, value, text, list.

/// A parsed mistake.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// An unknown key or choice.
    Unknown { name: String, expected: Vec<String> },
    /// A required key that is missing.
    Missing { name: String },
    /// A value of the wrong kind.
    Mismatch { expected: String, came: Came },
    /// Text that the deserializer cannot parse although the span tree could be built.
    Syntax(String),
    /// A message of a type's own.
    Other(String),
}

/// The value that did not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// A scalar: its description in messages, and its text.
    Scalar { words: String, text: String },
    /// A list.
    List,
    /// A mapping.
    Mapping,
    /// A value that is left out, or `null`.
    Nothing,
    /// Any other value, as a phrase.
    Other(String),
}

impl Came {
    /// Its description in messages.
    pub(super) fn words(&self) -> &str {
        match self {
            Self::Scalar { words, .. } | Self::Other(words) => words,
            Self::List => "a list",
            Self::Mapping => "a mapping",
            Self::Nothing => "nothing",
        }
    }
}

/// The description of an expected value if any text is valid.
pub(super) const A_TEXT: &str = "a text";

/// The most characters of a user's text that a message repeats.
pub(super) const SHOWN: usize = 60;

impl Complaint {
    /// Parses a message of serde.
    pub(super) fn parse(message: &str) -> Self {
        unknown(message)
            .or_else(|| missing(message))
            .or_else(|| mismatch(message))
            .or_else(|| length(message))
            .unwrap_or_else(|| Self::other(message))
    }

    fn other(message: &str) -> Self {
        // Only a syntax error continues after its position: "… at line 1 column 2, while scanning a plain scalar at …".
        if let Some((problem, _)) = message.split_once(" at line ")
            && message.contains(", while ")
        {
            return Self::Syntax(problem.to_owned());
        }
        Self::Other(if message.starts_with("data did not match any variant") {
            "this value has none of the forms that are allowed here".to_owned()
        } else {
            message.to_owned()
        })
    }
}

fn unknown(message: &str) -> Option<Complaint> {
    let rest = ["unknown field `", "unknown variant `"].iter().find_map(|prefix| message.strip_prefix(prefix))?;
    let (name, choices) = rest.split_once("`, ")?;
    Some(Complaint::Unknown {
        name: name.to_owned(),
        expected: choices.split('`').skip(1).step_by(2).map(str::to_owned).collect(),
    })
}

fn missing(message: &str) -> Option<Complaint> {
    let name = message.strip_prefix("missing field `")?.strip_suffix('`')?;
    Some(Complaint::Missing { name: name.to_owned() })
}

fn mismatch(message: &str) -> Option<Complaint> {
    let rest = ["invalid type: ", "invalid value: "].iter().find_map(|prefix| message.strip_prefix(prefix))?;
    let (came, expected) = rest.rsplit_once(", expected ")?;
    let range = range_of(expected);
    let expected = range.map_or_else(|| describe_expected(expected), |to| format!("a whole number from 0 to {to}"));
    Some(Complaint::Mismatch { expected, came: describe_received(came) })
}

/// The largest number of an unsigned type.
fn range_of(expected: &str) -> Option<u64> {
    Some(match expected {
        "u8" => u8::MAX.into(),
        "u16" => u16::MAX.into(),
        "u32" => u32::MAX.into(),
        "u64" | "usize" => u64::MAX,
        _ => return None,
    })
}

fn length(message: &str) -> Option<Complaint> {
    let (came, expected) = message.strip_prefix("invalid length ")?.split_once(", expected ")?;
    Some(Complaint::Mismatch { expected: describe_expected(expected), came: Came::Other(format!("{came} of them")) })
}

fn describe_received(came: &str) -> Came {
    if let Some(quoted) = came.strip_prefix("string ") {
        let text: String = serde_json::from_str(quoted).unwrap_or_else(|_| quoted.trim_matches('"').to_owned());
        let shown: String = text.chars().take(SHOWN).collect();
        let words = format!("the text `{shown}`");
        return Came::Scalar { words, text };
    }
    for (prefix, word) in [("integer ", "the number "), ("floating point ", "the number "), ("boolean ", "")] {
        if let Some(quoted) = came.strip_prefix(prefix) {
            // Messages about numbers beyond 64 bits contain the type of the number.
            let quoted = quoted.split(" as ").next().unwrap_or(quoted);
            let words = format!("{word}{quoted}");
            let text = quoted.trim_matches('`').to_owned();
            return Came::Scalar { words, text };
        }
    }
    match came {
        "map" => Came::Mapping,
        "sequence" => Came::List,
        "unit value" | "Option value" => Came::Nothing,
        "unit variant" => Came::Other("a name alone".to_owned()),
        "newtype variant" | "tuple variant" | "struct variant" => Came::Other("a name with a value".to_owned()),
        other => Came::Other(other.to_owned()),
    }
}

/// The expected value as a phrase.
fn describe_expected(expected: &str) -> String {
    let word = match expected {
        "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "a whole number, not negative,",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "`true` or `false`",
        "a string" | "string" | "str" => A_TEXT,
        "a sequence" => "a list",
        "a map" | "map" => "a mapping",
        "unit" | "unit variant" => "a name alone",
        "newtype variant" => "a name with a value",
        "variant identifier" | "field identifier" => "a name",
        "map with a single key" => "a mapping with a single key",
        _ => return describe_derived(expected),
    };
    word.to_owned()
}

/// The expectations that derived code phrases with the names of Rust types.
fn describe_derived(expected: &str) -> String {
    if let Some(kind) = expected.strip_prefix("a nonzero ") {
        return format!("{} above zero", if kind.starts_with('f') { "a number" } else { "a whole number" });
    }
    if let Some((_, count)) = expected.split_once(" with ")
        && expected.starts_with(['s', 't'])
        && let Some(count) = count.split(' ').next()
    {
        return if count == "1" { "1 value".to_owned() } else { format!("{count} values") };
    }
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| expected.starts_with(prefix));
    if starts(&["struct ", "internally tagged enum ", "adjacently tagged enum "]) {
        "a mapping".to_owned()
    } else if starts(&["tuple struct ", "tuple variant", "a tuple of size "]) {
        "a list".to_owned()
    } else if starts(&["enum "]) {
        "a name, or a mapping with a single key".to_owned()
    } else {
        expected.to_owned()
    }
}

/// The expected name closest to `name`, if it is close: at most one edit for every three letters.
pub fn suggestion<'names>(name: &str, expected: &'names [String]) -> Option<&'names str> {
    let allowed = (name.chars().count() / 3).max(1);
    let simple = |text: &str| text.to_lowercase().replace('-', "_");
    expected
        .iter()
        .map(|candidate| (strsim::osa_distance(&simple(name), &simple(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.as_str())
}
