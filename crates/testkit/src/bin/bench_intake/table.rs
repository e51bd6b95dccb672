//! From readings to figures: medians, ratios, and whether each holds what it is to hold.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// Between these lines of `docs/benchmarks.md` the table stands.
const MARKS: [&str; 2] = ["<!-- bench-intake: begin -->", "<!-- bench-intake: end -->"];

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn median_of(readings: &Value, key: &str) -> f64 {
    let readings = readings.as_array().map(Vec::as_slice).unwrap_or_default();
    median(&mut readings.iter().filter_map(|reading| reading[key].as_f64()).collect::<Vec<_>>())
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().map(|values| values.iter().filter_map(Value::as_f64).collect()).unwrap_or_default()
}

fn bar(name: &str, value: f64, unit: &str, target: &str, holds: bool) -> Value {
    json!({"name": name, "value": value, "unit": unit, "target": target, "holds": holds})
}

/// The whole report: when and where, what was read, and a bar for every figure that is to hold.
pub(crate) fn report(results: &Value) -> Result<Value> {
    let rates = &results["rates"];
    let ours = median_of(&rates["slipway"], "rate");
    let mut bars = vec![bar("acknowledged, synced to disk", ours, "1/s", "stated", true)];
    for (key, what) in [("p50_us", "p50"), ("p99_us", "p99")] {
        bars.push(bar(
            &format!("acknowledgement {what}"),
            median_of(&rates["slipway"], key) / 1e3,
            "ms",
            "stated",
            true,
        ));
    }
    for peer in ["webhook", "probot"] {
        if rates[peer].is_array() {
            // Readings of one round stand beside each other: their ratios are taken first, then the median.
            let pairs =
                rates["slipway"].as_array().into_iter().flatten().zip(rates[peer].as_array().into_iter().flatten());
            let mut ratios: Vec<f64> =
                pairs.filter_map(|(ours, theirs)| Some(ours["rate"].as_f64()? / theirs["rate"].as_f64()?)).collect();
            let ratio = median(&mut ratios);
            bars.push(bar(
                &format!("rate over {peer}, which keeps them in memory"),
                ratio,
                "times",
                ">= 2",
                ratio >= 2.0,
            ));
        }
    }
    let lost = results["lost_by_kill"]["slipway"][1].as_f64().context("a count")?;
    bars.push(bar("lost by kill -9 under load", lost, "deliveries", "0", lost == 0.0));
    let runs = results["told_six_times"]["slipway"].as_f64().context("a count")?;
    bars.push(bar("runs of one push told six times", runs, "runs", "1", (runs - 1.0).abs() < 0.5));
    let resident = results["memory_after_100000_mib"].as_f64().context("a size")? * 1.048_576;
    bars.push(bar("resident after 100,000 deliveries", resident, "MB", "< 60", resident < 60.0));
    for store in ["sqlite", "postgres"] {
        let p99 = results["claims"][store]["p99_ms"].as_f64().unwrap_or(f64::NAN);
        let name = format!("claim p99 on {store}, 100,000 finished and 10,000 queued");
        bars.push(bar(&name, p99, "ms", "< 5", p99 < 5.0));
    }
    let (mut quick, mut slow) = (numbers(&results["p99_ms_forge_at_once"]), numbers(&results["p99_ms_forge_20_s"]));
    let spread = quick.iter().copied().fold(0.0, f64::max);
    let (quick, slow) = (median(&mut quick), median(&mut slow));
    let target = format!("within {quick:.2} to {spread:.2} of a quick one, or below");
    bars.push(bar("acknowledgement p99 with a forge of 20 s", slow, "ms", &target, slow <= spread));
    let commit = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output()?;
    let date = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]).output()?;
    Ok(json!({
        "commit": String::from_utf8_lossy(&commit.stdout).trim(), "date": String::from_utf8_lossy(&date.stdout).trim(),
        "cpus": std::thread::available_parallelism().map_or(1, usize::from), "results": results, "bars": bars,
    }))
}

/// The report as a table.
pub(crate) fn text(report: &Value) -> String {
    let results = &report["results"];
    let mut lines = vec![
        format!(
            "`make bench-intake` at {}, {}, {} processors shared with the load. Push events of 6.9 KB over 16 connections, \
             the systems in turns; medians. Slipway acknowledges what is synced to disk, the peers what they have in memory.",
            report["commit"].as_str().unwrap_or_default(),
            report["date"].as_str().unwrap_or_default(),
            report["cpus"]
        ),
        String::new(),
        "| | acknowledged / s | p50 ms | p99 ms | resident MiB | lost by kill -9 | work for one push told six times |"
            .to_owned(),
        "| --- | --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    for system in ["slipway", "webhook", "probot"] {
        let readings = &results["rates"][system];
        if !readings.is_array() {
            lines.push(format!("| {system} | not installed: `make bench-peers` | | | | | |"));
            continue;
        }
        let median = |key| median_of(readings, key);
        let lost = &results["lost_by_kill"][system];
        lines.push(format!(
            "| {system} | {:.0} | {:.2} | {:.2} | {:.0} | {} of {} | {} |",
            median("rate"),
            median("p50_us") / 1e3,
            median("p99_us") / 1e3,
            median("resident_mib"),
            lost[1],
            lost[0],
            results["told_six_times"][system]
        ));
    }
    lines.push(String::new());
    lines.push("| figure | value | is to be | |".to_owned());
    lines.push("| --- | --- | --- | --- |".to_owned());
    for bar in report["bars"].as_array().into_iter().flatten() {
        let text = |key: &str| bar[key].as_str().unwrap_or_default().to_owned();
        let holds = if bar["holds"] == true { "holds" } else { "**missed**" };
        let value = bar["value"].as_f64().unwrap_or(f64::NAN);
        lines.push(format!("| {} | {value:.2} {} | {} | {holds} |", text("name"), text("unit"), text("target")));
    }
    lines.join("\n")
}

/// Puts the table where the last one stood, or at the end.
pub(crate) fn record(file: &Path, table: &str) -> Result<()> {
    let old = std::fs::read_to_string(file)?;
    let section = format!("{}\n{table}\n{}", MARKS[0], MARKS[1]);
    let new = match (old.find(MARKS[0]), old.find(MARKS[1])) {
        (Some(begin), Some(end)) => format!("{}{section}{}", &old[..begin], &old[end + MARKS[1].len()..]),
        _ => format!("{}\n\n## Intake\n\n{section}\n", old.trim_end()),
    };
    Ok(std::fs::write(file, new)?)
}
