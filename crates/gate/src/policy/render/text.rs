//! A verdict as plain text, one check a paragraph.

use slipway_domain::{CheckOutcome, CheckResult, Verdict};

/// Slices shown under a check.
const MOST_SLICES: usize = 20;

/// The verdict for a terminal; ends with a line break.
pub fn text(verdict: &Verdict) -> String {
    let mut lines = vec![plain(&verdict.summary()), String::new()];
    for check in &verdict.checks {
        add_check(&mut lines, check);
    }
    let champion = verdict.champion.as_ref().map_or("none", |digest| digest.short());
    lines.push(String::new());
    lines.extend(verdict.notes.iter().map(|note| format!("note: {}", plain(note))));
    lines.push(format!(
        "candidate {}, champion {champion}, {} rows, policy {} ({})",
        verdict.candidate.short(),
        verdict.rows,
        verdict.policy,
        verdict.policy_digest.short(),
    ));
    lines.join("\n") + "\n"
}

fn add_check(lines: &mut Vec<String>, check: &CheckResult) {
    let CheckResult { outcome, sentence, why, owner, slices, exception, .. } = check;
    let mut under = |word: &str, text: &str| lines.push(format!("{word:>14}  {}", plain(text)));
    under(outcome.name(), sentence);
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
    let told = || slices.iter().filter(|slice| slice.outcome != CheckOutcome::Pass);
    for slice in told().take(MOST_SLICES) {
        under("", &format!("- {}: {}", slice.outcome.name(), slice.sentence));
    }
    let more = told().count().saturating_sub(MOST_SLICES);
    if more > 0 {
        under("", &format!("- and {more} more; `--output json` has them all"));
    }
}

/// Without what would move the cursor or start a line of its own.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
