//! GitHub with a token instead of an App: commit statuses take the place of checks, and everything else is the same.

use slipway_testkit::github::{GitHub, ROBOT_TOKEN, Refusal};

use super::{READER, WRITER, World};
use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS};

const CHECK: &str = "slipway/digits";
const PUBLIC: &str = "https://slipway.example";

impl World {
    async fn start_with_token() -> Self {
        let mut bench = Bench::without_server(&format!("web: {{public_url: \"{PUBLIC}\"}}\n{DEFAULT_SETTINGS}")).await;
        let github = GitHub::start(bench.world.models.clone()).await.expect("a GitHub");
        github.permit(WRITER, "grace", "write");
        github.permit(READER, "eve", "read");
        let url = github.url();
        let api = format!("forge: github, api: {{url: \"{url}\", repository: team/models, token: {{file: ./robot}}}}");
        bench.move_to_forge(&api, ("robot", ROBOT_TOKEN)).await;
        Self { bench, github }
    }

    /// What the newest status of a name at a commit says once it has ended.
    async fn ended_status(&self, head: &str, context: &str) -> serde_json::Value {
        let ended = |github: &GitHub| {
            let newest = github.statuses(head).into_iter().rev().find(|status| status["context"] == context);
            newest.filter(|status| status["state"] != "pending")
        };
        self.github.wait_for(&format!("the end of `{context}`"), DEADLINE, ended).await.expect("it ends")
    }
}

#[tokio::test]
async fn with_a_token_a_pull_request_is_reported_by_statuses_and_one_comment_and_commands_are_followed() {
    let world = World::start_with_token().await;
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    let opened = world.github.waiting();
    let twice: Vec<_> = opened.iter().flat_map(|delivery| [delivery.clone(), delivery.by_another_hook()]).collect();
    world.send(&twice).await;
    let status = world.ended_status(&head, CHECK).await;
    assert_eq!(status["state"], "success", "{status:#}");
    let page = status["target_url"].as_str().expect("a link");
    assert!(page.starts_with(&format!("{PUBLIC}/runs/")), "{page}");
    assert_eq!(world.ended_status(&head, "slipway").await["state"], "success");
    let comment = world.comment_that_says(number, "1 of 1 models passed").await;
    assert!(
        comment.contains(page) && comment.contains("The gate passed") && comment.contains("Trained in"),
        "{comment}"
    );
    assert!(world.github.checks(&head, CHECK).is_empty(), "only an App has checks");
    let of_model = world.github.statuses(&head).into_iter().filter(|status| status["context"] == CHECK).count();
    assert!((2..=3).contains(&of_model), "each state is told once: {of_model}");

    for (account, command, answer, sign) in
        [(READER, "/slipway retrain", "Refused", "confused"), (WRITER, "/slipway retrain", "has started", "+1")]
    {
        let id = world.github.write_comment(number, account, command);
        let deliveries = world.github.waiting();
        let again: Vec<_> = deliveries.iter().map(slipway_testkit::github::Delivery::by_another_hook).collect();
        world.send(&deliveries).await;
        world.send(&again).await;
        let said = world.comment_that_says(number, &format!("slipway:answer:{id} ")).await;
        assert!(said.contains(answer), "{said}");
        let signs = |github: &GitHub| Some(github.reactions(id)).filter(|signs| !signs.is_empty());
        assert_eq!(world.github.wait_for("a sign", DEADLINE, signs).await.expect("a sign"), [sign]);
    }
    let runs = || async { world.bench.api().runs().await.expect("runs") };
    assert_eq!(runs().await.len(), 2, "told twice, it is begun once");
    let second = runs().await[0]["id"].clone();
    let ended = |run: &serde_json::Value| run["id"] == second && run["state"] == "done";
    world.bench.api().wait_for_run("the end of the second", DEADLINE, ended).await.expect("it ends");
    assert_eq!(world.github.our_comments(number).len(), 3, "two answers and the comment of the change");
    world.bench.finish().await;
}

#[tokio::test]
async fn with_a_token_what_has_nothing_to_say_is_a_success_and_mistakes_are_in_the_comment() {
    let world = World::start_with_token().await;
    let untouched = world.bench.propose(&[("README.md", "hello".to_owned())]).await;
    world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    let status = world.ended_status(&untouched, "slipway").await;
    assert_eq!((&status["state"], &status["description"]), (&"success".into(), &"no model is affected".into()));

    let broken = world.bench.propose_model("epochs: 4", "epochs: many").await;
    world.github.deliver_push_event(1).await.expect("noticed");
    world.deliver().await;
    assert_eq!(world.ended_status(&broken, CHECK).await["state"], "failure");
    let comment = world.comment_that_says(1, "0 of 1 models passed").await;
    assert!(comment.contains("slipway.yaml:") && comment.contains("epochs"), "{comment}");
    world.bench.finish().await;
}

#[tokio::test]
async fn with_a_token_what_a_merge_queue_would_merge_is_reported_by_a_status() {
    let world = World::start_with_token().await;
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    // The delivery of the change itself is lost.
    drop(world.github.waiting());
    world.github.form_merge_group(number).await.expect("a merge group");
    world.deliver().await;
    assert_eq!(world.ended_status(&head, CHECK).await["state"], "success");
    assert_eq!(world.ended_status(&head, "slipway").await["state"], "success");
    world.bench.finish().await;
}

#[tokio::test]
async fn a_forge_that_limits_and_loses_answers_has_one_comment_with_a_token_too() {
    let world = World::start_with_token().await;
    world.github.refuse(1, Refusal::Secondary);
    world.github.refuse(1, Refusal::Broken);
    // Statuses and one comment are made, and Slipway does not hear of it.
    world.github.lose_answers("POST", 4);
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    assert_eq!(world.ended_status(&head, CHECK).await["state"], "success");
    assert_eq!(world.ended_status(&head, "slipway").await["state"], "success");
    world.comment_that_says(number, "1 of 1 models passed").await;
    // Whatever is still to be told is told before the answer to a comment that follows it.
    world.github.write_comment(number, 1, "/slipway help");
    world.deliver().await;
    world.comment_that_says(number, "slipway:answer:").await;
    let summaries = world.github.our_comments(number).into_iter().filter(|text| text.contains("slipway:change"));
    assert_eq!(summaries.count(), 1);
    assert!(!world.bench.server().errors().contains(ROBOT_TOKEN), "the log holds the token");
    world.bench.finish().await;
}
