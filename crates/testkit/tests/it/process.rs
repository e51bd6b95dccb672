//! Starting and ending a server, shown with a script that pretends to be one.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use slipway_testkit::SlipwayProcess;
use tokio::time::timeout;

/// Far below the time that a server is given to listen: whoever waits for that is found out.
const SOON: Duration = Duration::from_secs(10);

fn pretend_server() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/pretend-server")
}

async fn start(what: &str) -> anyhow::Result<SlipwayProcess> {
    timeout(SOON, SlipwayProcess::start(&pretend_server(), Path::new(what), &[])).await.expect("the answer comes soon")
}

#[tokio::test]
async fn a_server_that_listens_is_known_by_its_address_and_ends_on_request() {
    let server = start("listens").await.expect("it listens");
    assert_eq!(server.address(), "http://127.0.0.1:9");
    assert_eq!(server.terminate().await.expect("it ends").signal(), Some(15));
}

#[tokio::test]
async fn a_program_that_says_something_else_is_ended_and_quoted() {
    let error = start("chats").await.expect_err("it is no server");
    assert_eq!(error.to_string(), "the server does not listen: I am no server");
}

#[tokio::test]
async fn a_server_that_ends_at_once_is_quoted() {
    let error = start("ends").await.expect_err("it ended");
    assert_eq!(error.to_string(), "the server does not listen: error: no such file");
}
