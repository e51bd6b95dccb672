//! Changes at a real Gitea: statuses, the one comment, commands.

use slipway_testkit::gitea::Brand;

use super::{CHECK, World};
use crate::support::{DEADLINE, MODEL};

#[tokio::test]
async fn a_pull_request_is_judged_and_commented_on_once_and_its_commands_are_followed_by_permission() {
    let Some(world) = World::start(Brand::Gitea, "same_repository", "").await else { return };
    let number = is_judged_and_commented_on_once(&world).await;
    let models = world.models();

    // Commands: by one who may only look, by one who may push, and by one who writes none.
    let runs = async || world.bench.api().runs().await.expect("runs");
    let before = runs().await.len();
    for (token, text, answer, sign) in [
        (&world.people.eve.1, "/slipway retrain", "Refused", "confused"),
        (&world.people.eve.1, "/slipway explain", "trained: ", "+1"),
        (&world.people.grace.1, "/slipway retrain --now", "Not understood", "confused"),
        (&world.people.grace.1, "/slipway retrain", "has started", "+1"),
    ] {
        let id = models.write_comment(number, token, text).await.expect("written");
        let said = world.comment_that_says(number, &format!("slipway:answer:{id} ")).await;
        assert!(said.contains(answer), "{text}: {said}");
        let signed = async |project: &slipway_testkit::gitea::Project<'_>| {
            Ok(Some(project.signs(id).await?).filter(|signs| !signs.is_empty()))
        };
        let signs = models.wait_for("a sign", DEADLINE, signed).await.expect("a sign");
        assert_eq!(signs, [sign], "{text}");
    }
    assert_eq!(runs().await.len(), before + 1, "one was begun, by the one who may");
    let again = runs().await[0]["id"].clone();
    let ended = |run: &serde_json::Value| run["id"] == again && run["state"] == "done";
    world.bench.api().wait_for_run("the end of what was begun again", DEADLINE, ended).await.expect("it ends");
    world.bench.finish().await;
}

/// This Forgejo answers 500 to whoever writes a comment below a pull request through its API, though it is written: it is
/// found again, and no second one is written. People's commands are left out for that: nobody is told of them.
#[tokio::test]
#[ignore = "make test-forgejo"]
async fn a_pull_request_at_a_real_forgejo_is_judged_and_commented_on_once() {
    let Some(world) = World::start(Brand::Forgejo, "same_repository", "").await else { return };
    is_judged_and_commented_on_once(&world).await;
    world.bench.finish().await;
}

/// Answers its number.
async fn is_judged_and_commented_on_once(world: &World) -> u64 {
    world.bench.promote_a_first_model().await;
    let models = world.models();
    let first = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = models.open_pull(&world.people.grace.1, "better").await.expect("a pull request");
    world.status(&first, CHECK, "success").await;
    world.status(&first, "slipway", "success").await;
    let comment = world.comment_that_says(number, "1 of 1 models passed").await;
    assert!(comment.contains(&first[..12]) && comment.contains("The gate passed"), "{comment}");

    let second = world.bench.propose_model("seed: 7", "seed: 9").await;
    world.status(&second, CHECK, "success").await;
    world.comment_that_says(number, &format!("Revision `{}`", &second[..12])).await;
    let ours = models.comments_of(number, &world.people.slipway).await.expect("comments");
    assert_eq!(ours.len(), 1, "one comment, updated");
    number
}

#[tokio::test]
async fn every_status_is_there_where_they_are_more_than_a_page() {
    const MODELS: usize = 55;
    let Some(world) = World::start(Brand::Gitea, "same_repository", "").await else { return };
    world.bench.promote_a_first_model().await;
    // Broken, so that none of them trains.
    let paths: Vec<String> = (0..MODELS).map(|index| format!("many/{index}/slipway.yaml")).collect();
    let broken = MODEL.replace("epochs: 4", "epochs: many");
    let of = |index: usize| broken.replace("name: digits", &format!("name: digits-{index}"));
    let files: Vec<_> = paths.iter().enumerate().map(|(index, path)| (path.as_str(), of(index))).collect();
    let head = world.bench.propose(&files).await;
    let number = world.models().open_pull(&world.people.grace.1, "better").await.expect("a pull request");
    let all_failed = async |project: &slipway_testkit::gitea::Project<'_>| {
        let statuses = project.statuses(&head).await?;
        let failed = statuses.iter().filter(|status| status["status"] == "failure").count();
        Ok((failed == MODELS + 1).then_some(statuses.len()))
    };
    let what = "the status of each model and the revision's";
    let all = world.models().wait_for(what, DEADLINE, all_failed).await.expect("all are told");
    assert_eq!(all, MODELS + 1);
    world.comment_that_says(number, &format!("0 of {MODELS} models passed")).await;
    world.bench.finish().await;
}
