//! One promotion and many, by Slipway and by the git command line in turns, over smart HTTP: `make bench-promotion`.
//!
//! The program runs itself as a server and as our writer, so that time and memory of each are its own.

mod clients;
mod proxy;
mod report;
mod repository;
mod rounds;
mod tls;
mod writer;

use std::path::PathBuf;

use anyhow::Result;
use slipway_testkit::{GitServer, benchmark};

/// Sizes of the environment repositories, in files, with the rounds that are run on each.
const SIZES: [(usize, usize); 3] = [(1_000, 5), (10_000, 5), (100_000, 3)];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["server", folder] => serve(PathBuf::from(folder)),
        ["writer", url, folder] => writer::run(url, &PathBuf::from(folder)),
        [] => rounds::run(&SIZES)?.finish(false),
        ["--record"] => rounds::run(&SIZES)?.finish(true),
        ["--quick"] => rounds::run(&SIZES[..1])?.finish(false),
        _ => anyhow::bail!("expected nothing, `--quick` or `--record`, came {words:?}"),
    }
}

/// Serves the repositories of a folder until standard input ends; says the address first.
fn serve(folder: PathBuf) -> Result<()> {
    let serving = GitServer::serve_until_input_ends(folder, |address| benchmark::say(&address.to_string()));
    tokio::runtime::Runtime::new()?.block_on(serving)
}
