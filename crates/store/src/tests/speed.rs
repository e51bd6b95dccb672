//! Duration of a claim beside many other runs: `make bench-intake` runs this test and reads its output file.

use std::time::Instant;

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::{CLAIM_LEASE, World, run};
use crate::Claim;
use slipway_domain::RunState;

const FINISHED: usize = 100_000;
const QUEUED: usize = 10_000;
const SOURCES: usize = 20;
const CLAIMS: usize = 500;

/// Fills the tables directly, many rows per statement, in a syntax that both databases accept.
async fn fill(world: &World) {
    let example = run("m/slipway.yaml", '1', 0);
    let its_id = example.id.to_string();
    let example = serde_json::to_string(&example).expect("a document").replace('\'', "''");
    let mut first = 0;
    while first < FINISHED + QUEUED {
        let last = (first + 2_000).min(FINISHED + QUEUED);
        let rows: Vec<String> = (first..last)
            .map(|n| {
                let (state, active) = if n < FINISHED { ("done", 0) } else { ("queued", 1) };
                let (source, id) = (n % SOURCES, uuid::Uuid::now_v7());
                let document = example.replace(&its_id, &id.to_string());
                format!("('{id}', 'source-{source}', 'source-{source} refs/heads/main m{n}', 'm{n}', 'main', '{n}', '{state}', {active}, '{document}', {n})")
            })
            .collect();
        let insert = format!(
            "INSERT INTO runs (id, source, lane, model, branch, head, state, active, document, created_at) VALUES {}",
            rows.join(", ")
        );
        sqlx::raw_sql(AssertSqlSafe(insert)).execute(&world.store.database.pool).await.expect("filled");
        first = last;
    }
    world.tamper("INSERT INTO queues (source) SELECT DISTINCT source FROM runs").await;
    world.tamper("ANALYZE").await;
}

/// Claims runs and ends each at once; returns the median and the 99th percentile in milliseconds.
async fn measure(world: World) -> (f64, f64) {
    fill(&world).await;
    let mut took = Vec::with_capacity(CLAIMS);
    for _ in 0..CLAIMS {
        let claim = Claim { now: Timestamp::now(), lease_duration: CLAIM_LEASE, max_runs_per_source: 64 };
        let begun = Instant::now();
        let (claimed, lease) = world.store.claim_run(claim).await.expect("claimed").expect("a run");
        took.push(begun.elapsed().as_secs_f64() * 1e3);
        let refused = claimed.with(|run| run.status.state = RunState::Refused);
        world.store.record_run(&lease, &refused, None).await.expect("recorded");
        world.store.release_run(&lease, Timestamp::now()).await.expect("released");
    }
    took.sort_by(f64::total_cmp);
    (took[CLAIMS / 2], took[CLAIMS * 99 / 100])
}

#[tokio::test]
#[ignore = "a measurement: make bench-intake"]
async fn claiming_a_run_beside_a_hundred_thousand_others() {
    let mut measured = serde_json::Map::new();
    let sqlite = Some(World::on_sqlite().await);
    for (name, world) in [("sqlite", sqlite), ("postgres", World::on_postgres().await)] {
        let Some(world) = world else { continue };
        let (p50, p99) = measure(world).await;
        println!("claim on {name}: p50 {p50:.2} ms, p99 {p99:.2} ms");
        measured.insert(name.to_owned(), serde_json::json!({"p50_ms": p50, "p99_ms": p99}));
    }
    let file = std::env::var_os("SLIPWAY_BENCH_CLAIMS").expect("SLIPWAY_BENCH_CLAIMS names a file");
    std::fs::write(file, serde_json::Value::Object(measured).to_string()).expect("written");
}
