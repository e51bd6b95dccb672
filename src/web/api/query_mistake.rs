//! Explains mistakes in query parameters to people. The parsers report fields and target types.

/// The framework's prefix of each message.
const BEFORE: &str = "Failed to deserialize query string: ";
/// Maximum length of a message, in characters. It may repeat text from the request.
const MAX_LENGTH: usize = 500;

/// Rewrites the framework's message for people.
pub(super) fn explain(said: &str) -> String {
    let said = said.strip_prefix(BEFORE).unwrap_or(said);
    let (name, what) = match said.split_once(": ") {
        Some((name, what)) if is_name(name) => (Some(name), what),
        _ => (None, said),
    };
    let explain = match (name, describe(what)) {
        // The message names the parameter itself.
        (None, explain) | (_, explain @ QueryMistake::OfParameter(_)) => explain.text(),
        (Some(name), explain) => format!("`{name}`: {}", explain.text()),
    };
    let explain: String = explain.chars().filter(|letter| !letter.is_control()).take(MAX_LENGTH).collect();
    format!("the query cannot be read: {explain}")
}

/// An explained mistake.
enum QueryMistake {
    /// About a parameter that it names.
    OfParameter(String),
    /// About a value.
    OfValue(String),
}

impl QueryMistake {
    fn text(self) -> String {
        let (Self::OfParameter(text) | Self::OfValue(text)) = self;
        text
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn describe(what: &str) -> QueryMistake {
    let quoted = |before: &str| what.strip_prefix(before)?.split_once('`');
    if let Some((name, rest)) = quoted("unknown field `") {
        let known = match rest.strip_prefix(", expected ") {
            Some(known) => format!("expected {}", known.trim_start_matches("one of ")),
            None => "no parameters are expected here".to_owned(),
        };
        return QueryMistake::OfParameter(format!("`{name}` is no parameter of this address: {known}"));
    }
    if let Some((name, _)) = quoted("missing field `") {
        return QueryMistake::OfParameter(format!("`{name}` is missing"));
    }
    if let Some((name, _)) = quoted("duplicate field `") {
        return QueryMistake::OfParameter(format!("`{name}` is there more than once: expected it once"));
    }
    if let Some((value, rest)) = quoted("unknown variant `") {
        let known = rest.strip_prefix(", expected ").unwrap_or(rest);
        return QueryMistake::OfValue(format!("`{value}` is not known: expected {known}"));
    }
    let explain = match what {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "expected a whole number from 0 on"
        }
        "number too large to fit in target type" => "the number is too large",
        "provided string was not `true` or `false`" => "expected `true` or `false`",
        other => other,
    };
    QueryMistake::OfValue(explain.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::extract::Query;
    use axum::http::Uri;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it can be read is asked")]
    struct Listing {
        limit: Option<u32>,
        stalled: Option<bool>,
        state: Option<State>,
        source: Option<slipway_domain::SourceName>,
        time: u8,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum State {
        Queued,
        Done,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    fn mistake<T: serde::de::DeserializeOwned + std::fmt::Debug>(query: &str) -> String {
        let uri: Uri = format!("/?{query}").parse().expect("an address");
        explain(&Query::<T>::try_from_uri(&uri).expect_err(query).body_text())
    }

    #[test]
    fn a_mistake_in_a_query_is_reported_in_messages_for_people() {
        let said = |query: &str| {
            let said = mistake::<Listing>(query);
            for jargon in ["deserialize", "field", "digit found", "target type", "variant"] {
                assert!(!said.contains(jargon), "{said}");
            }
            said.strip_prefix("the query cannot be read: ").expect("its beginning").to_owned()
        };
        assert_eq!(said("time=1&limit=many"), "`limit`: expected a whole number from 0 on");
        assert_eq!(said("time=1&limit="), "`limit`: expected a whole number from 0 on");
        assert_eq!(said("time=1&limit=99999999999"), "`limit`: the number is too large");
        assert_eq!(said("time=1&stalled=yes"), "`stalled`: expected `true` or `false`");
        assert_eq!(said("time=1&state=ended"), "`state`: `ended` is not known: expected `queued` or `done`");
        assert_eq!(said("time=1&limit=1&limit=2"), "`limit` is there more than once: expected it once");
        assert_eq!(said("limit=1"), "`time` is missing");
        assert!(said("time=1&source=A+B").starts_with("`source`: "));
        let unknown = "`modle` is no parameter of this address: expected `limit`, `stalled`, `state`, `source`, `time`";
        assert_eq!(said("time=1&modle=churn"), unknown);
        let nothing = mistake::<Nothing>("limit=1");
        assert!(
            nothing.ends_with("`limit` is no parameter of this address: no parameters are expected here"),
            "{nothing}"
        );
    }
}
