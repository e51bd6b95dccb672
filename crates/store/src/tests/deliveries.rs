//! Tests of deliveries: stored once, processed until they are acknowledged, and removed by retention.

use jiff::{SignedDuration, Timestamp};

use super::retention::keep_all;
use super::{World, delivery_with_id, head, name, on_both_databases, run, sha};
use crate::{DeliveryFilter, DeliveryOutcome, Retention, StoreError};
use slipway_domain::{Delivery, DeliveryState, Receipt};

/// Stores deliveries, reads and acknowledges all of them, and returns how many were read at a time.
async fn batches(world: &World, deliveries: [Delivery; 3]) -> Vec<usize> {
    for delivery in deliveries {
        world.store.record_delivery(&delivery).await.expect("recorded");
    }
    let nothing = DeliveryOutcome::nothing(DeliveryState::Ignored, "x");
    let mut batches = Vec::new();
    loop {
        let due = world.store.due_deliveries(&name("models"), Timestamp::now(), 10).await.expect("due");
        if due.is_empty() {
            return batches;
        }
        batches.push(due.len());
        let read: Vec<&Delivery> = due.iter().map(|stored| &stored.delivery).collect();
        world.store.acknowledge_deliveries(&read, &nothing).await.expect("acknowledged");
    }
}

on_both_databases! {
    async fn a_delivery_is_stored_once_and_survives_a_restart(world: World) {
        let delivery = Delivery { body: vec![b'x'; 5000], ..delivery_with_id("d-1") };
        assert_eq!(world.store.record_delivery(&delivery).await.expect("recorded"), Receipt::Stored);
        assert_eq!(world.store.record_delivery(&delivery).await.expect("recorded"), Receipt::Duplicate);
        let world = world.reopened().await;
        let due = world.store.due_deliveries(&name("models"), Timestamp::now(), 10).await.expect("due");
        assert_eq!(due.len(), 1);
        assert_eq!((&due[0].delivery, due[0].attempts, due[0].state), (&delivery, 0, DeliveryState::Pending));
    }

    async fn many_that_arrive_together_are_all_stored_once(world: World) {
        let record = |n: usize| {
            let delivery = delivery_with_id(&format!("d-{}", n % 200));
            let store = &world.store;
            async move { store.record_delivery(&delivery).await.expect("recorded") }
        };
        let answers = futures_of((0..400).map(record).collect()).await;
        assert_eq!(answers.iter().filter(|answer| **answer == Receipt::Stored).count(), 200);
        assert_eq!(world.store.backlog().await.expect("counted").pending, 200);
    }

    async fn large_deliveries_are_read_one_after_the_other(world: World) {
        let mut noise = 1_u64;
        let mut large = |id: &str| {
            let mut draw = || {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                noise.to_be_bytes()[0]
            };
            Delivery { body: (0..3 << 20).map(|_| draw()).collect(), ..delivery_with_id(id) }
        };
        assert_eq!(batches(&world, [large("d-1"), large("d-2"), delivery_with_id("d-3")]).await, [1, 2]);
    }

    async fn deliveries_that_are_large_once_decompressed_are_read_one_after_the_other(world: World) {
        let large = |id: &str| Delivery { body: vec![b' '; 3 << 20], ..delivery_with_id(id) };
        assert_eq!(batches(&world, [large("d-1"), large("d-2"), delivery_with_id("d-3")]).await, [1, 2]);
    }

    async fn a_postponed_delivery_waits_and_counts_its_attempts(world: World) {
        let delivery = delivery_with_id("d-1");
        let source = name("models");
        world.store.record_delivery(&delivery).await.expect("recorded");
        let later = Timestamp::now() + SignedDuration::from_mins(1);
        world.store.requeue_delivery(&delivery, later, "unreachable").await.expect("postponed");
        assert!(world.store.due_deliveries(&source, Timestamp::now(), 1).await.expect("due").is_empty());
        let due = world.store.due_deliveries(&source, later, 1).await.expect("due");
        assert_eq!((due[0].attempts, due[0].note.as_str()), (1, "unreachable"));
        let dead = DeliveryOutcome::nothing(DeliveryState::Dead, "given up");
        world.store.acknowledge_deliveries(&[&delivery], &dead).await.expect("settled");
        assert!(world.store.due_deliveries(&source, later, 1).await.expect("due").is_empty());
    }

    async fn a_pause_of_hours_is_kept_unless_the_clock_was_set_back_since(world: World) {
        let (delivery, source) = (delivery_with_id("d-1"), name("models"));
        world.store.record_delivery(&delivery).await.expect("recorded");
        let later = Timestamp::now() + SignedDuration::from_hours(2);
        world.store.requeue_delivery(&delivery, later, "asked to wait").await.expect("postponed");
        assert!(world.store.due_deliveries(&source, Timestamp::now(), 1).await.expect("due").is_empty());
        assert_eq!(world.store.due_deliveries(&source, later, 1).await.expect("due").len(), 1);
        // Simulates a server whose clock is a day ahead.
        world.tamper("UPDATE deliveries SET due_at = due_at + 86400000, due_set_at = due_set_at + 86400000").await;
        assert_eq!(world.store.due_deliveries(&source, Timestamp::now(), 1).await.expect("due").len(), 1);
    }

    async fn a_pause_that_an_older_server_set_is_kept(world: World) {
        let source = name("models");
        world.store.record_delivery(&delivery_with_id("d-1")).await.expect("recorded");
        let later = Timestamp::now() + SignedDuration::from_hours(2);
        sqlx::query("UPDATE deliveries SET due_at = $1")
            .bind(later.as_millisecond())
            .execute(&world.store.database.pool)
            .await
            .expect("written");
        assert!(world.store.due_deliveries(&source, Timestamp::now(), 1).await.expect("due").is_empty());
        assert_eq!(world.store.due_deliveries(&source, later, 1).await.expect("due").len(), 1);
    }

    async fn a_dead_delivery_can_be_replayed_and_a_pending_one_need_not(world: World) {
        let delivery = delivery_with_id("d-1");
        let source = name("models");
        world.store.record_delivery(&delivery).await.expect("recorded");
        let refused = world.store.replay_delivery(&source, "d-1").await;
        assert!(matches!(refused, Err(StoreError::NotAcknowledged { .. })), "{refused:?}");
        world.store.acknowledge_deliveries(&[&delivery], &DeliveryOutcome::nothing(DeliveryState::Dead, "x")).await.expect("settled");
        let replayed = world.store.replay_delivery(&source, "d-1").await.expect("replayed");
        assert_eq!((replayed.state, replayed.acknowledged_at), (DeliveryState::Pending, None));
        assert_eq!(world.store.due_deliveries(&source, Timestamp::now(), 1).await.expect("due").len(), 1);
        let nobody = world.store.replay_delivery(&source, "d-2").await;
        assert!(matches!(nobody, Err(StoreError::NoSuchDelivery { .. })), "{nobody:?}");
    }

    async fn of_two_servers_that_deal_with_one_branch_only_one_records_runs(world: World) {
        let (first, second) = (delivery_with_id("d-1"), delivery_with_id("d-2"));
        for delivery in [&first, &second] {
            world.store.record_delivery(delivery).await.expect("recorded");
        }
        let outcome = |digit| DeliveryOutcome {
            branch: Some(head(None, digit)),
            runs: vec![run("a", digit, 0)],
            ..DeliveryOutcome::nothing(DeliveryState::Done, "")
        };
        assert_eq!(world.store.acknowledge_deliveries(&[&first], &outcome('1')).await.expect("settled").len(), 1);
        let other = world.another().await;
        let lost = other.acknowledge_deliveries(&[&second], &outcome('2')).await;
        assert!(matches!(lost, Err(StoreError::BranchMoved { .. })), "{lost:?}");
        assert_eq!(other.runs(&super::super::RunFilter::default(), 10).await.expect("runs").len(), 1);
        assert_eq!(world.store.backlog().await.expect("counted").pending, 1, "the second is still to be read");
        let seen = other.seen_branch(&name("models"), "main").await.expect("asked").expect("seen");
        assert_eq!((seen.head, seen.adopted), (sha('1'), false));
        let moved = DeliveryOutcome { branch: Some(head(Some('1'), '2')), ..outcome('2') };
        assert_eq!(other.acknowledge_deliveries(&[&second], &moved).await.expect("settled").len(), 1);
        other.close().await;
    }

    async fn old_and_large_deliveries_go_but_never_one_that_was_not_read(world: World) {
        let at = |id: &str, hour: i64| {
            let received_at = delivery_with_id(id).received_at + SignedDuration::from_hours(hour);
            Delivery { received_at, ..delivery_with_id(id) }
        };
        let outcome = [at("old", 0), at("middle", 1), at("new", 2)];
        let unread = at("unread", 0);
        for delivery in outcome.iter().chain([&unread]) {
            world.store.record_delivery(delivery).await.expect("recorded");
        }
        let all: Vec<&Delivery> = outcome.iter().collect();
        world.store.acknowledge_deliveries(&all, &DeliveryOutcome::nothing(DeliveryState::Ignored, "x")).await.expect("settled");
        let now = unread.received_at + SignedDuration::from_hours(3);
        let kept = async || {
            let listed = world.store.deliveries(&DeliveryFilter::default(), 10).await.expect("listed");
            listed.into_iter().map(|stored| stored.id).collect::<Vec<_>>()
        };
        let keep = Retention { age: SignedDuration::from_mins(150), ..keep_all() };
        assert_eq!(world.remove_old(now, keep).await.deliveries, 1);
        assert_eq!(kept().await, ["new", "middle", "unread"]);
        let size = unread.body.len() as u64;
        let keep = Retention { age: SignedDuration::from_hours(100), bytes: size, ..keep_all() };
        world.remove_old(now, keep).await;
        assert_eq!(kept().await, ["unread"]);
    }

    async fn deliveries_are_listed_newest_first_page_by_page(world: World) {
        for n in 0..5 {
            let received_at = delivery_with_id("").received_at + SignedDuration::from_secs(n / 2);
            world.store.record_delivery(&Delivery { received_at, ..delivery_with_id(&format!("d-{n}")) }).await.expect("recorded");
        }
        let mut filter = DeliveryFilter { source: Some(name("models")), state: Some(DeliveryState::Pending), ..DeliveryFilter::default() };
        let mut ids = Vec::new();
        loop {
            let page = world.store.deliveries(&filter, 2).await.expect("listed");
            let Some(last) = page.last() else { break };
            filter.before = Some((last.received_at, last.source.clone(), last.id.clone()));
            ids.extend(page.iter().map(|stored| stored.id.clone()));
        }
        assert_eq!(ids, ["d-4", "d-3", "d-2", "d-1", "d-0"]);
    }
}

/// Runs all futures concurrently and waits for all of them.
async fn futures_of<T>(all: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, answer) in &mut all {
            if answer.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *answer = Some(ready);
            }
        }
        if all.iter().all(|(_, answer)| answer.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    all.into_iter().filter_map(|(_, answer)| answer).collect()
}
