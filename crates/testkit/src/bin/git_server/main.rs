//! Serves the bare repositories of a folder over smart HTTP, for checks that are not written in Rust: says the address
//! first, and ends with standard input.
#![expect(clippy::print_stdout, reason = "the address is its answer")]

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use slipway_testkit::GitServer;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).context("expected a folder of bare repositories")?;
    GitServer::serve_until_input_ends(folder, |address| println!("listening on http://{address}")).await
}
