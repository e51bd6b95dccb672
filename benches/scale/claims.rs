//! How long claiming a run takes beside all that have ended.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use slipway_domain::{Actor, CommitSha, Run, RunCause, RunState};
use slipway_store::Claim;

use crate::document::name;
use crate::hour::percentile;
use crate::world::World;

/// Runs that wait at the same time, and are claimed one after the other.
const CLAIMS: usize = 500;

/// The median and the 99th percentile in milliseconds.
pub(crate) async fn measure(world: &World) -> Result<(f64, f64)> {
    let store = world.open_store().await?;
    for number in 0..CLAIMS {
        let head: CommitSha = format!("{number:040}").parse()?;
        let cause = RunCause {
            source: name(&format!("team-{}", number % world.size.repositories))?,
            model: format!("waiting-{number}"),
            file: format!("waiting-{number}/slipway.yaml"),
            branch: "main".to_owned(),
            pull_request: None,
            base: None,
            head,
            environment: name("staging")?,
            delivered_at: Timestamp::now(),
        };
        store.open_run(&Run::queued(cause, Timestamp::now()), &Actor::controller(), None).await?;
    }
    let mut times = Vec::with_capacity(CLAIMS);
    for _ in 0..CLAIMS {
        let claim = Claim { now: Timestamp::now(), lease_duration: Duration::from_secs(30), max_runs_per_source: 64 };
        let begun = Instant::now();
        let (claimed, lease) = store.claim_run(claim).await?.context("a run that waits")?;
        times.push(begun.elapsed());
        store.record_run(&lease, &claimed.with(|run| run.status.state = RunState::Refused), None).await?;
        store.release_run(&lease, Timestamp::now()).await?;
    }
    store.close().await;
    Ok((percentile(&times, 500), percentile(&times, 990)))
}
