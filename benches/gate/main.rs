//! `make bench-gate`: whether the gate keeps what it promises, how fast it is, and what hostile input does to it.
//!
//! Each part prints one JSON document; `scripts/bench_gate.py` runs them beside their peer and writes the table.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark says what it measured")]

mod adaptive;
mod calibration;
mod draw;
mod folder;
mod hostile;
mod power;
mod speed;
mod units;
mod world;

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.split_first() {
        Some((first, options)) if first == "all" => everything(options),
        _ => {
            one_part(&words);
            ExitCode::SUCCESS
        }
    }
}

/// Runs all parts and the peer by `scripts/bench_gate.py`, which is told where this program and `slipway` are.
fn everything(options: &[String]) -> ExitCode {
    let gate = std::env::current_exe().expect("this program has a path");
    let mut script = Command::new("python3");
    script.arg("scripts/bench_gate.py").arg("--gate").arg(gate).args(["--slipway", env!("CARGO_BIN_EXE_slipway")]);
    match script.args(options).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: python3 cannot be run: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one part and prints its JSON.
fn one_part(arguments: &[String]) {
    let number =
        |place: usize, default: u32| arguments.get(place).and_then(|text| text.parse().ok()).unwrap_or(default);
    let said = match arguments.first().map(String::as_str) {
        Some("calibration") => calibration::run(number(1, 10_000), arguments.get(2).map(String::as_str)),
        Some("adaptive") => adaptive::run(number(1, 2_000)),
        Some("power") => power::run(number(1, 2_000)),
        Some("speed") => speed::run(number(1, 1_000_000), number(2, 50)),
        Some("folder") => match arguments.get(1) {
            Some(path) => folder::write_bench(std::path::Path::new(path), number(2, 10_000)),
            None => return eprintln!("folder PATH [ROWS]"),
        },
        Some("hostile") => hostile::run(number(1, 1_000)),
        // `cargo test --benches` and a bare `cargo bench` only see that it starts.
        _ => {
            return eprintln!(
                "one of: all [OPTIONS of scripts/bench_gate.py], adaptive [ROUNDS], calibration [ROUNDS [WORLD]], power [ROUNDS], speed [ROWS SLICES], folder PATH [ROWS], hostile [COUNT]"
            );
        }
    };
    println!("{said}");
}
