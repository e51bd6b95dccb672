//! `slipway runs` and `slipway deliveries` against a running server.

use serde_json::Value;
use slipway_domain::RunEvent;

use super::world::{ApiWorld, output_of, run};

fn json(output: &std::process::Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", output_of(output));
    serde_json::from_slice(&output.stdout).expect("JSON in a pipe")
}

#[tokio::test]
async fn runs_and_deliveries_are_listed_shown_and_operated_from_the_command_line() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    for number in 1..8 {
        world.record_as(run("fashion", "coat", number), &[RunEvent::Refused], false).await;
    }
    let promoted = world.record_promoted(run("digits", "zero", 8)).await;
    for line in 0..1203 {
        world.store.append_log(promoted.id, &format!("line {line}")).await.expect("a line");
    }
    let stalled = world.record_as(run("digits", "one", 9), &[RunEvent::Planned], true).await;
    let world = world.start().await;
    let list = json(&world.ask(&["runs", "list", "--source", "fashion", "--limit", "5"]).await);
    assert_eq!((list["runs"].as_array().map(Vec::len), list["next"].is_string()), (Some(5), true));
    let list = json(&world.ask(&["runs", "list", "--stalled"]).await);
    assert_eq!(list["runs"][0]["id"], stalled.id.to_string());
    let id = promoted.id.to_string();
    assert_eq!(json(&world.ask(&["runs", "show", &id]).await)["state"], "done");
    assert_eq!(json(&world.ask(&["runs", "explain", &id]).await)["parts"][0]["name"], "data");
    let log = json(&world.ask(&["runs", "log", &id]).await);
    assert_eq!(log["lines"].as_array().map(Vec::len), Some(1203), "all pages of it");
    let stalled = stalled.id.to_string();
    assert_eq!(json(&world.ask(&["runs", "cancel", &stalled]).await)["state"], "cancelled");
    let again = world.ask(&["runs", "cancel", &stalled]).await;
    assert_eq!(again.status.code(), Some(2), "{}", output_of(&again));
    let deliveries = json(&world.ask(&["deliveries", "list", "--source", "digits"]).await);
    assert_eq!(deliveries["deliveries"].as_array().map(Vec::len), Some(2));
    assert_eq!(json(&world.ask(&["deliveries", "show", "digits", &id]).await)["body"], "{}");
    assert_eq!(json(&world.ask(&["deliveries", "replay", "digits", &id]).await)["state"], "pending");
    let unknown = world.ask(&["deliveries", "show", "digits", "../../tokens"]).await;
    assert_eq!(unknown.status.code(), Some(2), "{}", output_of(&unknown));
    assert!(output_of(&unknown).contains("has no delivery `../../tokens`"), "{}", output_of(&unknown));
    world.finish().await;
}

#[tokio::test]
async fn mistakes_on_the_command_line_are_reported_with_what_to_do() {
    let world = ApiWorld::started().await;
    std::fs::write(world.path("token"), "a-token-that-nobody-knows").expect("written");
    let refused = world.ask(&["runs", "list"]).await;
    assert_eq!(refused.status.code(), Some(2), "{}", output_of(&refused));
    assert!(output_of(&refused).contains("the token is not known"), "{}", output_of(&refused));
    assert!(output_of(&refused).contains("`slipway tokens create`"), "{}", output_of(&refused));
    let state = world.ask(&["runs", "list", "--state", "asleep"]).await;
    assert_eq!(state.status.code(), Some(2), "{}", output_of(&state));
    assert!(output_of(&state).contains("expected one of queued, training"), "{}", output_of(&state));
    let nobody = world.ask(&["runs", "show", "../secrets"]).await;
    assert_eq!(nobody.status.code(), Some(2), "{}", output_of(&nobody));
    world.finish().await;
}

#[tokio::test]
async fn completions_and_pages_for_man_are_made_from_the_commands_themselves() {
    let world = ApiWorld::new("").await;
    for (shell, expected) in [("bash", "_slipway()"), ("zsh", "#compdef slipway"), ("fish", "complete -c slipway")] {
        let script = std::process::Command::new(crate::support::slipway()).args(["completions", shell]).output();
        let script = script.expect("it ran");
        assert_eq!(script.status.code(), Some(0));
        let text = output_of(&script);
        assert!(text.contains(expected) && text.contains("deliveries"), "{shell}: {text}");
    }
    let folder = world.path("man").display().to_string();
    let generate = |more: &[&str]| {
        let arguments = [&["generate", "man", "--folder", &folder], more].concat();
        std::process::Command::new(crate::support::slipway()).args(arguments).output().expect("it ran")
    };
    assert_eq!(generate(&["--check"]).status.code(), Some(1), "nothing is there yet");
    assert_eq!(generate(&[]).status.code(), Some(0));
    assert_eq!(generate(&["--check"]).status.code(), Some(0));
    let page = std::fs::read_to_string(world.path("man/slipway-runs-list.1")).expect("a page");
    assert!(page.contains(".TH") && page.contains("stalled"), "{page}");
}
