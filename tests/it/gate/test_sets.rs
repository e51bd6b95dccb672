//! A test set wears out: uses are counted by what is in the rows, figures are kept from authors, and what is used up decides
//! nothing.

use serde_json::Value;
use slipway_testkit::Api;

use super::{is_done, is_refused, judged_by, policy};
use crate::support::{Bench, MODEL, slipway, text};

const MINIMUM_ACCURACY: &str = "metric: accuracy, at_least: 0.5";

fn number(run: &Value) -> u64 {
    run["verdict"]["test_set"]["use"].as_u64().unwrap_or_else(|| panic!("no use in {run:#}"))
}

/// A reader of the API who may not read the audit log.
fn viewer(bench: &Bench) -> Api {
    let made = std::process::Command::new(slipway())
        .args(["tokens", "create", "ada", "--role", "viewer", "--config"])
        .arg(bench.world.config())
        .output()
        .expect("made");
    let said = String::from_utf8_lossy(&made.stdout).into_owned();
    assert!(made.status.success(), "{said}{}", String::from_utf8_lossy(&made.stderr));
    Api::at(bench.api().base()).with_token(said.trim())
}

async fn seen_by(api: &Api, run: &Value) -> Value {
    api.run(text(run, "id")).await.expect("the run")
}

#[tokio::test]
async fn uses_are_counted_by_what_is_in_the_rows_and_a_step_that_is_done_again_counts_once() {
    let mut bench = Bench::start().await;
    let first = judged_by(&bench, &policy(&[MINIMUM_ACCURACY]), 20).await;
    is_done(&first);
    assert_eq!(number(&first), 1);
    assert_eq!(first["verdict"]["notes"][0], "test set: use 1", "{first:#}");

    // Killed when it has been judged and nothing of that is recorded.
    bench.restart(&["--crash-at", "before:publishing"]).await;
    let head = bench.push_with("seed: 7", "seed: 21").await;
    let mut dying = bench.take_server();
    assert!(!dying.wait().await.expect("it dies").success());
    drop(dying);
    bench.restart(&[]).await;
    let second = bench.end_of(&head).await;
    is_done(&second);
    assert_eq!(number(&second), 2);

    // Other names for the same files are the same rows.
    for (from, to) in [("data/test-images", "data/held-out-images"), ("data/test-labels", "data/held-out-labels")] {
        let content = std::fs::read(bench.world.work.path().join(from)).expect("a file");
        bench.world.work.write(to, content).expect("written");
    }
    let renamed = MODEL.replace("data/test-", "data/held-out-").replace("seed: 7", "seed: 22");
    bench.world.work.write("slipway.yaml", renamed).expect("written");
    let third = bench.end_of(&bench.push("other names").await).await;
    is_done(&third);
    assert_eq!(number(&third), 3);
    assert_eq!(third["verdict"]["test_set"]["rows"], first["verdict"]["test_set"]["rows"]);
    bench.finish().await;
}

#[tokio::test]
async fn figures_are_kept_from_authors_until_the_set_is_used_up_and_then_it_decides_nothing() {
    let bench = Bench::start().await;
    let rule = "  test_set: {uses: 2, adaptivity: full, feedback: verdict}\n  checks:\n";
    let limited = policy(&[MINIMUM_ACCURACY]).replace("  checks:\n", rule);
    let first = judged_by(&bench, &limited, 30).await;
    is_done(&first);
    let (author, auditor) = (viewer(&bench), bench.api());
    let whole = seen_by(&auditor, &first).await;
    assert!(whole["verdict"]["checks"][0]["estimate"].is_f64(), "{whole:#}");
    let shown = seen_by(&author, &first).await;
    let check = &shown["verdict"]["checks"][0];
    assert_eq!((text(check, "outcome"), &check["estimate"]), ("withheld", &Value::Null), "{shown:#}");
    let estimate = format!("{:.3}", whole["verdict"]["checks"][0]["estimate"].as_f64().unwrap_or_default());
    assert!(!shown.to_string().contains(&estimate), "{estimate} is in {shown:#}");
    let message = bench.world.environment.message("main").await.expect("a message");
    assert!(message.contains("shown once the test set is used up") && !message.contains(&estimate), "{message}");
    let log = bench.api().log(text(&first, "id")).await.expect("a log").join("\n");
    assert!(!log.contains(&estimate), "{log}");

    let head = bench.push_with("seed: 7", "seed: 31").await;
    let second = bench.end_of(&head).await;
    is_done(&second);
    assert_eq!(number(&second), 2);
    let head = bench.push_with("seed: 7", "seed: 32").await;
    let third = bench.end_of(&head).await;
    is_refused(&third, "used up (use 3 of 2): it needs at least");
    assert_eq!(text(&third["verdict"], "outcome"), "inconclusive");
    let shown = seen_by(&author, &first).await;
    assert_eq!(shown["verdict"]["checks"][0]["estimate"], whole["verdict"]["checks"][0]["estimate"], "{shown:#}");
    bench.finish().await;
}
