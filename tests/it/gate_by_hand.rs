//! `slipway gate` beside `slipway train`: what the one writes the other finds, and judges as a server would.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::{MODEL, slipway, small_files};

/// The policy with these checks.
fn policy(checks: &[&str]) -> String {
    let checks: Vec<String> = checks.iter().map(|check| format!("    - {{{check}}}\n")).collect();
    let checks = checks.concat();
    format!("apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {{name: digits}}\nspec:\n  checks:\n{checks}")
}

const JUDGED_AS_BY_A_SERVER: [&str; 4] = [
    "metric: accuracy, at_least: 0.5",
    "metric: latency_p99, at_most: 100000",
    "expression: 'artifact.parameters == 7850 && artifact.latency_p50 > 0.0 && run.model == \"digits\" && run.seed == 7'",
    "leakage: {at_most: 0}",
];

/// A command with its two streams; colours are those of nobody's surroundings.
fn run(folder: &Path, arguments: &[&str], host_checks: &[(&str, &str)]) -> Output {
    let mut command = Command::new(slipway());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.args(arguments).envs(host_checks.iter().copied()).current_dir(folder).output().expect("it ran")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn model_with(policy: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("data")).expect("a folder");
    for (path, content) in small_files() {
        std::fs::write(folder.path().join(path), content).expect("written");
    }
    std::fs::write(folder.path().join("policy.yaml"), policy).expect("written");
    folder
}

fn trained(folder: &Path) {
    let trained = run(folder, &["train", "--out", "out", "--threads", "1"], &[]);
    assert_eq!(trained.status.code(), Some(0), "{}", said(&trained));
}

#[test]
fn what_training_wrote_is_found_and_judged_as_by_a_server() {
    let folder = model_with(&policy(&JUDGED_AS_BY_A_SERVER));
    trained(folder.path());
    for file in ["samples/training.parquet", "samples/test.parquet", "evaluation/latencies.json"] {
        assert!(folder.path().join("out").join(file).is_file(), "{file}");
    }
    assert!(!folder.path().join("out/samples/recent.parquet").exists());
    for arguments in [
        &["gate"][..],
        &["gate", "--policy", "policy.yaml", "--candidate", "out"],
        &["gate", "--candidate", "out/evaluation", "--champion", "out"],
    ] {
        let judged = run(folder.path(), arguments, &[]);
        assert_eq!(judged.status.code(), Some(0), "{arguments:?}: {}", said(&judged));
        assert!(said(&judged).contains("passed: 4 of 4 checks on 500 rows"), "{arguments:?}: {}", said(&judged));
    }
    let inside =
        run(&folder.path().join("out/evaluation"), &["gate", "--policy", "../../policy.yaml", "--candidate", "."], &[]);
    assert_eq!(inside.status.code(), Some(0), "{}", said(&inside));

    // A figure of another artifact is none of this one's.
    let report = folder.path().join("out/training.json");
    let text = std::fs::read_to_string(&report).expect("a report");
    let artifact = serde_json::from_str::<serde_json::Value>(&text).expect("JSON")["artifact"]
        .as_str()
        .expect("a digest")
        .to_owned();
    std::fs::write(&report, text.replace(&artifact, &format!("sha256:{}", "0".repeat(64)))).expect("written");
    let stale = run(folder.path(), &["gate"], &[]);
    assert_eq!(stale.status.code(), Some(1), "{}", said(&stale));
    assert!(said(&stale).contains("belongs to the artifact 000000000000, but the evaluation to"), "{}", said(&stale));
}

#[test]
fn what_an_earlier_training_wrote_does_not_pass_for_a_training_that_failed() {
    let folder = model_with(&policy(&["metric: accuracy, at_least: 0.1"]));
    trained(folder.path());
    assert_eq!(run(folder.path(), &["gate"], &[]).status.code(), Some(0));
    std::fs::write(folder.path().join("data/train-labels"), "no labels").expect("written");
    assert_eq!(run(folder.path(), &["train", "--threads", "1"], &[]).status.code(), Some(2));
    let judged = run(folder.path(), &["gate"], &[]);
    assert_eq!(judged.status.code(), Some(2), "{}", said(&judged));
    assert!(said(&judged).contains("slipway train"), "{}", said(&judged));
}

#[test]
fn a_test_row_that_was_learnt_from_is_found_by_hand() {
    let folder = model_with(&policy(&["metric: accuracy, at_least: 0.1", "leakage: {at_most: 0}"]));
    let read = |path: &str| std::fs::read(folder.path().join(path)).expect("a file");
    let mut leaking = read("data/test-images");
    leaking[16..16 + 784].copy_from_slice(&read("data/train-images")[16..16 + 784]);
    std::fs::write(folder.path().join("data/test-images"), leaking).expect("written");
    trained(folder.path());
    let judged = run(folder.path(), &["gate"], &[]);
    assert_eq!(judged.status.code(), Some(1), "{}", said(&judged));
    assert!(said(&judged).contains("0.002; the policy asks for at most 0 (policy.yaml:7)"), "{}", said(&judged));
    // Samples that the policy no longer asks for are not left behind.
    std::fs::write(folder.path().join("policy.yaml"), policy(&["metric: accuracy, at_least: 0.1"])).expect("written");
    trained(folder.path());
    assert!(!folder.path().join("out/samples/test.parquet").exists());
}

#[test]
fn drift_is_judged_from_what_training_sampled() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).expect("written");
    let row = |row: u32, shift: u32| {
        let label = if row.is_multiple_of(2) { "no" } else { "yes" };
        format!("{},{},{label}\n", row % 7 + shift, row % 2)
    };
    let rows = |shift: u32| (0..400).map(|number| row(number, shift)).collect::<Vec<String>>().concat();
    let table = |shift: u32| format!("age,sign,churned\n{}", rows(shift));
    for (file, shift) in [("train.csv", 0), ("test.csv", 0), ("recent.csv", 5)] {
        write(file, &table(shift));
    }
    let model = MODEL
        .replace("paths: [slipway.yaml, \"data/**\"]", "paths: [slipway.yaml, \"*.csv\"]")
        .replace("format: idx", "format: csv\n    label: churned\n    recent: {file: recent.csv}")
        .replace("{features: data/train-images, labels: data/train-labels}", "{file: train.csv}")
        .replace("{features: data/test-images, labels: data/test-labels}", "{file: test.csv}")
        .replace("preprocess: [{scale: {divide_by: 255}}]", "preprocess: [standardize]")
        .replace("      - flatten\n      - linear: 10\n", "      - linear: 2\n");
    write("slipway.yaml", &model);
    let drift =
        |column: &str| format!("drift: {{column: {column}, statistic: population_stability_index}}, at_most: 0.1");
    write("policy.yaml", &policy(&["metric: accuracy, at_least: 0.6", &drift("sign")]));
    trained(folder.path());
    let same = run(folder.path(), &["gate"], &[]);
    assert_eq!(same.status.code(), Some(0), "{}", said(&same));
    write("policy.yaml", &policy(&["metric: accuracy, at_least: 0.6", &drift("age")]));
    trained(folder.path());
    let moved = run(folder.path(), &["gate"], &[]);
    assert_eq!(moved.status.code(), Some(1), "{}", said(&moved));
    assert!(said(&moved).contains("population_stability_index of `age` since training"), "{}", said(&moved));
    // What cannot be sampled keeps nobody from trying a model out, and passes nothing.
    write("policy.yaml", &policy(&["metric: accuracy, at_least: 0.6", &drift("income")]));
    let trained = run(folder.path(), &["train", "--out", "out", "--threads", "1"], &[]);
    assert_eq!(trained.status.code(), Some(0), "{}", said(&trained));
    assert!(said(&trained).contains("warning: a server would refuse this:"), "{}", said(&trained));
    assert!(said(&trained).contains("`income`"), "{}", said(&trained));
    assert!(!folder.path().join("out/samples/recent.parquet").exists());
    let unknown = run(folder.path(), &["gate"], &[]);
    assert_eq!(unknown.status.code(), Some(1), "{}", said(&unknown));
}

#[test]
fn what_is_not_there_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let judge = |arguments: &[&str]| {
        let judged = run(folder.path(), &[&["gate"], arguments].concat(), &[]);
        assert_eq!(judged.status.code(), Some(2), "{}", said(&judged));
        said(&judged)
    };
    assert!(judge(&[]).contains("set the policy with `--policy FILE`, or in `slipway.yaml`"), "{}", judge(&[]));
    std::fs::write(folder.path().join("policy.yaml"), policy(&["metric: accuracy, at_least: 0.5"])).expect("written");
    let nothing = judge(&["--policy", "policy.yaml"]);
    assert!(
        nothing.contains("the folder `out` does not exist")
            && nothing.contains("create it with `slipway train --out out`"),
        "{nothing}"
    );
    std::fs::create_dir(folder.path().join("out")).expect("a folder");
    std::fs::write(folder.path().join("out/predictions.csv.gz"), "x").expect("written");
    let packed = judge(&["--policy", "policy.yaml"]);
    assert!(packed.contains("contains no report.json, but `predictions.csv.gz`"), "{packed}");
}

#[test]
fn results_are_coloured_where_that_is_wanted() {
    let (green, red) = ("\u{1b}[32m", "\u{1b}[31m");
    let folder = model_with(&policy(&[
        "metric: accuracy, at_least: 0.5",
        "metric: accuracy, at_least: 0.9999999, when_inconclusive: warn",
    ]));
    trained(folder.path());
    let check = ["check", "policy.yaml", "--no-data"];
    let judged = |host_checks: &[(&str, &str)]| {
        String::from_utf8(run(folder.path(), &["gate"], host_checks).stdout).expect("text")
    };
    let checked =
        |host_checks: &[(&str, &str)]| String::from_utf8(run(folder.path(), &check, host_checks).stdout).expect("text");
    // Nobody reads on a terminal here.
    for plain in [&[][..], &[("NO_COLOR", "1")], &[("CLICOLOR", "0")], &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "0")]] {
        assert!(!judged(plain).contains('\u{1b}') && !checked(plain).contains('\u{1b}'), "{plain:?}");
    }
    let forced = [("CLICOLOR_FORCE", "1")];
    let painted = judged(&forced);
    assert!(painted.contains(&format!("{green}passed\u{1b}[0m  accuracy")), "{painted:?}");
    assert!(painted.contains("refused") == painted.contains(&format!("{red}refused\u{1b}[0m")), "{painted:?}");
    let words = painted.replace(green, "").replace(red, "").replace("\u{1b}[33m", "").replace("\u{1b}[0m", "");
    assert_eq!(words, judged(&[]), "colours move nothing");
    assert!(checked(&forced).contains(&format!("{green}no mistakes\u{1b}[0m")), "{:?}", checked(&forced));
    std::fs::write(folder.path().join("policy.yaml"), policy(&["metric: accuracy, at_least: 7"])).expect("written");
    assert!(checked(&forced).starts_with(&format!("{red}policy.yaml:6:")), "{:?}", checked(&forced));
    let json = run(folder.path(), &["check", "policy.yaml", "--no-data", "--output", "json"], &forced);
    assert!(
        serde_json::from_slice::<serde_json::Value>(&json.stdout).is_ok() && !said(&json).contains('\u{1b}'),
        "{}",
        said(&json)
    );
}
