//! Tests of the reported state: one row per item, one reporting server at a time, and a search at the forge after a crash.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{World, name, on_both_databases};
use crate::{Item, ItemKind, ReportedState, Store};

const CLAIM_LEASE: Duration = Duration::from_mins(1);

fn comment(pull_request: &str) -> Item {
    let (source, name) = (name("models"), "slipway:change".to_owned());
    Item { source, kind: ItemKind::Comment, subject: pull_request.to_owned(), name }
}

async fn known(store: &Store) -> Vec<ReportedState> {
    let known = store.items_about(&name("models"), ItemKind::Comment, "7").await.expect("asked");
    known.into_iter().map(|(_, current)| current).collect()
}

on_both_databases! {
    async fn of_two_servers_that_report_the_same_one_makes_the_call(world: World) {
        let other = world.another().await;
        let (item, now) = (comment("7"), Timestamp::now());
        let (one, two) = tokio::join!(
            world.store.claim_item(&item, "one", now, CLAIM_LEASE),
            other.claim_item(&item, "two", now, CLAIM_LEASE),
        );
        let claims: Vec<_> = [one.expect("asked"), two.expect("asked")].into_iter().flatten().collect();
        let [claimed] = &claims[..] else { panic!("one claim: {claims:?}") };
        assert!(claimed.before.is_sure && claimed.before.forge_id.is_empty(), "nobody tried before");
        let current = ReportedState { forge_id: "12".to_owned(), digest: "d".to_owned(), ..claimed.before.clone() };
        world.store.record_item(claimed, &current).await.expect("noted");
        let next = other.claim_item(&item, "two", now, CLAIM_LEASE).await.expect("asked").expect("free again");
        assert_eq!(next.before, current);
        assert!(other.claim_item(&comment("8"), "two", now, CLAIM_LEASE).await.expect("asked").is_some());
    }

    async fn a_call_whose_outcome_nobody_knows_is_searched_for_by_whoever_comes_next(world: World) {
        let (item, now) = (comment("7"), Timestamp::now());
        let claimed = world.store.claim_item(&item, "one", now, CLAIM_LEASE).await.expect("asked").expect("a claim");
        // The server that holds the claim crashes.
        let world = world.reopened().await;
        assert!(world.store.claim_item(&item, "two", now, CLAIM_LEASE).await.expect("asked").is_none());
        let later = now + SignedDuration::from_secs(61);
        let next = world.store.claim_item(&item, "two", later, CLAIM_LEASE).await.expect("asked").expect("a claim");
        assert!(!next.before.is_sure, "it may have been made");
        let current = ReportedState { forge_id: "12".to_owned(), digest: "d".to_owned(), is_sure: true, ..next.before.clone() };
        world.store.record_item(&claimed, &ReportedState { forge_id: "13".to_owned(), ..current.clone() }).await.expect("nothing");
        assert!(known(&world.store).await[0].forge_id.is_empty(), "who lost a claim notes nothing");
        world.store.record_item(&next, &current).await.expect("noted");
        assert_eq!(known(&world.store).await[0], current);
        // After a failed call the state is uncertain as well.
        let failed = world.store.claim_item(&item, "two", later, CLAIM_LEASE).await.expect("asked").expect("a claim");
        let unsure = ReportedState { is_sure: false, ..failed.before.clone() };
        world.store.record_item(&failed, &unsure).await.expect("noted");
        assert!(!known(&world.store).await[0].is_sure);
        // The claim of an interrupted call is free at once.
        world.store.claim_item(&item, "two", later, CLAIM_LEASE).await.expect("asked").expect("a claim");
        world.store.release_items("two").await.expect("given back");
        assert!(world.store.claim_item(&item, "one", later, CLAIM_LEASE).await.expect("asked").is_some());
    }
}
