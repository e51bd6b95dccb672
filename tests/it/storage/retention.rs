//! Retention beside and within the server: what nothing needs goes, and what turns out to be needed comes back.

use serde_json::Value;

use super::{age, complaints, printed, until};
use crate::support::{Bench, DEFAULT_SETTINGS, text};

const KEEP: &str = "retention: {every: 1s, artifacts: {age: 1h, per_model: 1}}";

#[tokio::test]
async fn an_old_artifact_goes_the_champion_stays_and_one_that_is_deployed_again_comes_back() {
    let bench = Bench::start_with(&format!("{DEFAULT_SETTINGS}\nlimits: {{sync_interval: 1s}}\n{KEEP}")).await;
    let first = bench.promote_a_first_model().await;
    let named_first = bench.world.environment_tip().await.expect("a tip");
    let second = bench.promote_a_first_model_again().await;
    let (old, champion) = (bench.artifact_folder(&first), bench.artifact_folder(&second));
    assert!(old.exists() && champion.exists());
    age(&bench.world.folder.join("state/artifacts"));
    bench.tamper("UPDATE trained SET at = 0").await;
    until("the old artifact is set aside", || !old.exists()).await;
    assert!(champion.exists(), "what the environment names stays, however old");
    let wish = serde_json::json!({ "reason": "x", "to": text(&first, "id") }).to_string().into_bytes();
    let path = "/api/v1/environments/staging/models/digits/rollback";
    let refused =
        bench.api().send("POST", path, &[("content-type", "application/json")], wish).await.expect("answered");
    assert_eq!(refused.status, 409, "nobody goes back to what is gone: {}", refused.text);
    assert!(refused.text.contains("retention.artifacts"), "{}", refused.text);

    // Somebody reverts the promotion by hand: git says what is needed.
    let clone = bench.world.folder.join("by-hand");
    let work = slipway_testkit::WorkTree::clone(&bench.world.git.url("environment.git"), clone).await.expect("a clone");
    work.git(&["checkout", "-q", &named_first, "--", "."]).await.expect("as it was");
    work.commit("Back by hand").await.expect("committed");
    assert!(work.push("main").await.expect("pushed").success());
    until("it comes back", || old.join("model.safetensors").exists()).await;
    bench.finish().await;
}

#[tokio::test]
async fn storage_says_what_uses_what_and_prunes_only_when_ordered_to() {
    let bench =
        Bench::start_with(&format!("{DEFAULT_SETTINGS}\nretention: {{artifacts: {{age: 1h, per_model: 1}}}}")).await;
    let promoted = bench.promote_a_first_model().await;
    // A revision that its policy refuses: nothing needs what it made.
    let policy = crate::support::POLICY.replace("at_least: 0.7", "at_least: 0.98");
    bench.world.work.write("policy.yaml", policy).expect("written");
    bench.push("a policy that holds from the next push on").await;
    let head = bench.push_with("seed: 7", "seed: 8").await;
    let refused = bench.end_of(&head).await;
    assert_eq!(text(&refused, "state"), "refused", "{refused:#}");
    let (kept, unneeded) = (bench.artifact_folder(&promoted), bench.artifact_folder(&refused));
    age(&bench.world.folder.join("state/artifacts"));
    bench.tamper("UPDATE trained SET at = 0").await;
    for (arguments, done) in
        [(&["storage"][..], false), (&["storage", "--prune", "--dry-run"], false), (&["storage", "--prune"], true)]
    {
        let output = bench.beside(arguments).await;
        assert_eq!(output.status.code(), Some(0), "{}", complaints(&output));
        let said = printed(&output);
        assert_eq!(said["retention"]["done"], done, "{said:#}");
        assert_eq!(said["retention"]["artifacts"]["removed"], 1, "{said:#}");
        let runs = |table: &&Value| table["table"] == "runs";
        let runs = said["tables"].as_array().expect("tables").iter().find(runs).expect("the table of runs");
        assert!(runs["rows"].as_u64() >= Some(2) && runs["bytes"].as_u64() >= Some(4096), "{said:#}");
        assert_eq!(said["sources"][0]["artifacts"], 2, "{said:#}");
        assert_eq!((kept.exists(), unneeded.exists()), (true, !done), "{arguments:?}");
    }
    let audited = bench.beside(&["audit", "list"]).await;
    let entries = printed(&audited)["entries"].as_array().expect("entries").clone();
    assert!(entries.iter().any(|entry| entry["action"] == "storage.prune"), "{entries:#?}");
    let shared = bench.world.folder.join("state/artifacts/stores/another");
    std::fs::write(shared, "").expect("written");
    let said = printed(&bench.beside(&["storage", "--prune"]).await);
    assert_eq!(said["retention"]["artifacts"]["shared_with"], serde_json::json!(["another"]), "{said:#}");
    bench.finish().await;
}
