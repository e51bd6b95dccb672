//! The disk that holds the store is full, and has room again later.

use std::os::unix::fs::PermissionsExt as _;

use slipway_store::{Settings, Store};
use slipway_testkit::{Load, SlipwayProcess, ignore_test};
use tokio_util::sync::CancellationToken;

use super::{HOOK, SECRET, World, address_of, lost};
use crate::support::{DEADLINE, slipway};

/// Where a small file system is mounted over the server's state folder, for the server alone.
const SCRIPT: &str = r#"#!/bin/bash
set -euo pipefail
flags=(--mount); [ "$(id -u)" -eq 0 ] || flags+=(--user --map-root-user)
mkdir -p STATE
exec unshare "${flags[@]}" bash -c 'mount -t tmpfs -o size=16m tmpfs STATE && head -c 10000000 /dev/zero >STATE/filler &&
    exec SLIPWAY "$@"' slipway "$@"
"#;

/// Why a test of disks cannot run, and what makes it run.
const CANNOT_MOUNT: &str = "`unshare` may not mount here";
const MOUNT_REMEDY: &str = "run as root, or allow user namespaces";

/// Whether a file system can be mounted here for one process alone: as root, or in a user namespace of one's own.
fn can_mount() -> bool {
    let flags = if rustix::process::geteuid().is_root() {
        vec!["--mount"]
    } else {
        vec!["--mount", "--user", "--map-root-user"]
    };
    let tried =
        std::process::Command::new("unshare").args(flags).args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    tried.is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn a_full_disk_refuses_deliveries_and_loses_none_that_were_acknowledged() {
    if !can_mount() {
        return ignore_test(CANNOT_MOUNT, MOUNT_REMEDY);
    }
    let world = World::on_sqlite().await;
    let state = world.path().join("state-a");
    let program = on_a_small_disk(&world, "16m", 10_000_000);
    let config = world.path().join("server-a.yaml");
    let server = SlipwayProcess::start(&program, &config, &[]).await.expect("a server on a small disk");

    // Digits that no packing makes small.
    let noise: Vec<String> = (0..4000_u64).map(|n| format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let body = serde_json::json!({
        "ref": "refs/heads/other", "before": "1".repeat(40), "after": "2".repeat(40), "noise": noise,
        "repository": {"id": 41, "full_name": "team/models"},
    });
    let load = Load::of_github(address_of(&server), HOOK, SECRET, body.to_string().as_bytes());
    let stop = CancellationToken::new();
    let filled = load.run(4, Some(600), &stop).await;
    assert!(filled.refused > 0 && filled.cut == 0, "refused {}, cut {}", filled.refused, filled.cut);
    assert_eq!(server.api().get("/livez").await.expect("an answer").status, 200);

    let inside = format!("/proc/{}/root{}", server.id().expect("a process"), state.display());
    std::fs::remove_file(format!("{inside}/filler")).expect("room is made");
    let after = load.run(1, Some(5), &stop).await;
    assert_eq!((after.acknowledged.len(), after.refused), (5, 0), "there is room again: {}", server.errors());
    assert_eq!(server.api().get("/readyz").await.expect("an answer").status, 200);

    let copy = world.path().join("copy");
    std::fs::create_dir(&copy).expect("a folder");
    for name in ["slipway.db", "slipway.db-wal"] {
        std::fs::copy(format!("{inside}/{name}"), copy.join(name)).expect("copied");
    }
    let store = Store::open(&Settings::Sqlite { file: copy.join("slipway.db") }).await.expect("a whole store");
    let acknowledged: Vec<String> = filled.acknowledged.into_iter().chain(after.acknowledged).collect();
    let (tried, lost) = (acknowledged.len(), lost(&store, &acknowledged).await);
    println!("a full disk: {tried} acknowledged, {} refused with 503, {lost} lost", filled.refused);
    assert_eq!(lost, 0, "of {tried}");
    store.close().await;
    assert!(server.terminate().await.expect("it ends").success());
    world.finish().await;
}

/// A program that is `slipway` with a small disk under its state folder, which a filler takes `taken` bytes of.
fn on_a_small_disk(world: &World, size: &str, taken: u64) -> std::path::PathBuf {
    let program = world.path().join("slipway-on-a-small-disk");
    let script = SCRIPT
        .replace("STATE", world.path().join("state-a").to_str().expect("a text"))
        .replace("SLIPWAY", slipway().to_str().expect("a text"))
        .replace("size=16m", &format!("size={size}"))
        .replace("10000000", &taken.to_string());
    std::fs::write(&program, script).expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a program");
    program
}

/// The mirrors of a server, as it sees them.
fn mirrors(inside: &str) -> Vec<std::path::PathBuf> {
    let folders = std::fs::read_dir(format!("{inside}/mirrors")).into_iter().flatten().flatten();
    let generations = folders.flat_map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten().flatten());
    let mut found: Vec<_> = generations.map(|generation| generation.path()).collect();
    found.sort();
    found
}

#[tokio::test]
async fn a_disk_too_full_to_fetch_to_leaves_the_mirror_as_it_is_and_the_push_is_read_later() {
    if !can_mount() {
        return ignore_test(CANNOT_MOUNT, MOUNT_REMEDY);
    }
    let world = World::on_sqlite().await;
    let program = on_a_small_disk(&world, "96m", 80_000_000);
    let config = world.path().join("server-a.yaml");
    let server = SlipwayProcess::start(&program, &config, &[]).await.expect("a server on a small disk");
    let inside = format!("/proc/{}/root{}", server.id().expect("a process"), world.path().join("state-a").display());
    let push = |head: &str| {
        let body = serde_json::json!({
            "ref": "refs/heads/main", "before": "0".repeat(40), "after": head, "created": true, "forced": false,
            "repository": {"id": 41, "full_name": "team/models"}, "sender": {"id": 7, "login": "ada"}, "commits": [],
        });
        Load::of_github(address_of(&server), HOOK, SECRET, body.to_string().as_bytes())
    };
    let stop = CancellationToken::new();
    push(&world.head).run(1, Some(1), &stop).await;
    let read = |count: usize| move |answer: &slipway_testkit::Answer| answer.text.matches("\"done\"").count() == count;
    let api = server.api();
    api.wait_for("the first push", "/api/v1/deliveries", DEADLINE, read(1)).await.expect("the first push is read");
    let before = mirrors(&inside);
    assert!(!before.is_empty());

    // Twice as much as there is room for, and nothing that packing makes small.
    let noise: Vec<u8> = (0..5_000_000_u64).flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()).collect();
    let work = slipway_testkit::WorkTree::clone(&world.git.url("models.git"), world.path().join("more")).await;
    let work = work.expect("a clone");
    std::fs::write(world.path().join("more/noise"), noise).expect("written");
    let head = work.commit("more than there is room for").await.expect("a commit");
    assert!(work.push("main").await.expect("pushed").success());
    // The first of the two has the identifier of the first push, and is known already.
    push(&head).run(1, Some(2), &stop).await;
    let waits = |answer: &slipway_testkit::Answer| answer.text.contains("check free space");
    api.wait_for("a full disk", "/api/v1/deliveries", DEADLINE, waits).await.expect("it says that the disk is full");
    assert_eq!(mirrors(&inside), before, "no mirror was made anew: {}", server.errors());
    assert_eq!(api.get("/livez").await.expect("an answer").status, 200);

    std::fs::remove_file(format!("{inside}/filler")).expect("room is made");
    api.wait_for("the second push", "/api/v1/deliveries", DEADLINE, read(2))
        .await
        .expect("it is read once there is room");
    assert_eq!(mirrors(&inside), before);
    assert!(!server.errors().contains("the mirror is damaged"), "{}", server.errors());
    println!("a disk too full to fetch to: 2 pushes tried, 0 lost, 0 mirrors made anew");
    assert!(server.terminate().await.expect("it ends").success());
    world.finish().await;
}
