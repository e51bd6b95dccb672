//! The disk that holds the store is full, and has room again later.

use std::os::unix::fs::PermissionsExt as _;

use slipway::store::{Settings, Store};
use slipway_testkit::{Load, SlipwayProcess};
use tokio_util::sync::CancellationToken;

use super::{HOOK, SECRET, World, address_of, lost};
use crate::support::slipway;

/// Where a small file system is mounted over the server's state folder, for the server alone.
const SCRIPT: &str = r#"#!/bin/bash
set -euo pipefail
flags=(--mount); [ "$(id -u)" -eq 0 ] || flags+=(--user --map-root-user)
mkdir -p STATE
exec unshare "${flags[@]}" bash -c 'mount -t tmpfs -o size=16m tmpfs STATE && head -c 10000000 /dev/zero >STATE/filler &&
    exec SLIPWAY "$@"' slipway "$@"
"#;

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
        assert!(std::env::var_os("CI").is_none(), "a full disk cannot be tried: `unshare` may not mount here");
        println!("left out: a full disk: `unshare` may not mount here (it needs root, or user namespaces)");
        return;
    }
    let world = World::on_sqlite().await;
    let state = world.path().join("state-a");
    let program = world.path().join("slipway-on-a-small-disk");
    let script = SCRIPT
        .replace("STATE", state.to_str().expect("a text"))
        .replace("SLIPWAY", slipway().to_str().expect("a text"));
    std::fs::write(&program, script).expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a program");
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
