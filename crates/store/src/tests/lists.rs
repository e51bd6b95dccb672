//! Tests of lists: filters by scope, models, and counts of waiting work.

use jiff::Timestamp;

use super::{delivery_with_id, name, on_both_databases, run};
use crate::{DeliveryFilter, ModelCursor, RunFilter};
use slipway_domain::{Delivery, DeliveryState, PullRequestHead, RunState};

on_both_databases! {
    async fn a_scope_lets_through_its_sources_only(world: super::World) {
        let sources = ["models", "model", "models-too"];
        let runs = sources.map(|source| run("a", '1', 0).with(|run| run.cause.source = name(source)));
        world.open("d-1", runs.into()).await;
        for source in sources {
            let delivery = Delivery { source: name(source), ..delivery_with_id("d-2") };
            world.store.record_delivery(&delivery).await.expect("stored");
        }
        for (scope, expected) in [
            (None, 3),
            (Some(vec![]), 0),
            (Some(vec![name("models")]), 1),
            (Some(vec![name("mod")]), 0),
            (Some(vec![name("models-too"), name("model")]), 2),
        ] {
            let filter = RunFilter { scope: scope.clone(), ..RunFilter::default() };
            assert_eq!(world.store.runs(&filter, 10).await.expect("runs").len(), expected, "{scope:?}");
            let models = world.store.models(scope.as_deref(), None, 10).await.expect("models");
            assert_eq!(models.len(), expected, "{scope:?}");
            let state = Some(DeliveryState::Pending);
            let filter = DeliveryFilter { scope: scope.clone(), state, ..DeliveryFilter::default() };
            assert_eq!(world.store.deliveries(&filter, 10).await.expect("deliveries").len(), expected, "{scope:?}");
        }
    }

    async fn a_model_is_its_newest_run_and_the_newest_that_was_promoted(world: super::World) {
        let pull_request = Some(PullRequestHead { number: 7, reference: "refs/pull/7/head".to_owned(), fork: false });
        world.open("d-1", vec![run("a", '1', 0)]).await;
        let (first, lease) = world.claim().await.expect("a run");
        let done = world.moved(&lease, &first, RunState::Done).await;
        world.store.release_run(&lease, Timestamp::now()).await.expect("released");
        world.open("d-2", vec![run("a", '2', 1), run("b", '2', 1), run("c", '3', 2).with(|run| run.cause.pull_request = pull_request)]).await;
        let models = world.store.models(None, None, 10).await.expect("models");
        let names: Vec<&str> = models.iter().map(|model| &*model.newest.cause.model).collect();
        assert_eq!(names, ["a", "b"], "what a change brings is no model yet");
        assert_eq!(models[0].newest.cause.head, super::sha('2'));
        assert_eq!(models[0].promoted.as_ref().map(|run| run.id), Some(done.id));
        assert_eq!(models[1].promoted, None);
        let after = ModelCursor { source: name("models"), model: "a".to_owned() };
        let rest = world.store.models(None, Some(&after), 10).await.expect("models");
        assert_eq!(rest.iter().map(|model| &*model.newest.cause.model).collect::<Vec<_>>(), ["b"]);
    }

    async fn what_waits_and_since_when_a_run_is_where_it_is(world: super::World) {
        let opened = world.open("d-1", vec![run("a", '1', 0), run("b", '1', 0)]).await;
        assert_eq!(world.store.waiting_and_stalled(Timestamp::now()).await.expect("counted"), (2, 0));
        let since = world.store.in_state_since(opened[0]).await.expect("asked");
        assert_eq!(since, Some(run("a", '1', 0).created_at));
        let (claimed, lease) = world.claim().await.expect("a run");
        assert_eq!(world.store.waiting_and_stalled(Timestamp::now()).await.expect("counted"), (1, 0));
        let stalled = claimed.with(|run| run.status.stalled = true);
        // A run that stalls records a transition to its current state.
        let stays = super::transition(stalled.status.state, stalled.status.state);
        world.store.record_run(&lease, &stalled, Some(&stays)).await.expect("recorded");
        world.store.release_run(&lease, Timestamp::now()).await.expect("released");
        assert_eq!(world.store.waiting_and_stalled(Timestamp::now()).await.expect("counted"), (1, 1));
        assert_eq!(world.store.in_state_since(stalled.id).await.expect("asked"), since);
        assert_eq!(world.store.in_state_since(slipway_domain::RunId::new()).await.expect("asked"), None);
    }
}
