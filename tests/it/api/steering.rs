//! Runs and deliveries, steered: what is done, and that it is written down.

use slipway_domain::{DeliveryState, RunEvent};
use slipway_store::{DeliveryOutcome, Role};

use super::world::{ApiWorld, delivery, run};

#[tokio::test]
async fn a_run_is_cancelled_once_by_a_caller_whose_name_stays() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let waiting = world.record_as(run("digits", "zero", 1), &[RunEvent::Planned], true).await;
    let world = world.start().await;
    let operator = world.with("ben", Role::Operator, &["digits"]).await;
    let path = format!("/api/v1/runs/{}/cancel", waiting.id);
    let answer = operator.post(&path).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["state"], "cancelled");
    let last = answer.json["transitions"].as_array().and_then(|way| way.last().cloned()).expect("a way");
    assert_eq!((&last["actor"], &last["from"]), (&"token ben".into(), &"training".into()));
    let again = operator.post(&path).await.expect("an answer");
    assert_eq!(again.status, 409, "{}", again.text);
    let audited = world.audited().await;
    assert_eq!(audited.len(), 3, "{audited:#?}");
    assert_eq!((&*audited[2].1, &audited[2].2), ("run.cancel.refused", &waiting.id.to_string()));
    assert!(audited[2].3.contains("from 127.0.0.1"), "{audited:#?}");
    assert_eq!((&*audited[0].0, &*audited[0].1, &audited[0].2), ("token ben", "run.cancel", &waiting.id.to_string()));
    world.finish().await;
}

#[tokio::test]
async fn a_stalled_run_is_made_due_again() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let stalled = world.record_as(run("digits", "zero", 1), &[], true).await;
    let refused = world.record_as(run("digits", "one", 2), &[RunEvent::Refused], false).await;
    let world = world.start().await;
    let retry = |id| {
        let api = world.admin();
        async move { api.post(&format!("/api/v1/runs/{id}/retry")).await.expect("an answer") }
    };
    let answer = retry(stalled.id).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["transitions"][1]["cause"], "retried by token settings");
    let answer = retry(refused.id).await;
    assert_eq!(answer.status, 409, "{}", answer.text);
    world.finish().await;
}

#[tokio::test]
async fn an_acknowledged_delivery_is_read_again() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let dead = delivery("digits", "d-1", b"not JSON");
    world.store.record_delivery(&dead).await.expect("stored");
    let outcome = DeliveryOutcome::nothing(DeliveryState::Dead, "as an earlier version saw it");
    world.store.acknowledge_deliveries(&[&dead], &outcome).await.expect("settled");
    let world = world.start().await;
    let answer = world.admin().post("/api/v1/deliveries/digits/d-1/replay").await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["state"], "pending");
    let read_again = tokio::time::timeout(crate::support::DEADLINE, async {
        loop {
            let stored = world.store.delivery(&dead.source, "d-1").await.expect("a delivery");
            if stored.state == DeliveryState::Dead && stored.note != outcome.note {
                return stored.note;
            }
            tokio::task::yield_now().await;
        }
    });
    let note = read_again.await.expect("it is read again");
    assert!(note.contains("cannot be read"), "{note}");
    let audited = world.audited().await;
    assert_eq!((&*audited[0].1, &*audited[0].2), ("delivery.replay", "digits d-1"));
    let unknown = world.admin().post("/api/v1/deliveries/digits/d-2/replay").await.expect("an answer");
    assert_eq!(unknown.status, 404);
    assert_eq!(world.audited().await.len(), 1, "nothing was steered");
    world.finish().await;
}
