//! Tests of runs at their promotion, and of decisions about them.

use jiff::Timestamp;
use slipway_contract::Digest;

use super::{CLAIM_LEASE, World, name, on_both_databases, run, sha, transition};
use crate::{Claim, Lease};
use slipway_domain::{Actor, Approval, Contributor, Hold, Origin, Part, Rejection, Run, RunId, RunState, SourceName};

pub(super) fn artifact(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

pub(super) fn approval(person: &str, of: &str) -> Approval {
    Approval {
        environment: name("staging"),
        model: "a".to_owned(),
        artifact: artifact(of),
        person: person.to_owned(),
        actor: Actor::token(person),
        at: at("2026-11-24T10:00:00Z"),
    }
}

pub(super) fn hold(model: Option<&str>, reason: &str) -> Hold {
    Hold {
        environment: name("staging"),
        model: model.map(str::to_owned),
        actor: Actor::token("kim"),
        reason: reason.to_owned(),
        at: at("2026-11-24T10:00:00Z"),
        until: None,
    }
}

/// The newest run of the source's model that passed its gate.
pub(super) async fn newest_passed(world: &World, source: &str) -> Run {
    let passed = world.store.passed_runs("a", &name(source), None).await.expect("asked");
    let newest = passed.into_iter().next().expect("a run");
    let artifact = newest.training.artifact.clone().expect("an artifact");
    let same = world.store.passed_runs("a", &name(source), Some(&artifact)).await.expect("asked");
    assert!(
        same.iter().all(|run| run.training.artifact.as_ref() == Some(&artifact)) && same[0].id == newest.id,
        "{same:?}"
    );
    newest
}

impl World {
    pub(super) async fn claim_promotions(&self) -> Vec<(Run, Lease)> {
        let claim = Claim { now: Timestamp::now(), lease_duration: CLAIM_LEASE, max_runs_per_source: 64 };
        let mut claimed = Vec::new();
        for state in [RunState::Waiting, RunState::Promoting] {
            claimed.extend(self.store.claim_promotions(&name("staging"), state, claim, 10).await.expect("claimed"));
        }
        claimed
    }

    /// A run that has passed its gate with an artifact and is blocked by a rule.
    pub(super) async fn waiting(&self, digit: char, second: i64) -> Run {
        let id = self.open(&format!("d-{digit}"), vec![run("a", digit, second)]).await[0];
        let (claimed, lease) = self.claim().await.expect("a run");
        assert_eq!(claimed.id, id);
        let with = claimed.with(|run| run.training.artifact = Some(artifact(&digit.to_string())));
        // Boxed, because every test that waits contains these futures.
        let publishing = Box::pin(self.moved(&lease, &with, RunState::Publishing)).await;
        let promoting = Box::pin(self.moved(&lease, &publishing, RunState::Promoting)).await;
        let waiting = Box::pin(self.moved(&lease, &promoting, RunState::Waiting)).await;
        self.store.release_run(&lease, Timestamp::now()).await.expect("released");
        waiting
    }
}

on_both_databases! {
    async fn a_promotion_that_pauses_for_hours_is_left_alone_unless_the_clock_was_set_back(world: World) {
        let waiting = world.waiting('1', 0).await;
        let (_, lease) = world.claim_promotions().await.pop().expect("due");
        let later = Timestamp::now() + jiff::SignedDuration::from_hours(1);
        world.store.release_run(&lease, later).await.expect("released");
        assert!(world.claim_promotions().await.is_empty(), "the git server asked for an hour");
        world.tamper("UPDATE runs SET due_set_at = due_set_at + 86400000").await;
        assert_eq!(world.claim_promotions().await.pop().expect("due").0.id, waiting.id);
    }

    async fn runs_at_their_promotion_are_taken_together_and_by_nobody_else(world: World) {
        let waiting = world.waiting('1', 0).await;
        let other = world.open("d-0", vec![run("z", '9', 1).with(|run| run.cause.environment = name("production"))]).await[0];
        assert_eq!(world.claim().await.expect("the other").0.id, other, "what waits is no work for a worker");
        let claimed = world.claim_promotions().await;
        assert_eq!(claimed.iter().map(|(run, _)| run.id).collect::<Vec<_>>(), [waiting.id]);
        assert!(world.claim_promotions().await.is_empty(), "held");
        let later = Timestamp::now() + jiff::SignedDuration::from_mins(5);
        world.store.release_run(&claimed[0].1, later).await.expect("released");
        assert!(world.claim_promotions().await.is_empty(), "not due");
        world.store.make_waiting_due(Some(&name("production")), None).await.expect("woken");
        assert!(world.claim_promotions().await.is_empty(), "others were woken");
        world.store.make_waiting_due(Some(&name("staging")), Some("a")).await.expect("woken");
        let claimed = world.claim_promotions().await;
        assert_eq!(claimed.len(), 1);
        world.store.make_waiting_due(None, Some("a")).await.expect("woken while it is held");
        world.store.release_run(&claimed[0].1, later).await.expect("released");
        assert_eq!(world.claim_promotions().await.len(), 1, "whoever is woken while being looked at is looked at again");
        assert_eq!(world.store.queue_place(&waiting, Timestamp::now()).await.expect("asked"), None);
        assert_eq!(world.store.runs_under_way(&name("staging")).await.expect("asked").len(), 1);
    }

    async fn a_newer_push_leaves_what_waits_alone_until_it_has_passed_itself(world: World) {
        let old = world.waiting('1', 0).await;
        world.store.approve(&approval("kim", "1")).await.expect("approved");
        let new = world.waiting_after_a_push('2', 1, &old).await;
        assert_eq!(world.state(old.id).await, RunState::Superseded);
        assert_eq!(world.state(new).await, RunState::Waiting);
        let approvals = world.store.approvals(&name("staging"), "a", &artifact("1")).await.expect("asked");
        assert!(approvals.is_empty(), "approvals die with a newer candidate");
        assert_eq!(world.newer_than(&old).await, Some(new));
        assert_eq!(world.newer_than(&world.store.run(new).await.expect("a run")).await, None);
    }

    async fn a_promotion_is_recorded_with_what_follows_from_it_and_that_is_done_once(world: World) {
        let waiting = world.waiting('1', 0).await;
        let (claimed, lease) = world.claim_promotions().await.remove(0);
        let done = claimed.clone().with(|run| run.status.state = RunState::Done);
        let step = transition(RunState::Waiting, RunState::Done);
        let next = name("production");
        world.store.record_moved(&lease, &done, &step, std::slice::from_ref(&next)).await.expect("recorded");
        world.store.release_run(&lease, Timestamp::now()).await.expect("released");
        let now = Timestamp::now();
        assert!(world.store.due_follow_ups(&name("staging"), now, CLAIM_LEASE, 9).await.expect("asked").is_empty());
        let due = world.store.due_follow_ups(&next, now, CLAIM_LEASE, 9).await.expect("asked");
        assert_eq!(due.iter().map(|due| (due.run, due.attempts)).collect::<Vec<_>>(), [(waiting.id, 1)]);
        assert!(world.store.due_follow_ups(&next, now, CLAIM_LEASE, 9).await.expect("asked").is_empty(), "it is taken");
        let later = now + jiff::SignedDuration::from_hours(2);
        world.store.requeue_follow_up(&due[0], later, "unreachable").await.expect("postponed");
        assert!(world.store.due_follow_ups(&next, now, CLAIM_LEASE, 9).await.expect("asked").is_empty());
        let due = world.store.due_follow_ups(&next, later, CLAIM_LEASE, 9).await.expect("asked");
        assert_eq!(due[0].attempts, 2);
        let downstream = done.downstream(next.clone(), Timestamp::now());
        let twice = done.downstream(next.clone(), Timestamp::now());
        let other = world.another().await;
        assert!(world.store.acknowledge_follow_up(&due[0], Some(&downstream)).await.expect("recorded"));
        assert!(!other.acknowledge_follow_up(&due[0], Some(&twice)).await.expect("asked"), "another server was faster");
        assert!(world.store.run(twice.id).await.is_err());
        assert_eq!(world.store.follow_ups_waiting().await.expect("counted"), 0);
        let (taken, _) = world.claim().await.expect("the onward run");
        assert_eq!((taken.id, taken.training.artifact, taken.origin), (downstream.id, done.training.artifact.clone(), Some(Origin::Promotion { of: waiting.id })));
        let promoted = world.store.promoted_runs(&name("staging"), "a", &name("models")).await.expect("asked");
        assert_eq!(promoted.iter().map(|run| run.id).collect::<Vec<_>>(), [waiting.id]);
        let passed = newest_passed(&world, "models").await;
        assert_eq!(passed.id, waiting.id);
        let nobody = Lease { token: "another".to_owned(), ..lease };
        let refused = world.store.record_moved(&nobody, &done, &step, std::slice::from_ref(&next)).await;
        assert!(refused.is_err(), "only whoever holds the run");
        assert_eq!(world.store.follow_ups_waiting().await.expect("counted"), 0, "nothing half done");
    }

    async fn what_follows_from_an_older_promotion_opens_nothing_once_that_of_a_newer_one_is_done(world: World) {
        let next = name("production");
        let (older, newer) = (world.promoted_to('1', 0, &next).await, world.promoted_to('2', 60, &next).await);
        // Another server leased the older follow-up and completes it late.
        let due = world.store.due_follow_ups(&next, Timestamp::now(), CLAIM_LEASE, 9).await.expect("asked");
        assert_eq!(due.iter().map(|due| due.run).collect::<Vec<_>>(), [older.id, newer.id]);
        let downstream = |run: &Run| run.downstream(next.clone(), Timestamp::now());
        let (late, first) = (downstream(&older), downstream(&newer));
        assert!(world.store.acknowledge_follow_up(&due[1], Some(&first)).await.expect("recorded"));
        assert!(world.store.acknowledge_follow_up(&due[0], Some(&late)).await.expect("recorded"));
        assert!(world.store.run(late.id).await.is_err(), "it would take an older artifact over a newer one");
        assert_eq!(world.state(first.id).await, RunState::Queued);
        assert_eq!(world.store.follow_ups_waiting().await.expect("counted"), 0);
    }

    async fn a_claim_for_a_promotion_that_did_not_land_is_taken_back(world: World) {
        let (staging, models) = (name("staging"), name("models"));
        let waiting = world.waiting('1', 0).await;
        world.store.claim_model(&staging, "a", &models).await.expect("claimed");
        world.store.release_model(&waiting).await.expect("taken back");
        assert_eq!(world.store.owner(&staging, "a").await.expect("asked"), None);
        let promoted = world.promoted_to('2', 60, &name("production")).await;
        world.store.release_model(&Run { id: waiting.id, ..promoted }).await.expect("asked");
        assert_eq!(world.store.owner(&staging, "a").await.expect("asked"), Some(models), "it has promoted the model");
    }

    async fn a_run_that_had_nothing_to_promote_makes_nobody_an_owner(world: World) {
        world.waiting('1', 0).await;
        let (run, lease) = world.claim_promotions().await.remove(0);
        let done = run.clone().with(|run| { run.status.state = RunState::Done; run.promotion.commit = None; });
        let step = transition(run.status.state, RunState::Done);
        world.store.record_moved(&lease, &done, &step, &[]).await.expect("recorded");
        assert_eq!(world.store.owner(&name("staging"), "a").await.expect("asked"), None);
    }

    async fn a_rollback_and_its_hold_are_recorded_together_and_overtake_nobody(world: World) {
        let waiting = world.waiting('1', 0).await;
        let back = waiting.rolled_back_to("odd answers", Timestamp::now());
        let actor = Actor::token("kim");
        world.store.open_run(&back, &actor, Some(&hold(Some("a"), "rolled back"))).await.expect("recorded");
        assert_eq!(world.state(waiting.id).await, RunState::Waiting);
        assert_eq!(world.store.holds(&name("staging"), Some("a")).await.expect("asked").len(), 1);
        assert_eq!(world.store.transitions(back.id).await.expect("way")[0].actor, actor);
        assert_eq!(world.newer_than(&waiting).await, None);
        let claimed: Vec<RunId> = world.claim_promotions().await.iter().map(|(run, _)| run.id).collect();
        assert_eq!(claimed, [waiting.id, back.id]);
        assert_eq!(world.store.run_on_its_way(&name("staging"), "a", &name("models")).await.expect("asked").map(|run| run.id), Some(back.id));
    }

    async fn a_person_approves_once_and_only_this_artifact_in_this_environment(world: World) {
        for person in ["lee", "kim", "kim"] {
            world.store.approve(&approval(person, "1")).await.expect("approved");
        }
        let people = async |environment: &str, model: &str, of: &str| {
            let approvals = world.store.approvals(&name(environment), model, &artifact(of)).await.expect("asked");
            approvals.into_iter().map(|approval| approval.person).collect::<Vec<_>>()
        };
        assert_eq!(people("staging", "a", "1").await, ["kim", "lee"]);
        for (environment, model, of) in [("production", "a", "1"), ("staging", "b", "1"), ("staging", "a", "2")] {
            assert!(people(environment, model, of).await.is_empty());
        }
    }

    async fn holds_are_of_a_model_or_of_all_and_the_newer_reason_counts(world: World) {
        world.store.hold(&hold(Some("a"), "first")).await.expect("held");
        world.store.hold(&hold(Some("a"), "second")).await.expect("held");
        world.store.hold(&hold(None, "all")).await.expect("held");
        let reasons = async |model: Option<&str>| {
            let holds = world.store.holds(&name("staging"), model).await.expect("asked");
            holds.into_iter().map(|hold| hold.reason).collect::<Vec<_>>()
        };
        assert_eq!(reasons(Some("a")).await, ["all", "second"]);
        assert_eq!(reasons(Some("b")).await, ["all"]);
        assert_eq!(reasons(None).await, ["all", "second"]);
        assert!(world.store.release(&name("staging"), Some("a")).await.expect("released"));
        assert!(!world.store.release(&name("staging"), Some("a")).await.expect("released"), "once");
        assert_eq!(reasons(Some("a")).await, ["all"]);
        assert!(world.store.holds(&name("production"), None).await.expect("asked").is_empty());
    }

    async fn a_rejection_is_of_one_sources_model_and_one_of_an_earlier_version_of_everybodys(world: World) {
        let digest = artifact("1");
        let rejection = Rejection {
            source: Some(name("others")),
            model: "a".to_owned(),
            artifact: digest.clone(),
            actor: Actor::token("kim"),
            reason: "not ours".to_owned(),
            at: at("2026-11-24T10:00:00Z"),
        };
        world.store.reject(&name("others"), &rejection).await.expect("rejected");
        assert_eq!(world.store.rejection(&name("models"), "a", &digest).await.expect("asked"), None);
        assert_eq!(world.store.rejection(&name("others"), "a", &digest).await.expect("asked"), Some(rejection));
        // A rejection of a version that did not distinguish sources.
        let document = format!(
            r#"{{"model": "a", "artifact": "{digest}", "actor": "token kim", "reason": "of old", "at": "2026-11-24T10:00:00Z"}}"#
        );
        sqlx::query("INSERT INTO rejections (model, artifact, document) VALUES ('a', $1, $2)")
            .bind(digest.to_string())
            .bind(document)
            .execute(&world.store.database.pool)
            .await
            .expect("a row of an earlier version");
        let old = world.store.rejection(&name("models"), "a", &digest).await.expect("asked").expect("still counts");
        assert_eq!((old.source, &*old.reason), (None, "of old"));
        assert_eq!(world.store.rejections(10).await.expect("asked").len(), 2);
    }

    async fn a_rejection_keeps_its_first_reason(world: World) {
        let rejection = |reason: &str| Rejection {
            source: Some(name("models")),
            model: "a".to_owned(),
            artifact: artifact("1"),
            actor: Actor::token("kim"),
            reason: reason.to_owned(),
            at: at("2026-11-24T10:00:00Z"),
        };
        for reason in ["wrong labels", "something else"] {
            world.store.reject(&name("models"), &rejection(reason)).await.expect("rejected");
        }
        let kept = world.store.rejection(&name("models"), "a", &artifact("1")).await.expect("asked").expect("rejected");
        assert_eq!(kept.reason, "wrong labels");
        assert_eq!(world.store.rejection(&name("models"), "b", &artifact("1")).await.expect("asked"), None);
        assert_eq!(world.store.rejections(10).await.expect("asked").len(), 1);
    }

    async fn who_had_a_hand_in_a_revision_and_which_commits_are_ours_is_kept(world: World) {
        let by = |part, digit: char, account: Option<&str>| Contributor {
            part,
            commit: sha(digit),
            account: account.map(str::to_owned),
            name: "kim".to_owned(),
        };
        let reported = [by(Part::Pusher, '1', Some("github:1")), by(Part::Opener, '2', Some("github:2")), by(Part::Author, '1', None)];
        for _ in 0..2 {
            world.store.record_contributors(&name("models"), &reported).await.expect("noted");
        }
        let many: Vec<_> = "123456789".chars().map(sha).collect();
        let found = world.store.contributors(&name("models"), &many).await.expect("asked");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(reported[..2].iter().all(|reported| found.contains(reported)), "{found:?}");
        assert!(world.store.contributors(&name("other"), &many).await.expect("asked").is_empty());

        let run = RunId::new();
        world.store.record_pushed(&name("staging"), &sha('1'), run).await.expect("noted");
        world.store.record_pushed(&name("staging"), &sha('1'), RunId::new()).await.expect("noted already");
        assert_eq!(world.store.pushed_for(&name("staging"), &sha('1')).await.expect("asked"), Some(run));
        assert_eq!(world.store.pushed_for(&name("production"), &sha('1')).await.expect("asked"), None);
    }
}

impl World {
    /// A run that waited and was promoted, with a follow-up in another environment.
    async fn promoted_to(&self, digit: char, second: i64, next: &SourceName) -> Run {
        let waiting = Box::pin(self.waiting(digit, second)).await;
        let (run, lease) = Box::pin(self.claim_promotions()).await.remove(0);
        assert_eq!(run.id, waiting.id);
        let done = run.clone().with(|run| {
            run.status.state = RunState::Done;
            run.promotion.commit = Some(sha(digit));
        });
        let step = transition(run.status.state, RunState::Done);
        Box::pin(self.store.record_moved(&lease, &done, &step, std::slice::from_ref(next))).await.expect("recorded");
        done
    }

    /// A run of another source that waits for its promotion.
    pub(super) async fn waiting_of(&self, source: &str, digit: char) -> RunId {
        let id = self
            .open(&format!("d-{digit}"), vec![run("w", digit, 60).with(|run| run.cause.source = name(source))])
            .await[0];
        loop {
            let (claimed, lease) = self.claim().await.expect("a run");
            if claimed.id != id {
                continue;
            }
            let publishing = self.moved(&lease, &claimed, RunState::Publishing).await;
            let promoting = self.moved(&lease, &publishing, RunState::Promoting).await;
            self.moved(&lease, &promoting, RunState::Waiting).await;
            self.store.release_run(&lease, Timestamp::now()).await.expect("released");
            return id;
        }
    }

    /// Pushes a newer revision, which passes as well, and checks the waiting run before that.
    pub(super) async fn waiting_after_a_push(&self, digit: char, second: i64, old: &Run) -> RunId {
        let id = self.open(&format!("d-{digit}"), vec![run("a", digit, second)]).await[0];
        assert_eq!(self.state(old.id).await, RunState::Waiting, "a push alone supersedes nothing that passed");
        let (claimed, lease) = self.claim().await.expect("the newer run, which is not held up by what waits");
        assert_eq!(claimed.id, id);
        let with = claimed.with(|run| run.training.artifact = Some(artifact(&digit.to_string())));
        let publishing = self.moved(&lease, &with, RunState::Publishing).await;
        let promoting = self.moved(&lease, &publishing, RunState::Promoting).await;
        self.moved(&lease, &promoting, RunState::Waiting).await;
        self.store.release_run(&lease, Timestamp::now()).await.expect("released");
        id
    }
}
