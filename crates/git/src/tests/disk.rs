//! Tests of a disk that is full or read-only for a while: the error is reported, and the mirror works again afterwards.
//!
//! Each test runs its inner half in a separate process, with a small file system that is mounted only there.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{GitError, Mirror, Outcome};
use slipway_domain::Retry;
use slipway_testkit::ignore_test;

use super::world::{World, append};

const MANIFEST: &str = "apps/model.yaml";
const PLACE: &str = "SLIPWAY_TEST_DISK";

/// Runs a test of this module in a process with its own mounted file system; `false` if it cannot be mounted here.
fn run_on_a_small_disk(inner: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut flags = vec!["--mount"];
    if !rustix::process::geteuid().is_root() {
        flags.extend(["--user", "--map-root-user"]);
    }
    let script = "mount -t tmpfs -o size=1m tmpfs \"$SLIPWAY_TEST_DISK\" || exit 77; exec \"$0\" --ignored --exact \"$1\" --nocapture";
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("unshare");
    command.args(flags).args(["bash", "-c", script]).arg(program).arg(format!("tests::disk::{inner}"));
    let Ok(output) = command.env(PLACE, folder.path()).output() else { return false };
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() && !said.contains("running 1 test") {
        ignore_test(
            &format!("`unshare` may not mount here ({})", said.trim()),
            "run as root, or allow user namespaces",
        );
        return false;
    }
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    true
}

/// The mounted file system.
fn disk() -> PathBuf {
    std::env::var_os(PLACE).expect("run by the test that mounts").into()
}

fn remount(option: &str) {
    let status = Command::new("mount").args(["-o", &format!("remount,{option}")]).arg(disk()).status();
    assert!(status.unwrap().success());
}

/// A world with its mirror on the mounted file system.
fn world_and_mirror() -> (World, Mirror) {
    let world = World::new();
    let mirror = world.mirror_at(disk().join("mirrors").to_str().unwrap(), world.remote());
    (world, mirror)
}

/// Incompressible text.
fn noise(lines: u64) -> String {
    (0..lines).fold(String::new(), |mut text, n| {
        writeln!(text, "{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17)).unwrap();
        text
    })
}

fn generations(mirrors: &Path) -> usize {
    let folder = std::fs::read_dir(mirrors).unwrap().next().unwrap().unwrap().path();
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_full_disk_is_reported_and_nothing_is_lost() {
    run_on_a_small_disk("on_a_full_disk");
}

#[test]
#[ignore = "run by `a_full_disk_is_reported_and_nothing_is_lost`, on a disk of its own"]
fn on_a_full_disk() {
    let (world, mirror) = world_and_mirror();
    let before = mirror.fetch().unwrap();
    let large = world.commit(&[("100644", "large", &noise(200_000))]);
    let error = mirror.fetch().unwrap_err();
    assert!(matches!(error, GitError::Mirror { .. }), "{error}");
    assert_eq!(error.retry(), Retry::Backoff);
    assert!(error.to_string().contains("check free space"), "{error}");
    assert_eq!(mirror.known_tip(), Some(before), "what was there can still be read");
    let filler = disk().join("filler");
    let _ = std::fs::write(&filler, vec![1_u8; 4 << 20]);
    let error = append(&mirror, "p-1", MANIFEST).unwrap_err();
    assert!(matches!(error, GitError::Mirror { .. }), "{error}");
    assert_eq!(world.tip(), large, "nothing was pushed");
    std::fs::remove_file(filler).unwrap();
    remount("size=64m");
    assert_eq!(mirror.fetch().unwrap(), large);
    assert!(matches!(append(&mirror, "p-1", MANIFEST), Ok(Outcome::Pushed { .. })));
    assert_eq!((world.count(), world.file(MANIFEST).as_str()), (3, "tag: v0\np-1\n"));
    assert_eq!(generations(&disk().join("mirrors")), 1, "what was begun in vain is gone");
}

#[test]
fn a_read_only_mirror_is_read_and_reported() {
    run_on_a_small_disk("on_a_read_only_disk");
}

#[test]
#[ignore = "run by `a_read_only_mirror_is_read_and_reported`, on a disk of its own"]
fn on_a_read_only_disk() {
    let (world, mirror) = world_and_mirror();
    let before = mirror.fetch().unwrap();
    remount("ro");
    assert_eq!(mirror.fetch().unwrap(), before, "without news nothing is written");
    assert_eq!(mirror.read_file(&before, MANIFEST, 100).unwrap().unwrap(), b"tag: v0\n");
    let error = append(&mirror, "p-1", MANIFEST).unwrap_err();
    assert!(matches!(error, GitError::Mirror { .. }), "{error}");
    let newer = world.commit(&[("100644", "new", "x")]);
    let error = mirror.fetch().unwrap_err();
    assert!(matches!(error, GitError::Mirror { .. }), "{error}");
    assert_eq!((world.tip(), mirror.known_tip()), (newer.clone(), Some(before)));
    remount("rw");
    assert_eq!(mirror.fetch().unwrap(), newer);
    assert!(matches!(append(&mirror, "p-1", MANIFEST), Ok(Outcome::Pushed { .. })));
    assert_eq!((world.count(), world.file(MANIFEST).as_str()), (3, "tag: v0\np-1\n"));
}
