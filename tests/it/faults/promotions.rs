//! Promotions under faults: many at once, beside writers of other tools, through kills at any moment, and by two servers.
//! Each lands exactly once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use jiff::Timestamp;
use slipway_contract::Digest;
use slipway_domain::{Actor, CommitSha, Run, RunCause, RunState, SourceName};
use slipway_store::{RunFilter, Store};
use slipway_testkit::{Repository, SlipwayProcess, WorkTree};

use super::World;
use crate::support::{DEADLINE, slipway, text};

pub(super) const MODELS: usize = 40;
const KILLS: usize = 50;

fn name(text: &str) -> SourceName {
    SourceName::try_from(text.to_owned()).expect("a name")
}

pub(super) fn model(number: usize) -> String {
    format!("model-{number}")
}

/// A run of a model that passed everything and is to be promoted next; `before` is what its environment names.
pub(super) fn passed(number: usize, round: usize, before: Option<Digest>) -> Run {
    let head: CommitSha = format!("{:040x}", round * 1_000 + number + 1).parse().expect("a commit");
    let now = Timestamp::now();
    let cause = RunCause {
        source: name("models"),
        model: model(number),
        file: format!("{}/slipway.yaml", model(number)),
        branch: "main".to_owned(),
        pull_request: None,
        base: None,
        head,
        environment: name("staging"),
        delivered_at: now,
    };
    let artifact = Some(Digest::of(format!("weights {number} of round {round}").as_bytes()));
    Run::queued(cause, now).with(|run| {
        run.status.state = RunState::Promoting;
        run.training.artifact = artifact;
        run.judgement.champion = before;
    })
}

impl World {
    pub(super) fn environment(&self) -> Repository {
        Repository::at(self.path().join("repositories/environment.git"))
    }

    async fn clone_of_environment(&self, folder: &str) -> WorkTree {
        WorkTree::clone(&self.git.url("environment.git"), self.path().join(folder)).await.expect("a clone")
    }

    /// Manifests that mark so many models, a file each.
    pub(super) async fn mark_models(&self) {
        let clone = self.clone_of_environment("manifests").await;
        for number in 0..MODELS {
            let manifest = format!("# kept\nartifact: none # {{\"slipway\": \"{}:digest\"}}\n", model(number));
            clone.write(format!("apps/{}/values.yaml", model(number)), manifest).expect("written");
        }
        clone.commit("Mark the models").await.expect("committed");
        assert!(clone.push("main").await.expect("pushed").success());
    }

    /// A store with so many runs that are to be promoted.
    pub(super) async fn filled(&self, runs: &[Run]) -> Store {
        // The store's folder is the server's to make.
        std::fs::create_dir_all(self.path().join("state-a")).expect("a folder");
        let store = self.store().await;
        for run in runs {
            store.open_run(run, &Actor::controller(), None).await.expect("recorded");
        }
        store
    }

    /// How many commits carry each promotion's trailer.
    pub(super) async fn landed(&self) -> BTreeMap<String, usize> {
        let format = ["--format=%(trailers:key=Slipway-Run,valueonly)"];
        let log = self.environment().log("main", &format).await.expect("a log");
        let mut landed = BTreeMap::new();
        for run in log.lines().map(str::trim).filter(|line| !line.is_empty()) {
            *landed.entry(run.to_owned()).or_default() += 1;
        }
        landed
    }
}

/// Waits until no run is under way.
pub(super) async fn all_ended(store: &Store) -> Vec<Run> {
    let ended = async {
        loop {
            let runs = store.runs(&RunFilter::default(), 10_000).await.expect("runs");
            let stalled: Vec<&Run> = runs.iter().filter(|run| run.status.stalled).collect();
            assert!(stalled.is_empty(), "{stalled:#?}");
            if runs.iter().all(|run| !run.status.state.is_active()) {
                return runs;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, ended).await.expect("every promotion ends")
}

/// Every run is done and has one commit; the rest of the manifests is as it was.
pub(super) async fn each_landed_once(world: &World, runs: &[Run]) -> (usize, usize) {
    let landed = world.landed().await;
    let lost = runs.iter().filter(|run| !landed.contains_key(&run.id.to_string())).count();
    let doubled = landed.values().filter(|count| **count > 1).count();
    assert!(
        runs.iter().all(|run| run.status.state == RunState::Done),
        "{:?}",
        runs.iter().map(|run| run.status.state).collect::<Vec<_>>()
    );
    assert_eq!((lost, doubled), (0, 0));
    world.environment().fsck().await.expect("the environment is whole");
    (lost, doubled)
}

#[tokio::test]
async fn forty_promotions_that_wait_share_pushes_beside_eight_writers_of_other_tools() {
    let world = World::on_sqlite().await;
    world.mark_models().await;
    let runs: Vec<Run> = (0..MODELS).map(|number| passed(number, 0, None)).collect();
    let store = world.filled(&runs).await;
    store.close().await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let clone = world.clone_of_environment(&format!("writer-{writer}")).await;
        writers.spawn(async move {
            let mut longest = std::time::Duration::ZERO;
            for number in 0..5 {
                clone.write(format!("notes/{writer}-{number}"), "by another tool").expect("written");
                clone.commit(&format!("Note {number} of {writer}")).await.expect("committed");
                let begun = Instant::now();
                while !clone.push("main").await.expect("it ran").success() {
                    clone.git(&["pull", "--quiet", "--rebase", "origin", "main"]).await.expect("rebased");
                }
                longest = longest.max(begun.elapsed());
            }
            longest
        });
    }
    let begun = Instant::now();
    let server = world.start().await;
    let store = world.store().await;
    let ended = all_ended(&store).await;
    let took = begun.elapsed();
    let longest = writers.join_all().await.into_iter().max().unwrap_or_default();
    let (lost, doubled) = each_landed_once(&world, &ended).await;
    let notes = world.environment().git(&["ls-tree", "-r", "--name-only", "main", "notes/"]).await.expect("listed");
    assert_eq!(notes.lines().count(), 40, "every note of the other tools is there");
    let manifest = world.environment().show("main", "apps/model-7/values.yaml").await.expect("a manifest");
    let artifact = runs[7].training.artifact.as_ref().expect("an artifact");
    assert_eq!(manifest.trim_end(), format!("# kept\nartifact: {artifact} # {{\"slipway\": \"model-7:digest\"}}"));
    println!(
        "{MODELS} promotions beside 40 commits of 8 other writers: {MODELS} tried, {} landed, {lost} lost, {doubled} \
         doubled in {took:?} from the server's start; the other writers' worst wait was {longest:?}",
        ended.len()
    );
    store.close().await;
    assert!(server.terminate().await.expect("it ends").success());
    world.finish().await;
}

/// Where a server is killed: at its start, when the git server is asked, and before, within and after the push.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Start,
    BeforeTheUpdate,
    AfterTheUpdate,
    Some(u64),
}

#[tokio::test]
async fn a_server_killed_fifty_times_while_it_promotes_lands_everything_once() {
    let world = World::on_sqlite().await;
    world.mark_models().await;
    let environment = world.environment();
    let seen = |word: &str| world.path().join(format!("seen-{word}"));
    for (hook, word) in [("pre-receive", "before"), ("post-receive", "after")] {
        let script = format!("#!/bin/sh\ntouch '{}'\n", seen(word).display());
        environment.install_hook(hook, &script).expect("installed");
    }
    let mut named: Vec<Option<Digest>> = vec![None; MODELS];
    let mut tried = 0;
    for round in 0..KILLS {
        let runs: Vec<Run> = (0..4)
            .map(|n| (round * 4 + n) % MODELS)
            .map(|number| passed(number, round, named[number].clone()))
            .collect();
        for (run, n) in runs.iter().zip(0..4) {
            named[(round * 4 + n) % MODELS].clone_from(&run.training.artifact);
        }
        tried += runs.len();
        let store = world.filled(&runs).await;
        store.close().await;
        for word in ["before", "after"] {
            let _ = std::fs::remove_file(seen(word));
        }
        let moment = match round % 5 {
            0 => Moment::Start,
            1 => Moment::BeforeTheUpdate,
            2 => Moment::AfterTheUpdate,
            n => Moment::Some((round as u64 * 7 + n as u64) % 40),
        };
        let server = world.start().await;
        await_moment(moment, &seen("before"), &seen("after")).await;
        server.kill_9().await.expect("killed");
        // What is left is done by the server that comes next: this round's rest before the next round begins.
        let server = world.start().await;
        let store = world.store().await;
        all_ended(&store).await;
        store.close().await;
        assert!(server.terminate().await.expect("it ends").success(), "{moment:?}");
    }
    let store = world.store().await;
    let ended = all_ended(&store).await;
    assert_eq!(ended.len(), tried);
    let (lost, doubled) = each_landed_once(&world, &ended).await;
    println!(
        "killed {KILLS} times while promoting: {tried} tried, {} landed, {lost} lost, {doubled} doubled",
        ended.len()
    );
    store.close().await;
    world.finish().await;
}

async fn await_moment(moment: Moment, before: &PathBuf, after: &PathBuf) {
    let wait_for = async |file: &PathBuf| {
        let there = async {
            while !file.exists() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, there).await.expect("the push comes so far");
    };
    match moment {
        Moment::Start => {}
        Moment::BeforeTheUpdate => wait_for(before).await,
        Moment::AfterTheUpdate => wait_for(after).await,
        Moment::Some(milliseconds) => tokio::time::sleep(std::time::Duration::from_millis(milliseconds)).await,
    }
}

#[tokio::test]
async fn two_servers_on_one_store_promote_everything_once() {
    let world = World::on_postgres().await;
    world.mark_models().await;
    let runs: Vec<Run> = (0..MODELS).map(|number| passed(number, 0, None)).collect();
    let store = world.filled(&runs).await;
    let second = world.write_settings("b");
    let first = world.start().await;
    let second = SlipwayProcess::start(&slipway(), &second, &[]).await.expect("a second server");
    let ended = all_ended(&store).await;
    let (lost, doubled) = each_landed_once(&world, &ended).await;
    let retried = ended.iter().filter(|run| run.status.attempts > 0).count();
    println!(
        "two servers: {MODELS} tried, {} landed, {lost} lost, {doubled} doubled, {retried} tried again",
        ended.len()
    );
    for server in [first, second] {
        assert!(!server.errors().contains("panicked"), "{}", server.errors());
        assert!(server.terminate().await.expect("it ends").success());
    }
    store.close().await;
    world.finish().await;
}

#[tokio::test]
async fn wrong_credentials_are_tried_once_and_then_a_person_is_waited_for() {
    let world = World::on_sqlite().await;
    world.mark_models().await;
    let runs = [passed(0, 0, None)];
    let store = world.filled(&runs).await;
    store.close().await;
    let login = slipway_testkit::Login { user: "slipway".to_owned(), password: "right".to_owned() };
    world.git.set_faults(|faults| faults.login = Some(login));
    let server = world.start().await;
    let api = server.api().with_token(slipway_testkit::demo::API_TOKEN);
    let stalled =
        api.wait_for_run("a wait for a person", DEADLINE, |run| run["stalled"] == true).await.expect("stalled");
    assert!(text(&stalled, "reason").contains("without credentials"), "{stalled:#}");
    assert_eq!(stalled["attempts"], 1, "{stalled:#}");
    assert!(world.landed().await.is_empty());
    assert!(server.terminate().await.expect("it ends").success());
    world.finish().await;
}

#[tokio::test]
async fn a_long_outage_of_the_git_server_is_said_once_and_stalls_nobody() {
    let world = World::on_sqlite().await;
    world.mark_models().await;
    // Nineteen attempts have failed, which takes about an hour.
    let runs = [passed(0, 0, None).with(|run| run.status.attempts = 19)];
    world.filled(&runs).await.close().await;
    world.git.set_faults(|faults| faults.unavailable = true);
    let server = world.start().await;
    let api = server.api().with_token(slipway_testkit::demo::API_TOKEN);
    let waits = api.wait_for_run("one more attempt", DEADLINE, |run| run["attempts"] == 20).await.expect("it tries");
    assert_eq!(waits["stalled"], false, "{waits:#}");
    let run = api.run(text(&waits, "id")).await.expect("a run");
    let steps = run["transitions"].as_array().expect("steps");
    let said = steps.iter().filter(|step| text(step, "cause").starts_with("still waiting after 20 attempts")).count();
    assert_eq!(said, 1, "{steps:#?}");
    assert!(server.terminate().await.expect("it ends").success());

    // When its pause is over, it goes on by itself.
    world.git.set_faults(|faults| faults.unavailable = false);
    let store = world.store().await;
    let later = Timestamp::now() + jiff::SignedDuration::from_mins(5);
    let claim = slipway_store::Claim { now: later, lease_duration: DEADLINE, max_runs_per_source: 1 };
    let claimed = store.claim_promotions(&name("staging"), RunState::Promoting, claim, 1).await.expect("claimed");
    store.release_run(&claimed[0].1, Timestamp::now()).await.expect("released");
    store.close().await;
    let server = world.start().await;
    let store = world.store().await;
    let ended = all_ended(&store).await;
    let (lost, doubled) = each_landed_once(&world, &ended).await;
    println!("an outage of an hour: 1 tried, {} landed, {lost} lost, {doubled} doubled, 0 stalled", ended.len());
    store.close().await;
    assert!(server.terminate().await.expect("it ends").success());
    world.finish().await;
}
