//! Tests of deployment records, as read from the histories of environments.

use jiff::Timestamp;

use super::promotions::{artifact, at};
use super::{World, name, on_both_databases, sha};
use crate::ReadHistory;
use slipway_domain::{DeployedArtifact, DeployedBy, DeploymentRecord};

pub(super) fn record(model: &str, of: &str, commit: char) -> DeploymentRecord {
    DeploymentRecord {
        environment: name("staging"),
        model: model.to_owned(),
        deployed: DeployedArtifact::Artifact(artifact(of)),
        commit: sha(commit),
        at: at("2026-11-24T10:00:00Z"),
        seen_at: None,
        by: DeployedBy::Hand("Kim".to_owned()),
    }
}

/// A history that continues after `before`, or starts at the beginning.
pub(super) fn history(before: Option<char>, tip: char, deployment_records: Vec<DeploymentRecord>) -> ReadHistory {
    let (environment, before, tip) = (name("staging"), before.map(sha), sha(tip));
    ReadHistory { environment, before, replaces: None, tip, deployment_records }
}

/// A history that replaces another one.
fn anew(replaces: char, tip: char, deployment_records: Vec<DeploymentRecord>) -> ReadHistory {
    ReadHistory { replaces: Some(sha(replaces)), ..history(None, tip, deployment_records) }
}

on_both_databases! {
    async fn a_history_is_read_once_whoever_reads_it_and_again_when_it_is_another(world: World) {
        let note = async |history: ReadHistory| world.store.record_history(&history).await.expect("noted").len();
        let newest = async || {
            let newest = world.store.deployment_records(&name("staging")).await.expect("asked");
            newest.into_iter().map(|record| (record.model, record.commit)).collect::<Vec<_>>()
        };
        assert_eq!(world.store.history_read_to(&name("staging")).await.expect("asked"), None);
        assert_eq!(note(history(None, '1', vec![record("a", "1", '1'), record("b", "1", '1')])).await, 2);
        assert_eq!(note(history(Some('1'), '2', vec![record("a", "2", '2')])).await, 1);
        assert_eq!(note(history(Some('1'), '2', vec![record("a", "2", '2')])).await, 0, "another server was first");
        assert_eq!(newest().await, [("a".to_owned(), sha('2')), ("b".to_owned(), sha('1'))]);
        let of_a = world.store.deployment_records_of(&name("staging"), "a", 10).await.expect("asked");
        assert_eq!(of_a.iter().map(|record| record.commit.clone()).collect::<Vec<_>>(), [sha('2'), sha('1')]);
        let stale = anew('1', '1', vec![record("a", "1", '1')]);
        assert_eq!(note(stale).await, 0, "a server that knows less throws nothing back");
        assert_eq!(note(history(None, '1', vec![record("a", "1", '1')])).await, 0, "nor one that knows of nothing");
        assert_eq!(newest().await, [("a".to_owned(), sha('2')), ("b".to_owned(), sha('1'))]);
        assert_eq!(note(anew('2', '3', vec![record("a", "3", '3')])).await, 1);
        assert_eq!(newest().await, [("a".to_owned(), sha('3'))], "what was read of another history is forgotten");
        assert_eq!(world.store.history_read_to(&name("staging")).await.expect("asked"), Some(sha('3')));
    }

    async fn when_a_commit_was_first_seen_outlives_a_history_that_is_read_anew(world: World) {
        let seen = async || {
            let of_a = world.store.deployment_records_of(&name("staging"), "a", 10).await.expect("asked");
            of_a.into_iter().map(|record| (record.commit.clone(), record.seen_at.expect("seen"))).collect::<Vec<_>>()
        };
        let begun = Timestamp::now();
        world.store.record_history(&history(None, '1', vec![record("a", "1", '1')])).await.expect("noted");
        let first = seen().await;
        assert!(first[0].1.as_millisecond() >= begun.as_millisecond(), "not the time of the commit");
        let both = vec![record("a", "1", '1'), record("a", "2", '2')];
        world.store.record_history(&history(Some('1'), '2', vec![record("a", "2", '2')])).await.expect("noted");
        let before = seen().await;
        world.store.record_history(&anew('2', '3', both)).await.expect("read anew");
        assert_eq!(seen().await, before, "the same commits");
        // Different commits end with the same artifact.
        world.store.record_history(&anew('3', '4', vec![record("a", "2", '4')])).await.expect("rewritten");
        assert_eq!(seen().await, [(sha('4'), before[0].1)]);
        world.store.record_history(&anew('4', '5', vec![record("a", "5", '5')])).await.expect("something else");
        assert!(seen().await[0].1 >= before[0].1);
        // For rows of an earlier version only the time of the commit is known.
        world.tamper("UPDATE placements SET seen_at = 0").await;
        let old = world.store.deployment_records_of(&name("staging"), "a", 1).await.expect("asked");
        assert_eq!((old[0].seen_at, old[0].since()), (None, old[0].at));
    }
}
