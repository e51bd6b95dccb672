//! The environment repository misbehaves, moves, or is edited by others: never reported as promoted, never twice.

use slipway_testkit::{GitServer, WorkTree};

use crate::environments::world::{command, done};
use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS, text};

async fn by_hand(bench: &Bench) -> WorkTree {
    let url = bench.world.git.url("environment.git");
    WorkTree::clone(&url, bench.world.folder.join("by-hand")).await.expect("a clone")
}

/// A git server of Slipway's own to one repository: people come and go as before while it is shut.
async fn door_to(bench: &Bench, repository: &str) -> GitServer {
    let door = GitServer::start(bench.world.git.folder()).await.expect("a git server");
    let settings = std::fs::read_to_string(bench.world.config()).expect("settings");
    let settings = settings.replace(&bench.world.git.url(repository), &door.url(repository));
    std::fs::write(bench.world.config(), settings).expect("written");
    door
}

#[tokio::test]
async fn a_push_refused_by_a_hook_stalls_with_the_servers_message_and_lands_after_a_retry() {
    let bench = Bench::start().await;
    let hook = "#!/bin/sh\necho 'staging is closed until Monday' >&2\nexit 1\n";
    bench.world.environment.install_hook("pre-receive", hook).expect("installed");
    let head = bench.push("a first model").await;
    let run = bench.end_of(&head).await;
    assert_eq!((text(&run, "state"), run["stalled"].as_bool()), ("promoting", Some(true)), "{run:#}");
    assert!(text(&run, "reason").contains("staging is closed until Monday"), "{}", text(&run, "reason"));
    assert_eq!(bench.promotions().await, 0);
    bench.world.environment.remove_hook("pre-receive").expect("removed");
    let retry = format!("/api/v1/runs/{}/retry", text(&run, "id"));
    assert_eq!(bench.api().send("POST", &retry, &[], Vec::new()).await.expect("an answer").status, 200);
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    assert_eq!(bench.promotions().await, 1);
    assert_eq!(bench.api().send("POST", &retry, &[], Vec::new()).await.expect("an answer").status, 409);
    bench.finish().await;
}

#[tokio::test]
async fn a_run_that_waits_for_a_person_keeps_nothing_in_the_work_folder() {
    let bench = Bench::start().await;
    bench.world.environment.install_hook("pre-receive", "#!/bin/sh\nexit 1\n").expect("installed");
    let run = bench.end_of(&bench.push("a first model").await).await;
    assert_eq!((text(&run, "state"), run["stalled"].as_bool()), ("promoting", Some(true)), "{run:#}");
    bench.world.environment.remove_hook("pre-receive").expect("removed");
    bench.finish().await;
}

#[tokio::test]
async fn an_environment_that_is_down_is_tried_again_until_it_is_back() {
    let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
    let door = door_to(&bench, "environment.git").await;
    door.set_faults(|faults| faults.unavailable = true);
    bench.restart(&[]).await;
    let head = bench.push("a first model").await;
    let waits = |run: &serde_json::Value| run["head"] == head.as_str() && text(run, "reason").contains("HTTP 503");
    let run = bench.api().wait_for_run("a wait", DEADLINE, waits).await.expect("it waits");
    assert!(run["attempts"].as_u64() >= Some(1), "{run:#}");
    assert_ne!(text(&run, "state"), "done");
    door.set_faults(|faults| faults.unavailable = false);
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    assert_eq!(bench.promotions().await, 1);
    bench.finish().await;
    door.stop().await;
}

#[tokio::test]
async fn a_push_whose_answer_is_lost_lands_exactly_once() {
    let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
    let door = door_to(&bench, "environment.git").await;
    bench.restart(&[]).await;
    let first = bench.promote_a_first_model().await;
    door.set_faults(|faults| faults.cuts_after_push = 1);
    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    assert_eq!(bench.promotions().await, 2, "one for each model: {first:#}");
    assert_eq!(text(&run, "promotion_commit"), bench.world.environment_tip().await.expect("a tip"));
    bench.finish().await;
    door.stop().await;
}

#[tokio::test]
async fn a_branch_that_moved_meanwhile_keeps_the_other_commit() {
    let bench = Bench::start().await;
    bench.promote_a_first_model().await;
    let clone = by_hand(&bench).await;
    clone.write("staging/notes.txt", "by hand").expect("written");
    let foreign = clone.commit("by hand").await.expect("a commit");
    // The hook lets the foreign commit in only when Slipway's push is under way: it was built on the tip before.
    let other = bench.world.folder.join("other.git");
    slipway_testkit::Repository::init_bare(&other).await.expect("a repository");
    let address = other.display().to_string();
    clone.git(&["push", "--quiet", &address, "HEAD:refs/heads/main"]).await.expect("pushed aside");
    let hook = format!(
        "#!/bin/sh\n[ -e moved ] && exit 0\ntouch moved\nunset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY\n\
         git fetch --quiet '{}' main && git update-ref refs/heads/main {foreign}\n",
        other.display()
    );
    bench.world.environment.install_hook("pre-receive", &hook).expect("installed");
    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    let history = bench.world.environment.commits("main").await.expect("commits");
    assert!(history.contains(&foreign), "the foreign commit is lost");
    assert_eq!(bench.promotions().await, 2);
    bench.finish().await;
}

#[tokio::test]
async fn a_champion_changed_by_hand_is_compared_again_before_anything_is_written() {
    let bench = Bench::start().await;
    let first = bench.promote_a_first_model().await;
    let second = bench.push_with("epochs: 4", "epochs: 5").await;
    let second = bench.end_of(&second).await;
    assert_eq!(text(&second, "state"), "done");
    // While the third run promotes, its push is refused until a person put the first model back.
    bench.world.environment.install_hook("pre-receive", "#!/bin/sh\nexit 1\n").expect("installed");
    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    let stalled = bench.end_of(&head).await;
    assert_eq!(stalled["champion"], second["artifact"]);
    bench.world.environment.remove_hook("pre-receive").expect("removed");
    let clone = by_hand(&bench).await;
    clone.git(&["revert", "--no-edit", "HEAD"]).await.expect("reverted");
    assert!(clone.push("main").await.expect("pushed").success());
    let retry = format!("/api/v1/runs/{}/retry", text(&stalled, "id"));
    bench.api().send("POST", &retry, &[], Vec::new()).await.expect("an answer");
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    assert_eq!(run["champion"], first["artifact"], "git is the truth");
    let way: Vec<&str> = run["transitions"].as_array().expect("a way").iter().map(|step| text(step, "to")).collect();
    assert_eq!(way.iter().filter(|state| **state == "evaluating").count(), 2, "{way:?}");
    bench.finish().await;
}

#[tokio::test]
async fn a_run_waits_for_an_environment_without_a_mark_and_goes_on_when_it_is_retried() {
    let bench = Bench::start().await;
    let model = crate::support::MODEL.replace("name: digits", "name: letters");
    bench.world.work.write("slipway.yaml", model).expect("written");
    let head = bench.push("a model nobody waits for").await;
    let run = bench.end_of(&head).await;
    assert_eq!(
        (text(&run, "state"), &run["stalled"], &run["awaits_environment"]),
        ("queued", &true.into(), &true.into())
    );
    assert!(text(&run, "reason").contains("`# {\"slipway\": \"letters:digest\"}`"), "{}", text(&run, "reason"));
    assert!(run["artifact"].is_null(), "nothing is trained that could not be promoted");
    let id = text(&run, "id").to_owned();
    let shown = command(&bench, &["runs", "show", &id[..23], "-o", "text"]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("next: fix the environment staging; "), "{shown}");
    assert!(shown.contains(&format!("`slipway runs retry {id}`")), "{shown}");
    mark_letters(&bench).await;
    let retried = done(&bench, &["runs", "retry", &id]).await;
    assert_eq!((&retried["stalled"], &retried["awaits_environment"]), (&false.into(), &false.into()), "{retried:#}");
    let run = bench.end_of(&head).await;
    assert_eq!((text(&run, "state"), text(&run, "id")), ("done", &*id), "{run:#}");
    bench.finish().await;
}

#[tokio::test]
async fn a_run_that_waits_for_its_environment_goes_on_by_itself_once_that_is_mended() {
    let bench = Bench::start_with(&format!("{DEFAULT_SETTINGS}\nlimits: {{sync_interval: 1s}}")).await;
    let model = crate::support::MODEL.replace("name: digits", "name: letters");
    bench.world.work.write("slipway.yaml", model).expect("written");
    let head = bench.push("a model nobody waits for").await;
    assert_eq!(bench.end_of(&head).await["awaits_environment"], true);
    // What leaves the environment as it was leaves the run where it is.
    let clone = by_hand(&bench).await;
    clone.write("README.md", "words").expect("written");
    clone.commit("words").await.expect("a commit");
    assert!(clone.push("main").await.expect("pushed").success());
    mark_letters(&bench).await;
    let ended = |run: &serde_json::Value| run["head"] == head.as_str() && text(run, "state") == "done";
    let run = bench.api().wait_for_run("it goes on", DEADLINE, ended).await.expect("it goes on");
    let run = bench.api().run(text(&run, "id")).await.expect("a run");
    let way = run["transitions"].as_array().expect("a way");
    let causes: Vec<&str> = way.iter().map(|step| text(step, "cause")).collect();
    assert_eq!(causes.iter().filter(|cause| cause.starts_with("stalled: ")).count(), 1, "{causes:#?}");
    assert!(causes.contains(&"`staging` was fixed"), "{causes:#?}");
    bench.finish().await;
}

#[tokio::test]
async fn a_run_waits_for_an_environment_whose_champion_cannot_be_read_before_anything_is_trained() {
    let bench = Bench::start().await;
    let clone = by_hand(&bench).await;
    let file = "staging/inferenceservice.yaml";
    let manifest = bench.world.environment.show("main", file).await.expect("a manifest");
    let (old, new) = ("slipway.dev/digest: none", "slipway.dev/digest: v1");
    assert!(manifest.contains(old), "{manifest}");
    clone.write(file, manifest.replace(old, new)).expect("written");
    clone.commit("A tag instead of a digest").await.expect("a commit");
    assert!(clone.push("main").await.expect("pushed").success());
    let head = bench.push("a first model").await;
    let run = bench.end_of(&head).await;
    assert_eq!((text(&run, "state"), &run["awaits_environment"]), ("queued", &true.into()), "{run:#}");
    assert!(text(&run, "reason").contains("`v1` is not a digest"), "{run:#}");
    clone.git(&["revert", "--no-edit", "HEAD"]).await.expect("reverted");
    assert!(clone.push("main").await.expect("pushed").success());
    done(&bench, &["runs", "retry", text(&run, "id")]).await;
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    bench.finish().await;
}

/// Marks the model `letters` in the environment, as a person would.
async fn mark_letters(bench: &Bench) {
    let clone = WorkTree::clone(&bench.world.git.url("environment.git"), bench.world.folder.join("to-mend")).await;
    let clone = clone.expect("a clone");
    clone.write("staging/letters.yaml", "digest: none # {\"slipway\": \"letters:digest\"}\n").expect("written");
    clone.commit("Mark the letters").await.expect("a commit");
    assert!(clone.push("main").await.expect("pushed").success());
}

#[tokio::test]
async fn manifests_behind_a_filter_and_marks_under_paths_that_are_no_text_hold_a_run_up_before_anything_is_trained() {
    use std::os::unix::ffi::OsStrExt as _;
    let bench = Bench::start().await;
    let clone = by_hand(&bench).await;
    clone.write(".gitattributes", "*.yaml filter=lfs\n").expect("written");
    clone.commit("behind a filter").await.expect("a commit");
    assert!(clone.push("main").await.expect("pushed").success());
    let head = bench.push("a first model").await;
    let run = bench.end_of(&head).await;
    assert_eq!((text(&run, "state"), &run["awaits_environment"]), ("queued", &true.into()), "{run:#}");
    assert!(
        text(&run, "reason").contains("this file has a `filter` attribute (Git LFS, git-crypt)"),
        "{}",
        text(&run, "reason")
    );
    // The same content as a file that is well, under a path that is no text.
    clone.write(".gitattributes", "\n").expect("written");
    clone.write("staging/a.yaml", "x: none # {\"slipway\": \"digits:digest\"}\n").expect("written");
    let odd = std::path::Path::new(std::ffi::OsStr::from_bytes(b"staging/n\xffme.yaml"));
    let folder = bench.world.folder.join("by-hand");
    std::fs::copy(folder.join("staging/a.yaml"), folder.join(odd)).expect("copied");
    clone.commit("a path that is no text").await.expect("a commit");
    assert!(clone.push("main").await.expect("pushed").success());
    let head = bench.push_with("seed: 7", "seed: 8").await;
    let run = bench.end_of(&head).await;
    assert_eq!((text(&run, "state"), &run["awaits_environment"]), ("queued", &true.into()), "{run:#}");
    assert!(text(&run, "reason").contains("the path of this file is not UTF-8"), "{}", text(&run, "reason"));
    assert_eq!(bench.promotions().await, 0);
    bench.finish().await;
}

#[tokio::test]
async fn a_champion_whose_weights_are_damaged_is_never_taken_for_no_champion() {
    let bench = Bench::start().await;
    let first = bench.promote_a_first_model().await;
    let hex = text(&first, "artifact").trim_start_matches("sha256:");
    let weights = bench.world.folder.join("state/artifacts/sha256").join(hex).join("model.safetensors");
    let mut bytes = std::fs::read(&weights).expect("weights");
    *bytes.last_mut().expect("bytes") ^= 1;
    std::fs::write(&weights, bytes).expect("damaged");
    let head = bench.push_with("epochs: 4", "epochs: 6").await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "refused", "{run:#}");
    assert!(text(&run, "reason").contains("damaged"), "{}", text(&run, "reason"));
    assert_eq!(bench.promotions().await, 1);
    bench.finish().await;
}

#[tokio::test]
async fn a_git_server_that_asks_for_a_login_gets_the_settings_credentials() {
    let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
    std::fs::write(bench.world.folder.join("password"), "a token\n").expect("written");
    let settings = std::fs::read_to_string(bench.world.config()).expect("settings");
    let login = "credentials: {username: slipway, password: {file: ./password}}";
    let settings = settings.replace(".git\"", &format!(".git\", {login}"));
    std::fs::write(bench.world.config(), settings).expect("written");
    let doors = [door_to(&bench, "models.git").await, door_to(&bench, "environment.git").await];
    for door in &doors {
        let login = slipway_testkit::Login { user: "slipway".to_owned(), password: "a token".to_owned() };
        door.set_faults(|faults| faults.login = Some(login));
    }
    bench.restart(&[]).await;
    let head = bench.push("a first model").await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "done", "{run:#}");
    assert!(!bench.server().errors().contains("a token"), "the log shows the password");
    bench.finish().await;
}

#[tokio::test]
async fn a_delivery_whose_repository_refuses_the_login_waits_until_the_login_is_right() {
    let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
    let door = door_to(&bench, "models.git").await;
    let login = slipway_testkit::Login { user: "slipway".to_owned(), password: "another token".to_owned() };
    door.set_faults(|faults| faults.login = Some(login));
    bench.restart(&[]).await;
    let head = bench.push("a first model").await;
    let refused = || door.requests().iter().filter(|request| request.status == 401).count();
    let twice = tokio::time::timeout(DEADLINE, async {
        while refused() < 2 {
            tokio::task::yield_now().await;
        }
    });
    twice.await.expect("the delivery is read again");
    assert_eq!(bench.api().runs().await.expect("runs").len(), 0);
    door.set_faults(|faults| faults.login = None);
    assert_eq!(text(&bench.end_of(&head).await, "state"), "done");
    bench.finish().await;
    door.stop().await;
}

#[tokio::test]
async fn a_place_that_would_stay_behind_is_reported_before_anything_is_trained() {
    let bench = Bench::start().await;
    let clone = by_hand(&bench).await;
    clone.write("staging/uri.yaml", "uri: none # {\"slipway\": \"digtis:uri\"}\n").expect("written");
    clone.commit("a slip").await.expect("a commit");
    assert!(clone.push("main").await.expect("pushed").success());
    let head = bench.push("a first model").await;
    let run = bench.end_of(&head).await;
    assert_eq!((text(&run, "state"), &run["awaits_environment"]), ("queued", &true.into()), "{run:#}");
    let reason = text(&run, "reason");
    assert!(reason.contains("staging/uri.yaml:1:6: no model `digtis` is known"), "{reason}");
    assert!(reason.contains("`# {\"slipway\": \"digits:uri\"}`"), "{reason}");
    assert_eq!((bench.promotions().await, run["artifact"].is_null()), (0, true));
    bench.finish().await;
}
