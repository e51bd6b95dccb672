//! The clients of Triton and KServe, as their users have them, against the server.

use std::path::Path;
use std::process::Command;

use slipway_testkit::ignore_test;

use crate::models::echo;
use crate::support::Server;

#[test]
fn the_clients_of_triton_and_kserve_get_every_answer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".peers/serving/bin/python");
    if !python.is_file() {
        ignore_test("the clients of Triton and KServe are missing", "make serving");
        return;
    }
    let Some(server) = Server::of_graphs(&[("echo", echo())], &["--repository-control"]) else { return };
    let script = root.join("scripts/check_serving.py");
    let checked = Command::new(python).arg(script).arg(server.address()).output().expect("it runs");
    let (said, errors) = (String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    assert!(checked.status.success(), "{said}{errors}");
    let calls = said.lines().filter(|line| line.starts_with("ok ")).count();
    assert_eq!(calls, CALLS, "{said}");
}

/// The calls that the script compares.
const CALLS: usize = 30;
