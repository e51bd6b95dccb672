//! Every way a trainer can end, told apart on the run; the server is unhurt.

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS, text};

/// A training that would take an hour.
const LONG: (&str, &str) = ("epochs: 4", "epochs: 10000");

/// Pushes a long training and waits until its trainer works.
async fn train_long(bench: &Bench) -> (String, u32) {
    let head = bench.push_with(LONG.0, LONG.1).await;
    let training = |run: &serde_json::Value| run["head"] == head.as_str() && run["state"] == "training";
    let run = bench.api().wait_for_run("training", DEADLINE, training).await.expect("it trains");
    let id = text(&run, "id").to_owned();
    bench.api().wait_for_log(&id, DEADLINE).await.expect("its trainer speaks");
    let trainers = bench.server().children().expect("children");
    assert_eq!(trainers.len(), 1);
    (id, trainers[0])
}

async fn end(bench: &Bench, id: &str) -> serde_json::Value {
    let run = bench.api().run(id).await.expect("a run");
    bench.end_of(text(&run, "head")).await
}

/// Ends a trainer by a signal.
fn signal(trainer: u32, signal: Signal) {
    let trainer = Pid::from_raw(i32::try_from(trainer).expect("a process")).expect("a process");
    kill_process(trainer, signal).expect("ended");
}

/// The trainer that works once those that were seen before are gone.
async fn next_trainer(bench: &Bench, seen: &[u32]) -> u32 {
    let working = async {
        loop {
            match bench.server().children().expect("children").as_slice() {
                [trainer] if !seen.contains(trainer) => return *trainer,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(DEADLINE, working).await.expect("a trainer is started")
}

#[tokio::test]
async fn a_trainer_that_crashes_fails_the_run_with_that_reason() {
    let bench = Bench::start().await;
    let (id, trainer) = train_long(&bench).await;
    // As libtorch ends the process when one of its own assertions fails.
    signal(trainer, Signal::ABORT);
    let run = end(&bench, &id).await;
    assert_eq!(text(&run, "state"), "failed");
    assert!(text(&run, "reason").starts_with("the trainer was ended by signal 6"), "{}", text(&run, "reason"));
    assert!(run["artifact"].is_null());
    assert_eq!(text(&bench.promote_a_first_model_again().await, "state"), "done", "the server goes on");
    bench.finish().await;
}

#[tokio::test]
async fn a_trainer_that_is_killed_from_outside_is_started_again_and_the_run_goes_on() {
    let bench = Bench::start().await;
    let head = bench.push_with("epochs: 4", "epochs: 300").await;
    signal(next_trainer(&bench, &[]).await, Signal::KILL);
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    bench.finish().await;
}

#[tokio::test]
async fn a_trainer_that_is_killed_every_time_is_started_three_times_and_then_a_person_is_waited_for() {
    let bench = Bench::start().await;
    let head = bench.push_with(LONG.0, LONG.1).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let trainer = next_trainer(&bench, &seen).await;
        signal(trainer, Signal::KILL);
        seen.push(trainer);
    }
    let stalled = |run: &serde_json::Value| run["head"] == head.as_str() && run["stalled"] == true;
    let run = bench.api().wait_for_run("a wait for a person", DEADLINE, stalled).await.expect("it is stalled");
    let reason = text(&run, "reason");
    assert!(reason.starts_with("the trainer was killed from outside (signal 9)"), "{reason}");
    assert_eq!(run["attempts"], 3, "{run:#}");
    let retry = format!("/api/v1/runs/{}/retry", text(&run, "id"));
    assert_eq!(bench.api().post(&retry).await.expect("an answer").status, 200);
    next_trainer(&bench, &seen).await;
    let cancel = format!("/api/v1/runs/{}/cancel", text(&run, "id"));
    assert_eq!(bench.api().post(&cancel).await.expect("an answer").status, 200);
    assert_eq!(text(&bench.promote_a_first_model_again().await, "state"), "done", "the server goes on");
    bench.finish().await;
}

#[tokio::test]
async fn a_trainer_over_its_deadline_is_ended_with_everything_it_started() {
    let bench = Bench::start_with("executor: {local: {deadline: 3s, memory: 4GiB, threads: 1}}").await;
    let head = bench.push_with(LONG.0, LONG.1).await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "failed");
    assert!(
        text(&run, "reason").starts_with("the trainer was still running at its deadline of 3s"),
        "{}",
        text(&run, "reason")
    );
    bench.finish().await;
}

#[tokio::test]
async fn a_trainer_over_its_memory_is_ended() {
    let bench = Bench::start_with("executor: {local: {deadline: 5m, memory: 256MiB, threads: 1}}").await;
    let head = bench.push_with("- linear: 10", "- linear: 65000\n      - linear: 10").await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "failed", "{run:#}");
    assert!(text(&run, "reason").starts_with("the trainer ran out of memory:"), "{}", text(&run, "reason"));
    assert!(text(&run, "reason").contains("256 MiB allowed"), "{}", text(&run, "reason"));
    bench.finish().await;
}

#[tokio::test]
async fn a_run_that_is_cancelled_ends_its_trainer() {
    let bench = Bench::start().await;
    let (id, trainer) = train_long(&bench).await;
    let cancel = format!("/api/v1/runs/{id}/cancel");
    let answer = bench.api().send("POST", &cancel, &[], Vec::new()).await.expect("an answer");
    assert_eq!(answer.json["state"], "cancelled", "{}", answer.text);
    let gone = tokio::time::timeout(std::time::Duration::from_secs(5), async {
        while bench.server().children().expect("children").contains(&trainer) {
            tokio::task::yield_now().await;
        }
    });
    gone.await.expect("the trainer is ended");
    assert_eq!(bench.api().send("POST", &cancel, &[], Vec::new()).await.expect("an answer").status, 409);
    assert_eq!(text(&bench.promote_a_first_model_again().await, "state"), "done", "the server goes on");
    bench.finish().await;
}

#[tokio::test]
async fn a_server_that_is_asked_to_stop_ends_its_trainer_and_trains_again_later() {
    let mut bench = Bench::start().await;
    let head = bench.push_with("epochs: 4", "epochs: 300").await;
    let training = |run: &serde_json::Value| run["head"] == head.as_str() && run["state"] == "training";
    bench.api().wait_for_run("training", DEADLINE, training).await.expect("it trains");
    let ended = bench.take_server().terminate().await.expect("it ends");
    assert!(ended.success(), "{ended}");
    bench.restart(&[]).await;
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    bench.finish().await;
}

#[tokio::test]
async fn a_trainer_that_cannot_be_started_is_tried_again() {
    let mut bench = Bench::without_server("executor: {local: {trainer: ./nothing}}").await;
    bench.restart(&[]).await;
    let head = bench.push("a first model").await;
    let waits =
        |run: &serde_json::Value| run["head"] == head.as_str() && text(run, "reason").contains("could not be started");
    bench.api().wait_for_run("a wait", DEADLINE, waits).await.expect("it waits");
    let settings = bench.world.settings(DEFAULT_SETTINGS);
    std::fs::write(bench.world.config(), settings).expect("written");
    bench.restart(&[]).await;
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    bench.finish().await;
}
