//! The server is killed with -9 at every step, before and after the step was recorded: the run goes on, and its
//! promotion lands exactly once.

use slipway_testkit::SlipwayProcess;

use crate::support::{Bench, DEADLINE, slipway, text};

const MOMENTS: [&str; 2] = ["before", "after"];
const STATES: [&str; 6] = ["training", "evaluating", "gating", "publishing", "promoting", "done"];

#[tokio::test]
async fn a_server_killed_at_any_state_goes_on_and_promotes_exactly_once() {
    let (mut tried, mut landed) = (0, 0);
    let mut bench = Bench::start().await;
    for state in STATES {
        for moment in MOMENTS {
            let point = format!("{moment}:{state}");
            bench.restart(&["--crash-at", &point]).await;
            let before = bench.promotions().await;
            let head = bench.push_with("seed: 7", &format!("seed: {}", 100 + tried)).await;
            let mut dying = bench.take_server();
            let ended = dying.wait().await.expect("it dies");
            assert!(!ended.success(), "{point}: the server was not killed");
            drop(dying);
            bench.restart(&[]).await;
            let run = bench.end_of(&head).await;
            assert_eq!(text(&run, "state"), "done", "{point}: {run:#}");
            assert_eq!(bench.promotions().await, before + 1, "{point}: the promotion is lost or doubled");
            assert_eq!(text(&run, "promotion_commit"), bench.world.environment_tip().await.expect("a tip"), "{point}");
            let way: Vec<&str> =
                run["transitions"].as_array().expect("a way").iter().map(|step| text(step, "to")).collect();
            assert_eq!(
                way,
                ["queued", "training", "evaluating", "gating", "publishing", "promoting", "done"],
                "{point}"
            );
            tried += 1;
            landed += bench.promotions().await - before;
        }
    }
    assert_eq!((tried, landed), (12, 12));
    assert_eq!(bench.api().runs().await.expect("runs").len(), 12, "no run was started twice");
    bench.finish().await;
}

#[tokio::test]
async fn a_server_killed_while_it_trains_leaves_no_trainer_and_trains_again() {
    let mut bench = Bench::start().await;
    let head = bench.push_with("epochs: 4", "epochs: 400").await;
    let training = |run: &serde_json::Value| run["head"] == head.as_str() && run["state"] == "training";
    let run = bench.api().wait_for_run("training", DEADLINE, training).await.expect("it trains");
    bench.api().wait_for_log(text(&run, "id"), DEADLINE).await.expect("its trainer speaks");
    let server = bench.take_server();
    let trainers = server.children().expect("children");
    assert_eq!(trainers.len(), 1);
    server.kill_9().await.expect("killed");
    let gone = tokio::time::timeout(DEADLINE, async {
        while trainers.iter().any(|trainer| is_running(*trainer)) {
            tokio::task::yield_now().await;
        }
    });
    gone.await.expect("the trainer ends with its server");
    bench.restart(&[]).await;
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    bench.finish().await;
}

/// Whether a process is there and is not just waiting to be reaped.
fn is_running(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}

#[tokio::test]
async fn a_delivery_acknowledged_right_before_a_kill_is_not_lost() {
    let mut bench = Bench::start().await;
    // The repository cannot be read while the delivery is, so that it is still unread when the server dies.
    bench.world.git.set_faults(|faults| faults.unavailable = true);
    let head = bench.world.work.commit("a first model").await.expect("a commit");
    bench.world.git.set_faults(|faults| faults.unavailable = false);
    let server = bench.take_server();
    let address = server.address().to_owned();
    bench.world.models.remove_hook("post-receive").expect("removed");
    assert!(bench.world.work.push("main").await.expect("pushed").success());
    bench.world.git.set_faults(|faults| faults.unavailable = true);
    let zero = "0".repeat(40);
    let body = serde_json::json!({"ref": "refs/heads/main", "before": zero, "after": head}).to_string();
    let signature = slipway_forge::Secret::new(slipway_testkit::demo::SECRET).expect("a secret").sign(body.as_bytes());
    let headers = [("x-slipway-event", "push"), ("x-slipway-delivery", "d-1"), ("x-hub-signature-256", &*signature)];
    let api = slipway_testkit::Api::at(address);
    let answer = api.send("POST", "/webhooks/digits", &headers, body.into_bytes()).await.expect("an answer");
    assert_eq!(answer.status, 202);
    server.kill_9().await.expect("killed");
    bench.world.git.set_faults(|faults| faults.unavailable = false);
    bench.restart(&[]).await;
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    bench.finish().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_state_does_not_start() {
    let bench = Bench::start().await;
    let error = SlipwayProcess::start(&slipway(), &bench.world.config(), &[]).await.expect_err("refused").to_string();
    assert!(error.contains("another server uses the state folder"), "{error}");
    bench.finish().await;
}
