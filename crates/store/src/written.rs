//! Values of columns: documents that are verified to be readable, and texts that both databases accept.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::StoreError;

/// Numbers with a smaller relative difference count as equal after printing and parsing.
const SAME: f64 = 1e-12;

/// A document as stored. It is parsed back first: a document that would be read with another value, or not at all, is refused
/// with [`StoreError::Unwritable`], instead of an error at a later read.
pub(super) fn document<T: Serialize + DeserializeOwned>(what: &'static str, value: &T) -> Result<String, StoreError> {
    let refused = |reason: String| StoreError::Unwritable { what, reason };
    let text = serde_json::to_string(value).map_err(|error| refused(error.to_string()))?;
    let back: T = serde_json::from_str(&text).map_err(|error| refused(error.to_string()))?;
    // A number that JSON cannot represent is written as `null`, and an optional field reads that as `None`.
    let values = serde_json::to_value(value).and_then(|first| Ok((first, serde_json::to_value(&back)?)));
    let (first, second) = values.map_err(|error| refused(error.to_string()))?;
    match difference(&first, &second, "") {
        None => Ok(text),
        Some(place) => Err(refused(format!("`{place}` would be read with another value"))),
    }
}

/// The path of the first difference of two documents.
fn difference(first: &Value, second: &Value, place: &str) -> Option<String> {
    match (first, second) {
        (Value::Object(one), Value::Object(other)) => {
            let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
            names.into_iter().find_map(|name| {
                let of = |object: &serde_json::Map<String, Value>| object.get(name).cloned().unwrap_or(Value::Null);
                difference(&of(one), &of(other), &format!("{place}.{name}"))
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(index, (one, other))| difference(one, other, &format!("{place}[{index}]")))
        }
        (Value::Number(one), Value::Number(other)) if one != other => {
            let near = one.as_f64().zip(other.as_f64()).is_some_and(|(one, other)| {
                (one - other).abs() <= SAME * one.abs().max(other.abs()) // The last digit may differ.
            });
            (!near).then(|| place.to_owned())
        }
        (one, other) => (one != other).then(|| place.to_owned()),
    }
}

/// A text that both databases accept: PostgreSQL has no NUL, so it is replaced by the replacement character. Queries pass texts
/// through this function as well, so that both databases find the same rows.
pub(super) fn text(value: impl Into<String>) -> String {
    let value = value.into();
    if value.contains('\0') { value.replace('\0', "\u{fffd}") } else { value }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct Figures {
        #[serde(default)]
        size: Option<f64>,
        #[serde(flatten)]
        bounds: Option<Bounds>,
        list: Vec<f64>,
    }

    #[derive(Debug, Serialize, Deserialize)]
    struct Bounds {
        lower: f64,
        upper: f64,
    }

    #[test]
    fn a_document_that_would_come_back_changed_or_not_at_all_is_refused_with_the_place() {
        let bounds = |upper| Some(Bounds { lower: 0.1, upper });
        let sound = Figures { size: Some(0.1 + 0.2), bounds: bounds(1e300), list: vec![1.0 / 3.0, -0.0] };
        assert!(document("a figure", &sound).expect("it reads back").contains("\"upper\":1e"));
        let none = Figures { size: Some(1.0), bounds: bounds(f64::INFINITY), list: Vec::new() };
        let error = document("a figure", &none).expect_err("an infinite bound").to_string();
        assert!(error.contains("a figure") && error.contains("`.lower`"), "{error}");
        let list = Figures { size: None, bounds: None, list: vec![f64::NAN] };
        assert!(document("a figure", &list).is_err(), "a list of no numbers does not read back");
    }

    #[test]
    fn a_nul_in_a_text_becomes_the_sign_for_what_cannot_be_shown() {
        assert_eq!(text("a\0b"), "a\u{fffd}b");
        assert_eq!(text("plain ✓"), "plain ✓");
    }
}
