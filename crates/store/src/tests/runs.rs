//! Tests of runs: superseding, cancellation, queries and logs.

use jiff::Timestamp;
use slipway_contract::Digest;

use super::{World, delivery_with_id, name, on_both_databases, run, sha, transition};
use crate::{DeliveryOutcome, RunCursor, RunFilter, StoreError};
use slipway_domain::{Actor, DeliveryState, PullRequestHead, Run, RunEvent, RunId, RunState};

on_both_databases! {
    async fn a_branch_set_back_to_an_earlier_revision_is_a_run_of_its_own(world: World) {
        assert_eq!(world.open("d-1", vec![run("a", '1', 0), run("b", '1', 0)]).await.len(), 2);
        assert_eq!(world.open("d-2", vec![run("a", '2', 5)]).await.len(), 1);
        assert_eq!(world.open("d-3", vec![run("a", '1', 9)]).await.len(), 1);
        assert_eq!(world.store.runs(&RunFilter::default(), 10).await.expect("runs").len(), 4);
    }

    async fn one_revision_of_a_pull_request_is_one_run_and_closing_it_ends_it(world: World) {
        let of_pull_request = |digit, second| run("a", digit, second).with(|run| run.cause.pull_request = Some(PullRequestHead { number: 7, reference: "refs/pull/7/head".to_owned(), fork: false }));
        let first = world.open("d-1", vec![of_pull_request('1', 0)]).await;
        assert_eq!(first.len(), 1);
        assert_eq!(world.open("d-2", vec![of_pull_request('1', 1)]).await.len(), 0);
        let pushed = world.open("d-3", vec![run("a", '1', 1)]).await[0];
        let second = world.open("d-4", vec![of_pull_request('2', 2)]).await[0];
        assert_eq!(world.state(first[0]).await, RunState::Superseded);
        assert_eq!(world.state(pushed).await, RunState::Queued, "a branch's run is another lane");
        let closing = delivery_with_id("d-5");
        world.store.record_delivery(&closing).await.expect("recorded");
        let closed = DeliveryOutcome { closed: vec![7], ..DeliveryOutcome::nothing(DeliveryState::Done, "closed") };
        world.store.acknowledge_deliveries(&[&closing], &closed).await.expect("settled");
        assert_eq!(world.state(second).await, RunState::Cancelled);
        assert_eq!(world.state(pushed).await, RunState::Queued);
    }

    async fn a_push_that_removes_a_model_file_ends_the_runs_of_its_pushes_alone(world: World) {
        let runs = world.open("d-1", vec![run("a", '1', 0), run("b", '1', 0)]).await;
        let of_pull_request = run("a", '2', 1).with(|run| run.cause.pull_request = Some(PullRequestHead { number: 7, reference: "refs/pull/7/head".to_owned(), fork: false }));
        let proposed = world.open("d-2", vec![of_pull_request]).await[0];
        let pushing = delivery_with_id("d-3");
        world.store.record_delivery(&pushing).await.expect("recorded");
        let removed = DeliveryOutcome { removed: vec!["a".to_owned()], ..DeliveryOutcome::nothing(DeliveryState::Done, "removed") };
        world.store.acknowledge_deliveries(&[&pushing], &removed).await.expect("acknowledged");
        assert_eq!(world.state(runs[0]).await, RunState::Cancelled);
        assert_eq!(world.state(runs[1]).await, RunState::Queued);
        assert_eq!(world.state(proposed).await, RunState::Queued);
        let reason = world.store.run(runs[0]).await.expect("a run").status.reason;
        assert_eq!(reason.as_deref(), Some("a later push removed `a`"));
    }

    async fn one_revision_of_a_pull_request_is_one_run_however_many_servers_read_it_at_the_same_time(world: World) {
        for (second, digit) in (0..).zip("0123456789abcdef".chars()) {
            let pull_request = Some(PullRequestHead { number: 7, reference: "refs/pull/7/head".to_owned(), fork: false });
            let names = ["1", "2", "3"].map(|one| format!("d-{digit}-{one}"));
            let new_runs = || vec![run("a", digit, second).with(|run| run.cause.pull_request = pull_request.clone())];
            let (one, two, three) = tokio::join!(
                world.open(&names[0], new_runs()),
                world.open(&names[1], new_runs()),
                world.open(&names[2], new_runs()),
            );
            assert_eq!(one.len() + two.len() + three.len(), 1, "{digit}");
        }
    }

    async fn a_newer_push_supersedes_what_has_not_begun_to_promote(world: World) {
        let old = world.open("d-1", vec![run("a", '1', 0)]).await[0];
        let (claimed, lease) = world.claim().await.expect("a run");
        let new = world.open("d-2", vec![run("a", '2', 1)]).await[0];
        assert_eq!(world.state(old).await, RunState::Superseded);
        let next = claimed.clone().with(|run| run.status.state = RunState::Training);
        let step = transition(claimed.status.state, RunState::Training);
        let refused = world.store.record_run(&lease, &next, Some(&step)).await;
        assert!(matches!(refused, Err(StoreError::LeaseLost { run }) if run == old), "{refused:?}");
        assert_eq!(world.claim().await.expect("the newer").0.id, new);
    }

    async fn a_run_that_is_promoting_ends_before_the_newer_one_begins(world: World) {
        let old = world.open("d-1", vec![run("a", '1', 0)]).await[0];
        let (claimed, lease) = world.claim().await.expect("a run");
        let promoting = world.moved(&lease, &claimed, RunState::Promoting).await;
        let new = world.open("d-2", vec![run("a", '2', 1)]).await[0];
        assert_eq!(world.state(old).await, RunState::Promoting);
        assert!(world.claim().await.is_none(), "runs of one lane go in order");
        world.moved(&lease, &promoting, RunState::Done).await;
        world.store.release_run(&lease, Timestamp::now()).await.expect("released");
        assert_eq!(world.claim().await.expect("the newer").0.id, new);
    }

    async fn an_older_run_is_not_retried_over_a_newer_one(world: World) {
        let old = world.open("d-1", vec![run("a", '1', 0)]).await[0];
        let (claimed, lease) = world.claim().await.expect("a run");
        let promoting = world.moved(&lease, &claimed, RunState::Promoting).await;
        world.open("d-2", vec![run("a", '2', 1)]).await;
        world.store.record_run(&lease, &promoting.with(|run| run.status.stalled = true), None).await.expect("recorded");
        world.store.release_run(&lease, Timestamp::now()).await.expect("released");
        let retried = world.store.retry_run(old, "by hand", &Actor::anyone()).await.expect("settled");
        assert_eq!(retried.status.state, RunState::Failed);
    }

    async fn cancelling_ends_a_run_once_and_never_after_it_ended(world: World) {
        let actor = Actor::token("kim");
        let id = world.open("d-1", vec![run("a", '1', 0)]).await[0];
        let cancelled = world.store.terminate(id, RunEvent::Cancelled, "by hand", &actor).await.expect("cancelled");
        assert_eq!(cancelled.status.state, RunState::Cancelled);
        let again = world.store.terminate(id, RunEvent::Cancelled, "again", &actor).await;
        assert!(matches!(again, Err(StoreError::IllegalMove(_))), "{again:?}");
        let nobody = RunId::new();
        assert!(matches!(world.store.run(nobody).await, Err(StoreError::NoSuchRun { run }) if run == nobody));
    }

    async fn the_newest_earlier_run_with_weights_is_found(world: World) {
        let id = world.open("d-1", vec![run("a", '1', 0)]).await[0];
        let (claimed, lease) = world.claim().await.expect("a run");
        let (key, artifact) = (Digest::of(b"key"), Digest::of(b"weights"));
        let without = claimed.with(|run| run.training.cache_key = Some(key.clone()));
        world.store.record_run(&lease, &without, None).await.expect("recorded");
        let with = without.with(|run| run.training.artifact = Some(artifact));
        world.store.record_run(&lease, &with, None).await.expect("recorded");
        let later = Run { id: RunId::new(), ..run("a", '2', 5) };
        let earlier = world.store.earlier_with_key(&later).await.expect("asked").expect("an earlier run");
        assert_eq!(earlier.id, id);
        assert_eq!(world.store.earlier_with_key(&earlier).await.expect("asked"), None);
    }

    async fn a_log_is_read_from_any_line_on(world: World) {
        let id = world.open("d-1", vec![run("a", '1', 0)]).await[0];
        for line in ["one", "two", "three"] {
            world.store.append_log(id, line).await.expect("written");
        }
        let lines = world.store.log(id, 1, 10).await.expect("read");
        let lines: Vec<(u64, &str)> = lines.iter().map(|line| (line.number, line.line.as_str())).collect();
        assert_eq!(lines, [(2, "two"), (3, "three")]);
    }

    async fn a_line_whose_answer_was_lost_is_in_the_log_once(world: World) {
        let id = world.open("d-1", vec![run("a", '1', 0)]).await[0];
        world.store.append_log(id, "one").await.expect("written");
        for line in ["one", "two", "two"] {
            world.store.append_log_again(id, line).await.expect("written");
        }
        world.store.append_log(id, "two").await.expect("written");
        let lines: Vec<String> = world.store.log(id, 0, 10).await.expect("read").into_iter().map(|line| line.line).collect();
        assert_eq!(lines, ["one", "two", "two"], "a line that is said twice is there twice");
    }

    async fn runs_are_listed_by_what_is_asked_for_page_by_page(world: World) {
        let other = run("a", '3', 9).with(|run| run.cause.source = name("other"));
        world.open("d-1", vec![run("a", '1', 0), run("b", '1', 0), run("c", '2', 4), other]).await;
        let names = async |filter: RunFilter| {
            let runs = world.store.runs(&filter, 10).await.expect("runs");
            runs.iter().map(|run| run.cause.model.clone()).collect::<Vec<_>>()
        };
        let of_models = RunFilter { source: Some(name("models")), ..RunFilter::default() };
        assert_eq!(names(of_models.clone()).await, ["c", "b", "a"]);
        assert_eq!(names(RunFilter { model: Some("a".to_owned()), ..RunFilter::default() }).await.len(), 2);
        assert_eq!(names(RunFilter { head: Some(sha('1').to_string()), ..of_models.clone() }).await, ["b", "a"]);
        assert!(names(RunFilter { state: Some(RunState::Done), ..RunFilter::default() }).await.is_empty());
        assert!(names(RunFilter { stalled: Some(true), ..RunFilter::default() }).await.is_empty());
        let first = world.store.runs(&of_models, 1).await.expect("runs").remove(0);
        let before = Some(RunCursor { created_at: first.created_at, id: first.id });
        assert_eq!(names(RunFilter { before, ..of_models }).await, ["b", "a"]);
    }

    async fn a_run_is_found_by_the_beginnings_of_its_identifier_and_of_its_revision(world: World) {
        let named = |id: &str| Run { id: id.parse().expect("an identifier"), ..run(&id[..1], '1', 0) };
        let ids = ["01990d3e-5c7a-7d31-8f52-6f0a1b2c3d4e", "01990d3e-5c7b-7d31-8f52-6f0a1b2c3d4e", "01990d3f-0000-7d31-8f52-6f0a1b2c3d4e"];
        let runs = ids.map(named).into_iter().zip(["a", "b", "c"]);
        let runs = runs.map(|(run, model)| run.with(|run| { run.cause.model = model.to_owned(); run.cause.file = model.to_owned(); }));
        world.open("d-1", runs.collect()).await;
        let found = async |id: &str| {
            let filter = RunFilter { id: Some(id.to_owned()), ..RunFilter::default() };
            world.store.runs(&filter, 10).await.expect("runs").len()
        };
        for (id, expected) in [
            ("01990d3e", 2), ("01990d3e-5c7a", 1), ("01990d3e-5c7a-7d31-8f52-6f0a1b2c3d4e", 1), ("01990d3", 3),
            ("01990d3f", 1), ("01990d40", 0), ("01990d3e-5c7a-7d31-8f52-6f0a1b2c3d4f", 0),
        ] {
            assert_eq!(found(id).await, expected, "{id}");
        }
        let scope = Some(vec![name("others")]);
        let hidden = RunFilter { id: Some("01990d3e".to_owned()), scope, ..RunFilter::default() };
        assert!(world.store.runs(&hidden, 10).await.expect("runs").is_empty());
        for (head, expected) in [("1111111", 3), ("2222222", 0), ("111111112", 0)] {
            let filter = RunFilter { head: Some(head.to_owned()), ..RunFilter::default() };
            assert_eq!(world.store.runs(&filter, 10).await.expect("runs").len(), expected, "{head}");
        }
    }

    async fn a_run_that_somebody_starts_says_so(world: World) {
        let before = world.open("d-1", vec![run("a", '1', 0)]).await[0];
        let started = run("a", '2', 1);
        world.store.start_run(&started, &Actor::token("kim")).await.expect("started");
        let way = world.store.transitions(started.id).await.expect("its way");
        assert_eq!(way.iter().map(|step| &*step.cause).collect::<Vec<_>>(), [format!("started by {}", Actor::token("kim"))]);
        let ended = world.store.run(before).await.expect("a run");
        assert_eq!(ended.status.state, RunState::Superseded);
        assert!(ended.status.reason.as_deref().is_some_and(|reason| reason.ends_with("started later")), "{:?}", ended.status.reason);
    }

    async fn runs_that_an_environment_holds_up_are_found_and_go_on_once(world: World) {
        world.open("d-1", vec![run("a", '1', 0), run("b", '1', 0)]).await;
        let (claimed, lease) = world.claim().await.expect("a run");
        let stalled = claimed.with(|run| { run.status.stalled = true; run.status.awaits_environment = true; });
        let stays = super::transition(stalled.status.state, stalled.status.state);
        world.store.record_run(&lease, &stalled, Some(&stays)).await.expect("recorded");
        world.store.release_run(&lease, Timestamp::now()).await.expect("released");
        let found = world.store.stalled_runs(&name("staging"), None).await.expect("asked");
        assert_eq!(found.iter().map(|run| (run.id, run.status.awaits_environment)).collect::<Vec<_>>(), [(stalled.id, true)]);
        assert!(world.store.stalled_runs(&name("production"), None).await.expect("asked").is_empty());
        assert!(world.store.stalled_runs(&name("staging"), Some(&stalled)).await.expect("asked").is_empty(), "the next page");
        let goes_on = world.store.retry_run(stalled.id, "mended", &Actor::controller()).await.expect("retried");
        assert!(!goes_on.status.stalled && !goes_on.status.awaits_environment);
        assert!(world.store.retry_run(stalled.id, "mended", &Actor::controller()).await.is_err(), "once");
        // A document of an older server does not contain the field.
        let mut document = serde_json::to_value(&goes_on).expect("JSON");
        assert_eq!(document.as_object_mut().and_then(|run| run.remove("awaits_environment")), None);
        assert_eq!(serde_json::from_value::<Run>(document).expect("a run"), goes_on);
    }

    async fn runs_are_counted_by_where_they_stand(world: World) {
        world.open("d-1", vec![run("a", '1', 0), run("b", '1', 0), run("c", '1', 0)]).await;
        let id = world.open("d-2", vec![run("a", '2', 1)]).await[0];
        world.store.terminate(id, RunEvent::Cancelled, "by hand", &Actor::anyone()).await.expect("cancelled");
        let mut counts = world.store.runs_by_state().await.expect("counted");
        counts.sort_by_key(|(state, _)| state.as_str());
        assert_eq!(counts, [(RunState::Cancelled, 1), (RunState::Queued, 2), (RunState::Superseded, 1)]);
        assert!(world.store.longest_waiting(Timestamp::now()).await.expect("asked").is_some());
        world.store.check_writable().await.expect("writable");
    }
}
