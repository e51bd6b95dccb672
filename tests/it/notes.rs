//! Where models stand, as notes on the commits of a plain git server, read by git itself.

use slipway_testkit::SlipwayProcess;

use crate::support::{Bench, DEADLINE, DEFAULT_SETTINGS, MODEL, slipway, small_files};

const NOTES: &str = "refs/notes/slipway";

/// A server that writes notes, and the small model in a work tree.
pub(crate) async fn bench() -> Bench {
    let mut bench = Bench::without_server(DEFAULT_SETTINGS).await;
    let plain = std::fs::read_to_string(bench.world.config()).expect("settings");
    std::fs::write(bench.world.config(), plain.replace("forge: plain", "forge: plain, notes: true")).expect("written");
    bench.restart(&[]).await;
    bench
}

/// Waits until the run of a model at a revision has ended, or waits for a person.
async fn end_of(bench: &Bench, head: &str, model: &str) {
    let ended = |run: &serde_json::Value| {
        run["head"] == head && run["model"] == model && (run["state"] == "done" || run["stalled"] == true)
    };
    bench.api().wait_for_run(&format!("the end of `{model}`"), DEADLINE, ended).await.expect("it ends");
}

/// Waits until nothing is left to tell.
pub(crate) async fn all_is_reported(bench: &Bench) {
    let outbox_is_empty =
        |answer: &slipway_testkit::Answer| answer.text.lines().any(|line| line == "slipway_outbox_pending 0");
    bench.api().wait_for("all to be told", "/metrics", DEADLINE, outbox_is_empty).await.expect("it is told");
}

async fn note_of(bench: &Bench, head: &str) -> String {
    bench.world.models.git(&["notes", "--ref", "slipway", "show", head]).await.expect("a note")
}

#[tokio::test]
async fn a_revision_is_noted_with_a_line_a_model_beside_what_others_noted() {
    let bench = bench().await;
    for (path, content) in small_files() {
        let content =
            if path == "slipway.yaml" { MODEL.replace("name: digits", "name: other").into_bytes() } else { content };
        bench.world.work.write(format!("models/other/{path}"), content).expect("written");
    }
    let head = bench.push("two models").await;
    let by_hand = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "notes", "--ref", "slipway", "append"];
    bench.world.models.git(&[&by_hand[..], &["-m", "looked at", &head]].concat()).await.expect("a note by hand");
    for model in ["digits", "other"] {
        end_of(&bench, &head, model).await;
    }
    all_is_reported(&bench).await;
    let note = note_of(&bench, &head).await;
    let mut lines: Vec<&str> = note.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    let [by_hand, digits, other] = lines[..] else { panic!("three lines were expected: {note}") };
    assert_eq!(by_hand, "looked at");
    assert!(digits.starts_with("slipway/digits: done: `staging` names the artifact since "), "{note}");
    // The environment has no place for it.
    assert!(other.starts_with("slipway/other: stalled: no manifest ") && !other.contains("stalled: stalled"), "{note}");

    // People see it where they look at commits, after the fetch that git-notes(1) asks for.
    bench.world.work.git(&["fetch", "-q", "origin", &format!("{NOTES}:{NOTES}")]).await.expect("fetched");
    let log = bench.world.work.git(&["log", "--notes=slipway", "-1"]).await.expect("a log");
    assert!(log.contains("Notes (slipway):\n") && log.contains(digits), "{log}");
    // The push of the notes does not come back as a delivery.
    let deliveries = bench.api().get("/api/v1/deliveries").await.expect("deliveries").json;
    let bodies: Vec<&serde_json::Value> = deliveries["deliveries"].as_array().expect("a list").iter().collect();
    assert_eq!(bodies.len(), 1, "{deliveries:#}");
    assert_eq!(bench.api().runs().await.expect("runs").len(), 2);
    bench.world.models.fsck().await.expect("the source is whole");
    bench.finish().await;
}

#[tokio::test]
async fn a_server_that_was_killed_while_it_noted_makes_no_second_note() {
    let mut bench = bench().await;
    // The notes have moved when this hook holds up the answer to the push.
    let door = bench.world.folder.join("door");
    let made = std::process::Command::new("mkfifo").arg(&door).status().expect("mkfifo");
    assert!(made.success());
    let hold = format!("#!/bin/sh\n[ \"$1\" != {NOTES} ] || read -r _ <'{}'\n", door.display());
    bench.world.models.install_hook("post-update", &hold).expect("a hook");
    let head = bench.push("a first model").await;
    let noted = async { while bench.world.models.rev_parse(NOTES).await.is_err() {} };
    tokio::time::timeout(DEADLINE, noted).await.expect("it is noted");
    let before = note_of(&bench, &head).await;
    bench.take_server().kill_9().await.expect("killed");
    bench.world.models.remove_hook("post-update").expect("removed");
    // Opened in both directions it does not wait for the hook, which may be gone with the connection.
    let door = std::fs::OpenOptions::new().read(true).write(true).open(door);
    door.and_then(|mut door| std::io::Write::write_all(&mut door, b"open\n")).expect("opened");

    bench.restart(&[]).await;
    all_is_reported(&bench).await;
    assert_eq!(note_of(&bench, &head).await, before);
    assert_eq!(bench.world.models.commits(NOTES).await.expect("commits").len(), 1);
    // The next one is built on it.
    let next = bench.push_with("seed: 7", "seed: 8").await;
    end_of(&bench, &next, "digits").await;
    all_is_reported(&bench).await;
    assert!(note_of(&bench, &next).await.starts_with("slipway/digits: "));
    assert_eq!(note_of(&bench, &head).await, before);
    assert_eq!(bench.world.models.commits(NOTES).await.expect("commits").len(), 2);
    bench.finish().await;
}

#[tokio::test]
async fn nothing_is_written_into_a_source_that_nobody_asked_to_write_into() {
    let bench = Bench::start().await;
    bench.promote_a_first_model().await;
    all_is_reported(&bench).await;
    assert!(bench.world.models.rev_parse(NOTES).await.is_err());
    bench.finish().await;
}

#[tokio::test]
async fn notes_are_refused_for_a_forge_that_has_statuses() {
    let bench = Bench::without_server(DEFAULT_SETTINGS).await;
    let plain = std::fs::read_to_string(bench.world.config()).expect("settings");
    std::fs::write(bench.world.config(), plain.replace("forge: plain", "forge: gitea, notes: true")).expect("written");
    let error = SlipwayProcess::start(&slipway(), &bench.world.config(), &[]).await.expect_err("refused").to_string();
    assert!(error.contains("sources[0].notes: is for `forge: plain`, not `gitea`"), "{error}");
    assert!(error.contains("help: remove `notes`; Slipway reports to a forge through its `api`"), "{error}");
}
