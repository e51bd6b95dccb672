//! Tests of the facts about a promotion: one statement reads all of them.

use jiff::{SignedDuration, Timestamp};

use super::deployment_records::{history, record};
use super::promotions::{approval, artifact, at, hold};
use super::statements::Recording;
use super::{World, name, on_both_databases, sha};
use slipway_domain::{Actor, DeploymentRecord, Rejection, Run, RunId};

on_both_databases! {
    async fn one_statement_reads_every_fact_about_a_promotion(world: World) {
        let run = world.waiting('1', 0).await;
        let newer = world.waiting_after_a_push('2', 1, &run).await;
        for person in ["lee", "kim"] {
            world.store.approve(&approval(person, "1")).await.expect("approved");
        }
        world.store.approve(&approval("kim", "2")).await.expect("approved");
        for model in [Some("a"), Some("b"), None] {
            world.store.hold(&hold(model, "a reason")).await.expect("held");
        }
        let rejection = Rejection {
            source: Some(name("models")), model: "a".to_owned(), artifact: artifact("1"),
            actor: Actor::token("kim"), reason: "no".to_owned(), at: at("2026-11-24T10:00:00Z"),
        };
        world.store.reject(&name("models"), &rejection).await.expect("rejected");
        world.store.claim_model(&name("staging"), "a", &name("others")).await.expect("claimed");
        let records = ["1", "2"].map(|of| DeploymentRecord { commit: sha('1'), ..record("a", of, '1') });
        world.store.record_history(&history(None, '1', records.into())).await.expect("noted");
        world.tamper(
            "INSERT INTO contributors (source, revision, part, account, name, at)
             SELECT source, head, 'pusher', 'github:2', 'kim', 1 FROM runs WHERE head LIKE '1111%' UNION ALL
             SELECT source, head, 'pusher', 'github:1', 'kim', 2 FROM runs WHERE head LIKE '1111%'",
        ).await;
        let upstream = [name("staging"), name("production")];
        let artifact = artifact("1");
        let (facts, recording) = Recording::of(world.store.promotion_facts(&run, &artifact, &upstream)).await;
        let facts = facts.expect("facts");
        assert_eq!(facts.rejection, Some(rejection));
        assert_eq!(facts.owner, Some(name("others")));
        assert_eq!(facts.newer.map(|run| run.id), Some(newer));
        assert_eq!(facts.upstream.keys().collect::<Vec<_>>(), [&name("staging")]);
        let newest = world.store.deployment_records_of(&name("staging"), "a", 1).await.expect("asked").remove(0);
        assert_eq!(facts.upstream.into_values().next(), Some(newest));
        assert_eq!(facts.approvals, world.store.approvals(&name("staging"), "a", &artifact).await.expect("asked"));
        assert_eq!(facts.approvals.len(), 2);
        assert_eq!(facts.holds, world.store.holds(&name("staging"), Some("a")).await.expect("asked"));
        assert_eq!(facts.holds.len(), 2);
        let accounts = facts.contributors.into_iter().map(|contributor| contributor.account.expect("an account"));
        assert_eq!(accounts.collect::<Vec<_>>(), ["github:2", "github:1"]);
        world.store.close().await;
        assert_eq!(recording.statements().len(), 1, "{:?}", recording.statements());
    }

    async fn decisions_that_no_server_can_read_block_a_promotion_and_approve_nothing(world: World) {
        let run = world.waiting('1', 0).await;
        world.store.approve(&approval("kim", "1")).await.expect("approved");
        world.store.hold(&hold(None, "a reason")).await.expect("held");
        world.tamper("UPDATE approvals SET document = '{}'").await;
        world.tamper("UPDATE holds SET document = '{}'").await;
        let facts = world.store.promotion_facts(&run, &artifact("1"), &[]).await.expect("facts");
        assert!(facts.approvals.is_empty());
        assert_eq!(facts.holds.len(), 1);
        assert!(facts.holds[0].holds_at(Timestamp::now()));
    }

    async fn a_rollback_is_replaced_only_by_a_later_rollback(world: World) {
        let run = world.waiting('1', 0).await;
        let first = run.rolled_back_to("odd answers", Timestamp::now());
        let second = run.rolled_back_to("odd again", Timestamp::now() + SignedDuration::from_secs(1));
        for back in [&first, &second] {
            world.store.open_run(back, &Actor::token("kim"), None).await.expect("recorded");
        }
        assert_eq!(world.newer_than(&first).await, Some(second.id));
        assert_eq!(world.newer_than(&second).await, None);
        assert_eq!(world.newer_than(&run).await, None, "a rollback replaces no candidate");
    }
}

impl World {
    /// The run that replaces a run at its promotion.
    pub(super) async fn newer_than(&self, run: &Run) -> Option<RunId> {
        let artifact = run.training.artifact.clone().unwrap_or_else(|| artifact("none"));
        let facts = self.store.promotion_facts(run, &artifact, &[]).await.expect("facts");
        facts.newer.map(|run| run.id)
    }
}
