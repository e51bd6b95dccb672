//! Programs of forks: none runs before somebody who may push has approved exactly the revision.

use super::{READER, WRITER, World};
use crate::support::{program_files, text};

#[tokio::test]
async fn the_program_of_a_fork_runs_only_after_approval_of_its_revision() {
    let mut world = World::start().await;
    world.bench.set("commands: {allowed: true, memory: 512MiB, deadline: 1m}").await;
    let head = world.bench.propose(&program_files()).await;
    let number = world.github.open_pull_of_fork("better", READER).await.expect("a pull request");
    world.deliver().await;
    let waits = world.ended_check(&head, "slipway").await;
    assert_eq!(waits["conclusion"], "action_required", "{waits:#}");
    assert!(world.bench.api().runs().await.expect("runs").is_empty(), "nothing was begun");
    world.github.write_comment(number, WRITER, &format!("/slipway judge {head}"));
    world.deliver().await;
    let check = world.ended_check(&head, "slipway/digits").await;
    let runs = world.bench.api().runs().await.expect("runs");
    assert!(!text(&runs[0], "artifact").is_empty(), "{check:#} {runs:#?}");
    world.bench.finish().await;
}

#[tokio::test]
async fn the_program_of_a_fork_is_refused_where_forks_need_no_approval() {
    let mut world = World::start().await;
    world.bench.set("pull_requests: all, commands: {allowed: true}").await;
    let head = world.bench.propose(&program_files()).await;
    world.github.open_pull_of_fork("better", READER).await.expect("a pull request");
    world.deliver().await;
    let check = world.ended_check(&head, "slipway/digits").await;
    assert_eq!(check["conclusion"], "failure", "{check:#}");
    assert!(check.to_string().contains("nobody has approved that its command runs"), "{check:#}");
    let runs = world.bench.api().runs().await.expect("runs");
    assert!(text(&runs[0], "artifact").is_empty(), "{runs:#?}");
    world.bench.finish().await;
}
