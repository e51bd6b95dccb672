//! What follows from a push: a promotion, a refusal, a comparison, or nothing.

use slipway_testkit::{Answer, git};

use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS, MODEL, POLICY, small_files, text};

#[tokio::test]
async fn a_good_model_is_promoted_by_one_commit_that_changes_marked_values_only() {
    let bench = Bench::start().await;
    let before = bench.world.environment_tip().await.expect("a tip");
    let run = bench.promote_a_first_model().await;
    let after = bench.world.environment_tip().await.expect("a tip");
    assert_eq!(text(&run, "promotion_commit"), after);
    assert_eq!(bench.world.environment.commits(&format!("{before}..{after}")).await.expect("commits").len(), 1);
    let artifact = text(&run, "artifact");
    let service = bench.world.environment.show(&after, "staging/inferenceservice.yaml").await.expect("a manifest");
    let hex = artifact.trim_start_matches("sha256:");
    assert!(service.contains(&format!("slipway.dev/digest: {artifact}      # {{\"slipway\"")), "{service}");
    assert!(service.contains(&format!("state/artifacts/sha256/{hex}  # {{")), "{service}");
    assert!(service.contains("minReplicas: 1   # the team's own choice"), "{service}");
    let stored = |name: &str| {
        let path = bench.world.folder.join("state/artifacts/sha256").join(hex).join(name);
        std::fs::read(path).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    assert_eq!(slipway_contract::Digest::of(&stored("model.safetensors")).as_str(), artifact);
    // The form that a cluster serves lies beside the weights, with the report of its comparison.
    let export: slipway_contract::ExportReport = serde_json::from_slice(&stored("export.json")).expect("a report");
    assert_eq!(export.artifact.as_str(), artifact);
    let slipway_contract::OnnxExport::Written { digest, .. } = export.onnx else { panic!("{:?}", export.onnx) };
    assert_eq!(slipway_contract::Digest::of(&stored("model.onnx")), digest);
    let signature: serde_json::Value = serde_json::from_slice(&stored("signature.json")).expect("a signature");
    assert_eq!(signature["inputs"][0]["type"], "uint8");
    bench.finish().await;
}

#[tokio::test]
async fn whoever_pushes_reads_in_the_terminal_what_follows() {
    let bench = Bench::start().await;
    let (head, said) = bench.world.push("a first model").await.expect("pushed");
    let run = bench.end_of(&head).await;
    let line =
        format!("remote: slipway: a run of digits for staging has started: slipway runs show {}", text(&run, "id"));
    assert!(said.lines().any(|said| said.trim_end() == line), "{said}");
    bench.world.work.write("README.md", "words").expect("written");
    let (_, said) = bench.world.push("only words").await.expect("pushed");
    assert!(said.contains("remote: slipway: refs/heads/main: ") && !said.contains("on its way"), "{said}");
    bench.finish().await;
}

#[tokio::test]
async fn a_model_file_that_is_too_large_is_refused_and_the_others_are_trained() {
    let bench = Bench::start().await;
    let large = format!("# {}\n", "x".repeat(2 << 20));
    bench.world.work.write("other/slipway.yaml", large).expect("written");
    let head = bench.push("a first model and a large file").await;
    let ended = |answer: &Answer| {
        let runs = answer.json["runs"].as_array().cloned().unwrap_or_default();
        runs.len() == 2 && runs.iter().all(|run| ["done", "refused"].contains(&text(run, "state")))
    };
    let answer = bench.api().wait_for("both runs", &format!("/api/v1/runs?head={head}"), DEADLINE, ended).await;
    let runs = answer.expect("both runs").json["runs"].as_array().cloned().unwrap_or_default();
    for run in runs {
        let is_large = text(&run, "file") == "other/slipway.yaml";
        assert_eq!(text(&run, "state"), if is_large { "refused" } else { "done" }, "{run:#}");
        assert!(!is_large || text(&run, "reason").contains("more than 1024 KiB"), "{run:#}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn more_models_than_are_read_are_said_instead_of_some_being_left_out() {
    let bench = Bench::start().await;
    for number in 0..500 {
        bench.world.work.write(format!("models/{number}/slipway.yaml"), "a model").expect("written");
    }
    bench.push("one model too many").await;
    // The delivery is kept: once models were moved away, it is read.
    let path = "/api/v1/deliveries?state=pending";
    let said = "expected at most 500 files `slipway.yaml`, found 501 at ";
    let is_there = |answer: &Answer| text(&answer.json["deliveries"][0], "note").contains(said);
    let answer = bench.api().wait_for("the reason", path, DEADLINE, is_there).await.expect("the reason");
    let note = text(&answer.json["deliveries"][0], "note");
    assert!(note.contains("until then, Slipway judges no model of this repository"), "{note}");
    assert!(bench.api().runs().await.expect("runs").is_empty());
    bench.finish().await;
}

#[tokio::test]
async fn a_worse_model_is_refused_with_metric_bound_threshold_file_and_line() {
    let bench = Bench::start().await;
    bench.promote_a_first_model().await;
    let before = bench.world.environment_tip().await.expect("a tip");
    let head = bench.push_with("learning_rate: 1e-2}}, epochs: 4", "learning_rate: 1e-6}}, epochs: 1").await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "refused");
    let reason = text(&run, "reason");
    assert!(reason.starts_with("refused: accuracy is at most 0."), "{reason}");
    assert!(reason.contains("the policy asks for at least 0.7 (policy.yaml:6)"), "{reason}");
    assert_eq!(bench.world.environment_tip().await.expect("a tip"), before);
    bench.finish().await;
}

#[tokio::test]
async fn a_later_model_is_compared_with_the_champion_on_the_same_rows() {
    let bench = Bench::start().await;
    let first = bench.promote_a_first_model().await;
    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    assert_eq!(run["champion"], first["artifact"]);
    let message = bench.world.environment.message("main").await.expect("a message");
    assert!(message.contains("the champion's with 95 % confidence"), "{message}");
    assert!(message.contains(&format!("Champion before: {}", text(&first, "artifact"))), "{message}");
    bench.finish().await;
}

#[tokio::test]
async fn the_policy_of_the_revision_before_the_push_judges_it() {
    let bench = Bench::start().await;
    bench.promote_a_first_model().await;
    let lax = POLICY.replace("at_least: 0.7", "at_least: 0.01").replace("margin: 0.05", "margin: 0.99");
    bench.world.work.write("policy.yaml", lax).expect("written");
    let head = bench.push_with("learning_rate: 1e-2}}, epochs: 4", "learning_rate: 1e-6}}, epochs: 1").await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "refused", "a push must not be judged by the policy it brings along: {run:#}");
    assert!(text(&run, "reason").contains("at least 0.7 (policy.yaml:6)"), "{run:#}");
    bench.finish().await;
}

#[tokio::test]
async fn a_push_that_breaks_only_the_policy_is_refused_and_later_ones_name_the_revision_that_was_read() {
    let bench = Bench::start().await;
    bench.promote_a_first_model().await;
    bench.world.work.write("policy.yaml", POLICY.replace("at_least", "at_laest")).expect("written");
    let broken = bench.push("a policy that nobody can read").await;
    let run = bench.end_of(&broken).await;
    assert_eq!(text(&run, "state"), "refused", "{run:#}");
    let reason = text(&run, "reason");
    assert!(reason.contains("policy.yaml:7:") && reason.contains("at_laest"), "{reason}");
    assert!(!reason.contains("read at"), "its lines are those of the push: {reason}");

    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "refused", "{run:#}");
    let named = format!("(read at {}, the revision before this push)", &broken[..12]);
    assert!(text(&run, "reason").contains(&named), "{}", text(&run, "reason"));

    bench.world.work.write("policy.yaml", POLICY).expect("written");
    bench.push("a policy that can be read").await;
    let head = bench.push_with("epochs: 4", "epochs: 7").await;
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    assert_eq!(bench.api().runs().await.expect("runs").len(), 4, "a sound policy alone is no run");
    bench.finish().await;
}

#[tokio::test]
async fn a_policy_that_a_push_breaks_together_with_its_model_is_reported_beside_the_run_that_the_old_one_judges() {
    let bench = Bench::start().await;
    bench.promote_a_first_model().await;
    bench.world.work.write("policy.yaml", POLICY.replace("at_least", "at_laest")).expect("written");
    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    let ends_as = |state: &'static str| {
        let head = head.clone();
        move |run: &serde_json::Value| run["head"] == head.as_str() && run["state"] == state
    };
    let reported = bench.api().wait_for_run("the mistakes", DEADLINE, ends_as("refused")).await.expect("a report");
    let reason = text(&reported, "reason");
    assert!(reason.contains("policy.yaml:7:") && reason.contains("at_laest"), "{reason}");
    assert!(!reason.contains("read at"), "its lines are those of the push: {reason}");
    let judged = bench.api().wait_for_run("the model", DEADLINE, ends_as("done")).await.expect("it is judged");
    assert_eq!(judged["model"], reported["model"]);
    let deliveries = bench.api().get("/api/v1/deliveries?state=done").await.expect("deliveries");
    let notes = deliveries.json["deliveries"].to_string();
    assert!(notes.contains("affects digits; the policy of digits has mistakes"), "{notes}");

    // The first policy of a new model judges the model's own run, which reports the mistakes alone.
    bench.world.work.write("policy.yaml", POLICY).expect("written");
    for (path, content) in small_files() {
        let content = match path {
            "slipway.yaml" => MODEL.replace("name: digits", "name: other").into_bytes(),
            "policy.yaml" => POLICY.replace("at_least", "at_laest").into_bytes(),
            _ => content,
        };
        bench.world.work.write(format!("models/other/{path}"), content).expect("written");
    }
    let head = bench.push("a new model with a broken policy").await;
    let run = bench.end_of(&head).await;
    assert!(text(&run, "reason").contains("models/other/policy.yaml:7:"), "{run:#}");
    assert_eq!(bench.api().runs().await.expect("runs").len(), 4, "one run of the new model");
    bench.finish().await;
}

#[tokio::test]
async fn a_policy_that_a_push_removes_or_breaks_through_what_it_extends_is_reported_and_ends_no_other_run() {
    // A job that is left for the others, while one trains.
    let bench = Bench::start_with(&DEFAULT_SETTINGS.replace("threads: 1", "threads: 1, jobs: 2")).await;
    let extending = POLICY.replace("spec:\n", "spec:\n  extends: [base.yaml]\n");
    let base = "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: base}\nspec:\n  checks:\n    \
                - {metric: accuracy, at_least: 0.1}\n";
    bench.world.work.write("policy.yaml", extending).expect("written");
    bench.world.work.write("base.yaml", base).expect("written");
    let long = bench.push_with("epochs: 4", "epochs: 10000").await;
    let training = |run: &serde_json::Value| run["head"] == long.as_str() && run["state"] == "training";
    let under_way = bench.api().wait_for_run("training", DEADLINE, training).await.expect("it trains");
    bench.world.work.write("base.yaml", base.replace("metric", "metrik")).expect("written");
    let broken = bench.push("a base that nobody can read").await;
    let run = bench.end_of(&broken).await;
    assert_eq!(text(&run, "state"), "refused", "{run:#}");
    assert!(text(&run, "reason").contains("base.yaml:6:"), "{}", text(&run, "reason"));

    bench.world.work.git(&["rm", "-q", "policy.yaml"]).await.expect("removed");
    let removed = bench.push("no policy").await;
    let run = bench.end_of(&removed).await;
    assert!(text(&run, "reason").contains("the policy does not exist at"), "{}", text(&run, "reason"));
    let still = bench.api().run(text(&under_way, "id")).await.expect("a run");
    assert_eq!(text(&still, "state"), "training", "{still:#}");
    bench.api().post(&format!("/api/v1/runs/{}/cancel", text(&under_way, "id"))).await.expect("cancelled");
    bench.end_of(&long).await;
    bench.until_no_trainer_is_left(DEADLINE).await;
    bench.finish().await;
}

#[tokio::test]
async fn the_same_specification_and_data_use_the_same_weights_again() {
    let bench = Bench::start().await;
    let first = bench.promote_a_first_model().await;
    let other = bench.push_with("epochs: 4", "epochs: 5").await;
    bench.end_of(&other).await;
    let again = bench.push_with("epochs: 4", "epochs: 4").await;
    let run = bench.end_of(&again).await;
    assert_eq!(run["reused_from"], first["id"], "{run:#}");
    assert_eq!(run["artifact"], first["artifact"]);
    let cause = run["transitions"][2]["cause"].as_str().unwrap_or_default();
    assert!(cause.contains("are reused: same files, specification, threads and trainer"), "{cause}");
    bench.finish().await;
}

#[tokio::test]
async fn a_candidate_that_is_the_champion_is_not_judged_and_makes_no_commit() {
    let bench = Bench::start().await;
    let first = bench.promote_a_first_model().await;
    let before = bench.world.environment_tip().await.expect("a tip");
    let head = bench.push_with("kind: Model", "kind: Model # as before").await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    assert!(run["reused_from"].is_null(), "the file differs, so it was trained");
    assert_eq!(run["artifact"], first["artifact"]);
    assert_eq!(text(&run, "reason"), "there is nothing to promote: `staging` already names these weights");
    assert!(run["verdict"].is_null(), "{run:#}");
    assert_eq!(bench.world.environment_tip().await.expect("a tip"), before);
    bench.finish().await;
}

#[tokio::test]
async fn a_push_that_touches_no_model_starts_no_run() {
    let bench = Bench::start().await;
    bench.promote_a_first_model().await;
    bench.world.work.write("NOTES.md", "nothing of the model").expect("written");
    bench.push("notes").await;
    bench.world.work.git(&["checkout", "--quiet", "-b", "idea"]).await.expect("a branch");
    bench.world.work.write("slipway.yaml", MODEL.replace("epochs: 4", "epochs: 9")).expect("written");
    bench.world.work.commit("an idea").await.expect("a commit");
    assert!(bench.world.work.push("idea").await.expect("pushed").success());
    // A later push that does start a run shows that the two before were read.
    bench.world.work.git(&["checkout", "--quiet", "main"]).await.expect("a branch");
    let head = bench.push_with("seed: 7", "seed: 8").await;
    bench.end_of(&head).await;
    assert_eq!(bench.api().runs().await.expect("runs").len(), 2);
    bench.finish().await;
}

#[tokio::test]
async fn a_newer_push_supersedes_a_run_and_its_training() {
    let bench = Bench::start().await;
    let long = bench.push_with("epochs: 4", "epochs: 10000").await;
    let training = |run: &serde_json::Value| run["head"] == long.as_str() && run["state"] == "training";
    bench.api().wait_for_run("training", DEADLINE, training).await.expect("it trains");
    let newer = bench.push_with("epochs: 4", "epochs: 3").await;
    let old = bench.end_of(&long).await;
    assert_eq!(text(&old, "state"), "superseded");
    assert!(text(&old, "reason").contains(&format!("superseded by {}", &newer[..12])), "{old:#}");
    assert_eq!(text(&bench.end_of(&newer).await, "state"), "done");
    bench.finish().await;
}

#[tokio::test]
async fn a_push_that_removes_a_model_ends_its_run_and_promotes_nothing() {
    let bench = Bench::start().await;
    let long = bench.push_with("epochs: 4", "epochs: 10000").await;
    let training = |run: &serde_json::Value| run["head"] == long.as_str() && run["state"] == "training";
    bench.api().wait_for_run("training", DEADLINE, training).await.expect("it trains");
    bench.world.work.git(&["rm", "--quiet", "slipway.yaml"]).await.expect("removed");
    bench.push("no model").await;
    let ended = bench.end_of(&long).await;
    assert_eq!(text(&ended, "state"), "cancelled");
    assert_eq!(text(&ended, "reason"), "a later push removed `slipway.yaml`");
    bench.until_no_trainer_is_left(DEADLINE).await;
    assert_eq!(bench.promotions().await, 0);
    bench.finish().await;
}

#[tokio::test]
async fn several_models_of_one_repository_run_by_themselves() {
    let bench = Bench::start().await;
    for (path, content) in crate::support::small_files() {
        let content =
            if path == "slipway.yaml" { MODEL.replace("name: digits", "name: other").into_bytes() } else { content };
        bench.world.work.write(format!("models/other/{path}"), content).expect("written");
    }
    let url = bench.world.git.url("environment.git");
    let clone = slipway_testkit::WorkTree::clone(&url, bench.world.folder.join("hand")).await.expect("a clone");
    clone.write("staging/other.yaml", "digest: none # {\"slipway\": \"other:digest\"}\n").expect("written");
    clone.commit("a place for the other model").await.expect("a commit");
    assert!(clone.push("main").await.expect("pushed").success());
    let head = bench.push("two models").await;
    for model in ["digits", "other"] {
        let ended =
            |run: &serde_json::Value| run["head"] == head.as_str() && run["model"] == model && run["state"] == "done";
        bench.api().wait_for_run(model, DEADLINE, ended).await.expect("it is promoted");
    }
    let other = bench.world.environment.show("main", "staging/other.yaml").await.expect("a manifest");
    assert!(other.starts_with("digest: sha256:"), "{other}");
    let log = git::run(bench.world.environment.path(), &["log", "--format=%s", "main"]).await.expect("a log");
    assert_eq!(log.lines().filter(|line| line.starts_with("Promote ")).count(), 2, "{log}");
    bench.finish().await;
}
