//! One push and what has to follow from it, checked in git and on the API.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use slipway_testkit::demo::World;
use slipway_testkit::{Api, SlipwayProcess};
use tokio::time::sleep;

use crate::checks;
use crate::paint::Paint;

/// A run of the demo takes seconds; this long only on a machine that is busy with something else.
const DEADLINE: Duration = Duration::from_mins(10);
/// How often the run is looked at while it is shown.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What has to follow from a push.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// A promotion, with nothing to be compared with.
    FirstPromotion,
    /// A refusal; the environment does not move.
    Refusal,
    /// A promotion, with the comparison in its commit.
    Promotion,
}

/// One push.
pub(crate) struct Act {
    pub(crate) title: &'static str,
    pub(crate) message: &'static str,
    pub(crate) expected: Expected,
}

/// A push and the run it led to.
pub(crate) struct Played {
    pub(crate) title: &'static str,
    /// How long `git push` took.
    pub(crate) push: Duration,
    /// The run at its end.
    pub(crate) run: Value,
}

/// A text of a JSON document; empty if it is not one.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

impl Act {
    pub(crate) async fn play(self, world: &World, server: &SlipwayProcess, paint: &Paint) -> Result<Played> {
        println!("\n{}", paint.title(self.title));
        println!("  {}", paint.faint(&format!("$ git commit -m '{}' && git push", self.message)));
        let before = world.environment_tip().await?;
        let begun = Instant::now();
        let (head, said) = world.push(self.message).await?;
        let push = begun.elapsed();
        for line in said.lines().filter(|line| line.starts_with("remote:")) {
            println!("  {}", line.trim_end());
        }
        ensure!(
            ["has started", "delivered"].iter().any(|word| said.contains(word)),
            "the hook did not deliver the push; git said: {said}"
        );
        let run = follow(&server.api(), &head, paint).await?;
        let after = world.environment_tip().await?;
        match self.expected {
            Expected::Refusal => checks::refusal(&run, &before, &after)?,
            Expected::FirstPromotion => checks::promotion(world, &run, &before, &after, false).await?,
            Expected::Promotion => checks::promotion(world, &run, &before, &after, true).await?,
        }
        let (state, reason) = (text(&run, "state"), text(&run, "reason"));
        let outcome = format!("  {state}: {}", reason.trim_start_matches(&format!("{state}: ")));
        let refused = self.expected == Expected::Refusal;
        println!("{}", if refused { paint.bad(&outcome) } else { paint.good(&outcome) });
        if refused {
            println!("  {}", paint.faint("the environment repository did not move"));
        }
        Ok(Played { title: self.title, push, run })
    }
}

/// Shows what a run does until it has ended.
async fn follow(api: &Api, head: &str, paint: &Paint) -> Result<Value> {
    let begun = Instant::now();
    let (mut state, mut lines) = (String::new(), 0);
    loop {
        ensure!(begun.elapsed() < DEADLINE, "the run of {head} has not ended after {DEADLINE:?}");
        let run = api.runs().await?.into_iter().find(|run| run["head"] == head);
        let Some(run) = run else {
            sleep(POLL_INTERVAL).await;
            continue;
        };
        let id = text(&run, "id").to_owned();
        if text(&run, "state") != state {
            text(&run, "state").clone_into(&mut state);
            println!("  {}", paint.faint(&state));
        }
        let log = api.log(&id).await?;
        for line in &log[lines..] {
            show_line(line);
        }
        lines = log.len();
        ensure!(run["stalled"] != true, "the run is stalled: {}", text(&run, "reason"));
        if matches!(&*state, "done" | "refused" | "failed" | "superseded" | "cancelled") {
            return api.run(&id).await;
        }
        sleep(POLL_INTERVAL).await;
    }
}

fn show_line(line: &str) {
    let said: Value = serde_json::from_str(line).unwrap_or_default();
    match text(&said, "event") {
        "stage" => println!("    {}", text(&said, "text")),
        "epoch" => {
            let (epoch, epochs) = (&said["epoch"], &said["epochs"]);
            let loss = said["training_loss"].as_f64().unwrap_or(f64::NAN);
            let accuracy =
                said["validation_accuracy"].as_f64().map(|value| format!(", validation accuracy {value:.3}"));
            println!("    epoch {epoch} of {epochs}: loss {loss:.3}{}", accuracy.unwrap_or_default());
        }
        _ => {}
    }
}

/// When a run entered a state, from its transitions.
pub(crate) fn entered(run: &Value, state: &str) -> Option<jiff::Timestamp> {
    let transitions = run["transitions"].as_array()?;
    transitions.iter().find(|step| step["to"] == state)?["at"].as_str()?.parse().ok()
}

/// A time of a run, by its key.
pub(crate) fn at(run: &Value, key: &str) -> Result<jiff::Timestamp> {
    text(run, key).parse().with_context(|| format!("the run's `{key}` is not a time"))
}
