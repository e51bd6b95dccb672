//! How it ends when it is left alone, starved, or told nothing.

use std::io::Read as _;
use std::process::{Command, Stdio};

use serde_json::json;
use slipway_contract::FaultKind;

use crate::support::{Bench, picture_model, trainer};

#[test]
fn it_ends_when_its_controller_is_gone() {
    let bench = Bench::with_pictures();
    let mut model = picture_model();
    model["spec"]["training"]["epochs"] = json!(10_000);
    let job = json!({"work": {"train": {"model": model, "source": "source"}}, "threads": 1, "device": "cpu"});
    std::fs::write(bench.path().join("job.json"), job.to_string()).expect("written");
    let mut child = trainer()
        .arg("--job")
        .arg(bench.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut first = [0; 1];
    child.stdout.as_mut().expect("a pipe").read_exact(&mut first).expect("it works");
    drop(child.stdin.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
    assert!(!bench.path().join("out/model.safetensors").exists());
}

#[test]
fn memory_that_runs_out_is_distinguished_from_other_ends() {
    let bench = Bench::with_pictures();
    let mut model = picture_model();
    model["spec"]["model"]["sequential"] = json!(["flatten", {"linear": 50_000_000}, {"linear": 2}]);
    let job = json!({"work": {"train": {"model": model, "source": "source"}}, "threads": 1, "device": "cpu"});
    std::fs::write(bench.path().join("job.json"), job.to_string()).expect("written");
    // Address space of 6 GiB; the layer alone needs 7.
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -v 6291456 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_slipway-trainer")]);
    let ended = bench.run_job(&mut limited);
    assert_eq!((ended.code, ended.fault().kind), (Some(137), FaultKind::Memory), "{}", ended.fault());
    assert!(!ended.fault().message.contains("frame #"), "{}", ended.fault());
}

#[test]
fn the_probe_names_the_trainer_and_its_libtorch() {
    let output = trainer().arg("--probe").output().expect("it ran");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success());
    assert!(text.starts_with(&format!("{} with libtorch 2.", env!("CARGO_PKG_VERSION"))), "{text}");
}
