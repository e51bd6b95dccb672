//! A verdict as Markdown for comments and check runs. What a change could have chosen is escaped: it must not become markup.

use std::fmt::Write as _;

use crate::domain::{CheckOutcome, CheckResult, Interval, Outcome, Verdict};

/// The verdict for a forge; ends with a line break.
pub fn markdown(verdict: &Verdict) -> String {
    let heading = match verdict.outcome {
        Outcome::Pass => "The gate passed",
        Outcome::Fail => "The gate refused this candidate",
        Outcome::Inconclusive => "The gate could not decide",
    };
    let mut page = format!("### {heading}\n\n{}\n\n", escaped(&verdict.summary()));
    page.push_str("| | metric | estimate | bounds | rows |\n| --- | --- | --- | --- | --- |\n");
    for check in &verdict.checks {
        page.push_str(&row(check));
    }
    page.push('\n');
    for check in &verdict.checks {
        let because = check.why.as_deref().map_or_else(String::new, |why| format!(" Because {}", escaped(why)));
        // Writing to a text cannot fail.
        let _ = writeln!(page, "- **{}**: {}.{because}", check.outcome.name(), escaped(&check.sentence));
    }
    let champion = verdict.champion.as_ref().map_or("none", |digest| digest.short());
    let _ = writeln!(
        page,
        "\nCandidate `{}`, champion `{champion}`, {} rows, policy `{}` (`{}`).",
        verdict.candidate.short(),
        verdict.rows,
        verdict.policy.replace('`', "'"),
        verdict.policy_digest.short(),
    );
    page
}

fn row(check: &CheckResult) -> String {
    let mark = match check.outcome {
        CheckOutcome::Pass => "✅",
        CheckOutcome::Fail => "❌",
        CheckOutcome::Inconclusive => "❔",
        CheckOutcome::Warned => "⚠️",
        CheckOutcome::Skipped => "➖",
    };
    let (estimate, bounds) = match &check.interval {
        Some(Interval { estimate, lower, upper, .. }) => {
            (format!("{estimate:.4}"), format!("{lower:.4} to {upper:.4}"))
        }
        None => ("–".to_owned(), "–".to_owned()),
    };
    format!("| {mark} | `{}` | {estimate} | {bounds} | {} |\n", check.metric, check.rows)
}

/// Text that stays text: every letter with a meaning in Markdown, HTML or as a mention gets a backslash or an entity.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            // A zero-width space after it keeps the word and names nobody.
            '@' => safe.push_str("&#64;&#8203;"),
            '\\' | '`' | '*' | '[' | ']' | '|' | '#' | '!' | '~' | '$' => {
                safe.push('\\');
                safe.push(letter);
            }
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}
