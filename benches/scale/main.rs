//! `make bench-scale`: a server with the models and the past of a large organisation, and the same at a tenth of the size.
//! Prints what it measures, writes `target/bench/scale.json`, and with `--record` the table in `docs/benchmarks.md`; with
//! `--quick` it only does the tenth and prints that.

#![allow(clippy::print_stderr, reason = "a benchmark speaks to whoever started it")]

mod claims;
mod document;
mod hour;
mod report;
mod seed;
mod world;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

use hour::Hour;
use world::{Database, World};

/// How large a world is.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Size {
    /// Repositories of models, each a source.
    pub(crate) repositories: usize,
    /// Models, evenly in the repositories.
    pub(crate) models: usize,
    /// Runs that have ended.
    pub(crate) runs: usize,
    /// Deliveries that arrive in the hour.
    pub(crate) deliveries: usize,
}

const FULL: Size = Size { repositories: 200, models: 2_000, runs: 100_000, deliveries: 20_000 };
const TENTH: Size = Size { repositories: 20, models: 200, runs: 10_000, deliveries: 2_000 };

/// How long the server is left alone before its memory is read: longer than its look at every repository takes.
const QUIET: Duration = Duration::from_secs(20);

/// What was measured of one world.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) database: &'static str,
    pub(crate) size: Size,
    /// Resident memory of the server before the hour, in MB.
    pub(crate) idle_mb: f64,
    /// The most resident memory of the server in the hour, in MB.
    pub(crate) peak_mb: f64,
    /// Bytes of the store on disk after the hour, in MB; of all that the server keeps beside it, in MB.
    pub(crate) store_mb: f64,
    pub(crate) rest_mb: f64,
    pub(crate) hour: Hour,
    /// Time to claim a run, in milliseconds: median and 99th percentile.
    pub(crate) claim_p50_ms: f64,
    pub(crate) claim_p99_ms: f64,
    /// Transactions a second in the hour; `None` where the database does not count them.
    pub(crate) transactions_per_second: Option<f64>,
}

fn main() -> Result<()> {
    let asked = |option: &str| std::env::args().any(|word| word == option);
    let (record, quick) = (asked("--record"), asked("--quick"));
    let runtime = tokio::runtime::Runtime::new()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let measured = runtime.block_on(async {
        let mut measured = vec![measure(TENTH, Database::Sqlite).await?];
        if quick {
            return Ok(measured);
        }
        measured.push(measure(FULL, Database::Sqlite).await?);
        match Database::start_postgres() {
            // What does not hold on one database is said, and takes nothing from what was measured on the other.
            Ok(postgres) => match measure(FULL, postgres).await {
                Ok(found) => measured.push(found),
                Err(error) => eprintln!("missed: the same on PostgreSQL: {error:#}"),
            },
            Err(error) => eprintln!("left out: the same on PostgreSQL: {error:#}"),
        }
        Ok::<_, anyhow::Error>(measured)
    })?;
    if quick {
        eprintln!("{}", serde_json::to_string_pretty(&measured)?);
        return Ok(());
    }
    let (figures, text) = report::of(root, &measured)?;
    slipway_testkit::benchmark::finish(root, "scale", &figures, &text, record)
}

async fn measure(size: Size, database: Database) -> Result<Measured> {
    let name = database.name();
    eprintln!("{name}: {} models, {} runs: filling the store", size.models, size.runs);
    let mut world = World::make(size, database).await.context("the world could not be made")?;
    world.start().await?;
    tokio::time::sleep(QUIET).await;
    let idle_mb = megabytes(world.server().resident_bytes()?);
    eprintln!("{name}: an hour of {} deliveries", size.deliveries);
    let before = world.transactions()?;
    let hour = hour::pass(&world).await?;
    let transactions_per_second = match (before, world.transactions()?) {
        (Some(before), Some(after)) => Some(f64::from(u32::try_from(after - before)?) / hour.seconds),
        _ => None,
    };
    let peak_mb = megabytes(world.server().peak_resident_bytes()?);
    world.stop().await?;
    let (store_mb, rest_mb) = world.on_disk()?;
    let (claim_p50_ms, claim_p99_ms) = claims::measure(&world).await?;
    Ok(Measured {
        database: name,
        size,
        idle_mb,
        peak_mb,
        store_mb: megabytes(store_mb),
        rest_mb: megabytes(rest_mb),
        hour,
        claim_p50_ms,
        claim_p99_ms,
        transactions_per_second,
    })
}

fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1_000).unwrap_or(u32::MAX)) / 1_000.0
}
