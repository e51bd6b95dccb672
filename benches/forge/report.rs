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
    let Size { changes, models } = size;
    // Both are far below what a fraction holds.
    #[expect(clippy::cast_precision_loss, reason = "both are small numbers")]
    let a_change = storm.calls as f64 / changes as f64;
    let [half, most] = [500, 990].map(|per_mille| visible.quantile(per_mille));
    let held = |holds: bool| if holds { "holds" } else { "missed" };
    let rows = [
        format!("| calls refused for a limit | {} | 0 | {} |", storm.refused, held(storm.refused == 0)),
        format!("| calls a change | {a_change:.2} | ≤ 8 | {} |", held(a_change <= 8.0)),
        format!("| calls at a time, at most | {} | ≤ 100 | {} |", storm.most_at_once, held(storm.most_at_once <= 100)),
        format!("| every change has its check after | {:.0} s | stated | |", storm.shown.as_secs_f64()),
        format!("| every check has ended after | {:.0} s | stated | |", storm.ended.as_secs_f64()),
        format!("| every comment is written after | {:.0} s | stated | |", storm.commented.as_secs_f64()),
        format!("| webhook to check in progress, no limits, under load: p50 | {} ms | stated | |", half.as_millis()),
        format!(
            "| webhook to check in progress, no limits, under load: p99 | {} ms | < 1,000 | {} |",
            most.as_millis(),
            held(most < Duration::from_secs(1))
        ),
    ];
    let text = format!(
        "{changes} changes of {models} models opened within a minute, the forge answering after 100 ms, {cpus} processors \
         for everything; commit {commit}, {date}. The load: {:.0} deliveries a second of another source.\n\n\
         | | measured | asked | |\n| --- | --- | --- | --- |\n{}\n",
        visible.load,
        rows.join("\n")
    );
    let all = json!({
        "commit": commit, "date": date, "cpus": cpus, "changes": changes, "models": models,
        "refused": storm.refused, "calls": storm.calls, "calls_a_change": a_change, "most_at_once": storm.most_at_once,
        "shown_seconds": storm.shown.as_secs_f64(), "ended_seconds": storm.ended.as_secs_f64(),
        "commented_seconds": storm.commented.as_secs_f64(), "load_per_second": visible.load,
        "visible_p50_ms": half.as_millis(), "visible_p99_ms": most.as_millis(),
    });
    benchmark::finish(root, "forge", &all, &text, record)
}
