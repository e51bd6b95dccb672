//! `make bench-intake`: how fast, how surely and how often deliveries are dealt with, beside two peers. Prints what it
//! measures, writes `target/bench/intake.json`, and with `--record` the table in `docs/benchmarks.md`.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a benchmark speaks to whoever started it")]

mod measure;
mod peers;
mod table;

use std::path::Path;

use anyhow::{Context as _, Result};
use clap::Parser;
use serde_json::{Value, json};

use peers::System;

/// The webhook's secret.
pub(crate) const SECRET: &str = "a secret for one benchmark";

/// Measures the intake of deliveries beside its peers.
#[derive(Debug, Parser)]
struct Options {
    /// Rounds in which the systems take turns
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Write the table into docs/benchmarks.md
    #[arg(long)]
    record: bool,
    /// What the store's own measurement wrote
    #[arg(long, value_name = "FILE", default_value = "target/bench/claims.json")]
    claims: std::path::PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("a workspace")?;
    let (here, missing): (Vec<System>, Vec<System>) =
        System::ALL.into_iter().partition(|system| system.program(root).is_some());
    anyhow::ensure!(here.contains(&System::Slipway), "slipway is not built for release: make bench-intake builds it");
    for peer in &missing {
        eprintln!("missing: {} (make bench-peers installs it)", peer.name());
    }
    let rates = measure::rates(root, &here, options.rounds).await?;
    let lost = measure::lost_by_a_kill(root, &here).await?;
    let delivered = measure::delivered_six_times(root, &here).await?;
    let (resident, read_after) = measure::memory_after(root, 100_000).await?;
    let (quick, slow) = measure::with_a_slow_forge(root, options.rounds).await?;
    let claims: Value = serde_json::from_str(
        &std::fs::read_to_string(root.join(&options.claims))
            .context("the store was not measured: make bench-intake")?,
    )?;
    let results = json!({
        "rates": rates, "lost_by_kill": lost, "told_six_times": delivered,
        "memory_after_100000_mib": resident, "read_after_seconds": read_after,
        "p99_ms_forge_at_once": quick, "p99_ms_forge_20_s": slow, "claims": claims,
        "missing": missing.iter().map(|peer| peer.name()).collect::<Vec<_>>(),
    });
    let report = table::report(&results)?;
    let file = root.join("target/bench/intake.json");
    std::fs::create_dir_all(file.parent().context("a folder")?)?;
    std::fs::write(&file, serde_json::to_string_pretty(&report)?)?;
    let text = table::text(&report);
    println!("{text}");
    if options.record {
        table::record(&root.join("docs/benchmarks.md"), &text)?;
    }
    Ok(())
}
