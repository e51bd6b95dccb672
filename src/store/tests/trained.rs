//! Weights are found by their run key, and the newest training of a key counts.

use slipway_contract::Digest;

use super::{World, on_both_databases};
use crate::domain::{Document, RunId};
use crate::store::Trained;

fn trained(weights: &[u8]) -> Trained {
    let run = RunId::new();
    let report = Document { name: format!("training/{run}-7.json"), digest: Digest::of(b"report") };
    Trained { run, artifact: Digest::of(weights), report }
}

on_both_databases! {
    async fn what_a_training_made_is_found_by_its_run_key(world: World) {
        let (key, other) = (Digest::of(b"key"), Digest::of(b"other"));
        assert_eq!(world.store.trained(&key).await.expect("asked"), None);
        let (first, second) = (trained(b"weights"), trained(b"other weights"));
        world.store.record_trained(&key, &first).await.expect("recorded");
        world.store.record_trained(&other, &second).await.expect("recorded");
        assert_eq!(world.store.trained(&key).await.expect("asked"), Some(first));
        world.store.record_trained(&key, &second).await.expect("recorded again");
        assert_eq!(world.store.trained(&key).await.expect("asked"), Some(second));
    }
}
