//! The measurements, one function each.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use slipway_testkit::{Load, SlipwayProcess};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::SECRET;
use crate::peers::{Ground, Running, System};

/// Connections of the load.
pub(crate) const CONNECTIONS: usize = 16;
/// How long one reading takes.
const READING: Duration = Duration::from_secs(3);
/// How long what was acknowledged may take to be dealt with.
const TIMEOUT: Duration = Duration::from_mins(10);

/// A push event of 6.9 KB, the size that GitHub's usually have.
pub(crate) fn push_event(reference: &str, head: &str) -> Vec<u8> {
    let files: Vec<String> = (0..165).map(|n| format!("data/part-{n:05}/features-v2.parquet")).collect();
    let body = json!({
        "ref": reference, "before": "0".repeat(40), "after": head, "created": true, "forced": false, "deleted": false,
        "repository": {"id": 41, "full_name": "team/models", "name": "models"}, "sender": {"id": 7, "login": "ada"},
        "commits": [{"id": head, "message": "more data", "added": files}],
    });
    let mut text = body.to_string().into_bytes();
    text.resize(text.len().max(6_900), b' ');
    text
}

async fn load_for(load: &Load, time: Duration) -> slipway_testkit::Outcome {
    let stop = CancellationToken::new();
    let ended = async {
        sleep(time).await;
        stop.cancel();
    };
    tokio::join!(load.run(CONNECTIONS, None, &stop), ended).0
}

/// Acknowledged deliveries a second, and how long they took, in turns. Of a branch that is not served: all three
/// verify it, and have nothing to do about it.
pub(crate) async fn rates(
    root: &Path,
    systems: &[System],
    rounds: usize,
) -> Result<BTreeMap<&'static str, Vec<Value>>> {
    let mut readings: BTreeMap<&'static str, Vec<Value>> = BTreeMap::new();
    for round in 0..rounds {
        for system in systems {
            let ground = Ground::make("").await?;
            let running = ground.start(root, *system, true).await?;
            let body = push_event("refs/heads/other", &ground.head);
            let load = Load::of_github(running.address, system.path(), SECRET, &body);
            load_for(&load, Duration::from_millis(500)).await;
            let outcome = load_for(&load, READING).await;
            anyhow::ensure!(outcome.refused + outcome.cut == 0, "{}: {} refused", system.name(), outcome.refused);
            let micros = |per_mille| u64::try_from(outcome.latency(per_mille).as_micros()).unwrap_or(u64::MAX);
            let reading = json!({
                "rate": outcome.rate(), "p50_us": micros(500), "p99_us": micros(990),
                "resident_mib": mib(running.resident_bytes()?),
            });
            eprintln!("round {}: {:8} {reading}", round + 1, system.name());
            readings.entry(system.name()).or_default().push(reading);
            running.kill_9().await?;
            ground.git.stop().await;
        }
    }
    Ok(readings)
}

/// Kills each with -9 under load: acknowledged deliveries, and how many of them nobody knows of any more.
pub(crate) async fn lost_by_a_kill(root: &Path, systems: &[System]) -> Result<BTreeMap<&'static str, (usize, usize)>> {
    let mut found = BTreeMap::new();
    for system in systems {
        let ground = Ground::make("").await?;
        let running = ground.start(root, *system, false).await?;
        let body = push_event("refs/heads/other", &ground.head);
        let load = Load::of_github(running.address, system.path(), SECRET, &body);
        let under_load = load.start(CONNECTIONS);
        load.after(2_000).await;
        // What a peer writes down is read once it is gone; Slipway is started again and asked.
        let folder = ground.folder.path().to_path_buf();
        running.kill_9().await?;
        let outcome = under_load.ended().await;
        let acknowledged = outcome.acknowledged.len();
        let known = if *system == System::Slipway {
            let again = ground.start(root, *system, false).await?;
            let known = stored(again.slipway().context("Slipway")?, &outcome.acknowledged).await?;
            again.kill_9().await?;
            known
        } else {
            std::fs::read_to_string(folder.join("handled")).map_or(0, |text| text.lines().count().min(acknowledged))
        };
        eprintln!("kill -9: {:8} {acknowledged} acknowledged, {} lost", system.name(), acknowledged - known);
        found.insert(system.name(), (acknowledged, acknowledged - known));
        ground.git.stop().await;
    }
    Ok(found)
}

/// How many of these deliveries the server has.
async fn stored(server: &SlipwayProcess, acknowledged: &[String]) -> Result<usize> {
    let mut names = std::collections::HashSet::new();
    let mut path = "/api/v1/deliveries?limit=500".to_owned();
    loop {
        let page = server.api().get(&path).await?;
        for delivery in page.json["deliveries"].as_array().context("deliveries")? {
            names.insert(delivery["id"].as_str().unwrap_or_default().to_owned());
        }
        match page.json["next"].as_str() {
            Some(next) => path = format!("/api/v1/deliveries?limit=500&cursor={next}"),
            None => return Ok(acknowledged.iter().filter(|id| names.contains(*id)).count()),
        }
    }
}

/// One push, told three times under one name and three times under others: how often each does the work.
pub(crate) async fn delivered_six_times(root: &Path, systems: &[System]) -> Result<BTreeMap<&'static str, usize>> {
    let mut found = BTreeMap::new();
    for system in systems {
        let ground = Ground::make("").await?;
        let running = ground.start(root, *system, false).await?;
        let body = push_event("refs/heads/main", &ground.head);
        let signature = slipway_testkit::signature(SECRET, &body);
        let api = slipway_testkit::Api::at(format!("http://{}", running.address));
        for id in ["same", "same", "same", "one", "two", "three"] {
            let headers = [
                ("x-github-event", "push"),
                ("x-github-delivery", id),
                ("x-hub-signature-256", &*signature),
                ("content-type", "application/json"),
            ];
            let answer = api.send("POST", system.path(), &headers, body.clone()).await?;
            anyhow::ensure!((200..300).contains(&answer.status), "{}: {}", system.name(), answer.text);
        }
        let worked = if let Some(server) = running.slipway() {
            until_read(&running).await?;
            server.api().runs().await?.len()
        } else {
            sleep(Duration::from_secs(1)).await;
            running.handled()
        };
        eprintln!("told six times: {:8} works {worked} times", system.name());
        found.insert(system.name(), worked);
        running.kill_9().await?;
        ground.git.stop().await;
    }
    Ok(found)
}

/// Resident memory after so many deliveries, all of them read.
pub(crate) async fn memory_after(root: &Path, deliveries: u64) -> Result<(f64, f64)> {
    let ground = Ground::make("").await?;
    let running = ground.start(root, System::Slipway, false).await?;
    let body = push_event("refs/heads/other", &ground.head);
    let load = Load::of_github(running.address, System::Slipway.path(), SECRET, &body);
    let outcome = load.run(CONNECTIONS, Some(deliveries), &CancellationToken::new()).await;
    anyhow::ensure!(outcome.acknowledged.len() as u64 == deliveries, "{} refused", outcome.refused);
    let begun = Instant::now();
    until_read(&running).await?;
    let resident = mib(running.resident_bytes()?);
    eprintln!("after {deliveries} deliveries: {resident:.1} MiB, read {:.1} s later", begun.elapsed().as_secs_f64());
    running.kill_9().await?;
    ground.git.stop().await;
    Ok((resident, begun.elapsed().as_secs_f64()))
}

/// The acknowledgement's p99 while the forge answers at once, and while it takes 20 seconds an answer, in turns. A push
/// that starts a run comes first, so that there is something to tell the forge.
pub(crate) async fn with_a_slow_forge(root: &Path, rounds: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut quick, mut slow) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        for (pause, readings) in [(Duration::ZERO, &mut quick), (Duration::from_secs(20), &mut slow)] {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            let forge = listener.local_addr()?;
            let mut answering = JoinSet::new();
            answering.spawn(answer_after(listener, pause));
            let api = format!(", api: {{url: \"http://{forge}\", repository: team/models, token: {{file: ./token}}}}");
            let ground = Ground::make(&api).await?;
            let running = ground.start(root, System::Slipway, false).await?;
            let push = Load::of_github(
                running.address,
                System::Slipway.path(),
                SECRET,
                &push_event("refs/heads/main", &ground.head),
            );
            push.run(1, Some(1), &CancellationToken::new()).await;
            let other = push_event("refs/heads/other", &ground.head);
            let load = Load::of_github(running.address, System::Slipway.path(), SECRET, &other);
            load_for(&load, Duration::from_millis(500)).await;
            let outcome = load_for(&load, READING).await;
            readings.push(outcome.latency(990).as_secs_f64() * 1e3);
            running.kill_9().await?;
            drop(answering);
            ground.git.stop().await;
        }
    }
    Ok((quick, slow))
}

/// A forge that takes every report, so long after it was asked.
async fn answer_after(listener: TcpListener, pause: Duration) {
    let mut connections = JoinSet::new();
    while let Ok((mut stream, _)) = listener.accept().await {
        connections.spawn(async move {
            let mut asked = [0; 4096];
            while stream.read(&mut asked).await.is_ok_and(|read| read > 0) {
                sleep(pause).await;
                let answer = b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
                if tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.is_err() {
                    break;
                }
            }
        });
    }
}

async fn until_read(running: &Running) -> Result<()> {
    let server = running.slipway().context("Slipway")?;
    let until = Instant::now() + TIMEOUT;
    loop {
        let pending = server.api().get("/api/v1/deliveries?state=pending&limit=1").await?;
        if pending.json["deliveries"].as_array().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < until, "deliveries are not read within {TIMEOUT:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
