//! How long it takes from a webhook to a check that people see, while the server has other things to do.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use slipway_testkit::Load;
use slipway_testkit::benchmark::say;
use slipway_testkit::demo::SECRET;

use crate::Size;
use crate::world::{OTHER_SOURCE, Round};

/// What the forge takes for an answer.
const LATENCY: Duration = Duration::from_millis(100);
/// Senders of the load, as many as `make bench-intake` has.
const SENDERS: usize = 16;
const DEADLINE: Duration = Duration::from_mins(10);

/// From the webhook's first byte to the check in progress, of every change, shortest first.
pub(crate) struct Visible {
    pub(crate) times: Vec<Duration>,
    /// Deliveries of the other source that were taken meanwhile, a second.
    pub(crate) load: f64,
}

impl Visible {
    /// The time that so many of a thousand changes do not exceed.
    pub(crate) fn quantile(&self, per_mille: usize) -> Duration {
        self.times[(self.times.len() * per_mille).div_ceil(1_000).max(1) - 1]
    }
}

pub(crate) async fn measure(size: Size) -> Result<Visible> {
    let round = Round::start(size).await?;
    round.github.lift_limits();
    round.github.delay(LATENCY);
    let target = round.server.address().trim_start_matches("http://").parse().context("an address")?;
    let body = push_event();
    let load = Load::of_github(target, &format!("/webhooks/{OTHER_SOURCE}"), SECRET, &body);
    let under_load = load.start(SENDERS);
    let opened = round.open_all().await?;
    let ended = under_load.end().await;
    say(&format!(
        "visible: the load's acknowledgements took {:.0?}, 99 of 100 at most {:.0?}, none over {:.0?}",
        ended.latency(500),
        ended.latency(990),
        ended.latency(1_000)
    ));
    ensure!(ended.refused + ended.cut == 0, "{} of the load's deliveries were refused", ended.refused + ended.cut);
    let mut times = Vec::new();
    for pull_request in &opened {
        let begun = |github: &slipway_testkit::github::GitHub| github.begun(&pull_request.head, "slipway");
        let at = round.github.wait_for("a check in progress", DEADLINE, begun).await?;
        times.push(at.duration_since(pull_request.sent.into_std()));
    }
    times.sort();
    let visible = Visible { times, load: ended.rate() };
    say(&format!("visible: half within {:.0?}, 99 of 100 within {:.0?}", visible.quantile(500), visible.quantile(990)));
    round.end().await?;
    Ok(visible)
}

/// A push to a branch that is not served, as large as GitHub's usually are.
fn push_event() -> Vec<u8> {
    let body = serde_json::json!({
        "ref": "refs/heads/elsewhere", "before": "0".repeat(40), "after": "1".repeat(40),
        "created": true, "forced": false, "deleted": false, "commits": [],
        "repository": {"id": 41, "full_name": "team/models", "name": "models"}, "sender": {"id": 7, "login": "ada"},
    });
    let mut text = body.to_string().into_bytes();
    text.resize(6_900, b' ');
    text
}
