//! Changes from forks: judged by what the source itself says, with nothing of its secrets.

use std::os::unix::fs::PermissionsExt as _;

use slipway_testkit::WorkTree;
use slipway_testkit::gitea::Brand;

use super::{CHECK, MODELS, SCOPES, World};
use crate::support::{DEFAULT_SETTINGS, MODEL, POLICY};

/// Forks the source as somebody who has no part in it, and opens a change there that lowers the policy as well.
async fn propose(world: &World) -> (u64, String) {
    let mallory = world.gitea.person("mallory").await.expect("an account");
    let token = world.gitea.token(&mallory, SCOPES).await.expect("a token");
    let fork = world.models().fork(&token).await.expect("a fork");
    let url = world.gitea.clone_url(&fork, "mallory", &token);
    let work = WorkTree::clone(&url, world.bench.world.folder.join("fork")).await.expect("a clone");
    work.git(&["checkout", "-q", "-b", "better", "origin/main"]).await.expect("a branch");
    work.write("slipway.yaml", MODEL.replace("epochs: 4", "epochs: 5")).expect("written");
    work.write("policy.yaml", POLICY.replace("at_least: 0.7", "at_least: 0.0")).expect("written");
    let head = work.commit("let me in").await.expect("a commit");
    let pushed = work.push("better").await.expect("pushed");
    assert!(pushed.success(), "{}", pushed.stderr);
    (world.models().open_pull(&token, "mallory:better").await.expect("a pull request"), head)
}

#[tokio::test]
async fn a_pull_request_from_a_fork_is_judged_by_the_base_and_without_the_sources_secrets() {
    judges_a_fork_by_the_base(Brand::Gitea).await;
}

#[tokio::test]
#[ignore = "make test-forgejo"]
async fn a_pull_request_from_a_fork_at_a_real_forgejo_is_judged_by_the_base_and_without_the_sources_secrets() {
    judges_a_fork_by_the_base(Brand::Forgejo).await;
}

async fn judges_a_fork_by_the_base(brand: Brand) {
    // The trainer, but for one thing: it first tells what it can see.
    let folder = tempfile::tempdir().expect("a folder");
    let trainer = folder.path().join("trainer");
    let real = crate::support::slipway().with_file_name("slipway-trainer");
    let seen = folder.path().join("seen");
    let script = format!(
        "#!/bin/bash\n(env; echo \"$@\"; cat \"${{@: -1}}\" 2>/dev/null; find . -type f -size -64k -exec cat {{}} +) >>'{}' 2>&1\nexec '{}' \"$@\"\n",
        seen.display(),
        real.display()
    );
    std::fs::write(&trainer, script).expect("written");
    std::fs::set_permissions(&trainer, std::fs::Permissions::from_mode(0o755)).expect("a program");
    let Some(mut world) = World::start(brand, "all", "").await else { return };
    let config = world.bench.world.config();
    let settings = std::fs::read_to_string(&config).expect("settings");
    let with_trainer = format!("trainer: \"{}\", threads", trainer.display());
    assert!(DEFAULT_SETTINGS.contains("threads"));
    std::fs::write(&config, settings.replace("threads", &with_trainer)).expect("written");
    world.restart().await;
    world.bench.promote_a_first_model().await;

    let (number, head) = propose(&world).await;
    world.status(&head, CHECK, "success").await;
    let comment = world.comment_that_says(number, "1 of 1 models passed").await;
    assert!(comment.contains("0.7"), "the policy is the base's, not the fork's: {comment}");
    let seen = std::fs::read(&seen).expect("the trainer ran");
    let seen = String::from_utf8_lossy(&seen);
    assert!(seen.contains("slipway"), "it was told something: {seen}");
    let robot = std::fs::read_to_string(config.with_file_name("robot")).expect("a token");
    for secret in [robot.as_str(), slipway_testkit::demo::SECRET, slipway_testkit::demo::API_TOKEN] {
        assert!(!seen.contains(secret), "the trainer sees a secret");
    }
    assert_eq!(world.bench.promotions().await, 1, "the change promoted nothing");
    world.bench.finish().await;
}

#[tokio::test]
async fn a_pull_request_from_a_fork_gets_a_report_that_it_is_not_judged_where_that_is_set() {
    let Some(world) = World::start(Brand::Gitea, "same_repository", "").await else { return };
    world.bench.promote_a_first_model().await;
    let (_, head) = propose(&world).await;
    world.status(&head, "slipway", "error").await;
    let of_head = async || {
        let runs = world.bench.api().runs().await.expect("runs");
        runs.iter().filter(|run| run["head"] == head.as_str()).count()
    };
    assert_eq!(of_head().await, 0, "{MODELS}");
    world.bench.finish().await;
}
