//! The table for people, and the figures for programs.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use slipway_testkit::benchmark;

use crate::Size;
use crate::storm::Storm;
use crate::visible::Visible;

/// Prints what was found, writes `target/bench/forge.json` and, if asked, the part of `docs/benchmarks.md` that is its own.
pub(crate) fn finish(size: Size, storm: &Storm, visible: &Visible, record: bool) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let commit = benchmark::commit(root)?;
    let date = jiff::Timestamp::now().to_string()[..10].to_owned();
    let cpus = std::thread::available_parallelism()?.get();
    let Size { pull_requests, models } = size;
    let a_change = calls_per_pull_request(size, storm);
    let [half, most] = [500, 990].map(|per_mille| visible.quantile(per_mille));
    let mut rows = rows_of_storm(size, storm);
    rows.extend([
        format!("| webhook to check in progress, no limits, under load: p50 | {} ms | stated | |", half.as_millis()),
        format!(
            "| webhook to check in progress, no limits, under load: p99 | {} ms | < 1,000 | {} |",
            most.as_millis(),
            held(most < Duration::from_secs(1))
        ),
    ]);
    let text = format!(
        "{pull_requests} changes of {models} models opened within a minute, the forge answering after 100 ms, {cpus} processors \
         for everything; commit {commit}, {date}. The load: {:.0} deliveries a second of another source.\n\n\
         | | measured | asked | |\n| --- | --- | --- | --- |\n{}\n",
        visible.load,
        rows.join("\n")
    );
    let all = json!({
        "commit": commit, "date": date, "cpus": cpus, "changes": pull_requests, "models": models,
        "refused": storm.refused, "calls": storm.calls, "calls_a_change": a_change, "most_at_once": storm.most_at_once,
        "shown_seconds": storm.shown.as_secs_f64(), "ended_seconds": storm.ended.as_secs_f64(),
        "commented_seconds": storm.commented.as_secs_f64(), "load_per_second": visible.load,
        "visible_p50_ms": half.as_millis(), "visible_p99_ms": most.as_millis(),
    });
    benchmark::finish(root, "forge", &all, &text, record)
}

/// Prints what was found of the first part alone.
pub(crate) fn say_storm(size: Size, storm: &Storm) {
    for row in rows_of_storm(size, storm) {
        benchmark::say(&row);
    }
}

fn rows_of_storm(size: Size, storm: &Storm) -> Vec<String> {
    let Storm { refused, most_at_once, shown, ended, commented, .. } = storm;
    let a_change = calls_per_pull_request(size, storm);
    let stated = |what: &str, after: &Duration| format!("| {what} after | {:.0} s | stated | |", after.as_secs_f64());
    vec![
        format!("| calls refused for a limit | {refused} | 0 | {} |", held(*refused == 0)),
        format!("| calls a change | {a_change:.2} | ≤ 8 | {} |", held(a_change <= 8.0)),
        format!("| calls at a time, at most | {most_at_once} | ≤ 100 | {} |", held(*most_at_once <= 100)),
        stated("every change has its check", shown),
        stated("every check has ended", ended),
        stated("every comment is written", commented),
    ]
}

// Both are far below what a fraction holds.
#[expect(clippy::cast_precision_loss, reason = "both are small numbers")]
fn calls_per_pull_request(size: Size, storm: &Storm) -> f64 {
    storm.calls as f64 / size.pull_requests as f64
}

fn held(holds: bool) -> &'static str {
    if holds { "holds" } else { "missed" }
}
