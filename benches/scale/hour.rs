//! An hour of deliveries in a minute, with somebody who looks at lists and metrics all the while.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use slipway_testkit::{Load, Outcome};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::world::{SECRET, World};

/// How long the hour takes, in slices of a second.
const SLICES: usize = 60;
/// One source in so many sends pushes of its served branch, which lead to a fetch; the others' are of another branch.
const SERVED_IN: usize = 10;
/// Lists, each of which is looked at twice a second.
const LISTS: [&str; 8] = [
    "/api/v1/runs?limit=50",
    "/api/v1/runs?source=team-1&limit=50",
    "/api/v1/runs?model=model-7&limit=50",
    "/api/v1/runs?state=failed&limit=50",
    "/api/v1/models?limit=50",
    "/api/v1/deliveries?limit=50",
    "/api/v1/deliveries?source=team-1&limit=50",
    "/api/v1/environments",
];
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// What was measured. Times are 99th percentiles in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Hour {
    pub(crate) seconds: f64,
    pub(crate) acknowledged: usize,
    pub(crate) refused: u64,
    pub(crate) acknowledgement_p50_ms: f64,
    pub(crate) acknowledgement_p99_ms: f64,
    pub(crate) metrics_p99_ms: f64,
    pub(crate) lists_p99_ms: f64,
    pub(crate) slowest_list: String,
    /// Seconds after the last delivery until all were read.
    pub(crate) read_after_seconds: f64,
}

/// Lets the hour pass.
pub(crate) async fn pass(world: &World) -> Result<Hour> {
    let target: SocketAddr = world.server().address().trim_start_matches("http://").parse()?;
    let loads: Vec<Load> = (0..world.size.repositories).map(|number| load_of(world, target, number)).collect();
    let stop = CancellationToken::new();
    let mut polling = JoinSet::new();
    for path in LISTS.into_iter().chain(["/metrics"]) {
        let (api, stop) = (world.server().api(), stop.clone());
        polling.spawn(async move { poll(&api, path, &stop).await });
    }
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    let each = world.size.deliveries / SLICES;
    for slice in 0..SLICES {
        sleep_until(begun + Duration::from_secs(1) * u32::try_from(slice)?).await;
        // Deliveries of a second are spread over it.
        for number in 0..each {
            let at = Duration::from_secs(1) * u32::try_from(number)? / u32::try_from(each)?;
            let (load, stop) = (loads[(slice * each + number) % loads.len()].clone(), CancellationToken::new());
            let at = begun + Duration::from_secs(1) * u32::try_from(slice)? + at;
            sending.spawn(async move {
                sleep_until(at).await;
                load.run(1, Some(1), &stop).await
            });
        }
    }
    let mut all = Outcome::default();
    while let Some(sent) = sending.join_next().await {
        let sent = sent?;
        all.acknowledged.extend(sent.acknowledged);
        all.latencies.extend(sent.latencies);
        all.refused += sent.refused + sent.cut;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let last = Instant::now();
    world
        .server()
        .api()
        .wait_for("all deliveries are read", "/metrics", Duration::from_mins(2), |answer| {
            answer.text.lines().any(|line| line == "slipway_deliveries_pending 0")
        })
        .await?;
    let read_after_seconds = last.elapsed().as_secs_f64();
    stop.cancel();
    let mut lists = Vec::new();
    let mut metrics_p99_ms = 0.0;
    while let Some(polled) = polling.join_next().await {
        let (path, times) = polled??;
        match path {
            "/metrics" => metrics_p99_ms = percentile(&times, 990),
            path => lists.push((percentile(&times, 990), path)),
        }
    }
    lists.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let (lists_p99_ms, slowest) = lists.first().context("a list")?;
    Ok(Hour {
        seconds,
        acknowledged: all.acknowledged.len(),
        refused: all.refused,
        acknowledgement_p50_ms: percentile(&all.latencies, 500),
        acknowledgement_p99_ms: percentile(&all.latencies, 990),
        metrics_p99_ms,
        lists_p99_ms: *lists_p99_ms,
        slowest_list: (*slowest).to_owned(),
        read_after_seconds,
    })
}

fn load_of(world: &World, target: SocketAddr, number: usize) -> Load {
    let branch = if number.is_multiple_of(SERVED_IN) { "main" } else { "feature" };
    let body = serde_json::json!({
        "ref": format!("refs/heads/{branch}"), "before": "0".repeat(40), "after": world.tip,
        "created": false, "deleted": false, "forced": false,
        "repository": {"id": number + 1, "full_name": format!("acme/team-{number}"), "default_branch": "main"},
        "pusher": {"name": "ada"}, "sender": {"login": "ada", "id": 1},
        "commits": (0..10).map(|n| serde_json::json!({
            "id": format!("{n:040}"), "message": "Train again with newer data", "timestamp": "2026-11-24T10:00:00Z",
            "author": {"name": "Ada", "email": "ada@example.com"}, "modified": ["model-1/slipway.yaml"],
        })).collect::<Vec<_>>(),
    });
    Load::of_github(target, &format!("/webhooks/team-{number}"), SECRET, body.to_string().as_bytes())
}

/// Looks at a path until `stop`; answers how long each look took.
async fn poll(
    api: &slipway_testkit::Api,
    path: &'static str,
    stop: &CancellationToken,
) -> Result<(&'static str, Vec<Duration>)> {
    let mut times = Vec::new();
    while !stop.is_cancelled() {
        let begun = Instant::now();
        let answer = api.get(path).await?;
        times.push(begun.elapsed());
        ensure!(answer.status == 200, "{path}: {} {}", answer.status, answer.text);
        sleep_until(begun + POLL_INTERVAL).await;
    }
    Ok((path, times))
}

/// The time that so many per mille stayed below, in milliseconds.
pub(crate) fn percentile(times: &[Duration], per_mille: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() * per_mille / 1000).min(sorted.len().saturating_sub(1));
    sorted.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}
