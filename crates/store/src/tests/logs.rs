//! Tests of transitions, in one order over all runs.

use super::{World, name, on_both_databases, run};

on_both_databases! {
    async fn changes_of_all_runs_are_read_in_one_order(world: World) {
        let ids = world.open("d-1", vec![run("a", '1', 0), run("b", '1', 0).with(|run| run.cause.source = name("other"))]).await;
        let changes = world.store.changes(0, 10).await.expect("read");
        assert_eq!(changes.iter().map(|change| change.run).collect::<Vec<_>>(), ids);
        let newest = world.store.newest_change().await.expect("asked");
        assert_eq!(changes[1].sequence, newest);
        assert!(world.store.changes(newest, 10).await.expect("read").is_empty());
        assert_eq!((changes[1].source.as_str(), changes[1].model.as_str()), ("other", "b"));
    }
}
