//! `slipway backup` and `slipway restore`: what comes back, and what is refused.

use serde_json::Value;

use super::{complaints, printed};
use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS, text};

/// Promotes a model, backs up, promotes another, loses the state folder, and restores. Answers the lost run and what became
/// of its push.
async fn lose_a_promotion(bench: &mut Bench) -> (Value, Value) {
    let first = bench.promote_a_first_model().await;
    let backup = bench.beside(&["backup", "backup"]).await;
    assert_eq!(backup.status.code(), Some(0), "{}", complaints(&backup));
    let lost = bench.promote_a_first_model_again().await;
    assert_eq!((text(&lost, "state"), bench.promotions().await), ("done", 2));
    bench.take_server().kill_9().await.expect("killed");
    std::fs::remove_dir_all(bench.world.folder.join("state")).expect("lost");
    let restored = bench.beside(&["restore", "backup"]).await;
    assert_eq!(restored.status.code(), Some(0), "{}", complaints(&restored));
    bench.restart(&[]).await;
    let found = bench.api().wait_for_end(text(&lost, "head"), DEADLINE).await.expect("the push is found");
    assert_eq!(text(&found, "state"), "done", "{found:#}");
    assert_ne!(found["id"], lost["id"]);
    assert_eq!(found["artifact"], lost["artifact"]);
    assert_eq!(bench.promotions().await, 2, "nothing was promoted again");
    let kept: Value = bench.api().run(text(&first, "id")).await.expect("the first run is back");
    assert_eq!(kept["state"], "done");
    (lost, found)
}

#[tokio::test]
async fn what_was_promoted_after_the_backup_is_found_in_git_and_not_promoted_again() {
    let settings = "limits: {reconcile_interval: 5s}\nartifacts: {folder: ./kept}";
    let mut bench = Bench::start_with(&format!("{DEFAULT_SETTINGS}\n{settings}")).await;
    let (lost, found) = lose_a_promotion(&mut bench).await;
    assert_eq!(found["promotion_commit"], lost["promotion_commit"]);
    assert!(text(&found, "reason").contains("which is not in this store"), "{found:#}");
    let way: Vec<&str> = found["transitions"].as_array().expect("a way").iter().map(|step| text(step, "to")).collect();
    assert_eq!(way, ["queued", "done"], "nothing was trained");

    let next = bench.push_with("epochs: 4", "epochs: 5").await;
    let promoted = bench.end_of(&next).await;
    assert_eq!((text(&promoted, "state"), bench.promotions().await), ("done", 3), "{promoted:#}");
    bench.finish().await;
}

#[tokio::test]
async fn weights_that_were_lost_with_the_store_are_trained_again_and_not_promoted_again() {
    let mut bench = Bench::start_with(&format!("{DEFAULT_SETTINGS}\nlimits: {{reconcile_interval: 5s}}")).await;
    let (_, found) = lose_a_promotion(&mut bench).await;
    assert!(bench.artifact_folder(&found).join("model.safetensors").exists(), "the champion is there again");
    bench.finish().await;
}

#[tokio::test]
async fn a_backup_that_is_damaged_and_a_store_that_is_not_empty_are_refused() {
    let mut bench = Bench::start().await;
    let run = bench.promote_a_first_model().await;
    let backup = bench.beside(&["backup", "backup"]).await;
    assert_eq!(backup.status.code(), Some(0), "{}", complaints(&backup));
    let manifest = printed(&backup);
    assert!(manifest["artifacts"]["files"].as_u64().expect("a number") >= 5, "{manifest:#}");
    let again = bench.beside(&["backup", "backup"]).await;
    assert_eq!(again.status.code(), Some(2), "an earlier backup is never written over");

    let running = bench.beside(&["restore", "backup"]).await;
    assert_eq!(running.status.code(), Some(2));
    assert!(complaints(&running).contains("another server uses the state folder"), "{}", complaints(&running));
    let server = bench.take_server();
    assert!(server.terminate().await.expect("it ends").success());
    let full = bench.beside(&["restore", "backup"]).await;
    assert_eq!(full.status.code(), Some(2));
    assert!(complaints(&full).contains("the store is not empty"), "{}", complaints(&full));

    let whole = bench.beside(&["restore", "backup", "--check"]).await;
    assert_eq!(whole.status.code(), Some(0), "{}", complaints(&whole));
    let table = bench.world.folder.join("backup/tables/runs.jsonl");
    let content = std::fs::read_to_string(&table).expect("a table");
    std::fs::write(&table, content.replace("main", "mean")).expect("damaged");
    std::fs::remove_dir_all(bench.world.folder.join("state")).expect("lost");
    for arguments in [&["restore", "backup", "--check"][..], &["restore", "backup"]] {
        let damaged = bench.beside(arguments).await;
        assert_eq!(damaged.status.code(), Some(2), "{arguments:?}");
        assert!(complaints(&damaged).contains("runs.jsonl` is damaged"), "{}", complaints(&damaged));
    }
    std::fs::write(&table, content).expect("as it was");
    let weights = text(&run, "artifact").trim_start_matches("sha256:");
    let weights = bench.world.folder.join("backup/artifacts/sha256").join(weights).join("model.safetensors");
    std::fs::write(weights, "damaged").expect("damaged");
    let damaged = bench.beside(&["restore", "backup", "--check"]).await;
    assert_eq!(damaged.status.code(), Some(1));
    assert!(complaints(&damaged).contains("model.safetensors` is damaged or missing"), "{}", complaints(&damaged));
    bench.restart(&[]).await;
    bench.api().runs().await.expect("an empty store works");
    bench.finish().await;
}
