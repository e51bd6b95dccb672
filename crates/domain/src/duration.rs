//! Parser of durations in the notation of users.

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// Parses a duration such as `90s`, `36h`, `30d` or `1w 2d`. A day has 24 hours. Months and years have no fixed length and are
/// refused.
pub fn parse_duration(text: &str) -> Result<SignedDuration, String> {
    let expected = || format!("expected a duration such as `90s`, `36h` or `30d`, found `{text}`");
    let span: Span = text.parse().map_err(|_| expected())?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| expected())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_weeks_are_read_beside_hours() {
        for (text, hours) in [("36h", 36), ("30d", 720), ("1w 2d", 216), ("P30D", 720), ("PT6H", 6)] {
            assert_eq!(parse_duration(text), Ok(SignedDuration::from_hours(hours)), "{text}");
        }
        for text in ["", "30", "1 month", "soon", "2 years"] {
            let refused = parse_duration(text).expect_err(text);
            assert!(refused.contains(&format!("found `{text}`")), "{refused}");
        }
    }
}
