//! The policy that a revision brings along. The policy of the revision before judges the run. The changes of the new policy, and
//! the verdict that it would give, are shown beside the verdict.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use slipway_contract::{Model, counted};

use super::Runs;
use super::policies::{PolicyPlace, read_policy};
use crate::context::messages::code;
use crate::context::{StepError, blocking};
use crate::repository::{Revision, folder_path, source};
use slipway_domain::{ProposedPolicy, Run};
use slipway_gate::policy::Policy;
use slipway_gate::policy::render::escaped;
use slipway_git::difference;

/// Maximum size of a stored difference, in bytes.
const MAX_DIFF_BYTES: usize = 8_000;

/// A policy that differs from the one that judges the revision.
pub(crate) struct Proposal {
    file: String,
    difference: String,
    /// The policy, or why it is invalid.
    policy: Result<Policy, String>,
}

impl Proposal {
    /// The policy, if it is valid.
    pub(crate) fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref().ok()
    }

    /// The stored form if the policy may not be evaluated.
    pub(super) fn withheld(self) -> ProposedPolicy {
        let Self { file, difference, policy } = self;
        let sentence = match policy {
            Err(problem) => format!("with the changes it cannot be read: {problem}"),
            Ok(_) => "its result is not shown, because only verdicts of this test set are shown".to_owned(),
        };
        ProposedPolicy { file, difference, sentence }
    }

    /// The stored form. `says` is the summary that the policy would give, or `None` if it needs more evidence than was measured.
    pub(super) fn with_prospect(self, says: Option<String>) -> ProposedPolicy {
        let Self { file, difference, policy } = self;
        let sentence = match (policy, says) {
            (Err(problem), _) => format!("with the changes it cannot be read: {problem}"),
            (Ok(_), Some(says)) => format!("with the changes its result would be: {says}"),
            (Ok(_), None) => "with the changes it requires values that were not measured for this verdict".to_owned(),
        };
        ProposedPolicy { file, difference, sentence }
    }
}

impl Runs {
    /// The policy that the run's revision brings along, if it differs from the judging policy, which is at `judging`.
    pub(crate) async fn proposed_policy(
        &self,
        run: &Run,
        model: &Model,
        judging: &PolicyPlace,
    ) -> Result<Option<Proposal>, StepError> {
        // If there is no revision before, or the model is new, its first policy judges it.
        if judging.revision == run.cause.head {
            return Ok(None);
        }
        let mirror = self.context.source(run)?.mirror.clone();
        let head = run.cause.head.clone();
        let proposed = folder_path(&run.cause.file, &model.spec.policy);
        let PolicyPlace { path, digest, texts: old, .. } = judging.clone();
        blocking(move || {
            let (policy, new) = match read_policy(&mirror, &head, &proposed) {
                Ok((_, after)) if path == proposed && after.digest == digest => return Ok(None),
                Ok((policy, after)) => (Ok(policy), after.texts),
                Err(StepError::Refused { reason, .. }) => {
                    let revision = Revision { mirror: &mirror, commit: &head };
                    let text = source::read_text(&revision, &proposed)?.and_then(Result::ok);
                    (Err(reason), text.map(|text| (proposed.clone(), text)).into_iter().collect())
                }
                Err(error) => return Err(error),
            };
            let mut shown = String::new();
            for path in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
                let (old, new) = (old.get(path).map(String::as_str), new.get(path).map(String::as_str));
                if old != new {
                    shown += &difference(path, old, new);
                }
            }
            Ok::<_, StepError>(Some(Proposal { file: proposed, difference: shortened(&shown), policy }))
        })
        .await?
    }
}

/// The first lines up to the limit, and the number of the other lines.
fn shortened(difference: &str) -> String {
    if difference.len() <= MAX_DIFF_BYTES {
        return difference.to_owned();
    }
    let mut kept = String::new();
    let mut lines = difference.lines();
    while let Some(line) = lines.next() {
        if kept.len() + line.len() >= MAX_DIFF_BYTES {
            // Writing to a `String` cannot fail.
            let _ = writeln!(kept, "… and {}", counted(lines.count() + 1, "more line"));
            break;
        }
        kept += line;
        kept.push('\n');
    }
    kept
}

/// The text about it in a check and in a comment.
pub(crate) fn markdown(proposed: &ProposedPolicy) -> String {
    let ProposedPolicy { file, difference, sentence } = proposed;
    let longest = difference.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let shown: String = difference.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
    format!(
        "\nThis pull request changes the policy {}. The new policy judges later changes: \
         {}.\n\n<details><summary>Changes of the policy</summary>\n\n{fence}diff\n{shown}\n{fence}\n\n</details>\n",
        code(file),
        escaped(&sentence.replace('\n', " ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_cannot_leave_its_fence() {
        let hostile = "+````\n+</details><img src=x>\n+@everyone\n".to_owned();
        let proposed = ProposedPolicy {
            file: "a`|.yaml".to_owned(),
            difference: hostile.clone(),
            sentence: "it says:\n# [a](http://b)".to_owned(),
        };
        let text = markdown(&proposed);
        assert!(text.contains(&format!("\n`````diff\n{hostile}\n`````\n")), "{text}");
        assert!(!text.contains("\n# ") && !text.contains("[a](http"), "{text}");
    }

    #[test]
    fn a_long_difference_is_cut_between_lines() {
        let long = (0..2_000).map(|number| format!("+line {number}\n")).collect::<Vec<_>>().concat();
        let cut = shortened(&long);
        assert!(cut.len() < MAX_DIFF_BYTES + 40, "{}", cut.len());
        let (kept, rest) = cut.split_once("… and ").expect("it is cut");
        let more: usize = rest.split(' ').next().and_then(|number| number.parse().ok()).expect("a number");
        assert_eq!(kept.lines().count() + more, 2_000);
    }
}
