//! Facts of artifact, run and place; leakage; and a champion that is evaluated anew, whatever an earlier run has left.

use serde_json::Value;

use super::{document, is_done, is_refused, judged_by, policy};
use crate::support::{Bench, small_files, text};

#[tokio::test]
async fn facts_of_the_artifact_its_training_and_its_place_are_judged() {
    let bench = Bench::start().await;
    let known = "expression: 'artifact.parameters == 7850 && artifact.bytes > 31400 && artifact.training_seconds > 0.0 \
                 && artifact.latency_p50 > 0.0 && artifact.latency_p50 <= artifact.latency_p99 && run.seed == 8 \
                 && run.model == \"digits\" && run.branch == \"main\" && environment.name == \"staging\"'";
    let run = judged_by(&bench, &policy(&[known, "metric: latency_p99, at_most: 10000"]), 8).await;
    is_done(&run);
    let checks = run["verdict"]["checks"].as_array().expect("checks");
    assert!(checks.iter().all(|check| check["outcome"] == "pass"), "{checks:#?}");
    assert!(checks[1]["rows"].as_u64() >= Some(500), "the number of timed predictions is told: {:#}", checks[1]);
    let evidence = document(&bench, text(&run, "artifact"), &format!("evidence/{}.json", text(&run, "id")));
    let training = document(&bench, text(&run, "artifact"), text(&evidence["training"], "name"));
    assert_eq!(training["parameters"], 7850);

    let run = judged_by(&bench, &policy(&["metric: latency_p99, at_most: 0.000001"]), 9).await;
    is_refused(&run, "the policy asks for at most 0.000001 (policy.yaml:6)");
    let run = judged_by(&bench, &policy(&["metric: artifact_bytes, at_most: 1000"]), 10).await;
    is_refused(&run, "the policy asks for at most 1000 (policy.yaml:6)");
    bench.finish().await;
}

#[tokio::test]
async fn a_test_row_that_was_learnt_from_is_found() {
    let bench = Bench::start().await;
    let asked = policy(&["metric: accuracy, at_least: 0.1", "leakage: {at_most: 0}"]);
    is_done(&judged_by(&bench, &asked, 8).await);
    let files = small_files();
    let original = |path: &str| files.iter().find(|(name, _)| *name == path).expect("a file").1.clone();
    let mut leaking = original("data/test-images");
    leaking[16..16 + 784].copy_from_slice(&original("data/train-images")[16..16 + 784]);
    bench.world.work.write("data/test-images", leaking).expect("written");
    let head = bench.push_with("seed: 7", "seed: 9").await;
    is_refused(&bench.end_of(&head).await, "0.002; the policy asks for at most 0 (policy.yaml:7)");
    bench.finish().await;
}

#[tokio::test]
async fn a_champion_is_evaluated_anew_on_the_rows_of_its_candidate() {
    let bench = Bench::start().await;
    let first = bench.promote_a_first_model().await;
    let of_first = format!("evaluations/{}/candidate/report.json", text(&first, "id"));
    let before = document(&bench, text(&first, "artifact"), &of_first);
    // What the first run has left is spoilt, and the data change: whoever used it again would be found out.
    let hex = text(&first, "artifact").trim_start_matches("sha256:");
    let left = bench.world.folder.join("state/artifacts/sha256").join(hex).join("evaluations");
    std::fs::remove_dir_all(left).expect("removed");
    let files = small_files();
    for (path, width, header) in [("data/test-images", 784, 16), ("data/test-labels", 1, 8)] {
        let original = &files.iter().find(|(name, _)| *name == path).expect("a file").1;
        let mut fewer = original[..header + 400 * width].to_vec();
        fewer[4..8].copy_from_slice(&400_u32.to_be_bytes());
        bench.world.work.write(path, fewer).expect("written");
    }
    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    let run = bench.end_of(&head).await;
    is_done(&run);
    assert_eq!(run["champion"], first["artifact"]);
    let report = |who: &str| -> Value {
        document(&bench, text(&run, "artifact"), &format!("evaluations/{}/{who}/report.json", text(&run, "id")))
    };
    let (candidate, champion) = (report("candidate"), report("champion"));
    assert_eq!(champion["artifact"], first["artifact"]);
    assert_eq!((&champion["data"], &champion["rows"]), (&candidate["data"], &candidate["rows"]));
    assert_ne!(champion["data"], before["data"]);
    bench.finish().await;
}
