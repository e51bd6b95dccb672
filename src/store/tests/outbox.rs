//! The outbox: one entry a transition, in order, at least once.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{World, name, on_both_databases, run};
use crate::domain::{Run, RunState};
use crate::store::{News, OutboxState};

const HOLD: Duration = Duration::from_mins(1);

on_both_databases! {
    async fn every_transition_is_told_in_the_order_of_its_target(world: World) {
        let source = name("models");
        world.open("d-1", vec![run("a", '1', 0)]).await;
        let (claimed, lease) = world.claim().await.expect("a run");
        world.moved(&lease, &claimed, RunState::Training).await;
        let now = Timestamp::now();
        let first = world.store.due_notice(&source, News::Moved, now, HOLD).await.expect("asked").expect("a notice");
        assert_eq!((first.change.transition.to, first.attempts), (RunState::Queued, 1));
        assert!(world.store.due_notice(&source, News::Moved, now, HOLD).await.expect("asked").is_none(), "the first is not told yet");
        let pause = now + SignedDuration::from_secs(5);
        world.store.postpone_notice(first.change.sequence, pause, "busy").await.expect("postponed");
        assert!(world.store.due_notice(&source, News::Moved, now, HOLD).await.expect("asked").is_none(), "nor is the second");
        let again = world.store.due_notice(&source, News::Moved, pause, HOLD).await.expect("asked").expect("the same");
        assert_eq!((again.change.sequence, again.attempts), (first.change.sequence, 2));
        world.store.settle_notice(again.change.sequence, OutboxState::Told, "").await.expect("settled");
        let second = world.store.due_notice(&source, News::Moved, now, HOLD).await.expect("asked").expect("the second");
        assert_eq!((second.change.transition.to, second.run.id), (RunState::Training, claimed.id));
        assert_eq!(world.store.outbox_backlog().await.expect("counted").pending, 1);
    }

    async fn revisions_do_not_wait_for_each_other_and_models_of_one_do(world: World) {
        let source = name("models");
        let ids = world.open("d-1", vec![run("a", '1', 0), run("b", '2', 0), run("b", '1', 0)]).await;
        let now = Timestamp::now();
        let mut told = Vec::new();
        while let Some(notice) = world.store.due_notice(&source, News::Moved, now, HOLD).await.expect("asked") {
            told.push(notice.run.id);
        }
        assert_eq!(told, ids[..2]);
        let strange = world.store.due_notice(&name("other"), News::Moved, now, HOLD).await.expect("asked");
        assert!(strange.is_none());
    }

    async fn runs_nobody_knows_of_come_first_where_that_is_asked_for_and_nothing_is_left_for_ever(world: World) {
        let source = name("models");
        let first = world.open("d-1", vec![run("a", '1', 0)]).await[0];
        let (claimed, lease) = world.claim().await.expect("a run");
        world.moved(&lease, &claimed, RunState::Training).await;
        let now = Timestamp::now();
        let opened = world.store.due_notice(&source, News::Opened, now, HOLD).await.expect("asked").expect("a notice");
        world.store.settle_notice(opened.change.sequence, OutboxState::Told, "").await.expect("settled");
        let later = world.open("d-2", vec![run("a", '2', 0), run("a", '3', 0)]).await;
        let mut told = Vec::new();
        for wanted in [News::Opened, News::Moved, News::Moved] {
            let notice = world.store.due_notice(&source, wanted, now, HOLD).await.expect("asked").expect("a notice");
            told.push((notice.run.id, notice.change.transition.to));
        }
        assert_eq!(told, [(later[0], RunState::Queued), (first, RunState::Training), (later[1], RunState::Queued)]);
    }

    async fn a_notice_that_was_taken_and_never_told_is_given_again(world: World) {
        world.open("d-1", vec![run("a", '1', 0)]).await;
        let now = Timestamp::now();
        assert!(world.store.due_notice(&name("models"), News::Moved, now, HOLD).await.expect("asked").is_some());
        let world = world.reopened().await;
        let later = now + SignedDuration::from_secs(61);
        let again = world.store.due_notice(&name("models"), News::Moved, later, HOLD).await.expect("asked").expect("given again");
        assert_eq!(again.attempts, 2);
    }

    async fn changes_of_all_runs_are_read_in_one_order(world: World) {
        let ids = world.open("d-1", vec![run("a", '1', 0), Run { source: name("other"), ..run("b", '1', 0) }]).await;
        let changes = world.store.changes(0, 10).await.expect("read");
        assert_eq!(changes.iter().map(|change| change.run).collect::<Vec<_>>(), ids);
        let newest = world.store.newest_change().await.expect("asked");
        assert_eq!(changes[1].sequence, newest);
        assert!(world.store.changes(newest, 10).await.expect("read").is_empty());
        assert_eq!((changes[1].source.as_str(), changes[1].model.as_str()), ("other", "b"));
    }
}
