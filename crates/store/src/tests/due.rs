//! Tests of the sources with due work.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{World, delivery_with_id, name, on_both_databases, run};
use crate::{DeliveryOutcome, DueSources, Fault, First};
use slipway_domain::{Delivery, DeliveryState, SourceName};

const PAUSE: Duration = Duration::from_mins(5);

fn names(all: &[&str]) -> Vec<SourceName> {
    all.iter().map(|one| name(one)).collect()
}

on_both_databases! {
    async fn a_source_is_due_while_a_delivery_of_it_is_to_be_read(world: World) {
        let now = Timestamp::now();
        assert_eq!(world.store.due_sources(now).await.expect("asked"), DueSources::default());
        for (source, id) in [("b", "d-1"), ("a", "d-2"), ("b", "d-3"), ("c", "d-4")] {
            let delivery = Delivery { source: name(source), ..delivery_with_id(id) };
            world.store.record_delivery(&delivery).await.expect("recorded");
        }
        let mut due = world.store.due_sources(now).await.expect("asked");
        due.deliveries.sort();
        assert_eq!(due, DueSources { deliveries: names(&["a", "b", "c"]), ..DueSources::default() });
        // One source has another pending delivery, one has none, and one waits for the end of a pause.
        let of = |source: &str, id: &str| Delivery { source: name(source), ..delivery_with_id(id) };
        let read = DeliveryOutcome::nothing(DeliveryState::Ignored, "x");
        world.store.acknowledge_deliveries(&[&of("b", "d-1")], &read).await.expect("settled");
        world.store.acknowledge_deliveries(&[&of("a", "d-2")], &read).await.expect("settled");
        let later = now + SignedDuration::from_hours(1);
        world.store.requeue_delivery(&of("c", "d-4"), later, "unreachable").await.expect("postponed");
        assert_eq!(world.store.due_sources(now).await.expect("asked").deliveries, names(&["b"]));
        assert_eq!(world.store.due_sources(later).await.expect("asked").deliveries.len(), 2);
        // Simulates a server whose clock is a day ahead.
        world.tamper("UPDATE deliveries SET due_at = due_at + 86400000, due_set_at = due_set_at + 86400000").await;
        assert_eq!(world.store.due_sources(now).await.expect("asked").deliveries.len(), 2);
    }

    async fn a_source_is_due_while_a_report_of_it_is_behind_and_not_requeued(world: World) {
        world.open("d-1", vec![run("a", '1', 0)]).await;
        let now = Timestamp::now();
        assert_eq!(world.store.due_sources(now).await.expect("asked").reports, names(&["models"]));
        let report = world.store.due_report(&name("models"), First::Known, now, PAUSE).await.expect("asked").expect("due");
        assert!(world.store.due_sources(now).await.expect("asked").reports.is_empty(), "somebody makes it");
        world.store.requeue_report(&report, now, PAUSE, Fault::Own, "refused").await.expect("postponed");
        assert!(world.store.due_sources(now).await.expect("asked").reports.is_empty());
        assert_eq!(world.store.due_sources(now + PAUSE).await.expect("asked").reports, names(&["models"]));
    }

    async fn a_source_is_due_while_an_earlier_version_left_something_to_be_reported(world: World) {
        world.open("d-1", vec![run("a", '1', 0)]).await;
        let later = Timestamp::from_millisecond(9_000_000_000_000).expect("a time");
        world
            .tamper(
                "INSERT INTO outbox (sequence, source, target, state, attempts, due_at, opens)
                 SELECT MAX(sequence), 'models', 'models change 1', 'pending', 1, 9000000000000, 0 FROM transitions",
            )
            .await;
        assert!(world.store.due_sources(Timestamp::now()).await.expect("asked").outbox.is_empty());
        assert_eq!(world.store.due_sources(later).await.expect("asked").outbox, names(&["models"]));
        world.tamper("UPDATE outbox SET state = 'dead'").await;
        assert_eq!(world.store.due_sources(Timestamp::now()).await.expect("asked").outbox, names(&["models"]));
        world.store.take_over_outbox(&name("models"), later).await.expect("taken over");
        assert!(world.store.due_sources(later).await.expect("asked").outbox.is_empty());
    }
}
