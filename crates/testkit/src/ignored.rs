//! Tests that cannot run on a machine, because something is missing there.

use std::io::Write as _;

/// The environment variable with the path of a file that lists ignored tests, one line each: the test, a tab, what is missing
/// and how to get it. `make test` sets it and prints the list at its end.
const LIST: &str = "SLIPWAY_IGNORED_TESTS";

/// Reports that the calling test is ignored: `missing` names what this machine lacks, `remedy` says how to get it. The test has
/// to return afterwards. The test harness cannot be told at run time, so that the line goes past its capture to stderr.
///
/// # Panics
/// In CI, where the environment variable `CI` is set: every test has to run there.
pub fn ignore_test(missing: &str, remedy: &str) {
    let current = std::thread::current();
    let test = current.name().unwrap_or("a test");
    assert!(!is_ci(), "{missing}: {remedy}");
    let line = format!("{test}\t{missing}: {remedy}\n");
    let stderr = writeln!(std::io::stderr(), "ignored: {test}: {missing}: {remedy}");
    let listed = std::env::var_os(LIST).map_or(Ok(()), |list| {
        // One write of one line in append mode: lines of processes that run at once do not mix.
        std::fs::OpenOptions::new().create(true).append(true).open(list)?.write_all(line.as_bytes())
    });
    stderr.and(listed).expect("the ignored test is reported");
}

/// Whether this is CI.
fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty())
}
