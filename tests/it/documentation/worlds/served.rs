//! Worlds with a running server.

use serde_json::json;
use slipway_testkit::github::{GitHub, webhook};
use slipway_testkit::{Answer, Repository};

use super::super::fence::blocks;
use super::super::session::World;
use super::here;
use crate::api::quarantine::tamper;
use crate::api::world::{ApiWorld, run};
use crate::environments::world::{prepare, run_to, waiting_for};
use crate::forge::check::{Desk, ROBOT};
use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS, text};

/// Points the command line to a server with the token in a file.
fn pointed(address: &str, token: &std::path::Path) -> String {
    format!("export SLIPWAY_SERVER={address} SLIPWAY_TOKEN_FILE='{}'", token.display())
}

/// Production names a first artifact and has the page's rules; a second one waits there, and kim has approved it.
pub(in super::super) async fn environments() -> World {
    let mut bench = prepare(&[("staging", ""), ("production", "after: {all: [staging]}")], "").await;
    bench.restart(&[]).await;
    bench.promote_a_first_model().await;
    run_to(&bench, "production", "the first promotion", |run| text(run, "state") == "done").await;
    let page = blocks("docs/environments.md");
    let rules = page.iter().find(|block| block.first_line() == "environments:").expect("the settings of the page");
    // The window is open at any time of the day, and the freeze is never now.
    let pairs = here([
        ("https://git.example/team/environment.git", bench.world.git.url("environment.git")),
        ("0 9 * * MON-THU", "0 */12 * * *".to_owned()),
        ("lasts: 7h", "lasts: 13h".to_owned()),
        ("for 7h", "for 13h".to_owned()),
        // The example's commits are those of lee here.
        ("lee@example.com", "ada@example.com".to_owned()),
        ("2026-12-20", "2098-12-20".to_owned()),
        ("2027-01-02", "2099-01-02".to_owned()),
        ("churn", "digits".to_owned()),
    ]);
    let rules = pairs.iter().fold(rules.text(), |text, (page, here)| text.replace(page, here));
    let plain = format!("environments:\n- {{name: staging, url: \"{}\"}}\n", bench.world.git.url("environment.git"));
    let settings = bench.world.settings(DEFAULT_SETTINGS);
    assert!(settings.contains(&plain), "{settings}");
    std::fs::write(bench.world.config(), settings.replace(&plain, &rules)).expect("written");
    bench.restart(&[]).await;
    bench.push_with("epochs: 4", "epochs: 6").await;
    waiting_for(&bench, "production").await;
    let config = bench.world.config();
    let first = format!(
        "{}\nslipway tokens create kim-laptop --role operator --config '{}' > kim 2>/dev/null\n\
         slipway approve digits production --token-file kim > /dev/null",
        pointed(bench.api().base(), &bench.world.token_file()),
        config.display(),
    );
    World { folder: bench.world.folder.clone(), here: pairs, first, kept: Box::new(bench) }
}

/// Two promotions, and a server that has stopped.
pub(in super::super) async fn operating() -> World {
    let mut bench = Bench::start().await;
    bench.promote_a_first_model().await;
    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    bench.take_server().terminate().await.expect("it ends");
    let folder = bench.world.folder.clone();
    std::fs::copy(bench.world.config(), folder.join("slipway-server.yaml")).expect("copied");
    let pairs = here([("/backups/", format!("{}/backups-", folder.display()))]);
    World { folder, here: pairs, first: ":".to_owned(), kept: Box::new(bench) }
}

/// A server whose token at the forge is not accepted, with a report that is behind.
pub(in super::super) async fn reports() -> World {
    let mut world = ApiWorld::new("api_token: {file: ./token}").await;
    let bare = Repository::init_bare(world.path("bare.git")).await.expect("a repository");
    let github = GitHub::start(bare).await.expect("a GitHub");
    let api =
        format!("forge: github, api: {{url: \"{}\", repository: team/digits, token: {{file: ./robot}}}}", github.url());
    let before = std::fs::read_to_string(world.config()).expect("settings");
    std::fs::write(world.config(), before.replacen("forge: plain", &api, 1)).expect("written");
    std::fs::write(world.path("robot"), "a token that was revoked").expect("written");
    let recorded = run("digits", "digits", 1);
    world.record(std::slice::from_ref(&recorded)).await;
    world = world.start().await;
    let first = pointed(world.server().address(), &world.path("token"));
    let pairs = here([("019ad1f0-7c1e-7d5e-a0d3-5b1d2f8a9c11", recorded.id.to_string())]);
    let folder = world.config().parent().expect("a folder").to_owned();
    World { folder, here: pairs, first, kept: Box::new((world, github)) }
}

/// A server over a run that it cannot read. `mend` makes the run readable.
pub(in super::super) async fn quarantine() -> World {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let bad = run("digits", "zero", 2);
    world.record(std::slice::from_ref(&bad)).await;
    tamper(&world, "UPDATE runs SET document = REPLACE(document, '\"queued\"', '\"rehearsing\"')").await;
    let world = world.start().await;
    let is_listed = |answer: &Answer| answer.json["rows"].as_array().is_some_and(|rows| !rows.is_empty());
    world.admin().wait_for("the row", "/api/v1/quarantine", DEADLINE, is_listed).await.expect("it is set aside");
    let mend = "mend() { python3 -c \"import sqlite3; db = sqlite3.connect('state/slipway.db'); \
                db.execute('''UPDATE runs SET document = REPLACE(document, 'rehearsing', 'queued')'''); db.commit()\"; }";
    let first = format!("{}\n{mend}", pointed(world.server().address(), &world.path("token")));
    let pairs = here([("01a20cf5-81a7-743a-b9a9-2b00f57f7e69", bad.id.to_string())]);
    let folder = world.config().parent().expect("a folder").to_owned();
    World { folder, here: pairs, first, kept: Box::new(world) }
}

/// A running server beside its settings. `pidof` names this server and no other.
pub(in super::super) async fn settings() -> World {
    let world = ApiWorld::started().await;
    let first = format!("pidof() {{ echo {}; }}", world.server().id().expect("it runs"));
    let folder = world.config().parent().expect("a folder").to_owned();
    World { folder, here: Vec::new(), first, kept: Box::new(world) }
}

/// Settings of a source at a GitHub in `$DESK`, and a clone of a plain repository whose revision has a note in `$CLONE`.
pub(in super::super) async fn forges() -> World {
    let desk = Desk::with(ROBOT).await;
    let hook = json!({
        "config": webhook("https://slipway.example/webhooks/digits"), "events": ["pull_request", "push", "issue_comment"],
        "last_response": { "code": 202, "status": "active", "message": "Accepted" },
    });
    desk.github.set_up(|setup| setup.hooks = vec![hook]);
    let bench = crate::notes::bench().await;
    bench.promote_a_first_model().await;
    crate::notes::all_is_reported(&bench).await;
    let first = format!("DESK='{}' CLONE='{}'", desk.folder.path().display(), bench.world.work.path().display());
    let folder = bench.world.folder.clone();
    World { folder, here: here([("churn", "digits".to_owned())]), first, kept: Box::new((bench, desk)) }
}
