//! Renders a verdict as plain text, one paragraph for each check.

use slipway_contract::counted;
use slipway_domain::{CheckOutcome, CheckResult, Verdict};

/// The most slices that are shown for a check.
const MAX_SLICES: usize = 20;
/// The width of the column of outcomes, in characters.
const WIDTH: usize = 14;

/// Formats the name of an outcome, for example with a colour.
type Mark<'mark> = &'mark dyn Fn(&str) -> String;

/// The verdict for people. Ends with a line break.
pub fn text(verdict: &Verdict) -> String {
    text_with(verdict, &str::to_owned)
}

/// The verdict for people. `mark` formats the name of every outcome. Ends with a line break.
pub fn text_with(verdict: &Verdict, mark: Mark<'_>) -> String {
    let summary = plain(&verdict.summary());
    let summary = match summary.split_once(": ") {
        Some((outcome, rest)) => format!("{}: {rest}", mark(outcome)),
        None => summary,
    };
    let mut lines = vec![summary, String::new()];
    for check in &verdict.checks {
        add_check(&mut lines, check, mark);
    }
    let champion = verdict.champion.as_ref().map_or("none", |digest| digest.short());
    lines.push(String::new());
    lines.extend(verdict.notes.iter().map(|note| format!("note: {}", plain(note))));
    lines.push(format!(
        "candidate {}, champion {champion}, {}, policy {} ({})",
        verdict.candidate.short(),
        counted(verdict.rows, "row"),
        verdict.policy,
        verdict.policy_digest.short(),
    ));
    lines.join("\n") + "\n"
}

fn add_check(lines: &mut Vec<String>, check: &CheckResult, mark: Mark<'_>) {
    let CheckResult { outcome, sentence, why, owner, slices, exception, .. } = check;
    let before = " ".repeat(WIDTH.saturating_sub(outcome.name().chars().count()));
    lines.push(format!("{before}{}  {}", mark(outcome.name()), plain(sentence)));
    let mut under = |before: &str, text: &str| lines.push(format!("{:WIDTH$}  {before}{}", "", plain(text)));
    if let Some(why) = why {
        under("", &format!("because {why}"));
    }
    if let Some(owner) = owner.as_ref().filter(|_| *outcome != CheckOutcome::Pass) {
        under("", &format!("ask {owner}"));
    }
    if let Some(note) = exception {
        let slipway_domain::ExceptionNote { reason, approver, expires, place } = note;
        under("", &format!("accepted by {approver} until {expires}: {reason} ({place})"));
    }
    let not_passed = || slices.iter().filter(|slice| slice.outcome != CheckOutcome::Pass);
    for slice in not_passed().take(MAX_SLICES) {
        under(&format!("- {}: ", mark(slice.outcome.name())), &slice.sentence);
    }
    let more = not_passed().count().saturating_sub(MAX_SLICES);
    if more > 0 {
        under("", &format!("- and {more} more; `--output json` has them all"));
    }
}

/// Replaces control characters, which could move the cursor or begin a new line.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
