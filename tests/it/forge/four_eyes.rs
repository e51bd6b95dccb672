//! Four eyes: whoever pushed, opened or wrote a revision cannot approve it alone, whatever the commit says of its author.

use serde_json::Value;

use super::{WRITER, World};
use crate::environments::world::{command, digits_in, prepare, run_to, waiting_for, write_settings};
use crate::support::{DEADLINE, text};

/// `grace` acts by the token of these tests, and her account may push; `ada` is whose address all commits carry.
const PEOPLE: &str = "people: [{name: grace, tokens: [settings], accounts: [\"github:11\"]}, \
                      {name: ada, tokens: [ada], accounts: [\"github:1\"]}]";
const ONE: &[(&str, &str)] = &[("staging", "approvals: {number: 1}")];

impl World {
    async fn with_four_eyes() -> Self {
        Self::start_at_github(prepare(ONE, PEOPLE).await).await
    }

    /// Approves by the command line as `grace`; answers the API's answer and what was said beside it.
    async fn approve_as_grace(&self) -> (Value, String) {
        let output = command(&self.bench, &["approve", "digits", "staging"]).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        (serde_json::from_slice(&output.stdout).expect("JSON"), said)
    }

    /// The reason that holds back what waits once it says something.
    async fn waits_because(&self, part: &str) -> String {
        let says = |run: &Value| text(run, "state") == "waiting" && text(run, "reason").contains(part);
        let run = run_to(&self.bench, "staging", &format!("one that waits because of `{part}`"), says).await;
        text(&run, "reason").to_owned()
    }
}

/// `git -c user.email=ada@example.com`, pushed by grace: she does not become somebody else than she is.
#[tokio::test]
async fn who_pushes_under_the_address_of_another_cannot_approve_it_alone() {
    let world = World::with_four_eyes().await;
    let head = world.push_as(11, 1).await;
    waiting_for(&world.bench, "staging").await;
    let (approved, said) = world.approve_as_grace().await;
    assert_eq!(approved["counts"], Value::Bool(true), "{approved:#} {said}");
    assert_eq!(text(&world.bench.end_of(&head).await, "state"), "done", "ada pushed it, and grace approved it");

    world.push_as(12, WRITER).await;
    waiting_for(&world.bench, "staging").await;
    let (approved, said) = world.approve_as_grace().await;
    assert_eq!(approved["counts"], Value::Bool(false), "{approved:#}");
    assert!(text(&approved, "objection").starts_with("grace pushed"), "{approved:#}");
    assert!(said.contains("does not count alone: grace pushed"), "{said}");
    world.waits_because("that of its author alone does not suffice: grace pushed").await;
    assert_eq!(world.bench.promotions().await, 1);
    world.bench.finish().await;
}

#[tokio::test]
async fn a_comment_of_the_author_is_answered_that_the_approval_does_not_count() {
    let world = World::with_four_eyes().await;
    world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_pull("better", WRITER).await.expect("a pull request");
    world.deliver().await;
    world.comment_that_says(number, "1 of 1 models passed").await;
    let asked = world.github.write_comment(number, WRITER, "/slipway approve staging");
    world.deliver().await;
    let answer = world.comment_that_says(number, &format!("slipway:answer:{asked} ")).await;
    assert!(answer.contains("does not count alone: grace opened the change of"), "{answer}");
    let asked = world.github.write_comment(number, 1, "/slipway approve staging");
    world.deliver().await;
    let answer = world.comment_that_says(number, &format!("slipway:answer:{asked} ")).await;
    assert!(answer.contains("does not count alone: ada wrote"), "{answer}");
    world.bench.finish().await;
}

/// An address that no forge knows may be anybody's: until somebody says whose it is, nobody is certainly somebody else.
#[tokio::test]
async fn an_address_that_nobody_knows_counts_as_the_approver_until_it_is_named() {
    let mut world = World::with_four_eyes().await;
    world.github.link_email("ada@example.com", None);
    let head = world.push_as(11, 1).await;
    waiting_for(&world.bench, "staging").await;
    let (approved, _) = world.approve_as_grace().await;
    let objection = text(&approved, "objection").to_owned();
    assert!(objection.contains("add `ada@example.com` to the `emails` of somebody in `people`"), "{objection}");
    world.waits_because("add `ada@example.com`").await;
    assert_eq!(world.bench.promotions().await, 0);

    // Once it is named, the approval that is there counts.
    let named = PEOPLE.replace("tokens: [ada]", "tokens: [ada], emails: [ada@example.com]");
    let before = std::fs::read_to_string(world.bench.world.config()).expect("settings");
    assert!(before.contains(PEOPLE));
    std::fs::write(world.bench.world.config(), before.replace(PEOPLE, &named)).expect("written");
    world.bench.restart(&[]).await;
    world.bench.world.models.remove_hook("post-receive").expect("removed");
    assert_eq!(text(&world.bench.api().wait_for_end(&head, DEADLINE).await.expect("it ends"), "state"), "done");
    world.bench.finish().await;
}

/// What was pushed before counts until the environment names it: somebody else's next push does not wash it clean.
#[tokio::test]
async fn what_was_pushed_since_the_champion_counts_and_not_only_the_last_push() {
    let world = World::with_four_eyes().await;
    let first = world.push_as(11, 1).await;
    waiting_for(&world.bench, "staging").await;
    world.approve_as_grace().await;
    assert_eq!(text(&world.bench.end_of(&first).await, "state"), "done");

    world.push_as(12, WRITER).await;
    waiting_for(&world.bench, "staging").await;
    let head = world.push_as(13, 1).await;
    let waits = |run: &Value| text(run, "state") == "waiting" && text(run, "head") == head;
    run_to(&world.bench, "staging", "what ada pushed on top", waits).await;
    let (approved, _) = world.approve_as_grace().await;
    assert!(text(&approved, "objection").starts_with("grace pushed"), "{approved:#}");
    let model = digits_in(&world.bench, "staging").await;
    assert_eq!(model["active_runs"].as_array().map(Vec::len), Some(1), "{model:#}");
    assert_eq!(world.bench.promotions().await, 1);
    world.bench.finish().await;
}

#[tokio::test]
async fn on_a_plain_git_server_who_pushed_is_whom_it_names_to_its_hooks() {
    let people = "people: [{name: kim, tokens: [settings], accounts: [\"plain:kim\"]}, \
                  {name: ada, emails: [ada@example.com], accounts: [\"plain:ada\"]}]";
    let mut bench = prepare(ONE, people).await;
    write_settings(&bench, ONE, people);
    bench.restart(&[]).await;
    let hook = bench.world.models.path().join("hooks/post-receive");
    let script = std::fs::read_to_string(&hook).expect("a hook");
    let named = script.replace("exec ", "REMOTE_USER=ada exec ");
    bench.world.models.install_hook("post-receive", &named).expect("installed");
    let head = bench.push("a first model").await;
    waiting_for(&bench, "staging").await;
    let output = command(&bench, &["approve", "digits", "staging"]).await;
    let approved: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(approved["counts"], Value::Bool(true), "{approved:#}");
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");

    // Where it names nobody, nobody is certainly somebody else.
    bench.world.models.install_hook("post-receive", &script).expect("installed");
    let head = bench.push_with("seed: 7", "seed: 8").await;
    let waits = |run: &Value| text(run, "state") == "waiting" && text(run, "head") == head;
    run_to(&bench, "staging", "a push of nobody", waits).await;
    let output = command(&bench, &["approve", "digits", "staging"]).await;
    let approved: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(text(&approved, "objection").starts_with("who pushed"), "{approved:#}");
    assert_eq!(bench.promotions().await, 1);
    bench.finish().await;
}
