//! Changes: opened, pushed to, untouched models, mistakes, merge groups.

use serde_json::json;
use slipway_testkit::github::{Delivery, GitHub};

use super::World;

const CHECK: &str = "slipway/digits";

#[tokio::test]
async fn a_pull_request_is_one_check_a_model_and_one_comment_however_its_deliveries_come() {
    let world = World::start().await;
    let first = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    let opened = world.github.waiting();
    let twice: Vec<_> = opened.iter().flat_map(|delivery| [delivery.clone(), delivery.by_another_hook()]).collect();
    world.send(&twice).await;
    world.send(&opened).await;

    let check = world.ended_check(&first, CHECK).await;
    assert_eq!(check["conclusion"], "success", "{check:#}");
    assert_eq!(check["actions"][0]["identifier"], "retrain");
    let history = world.github.history(&check);
    assert_eq!(history.last().map(String::as_str), Some("completed:success"));
    assert!(history.len() <= 3 && history[..history.len() - 1].iter().all(|state| !state.contains(':')), "{history:?}");
    assert!(history.iter().any(|state| state == "in_progress"), "{history:?}");
    assert_eq!(world.ended_check(&first, "slipway").await["conclusion"], "success");
    let comment = world.comment_that_says(number, "1 of 1 models passed").await;
    assert!(comment.contains(&first[..12]) && comment.contains("The gate passed"), "{comment}");
    let calls = world.github.requests();
    let calls = calls.iter().filter(|call| !call.path.contains("/app/") && !call.path.ends_with("/installation"));
    // Which repository the source is, is asked once, whatever changes there are.
    let calls = calls.filter(|call| call.path != "/repos/team/models");
    assert!(calls.clone().count() <= 8, "{:#?}", calls.collect::<Vec<_>>());

    // The next push is told of before the first is told of again.
    let second = world.bench.propose_model("seed: 7", "seed: 9").await;
    world.github.deliver_push_event(number).await.expect("noticed");
    let mut deliveries: Vec<_> = world.github.waiting().into_iter().filter(|one| one.event == "pull_request").collect();
    deliveries.extend(deliveries.clone().iter().map(slipway_testkit::github::Delivery::by_another_hook));
    deliveries.extend(opened.iter().map(|delivery| delivery.by_another_hook().by_another_hook()));
    world.send(&deliveries).await;
    world.ended_check(&second, CHECK).await;
    world.comment_that_says(number, &format!("Revision `{}`", &second[..12])).await;
    world.comment_that_says(number, "1 of 1 models passed").await;
    assert_eq!(world.github.our_comments(number).len(), 1);
    for head in [&first, &second] {
        for name in [CHECK, "slipway"] {
            assert_eq!(world.github.checks(head, name).len(), 1, "{name} at {head}");
        }
    }
    assert_eq!(world.bench.promotions().await, 0);
    world.bench.finish().await;
}

#[tokio::test]
async fn a_pull_request_that_touches_no_model_is_neutral_and_is_not_commented_on() {
    let world = World::start().await;
    let head = world.bench.propose(&[("README.md", "hello".to_owned())]).await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    let check = world.ended_check(&head, "slipway").await;
    assert_eq!(check["conclusion"], "neutral", "{check:#}");
    assert!(world.github.our_comments(number).is_empty());
    world.bench.finish().await;
}

#[tokio::test]
async fn a_revision_that_asks_to_be_skipped_says_so_in_its_check_on_the_branch_and_in_a_pull_request() {
    let world = World::start().await;
    let work = &world.bench.world.work;
    let before = world.bench.world.models.rev_parse("refs/heads/main").await.expect("a branch");
    work.write("slipway.yaml", crate::support::MODEL.replace("epochs: 4", "epochs: 6")).expect("written");
    let on_branch = world.bench.push("Six epochs\n\nSlipway: skip\n").await;
    world.github.deliver_push("main", &before, &on_branch, super::WRITER);
    world.deliver().await;
    work.git(&["checkout", "-q", "-B", "better", "main"]).await.expect("a branch");
    work.write("slipway.yaml", crate::support::MODEL.replace("epochs: 4", "epochs: 7")).expect("written");
    let of_pull_request = work.commit("Seven epochs [skip slipway]").await.expect("a commit");
    assert!(work.push_with("better", &["--force"]).await.expect("pushed").success());
    world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    // Whoever proposes a change writes its messages: a required check does not pass by them.
    for (head, mark, conclusion) in
        [(&on_branch, "Slipway: skip", "neutral"), (&of_pull_request, "[skip slipway]", "action_required")]
    {
        let check = world.ended_check(head, "slipway").await;
        assert_eq!(check["conclusion"], conclusion, "{check:#}");
        let said = format!("skipped: nothing is trained, because the message of {} contains {mark}", &head[..12]);
        assert!(check.to_string().contains(&said), "{check:#}");
        assert!(world.github.checks(head, CHECK).is_empty(), "no model of it is judged");
    }
    // Nor by what a merge queue would merge, whose message may be the change's title.
    world.github.form_merge_group(1).await.expect("a merge group");
    world.deliver().await;
    assert_eq!(world.ended_check(&of_pull_request, CHECK).await["conclusion"], "success");
    world.bench.finish().await;
}

#[tokio::test]
async fn a_skipped_revision_is_judged_once_somebody_who_may_push_asks_for_it() {
    let world = World::start().await;
    let work = &world.bench.world.work;
    work.git(&["checkout", "-q", "-B", "better", "main"]).await.expect("a branch");
    work.write("slipway.yaml", crate::support::MODEL.replace("epochs: 4", "epochs: 7")).expect("written");
    let head = work.commit("Seven epochs [skip slipway]").await.expect("a commit");
    assert!(work.push_with("better", &["--force"]).await.expect("pushed").success());
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    let command = format!("/slipway judge {head}");
    let check = world.ended_check(&head, "slipway").await;
    assert!(check["conclusion"] == "action_required" && check.to_string().contains(&command), "{check:#}");
    world.github.write_comment(number, super::WRITER, &command);
    world.deliver().await;
    assert_eq!(world.ended_check(&head, CHECK).await["conclusion"], "success");
    assert_eq!(world.ended_check(&head, "slipway").await["conclusion"], "success");
    world.bench.finish().await;
}

#[tokio::test]
async fn mistakes_are_shown_at_their_lines_and_what_a_pull_request_chose_stays_text() {
    let world = World::start().await;
    let hostile = "epochs: '<img src=x> @everyone'";
    let head = world.bench.propose_model("epochs: 4", hostile).await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    world.deliver().await;
    let check = world.ended_check(&head, CHECK).await;
    assert_eq!(check["conclusion"], "failure", "{check:#}");
    let line = crate::support::MODEL.lines().position(|line| line.contains("epochs")).expect("a line") + 1;
    let annotation = &check["annotations"][0];
    assert_eq!((&annotation["path"], &annotation["start_line"]), (&json!("slipway.yaml"), &json!(line)), "{check:#}");
    assert_eq!(check["annotations"].as_array().map(Vec::len), Some(1), "each is there once");
    let comment = world.comment_that_says(number, "0 of 1 models passed").await;
    assert!(!comment.contains("<img") && !comment.contains("@everyone"), "{comment}");
    world.bench.finish().await;
}

#[tokio::test]
async fn what_a_merge_queue_would_merge_is_judged_like_a_pull_request() {
    let world = World::start().await;
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    // The delivery of the change itself is lost.
    drop(world.github.waiting());
    world.github.form_merge_group(number).await.expect("a merge group");
    world.deliver().await;
    assert_eq!(world.ended_check(&head, CHECK).await["conclusion"], "success");
    assert_eq!(world.ended_check(&head, "slipway").await["conclusion"], "success");
    assert_eq!(world.bench.promotions().await, 0);
    world.bench.finish().await;
}

impl World {
    /// Proposes a model that is not judged yet, opens its change with `open`, and answers its number, its head and the
    /// delivery, once its check says `title`.
    async fn propose_unjudged(&self, open: impl AsyncFn(&GitHub) -> u64, title: &str) -> (u64, String, Delivery) {
        let head = self.bench.propose_model("seed: 7", "seed: 8").await;
        let number = open(&self.github).await;
        let opened = self.github.waiting();
        self.send(&opened).await;
        let check = self.ended_check(&head, "slipway").await;
        assert_eq!(check["conclusion"], "neutral", "{check:#}");
        assert_eq!(check["output"]["title"], title);
        (number, head, opened[0].clone())
    }
}

#[tokio::test]
async fn a_draft_gets_a_report_that_it_is_not_judged_where_that_is_set_and_is_judged_once_it_is_ready() {
    let mut world = World::start().await;
    world.bench.set("judge_drafts: false").await;
    let open = async |github: &GitHub| github.open_draft("better", 1).await.expect("a pull request");
    let title = "drafts are not judged until they are marked as ready";
    let (number, head, opened) = world.propose_unjudged(open, title).await;
    let of_head = async || {
        let runs = world.bench.api().runs().await.expect("runs");
        runs.iter().filter(|run| run["head"] == head.as_str()).count()
    };
    assert_eq!(of_head().await, 0);

    world.github.mark_ready(number);
    world.deliver().await;
    assert_eq!(world.ended_check(&head, CHECK).await["conclusion"], "success");
    world.comment_that_says(number, "1 of 1 models passed").await;
    // What tells of the draft comes once more, from another hook and late.
    world.send(&[opened.by_another_hook()]).await;
    world.until_all_is_read().await;
    let checks = world.github.checks(&head, "slipway");
    assert_eq!((checks.len(), &checks[0]["conclusion"]), (1, &json!("success")), "{checks:#?}");
    assert_eq!(of_head().await, 1);
    world.bench.finish().await;
}

#[tokio::test]
async fn a_draft_is_judged_like_any_pull_request_where_nothing_else_is_set() {
    let world = World::start().await;
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_draft("better", 1).await.expect("a pull request");
    world.deliver().await;
    assert_eq!(world.ended_check(&head, CHECK).await["conclusion"], "success");
    world.github.mark_ready(number);
    world.deliver().await;
    world.comment_that_says(number, "1 of 1 models passed").await;
    assert_eq!(world.github.checks(&head, CHECK).len(), 1);
    world.bench.finish().await;
}

#[tokio::test]
async fn a_pull_request_without_the_label_that_is_asked_for_is_neutral_and_is_judged_once_it_has_it() {
    let mut world = World::start().await;
    world.bench.set("label: train").await;
    let open = async |github: &GitHub| github.open_pull("better", 1).await.expect("a pull request");
    let title = "pull requests are only judged with the required label";
    let (number, head, opened) = world.propose_unjudged(open, title).await;
    world.github.label(number, "documentation");
    world.deliver().await;
    world.github.label(number, "train");
    world.deliver().await;
    assert_eq!(world.ended_check(&head, CHECK).await["conclusion"], "success");
    world.comment_that_says(number, "1 of 1 models passed").await;
    world.send(&[opened.by_another_hook()]).await;
    world.until_all_is_read().await;
    assert_eq!(world.github.checks(&head, "slipway").pop().expect("a check")["conclusion"], "success");
    world.bench.finish().await;
}
