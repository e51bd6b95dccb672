//! What is known of an artifact goes with it to the environments behind the first one.

use serde_json::Value;

use super::world::{prepare, run_to, start, write_settings};
use crate::support::{Bench, POLICY, text};

const ORDER: [(&str, &str); 2] = [("staging", ""), ("production", "after: {all: [staging]}")];

fn has_ended(run: &Value) -> bool {
    matches!(text(run, "state"), "done" | "refused" | "failed")
}

/// Pushes a policy with more checks, on the cost of the artifact and on other seeds.
async fn push_with_budget(bench: &Bench) {
    // Those of `slipway:serving-budget`, but for the milliseconds, which are not those of a machine that runs many tests.
    let checks = "    - {metric: artifact_bytes, at_most: 20971520}\n    - {metric: artifact_parameters, at_most: 5000000}\n    \
                  - {metric: device_seconds, at_most: 7200}\n    - {metric: latency_p99, at_most: 100000}\n    \
                  - {expression: 'artifact.training_seconds > 0.0 && artifact.parameters == 7850'}\n    \
                  - {metric: accuracy, at_least: 0.5, seeds: {at_least: 2}}\n";
    let budget = format!("{POLICY}{checks}");
    bench.world.work.write("policy.yaml", budget).expect("written");
    bench.push("a policy").await;
}

#[tokio::test]
async fn a_policy_of_cost_and_seeds_holds_in_the_next_environment_as_it_did_in_the_first() {
    let bench = start(&ORDER, "").await;
    push_with_budget(&bench).await;
    for seed in [20, 30, 40] {
        let head = bench.push_with("seed: 7", &format!("seed: {seed}")).await;
        let first = bench.end_of(&head).await;
        assert_eq!(text(&first, "state"), "done", "{first:#}");
        let ended = |run: &Value| run["head"] == head.as_str() && has_ended(run);
        let downstream = run_to(&bench, "production", "the run to production", ended).await;
        assert_eq!(text(&downstream, "state"), "done", "{downstream:#}");
        let downstream = bench.api().run(text(&downstream, "id")).await.expect("a run");
        assert_eq!(downstream["cost"], first["cost"], "{downstream:#}");
        let log = bench.api().log(text(&downstream, "id")).await.expect("a log");
        assert!(!log.iter().any(|line| line.contains("training on")), "nothing is trained again: {log:#?}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn seeds_that_only_a_later_environments_mandatory_policy_asks_for_are_trained_there() {
    let hold = "freezes: [{until: 2099-01-01T00:00:00Z, reason: not yet}]";
    let mut bench = prepare(&[("staging", hold), ORDER[1]], "").await;
    bench.restart(&[]).await;
    let head = bench.push("a first model").await;
    super::world::waiting_for(&bench, "staging").await;
    let mandatory_policy = "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: floor}\nspec:\n  checks:\n    \
                 - {metric: accuracy, at_least: 0.5, seeds: {at_least: 2}}\n";
    std::fs::write(bench.world.config().with_file_name("floor.yaml"), mandatory_policy).expect("written");
    write_settings(&bench, &ORDER, "policies: {mandatory: [floor.yaml]}");
    bench.restart(&[]).await;
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    let downstream = run_to(&bench, "production", "the run to production", has_ended).await;
    assert_eq!(text(&downstream, "state"), "done", "{downstream:#}");
    let log = bench.api().log(text(&downstream, "id")).await.expect("a log");
    assert_eq!(log.iter().filter(|line| line.contains("training on")).count(), 1, "one other seed: {log:#?}");
    bench.finish().await;
}
