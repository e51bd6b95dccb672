//! Tests of trainings: weights are found by their cache key, and the newest training of a key counts.

use slipway_contract::Digest;

use super::{World, on_both_databases};
use crate::{Store, Trained};
use slipway_domain::{Document, RunId, SeedRun};

fn trained(weights: &[u8]) -> Trained {
    let run = RunId::new();
    let report = Document { name: format!("training/{run}-7.json"), digest: Digest::of(b"report") };
    Trained { run, artifact: Digest::of(weights), report }
}

on_both_databases! {
    async fn what_a_training_made_is_found_by_its_cache_key(world: World) {
        let (key, other) = (Digest::of(b"key"), Digest::of(b"other"));
        assert_eq!(world.store.trained(&key).await.expect("asked"), None);
        let (first, second) = (trained(b"weights"), trained(b"other weights"));
        world.store.record_trained(&key, &first).await.expect("recorded");
        world.store.record_trained(&other, &second).await.expect("recorded");
        assert_eq!(world.store.trained(&key).await.expect("asked"), Some(first));
        world.store.record_trained(&key, &second).await.expect("recorded again");
        assert_eq!(world.store.trained(&key).await.expect("asked"), Some(second));
    }

    async fn what_is_known_of_an_artifact_is_found_by_it(world: World) {
        let (artifact, other) = (Digest::of(b"weights"), Digest::of(b"other weights"));
        assert_eq!(world.store.training_of(&artifact).await.expect("asked"), None);
        let made = trained(b"weights");
        world.store.record_trained(&Digest::of(b"key"), &made).await.expect("recorded");
        world.store.record_trained(&Digest::of(b"other"), &trained(b"other weights")).await.expect("recorded");
        assert_eq!(world.store.training_of(&artifact).await.expect("asked"), Some(made));

        let seed = |seed: u32, weights: &[u8]| {
            SeedRun { seed, cache_key: Digest::of(&seed.to_be_bytes()), artifact: Digest::of(weights) }
        };
        world.store.record_seeds(&artifact, &[seed(u32::MAX, b"b"), seed(8, b"a")]).await.expect("recorded");
        world.store.record_seeds(&artifact, &[seed(8, b"c")]).await.expect("recorded again");
        let known = world.store.seeds_of(&artifact).await.expect("asked");
        assert_eq!(known, [seed(8, b"c"), seed(u32::MAX, b"b")]);
        assert_eq!(world.store.seeds_of(&other).await.expect("asked"), []);
    }

    async fn tables_with_trainings_in_them_are_brought_to_the_version_that_finds_them_by_artifact(world: World) {
        let made = trained(b"weights");
        world.store.record_trained(&Digest::of(b"key"), &made).await.expect("recorded");
        for undo in ["DROP TABLE seeds", "DROP INDEX trained_by_artifact", "DELETE FROM _sqlx_migrations WHERE version = 12"] {
            world.tamper(undo).await;
        }
        world.store.close().await;
        let store = Store::open(&world.settings).await.expect("brought up to date");
        assert_eq!(store.training_of(&made.artifact).await.expect("asked"), Some(made));
        store.close().await;
    }
}
