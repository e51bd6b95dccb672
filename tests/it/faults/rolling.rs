//! A rolling update, in both directions: servers of the release before this one and of this one share a PostgreSQL.
//! `scripts/build_previous.sh` builds the former.

use std::path::{Path, PathBuf};

use serde_json::Value;
use slipway_store::{DeliveryFilter, PostgresUrl, Settings, Store};
use slipway_testkit::{SlipwayProcess, ignore_test};

use super::postgres;
use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS, slipway, text};

/// The program of the release before this one; `None` where it was not built: the calling test is then ignored.
fn previous() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/previous/slipway");
    if program.is_file() {
        return Some(program);
    }
    ignore_test("the release before this one is not built", "make previous");
    None
}

/// Starts a server of a program under a name, which has its own state folder.
async fn start(bench: &Bench, program: &Path, name: &str) -> anyhow::Result<SlipwayProcess> {
    let settings = std::fs::read_to_string(bench.world.config())?;
    let config = bench.world.folder.join(format!("{name}.yaml"));
    std::fs::write(&config, settings.replace("state: ./state", &format!("state: ./state-of-{name}")))?;
    SlipwayProcess::start(program, &config, &[]).await
}

/// Pushes a model that differs from all before it, and waits for its run at a server.
async fn promote(bench: &Bench, at: &SlipwayProcess, seed: u32) -> String {
    bench.world.install_hook(&slipway(), at).expect("the hook is installed");
    let head = bench.push_with("seed: 7", &format!("seed: {seed}")).await;
    let run = at.api().wait_for_end(&head, DEADLINE).await;
    let run = run.unwrap_or_else(|error| panic!("seed {seed}: {error:#}\n{}", at.errors()));
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    head
}

/// Pushes a model that trains for long, and waits until it does.
async fn begin(bench: &Bench, at: &SlipwayProcess, epochs: u32) -> String {
    bench.world.install_hook(&slipway(), at).expect("the hook is installed");
    let head = bench.push_with("epochs: 4", &format!("epochs: {epochs}")).await;
    let trains = |run: &Value| run["head"] == head.as_str() && run["state"] == "training";
    at.api().wait_for_run("training", DEADLINE, trains).await.expect("it trains");
    head
}

#[tokio::test]
async fn servers_of_two_releases_share_a_store_whichever_of_them_dies_and_lose_and_double_nothing() {
    let Some(previous) = previous() else { return };
    let postgres = postgres();
    let shared = "artifacts: {folder: ./artifacts}\nstore: {postgres: {url: {file: ./database}}}";
    let bench = Bench::without_server(&format!("{DEFAULT_SETTINGS}\nlimits: {{lease: 2s}}\n{shared}")).await;
    let address = postgres.database().expect("a database");
    std::fs::write(bench.world.folder.join("database"), &address).expect("written");
    let mut heads = Vec::new();

    let old = start(&bench, &previous, "old").await.expect("the release before this one starts");
    heads.push(promote(&bench, &old, 101).await);
    // The update: a newer server joins, and brings the tables up to date under the older one.
    let new = start(&bench, &slipway(), "new").await.expect("a server of this release starts");
    heads.push(promote(&bench, &old, 102).await);
    heads.push(promote(&bench, &new, 103).await);
    // The older one dies in the middle of whatever either was doing; the newer one goes on with it.
    heads.push(begin(&bench, &old, 300).await);
    old.kill_9().await.expect("killed");
    let ended = new.api().wait_for_end(heads.last().expect("a head"), DEADLINE).await.expect("it ends");
    assert_eq!(text(&ended, "state"), "done", "{ended:#}");
    heads.push(promote(&bench, &new, 104).await);
    // Servers up to that release refuse tables of newer versions when they start, with what to do, and harm nothing.
    let refused = start(&bench, &previous, "old").await.expect_err("it does not know these tables").to_string();
    assert!(refused.contains("written by a newer Slipway"), "{refused}");
    assert_eq!(new.api().get("/livez").await.expect("an answer").status, 200);
    new.kill_9().await.expect("killed");
    let new = start(&bench, &slipway(), "new").await.expect("a server of this release starts again");
    heads.push(promote(&bench, &new, 105).await);
    all_went_well(&bench, &address, &heads).await;
    println!(
        "an update: {} runs tried at servers of two releases, {} landed, 0 lost, 0 doubled",
        heads.len(),
        heads.len()
    );
    assert!(new.terminate().await.expect("it ends").success());
    bench.world.git.stop().await;
}

#[tokio::test]
async fn an_update_that_is_taken_back_loses_and_doubles_nothing() {
    let Some(previous) = previous() else { return };
    let postgres = postgres();
    let shared = "artifacts: {folder: ./artifacts}\nstore: {postgres: {url: {file: ./database}}}";
    let bench = Bench::without_server(&format!("{DEFAULT_SETTINGS}\nlimits: {{lease: 2s}}\n{shared}")).await;
    let address = postgres.database().expect("a database");
    std::fs::write(bench.world.folder.join("database"), &address).expect("written");
    let mut heads = Vec::new();

    let old = start(&bench, &previous, "old").await.expect("the release before this one starts");
    let new = start(&bench, &slipway(), "new").await.expect("a server of this release starts");
    heads.push(promote(&bench, &new, 201).await);
    // The newer one dies in the middle of a run: the older one, which never stopped, goes on with what it wrote.
    heads.push(begin(&bench, &new, 300).await);
    new.kill_9().await.expect("killed");
    let ended = old.api().wait_for_end(heads.last().expect("a head"), DEADLINE).await;
    let ended = ended.unwrap_or_else(|error| panic!("{error:#}\n{}", old.errors()));
    assert_eq!(text(&ended, "state"), "done", "{ended:#}");
    heads.push(promote(&bench, &old, 202).await);
    assert_eq!(old.api().get("/livez").await.expect("an answer").status, 200);
    // The update once more, for good.
    let new = start(&bench, &slipway(), "new").await.expect("a server of this release starts");
    heads.push(promote(&bench, &new, 203).await);
    assert!(old.terminate().await.expect("it ends").success());
    heads.push(promote(&bench, &new, 204).await);
    all_went_well(&bench, &address, &heads).await;
    println!("an update taken back: {} runs tried, {} landed, 0 lost, 0 doubled", heads.len(), heads.len());
    assert!(new.terminate().await.expect("it ends").success());
    bench.world.git.stop().await;
}

/// Every push is one run and one promotion, every delivery was read, and nothing is set aside.
async fn all_went_well(bench: &Bench, address: &str, heads: &[String]) {
    let settings = Settings::Postgres { url: PostgresUrl::new(address).expect("an address") };
    let store = Store::open(&settings).await.expect("the store");
    super::all_read(&store).await;
    let runs = store.runs(&slipway_store::RunFilter::default(), 100).await.expect("listed");
    let mut ran: Vec<String> = runs.iter().map(|run| run.cause.head.to_string()).collect();
    ran.reverse();
    assert_eq!(ran, heads, "one run for each push");
    assert_eq!(bench.promotions().await, heads.len(), "one promotion for each run");
    let dead = DeliveryFilter { state: Some(slipway_domain::DeliveryState::Dead), ..DeliveryFilter::default() };
    assert_eq!(store.deliveries(&dead, 10).await.expect("listed"), []);
    assert_eq!(store.quarantined(None, 10).await.expect("listed"), []);
    store.close().await;
    bench.world.environment.fsck().await.expect("the environment is whole");
}
