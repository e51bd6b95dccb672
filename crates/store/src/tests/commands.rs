//! Tests of commands: one effect, one answer and one audit entry each, independent of repetitions and of the number of servers.

use jiff::Timestamp;
use slipway_contract::Digest;

use super::{World, name, on_both_databases, run};
use crate::{AuditedEffect, Effect, NewAuditEntry, NewCommand, Outcome};
use slipway_domain::{Actor, Approval, Hold, Run, RunState};

fn command(cause: &str) -> NewCommand {
    NewCommand {
        source: name("models"),
        cause: cause.to_owned(),
        cause_of_refusal: None,
        command: "rollback staging".to_owned(),
        actor: Actor::token("kim"),
    }
}

fn entry() -> NewAuditEntry {
    NewAuditEntry {
        actor: Actor::token("kim"),
        action: "promotion.rollback".to_owned(),
        target: "staging/a".to_owned(),
        detail: "odd answers".to_owned(),
    }
}

fn hold() -> Hold {
    Hold {
        environment: name("staging"),
        model: Some("a".to_owned()),
        actor: Actor::token("kim"),
        reason: "odd answers".to_owned(),
        at: Timestamp::now(),
        until: None,
    }
}

fn back(of: &Run) -> AuditedEffect {
    let run = of.rolled_back_to("odd answers", Timestamp::now());
    AuditedEffect { effect: Effect::RollBack(Box::new(run), hold()), entry: Some(entry()) }
}

on_both_databases! {
    async fn a_command_has_its_effect_once_even_where_servers_follow_it_at_the_same_time(world: World) {
        let first = run("a", '1', 0).with(|run| { run.training.artifact = Some(Digest::of(b"1")); run.status.state = RunState::Done; });
        let other = world.another().await;
        let follow = async |store: &crate::Store| {
            let summary = |outcomes: &[Outcome]| (outcomes == [Outcome::Done], "done".to_owned());
            store.follow_command(&command("comment 1"), vec![back(&first)], summary).await.expect("followed")
        };
        let (here, there) = tokio::join!(follow(&world.store), follow(&other));
        assert_eq!((&here.0, here.0.done, &*here.0.answer), (&there.0, true, "done"));
        assert!(here.1.is_some() != there.1.is_some(), "one of them did it");
        let (again, outcomes) = follow(&world.store).await;
        assert_eq!((again.answered, outcomes), (false, None));
        assert_eq!(world.store.runs_under_way(&name("staging")).await.expect("runs").len(), 1);
        assert_eq!(world.store.audit_entries(0, 10).await.expect("entries").len(), 1);

        world.store.record_answered(&name("models"), "comment 1").await.expect("noted");
        assert!(follow(&world.store).await.0.answered);
        assert_eq!(world.store.remove_commands(Timestamp::now()).await.expect("removed"), 0);
        assert!(follow(&world.store).await.1.is_none(), "it is known for longer than deliveries are kept");
        let later = Timestamp::now() + jiff::SignedDuration::from_hours(24 * 365);
        assert_eq!(world.store.remove_commands(later).await.expect("removed"), 1);
        assert_eq!(world.store.command(&name("models"), "comment 1").await.expect("asked"), None);
    }

    async fn what_cannot_be_done_is_marked_and_may_be_asked_for_again_where_that_is_wanted(world: World) {
        let id = world.open("d-1", vec![run("a", '1', 0)]).await[0];
        let active = world.store.run(id).await.expect("a run");
        let again = |cause: &str| {
            let effect = Effect::Retrain { new: Box::new(active.again(Timestamp::now()).expect("one")), of: Some(id), cause: cause.to_owned() };
            vec![AuditedEffect { effect, entry: Some(NewAuditEntry { action: "run.retrain".to_owned(), ..entry() }) }]
        };
        let press = NewCommand { cause_of_refusal: Some("delivery 1".to_owned()), ..command("button 1") };
        let summary = |outcomes: &[Outcome]| (matches!(outcomes, [Outcome::Retrained(crate::Retrained::Begun(_))]), "said".to_owned());
        let (followed, _) = world.store.follow_command(&press, again("x"), summary).await.expect("followed");
        assert_eq!((followed.done, &*followed.cause), (false, "delivery 1"));
        assert!(world.store.command(&name("models"), "delivery 1").await.expect("asked").is_some());
        let entries = world.store.audit_entries(0, 10).await.expect("entries");
        assert!(entries[0].is_refused() && entries[0].action == "run.retrain.refused", "{entries:?}");
        assert_eq!(entries[0].detail, "it has not ended yet; odd answers");

        let cancel = Effect::Cancel { run: Box::new(active.clone()), cause: "by hand".to_owned() };
        let audited_effects = vec![AuditedEffect { effect: cancel, entry: None }];
        world.store.follow_command(&command("comment 2"), audited_effects, |_| (true, String::new())).await.expect("followed");
        assert_eq!(world.state(id).await, RunState::Cancelled);
        let (followed, _) = world.store.follow_command(&press, again("y"), summary).await.expect("followed");
        assert_eq!((followed.done, &*followed.cause), (true, "button 1"));
        // Another button press for the same run finds that the repetition has already begun.
        let late = NewCommand { cause: "button 2".to_owned(), ..press };
        let known = |outcomes: &[Outcome]| (matches!(outcomes, [Outcome::Retrained(crate::Retrained::Known(_))]), String::new());
        assert!(world.store.follow_command(&late, again("z"), known).await.expect("followed").0.done);
    }

    async fn a_command_whose_effect_fails_leaves_nothing_behind(world: World) {
        let gone = Run { id: slipway_domain::RunId::new(), ..run("a", '1', 0) };
        let approval = Approval {
            environment: name("staging"),
            model: "a".to_owned(),
            artifact: Digest::of(b"1"),
            person: "kim".to_owned(),
            actor: Actor::token("kim"),
            at: Timestamp::now(),
        };
        let cancel = Effect::Cancel { run: Box::new(gone), cause: "by hand".to_owned() };
        let audited_effects = vec![
            AuditedEffect { effect: Effect::Approve(approval), entry: Some(entry()) },
            AuditedEffect { effect: cancel, entry: None },
        ];
        let failed = world.store.follow_command(&command("comment 1"), audited_effects, |_| (true, String::new())).await;
        assert!(failed.is_err());
        assert_eq!(world.store.command(&name("models"), "comment 1").await.expect("asked"), None);
        assert!(world.store.approvals(&name("staging"), "a", &Digest::of(b"1")).await.expect("asked").is_empty());
        assert!(world.store.audit_entries(0, 10).await.expect("entries").is_empty());
    }
}
