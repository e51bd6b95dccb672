//! Tests deliveries whose reading panics: they are dead-lettered after a few attempts, and the others are read.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::*;
use crate::context::{PullRequestPolicy, catch_panic};
use slipway_domain::{Retry, SourceName};
use slipway_forge::{DeliveryName, ForgeError, Headers, Secret};
use slipway_git::{Mirror, Remote};

/// A forge that panics on one body.
struct Panicking;

impl Forge for Panicking {
    fn verify(&self, _: &dyn Headers, _: &[u8], _: &[Secret], _: Timestamp) -> Result<DeliveryName, ForgeError> {
        Err(ForgeError::Header { name: "none" })
    }

    fn read(&self, _: &str, body: &[u8]) -> Result<Vec<Event>, ForgeError> {
        assert_ne!(body, b"poison", "a defect that these bytes bring to light");
        Ok(Vec::new())
    }
}

fn source(folder: &std::path::Path) -> Source {
    let remote = Remote::new("http://127.0.0.1:1/models.git", "main", None).expect("a remote");
    Source {
        kind: slipway_forge::Settings::Plain,
        forge: Arc::new(Panicking),
        api: None,
        repository_name: "team/models".to_owned(),
        repository_id: None,
        webhook: None,
        notes: None,
        pages: None,
        mirror: Mirror::open(folder, remote).expect("a mirror"),
        environment: SourceName::try_from("staging".to_owned()).expect("a name"),
        pull_requests: PullRequestPolicy::Ignore,
        judge_drafts: true,
        label: None,
        priority: 0,
        commands: None,
        data: slipway_data::Access { max_bytes: 0, stores: slipway_data::Stores::default() },
        arrived: Notify::new(),
        moved: Notify::new(),
    }
}

fn delivery(id: &str, body: &[u8], attempts: u64) -> StoredDelivery {
    let source = SourceName::try_from("models".to_owned()).expect("a name");
    let received_at = Timestamp::UNIX_EPOCH;
    let (event, headers, body) = ("push".to_owned(), std::collections::BTreeMap::new(), body.to_vec());
    StoredDelivery {
        delivery: Delivery { source, id: id.to_owned(), event, headers, body, received_at },
        state: DeliveryState::Pending,
        note: String::new(),
        attempts,
        due_at: Timestamp::UNIX_EPOCH,
        acknowledged_at: None,
    }
}

#[tokio::test]
async fn a_delivery_whose_reading_panics_is_read_again_and_then_dead_lettered_and_holds_up_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = source(folder.path());
    for attempts in 0..MAX_PANICS {
        let due = vec![delivery("bad", b"poison", attempts), delivery("good", b"{}", 0)];
        let (due, read) = intents_of(&source, due).await.expect("the reader goes on");
        let intents: Vec<_> = read.into_iter().map(|read| read.intent).collect();
        assert_eq!(due.len(), 2);
        assert!(matches!(intents[1], Ok(Intent::Known(_))), "the good one is read");
        match &intents[0] {
            Err(error) => {
                assert!(attempts + 1 < MAX_PANICS, "it is not read for ever");
                assert!(matches!(error, StepError::Transient { retry: Retry::Backoff, .. }), "{error}");
            }
            Ok(Intent::Known(outcome)) => {
                assert_eq!(attempts + 1, MAX_PANICS);
                assert_eq!(outcome.state, DeliveryState::Dead);
                assert!(outcome.note.contains("a defect of Slipway, please report it"), "{}", outcome.note);
            }
            Ok(_) => panic!("it has no meaning"),
        }
    }
}

#[tokio::test]
async fn a_panic_behind_the_reading_leaves_the_delivery_for_later_with_the_reason() {
    let result = catch_panic(async {
        let nothing: Vec<u8> = Vec::new();
        assert!(!nothing.is_empty(), "a defect of looking");
        Ok(DeliveryOutcome::nothing(DeliveryState::Done, ""))
    });
    match result.await {
        Err(StepError::Transient { retry: Retry::Never, reason }) => {
            assert!(reason.contains("a defect of looking") && reason.contains("please report it"), "{reason}");
        }
        _ => panic!("the panic was not caught"),
    }
}
