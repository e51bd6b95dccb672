//! What stands at forges: known by one row each, reported by one server at a time, and looked for after a crash.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{World, name, on_both_databases};
use crate::{Item, ItemKind, Stands, Store};

const HOLD: Duration = Duration::from_mins(1);

fn comment(change: &str) -> Item {
    let (source, name) = (name("models"), "slipway:change".to_owned());
    Item { source, kind: ItemKind::Comment, subject: change.to_owned(), name }
}

async fn known(store: &Store) -> Vec<Stands> {
    let known = store.items_about(&name("models"), ItemKind::Comment, "7").await.expect("asked");
    known.into_iter().map(|(_, stands)| stands).collect()
}

on_both_databases! {
    async fn of_two_servers_that_report_the_same_one_makes_the_call(world: World) {
        let other = world.another().await;
        let (item, now) = (comment("7"), Timestamp::now());
        let (one, two) = tokio::join!(
            world.store.claim_item(&item, "one", now, HOLD),
            other.claim_item(&item, "two", now, HOLD),
        );
        let claims: Vec<_> = [one.expect("asked"), two.expect("asked")].into_iter().flatten().collect();
        let [claimed] = &claims[..] else { panic!("one claim: {claims:?}") };
        assert!(claimed.before.is_sure && claimed.before.forge_id.is_empty(), "nobody tried before");
        let stands = Stands { forge_id: "12".to_owned(), digest: "d".to_owned(), ..claimed.before.clone() };
        world.store.note_item(claimed, &stands).await.expect("noted");
        let next = other.claim_item(&item, "two", now, HOLD).await.expect("asked").expect("free again");
        assert_eq!(next.before, stands);
        assert!(other.claim_item(&comment("8"), "two", now, HOLD).await.expect("asked").is_some());
    }

    async fn a_call_whose_outcome_nobody_knows_is_looked_for_by_whoever_comes_next(world: World) {
        let (item, now) = (comment("7"), Timestamp::now());
        let claimed = world.store.claim_item(&item, "one", now, HOLD).await.expect("asked").expect("a claim");
        // Whoever claimed it dies.
        let world = world.reopened().await;
        assert!(world.store.claim_item(&item, "two", now, HOLD).await.expect("asked").is_none());
        let later = now + SignedDuration::from_secs(61);
        let next = world.store.claim_item(&item, "two", later, HOLD).await.expect("asked").expect("a claim");
        assert!(!next.before.is_sure, "it may have been made");
        let stands = Stands { forge_id: "12".to_owned(), digest: "d".to_owned(), is_sure: true, ..next.before.clone() };
        world.store.note_item(&claimed, &Stands { forge_id: "13".to_owned(), ..stands.clone() }).await.expect("nothing");
        assert!(known(&world.store).await[0].forge_id.is_empty(), "who lost a claim notes nothing");
        world.store.note_item(&next, &stands).await.expect("noted");
        assert_eq!(known(&world.store).await[0], stands);
        // A call that failed leaves doubt as well.
        let failed = world.store.claim_item(&item, "two", later, HOLD).await.expect("asked").expect("a claim");
        let unsure = Stands { is_sure: false, ..failed.before.clone() };
        world.store.note_item(&failed, &unsure).await.expect("noted");
        assert!(!known(&world.store).await[0].is_sure);
        // One that was broken off is free at once.
        world.store.claim_item(&item, "two", later, HOLD).await.expect("asked").expect("a claim");
        world.store.give_claims_back("two").await.expect("given back");
        assert!(world.store.claim_item(&item, "one", later, HOLD).await.expect("asked").is_some());
    }
}
