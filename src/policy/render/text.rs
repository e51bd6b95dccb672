//! A verdict as plain text, one check a paragraph.

use crate::domain::{CheckResult, Verdict};

/// The verdict for a terminal; ends with a line break.
pub fn text(verdict: &Verdict) -> String {
    let mut lines = vec![plain(&verdict.summary()), String::new()];
    for check in &verdict.checks {
        let CheckResult { outcome, sentence, why, .. } = check;
        lines.push(format!("{:>12}  {}", outcome.name(), plain(sentence)));
        lines.extend(why.iter().map(|why| format!("{:>12}  because {}", "", plain(why))));
    }
    let champion = verdict.champion.as_ref().map_or("none", |digest| digest.short());
    lines.push(String::new());
    lines.push(format!(
        "candidate {}, champion {champion}, {} rows, policy {} ({})",
        verdict.candidate.short(),
        verdict.rows,
        verdict.policy,
        verdict.policy_digest.short(),
    ));
    lines.join("\n") + "\n"
}

/// Without what would move the cursor or start a line of its own.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
