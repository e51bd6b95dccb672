//! Entry point: `slipway-sandbox --run FOLDER` runs what `FOLDER/sandbox.json` says, and `--probe` tells what this machine can do.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--run", folder] => slipway_sandbox::launch(Path::new(folder)),
        ["--init", folder] => slipway_sandbox::init(Path::new(folder)),
        ["--probe"] => {
            let found = slipway_sandbox::probe();
            let _ = writeln!(std::io::stdout(), "{}", found.as_deref().unwrap_or_else(|reason| reason));
            if found.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        _ => {
            let _ = writeln!(std::io::stderr(), "usage: slipway-sandbox --run FOLDER | --probe");
            ExitCode::from(2)
        }
    }
}
