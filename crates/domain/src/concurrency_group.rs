//! Concurrency groups of runs.

use std::fmt;

use super::{Origin, PullRequestHead, Run, RunCause};

/// Runs of one group execute one after the other, and a newer run supersedes older ones. A group is a model on a branch, in a
/// pull request, or on its way to an environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConcurrencyGroup(String);

impl ConcurrencyGroup {
    /// The group of a run.
    pub fn of(run: &Run) -> Self {
        let Run { id, cause: RunCause { source, branch, file, environment, .. }, .. } = run;
        Self(match (&run.cause.pull_request, &run.origin) {
            (Some(PullRequestHead { number, .. }), _) => format!("{source} change:{number} {file}"),
            (None, Some(Origin::Promotion { .. })) => format!("{source} environment:{environment} {file}"),
            // A rollback does not wait for another run: each rollback is its own group.
            (None, Some(Origin::Rollback { .. })) => format!("{source} rollback:{environment} {id}"),
            // A run that only reports a policy supersedes no run of the model.
            (None, None) if run.only_policy => format!("{source} policy:{branch} {file}"),
            (None, None) => format!("{source} refs/heads/{branch} {file}"),
        })
    }

    /// Restores a group from its stored text.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The model file that the group's runs train; `None` if the runs promote an artifact of another run.
    pub fn own_file(&self) -> Option<&str> {
        let mut words = self.0.splitn(3, ' ').skip(1);
        let (kind, file) = (words.next()?, words.next()?);
        (kind.starts_with("refs/heads/") || kind.starts_with("change:")).then_some(file)
    }
}

impl fmt::Display for ConcurrencyGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_concurrency_group_says_which_file_its_runs_train() {
        for (group, file) in [
            ("models refs/heads/main a/slipway.yaml", Some("a/slipway.yaml")),
            ("models change:7 an old model/slipway.yaml", Some("an old model/slipway.yaml")),
            ("models environment:production a/slipway.yaml", None),
            ("models rollback:production 0198", None),
        ] {
            assert_eq!(ConcurrencyGroup::from_stored(group.to_owned()).own_file(), file, "{group}");
        }
    }
}
