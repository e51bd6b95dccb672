//! Tests of texts that PostgreSQL would refuse: both databases store and find the same texts.

use jiff::Timestamp;

use super::{World, delivery_with_id, name, on_both_databases, run};
use crate::{DeliveryOutcome, NewAuditEntry, RunFilter};
use slipway_domain::{Actor, DeliveryState, Hold, Receipt, Rejection, RunEvent};

on_both_databases! {
    async fn a_nul_in_any_text_from_outside_is_stored_as_the_sign_for_what_cannot_be_shown(world: World) {
        let mut delivery = delivery_with_id("d\0-1");
        delivery.event = "pu\0sh".to_owned();
        delivery.headers.insert("x-a".to_owned(), "b\0c".to_owned());
        assert_eq!(world.store.record_delivery(&delivery).await.expect("stored"), Receipt::Stored);
        assert_eq!(world.store.record_delivery(&delivery).await.expect("asked"), Receipt::Duplicate);
        world.store.requeue_delivery(&delivery, Timestamp::now(), "la\0ter").await.expect("postponed");
        let known = [("d\0-1", DeliveryState::Ignored, "no\0thing".to_owned())];
        world.store.acknowledge_without_effect(&name("models"), &known).await.expect("settled");
        let stored = world.store.delivery(&name("models"), "d\0-1").await.expect("found");
        assert_eq!((&*stored.note, stored.state), ("no\u{fffd}thing", DeliveryState::Ignored));
        assert_eq!(stored.delivery.headers["x-a"], "b\0c", "documents keep what was sent");

        let spoilt = run("mo\0del", 'a', 1);
        let outcome = DeliveryOutcome { runs: vec![spoilt], ..DeliveryOutcome::nothing(DeliveryState::Done, "do\0ne") };
        let ids = world.store.acknowledge_deliveries(&[&delivery], &outcome).await.expect("settled");
        let filter = RunFilter { model: Some("mo\0del".to_owned()), ..RunFilter::default() };
        assert_eq!(world.store.runs(&filter, 10).await.expect("listed").len(), 1);
        world.store.append_log(ids[0], "ep\0och").await.expect("logged");
        assert_eq!(world.store.log(ids[0], 0, 1).await.expect("a log")[0].line, "ep\u{fffd}och");
        let actor = Actor::stored("token a\0b".to_owned());
        world.store.terminate(ids[0], RunEvent::Cancelled, "be\0cause", &actor).await.expect("called off");
        let way = world.store.transitions(ids[0]).await.expect("a way");
        assert_eq!(way.last().map(|step| &*step.cause), Some("be\u{fffd}cause"));
    }

    async fn so_are_decisions_names_and_what_is_written_down(world: World) {
        let (environment, at, actor) = (name("staging"), Timestamp::now(), Actor::controller());
        let (model, reason) = ("mo\0del", "rea\0son".to_owned());
        let hold = Hold {
            environment: environment.clone(), model: Some(model.to_owned()), actor: actor.clone(),
            reason: reason.clone(), at, until: None,
        };
        world.store.hold(&hold).await.expect("held");
        assert_eq!(world.store.holds(&environment, Some(model)).await.expect("listed"), [hold]);
        assert!(world.store.release(&environment, Some(model)).await.expect("released"));
        let artifact = slipway_contract::Digest::of(b"weights");
        let rejection = Rejection {
            source: None, model: model.to_owned(), artifact: artifact.clone(), actor: actor.clone(), reason, at,
        };
        world.store.reject(&name("models"), &rejection).await.expect("rejected");
        assert_eq!(world.store.rejection(&name("models"), model, &artifact).await.expect("asked"), Some(rejection));
        let action = "run.can\0cel".to_owned();
        let entry = NewAuditEntry { actor, action, target: "a\0b".to_owned(), detail: "c\0d".to_owned() };
        world.store.audit(&entry).await.expect("written down");
        assert!(world.store.verify_audit().await.expect("read").is_ok(), "the digest is over what is stored");
        assert_eq!(world.store.seen_branch(&name("models"), "ma\0in").await.expect("asked"), None);
        assert!(world.store.revoke_token("na\0me").await.is_err());
        assert!(!world.store.knows_model(&name("models"), model).await.expect("asked"));
        assert!(world.store.lock_branch("https://a\0b", "main").await.is_ok());
    }
}
