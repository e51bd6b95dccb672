//! Tests of models on branches, and of those without a run.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{World, name, on_both_databases, run};
use crate::{BranchModel, ModelCursor};
use slipway_domain::PullRequestHead;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn models(names: &[&str]) -> BTreeMap<String, String> {
    names.iter().map(|name| ((*name).to_owned(), format!("{name}/slipway.yaml"))).collect()
}

async fn without_runs(world: &World) -> Vec<String> {
    let sources = [name("models"), name("others"), name("models")];
    let found = world.store.models_without_runs(&sources, None, 10).await.expect("asked");
    found.into_iter().map(|found| format!("{}/{}", found.source, found.model)).collect()
}

on_both_databases! {
    async fn a_model_is_listed_as_new_until_it_has_had_a_run_on_its_branch(world: World) {
        let noted = at(1);
        world.store.record_branch_models(&name("models"), &models(&["a", "b", "c"]), noted).await.expect("noted");
        world.store.record_branch_models(&name("others"), &models(&["a"]), noted).await.expect("noted");
        assert_eq!(without_runs(&world).await, ["models/a", "models/b", "models/c", "others/a"]);
        let pull_request = Some(PullRequestHead { number: 7, reference: "refs/pull/7/head".to_owned(), fork: false });
        world.open("d-1", vec![run("a", '1', 0), run("b", '2', 1).with(|run| run.cause.pull_request = pull_request)]).await;
        assert_eq!(without_runs(&world).await, ["models/b", "models/c", "others/a"], "a change is not the branch");
        let world = world.reopened().await;
        assert_eq!(without_runs(&world).await.len(), 3, "it outlives the server");
    }

    async fn a_model_whose_run_retention_removed_is_not_offered_again(world: World) {
        world.store.record_branch_models(&name("models"), &models(&["a", "b"]), at(1)).await.expect("noted");
        world.open("d-1", vec![run("a", '1', 0)]).await;
        world.store.record_first_runs(&name("models")).await.expect("noted");
        for remove in ["DELETE FROM transitions", "DELETE FROM runs"] {
            world.tamper(remove).await;
        }
        assert_eq!(without_runs(&world).await, ["models/b"]);
        world.store.record_branch_models(&name("models"), &models(&["a", "b", "c"]), at(2)).await.expect("noted");
        assert_eq!(without_runs(&world).await, ["models/b", "models/c"], "what is noted again keeps it");
        assert!(world.store.is_on_a_branch("a").await.expect("asked") && !world.store.is_on_a_branch("x").await.expect("asked"));
    }

    async fn what_is_noted_again_keeps_its_time_and_what_is_gone_is_gone(world: World) {
        let source = name("models");
        world.store.record_branch_models(&source, &models(&["a", "b"]), at(1)).await.expect("noted");
        let moved = BTreeMap::from([("a".to_owned(), "elsewhere/slipway.yaml".to_owned())]);
        world.store.record_branch_models(&source, &moved, at(2)).await.expect("noted");
        let found = world.store.models_without_runs(std::slice::from_ref(&source), None, 10).await.expect("asked");
        let expected =
            BranchModel { source: source.clone(), model: "a".to_owned(), file: "elsewhere/slipway.yaml".to_owned(), at: at(1) };
        assert_eq!(found, [expected]);
        world.store.record_branch_models(&source, &BTreeMap::new(), at(3)).await.expect("noted");
        assert_eq!(without_runs(&world).await, [""; 0]);
    }

    async fn the_list_goes_on_behind_a_place(world: World) {
        world.store.record_branch_models(&name("models"), &models(&["a", "b"]), at(1)).await.expect("noted");
        world.store.record_branch_models(&name("others"), &models(&["a", "c"]), at(1)).await.expect("noted");
        let sources = [name("others"), name("models")];
        let (mut behind, mut seen) = (None, Vec::new());
        loop {
            let page = world.store.models_without_runs(&sources, behind.as_ref(), 1).await.expect("asked");
            let Some(last) = page.into_iter().next() else { break };
            seen.push(format!("{}/{}", last.source, last.model));
            behind = Some(ModelCursor { source: last.source, model: last.model });
        }
        assert_eq!(seen, ["models/a", "models/b", "others/a", "others/c"]);
        assert_eq!(world.store.models_without_runs(&[], None, 10).await.expect("asked"), []);
    }

    async fn tables_without_models_of_branches_are_brought_to_the_version_that_has_them(world: World) {
        for undo in ["DROP TABLE branch_models", "DELETE FROM _sqlx_migrations WHERE version = 17"] {
            world.tamper(undo).await;
        }
        let runs = world.open("d-1", vec![run("a", '1', 1)]).await;
        let world = world.reopened().await;
        assert_eq!(world.store.run(runs[0]).await.expect("kept").id, runs[0]);
        world.store.record_branch_models(&name("models"), &models(&["a", "b"]), at(1)).await.expect("noted");
        assert_eq!(without_runs(&world).await, ["models/b"]);
    }

    async fn a_file_that_names_no_model_is_not_listed_as_one(world: World) {
        let broken = run("b", '1', 0).with(|run| { run.cause.model = "b/slipway.yaml".to_owned(); run.cause.file = "b/slipway.yaml".to_owned(); });
        world.open("d-1", vec![run("a", '1', 0), broken, run("c", '1', 0)]).await;
        let listed = world.store.models(None, None, 2).await.expect("listed");
        let names: Vec<&str> = listed.iter().map(|model| &*model.newest.cause.model).collect();
        assert_eq!(names, ["a", "c"], "another one takes its place in the list");
    }
}
