//! The documented programs: the one of the page, and the examples that need packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{program_files, slipway};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn run(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = Command::new(slipway()).args(arguments).current_dir(folder).output().expect("it ran");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// The first block of a language on the page.
fn block(language: &str) -> String {
    let page = std::fs::read_to_string(root().join("docs/own-programs.md")).expect("the page");
    let (_, rest) = page.split_once(&format!("```{language}\n")).expect("a block");
    rest.split_once("```").expect("an end").0.to_owned()
}

#[test]
fn the_program_of_the_page_is_trained_and_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    for (path, content) in program_files() {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("written");
    }
    std::fs::write(folder.join("slipway.yaml"), block("yaml")).expect("written");
    std::fs::write(folder.join("train.py"), block("python")).expect("written");
    let policy = "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: threshold}\nspec:\n  checks:\n    \
                  - {metric: accuracy, at_least: 0.8}\n";
    std::fs::write(folder.join("policy.yaml"), policy).expect("written");
    run(folder, &["check", "slipway.yaml"], 0);
    let asked = run(folder, &["train"], 1);
    assert!(asked.contains("slipway train --allow-command") && !folder.join("out").exists(), "{asked}");
    let trained = run(folder, &["train", "--allow-command"], 0);
    assert!(trained.contains("400 rows, threshold") && trained.contains("on 300 test rows"), "{trained}");
    assert!(run(folder, &["gate"], 0).contains("passed: 1 of 1 checks on 300 rows"));
    assert!(std::fs::read_to_string(folder.join("out/model.json")).expect("the model").contains("threshold"));
    // The documented output is what the commands say.
    let shown = block("console");
    let figures =
        |text: &str| text.lines().filter(|line| line.starts_with("accuracy: ")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(figures(&shown), figures(&trained));
    let lines = ["reading data", "400 rows, threshold", "comparing the predictions with the labels"];
    for line in lines {
        let of = |text: &str| text.lines().find(|shown| shown.starts_with(line)).map(str::to_owned);
        assert!(of(&shown).is_some() && of(&shown) == of(&trained), "{line}: {shown}\n{trained}");
    }
}

/// Trains an example with packages, and judges it.
fn judged(name: &str, data: &str) -> Option<(String, String)> {
    let (data, venv) = (root().join(".data").join(data), root().join(".peers/programs"));
    if !data.is_dir() || !venv.join("bin/python").exists() {
        assert!(std::env::var_os("CI").is_none(), "an example cannot run: make programs, and make test-data");
        #[expect(clippy::print_stdout, reason = "a test that is left out says so")]
        {
            println!("left out: an example cannot run: make programs, and make test-data");
        }
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    copy(&root().join("examples").join(name), folder.path());
    copy(&data, &folder.path().join("data"));
    run(folder.path(), &["check", "slipway.yaml"], 0);
    let venv = venv.display().to_string();
    let train = ["train", "--allow-command", "--allow-folder", &venv, "--threads", "1"];
    let trained = run(folder.path(), &train, 0);
    let digest = |said: &str| said.lines().find(|line| line.starts_with("sha256:")).map(str::to_owned);
    // Equal inputs give equal models, also of a program that keeps to the seed and the threads.
    assert_eq!(digest(&run(folder.path(), &train, 0)), digest(&trained));
    Some((trained, run(folder.path(), &["gate"], 0)))
}

#[test]
fn scikit_learn_is_judged_by_the_policy_of_the_built_in_model() {
    let Some((trained, judged)) = judged("credit-scikit-learn", "credit") else { return };
    assert!(trained.contains("200 trees") && trained.contains("roc_auc"), "{trained}");
    assert!(judged.contains("passed") && judged.contains("sex"), "{judged}");
}

#[test]
fn xgboost_reports_its_curve_and_predicts_by_a_command_of_its_own() {
    let Some((trained, judged)) = judged("bikes-xgboost", "bikes") else { return };
    assert!(trained.contains("epoch 400 of 400: loss"), "{trained}");
    assert!(judged.contains("passed") && judged.contains("r2"), "{judged}");
}
