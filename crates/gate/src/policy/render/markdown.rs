//! Renders a verdict as Markdown for comments and check runs: the verdict first, then a table, then collapsed details.

use std::fmt::Write as _;

use slipway_contract::counted;

use super::bound;
use slipway_domain::{CheckOutcome, CheckResult, Interval, Outcome, Verdict};

/// The most bytes of a page. GitHub accepts 65,536 characters, GitLab a million. Callers add text around the page.
const MAX_BYTES: usize = 60_000;

/// The bytes that are reserved for the end of the page.
const FOR_THE_END: usize = 2_000;

/// The verdict for a forge. Ends with a line break and stays below the size limit of a comment.
pub fn markdown(verdict: &Verdict) -> String {
    let heading = match verdict.outcome {
        Outcome::Pass => "The gate passed",
        Outcome::Fail => "The gate refused this candidate",
        Outcome::Inconclusive => "The gate could not decide",
        Outcome::NeedsApproval => "The gate asks for approval",
    };
    let mut page = Page(format!("### {heading}\n\n{}\n\n", cut(&escaped(&verdict.summary()), 4_000)));
    for note in &verdict.notes {
        page.add(&format!("> {}\n\n", escaped(note)));
    }
    page.list(
        "| | metric | estimate | bounds | rows |\n| --- | --- | --- | --- | --- |\n",
        verdict.checks.iter().map(row),
    );
    page.add("\n<details><summary>Every check in a sentence</summary>\n\n");
    page.list("", verdict.checks.iter().map(sentence));
    page.add("\n</details>\n");
    let with_slices = || verdict.checks.iter().filter(|check| !check.slices.is_empty());
    let mut shown = 0;
    for check in with_slices() {
        let slices = counted(check.slices.len(), "slice");
        let title = format!("\n<details><summary>{slices} of {}</summary>\n\n", escaped(&check.metric));
        // A heading without any row below it would be useless.
        if !page.has_room_for(&title.repeat(4)) {
            break;
        }
        shown += 1;
        let rows = check.slices.iter().map(|slice| {
            let figures = figures(slice.interval.as_ref());
            format!("| {} | {} | {figures} | {} |\n", mark(slice.outcome), escaped(&slice.name), slice.rows)
        });
        page.list(&format!("{title}| | slice | estimate | bounds | rows |\n| --- | --- | --- | --- | --- |\n"), rows);
        page.add("\n</details>\n");
    }
    let left_out = with_slices().count() - shown;
    if left_out > 0 {
        page.add(&format!("\nThe slices of {} do not fit here.\n", counted(left_out, "more check")));
    }
    let champion = verdict.champion.as_ref().map_or("none", |digest| digest.short());
    let mut end = String::new();
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        end,
        "\nCandidate `{}`, champion `{champion}`, {}, policy `{}` (`{}`).",
        verdict.candidate.short(),
        counted(verdict.rows, "row"),
        cut(&verdict.policy.replace('`', "'"), 500),
        verdict.policy_digest.short(),
    );
    page.0 + &end
}

/// A page with a bounded size.
struct Page(String);

impl Page {
    fn has_room_for(&self, text: &str) -> bool {
        self.0.len() + text.len() + FOR_THE_END < MAX_BYTES
    }

    fn add(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// A list below its head. Items that do not fit are counted.
    fn list(&mut self, head: &str, items: impl Iterator<Item = String>) {
        self.add(head);
        let mut left_out = 0;
        for item in items {
            if left_out == 0 && self.has_room_for(&item) {
                self.add(&item);
            } else {
                left_out += 1;
            }
        }
        if left_out > 0 {
            self.add(&format!("\n{left_out} more do not fit here; `slipway gate --output json` has them all.\n"));
        }
    }
}

fn mark(outcome: CheckOutcome) -> &'static str {
    match outcome {
        CheckOutcome::Pass => "✅",
        CheckOutcome::Fail => "❌",
        CheckOutcome::Inconclusive => "❔",
        CheckOutcome::NeedsApproval => "✋",
        CheckOutcome::Warned => "⚠️",
        CheckOutcome::Skipped => "➖",
        CheckOutcome::Excepted => "📝",
        CheckOutcome::Withheld => "🔒",
    }
}

fn figures(interval: Option<&Interval>) -> String {
    match interval {
        Some(Interval { estimate, lower, upper, .. }) => {
            format!("{estimate:.4} | {} to {}", bound(*lower), bound(*upper))
        }
        None => "– | –".to_owned(),
    }
}

fn row(check: &CheckResult) -> String {
    let metric = check.metric.replace('`', "'").replace('|', "\\|");
    format!(
        "| {} | `{}` | {} | {} |\n",
        mark(check.outcome),
        cut(&metric, 200),
        figures(check.interval.as_ref()),
        check.rows
    )
}

fn sentence(check: &CheckResult) -> String {
    let because = check.why.as_deref().map_or_else(String::new, |why| format!(" Because {}", escaped(why)));
    let owner = check.owner.as_deref().filter(|_| check.outcome != CheckOutcome::Pass);
    let owner = owner.map_or_else(String::new, |owner| format!(" Ask {}.", escaped(owner)));
    let exception = check.exception.as_ref().map_or_else(String::new, |note| {
        let [reason, approver] = [&note.reason, &note.approver].map(|text| escaped(text));
        format!(" Accepted by {approver} until {}: {reason} ({}).", note.expires, escaped(&note.place))
    });
    format!("- **{}**: {}.{because}{owner}{exception}\n", check.outcome.name(), escaped(&check.sentence))
}

/// At most `most` bytes of a text, cut between characters.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

/// Escapes a text: every character with a meaning in Markdown, HTML or as a mention gets a backslash or an entity.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            // A zero-width space after it keeps the text readable and prevents a mention.
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
