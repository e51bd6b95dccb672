//! Tests of claims: one worker per run, one run per concurrency group, limits, fairness, priorities, and clocks that jump.

use jiff::{SignedDuration, Timestamp};

use super::{CLAIM_LEASE, World, name, on_both_databases, run};
use crate::{Claim, StoreError};
use slipway_domain::{Actor, Run, RunState};

fn of_source(source: &str, run: Run) -> Run {
    run.with(|run| run.cause.source = name(source))
}

on_both_databases! {
    async fn a_run_is_held_by_one_worker_until_its_lease_ends(world: World) {
        world.open("d-1", vec![run("a", '1', 0)]).await;
        let (claimed, first) = world.claim().await.expect("a run");
        assert!(world.claim().await.is_none());
        let later = Timestamp::now() + SignedDuration::from_secs(31);
        let (_, second) = world.claim_at(later).await.expect("taken over");
        let lost = world.store.extend_lease(&first, later).await;
        assert!(matches!(lost, Err(StoreError::LeaseLost { .. })), "{lost:?}");
        let lost = world.store.record_run(&first, &claimed, None).await;
        assert!(matches!(lost, Err(StoreError::LeaseLost { .. })), "{lost:?}");
        let lost = world.store.release_run(&first, later).await;
        assert!(matches!(lost, Err(StoreError::LeaseLost { .. })), "{lost:?}");
        world.store.extend_lease(&second, later).await.expect("held");
    }

    async fn a_clock_that_was_set_back_neither_loses_nor_shares_a_run(world: World) {
        world.open("d-1", vec![run("a", '1', 0)]).await;
        let now = Timestamp::now();
        let ahead = now + SignedDuration::from_hours(5);
        let (_, ahead_of_time) = world.claim_at(ahead).await.expect("claimed while the clock was ahead");
        // After the clock was set back, a lease that ends hours from now cannot be active: active leases end within a minute.
        let (_, again) = world.claim_at(now).await.expect("taken over");
        let lost = world.store.extend_lease(&ahead_of_time, now + CLAIM_LEASE).await;
        assert!(matches!(lost, Err(StoreError::LeaseLost { .. })), "{lost:?}");
        world.store.extend_lease(&again, now + CLAIM_LEASE).await.expect("held");
        assert!(world.claim_at(now).await.is_none());
        world.store.release_run(&again, ahead).await.expect("released");
        // Simulates a server whose clock is five hours ahead.
        world.tamper("UPDATE runs SET due_set_at = due_set_at + 18000000").await;
        assert!(world.claim_at(now).await.is_some(), "a pause from the time ahead is over");
    }

    async fn a_pause_of_hours_and_a_lease_of_hours_are_kept(world: World) {
        world.open("d-1", vec![run("a", '1', 0)]).await;
        let (_, lease) = world.claim().await.expect("a run");
        let later = Timestamp::now() + SignedDuration::from_hours(2);
        world.store.extend_lease(&lease, later).await.expect("held");
        assert!(world.claim().await.is_none(), "it is held");
        world.store.release_run(&lease, later).await.expect("released");
        assert!(world.claim().await.is_none(), "a forge may ask for two hours");
        assert!(world.claim_at(later).await.is_some());
    }

    async fn runs_of_one_concurrency_group_go_in_order_and_others_beside_them(world: World) {
        let old = world.open("d-1", vec![run("a", '1', 0), run("b", '1', 0)]).await;
        let (first, lease) = world.claim().await.expect("a run");
        world.moved(&lease, &first, RunState::Promoting).await;
        let newer = run("", '2', 5).with(|run| { run.cause.file = first.cause.file.clone(); run.cause.model = first.cause.model.clone(); });
        let newer = world.open("d-2", vec![newer]).await[0];
        let (second, _) = world.claim().await.expect("the other lane");
        assert!(old.contains(&second.id) && second.id != first.id);
        assert!(world.claim().await.is_none(), "the newer run waits for the one that is promoting");
        let place = world.store.queue_place(&world.store.run(newer).await.expect("a run"), Timestamp::now()).await;
        let place = place.expect("asked").expect("waiting");
        assert_eq!((place.position, place.waiting, place.behind), (1, 1, Some(first.id)));
    }

    async fn repositories_are_served_in_rotation_however_many_runs_one_of_them_has(world: World) {
        let greedy = (0..10).map(|n| of_source("greedy", run(&format!("m{n}"), '1', n))).collect();
        world.open("d-1", greedy).await;
        world.open("d-2", vec![of_source("modest", run("m", '1', 30)), of_source("modest", run("n", '1', 31))]).await;
        let mut order = Vec::new();
        for _ in 0..4 {
            let (run, lease) = world.claim().await.expect("a run");
            order.push(run.cause.source.to_string());
            let run = world.moved(&lease, &run, RunState::Refused).await;
            assert!(!run.status.state.is_active());
            world.store.release_run(&lease, Timestamp::now()).await.expect("released");
        }
        order.sort();
        assert_eq!(order, ["greedy", "greedy", "modest", "modest"]);
    }

    async fn a_repository_holds_no_more_runs_than_it_may(world: World) {
        let runs = (0..3).map(|n| of_source("greedy", run(&format!("m{n}"), '1', n))).collect();
        world.open("d-1", runs).await;
        let claim = Claim { now: Timestamp::now(), lease_duration: CLAIM_LEASE, max_runs_per_source: 2 };
        let (_, first) = world.store.claim_run(claim).await.expect("claimed").expect("a run");
        assert!(world.store.claim_run(claim).await.expect("claimed").is_some());
        assert!(world.store.claim_run(claim).await.expect("claimed").is_none());
        world.store.release_run(&first, Timestamp::now()).await.expect("released");
        assert!(world.store.claim_run(claim).await.expect("claimed").is_some());
    }

    async fn a_higher_priority_goes_first_and_age_decides_within_it(world: World) {
        let urgent = |file: &str, second| Run { priority: 5, ..run(file, '1', second) };
        world.open("d-1", vec![run("a", '1', 0), urgent("b", 9), urgent("c", 7)]).await;
        let mut order = Vec::new();
        while let Some((run, _)) = world.claim().await {
            order.push(run.cause.model);
        }
        assert_eq!(order, ["c", "b", "a"]);
    }

    async fn two_servers_never_claim_the_same_run(world: World) {
        world.open("d-1", (0..40).map(|n| run(&format!("m{n}"), '1', n)).collect()).await;
        let other = world.another().await;
        let claim = Claim { now: Timestamp::now(), lease_duration: CLAIM_LEASE, max_runs_per_source: 64 };
        let mut claimed = Vec::new();
        loop {
            let (mine, theirs) = tokio::join!(world.store.claim_run(claim), other.claim_run(claim));
            let both = [mine.expect("claimed"), theirs.expect("claimed")];
            if both.iter().all(Option::is_none) {
                break;
            }
            claimed.extend(both.into_iter().flatten().map(|(run, _)| run.id));
        }
        let count = claimed.len();
        claimed.sort();
        claimed.dedup();
        assert_eq!((claimed.len(), count), (40, 40));
        other.close().await;
    }

    async fn a_server_that_starts_again_takes_up_its_runs_at_once(world: World) {
        let id = world.open("d-1", vec![run("a", '1', 0)]).await[0];
        let (claimed, lease) = world.claim().await.expect("a run");
        world.moved(&lease, &claimed, RunState::Training).await;
        let world = world.reopened().await;
        assert_eq!(world.store.release_all().await.expect("freed"), 1);
        let (again, _) = world.claim().await.expect("a run");
        assert_eq!((again.id, again.status.state), (id, RunState::Training));
        let ways: Vec<RunState> = world.store.transitions(id).await.expect("way").iter().map(|step| step.to).collect();
        assert_eq!(ways, [RunState::Queued, RunState::Training]);
    }

    async fn a_stalled_run_waits_for_a_person_and_does_not_hold_up_newer_ones(world: World) {
        let actor = Actor::token("kim");
        let old = world.open("d-1", vec![run("a", '1', 0)]).await[0];
        let (claimed, lease) = world.claim().await.expect("a run");
        let stalled = claimed.with(|run| { run.status.stalled = true; run.status.state = RunState::Promoting; });
        world.store.record_run(&lease, &stalled, None).await.expect("recorded");
        world.store.release_run(&lease, Timestamp::now()).await.expect("released");
        assert!(world.claim().await.is_none());
        assert!(!world.store.retry_run(old, "by hand", &actor).await.expect("retried").status.stalled);
        let last = world.store.transitions(old).await.expect("way").pop().expect("a step");
        assert_eq!(last.actor, actor);
        let claim = Claim { now: Timestamp::now(), lease_duration: CLAIM_LEASE, max_runs_per_source: 64 };
        let again = world.store.claim_promotions(&name("staging"), RunState::Promoting, claim, 1).await.expect("claimed").pop();
        let (again, lease) = again.expect("due again");
        world.store.record_run(&lease, &again.with(|run| run.status.stalled = true), None).await.expect("recorded");
        world.store.release_run(&lease, Timestamp::now()).await.expect("released");
        let new = world.open("d-2", vec![run("a", '2', 1)]).await[0];
        assert_eq!(world.state(old).await, RunState::Failed);
        assert_eq!(world.claim().await.expect("the newer").0.id, new);
        let refused = world.store.retry_run(old, "by hand", &actor).await;
        assert!(matches!(refused, Err(StoreError::NotStalled { .. })), "{refused:?}");
    }
}
