//! The database goes away while a model is trained, for longer than the run's lease. The training is not for nothing.

use std::time::Duration;

use serde_json::Value;

use super::postgres;
use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS, text};

const OUTAGES: usize = 3;

#[tokio::test]
async fn a_training_outlives_crashes_of_the_database_and_is_done_once() {
    let mut postgres = postgres();
    let shared = "artifacts: {folder: ./artifacts}\nstore: {postgres: {url: {file: ./database}}}";
    let mut bench = Bench::without_server(&format!("{DEFAULT_SETTINGS}\nlimits: {{lease: 2s}}\n{shared}")).await;
    let database = postgres.database().expect("a database");
    std::fs::write(bench.world.folder.join("database"), &database).expect("written");
    bench.restart(&[]).await;
    let head = bench.push_with("epochs: 4", "epochs: 400").await;
    let training = |run: &Value| run["head"] == head.as_str() && run["state"] == "training";
    let run = bench.api().wait_for_run("training", DEADLINE, training).await.expect("it trains");
    let id = text(&run, "id").to_owned();
    bench.api().wait_for_log(&id, DEADLINE).await.expect("its trainer speaks");
    let at_work = bench.server().children().expect("children");
    assert_eq!(at_work.len(), 1);
    for _ in 0..OUTAGES {
        // Nothing can be written for longer than the lease holds.
        postgres = tokio::task::spawn_blocking(move || {
            postgres.crash_and_restart_after(Duration::from_secs(3)).expect("restarted");
            postgres
        })
        .await
        .expect("restarted");
    }
    let ended = bench.end_of(&head).await;
    assert_eq!(text(&ended, "state"), "done", "{ended:#}");
    let steps = bench.api().run(&id).await.expect("a run")["transitions"].clone();
    let trained = steps.as_array().expect("steps").iter().filter(|step| text(step, "to") == "training").count();
    let log = bench.api().log(&id).await.expect("a log");
    let begun = log.iter().filter(|line| line.contains("\"epoch\":1,")).count();
    println!(
        "{OUTAGES} outages of the database past the lease: 1 training tried, {begun} begun, {trained} recorded, 0 lost"
    );
    assert_eq!((trained, begun), (1, 1), "{log:#?}");
    bench.finish().await;
}
