//! The table for people, and the figures for programs.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use slipway_testkit::benchmark;

const HEADER: [&str; 10] = [
    "files",
    "fresh shallow clone, ms",
    "warm clone, ms",
    "slipway, ms",
    "slipway, tip known, ms",
    "fresh / slipway",
    "warm / slipway",
    "slipway, processor ms",
    "tip known, processor ms",
    "slipway, peak MiB",
];

/// Everything that was found.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) notes: Vec<String>,
    pub(crate) results: Vec<Value>,
    pub(crate) bars: Vec<Bar>,
}

/// A figure with what is asked of it.
pub(crate) struct Bar {
    name: String,
    value: f64,
    unit: &'static str,
    target: f64,
    holds: bool,
}

impl Bar {
    pub(crate) fn at_least(name: impl Into<String>, value: f64, unit: &'static str, target: f64) -> Self {
        Self { name: name.into(), value, unit, target, holds: value >= target }
    }

    pub(crate) fn above(name: impl Into<String>, value: f64, unit: &'static str, target: f64) -> Self {
        Self { name: name.into(), value, unit, target, holds: value > target }
    }

    pub(crate) fn below(name: impl Into<String>, value: f64, unit: &'static str, target: f64) -> Self {
        Self { name: name.into(), value, unit, target, holds: value < target }
    }

    pub(crate) fn at_most(name: impl Into<String>, value: f64, unit: &'static str, target: f64) -> Self {
        Self { name: name.into(), value, unit, target, holds: value <= target }
    }
}

impl Report {
    /// Prints the table, writes `target/bench/promotion.json` and, if asked, the part of `docs/benchmarks.md` that is its own.
    pub(crate) fn finish(&self, record: bool) -> Result<()> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let commit = benchmark::commit(root)?;
        let date = jiff::Timestamp::now().to_string()[..10].to_owned();
        let cpus = std::thread::available_parallelism()?.get();
        let bars = self.bars.iter().map(|Bar { name, value, unit, target, holds }| {
            json!({"name": name, "value": value, "unit": unit, "target": target, "holds": holds})
        });
        let all = json!({"commit": commit, "date": date, "cpus": cpus, "results": self.results, "bars": bars.collect::<Vec<_>>()});
        let text = format!("Medians, in turns; {cpus} processors; commit {commit}, {date}.\n\n{}", self.text());
        benchmark::finish(root, "promotion", &all, &text, record)
    }

    fn text(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut text = line(&HEADER.map(str::to_owned));
        text.push_str(&line(&HEADER.map(|_| "---".to_owned())));
        for row in &self.rows {
            text.push_str(&line(row));
        }
        text.push('\n');
        for note in &self.notes {
            text.extend(["- ", note, "\n"]);
        }
        for Bar { name, value, unit, target, holds } in &self.bars {
            let word = if *holds { "held" } else { "missed" };
            text.extend([format!("- {name}: {value:.2} {unit}, asked {target}: {word}.\n")]);
        }
        text
    }
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}
