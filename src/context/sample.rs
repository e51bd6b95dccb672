//! A sample run for tests of texts.

use jiff::Timestamp;

use slipway_domain::{PullRequestHead, Run, RunCause, RunState, SourceName};

/// A run of a model for the environment `production`, from pull request 7.
pub(crate) fn run(model: &str, state: RunState) -> Run {
    let cause = RunCause {
        source: SourceName::try_from("digits".to_owned()).expect("a name"),
        model: model.to_owned(),
        file: format!("{model}/slipway.yaml"),
        branch: "main".to_owned(),
        pull_request: Some(PullRequestHead { number: 7, reference: "refs/pull/7/head".to_owned(), fork: false }),
        base: None,
        head: "1111111111111111111111111111111111111111".parse().expect("a commit"),
        environment: SourceName::try_from("production".to_owned()).expect("a name"),
        delivered_at: Timestamp::UNIX_EPOCH,
    };
    Run::queued(cause, Timestamp::UNIX_EPOCH).with(|run| run.status.state = state)
}
