//! What a check and a comment say beyond the verdict: the page of the run and its picture, what it cost, the lines of the
//! policy that do not hold, and that something took too long.

use serde_json::json;

use super::World;
use crate::support::{DEFAULT_SETTINGS, POLICY};

const CHECK: &str = "slipway/digits";
const PUBLIC: &str = "https://slipway.example";

#[tokio::test]
async fn a_check_leads_to_the_page_of_its_run_which_nobody_else_finds() {
    let world = World::start_with(&format!("web: {{public_url: \"{PUBLIC}/\"}}\n{DEFAULT_SETTINGS}")).await;
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    let check = world.ended_check(&head, CHECK).await;
    let link = check["details_url"].as_str().expect("a link");
    let path = link.strip_prefix(PUBLIC).unwrap_or_else(|| panic!("{link} leads elsewhere"));
    // The only model's page is the revision's.
    assert_eq!(world.ended_check(&head, "slipway").await["details_url"], link);

    let unauthenticated = slipway_testkit::Api::at(world.bench.server().address());
    let page = unauthenticated.get(path).await.expect("an answer");
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.headers["content-security-policy"].contains("default-src 'none'"), "{:?}", page.headers);
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    for part in ["digits: done", "<h2>Verdict</h2>", "Trained in", "<h2>History</h2>", &*head] {
        assert!(page.text.contains(part), "`{part}` is not in {}", page.text);
    }
    let comment = world.comment_that_says(number, "1 of 1 models passed").await;
    assert!(comment.contains(link) && comment.contains("Trained in"), "{comment}");
    let picture = path.replacen('?', "/verdict.svg?", 1);
    assert!(comment.contains(&format!("]({PUBLIC}{picture})")), "{comment}");
    let picture = unauthenticated.get(&picture).await.expect("an answer");
    assert!(picture.text.starts_with("<svg"), "{}", picture.text);
    assert_eq!(picture.headers["content-type"], "image/svg+xml; charset=utf-8");

    let (address, key) = path.split_once("?key=").expect("a key");
    let unknown = "/runs/01a20cf5-81a7-743a-b9a9-2b00f57f7e69";
    let refused = [
        address.to_owned(),
        format!("{address}?key={}", &key[2..]),
        format!("{unknown}?key={key}"),
        "/runs/x".to_owned(),
    ];
    let mut answers = Vec::new();
    for path in &refused {
        let answer = unauthenticated.get(path).await.expect("an answer");
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        answers.push(answer.text);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "a stranger learns which runs there are: {answers:?}");
    world.bench.finish().await;
}

#[tokio::test]
async fn without_an_address_of_the_server_nothing_links_to_it() {
    let world = World::start().await;
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    assert!(!world.ended_check(&head, CHECK).await["details_url"].to_string().contains("?key="));
    let comment = world.comment_that_says(number, "1 of 1 models passed").await;
    assert!(!comment.contains("/runs/") && comment.contains("Trained in"), "{comment}");
    world.bench.finish().await;
}

#[tokio::test]
async fn a_check_of_the_policy_that_does_not_hold_is_shown_at_its_line() {
    let world = World::start().await;
    // Steps so small that nothing is learnt.
    let head = world.bench.propose_model("learning_rate: 1e-2", "learning_rate: 1e-9").await;
    world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    let check = world.ended_check(&head, CHECK).await;
    assert_eq!(check["conclusion"], "failure", "{check:#}");
    let line = POLICY.lines().position(|line| line.contains("accuracy")).expect("a line") + 1;
    let annotation = &check["annotations"][0];
    assert_eq!((&annotation["path"], &annotation["start_line"]), (&json!("policy.yaml"), &json!(line)), "{check:#}");
    assert_eq!(annotation["annotation_level"], "failure");
    world.bench.finish().await;
}

#[tokio::test]
async fn a_training_that_takes_longer_than_it_may_has_timed_out() {
    let world = World::start_with(&DEFAULT_SETTINGS.replace("deadline: 5m", "deadline: 5s")).await;
    let head = world.bench.propose_model("epochs: 4", "epochs: 4000").await;
    world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    let check = world.ended_check(&head, CHECK).await;
    assert_eq!(check["conclusion"], "timed_out", "{check:#}");
    assert_eq!(world.ended_check(&head, "slipway").await["conclusion"], "timed_out");
    world.bench.finish().await;
}
