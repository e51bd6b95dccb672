//! The gate as a server has it: every kind of check is judged by what the real trainer leaves behind.

mod baselines;
mod evidence;
mod exceptions;
mod fitting;
mod mandatory_policies;
mod seeds;
mod tables;
mod test_sets;

use serde_json::Value;

use crate::support::{Bench, text};

/// A policy with these checks, the first of them on line 6.
fn policy(checks: &[&str]) -> String {
    let head = "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: digits}\nspec:\n  checks:\n";
    checks.iter().fold(head.to_owned(), |text, check| format!("{text}    - {{{check}}}\n"))
}

/// Pushes a policy, so that it is the one of the revision before, and then a model that is judged by it.
async fn judged_by(bench: &Bench, policy: &str, seed: u32) -> Value {
    bench.world.work.write("policy.yaml", policy).expect("written");
    bench.push("a policy").await;
    let head = bench.push_with("seed: 7", &format!("seed: {seed}")).await;
    bench.end_of(&head).await
}

fn is_done(run: &Value) {
    assert_eq!(text(run, "state"), "done", "{run:#}");
}

/// Expects a refusal whose reason holds these words.
fn is_refused(run: &Value, words: &str) {
    assert_eq!(text(run, "state"), "refused", "{run:#}");
    assert!(text(run, "reason").contains(words), "expected `{words}`, came: {}", text(run, "reason"));
}

/// A document that was kept beside an artifact.
fn document(bench: &Bench, artifact: &str, name: &str) -> Value {
    let folder = bench.world.folder.join("state/artifacts/sha256").join(artifact.trim_start_matches("sha256:"));
    let path = folder.join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).expect("JSON")
}
