//! Tests of reports: one row for each run, which falls behind with every transition, in order, at least once.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{World, delivery_with_id, name, on_both_databases, run, sha};
use crate::{DeliveryOutcome, DueReport, Fault, First, ReportFilter, ReportStatus, ReportSubject, Store, StoreError};
use slipway_domain::{DeliveryState, Needs, Run, RunState, Unjudged};

const CLAIM_LEASE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_mins(5);

async fn due_at(store: &Store, first: First, now: Timestamp) -> Option<DueReport> {
    store.due_report(&name("models"), first, now, CLAIM_LEASE).await.expect("asked")
}

async fn due(world: &World, now: Timestamp) -> Option<DueReport> {
    due_at(&world.store, First::Known, now).await
}

fn run_of(report: &DueReport) -> &Run {
    let ReportSubject::Run(run) = &report.subject else { panic!("a report of a run: {report:?}") };
    run
}

async fn statuses(world: &World) -> Vec<ReportStatus> {
    let mut reports = world.store.reports(&ReportFilter::default(), 10).await.expect("listed");
    reports.reverse();
    reports.into_iter().map(|report| report.status).collect()
}

on_both_databases! {
    async fn a_run_is_behind_with_every_move_until_how_it_stands_is_reported(world: World) {
        world.open("d-1", vec![run("a", '1', 0)]).await;
        let now = Timestamp::now();
        let report = due(&world, now).await.expect("behind");
        assert_eq!((run_of(&report).status.state, report.attempts), (RunState::Queued, 1));
        assert!(due(&world, now).await.is_none(), "it is held");
        // The run moves while it is reported, so the report is behind again.
        let (claimed, lease) = world.claim().await.expect("a run");
        let training = world.moved(&lease, &claimed, RunState::Training).await;
        world.moved(&lease, &training, RunState::Evaluating).await;
        world.store.record_reported(&report, now).await.expect("noted");
        assert_eq!(statuses(&world).await, [ReportStatus::Behind]);
        let report = due(&world, now).await.expect("behind again");
        assert_eq!((run_of(&report).status.state, report.attempts), (RunState::Evaluating, 1), "two moves are one report");
        world.store.record_reported(&report, now).await.expect("noted");
        assert_eq!(statuses(&world).await, [ReportStatus::Reported]);
        assert!(world.store.reports_behind().await.expect("counted").is_empty());
    }

    async fn revisions_do_not_wait_for_each_other_and_models_of_one_do(world: World) {
        let ids = world.open("d-1", vec![run("a", '1', 0), run("b", '2', 0), run("b", '1', 0)]).await;
        let now = Timestamp::now();
        let mut taken = Vec::new();
        while let Some(report) = due(&world, now).await {
            taken.push(report);
        }
        assert_eq!(taken.iter().map(|report| run_of(report).id).collect::<Vec<_>>(), ids[..2]);
        assert!(world.store.due_report(&name("other"), First::Known, now, CLAIM_LEASE).await.expect("asked").is_none());
        world.store.record_reported(&taken[0], now).await.expect("noted");
        assert_eq!(run_of(&due(&world, now).await.expect("the next of the revision")).id, ids[2]);
    }

    async fn runs_nobody_knows_of_come_first_where_that_is_asked_for_and_nothing_is_left_for_ever(world: World) {
        let now = Timestamp::now();
        let first = world.open("d-1", vec![run("a", '1', 0)]).await[0];
        let report = due(&world, now).await.expect("behind");
        world.store.record_reported(&report, now).await.expect("noted");
        let (claimed, lease) = world.claim().await.expect("a run");
        world.moved(&lease, &claimed, RunState::Training).await;
        let later = world.open("d-2", vec![run("b", '2', 0), run("b", '3', 0)]).await;
        let mut taken = Vec::new();
        for wanted in [First::Unknown, First::Known, First::Known] {
            taken.push(run_of(&due_at(&world.store, wanted, now).await.expect("behind")).id);
        }
        assert_eq!(taken, [later[0], first, later[1]]);
    }

    async fn one_that_was_taken_and_never_made_is_given_again_and_whoever_lost_it_can_note_nothing(world: World) {
        world.open("d-1", vec![run("a", '1', 0)]).await;
        let now = Timestamp::now();
        let lost = due(&world, now).await.expect("behind");
        let world = world.reopened().await;
        let later = now + SignedDuration::from_secs(61);
        let again = due(&world, later).await.expect("given again");
        assert_eq!(again.attempts, 2);
        world.store.record_reported(&lost, later).await.expect("nothing is noted");
        assert_eq!(statuses(&world).await, [ReportStatus::Behind]);
        world.store.record_reported(&again, later).await.expect("noted");
        assert_eq!(statuses(&world).await, [ReportStatus::Reported]);
    }

    async fn what_waits_for_the_forge_is_due_once_it_takes_something_and_what_waits_for_itself_is_not(world: World) {
        world.open("d-1", vec![run("a", '1', 0), run("a", '2', 0), run("a", '3', 0)]).await;
        let now = Timestamp::now();
        for fault in [Fault::Shared, Fault::Own, Fault::None] {
            let report = due(&world, now).await.expect("behind");
            world.store.requeue_report(&report, now, PAUSE, fault, "because").await.expect("postponed");
        }
        assert!(due(&world, now).await.is_none());
        assert_eq!(world.store.revive_reports(&name("models")).await.expect("revived"), 1);
        let revived = due(&world, now).await.expect("due");
        assert_eq!((revived.fault, revived.attempts), (Fault::Shared, 2));
        assert!(due(&world, now).await.is_none());
        // A restarted server may have another login.
        world.store.release_reports(&name("models")).await.expect("released");
        assert_eq!(due(&world, now).await.expect("due").fault, Fault::Own);
        assert!(due(&world, now).await.is_none(), "a moment that the forge asked for is kept");
        assert!(due(&world, now + PAUSE).await.is_some());
    }

    async fn a_pause_that_was_set_in_the_future_is_over_and_a_long_one_is_not(world: World) {
        world.open("d-1", vec![run("a", '1', 0)]).await;
        let now = Timestamp::now();
        let report = due(&world, now).await.expect("behind");
        let two_hours = Duration::from_hours(2);
        world.store.requeue_report(&report, now, two_hours, Fault::None, "").await.expect("postponed");
        assert!(due(&world, now + SignedDuration::from_mins(119)).await.is_none(), "the forge asked for two hours");
        let set_back = now - SignedDuration::from_hours(24);
        assert!(due(&world, set_back).await.is_some(), "the clock was set back");
    }

    async fn one_that_is_refused_can_be_retried_by_a_person_and_is_behind_again_with_the_next_move(world: World) {
        world.open("d-1", vec![run("a", '1', 0), run("b", '2', 0)]).await;
        let now = Timestamp::now();
        let refused = due(&world, now).await.expect("behind");
        world.store.refuse_report(&refused, "422: no such commit").await.expect("refused");
        let listed = world.store.report(&refused.id).await.expect("there");
        assert_eq!((listed.status, &*listed.note), (ReportStatus::Refused, "422: no such commit"));
        assert_eq!(listed.run(), Some(run_of(&refused).id));
        let other = due(&world, now).await.expect("behind");
        world.store.record_reported(&other, now).await.expect("noted");
        let nothing = world.store.retry_report(&other.id).await;
        assert!(matches!(nothing, Err(StoreError::NotBehind { .. })), "{nothing:?}");
        assert!(matches!(world.store.retry_report("none").await, Err(StoreError::NoSuchReport { .. })));
        assert_eq!(world.store.retry_report(&refused.id).await.expect("due").status, ReportStatus::Behind);
        let again = due(&world, now).await.expect("due");
        world.store.refuse_report(&again, "422").await.expect("refused");
        let (claimed, lease) = world.claim().await.expect("a run");
        assert_eq!(claimed.id, run_of(&refused).id);
        world.moved(&lease, &claimed, RunState::Training).await;
        assert_eq!(due(&world, now).await.expect("behind").attempts, 1);
        assert_eq!(world.store.retry_reports(&name("other")).await.expect("none"), 0);
    }

    async fn a_revision_that_no_run_is_about_is_reported_once_however_often_it_is_said(world: World) {
        let title = "no model is affected".to_owned();
        let unjudged = Unjudged { revision: Some(sha('9')), pull_request: Some(7), needs: Needs::Nobody, title };
        let say = async |id: &str, what: &Unjudged| {
            let delivery = delivery_with_id(id);
            world.store.record_delivery(&delivery).await.expect("recorded");
            let outcome = DeliveryOutcome { unjudged: Some(what.clone()), ..DeliveryOutcome::nothing(DeliveryState::Done, "") };
            world.store.acknowledge_deliveries(&[&delivery], &outcome).await.expect("settled");
        };
        say("d-1", &unjudged).await;
        let now = Timestamp::now();
        let report = due(&world, now).await.expect("behind");
        assert_eq!(report.subject, ReportSubject::Revision(unjudged.clone()));
        world.store.record_reported(&report, now).await.expect("noted");
        say("d-2", &unjudged).await;
        assert!(due(&world, now).await.is_none(), "it was reported");
        let draft = Unjudged { needs: Needs::Person, ..unjudged };
        say("d-3", &draft).await;
        assert_eq!(due(&world, now).await.expect("behind").subject, ReportSubject::Revision(draft));
    }

    async fn a_revision_that_needs_somebody_still_does_once_another_pull_request_of_it_needs_nobody(world: World) {
        let of = |pull_request, needs| Unjudged { revision: Some(sha('9')), pull_request: Some(pull_request), needs, title: String::new() };
        let say = async |id: &str, what: Unjudged| {
            let delivery = delivery_with_id(id);
            world.store.record_delivery(&delivery).await.expect("recorded");
            let outcome = DeliveryOutcome { unjudged: Some(what), ..DeliveryOutcome::nothing(DeliveryState::Done, "") };
            world.store.acknowledge_deliveries(&[&delivery], &outcome).await.expect("acknowledged");
        };
        let now = Timestamp::now();
        for needs in [Needs::Person, Needs::Approval] {
            say(&format!("{needs:?}"), of(7, needs)).await;
            let report = due(&world, now).await.expect("behind");
            world.store.record_reported(&report, now).await.expect("recorded");
            say(&format!("{needs:?} and nobody"), of(8, Needs::Nobody)).await;
            assert!(due(&world, now).await.is_none(), "the check stays as it is");
        }
        say("it needs nobody any more", of(7, Needs::Nobody)).await;
        assert!(due(&world, now).await.is_some());
    }

    async fn one_row_that_cannot_be_read_stops_no_other(world: World) {
        let ids = world.open("d-1", vec![run("a", '1', 0), run("a", '2', 0)]).await;
        world.tamper("UPDATE runs SET document = '{}' WHERE head LIKE '111%'").await;
        let report = due(&world, Timestamp::now()).await.expect("the other");
        assert_eq!(run_of(&report).id, ids[1]);
        assert_eq!(statuses(&world).await, [ReportStatus::Refused, ReportStatus::Behind]);
    }

    async fn reports_are_listed_by_what_a_scope_lets_through_in_pages(world: World) {
        let sources = ["models", "models-too", "model"];
        world.open("d-1", sources.map(|source| run("a", '1', 0).with(|run| run.cause.source = name(source))).into()).await;
        let mut filter = ReportFilter { scope: Some(vec![name("models"), name("model")]), ..ReportFilter::default() };
        let page = world.store.reports(&filter, 1).await.expect("listed");
        assert_eq!(page[0].source, name("model"));
        filter.before = Some(page[0].place.clone());
        let rest = world.store.reports(&filter, 10).await.expect("listed");
        assert_eq!(rest.iter().map(|report| report.source.as_str()).collect::<Vec<_>>(), ["models"]);
        let behind = world.store.reports_behind().await.expect("counted");
        assert!(behind.len() == 3 && behind.iter().all(|backlog| backlog.behind == 1), "{behind:?}");
        let filter = ReportFilter { status: Some(ReportStatus::Reported), ..ReportFilter::default() };
        assert!(world.store.reports(&filter, 10).await.expect("listed").is_empty());
    }

    async fn what_earlier_versions_did_not_report_or_gave_up_is_behind_and_what_they_report_now_is_left_to_them(world: World) {
        let ids = world.open("d-1", vec![run("a", '1', 0), run("b", '2', 0), run("c", '3', 0)]).await;
        // Earlier versions had no table of reports, and one outbox entry per transition.
        world.tamper("DELETE FROM reports;
                      INSERT INTO outbox (sequence, source, target, state, attempts, due_at, opens)
                      SELECT sequence, runs.source, runs.source || ' revision ' || runs.head,
                             CASE WHEN runs.head LIKE '1%' THEN 'dead' ELSE 'pending' END, 30,
                             CASE WHEN runs.head LIKE '2%' THEN 1 ELSE 9000000000000 END, 1
                      FROM transitions JOIN runs ON runs.id = transitions.run").await;
        let now: Timestamp = "2255-01-01T00:00:00Z".parse().expect("a time");
        let before = now - SignedDuration::from_mins(1);
        let soon = format!("UPDATE outbox SET due_at = {} WHERE due_at > 1", now.as_millisecond());
        sqlx::raw_sql(sqlx::AssertSqlSafe(soon)).execute(&world.store.database.pool).await.expect("done");
        assert_eq!(world.store.take_over_outbox(&name("models"), before).await.expect("taken over"), 2);
        assert_eq!(world.store.take_over_outbox(&name("models"), before).await.expect("taken over"), 0);
        let mut taken = Vec::new();
        while let Some(report) = due(&world, before).await {
            taken.push(run_of(&report).id);
            world.store.record_reported(&report, before).await.expect("noted");
        }
        assert_eq!(taken, ids[..2], "the third is being reported by an earlier version");
        assert_eq!(world.store.take_over_outbox(&name("models"), now).await.expect("taken over"), 1);
        assert_eq!(run_of(&due(&world, now).await.expect("behind")).id, ids[2]);
    }

    async fn entries_of_one_run_that_two_earlier_versions_wrote_become_one_report(world: World) {
        world.open("d-1", vec![run("a", '1', 0)]).await;
        let (claimed, lease) = world.claim().await.expect("a run");
        world.moved(&lease, &claimed, RunState::Training).await;
        world.tamper("DELETE FROM reports;
                      INSERT INTO outbox (sequence, source, target, state, attempts, due_at, opens)
                      SELECT sequence, runs.source, runs.source || CASE WHEN to_state = 'queued' THEN ' a' ELSE ' b' END,
                             'dead', 30, 0, 1
                      FROM transitions JOIN runs ON runs.id = transitions.run").await;
        let now = Timestamp::now();
        assert_eq!(world.store.take_over_outbox(&name("models"), now).await.expect("taken over"), 2);
        assert_eq!(run_of(&due(&world, now).await.expect("behind")).id, claimed.id);
        assert!(due(&world, now).await.is_none());
    }
}
