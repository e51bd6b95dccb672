//! Tests of the audit log: every manipulation is detected.

use super::{World, on_both_databases};
use crate::{AuditFault, NewAuditEntry};
use slipway_domain::Actor;

async fn written(world: &World) {
    for number in 1..=5 {
        let entry = NewAuditEntry {
            actor: Actor::token("kim"),
            action: "run.cancel".to_owned(),
            target: format!("run {number}"),
            detail: "a \"detail\",\nwith everything".to_owned(),
        };
        world.store.audit(&entry).await.expect("written");
    }
}

on_both_databases! {
    async fn an_untouched_log_verifies_and_names_its_last_entry(world: World) {
        assert_eq!(world.store.verify_audit().await.expect("read"), Ok(None));
        written(&world).await;
        let last = world.store.verify_audit().await.expect("read").expect("whole").expect("an entry");
        assert_eq!((last.number, last.target.as_str()), (5, "run 5"));
        assert_eq!(world.store.audit_entries(3, 10).await.expect("read").len(), 2);
    }

    async fn a_changed_entry_is_named(world: World) {
        written(&world).await;
        world.tamper("UPDATE audit SET actor = 'token sam' WHERE number = 3").await;
        assert_eq!(world.store.verify_audit().await.expect("read"), Err(AuditFault::Changed { number: 3 }));
    }

    async fn a_missing_entry_is_named(world: World) {
        written(&world).await;
        world.tamper("DELETE FROM audit WHERE number = 2").await;
        assert_eq!(world.store.verify_audit().await.expect("read"), Err(AuditFault::Missing { number: 2 }));
    }

    async fn entries_that_changed_places_are_named(world: World) {
        written(&world).await;
        world.tamper("UPDATE audit SET number = 99 WHERE number = 2; UPDATE audit SET number = 2 WHERE number = 3;
                      UPDATE audit SET number = 3 WHERE number = 99").await;
        assert_eq!(world.store.verify_audit().await.expect("read"), Err(AuditFault::Moved { number: 2 }));
    }

    async fn an_entry_that_closes_a_gap_is_named(world: World) {
        written(&world).await;
        world.tamper("DELETE FROM audit WHERE number = 2; UPDATE audit SET number = 2 WHERE number = 3;
                      UPDATE audit SET number = 3 WHERE number = 4; UPDATE audit SET number = 4 WHERE number = 5").await;
        assert_eq!(world.store.verify_audit().await.expect("read"), Err(AuditFault::Moved { number: 2 }));
    }

    async fn servers_that_write_at_the_same_time_make_one_chain(world: World) {
        let other = world.another().await;
        let entry = |n: u32| NewAuditEntry {
            actor: Actor::anyone(),
            action: "refused".to_owned(),
            target: n.to_string(),
            detail: String::new(),
        };
        for n in 0..20 {
            let (mine, theirs) = (entry(n), entry(n));
            let (mine, theirs) = tokio::join!(world.store.audit(&mine), other.audit(&theirs));
            mine.expect("written");
            theirs.expect("written");
        }
        let last = world.store.verify_audit().await.expect("read").expect("whole").expect("an entry");
        assert_eq!(last.number, 40);
        other.close().await;
    }
}
