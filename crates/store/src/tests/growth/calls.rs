//! All calls of the store that a running server makes.

use std::pin::Pin;

use jiff::{SignedDuration, Timestamp};

use slipway_contract::Digest;

use super::rows::FILE;
use crate::tests::{CLAIM_LEASE, delivery_with_id, head, name, run, transition};
use crate::{Claim, DeliveryFilter, DeliveryOutcome, ModelCursor, RunCursor, RunFilter, Store};
use slipway_domain::{Actor, CommitSha, DeliveryState, Run, RunEvent, RunId, RunState};

/// A call, named after the functions that it calls.
pub(super) type Call<'s> = (&'static str, Pin<Box<dyn Future<Output = ()> + 's>>);

fn finished(number: usize) -> RunId {
    format!("00000000-0000-7000-8000-{number:012}").parse().expect("a run")
}

fn claim() -> Claim {
    Claim { now: Timestamp::now(), lease_duration: CLAIM_LEASE, max_runs_per_source: 64 }
}

fn a_head(number: usize) -> CommitSha {
    format!("{number:040}").parse().expect("a commit")
}

/// Opens a run whose priority is above that of other runs, and returns it.
async fn opened(store: &Store, digit: char) -> Run {
    let new = Run { priority: 1, ..run(FILE, digit, 3600) };
    store.open_run(&new, &Actor::controller(), None).await.expect("opened");
    new
}

macro_rules! calls {
    ($($name:literal => $work:expr;)*) => {
        vec![$(($name, Box::pin(async move { $work; }) as Pin<Box<dyn Future<Output = ()> + '_>>)),*]
    };
}

/// All calls, not started yet. Each is independent of the others.
pub(super) fn all(store: &Store) -> Vec<Call<'_>> {
    let mut all = lists(store);
    all.extend(lookups(store));
    all.extend(changes(store));
    all
}

fn lists(store: &Store) -> Vec<Call<'_>> {
    let filter = |change: fn(&mut RunFilter)| {
        let mut filter = RunFilter::default();
        change(&mut filter);
        filter
    };
    calls! {
        "runs by source" => store.runs(&filter(|f| f.source = Some(name("models"))), 50).await.expect("runs");
        "runs" => store.runs(&RunFilter::default(), 50).await.expect("runs");
        "runs by model" => store.runs(&filter(|f| f.model = Some(FILE.to_owned())), 50).await.expect("runs");
        "runs by an unknown model" => store.runs(&filter(|f| f.model = Some("b".to_owned())), 50).await.expect("runs");
        "runs by state" => store.runs(&filter(|f| f.state = Some(RunState::Failed)), 50).await.expect("runs");
        "runs of a source by state" => store.runs(&filter(|f| {
            (f.source, f.state) = (Some(name("models")), Some(RunState::Failed));
        }), 50).await.expect("runs");
        "runs by head" => store.runs(&filter(|f| f.head = Some(a_head(7).to_string())), 50).await.expect("runs");
        "runs by the beginning of a head" => store.runs(&filter(|f| f.head = Some(a_head(7).as_str()[..7].to_owned())), 50).await.expect("runs");
        "runs by the beginning of an identifier" => store.runs(&filter(|f| f.id = Some(finished(7).to_string())), 6).await.expect("runs");
        "runs that are stalled" => store.runs(&filter(|f| f.stalled = Some(true)), 50).await.expect("runs");
        "runs in a scope" => store.runs(&filter(|f| f.scope = Some(vec![name("a"), name("models")])), 50).await.expect("runs");
        "runs behind a place" => store.runs(&filter(|f| {
            f.before = Some(RunCursor { created_at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(9), id: finished(9) });
        }), 50).await.expect("runs");
    }
}

/// Queries of single items and counts.
fn lookups(store: &Store) -> Vec<Call<'_>> {
    let (now, claim) = (Timestamp::now(), claim());
    calls! {
        "run" => store.run(finished(7)).await.expect("a run");
        "runs_by_state" => store.runs_by_state().await.expect("counts");
        "longest_waiting" => store.longest_waiting(now).await.expect("a time");
        "waiting_and_stalled" => store.waiting_and_stalled(now).await.expect("counts");
        "models" => store.models(None, None, 50).await.expect("models");
        "models in a scope" => store.models(Some(&[name("a"), name("models")]), None, 50).await.expect("models");
        "models behind a place" => {
            let after = ModelCursor { source: name("models"), model: "0".to_owned() };
            store.models(None, Some(&after), 50).await.expect("models")
        };
        "models_of_sources" => store.models_of_sources(&[name("models")], &name("staging")).await.expect("models");
        "note_first_runs" => store.record_first_runs(&name("models")).await.expect("noted");
        "models_without_runs" => store.models_without_runs(&[name("models")], None, 50).await.expect("models");
        "passed_runs" => store.passed_runs(FILE, &name("models"), None).await.expect("runs");
        "stalled_runs" => store.stalled_runs(&name("staging"), None).await.expect("runs");
        "knows_model" => store.knows_model(&name("models"), FILE).await.expect("an answer");
        "newest_at" => store.newest_at(&name("models"), &a_head(8)).await.expect("runs");
        "newest_of_change" => store.newest_of_pull_request(&name("models"), 7).await.expect("runs");
        "promoted_runs" => store.promoted_runs(&name("staging"), FILE, &name("models")).await.expect("runs");
        "runs_under_way" => store.runs_under_way(&name("staging")).await.expect("runs");
        "run_on_its_way" => store.run_on_its_way(&name("staging"), FILE, &name("models")).await.expect("a run");
        "make_waiting_due" => store.make_waiting_due(Some(&name("staging")), Some(FILE)).await.expect("made due");
        "make_waiting_due of all" => store.make_waiting_due(None, None).await.expect("made due");
        "claim_promotions" => store.claim_promotions(&name("staging"), RunState::Waiting, claim, 64).await.expect("runs");
        "transitions" => store.transitions(finished(7)).await.expect("transitions");
        "in_state_since" => store.in_state_since(finished(7)).await.expect("a time");
        "changes" => store.changes(100, 50).await.expect("changes");
        "newest_change" => store.newest_change().await.expect("a number");
        "append_log, log" => {
            store.append_log(finished(1), "epoch").await.expect("written");
            store.log(finished(1), 5_000, 50).await.expect("read")
        };
        "deliveries" => store.deliveries(&DeliveryFilter::default(), 50).await.expect("deliveries");
        "deliveries of a source" => {
            let filter = DeliveryFilter { source: Some(name("models")), ..DeliveryFilter::default() };
            store.deliveries(&filter, 50).await.expect("deliveries")
        };
        "deliveries in a scope" => {
            let filter = DeliveryFilter { scope: Some(vec![name("a"), name("models")]), ..DeliveryFilter::default() };
            store.deliveries(&filter, 50).await.expect("deliveries")
        };
        "deliveries in a state" => for state in [DeliveryState::Dead, DeliveryState::Ignored, DeliveryState::Pending] {
            let filter = DeliveryFilter { state: Some(state), ..DeliveryFilter::default() };
            store.deliveries(&filter, 50).await.expect("deliveries");
        };
        "due_deliveries" => store.due_deliveries(&name("models"), now, 64).await.expect("deliveries");
        "due_sources" => store.due_sources(now).await.expect("sources");
        "sources_with_pending_deliveries" => store.sources_with_pending_deliveries().await.expect("sources");
        "backlog" => store.backlog().await.expect("a backlog");
        "reports_behind" => store.reports_behind().await.expect("backlogs");
        "placements" => store.deployment_records(&name("staging")).await.expect("placements");
        "placements_of" => store.deployment_records_of(&name("staging"), FILE, 50).await.expect("placements");
        "audit_entries" => store.audit_entries(100, 50).await.expect("entries");
        "seen_branch" => store.seen_branch(&name("models"), "main").await.expect("an answer");
        "token_of" => store.token_of("x").await.expect("an answer");
    }
}

/// Calls that write.
fn changes(store: &Store) -> Vec<Call<'_>> {
    let (now, claim) = (Timestamp::now(), claim());
    calls! {
        "settle_deliveries" => {
            let delivery = delivery_with_id("d-1");
            store.record_delivery(&delivery).await.expect("recorded");
            let runs = vec![run(FILE, '2', 3600)];
            let outcome = DeliveryOutcome { runs, branch: Some(head(None, '2')), closed: vec![7], ..DeliveryOutcome::nothing(DeliveryState::Done, "") };
            store.acknowledge_deliveries(&[&delivery], &outcome).await.expect("settled")
        };
        "settle_without_effect, replay_delivery" => {
            let delivery = delivery_with_id("d-2");
            store.record_delivery(&delivery).await.expect("recorded");
            store.acknowledge_without_effect(&name("models"), &[("d-2", DeliveryState::Ignored, String::new())]).await.expect("settled");
            store.replay_delivery(&name("models"), "d-2").await.expect("pending");
            store.requeue_delivery(&delivery, now, "later").await.expect("postponed");
        };
        "claim_run to release_run" => {
            let new = opened(store, '3').await;
            store.queue_place(&new, now).await.expect("a place");
            store.newest_in_concurrency_group(&new).await.expect("a run");
            store.earlier_with_key(&new).await.expect("an answer");
            let upstream = [name("staging"), name("production")];
            store.promotion_facts(&new, &Digest::of(b"1"), &upstream).await.expect("facts");
            let (claimed, lease) = store.claim_run(claim).await.expect("claimed").expect("a run");
            store.extend_lease(&lease, now + CLAIM_LEASE).await.expect("extended");
            let moved = claimed.clone().with(|run| run.status.state = RunState::Training);
            let way = transition(claimed.status.state, RunState::Training);
            store.record_run(&lease, &moved, Some(&way)).await.expect("recorded");
            store.release_run(&lease, now).await.expect("released");
        };
        "record_run of one that passed" => {
            opened(store, '4').await;
            let (claimed, lease) = store.claim_run(claim).await.expect("claimed").expect("a run");
            let passed = claimed.with(|run| run.status.state = RunState::Promoting);
            let way = transition(RunState::Publishing, RunState::Promoting);
            store.record_run(&lease, &passed, Some(&way)).await.expect("recorded");
        };
        "call_off" => {
            let new = opened(store, '5').await;
            store.terminate(new.id, RunEvent::Cancelled, "by hand", &Actor::anyone()).await.expect("cancelled")
        };
    }
}
