//! Repositories and files that are shared: source and environment in one repository, several models in one file.

use super::world::{by_hand, deployed_digest, start};
use crate::support::{Bench, DEFAULT_SETTINGS, MODEL, POLICY, slipway, small_files, text};

#[tokio::test]
async fn a_promotion_into_the_models_own_repository_trains_nothing() {
    let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
    let (models, environment) = (bench.world.git.url("models.git"), bench.world.git.url("environment.git"));
    let settings = std::fs::read_to_string(bench.world.config()).expect("settings");
    let plain = format!("- {{name: staging, url: \"{environment}\"}}");
    let own = format!("- {{name: staging, url: \"{models}\", folder: deploy}}");
    std::fs::write(bench.world.config(), settings.replace(&plain, &own)).expect("written");
    // Everything of the repository belongs to the model, its manifests included.
    let everything = MODEL.replace("paths: [slipway.yaml, \"data/**\"]", "paths: [\"**\"]");
    bench.world.work.write("slipway.yaml", &everything).expect("written");
    let manifest = "model: none # {\"slipway\": \"digits:digest\"}\n";
    bench.world.work.write("deploy/model.yaml", manifest).expect("written");
    bench.restart(&[]).await;
    let head = bench.push("a first model").await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    let promotion = bench.world.models.tip("main").await.expect("a tip").expect("a branch");
    assert_eq!(promotion, text(&run, "promotion_commit"));
    // The promotion is told of like any push, and looked at.
    let script = format!(
        "printf '{head} {promotion} refs/heads/main\\n' | '{}' hook post-receive --url {}/webhooks/digits --secret-file '{}'",
        slipway().display(),
        bench.server().address(),
        bench.world.folder.join("secret").display()
    );
    let delivered =
        std::process::Command::new("sh").args(["-c", &script]).current_dir(bench.world.models.path()).status();
    assert!(delivered.expect("sh").success());
    let noted = |answer: &slipway_testkit::Answer| answer.text.contains("are only promotions");
    let synced = bench.api().wait_for("a look", "/api/v1/deliveries", crate::support::DEADLINE, noted).await;
    synced.expect("the promotion is looked at");
    assert_eq!(bench.api().runs().await.expect("runs").len(), 1);

    // What people change beside promotions is trained as ever.
    bench.world.work.pull("main").await.expect("pulled");
    bench.world.work.write("slipway.yaml", everything.replace("epochs: 4", "epochs: 6")).expect("written");
    let head = bench.push("a second model").await;
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    assert_eq!(bench.api().runs().await.expect("runs").len(), 2);
    bench.finish().await;
}

#[tokio::test]
async fn two_models_in_one_file_are_promoted_beside_each_other() {
    let bench = start(&[("staging", "")], "").await;
    let clone = by_hand(&bench).await;
    let file = "digits: none # {\"slipway\": \"digits:digest\"}\nletters: none # {\"slipway\": \"letters:digest\"}\n";
    clone.write("staging/models.yaml", file).expect("written");
    clone.commit("Two models in one file").await.expect("committed");
    assert!(clone.push("main").await.expect("pushed").success());
    for (path, content) in small_files() {
        bench.world.work.write(format!("letters/{path}"), content).expect("written");
    }
    let letters = MODEL.replace("name: digits", "name: letters").replace("seed: 7", "seed: 8");
    bench.world.work.write("letters/slipway.yaml", letters).expect("written");
    bench.world.work.write("letters/policy.yaml", POLICY).expect("written");
    let head = bench.push("two models").await;
    let of = |model: &'static str, head: String| {
        move |run: &serde_json::Value| {
            text(run, "model") == model && run["head"] == head.as_str() && text(run, "state") == "done"
        }
    };
    let digits =
        bench.api().wait_for_run("digits", crate::support::DEADLINE, of("digits", head.clone())).await.expect("done");
    let letters =
        bench.api().wait_for_run("letters", crate::support::DEADLINE, of("letters", head)).await.expect("done");
    assert_ne!(digits["artifact"], letters["artifact"]);
    let file = bench.world.environment.show("main", "staging/models.yaml").await.expect("a manifest");
    let expected = format!(
        "digits: {} # {{\"slipway\": \"digits:digest\"}}\nletters: {} # {{\"slipway\": \"letters:digest\"}}",
        text(&digits, "artifact"),
        text(&letters, "artifact")
    );
    assert_eq!(file.trim_end(), expected);
    assert_eq!(deployed_digest(&bench, "staging").await, text(&digits, "artifact"));
    assert_eq!(bench.promotions().await, 2);
    bench.finish().await;
}
