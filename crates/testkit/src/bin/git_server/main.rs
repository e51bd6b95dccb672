//! Serves the bare repositories of a folder over smart HTTP, for checks that are not written in Rust: says the address
//! first, and ends with standard input.
#![expect(clippy::print_stdout, reason = "the address is its answer")]

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use slipway_testkit::GitServer;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).context("expected a folder of bare repositories")?;
    let server = GitServer::start(folder).await?;
    println!("listening on http://{}", server.address());
    tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin())).await??;
    server.stop().await;
    Ok(())
}
