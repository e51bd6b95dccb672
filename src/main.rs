//! Entry point: parse, dispatch, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    slipway::cli::run()
}
