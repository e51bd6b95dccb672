//! Two servers share a PostgreSQL. One is stopped in the middle of a run, past its lease, and goes on later.

use serde_json::Value;
use slipway_testkit::SlipwayProcess;

use super::postgres;
use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS, slipway, text};

#[tokio::test]
async fn a_server_that_was_stopped_past_its_lease_can_record_nothing_and_promotes_nothing() {
    let postgres = postgres();
    let shared = "artifacts: {folder: ./artifacts}\nstore: {postgres: {url: {file: ./database}}}";
    let more = format!("{DEFAULT_SETTINGS}\nlimits: {{lease: 2s}}\n{shared}");
    let mut bench = Bench::without_server(&more).await;
    std::fs::write(bench.world.folder.join("database"), postgres.database().expect("a database")).expect("written");
    bench.restart(&[]).await;
    let head = bench.push_with("epochs: 4", "epochs: 300").await;
    let training = |run: &Value| run["head"] == head.as_str() && run["state"] == "training";
    let run = bench.api().wait_for_run("training", DEADLINE, training).await.expect("it trains");
    bench.api().wait_for_log(text(&run, "id"), DEADLINE).await.expect("its trainer speaks");
    bench.server().pause(true).expect("stopped");

    let settings = std::fs::read_to_string(bench.world.config()).expect("settings");
    let second = bench.world.folder.join("second.yaml");
    std::fs::write(&second, settings.replace("state: ./state", "state: ./state-of-the-second")).expect("written");
    let other = SlipwayProcess::start(&slipway(), &second, &[]).await.expect("a second server");
    let ended = other.api().wait_for_end(&head, DEADLINE).await.expect("the second server takes the run over");
    assert_eq!(text(&ended, "state"), "done", "{ended:#}");
    assert_eq!(bench.promotions().await, 1);

    bench.server().pause(false).expect("it goes on");
    let next = bench.push_with("epochs: 4", "epochs: 301").await;
    let promoted = bench.end_of(&next).await;
    assert_eq!(text(&promoted, "state"), "done", "{promoted:#}");
    let runs = bench.api().runs().await.expect("runs");
    assert_eq!(runs.len(), 2, "{runs:#?}");
    assert_eq!(bench.promotions().await, 2, "one for each push");
    let first = bench.api().run(text(&run, "id")).await.expect("the first run");
    let ways: Vec<&str> = first["transitions"].as_array().expect("a way").iter().map(|step| text(step, "to")).collect();
    assert_eq!(ways, ["queued", "training", "evaluating", "gating", "publishing", "promoting", "done"]);
    println!("1 server stopped past its lease: 2 runs tried, 2 promoted, 0 lost, 0 doubled");
    assert!(other.children().expect("children").is_empty());
    assert!(other.terminate().await.expect("it ends").success());
    bench.finish().await;
}
