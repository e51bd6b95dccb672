//! Many changes at once, within GitHub's limits.

use std::time::Duration;

use anyhow::{Result, ensure};
use slipway_testkit::benchmark::say;
use slipway_testkit::github::GitHub;
use tokio::time::Instant;

use crate::Size;
use crate::world::Round;

/// What GitHub takes for an answer.
const LATENCY: Duration = Duration::from_millis(100);
/// Longer than the limits make it last.
const DEADLINE: Duration = Duration::from_mins(70);

/// What it came to.
pub(crate) struct Storm {
    /// Calls that were refused for a limit.
    pub(crate) refused: usize,
    /// The most calls that were under way at a time.
    pub(crate) most_at_once: u32,
    /// Calls in all, tokens aside.
    pub(crate) calls: usize,
    /// Until every change's check was there, every check had ended, and every comment was written.
    pub(crate) shown: Duration,
    pub(crate) ended: Duration,
    pub(crate) commented: Duration,
}

pub(crate) async fn measure(size: Size) -> Result<Storm> {
    let round = Round::start(size).await?;
    round.github.delay(LATENCY);
    let begun = Instant::now();
    let opened = round.open_all().await?;
    let github = &round.github;
    let all = |count: usize| (count >= size.pull_requests).then_some(());
    let summaries = |github: &GitHub| all(github.count_checks(|check| check["name"] == "slipway"));
    let ended_summaries = |github: &GitHub| {
        all(github.count_checks(|check| check["name"] == "slipway" && check["status"] == "completed"))
    };
    github.wait_for("every check", DEADLINE, summaries).await?;
    let shown = begun.elapsed();
    say(&format!("storm: every check is there after {shown:.0?}"));
    github.wait_for("the end of every check", DEADLINE, ended_summaries).await?;
    let ended = begun.elapsed();
    say(&format!("storm: every check has ended after {ended:.0?}"));
    let all_commented = |github: &GitHub| {
        all(opened
            .iter()
            .filter(|pull_request| github.our_comments(pull_request.number).iter().any(|text| text.contains("passed")))
            .count())
    };
    github.wait_for("every comment", DEADLINE, all_commented).await?;
    let commented = begun.elapsed();
    say(&format!("storm: every comment is written after {commented:.0?}"));
    for pull_request in &opened {
        let passed = github
            .count_checks(|check| check["head_sha"] == pull_request.head.as_str() && check["conclusion"] == "success");
        // Its model's check, and the summary.
        ensure!(
            passed == 2,
            "change {} did not pass: {:?}",
            pull_request.number,
            github.our_comments(pull_request.number)
        );
        ensure!(
            github.our_comments(pull_request.number).len() == 1,
            "change {} has not one comment",
            pull_request.number
        );
    }
    let (refused, most_at_once) = github.limited();
    let calls = github.requests();
    let calls =
        calls.iter().filter(|call| !call.path.contains("/app/") && !call.path.ends_with("/installation")).count();
    round.end().await?;
    Ok(Storm { refused, most_at_once, calls, shown, ended, commented })
}
