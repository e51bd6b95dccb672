//! What is said of the measurements: a table, and bars that hold or do not.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::Measured;

/// The most resident memory of an idle server, in MB.
const MAX_IDLE_MB: f64 = 30.0;
/// How much slower ten times as much may make an answer.
const MAX_GROWTH: f64 = 2.0;
/// The longest acknowledgement in the hour, by its 99th percentile, in milliseconds. Forges give up after 10 s.
const MAX_ACKNOWLEDGEMENT_MS: f64 = 100.0;

/// A row of the table: what it is, its unit, and the figure.
type Row = (&'static str, &'static str, fn(&Measured) -> f64);

const ROWS: [Row; 11] = [
    ("acknowledgement, p50", "ms", |m| m.hour.acknowledgement_p50_ms),
    ("acknowledgement, p99", "ms", |m| m.hour.acknowledgement_p99_ms),
    ("claim of a run, p50", "ms", |m| m.claim_p50_ms),
    ("claim of a run, p99", "ms", |m| m.claim_p99_ms),
    ("`/metrics`, p99", "ms", |m| m.hour.metrics_p99_ms),
    ("slowest list of the API, p99", "ms", |m| m.hour.lists_p99_ms),
    ("all read after the last delivery", "s", |m| m.hour.read_after_seconds),
    ("memory, idle", "MB", |m| m.idle_mb),
    ("memory, most in the hour", "MB", |m| m.peak_mb),
    ("store on disk", "MB", |m| m.store_mb),
    ("mirrors and all else on disk", "MB", |m| m.rest_mb),
];

/// Figures for programs, and a text for people.
pub(crate) fn of(root: &Path, measured: &[Measured]) -> Result<(Value, String)> {
    let commit = slipway_testkit::benchmark::commit(root)?;
    let cpus = std::thread::available_parallelism()?.get();
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let (tenth, full) = (&measured[0], &measured[1]);
    let growth = |of: fn(&Measured) -> f64| of(full) / of(tenth).max(0.001);
    let mut bars = vec![bar("idle_memory", full.idle_mb, "MB", MAX_IDLE_MB)];
    bars.push(bar("acknowledgement_p99", full.hour.acknowledgement_p99_ms, "ms", MAX_ACKNOWLEDGEMENT_MS));
    bars.push(bar("refused_deliveries", f64::from(u32::try_from(full.hour.refused)?), "deliveries", 0.0));
    bars.push(bar("claim_p99_growth", growth(|m| m.claim_p99_ms), "times", MAX_GROWTH));
    bars.push(bar("metrics_p99_growth", growth(|m| m.hour.metrics_p99_ms), "times", MAX_GROWTH));
    bars.push(bar("lists_p99_growth", growth(|m| m.hour.lists_p99_ms), "times", MAX_GROWTH));
    let figures = json!({"commit": commit, "date": date, "cpus": cpus, "results": measured, "bars": bars});

    let mut text = format!(
        "Commit {commit}, {date}, {cpus} processors, built for release. An hour of deliveries in {:.0} s.\n\n",
        full.hour.seconds
    );
    let mut head = "| |".to_owned();
    let mut rule = "| --- |".to_owned();
    for m in measured {
        write!(
            head,
            " {}: {} models, {} runs, {} deliveries |",
            m.database, m.size.models, m.size.runs, m.size.deliveries
        )?;
        rule.push_str(" ---: |");
    }
    writeln!(text, "{head} growth (SQLite) |\n{rule} ---: |")?;
    for (name, unit, of) in ROWS {
        write!(text, "| {name} |")?;
        for m in measured {
            write!(text, " {:.1} {unit} |", of(m))?;
        }
        writeln!(text, " {:.1} × |", growth(of))?;
    }
    if let Some(per_second) = measured.iter().find_map(|m| m.transactions_per_second) {
        writeln!(text, "\nIn the hour PostgreSQL made {per_second:.0} transactions a second.")?;
    }
    writeln!(text, "The slowest list was `{}`.\n", full.hour.slowest_list)?;
    for bar in &bars {
        let holds = if bar["holds"] == true { "holds" } else { "MISSED" };
        writeln!(
            text,
            "- {}: {:.1} {}, at most {}: {holds}",
            bar["name"].as_str().unwrap_or_default(),
            bar["value"].as_f64().unwrap_or_default(),
            bar["unit"].as_str().unwrap_or_default(),
            bar["target"]
        )?;
    }
    Ok((figures, text))
}

fn bar(name: &str, value: f64, unit: &str, target: f64) -> Value {
    json!({"name": name, "value": value, "unit": unit, "target": target, "holds": value <= target})
}
