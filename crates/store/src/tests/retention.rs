//! Tests of retention: removed data, data that stays, and the record of removals in the audit log.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use slipway_contract::Digest;

use super::{World, name, on_both_databases, run};
use crate::{
    AuditFault, AuditRetention, LogRetention, NewAuditEntry, ReadHistory, Removal, Removed, Retention, RunFilter,
    RunRetention, StoreError, Trained,
};
use slipway_domain::{Actor, CommitSha, DeployedArtifact, DeployedBy, DeploymentRecord, Origin, Run, RunState};

/// Limits that remove nothing.
pub(super) fn keep_all() -> Retention {
    let age = SignedDuration::from_hours(100_000);
    Retention {
        age,
        bytes: u64::MAX,
        logs: LogRetention { age, bytes: u64::MAX },
        runs: RunRetention { age, count: u64::MAX, per_model: 1 },
        audit: AuditRetention { age, count: u64::MAX },
    }
}

impl World {
    pub(super) async fn remove_old(&self, now: Timestamp, keep: Retention) -> Removed {
        let deployed = self.store.artifacts_deployed().await.expect("asked");
        self.store.remove_old(now, keep, &deployed, Removal::Done).await.expect("removed")
    }

    /// Runs of one model that ended as `done`, a minute apart, with one log line each.
    async fn ended(&self, count: usize) -> Vec<Run> {
        let mut ended = Vec::new();
        for number in 0..count {
            let head: CommitSha = format!("{number:040x}").parse().expect("a commit");
            let artifact = Some(Digest::of(format!("weights {number}").as_bytes()));
            let first = run("m/slipway.yaml", '1', i64::try_from(number).expect("small") * 60);
            let run = first.with(|run| {
                run.cause.head = head;
                run.training.artifact = artifact;
                run.status.state = RunState::Done;
                run.status.updated_at = run.created_at;
            });
            self.store.open_run(&run, &Actor::controller(), None).await.expect("recorded");
            self.store.append_log(run.id, "a line").await.expect("logged");
            ended.push(run);
        }
        self.report_all().await;
        ended
    }

    async fn report_all(&self) {
        self.tamper("UPDATE reports SET state = 'reported', reported = wanted, reported_at = behind_since").await;
    }

    async fn place(&self, artifact: &Digest) {
        let commit: CommitSha = "a".repeat(40).parse().expect("a commit");
        let deployment_record = DeploymentRecord {
            environment: name("staging"),
            model: "m/slipway.yaml".to_owned(),
            deployed: DeployedArtifact::Artifact(artifact.clone()),
            commit: commit.clone(),
            at: Timestamp::now(),
            seen_at: None,
            by: DeployedBy::Unknown,
        };
        let history = ReadHistory {
            environment: name("staging"),
            before: None,
            replaces: None,
            tip: commit,
            deployment_records: vec![deployment_record],
        };
        self.store.record_history(&history).await.expect("noted");
    }

    async fn left(&self) -> Vec<Run> {
        let mut left = self.store.runs(&RunFilter::default(), 1_000).await.expect("listed");
        left.reverse();
        left
    }
}

/// A time long after all runs of `ended`, by their own times.
fn later() -> Timestamp {
    "2026-11-25T10:00:00Z".parse().expect("a time")
}

fn keep_runs(age: SignedDuration, count: u64, per_model: u32) -> Retention {
    Retention { runs: RunRetention { age, count, per_model }, ..keep_all() }
}

const HOUR: SignedDuration = SignedDuration::from_hours(1);

on_both_databases! {
    async fn old_runs_go_with_all_that_is_theirs_but_the_last_of_each_model_stay(world: World) {
        let ended = world.ended(10).await;
        let removed = world.remove_old(later(), keep_runs(HOUR, u64::MAX, 3)).await;
        assert_eq!((removed.runs, removed.log_lines), (7, 7));
        assert_eq!(removed.removed_runs[0].artifact, ended[0].training.artifact);
        let left: Vec<_> = world.left().await.into_iter().map(|run| run.id).collect();
        assert_eq!(left, ended[7..].iter().map(|run| run.id).collect::<Vec<_>>());
        assert!(matches!(world.store.run(ended[0].id).await, Err(StoreError::NoSuchRun { .. })));
        assert_eq!(world.store.transitions(ended[0].id).await.expect("asked"), []);
        assert_eq!(world.store.changes(0, 100).await.expect("asked").len(), 3);
        assert!(world.remove_old(later(), keep_runs(HOUR, u64::MAX, 3)).await.is_empty(), "once is enough");
    }

    async fn runs_beyond_the_number_that_is_kept_go_oldest_first(world: World) {
        let ended = world.ended(10).await;
        let keep = keep_runs(SignedDuration::from_hours(100_000), 4, 1);
        let tried = world.store.remove_old(later(), keep, &BTreeSet::new(), Removal::DryRun).await.expect("tried");
        assert_eq!((tried.runs, world.left().await.len()), (6, 10), "trying removes nothing");
        assert_eq!(world.remove_old(later(), keep).await.runs, 6);
        assert_eq!(world.left().await[0].id, ended[6].id);
    }

    async fn a_run_that_cannot_be_read_stays_and_keeps_none_of_the_others(world: World) {
        let ended = world.ended(5).await;
        let damage = format!("UPDATE runs SET artifact = 'no digest' WHERE id = '{}'", ended[1].id);
        sqlx::raw_sql(sqlx::AssertSqlSafe(damage)).execute(&world.store.database.pool).await.expect("done");
        let keep = keep_runs(SignedDuration::from_hours(100_000), 1, 1);
        assert_eq!(world.remove_old(later(), keep).await.runs, 3);
        let left: BTreeSet<_> = world.left().await.into_iter().map(|run| run.id).collect();
        assert_eq!(left, BTreeSet::from([ended[1].id, ended[4].id]));
    }

    async fn nothing_goes_that_is_under_way_deployed_referred_to_or_still_to_be_reported(world: World) {
        let ended = world.ended(8).await;
        world.place(ended[1].training.artifact.as_ref().expect("an artifact")).await;
        let back = Run {
            origin: Some(Origin::Rollback { to: ended[2].id, reason: "x".to_owned() }),
            ..ended[2].rolled_back_to("x", ended[2].created_at)
        };
        let under_way = run("n/slipway.yaml", '9', -600).with(|run| run.cause.environment = name("production"));
        for run in [&back, &under_way] {
            world.store.open_run(run, &Actor::controller(), None).await.expect("recorded");
        }
        world.report_all().await;
        world.tamper("UPDATE reports SET state = 'behind' WHERE wanted = 4").await;
        let removed = world.remove_old(later(), keep_runs(HOUR, u64::MAX, 1)).await;
        let left: BTreeSet<_> = world.left().await.into_iter().map(|run| run.id).collect();
        let kept = [ended[1].id, ended[2].id, ended[3].id, ended[7].id, back.id, under_way.id];
        assert_eq!(left, kept.into(), "named, gone back to, not told yet, the newest, and two under way");
        assert_eq!(removed.runs, 4);
    }

    async fn logs_go_by_age_and_by_size_and_their_runs_stay(world: World) {
        let ended = world.ended(10).await;
        let under_way = run("n/slipway.yaml", '9', -600);
        world.store.open_run(&under_way, &Actor::controller(), None).await.expect("recorded");
        world.store.append_log(under_way.id, "a line").await.expect("logged");
        let lines = async |run: &Run| world.store.log(run.id, 0, 10).await.expect("a log").len();
        // Five logs of six bytes fit.
        let keep = Retention { logs: LogRetention { bytes: 30, ..keep_all().logs }, ..keep_all() };
        assert_eq!(world.remove_old(later(), keep).await.log_lines, 5);
        assert_eq!((lines(&ended[4]).await, lines(&ended[5]).await, lines(&under_way).await), (0, 1, 1));
        let now = ended[8].created_at + HOUR;
        let keep = Retention { logs: LogRetention { age: HOUR, ..keep_all().logs }, ..keep_all() };
        assert_eq!(world.remove_old(now, keep).await.log_lines, 3);
        assert_eq!((lines(&ended[7]).await, lines(&ended[8]).await), (0, 1));
        assert_eq!(world.left().await.len(), 11);
    }

    async fn what_was_reported_long_ago_goes_and_what_is_to_be_reported_stays(world: World) {
        world.ended(4).await;
        world.tamper("UPDATE reports SET state = 'behind' WHERE wanted = 1").await;
        let keep = Retention { age: HOUR, ..keep_all() };
        assert_eq!(world.remove_old(later(), keep).await.reports, 3);
        assert_eq!(world.store.reports_behind().await.expect("counted")[0].behind, 1);
        assert!(world.remove_old(later(), keep).await.is_empty());
    }

    async fn merge_groups_go_with_their_deliveries(world: World) {
        world.tamper("INSERT INTO merge_groups (source, head, fork, at) VALUES ('models', 'old', 0, 1), ('models', 'new', 0, 9000000000000)").await;
        world.remove_old(later(), Retention { age: HOUR, ..keep_all() }).await;
        let left = sqlx::query("SELECT head FROM merge_groups").fetch_all(&world.store.database.pool).await.expect("rows");
        assert_eq!(left.len(), 1);
    }

    async fn the_audit_log_stays_verifiable_when_its_beginning_was_removed(world: World) {
        for number in 1..=20 {
            world.store.audit(&entry(number)).await.expect("written");
        }
        let keep = Retention { audit: AuditRetention { count: 5, ..keep_all().audit }, ..keep_all() };
        let now = Timestamp::now();
        assert_eq!(world.remove_old(now, keep).await.audit_entries, 15);
        let anchor = world.store.audit_anchor().await.expect("asked").expect("an anchor");
        assert_eq!(anchor.number, 15);
        let last = world.store.verify_audit().await.expect("read").expect("whole").expect("an entry");
        assert_eq!((last.number, last.action.as_str()), (21, "audit.prune"));
        assert!(last.detail.contains(&anchor.digest), "{}", last.detail);
        assert!(world.remove_old(now, keep).await.is_empty(), "once a day, or it would fill itself");
        let removed = world.remove_old(now + SignedDuration::from_hours(25), keep).await;
        assert_eq!(removed.audit_entries, 1);
        world.store.audit(&entry(22)).await.expect("written");
        assert!(world.store.verify_audit().await.expect("read").is_ok());
        world.tamper("UPDATE audit SET detail = 'other' WHERE number = 18").await;
        assert_eq!(world.store.verify_audit().await.expect("read"), Err(AuditFault::Changed { number: 18 }));
    }

    async fn an_anchor_that_hides_a_removal_is_found(world: World) {
        for number in 1..=6 {
            world.store.audit(&entry(number)).await.expect("written");
        }
        world.tamper("INSERT INTO audit_anchor (place, number, digest, at)
                      SELECT 1, number, digest, at FROM audit WHERE number = 3;
                      DELETE FROM audit WHERE number <= 3").await;
        assert_eq!(world.store.verify_audit().await.expect("read"), Err(AuditFault::Unaccounted { number: 3 }));
        world.tamper("DELETE FROM audit_anchor").await;
        assert_eq!(world.store.verify_audit().await.expect("read"), Err(AuditFault::Missing { number: 1 }));
    }

    async fn artifacts_are_in_use_by_what_runs_what_is_deployed_and_the_last_of_each_model(world: World) {
        let ended = world.ended(6).await;
        let of = |number: usize| ended[number].training.artifact.clone().expect("an artifact");
        world.place(&of(0)).await;
        let seed = slipway_domain::SeedRun { seed: 8, cache_key: Digest::of(b"k"), artifact: Digest::of(b"seed") };
        let under_way = run("n/slipway.yaml", '9', 0).with(|run| { run.judgement.champion = Some(of(1)); run.training.artifact = Some(Digest::of(b"candidate")); run.training.seeds = vec![seed]; });
        world.store.open_run(&under_way, &Actor::controller(), None).await.expect("recorded");
        let report = slipway_domain::Document { name: "x".to_owned(), digest: Digest::of(b"report") };
        let trained = Trained { run: under_way.id, artifact: Digest::of(b"just trained"), report };
        world.store.record_trained(&Digest::of(b"key"), &trained).await.expect("recorded");
        let of_champion = slipway_domain::SeedRun { seed: 9, cache_key: Digest::of(b"k9"), artifact: Digest::of(b"seed 9") };
        world.store.record_seeds(&of(0), &[of_champion]).await.expect("recorded");
        let used = world.store.artifacts_in_use(2, Timestamp::MAX).await.expect("asked");
        let expected = [
            Digest::of(b"seed 9"), of(0), of(1), of(4), of(5), Digest::of(b"candidate"), Digest::of(b"seed"), Digest::of(b"just trained"),
        ];
        assert_eq!(used, expected.clone().into());
        assert_eq!(world.store.artifacts_ever_at(&name("staging"), None).await.expect("asked").len(), 6);
        assert!(!world.store.mark_artifact_removed(&Digest::of(b"just trained"), later()).await.expect("asked"));
        assert!(!world.store.mark_artifact_removed(&Digest::of(b"candidate"), later()).await.expect("asked"));
        // A run of a newer server, which this server cannot read, also protects the artifacts in its document.
        world.tamper(r#"UPDATE runs SET document = REPLACE(document, '"state":', '"newer":') WHERE active = 1"#).await;
        let used = world.store.artifacts_in_use(2, Timestamp::MAX).await.expect("asked");
        assert!(expected.iter().all(|artifact| used.contains(artifact)), "{used:?}");
    }

    async fn nobody_goes_back_to_an_artifact_that_was_removed_until_it_is_there_again(world: World) {
        let ended = world.ended(3).await;
        let artifact = ended[1].training.artifact.clone().expect("an artifact");
        let promoted = async || {
            let runs = world.store.promoted_runs(&name("staging"), "m/slipway.yaml", &name("models")).await.expect("asked");
            runs.into_iter().map(|run| run.id).collect::<Vec<_>>()
        };
        assert!(world.store.mark_artifact_removed(&artifact, later()).await.expect("given up"));
        assert_eq!(promoted().await, [ended[2].id, ended[0].id]);
        assert_eq!(world.store.artifact_removed_at(ended[1].id).await.expect("asked"), Some(later()));
        let report = slipway_domain::Document { name: "x".to_owned(), digest: Digest::of(b"report") };
        let trained = Trained { run: ended[1].id, artifact, report };
        world.store.record_trained(&Digest::of(b"key"), &trained).await.expect("trained again");
        assert_eq!(promoted().await, [ended[2].id, ended[1].id, ended[0].id]);
    }

    async fn a_store_keeps_its_identity(world: World) {
        let first = world.store.identity().await.expect("made");
        let world = world.reopened().await;
        assert_eq!(world.store.identity().await.expect("kept"), first);
    }
}

fn entry(number: u32) -> NewAuditEntry {
    NewAuditEntry {
        actor: Actor::token("kim"),
        action: "run.cancel".to_owned(),
        target: format!("run {number}"),
        detail: String::new(),
    }
}
