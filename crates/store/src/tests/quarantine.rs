//! Tests of the quarantine: unreadable rows block no other rows, are reported, and are used again once they are readable.

use jiff::Timestamp;

use super::{CLAIM_LEASE, World, delivery_with_id, head, name, on_both_databases, run, sha, transition};
use crate::{Claim, DeliveryFilter, DeliveryOutcome, Quarantined, Role, RunFilter, StoreError};
use slipway_domain::{Actor, DeliveryState, Run, RunState};

/// Statements that damage a run's row, or make it look like one of a newer server.
const DAMAGED: &str = "UPDATE runs SET document = '{\"id\": null}' WHERE model = 'bad/slipway.yaml'";
const NEWER: &str = "UPDATE runs SET state = 'rehearsing', document =
                         REPLACE(document, '\"state\":\"queued\"', '\"state\":\"rehearsing\"')
                     WHERE model = 'bad/slipway.yaml'";
/// The statement that restores the row.
const MENDED: &str = "UPDATE runs SET state = 'queued', document =
                          REPLACE(document, '\"state\":\"rehearsing\"', '\"state\":\"queued\"')
                      WHERE model = 'bad/slipway.yaml'";

async fn aside(world: &World) -> Vec<(String, String)> {
    let rows = world.store.quarantined(None, 100).await.expect("listed");
    rows.into_iter().map(|Quarantined { kind, key, .. }| (kind, key)).collect()
}

/// Two runs, of which the first due one is unreadable.
async fn two_runs(world: &World) -> (String, Run) {
    let (bad, good) = (run("bad/slipway.yaml", 'a', 1), run("good/slipway.yaml", 'b', 2));
    let ids = world.open("d-1", vec![bad, good]).await;
    (ids[0].to_string(), world.store.run(ids[1]).await.expect("a run"))
}

on_both_databases! {
    async fn a_run_that_cannot_be_read_is_set_aside_and_the_next_one_is_claimed(world: World) {
        let (bad, good) = two_runs(&world).await;
        world.tamper(DAMAGED).await;
        let (taken, lease) = world.claim().await.expect("the good one");
        assert_eq!(taken.id, good.id);
        assert_eq!(aside(&world).await, [("run".to_owned(), bad.clone())]);
        assert!(world.claim().await.is_none());
        let listed = world.store.runs(&RunFilter::default(), 1).await.expect("listed");
        assert_eq!(listed.iter().map(|run| run.id).collect::<Vec<_>>(), [good.id]);
        assert_eq!(world.store.runs_by_state().await.expect("counted"), [(RunState::Queued, 2)]);
        world.moved(&lease, &taken, RunState::Training).await;
        let error = world.store.run(bad.parse().expect("an id")).await.expect_err("unreadable");
        assert!(matches!(error, StoreError::Unreadable(_)), "{error}");
    }

    async fn a_list_goes_on_behind_what_cannot_be_read(world: World) {
        let names = ["one", "bad/slipway.yaml", "two", "three"];
        let runs = names.iter().zip(1..).map(|(name, second)| run(name, 'a', second)).collect();
        world.open("d-1", runs).await;
        world.tamper(DAMAGED).await;
        let listed = world.store.runs(&RunFilter::default(), 3).await.expect("listed");
        assert_eq!(listed.iter().map(|run| &*run.cause.model).collect::<Vec<_>>(), ["three", "two", "one"]);
        let models = world.store.models(None, None, 10).await.expect("listed");
        assert_eq!(models.len(), 3);
        world.store.runs_under_way(&name("staging")).await.expect("listed");
        world.store.newest_at(&name("models"), &sha('a')).await.expect("listed");
    }

    async fn a_run_of_a_newer_server_is_left_alone_and_taken_once_it_is_known(world: World) {
        let (bad, good) = two_runs(&world).await;
        world.tamper(NEWER).await;
        assert_eq!(world.claim().await.map(|(run, _)| run.id), Some(good.id));
        assert_eq!(aside(&world).await, [], "nobody had to look at it");
        assert_eq!(world.store.runs(&RunFilter::default(), 10).await.expect("listed").len(), 1);
        assert_eq!(aside(&world).await, [("run".to_owned(), bad.clone())]);
        assert_eq!(world.store.runs_by_state().await.expect("counted"), [(RunState::Queued, 1)]);
        let reason = world.store.retry_quarantined("run", &bad).await.expect("looked at").expect("it still cannot be read");
        assert!(reason.contains("rehearsing"), "{reason}");
        world.tamper(MENDED).await;
        assert_eq!(world.store.retry_all_quarantined().await.expect("looked at"), 1);
        assert_eq!(aside(&world).await, []);
        assert_eq!(world.claim().await.map(|(run, _)| run.id.to_string()), Some(bad));
    }

    async fn what_an_older_server_set_aside_is_taken_by_one_that_knows_more(world: World) {
        let (bad, _) = two_runs(&world).await;
        world.tamper("INSERT INTO quarantined (kind, key, format, reason, since)
                      SELECT 'run', id, 6, 'unknown variant', 0 FROM runs WHERE model = 'bad/slipway.yaml'").await;
        assert_eq!(world.claim().await.map(|(run, _)| run.id.to_string()), Some(bad));
    }

    async fn a_newer_push_is_taken_up_behind_a_run_that_cannot_be_read(world: World) {
        let (bad, good) = two_runs(&world).await;
        world.tamper(DAMAGED).await;
        let newer = world.open("d-2", vec![run("bad/slipway.yaml", 'c', 3)]).await;
        assert_eq!(world.claim().await.map(|(run, _)| run.id), Some(good.id));
        assert_eq!(world.claim().await.map(|(run, _)| run.id), Some(newer[0]), "the lane is not blocked");
        assert_eq!(aside(&world).await, [("run".to_owned(), bad)]);
    }

    async fn promotions_go_on_beside_a_run_that_cannot_be_read_and_nobody_holds_it(world: World) {
        let (_, good) = two_runs(&world).await;
        world.tamper("UPDATE runs SET state = 'promoting', document =
                          REPLACE(document, '\"state\":\"queued\"', '\"state\":\"promoting\"')").await;
        world.tamper(DAMAGED).await;
        let claim = Claim { now: Timestamp::now(), lease_duration: CLAIM_LEASE, max_runs_per_source: 64 };
        for expected in [vec![good.id], vec![]] {
            let claimed = world.store.claim_promotions(&name("staging"), RunState::Promoting, claim, 10).await.expect("claimed");
            assert_eq!(claimed.iter().map(|(run, _)| run.id).collect::<Vec<_>>(), expected);
        }
        assert_eq!(world.store.release_all().await.expect("freed"), 1, "only the good one was held");
    }

    async fn a_delivery_that_cannot_be_read_is_set_aside_and_the_others_are_read(world: World) {
        for id in ["bad", "good"] {
            world.store.record_delivery(&delivery_with_id(id)).await.expect("recorded");
        }
        world.tamper("UPDATE deliveries SET encoding = 'brotli' WHERE id = 'bad'").await;
        for _ in 0..2 {
            let due = world.store.due_deliveries(&name("models"), Timestamp::now(), 1).await.expect("due");
            let due: Vec<&str> = due.iter().map(|stored| &*stored.delivery.id).collect();
            assert!(due.is_empty() || due == ["good"], "{due:?}");
        }
        let due = world.store.due_deliveries(&name("models"), Timestamp::now(), 1).await.expect("due");
        assert_eq!(due.len(), 1, "the bad one takes no place");
        assert_eq!(aside(&world).await, [("delivery".to_owned(), "models bad".to_owned())]);
        world.tamper("UPDATE deliveries SET encoding = 'plain' WHERE id = 'bad'").await;
        assert_eq!(world.store.retry_quarantined("delivery", "models bad").await.expect("looked at"), None);
        assert_eq!(world.store.due_deliveries(&name("models"), Timestamp::now(), 9).await.expect("due").len(), 2);
        world.tamper("UPDATE deliveries SET state = 'rehearsed' WHERE id = 'bad'").await;
        let listed = world.store.deliveries(&DeliveryFilter::default(), 1).await.expect("listed");
        assert_eq!(listed.iter().map(|head| &*head.id).collect::<Vec<_>>(), ["good"]);
    }

    async fn values_of_a_newer_server_are_left_out_of_transitions_lists_and_counts(world: World) {
        let ids = world.open("d-1", vec![run("m/slipway.yaml", 'a', 1)]).await;
        let (taken, lease) = world.claim().await.expect("a run");
        let taken = world.moved(&lease, &taken, RunState::Training).await;
        world.moved(&lease, &taken, RunState::Evaluating).await;
        world.tamper("UPDATE transitions SET to_state = 'rehearsing' WHERE number = 2").await;
        assert_eq!(world.store.transitions(ids[0]).await.expect("a way").len(), 2);
        let first = world.store.changes(0, 1).await.expect("changes");
        let next = world.store.changes(first[0].sequence, 1).await.expect("changes");
        assert_eq!(next.iter().map(|change| change.transition.to).collect::<Vec<_>>(), [RunState::Evaluating]);
        let secret = world.store.create_token("newer", Role::Viewer, &[], None).await.expect("a token");
        world.store.create_token("known", Role::Viewer, &[], None).await.expect("a token");
        world.tamper("UPDATE tokens SET role = 'auditor' WHERE name = 'newer'").await;
        assert_eq!(world.store.token_of(secret.reveal()).await.expect("asked"), None, "it is good for nothing here");
        assert_eq!(world.store.tokens().await.expect("listed").len(), 1);
    }

    async fn a_hold_that_cannot_be_read_still_holds_and_can_be_released(world: World) {
        let (at, until) = (Timestamp::now(), None);
        let (environment, model) = (name("staging"), Some("digits".to_owned()));
        let (actor, reason) = (Actor::controller(), "an incident".to_owned());
        let hold = slipway_domain::Hold { environment: environment.clone(), model, actor, reason, at, until };
        world.store.hold(&hold).await.expect("held");
        world.tamper("UPDATE holds SET document = '{}'").await;
        let holds = world.store.holds(&environment, Some("digits")).await.expect("listed");
        assert!(holds.len() == 1 && holds[0].holds_at(Timestamp::now()), "{holds:?}");
        assert!(holds[0].reason.contains("this server cannot read the decision"), "{}", holds[0].reason);
        assert!(world.store.release(&environment, Some("digits")).await.expect("released"));
    }

    async fn what_would_not_read_back_is_not_stored_and_the_run_stays_as_it_was(world: World) {
        world.open("d-1", vec![run("m/slipway.yaml", 'a', 1)]).await;
        let (taken, lease) = world.claim().await.expect("a run");
        let cost = slipway_domain::TrainingCost { seconds: f64::NAN, device: "cpu".to_owned(), parameters: 1, bytes: 1 };
        let spoilt = taken.clone().with(|run| { run.status.state = RunState::Training; run.training.cost = Some(cost); });
        let moved = transition(RunState::Queued, RunState::Training);
        let error = world.store.record_run(&lease, &spoilt, Some(&moved)).await.expect_err("refused");
        assert!(error.is_of_one_row() && error.to_string().contains("could not be read back"), "{error}");
        assert_eq!(world.store.run(taken.id).await.expect("it reads"), taken);
        let branch = Some(head(None, 'a'));
        let outcome = DeliveryOutcome { branch, runs: vec![spoilt], ..DeliveryOutcome::nothing(DeliveryState::Done, "") };
        assert!(world.store.acknowledge_deliveries(&[], &outcome).await.is_err());
        assert!(world.store.seen_branch(&name("models"), "main").await.expect("asked").is_none(), "all or nothing");
    }
}
