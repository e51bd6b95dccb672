//! Resolves a revision of a served branch that a person gives: a commit, the first digits of one, or a branch.

use super::Revisions;
use crate::context::{StepError, blocking};
use crate::promotions::ActionError;
use slipway_domain::CommitSha;
use slipway_git::{GitError, Mirror, check_branch};

/// Minimum and maximum number of digits of a commit's name.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=40;
/// Maximum number of commits that the message about ambiguous digits names.
const MAX_NAMED: usize = 4;

impl Revisions {
    /// The commit of the served branch that a text names. `tip` is the tip of the branch.
    pub(super) async fn revision_meant(
        &self,
        mirror: &Mirror,
        tip: &CommitSha,
        text: &str,
    ) -> Result<Result<CommitSha, ActionError>, StepError> {
        let served = mirror.remote().branch().to_owned();
        let name = text.strip_prefix("refs/heads/").unwrap_or(text);
        if name == served || text == "HEAD" {
            return Ok(Ok(tip.clone()));
        }
        let digits = text.to_ascii_lowercase();
        if DIGITS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let (mirror, tip, digits) = (mirror.clone(), tip.clone(), digits.clone());
            let found = blocking(move || commits(&mirror, &tip, &digits)).await??;
            match found.as_slice() {
                [] => {}
                [one] => return Ok(Ok(one.clone())),
                several => return Ok(Err(ActionError::Conflict(ambiguous(text, several, &served)))),
            }
        }
        if check_branch(name).is_err() {
            return Ok(Err(ActionError::Missing(missing(text, &served))));
        }
        let (branch_mirror, reference) = (mirror.clone(), format!("refs/heads/{name}"));
        let Some(head) = self.context.remotes.call(mirror, move || branch_mirror.head_of(&reference)).await?? else {
            return Ok(Err(ActionError::Missing(missing(text, &served))));
        };
        let (mirror, tip, wanted) = (mirror.clone(), tip.clone(), head.clone());
        if blocking(move || is_within(&mirror, &wanted, &tip)).await?? {
            return Ok(Ok(head));
        }
        let message = format!("the branch `{name}` is at {}, which `{served}` does not contain yet", head.short());
        Ok(Err(ActionError::Conflict(message)))
    }
}

/// The commits of a branch whose names begin with these digits.
fn commits(mirror: &Mirror, tip: &CommitSha, digits: &str) -> Result<Vec<CommitSha>, GitError> {
    match digits.parse::<CommitSha>() {
        Ok(whole) => Ok(if is_within(mirror, &whole, tip)? { vec![whole] } else { Vec::new() }),
        Err(_) => mirror.commits_beginning(tip, digits, MAX_NAMED + 1),
    }
}

fn is_within(mirror: &Mirror, commit: &CommitSha, tip: &CommitSha) -> Result<bool, GitError> {
    Ok(mirror.contains(commit)? && mirror.merge_base(commit, tip)?.as_ref() == Some(commit))
}

fn missing(text: &str, served: &str) -> String {
    let shown: String = text.chars().take(80).collect();
    format!(
        "`{shown}` is not a revision of the branch `{served}`: expected the first {} or more digits of one of its \
         commits, or a branch",
        DIGITS.start()
    )
}

fn ambiguous(text: &str, commits: &[CommitSha], served: &str) -> String {
    let names: Vec<&str> = commits.iter().take(MAX_NAMED).map(CommitSha::short).collect();
    let more = if commits.len() > MAX_NAMED { ", …" } else { "" };
    format!("`{text}` matches several commits of `{served}` ({}{more}): write more digits", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_that_begin_alike_are_named() {
        let commit = |digit: &str| format!("abcdef0{digit}").repeat(5).parse::<CommitSha>().expect("a commit");
        let said = ambiguous("abcdef0", &[commit("1"), commit("2")], "main");
        assert_eq!(said, "`abcdef0` matches several commits of `main` (abcdef01abcd, abcdef02abcd): write more digits");
        assert!(ambiguous("abcdef0", &["1", "2", "3", "4", "5"].map(commit), "main").contains(", …)"));
        assert!(missing("nowhere", "main").contains("the first 7 or more digits of one of its commits, or a branch"));
    }
}
