//! A repository whose team opens many changes at once, at a stateful GitHub: `make bench-forge`.
//!
//! First with GitHub's limits, as its documentation names them: is anything refused, is every check completed, what does a
//! change cost and how long does it take. Then at a server without limits that answers after 100 ms, while another source
//! is sent as many deliveries as its senders can: how long until a change's check is there.

#[path = "../../tests/it/support/data.rs"]
mod data;
mod report;
mod storm;
mod visible;
mod world;

use anyhow::Result;

/// How much is done.
#[derive(Debug, Clone, Copy)]
struct Size {
    pull_requests: usize,
    models: usize,
}

/// What is measured unless something else is asked for.
const DEFAULT_SIZE: Size = Size { pull_requests: 500, models: 20 };

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (size, record) = match words[..] {
        [] => (DEFAULT_SIZE, false),
        ["--record"] => (DEFAULT_SIZE, true),
        ["--quick"] => (Size { pull_requests: 24, models: 4 }, false),
        // What the limits decide alone, where other work would spoil the times of the other part.
        ["--storm"] => {
            let storm = tokio::runtime::Runtime::new()?.block_on(storm::measure(DEFAULT_SIZE))?;
            report::say_storm(DEFAULT_SIZE, &storm);
            return Ok(());
        }
        _ => anyhow::bail!("expected nothing, `--quick`, `--storm` or `--record`, came {words:?}"),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let visible = runtime.block_on(visible::measure(size))?;
    let storm = runtime.block_on(storm::measure(size))?;
    report::finish(size, &storm, &visible, record)
}
