//! Entry point of the trainer: `slipway-trainer --job FOLDER`, or `--probe` to print the version of libtorch and the devices.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Trains or evaluates one model as a job file describes; started by `slipway`.
#[derive(Parser)]
#[command(name = "slipway-trainer", version)]
struct Arguments {
    /// Folder that contains `job.json`
    #[arg(long, value_name = "FOLDER", required_unless_present = "probe")]
    job: Option<PathBuf>,
    /// Print the version of libtorch and the available devices, and exit
    #[arg(long)]
    probe: bool,
}

fn main() -> ExitCode {
    slipway_trainer::prepare_memory();
    let arguments = Arguments::parse();
    let Some(folder) = arguments.job else {
        // A closed output is no failure of the probe.
        let _ = writeln!(std::io::stdout(), "{}", slipway_trainer::Probe::take());
        return ExitCode::SUCCESS;
    };
    end_with_the_controller();
    ExitCode::from(slipway_trainer::run(&folder))
}

/// Ends this process when its standard input is closed, because the controller that holds it open has then ended.
fn end_with_the_controller() {
    if std::io::stdin().is_terminal() {
        return;
    }
    std::thread::spawn(|| {
        let mut byte = [0];
        while matches!(std::io::stdin().read(&mut byte), Ok(1)) {}
        slipway_trainer::end_at_once(1);
    });
}
