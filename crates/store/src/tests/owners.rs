//! Tests of who owns a model in an environment, and of the sources that a server serves.

use jiff::Timestamp;

use super::promotions::{artifact, newest_passed};
use super::{CLAIM_LEASE, World, name, on_both_databases, run, sha, transition};
use crate::{Claim, Lease};
use slipway_domain::RunState;

on_both_databases! {
    async fn a_source_with_a_model_of_the_same_name_takes_no_place_and_overtakes_nothing(world: World) {
        let ours = world.waiting('1', 0).await;
        let theirs = run("a", '2', 1).with(|run| run.cause.source = name("others"));
        let id = world.open("d-2", vec![theirs]).await[0];
        let (claimed, lease) = world.claim().await.expect("the other source's run");
        assert_eq!(claimed.id, id);
        let with = claimed.with(|run| run.training.artifact = Some(artifact("2")));
        let publishing = world.moved(&lease, &with, RunState::Publishing).await;
        let promoting = world.moved(&lease, &publishing, RunState::Promoting).await;
        assert_eq!(world.state(ours.id).await, RunState::Waiting, "another source's run is none of its business");
        assert_eq!(world.newer_than(&ours).await, None);
        let done = promoting.clone().with(|run| run.status.state = RunState::Done);
        let step = transition(RunState::Promoting, RunState::Done);
        world.store.record_moved(&lease, &done, &step, &[]).await.expect("recorded");
        for (source, runs) in [("models", 0), ("others", 1)] {
            let promoted = world.store.promoted_runs(&name("staging"), "a", &name(source)).await.expect("asked");
            assert_eq!(promoted.len(), runs, "{source}");
            let passed = newest_passed(&world, source).await;
            assert_eq!(passed.cause.source, name(source));
        }
    }

    async fn a_model_is_the_first_ones_that_promotes_it_and_of_two_at_the_same_moment_ones(world: World) {
        let (staging, other) = (name("staging"), world.another().await);
        let (first, second) = (name("models"), name("others"));
        let (mine, theirs) = tokio::join!(
            world.store.claim_model(&staging, "a", &first),
            other.claim_model(&staging, "a", &second)
        );
        assert_eq!(mine.expect("claimed"), theirs.expect("claimed"), "both are told the same owner");
        assert_eq!(world.store.owner(&staging, "b").await.expect("asked"), None);
        let (waiting, lease) = {
            world.waiting('1', 0).await;
            world.claim_promotions().await.remove(0)
        };
        let promotion_commit = Some(sha('1'));
        let done = waiting.with(|run| { run.status.state = RunState::Done; run.cause.model = "b".to_owned(); run.promotion.commit = promotion_commit; });
        let step = transition(RunState::Waiting, RunState::Done);
        let nobody = Lease { token: "another".to_owned(), ..lease.clone() };
        assert!(world.store.record_moved(&nobody, &done, &step, &[]).await.is_err());
        assert_eq!(world.store.owner(&staging, "b").await.expect("asked"), None, "with the promotion or not at all");
        world.store.record_moved(&lease, &done, &step, &[]).await.expect("recorded");
        assert_eq!(world.store.owner(&staging, "b").await.expect("asked"), Some(first));
        let owners = world.store.owners(&staging).await.expect("asked");
        assert_eq!(owners.keys().collect::<Vec<_>>(), ["a", "b"]);
        let sources = world.store.sources_of_model(Some(&name("production")), "b").await.expect("asked");
        assert_eq!(sources, []);
    }

    async fn runs_of_sources_and_to_environments_that_are_not_served_are_taken_by_nobody_here(world: World) {
        let elsewhere = run("b", '2', 1).with(|run| run.cause.environment = name("production"));
        let unknown = run("c", '3', 2).with(|run| run.cause.source = name("others"));
        let ids = world.open("d-1", vec![run("a", '1', 0), elsewhere, unknown]).await;
        let narrow = world.another().await;
        narrow.serve_only(&[name("models")], &[name("staging")]);
        let claim = Claim { now: Timestamp::now(), lease_duration: CLAIM_LEASE, max_runs_per_source: 64 };
        let (taken, lease) = narrow.claim_run(claim).await.expect("asked").expect("its own run");
        assert_eq!(taken.id, ids[0]);
        assert!(narrow.claim_run(claim).await.expect("asked").is_none(), "the others are left alone");
        for id in &ids[1..] {
            assert_eq!(world.claim().await.expect("a server that serves them takes them").0.status.state, RunState::Queued);
            assert!(!world.store.run(*id).await.expect("a run").status.stalled);
        }
        narrow.release_run(&lease, Timestamp::now()).await.expect("released");
        let waiting = world.waiting_of("others", '4').await;
        assert!(narrow.claim_promotions(&name("staging"), RunState::Waiting, claim, 10).await.expect("asked").is_empty());
        let taken = world.claim_promotions().await;
        assert_eq!(taken.iter().map(|(run, _)| run.id).collect::<Vec<_>>(), [waiting]);
    }

    async fn models_are_seen_by_the_sources_of_their_runs(world: World) {
        world.open("d-1", vec![run("a", '1', 0), run("b", '1', 0).with(|run| run.cause.source = name("other"))]).await;
        let of = async |source: &str, environment: &str| {
            let seen = world.store.models_of_sources(&[name(source)], &name(environment)).await.expect("asked");
            seen.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(of("models", "staging").await, ["a"]);
        assert_eq!(of("other", "staging").await, ["b"]);
        assert!(of("models", "production").await.is_empty());
        assert!(world.store.knows_model(&name("models"), "a").await.expect("asked"));
        assert!(!world.store.knows_model(&name("models"), "b").await.expect("asked"));
    }
}
