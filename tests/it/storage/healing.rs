//! Damaged artifacts: never used, healed from a copy, or made again.

use crate::support::{Bench, DEFAULT_SETTINGS, text};

/// Changes a byte of a file, and nothing of its length.
fn damage(file: &std::path::Path) {
    let mut bytes = std::fs::read(file).expect("a file");
    *bytes.last_mut().expect("bytes") ^= 1;
    std::fs::write(file, bytes).expect("written");
}

#[tokio::test]
async fn weights_that_were_damaged_are_trained_again_and_written_anew() {
    let bench = Bench::start().await;
    let first = bench.promote_a_first_model().await;
    let second = bench.promote_a_first_model_again().await;
    assert_ne!(first["artifact"], second["artifact"]);
    let weights = bench.artifact_folder(&first).join("model.safetensors");
    let whole = std::fs::read(&weights).expect("weights");
    damage(&weights);
    // The same files as at first: their training is known, and what it made is damaged.
    bench.world.work.write("notes.txt", "nothing of the model's").expect("written");
    let head = bench.push_with("seed: 7", "seed: 7").await;
    let again = bench.end_of(&head).await;
    assert_eq!(text(&again, "state"), "done", "{again:#}");
    assert_eq!(
        (&again["artifact"], &again["reused_from"]),
        (&first["artifact"], &serde_json::Value::Null),
        "{again:#}"
    );
    assert_eq!(std::fs::read(&weights).expect("weights"), whole);
    let damaged = std::fs::read_dir(bench.world.folder.join("state/artifacts/damaged")).expect("a folder").count();
    assert_eq!(damaged, 1, "what was damaged is kept aside");
    bench.finish().await;
}

#[tokio::test]
async fn weights_that_were_damaged_are_healed_from_a_copy_and_not_trained_again() {
    let bench = Bench::start_with(&format!("{DEFAULT_SETTINGS}\nartifacts: {{copies: [./backup/artifacts]}}")).await;
    let first = bench.promote_a_first_model().await;
    bench.promote_a_first_model_again().await;
    let backup = bench.beside(&["backup", "backup"]).await;
    assert_eq!(backup.status.code(), Some(0), "{}", super::complaints(&backup));
    let weights = bench.artifact_folder(&first).join("model.safetensors");
    let whole = std::fs::read(&weights).expect("weights");
    damage(&weights);
    bench.world.work.write("notes.txt", "nothing of the model's").expect("written");
    let head = bench.push_with("seed: 7", "seed: 7").await;
    let again = bench.end_of(&head).await;
    assert_eq!(text(&again, "state"), "done", "{again:#}");
    assert_eq!(text(&again, "reused_from"), text(&first, "id"), "{again:#}");
    assert_eq!(std::fs::read(&weights).expect("weights"), whole);
    let metrics = bench.server().api().get("/metrics").await.expect("metrics").text;
    assert!(metrics.contains("slipway_artifacts_healed_total 1"), "{metrics}");
    bench.finish().await;
}
