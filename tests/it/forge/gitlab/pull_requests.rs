//! Changes at a GitLab: opened, pushed to, commanded, closed, and from a fork.

use slipway_testkit::gitlab::{Delivery, GitLab};
use slipway_testkit::{Repository, WorkTree};

use super::{CHECK, READER, WRITER, World};
use crate::support::{DEADLINE, MODEL, text};

#[tokio::test]
async fn a_pull_request_at_gitlab_is_one_status_a_model_and_one_note_however_its_deliveries_come() {
    let world = World::start().await;
    let first = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.gitlab.open_merge_request("better", WRITER).await.expect("a merge request");
    let opened = world.gitlab.waiting();
    let twice: Vec<_> = opened.iter().flat_map(|delivery| [delivery.clone(), delivery.by_another_hook()]).collect();
    world.send(&twice).await;
    world.send(&opened).await;
    world.ended(&first, CHECK, "success").await;
    world.ended(&first, "slipway", "success").await;
    let note = world.note_that_says(number, "1 of 1 models passed").await;
    assert!(note.contains(&first[..12]) && note.contains("The gate passed"), "{note}");
    let [status] = &world.gitlab.statuses(&first, CHECK)[..] else { panic!("one status") };
    let history = world.gitlab.history(status);
    assert!(history.len() <= 3 && history.contains(&"running"), "{history:?}");
    let calls = world.gitlab.requests();
    assert!(calls.len() <= 9, "a question who we are, and eight: {calls:#?}");

    // The next push is told of before the first is told of again.
    let second = world.bench.propose_model("seed: 7", "seed: 9").await;
    world.gitlab.deliver_push_event(number).await.expect("noticed");
    let mut deliveries = world.gitlab.waiting();
    deliveries.extend(deliveries.clone().iter().map(Delivery::by_another_hook));
    deliveries.extend(opened.iter().map(|delivery| delivery.by_another_hook().by_another_hook()));
    world.send(&deliveries).await;
    world.ended(&second, CHECK, "success").await;
    world.note_that_says(number, &format!("Revision `{}`", &second[..12])).await;
    world.note_that_says(number, "1 of 1 models passed").await;
    assert_eq!(world.gitlab.our_notes(number).len(), 1);
    for head in [&first, &second] {
        for name in [CHECK, "slipway"] {
            assert_eq!(world.gitlab.statuses(head, name).len(), 1, "{name} at {head}");
        }
    }
    assert_eq!(world.bench.promotions().await, 0);
    world.bench.finish().await;
}

#[tokio::test]
async fn a_command_in_a_note_is_followed_once_if_gitlab_says_that_its_account_may() {
    let world = World::start().await;
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.gitlab.open_merge_request("better", WRITER).await.expect("a merge request");
    world.deliver().await;
    world.ended(&head, "slipway", "success").await;
    let first = world.gitlab.statuses(&head, CHECK)[0]["id"].clone();
    let runs = || async { world.bench.api().runs().await.expect("runs").len() };
    for (account, command, answer, emoji, after) in [
        (READER, "/slipway retrain", "Refused", "confused", 1),
        (READER, "/slipway explain", "trained: ", "thumbsup", 1),
        (WRITER, "/slipway retrain --now", "Not understood", "confused", 1),
        (WRITER, "/slipway retrain", "has started", "thumbsup", 2),
    ] {
        let id = world.gitlab.write_note(number, account, command);
        let deliveries = world.gitlab.waiting();
        world.send(&deliveries).await;
        world.send(&deliveries.iter().map(Delivery::by_another_hook).collect::<Vec<_>>()).await;
        let said = world.note_that_says(number, &format!("slipway:answer:{id} ")).await;
        assert!(said.contains(answer), "{command}: {said}");
        let awards = |gitlab: &GitLab| Some(gitlab.awards(id)).filter(|awards| !awards.is_empty());
        let awards = world.gitlab.wait_for("an emoji", DEADLINE, awards).await.expect("an emoji");
        assert_eq!(awards, [emoji], "{command}");
        assert_eq!(runs().await, after, "{command}");
    }
    let again = |gitlab: &GitLab| {
        let statuses = gitlab.statuses(&head, CHECK);
        statuses.into_iter().find(|status| status["id"] != first && status["status"] == "success")
    };
    world.gitlab.wait_for("the end of the second run", DEADLINE, again).await.expect("it ends");
    assert_eq!(world.gitlab.statuses(&head, CHECK).len(), 1, "it took the place of the first");
    assert_eq!(world.gitlab.our_notes(number).len(), 5, "four answers and the note of the change");
    world.bench.finish().await;
}

#[tokio::test]
async fn closing_a_pull_request_at_gitlab_ends_its_run() {
    let world = World::start().await;
    let head = world.bench.propose_model("epochs: 4", "epochs: 4000").await;
    let number = world.gitlab.open_merge_request("better", WRITER).await.expect("a merge request");
    world.deliver().await;
    let training = |run: &serde_json::Value| run["state"] == "training";
    world.bench.api().wait_for_run("it trains", DEADLINE, training).await.expect("it trains");
    world.gitlab.close(number);
    world.deliver().await;
    assert_ne!(text(&world.bench.end_of(&head).await, "state"), "done");
    world.ended(&head, CHECK, "canceled").await;
    world.bench.until_no_trainer_is_left(DEADLINE).await;
    world.bench.finish().await;
}

#[tokio::test]
async fn a_pull_request_from_a_fork_at_gitlab_is_judged_and_reported_though_no_branch_has_its_commit() {
    let world = World::start().await;
    let folder = &world.bench.world.folder;
    let fork = Repository::init_bare(folder.join("fork.git")).await.expect("a repository");
    let upstream = world.bench.world.models.path().to_string_lossy().into_owned();
    fork.git(&["fetch", "--quiet", &upstream, "refs/heads/main:refs/heads/main"]).await.expect("a fork");
    let work = WorkTree::clone(&fork.path().to_string_lossy(), folder.join("fork")).await.expect("a clone");
    work.write("slipway.yaml", MODEL.replace("seed: 7", "seed: 8")).expect("written");
    let head = work.commit("a change").await.expect("a commit");
    assert!(work.push("theirs").await.expect("pushed").success());
    let number = world.gitlab.open_merge_request_from(&fork, "theirs", 77).await.expect("a merge request");
    world.deliver().await;
    world.ended(&head, CHECK, "success").await;
    world.ended(&head, "slipway", "success").await;
    world.note_that_says(number, "1 of 1 models passed").await;
    assert_eq!(world.gitlab.statuses(&head, CHECK)[0]["ref"], "theirs");
    assert_eq!(world.bench.promotions().await, 0);
    world.bench.finish().await;
}

#[tokio::test]
async fn a_draft_at_gitlab_gets_a_report_that_it_is_not_judged_where_that_is_set_and_is_judged_once_it_is_ready() {
    let mut world = World::start().await;
    world.bench.set("judge_drafts: false").await;
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.gitlab.open_draft("better", WRITER).await.expect("a merge request");
    world.deliver().await;
    world.ended(&head, "slipway", "success").await;
    let [deliveries] = &world.gitlab.statuses(&head, "slipway")[..] else { panic!("one status") };
    assert_eq!(deliveries["description"], "drafts are not judged until they are marked as ready");
    assert!(world.gitlab.statuses(&head, CHECK).is_empty());

    world.gitlab.mark_ready(number);
    world.deliver().await;
    world.ended(&head, CHECK, "success").await;
    world.note_that_says(number, "1 of 1 models passed").await;
    world.bench.finish().await;
}
