//! Power: how often a candidate passes that truly lies so far behind the champion, in our gate and by its estimate alone.

use serde_json::{Value, json};

use super::calibration::{accuracy, play};

/// Accuracy with a margin of one point, the candidate from two points behind to one ahead.
pub(crate) fn run(rounds: u32) -> Value {
    let mut curves = Vec::new();
    for rows in [1_000, 5_000, 20_000] {
        for behind in [0.02, 0.015, 0.01, 0.005, 0.0, -0.005, -0.01] {
            let passes = play(&accuracy(rows, 0.6, 0.01, behind), rounds);
            let [ours, naive] = [passes.ours, passes.naive].map(|count| f64::from(count) / f64::from(rounds));
            curves.push(json!({"rows": rows, "difference": -behind, "ours": ours, "naive": naive}));
        }
    }
    json!({"rounds": rounds, "margin": 0.01, "curves": curves})
}
