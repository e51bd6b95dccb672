//! SIGHUP: the settings are read again while everything goes on.

use slipway_testkit::Answer;

use crate::support::{Bench, DEADLINE, text};

/// Replaces a text of the settings, has them read again, and waits until the server has done so or refused to.
async fn reload(bench: &Bench, (old, new): (&str, &str), outcome: &str, times: usize) {
    let before = std::fs::read_to_string(bench.world.config()).expect("settings");
    assert!(before.contains(old), "`{old}` is not in the settings");
    std::fs::write(bench.world.config(), before.replacen(old, new, 1)).expect("written");
    bench.server().reload().expect("told");
    let line = format!("slipway_settings_reloads_total{{outcome=\"{outcome}\"}} {times}");
    let is_there = |answer: &Answer| answer.text.lines().any(|counted| counted == line);
    bench.api().wait_for(&line, "/metrics", DEADLINE, is_there).await.expect("reloaded");
}

async fn webhook(bench: &Bench, source: &str) -> u16 {
    let json = [("content-type", "application/json")];
    let sent = bench.api().send("POST", &format!("/webhooks/{source}"), &json, b"{}".to_vec()).await;
    sent.expect("an answer").status
}

/// A source more, at the place of the environments' key.
fn another(bench: &Bench) -> String {
    format!(
        "- {{name: second, forge: plain, url: \"{}\", secret: {{file: ./secret}}, environment: staging}}\nenvironments:",
        bench.world.git.url("models.git")
    )
}

#[tokio::test]
async fn a_source_that_was_added_is_served_and_what_needs_a_restart_is_said() {
    let bench = Bench::start().await;
    assert_eq!(webhook(&bench, "second").await, 404);
    reload(&bench, ("environments:", &another(&bench)), "done", 1).await;
    assert_eq!(webhook(&bench, "second").await, 401, "it is known, and this is not signed");
    let run = bench.promote_a_first_model().await;
    assert_eq!(text(&run, "state"), "done", "the other source is served as before");
    reload(&bench, ("listen: 127.0.0.1:0", "listen: 127.0.0.1:1"), "done", 2).await;
    assert!(bench.server().errors().contains("changes of `listen` need a restart"), "{}", bench.server().errors());
    reload(&bench, (&another(&bench), "environments:"), "done", 3).await;
    assert_eq!(webhook(&bench, "second").await, 404, "what was taken out is not served any more");
    bench.finish().await;
}

#[tokio::test]
async fn settings_that_do_not_hold_are_refused_with_the_reason_and_the_old_ones_stay() {
    let bench = Bench::start().await;
    reload(&bench, ("environment: staging", "environment: nowhere"), "refused", 1).await;
    let errors = bench.server().errors();
    assert!(errors.contains("`nowhere` is not among `environments`"), "{errors}");
    reload(&bench, ("kind: Server", "kind: [Server"), "refused", 2).await;
    let run = bench.promote_a_first_model().await;
    assert_eq!(text(&run, "state"), "done");
    bench.finish().await;
}

#[tokio::test]
async fn a_training_that_is_under_way_is_neither_lost_nor_repeated() {
    let bench = Bench::start().await;
    let head = bench.push_with("epochs: 4", "epochs: 600").await;
    let training = |run: &serde_json::Value| run["head"] == head.as_str() && run["state"] == "training";
    let run = bench.api().wait_for_run("training", DEADLINE, training).await.expect("it trains");
    bench.api().wait_for_log(text(&run, "id"), DEADLINE).await.expect("its trainer speaks");
    let trainers = bench.server().children().expect("children");
    reload(&bench, ("environments:", &another(&bench)), "done", 1).await;
    assert_eq!(bench.server().children().expect("children"), trainers, "the same process goes on");
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    let log = bench.api().log(text(&run, "id")).await.expect("a log");
    let first = log.first().expect("a line");
    assert_eq!(log.iter().filter(|line| *line == first).count(), 1, "it was trained once: {log:#?}");
    bench.finish().await;
}
