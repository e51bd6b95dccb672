//! Entry point of the trainer: `slipway-trainer --job FOLDER`, or `--probe` to say what libtorch is there.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Trains or evaluates one model, as a job file says; started by `slipway`.
#[derive(Parser)]
#[command(name = "slipway-trainer", version)]
struct Arguments {
    /// Folder that holds `job.json`
    #[arg(long, value_name = "FOLDER", required_unless_present = "probe")]
    job: Option<PathBuf>,
    /// Say which libtorch and which devices there are, and end
    #[arg(long)]
    probe: bool,
}

fn main() -> ExitCode {
    slipway_trainer::prepare_memory();
    let arguments = Arguments::parse();
    let Some(folder) = arguments.job else {
        // Nobody reading the answer is no failure of the probe.
        let _ = writeln!(std::io::stdout(), "{}", slipway_trainer::Probe::take());
        return ExitCode::SUCCESS;
    };
    end_with_the_controller();
    ExitCode::from(slipway_trainer::run(&folder))
}

/// Standard input is the controller's hold on this process: when it closes, the controller is gone, and so are we.
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
