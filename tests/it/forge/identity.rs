//! Which repository a source is: deliveries of another one have no effect, one that was made anew under the same name is refused until
//! somebody accepts it, and one webhook serves many sources.

use std::process::Command;

use serde_json::{Value, json};
use slipway_testkit::demo::SECRET;
use slipway_testkit::github::Delivery;
use slipway_testkit::{Answer, Repository, WorkTree, signature};

use super::World;
use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS, MODEL, slipway, small_files, text};

const CHECK: &str = "slipway/digits";

/// The same delivery, of another repository.
fn of_another(delivery: &Delivery) -> Delivery {
    let mut another = Delivery { guid: format!("{}-of-another", delivery.guid), ..delivery.clone() };
    another.body["repository"]["id"] = json!(99);
    another.body["repository"]["full_name"] = json!("eve/models");
    another
}

/// How a delivery was read, once it was.
async fn read(bench: &Bench, id: &str) -> Value {
    let path = format!("/api/v1/deliveries/digits/{id}");
    let is_read = |answer: &Answer| answer.status == 200 && text(&answer.json, "state") != "pending";
    bench.api().wait_for(id, &path, DEADLINE, is_read).await.expect("it is read").json
}

/// A count of the metrics.
async fn count(bench: &Bench, line: &str) -> u64 {
    let metrics = bench.api().get("/metrics").await.expect("metrics").text;
    metrics.lines().find_map(|one| one.strip_prefix(line)?.trim().parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn deliveries_of_another_repository_start_and_end_nothing_and_are_counted() {
    let world = World::start().await;
    let head = world.bench.propose_model("seed: 7", "seed: 8").await;
    let number = world.github.open_pull("better", 1).await.expect("a pull request");
    let ours = world.github.waiting();
    let foreign: Vec<Delivery> = ours.iter().map(of_another).collect();
    world.send(&foreign).await;
    for delivery in &foreign {
        let read = read(&world.bench, &delivery.guid).await;
        assert_eq!(text(&read, "state"), "ignored", "{read:#}");
        // Which repository the source is, is not known yet: what is called otherwise is not it.
        assert!(text(&read, "note").contains("`eve/models` (99), but `digits` is `team/models`"), "{read:#}");
    }
    assert!(world.bench.api().runs().await.expect("runs").is_empty(), "another repository's change began ours");
    world.send(&ours).await;
    assert_eq!(world.ended_check(&head, CHECK).await["conclusion"], "success");

    // Nor does another repository's end of a change end ours.
    let long = world.bench.propose_model("epochs: 4", "epochs: 400").await;
    world.github.deliver_push_event(number).await.expect("noticed");
    world.deliver().await;
    let trains = |run: &Value| run["head"] == long.as_str() && text(run, "state") == "training";
    world.bench.api().wait_for_run("it trains", DEADLINE, trains).await.expect("it trains");
    world.github.close_pull(number);
    let closed = world.github.waiting();
    let foreign: Vec<Delivery> = closed.iter().map(of_another).collect();
    world.send(&foreign).await;
    for delivery in &foreign {
        let read = read(&world.bench, &delivery.guid).await;
        assert_eq!(text(&read, "state"), "ignored", "{read:#}");
        assert!(text(&read, "note").contains("`eve/models` (99), not from `team/models` (41)"), "{read:#}");
    }
    let runs = world.bench.api().runs().await.expect("runs");
    assert!(runs.iter().any(trains), "{runs:#?}");
    world.send(&closed).await;
    assert_eq!(text(&world.bench.end_of(&long).await, "state"), "cancelled");
    world.bench.until_no_trainer_is_left(DEADLINE).await;
    for reason in ["unpinned", "foreign"] {
        let line = format!("slipway_deliveries_other_repository_total{{reason=\"{reason}\"}} ");
        assert_eq!(count(&world.bench, &line).await, 1, "{reason}");
    }

    // Renamed or moved, it stays the same one.
    let sources = world.bench.api().get("/api/v1/sources").await.expect("sources").json;
    let repository = &sources["sources"][0]["repository"];
    assert_eq!((text(repository, "id"), text(repository, "full_name")), ("41", "team/models"), "{sources:#}");
    assert!(repository["conflicting_id"].is_null(), "{sources:#}");
    world.bench.finish().await;
}

/// A server whose source `digits` is `team/models` of a GitHub that cannot be asked.
async fn without_api() -> Bench {
    let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
    nested(&bench, "team/models.git", "../models.git");
    let settings = std::fs::read_to_string(bench.world.config()).expect("settings");
    let settings = settings.replace("forge: plain", "forge: github").replace("/models.git", "/team/models.git");
    std::fs::write(bench.world.config(), settings).expect("written");
    bench.restart(&[]).await;
    bench.world.models.remove_hook("post-receive").expect("removed");
    bench
}

/// Gives a repository of the git server the path that it has at a forge.
fn nested(bench: &Bench, path: &str, target: &str) {
    let link = bench.world.folder.join("repositories").join(path);
    std::fs::create_dir_all(link.parent().expect("a folder")).expect("a folder");
    std::os::unix::fs::symlink(target, link).expect("a link");
}

/// Tells of a push to `main` as GitHub does, and answers the status.
async fn deliver_push(
    bench: &Bench,
    hook: &str,
    secret: &str,
    id: &str,
    (number, name): (u64, &str),
    head: &str,
) -> u16 {
    let body = json!({
        "ref": "refs/heads/main", "before": "0".repeat(40), "after": head, "created": true, "forced": false,
        "repository": {"id": number, "full_name": name}, "sender": {"id": 3, "login": "ada"},
    })
    .to_string();
    let signature = signature(secret, body.as_bytes());
    let headers = [
        ("content-type", "application/json"),
        ("x-github-event", "push"),
        ("x-github-delivery", id),
        ("x-hub-signature-256", &*signature),
    ];
    bench.api().send("POST", hook, &headers, body.into_bytes()).await.expect("an answer").status
}

/// A command beside the server: its exit code, and what it says.
async fn beside(bench: &Bench, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(slipway());
    command.args(arguments).arg("--config").arg(bench.world.config());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("a thread").expect("it ran");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn a_repository_that_was_made_anew_under_the_same_name_is_refused_until_somebody_accepts_it() {
    const HOOK: &str = "/webhooks/digits";
    let bench = without_api().await;
    let (code, said) = beside(&bench, &["forge", "check"]).await;
    assert!(said.contains("not known yet: the first delivery of a repository with the name `team/models`"), "{said}");
    assert_eq!(code, Some(0), "{said}");
    let head = bench.push("a first model").await;
    assert_eq!(deliver_push(&bench, HOOK, SECRET, "stranger", (7, "eve/models"), &head).await, 202);
    let unauthenticated = read(&bench, "stranger").await;
    assert!(text(&unauthenticated, "note").contains("set `repository_id: \"7\"`"), "{unauthenticated:#}");
    assert_eq!(deliver_push(&bench, HOOK, SECRET, "first", (41, "Team/Models"), &head).await, 202);
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    // It is renamed, and stays the same one.
    let renamed = bench.push_with("seed: 7", "seed: 8").await;
    assert_eq!(deliver_push(&bench, HOOK, SECRET, "renamed", (41, "team/predictions"), &renamed).await, 202);
    assert_eq!(text(&bench.end_of(&renamed).await, "state"), "done");
    assert!(beside(&bench, &["forge", "check"]).await.1.contains("the repository was renamed or moved"));

    let anew = bench.push_with("seed: 7", "seed: 9").await;
    assert_eq!(deliver_push(&bench, HOOK, SECRET, "anew", (99, "team/models"), &anew).await, 202);
    let refused = read(&bench, "anew").await;
    assert_eq!(text(&refused, "state"), "dead", "{refused:#}");
    assert!(text(&refused, "note").contains("its identifier is 99, but `digits` is pinned to 41"), "{refused:#}");
    assert!(text(&refused, "note").contains("run `slipway forge accept digits '99'`"), "{refused:#}");
    // What stands at the address now is the other one, whoever tells of it.
    assert_eq!(deliver_push(&bench, HOOK, SECRET, "late", (41, "team/predictions"), &anew).await, 202);
    assert_eq!(text(&read(&bench, "late").await, "state"), "dead");
    assert_eq!(bench.api().runs().await.expect("runs").len(), 2);
    let (code, said) = beside(&bench, &["forge", "check"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("pinned to 41; Slipway ignores its deliveries"), "{said}");

    let (code, said) = beside(&bench, &["forge", "accept", "digits", "99"]).await;
    assert_eq!(code, Some(0), "{said}");
    let replayed = bench.api().post("/api/v1/deliveries/digits/anew/replay").await.expect("an answer");
    assert_eq!(replayed.status, 200, "{}", replayed.text);
    assert_eq!(text(&bench.end_of(&anew).await, "state"), "done");
    // The one before is another repository by now.
    assert_eq!(deliver_push(&bench, HOOK, SECRET, "before", (41, "team/models"), &anew).await, 202);
    assert_eq!(text(&read(&bench, "before").await, "state"), "ignored");
    let audit = bench.api().get("/api/v1/audit").await.expect("the audit log").text;
    assert!(audit.contains("source.accept-repository") && audit.contains("99 instead of 41"), "{audit}");
    bench.finish().await;
}

#[tokio::test]
async fn one_webhook_serves_many_sources_and_each_delivery_goes_to_the_repository_it_names() {
    const SHARED: &str = "a secret of one App for all repositories";
    const HOOK: &str = "/webhooks/github";
    let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
    nested(&bench, "team/models.git", "../models.git");
    let folder = bench.world.folder.clone();
    Repository::init_bare(folder.join("repositories/team/others.git")).await.expect("a repository");
    let url = bench.world.git.url("team/others.git");
    let others = WorkTree::clone(&url, folder.join("others")).await.expect("a work tree");
    for (path, content) in small_files() {
        others.write(path, content).expect("written");
    }
    others.write("slipway.yaml", MODEL.replace("epochs: 4", "epochs: none")).expect("written");
    let theirs = others.commit("a model that is refused").await.expect("a commit");
    assert!(others.push("main").await.expect("pushed").success());
    let settings = std::fs::read_to_string(bench.world.config()).expect("settings");
    let settings =
        settings.replace("forge: plain", "forge: github, webhook: github").replace("/models.git", "/team/models.git");
    let settings = settings.replace("secret: {file: ./secret}, ", "");
    let line = settings.lines().find(|line| line.contains("name: digits")).expect("a source").to_owned();
    let more = line.replace("name: digits", "name: others").replace("/team/models.git", "/team/others.git");
    let webhooks = "webhooks:\n- {forge: github, secret: {file: ./shared}}";
    let settings = settings
        .replace(&line, &format!("{line}\n{more}"))
        .replace("environments:", &format!("{webhooks}\nenvironments:"));
    std::fs::write(bench.world.config(), settings).expect("written");
    std::fs::write(folder.join("shared"), SHARED).expect("written");
    bench.take_in_unhooked().await;

    let head = bench.push("a first model").await;
    assert_eq!(
        deliver_push(&bench, "/webhooks/digits", SECRET, "d-0", (41, "team/models"), &head).await,
        404,
        "it has none"
    );
    assert_eq!(
        deliver_push(&bench, HOOK, SECRET, "d-1", (41, "team/models"), &head).await,
        401,
        "verified before it is read"
    );
    assert_eq!(deliver_push(&bench, HOOK, SHARED, "d-2", (77, "team/unknown"), &head).await, 202);
    assert_eq!(count(&bench, "slipway_deliveries_total{outcome=\"unknown_repository\"} ").await, 1);
    assert_eq!(deliver_push(&bench, HOOK, SHARED, "d-3", (41, "team/models"), &head).await, 202);
    assert_eq!(deliver_push(&bench, HOOK, SHARED, "d-4", (42, "team/others"), &theirs).await, 202);
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    assert_eq!(text(&bench.end_of(&theirs).await, "state"), "refused");
    // By its identifier, whatever it is called by now.
    let next = bench.push_with("seed: 7", "seed: 8").await;
    assert_eq!(deliver_push(&bench, HOOK, SHARED, "d-5", (41, "team/renamed"), &next).await, 202);
    let run = bench.end_of(&next).await;
    assert_eq!((text(&run, "state"), text(&run, "source")), ("done", "digits"));
    let listed = bench.api().get("/api/v1/deliveries").await.expect("deliveries").json;
    let listed = listed["deliveries"].as_array().cloned().unwrap_or_default();
    let mut listed: Vec<(&str, &str)> = listed.iter().map(|one| (text(one, "id"), text(one, "source"))).collect();
    listed.sort_unstable();
    assert_eq!(listed, [("d-3", "digits"), ("d-4", "others"), ("d-5", "digits")], "nothing of others is stored");
    bench.finish().await;
}
