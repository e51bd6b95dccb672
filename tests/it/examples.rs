//! The examples with tables: each is checked, trained on its real data, passes its own policy, and is exported.

use std::path::{Path, PathBuf};
use std::process::Command;

use slipway_testkit::ignore_test;

use crate::exported::{gives_the_predictions_of_the_evaluation, is_called_as_documented};
use crate::support::slipway;

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

/// A folder with an example and its data; `None` where the data was not fetched: the calling test is then ignored.
pub(crate) fn example(name: &str) -> Option<tempfile::TempDir> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let data = root.join(".data").join(name);
    if !data.is_dir() {
        ignore_test("the data of an example is missing", &format!("make data DATA={name}"));
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    copy(&root.join("examples").join(name), folder.path());
    copy(&data, &folder.path().join("data"));
    Some(folder)
}

fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(slipway()).args(arguments).current_dir(folder).output().expect("it ran");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    said
}

/// Checks, trains and judges an example, and compares its exported form. Returns what training and the gate say, and the folder.
fn judged(name: &str) -> Option<(String, String, tempfile::TempDir)> {
    judged_file(name, "slipway.yaml")
}

/// The same for one of an example's model files.
fn judged_file(name: &str, file: &str) -> Option<(String, String, tempfile::TempDir)> {
    let folder = example(name)?;
    run(folder.path(), &["check", file]);
    let trained = run(folder.path(), &["train", file, "--out", "out", "--threads", "1"]);
    gives_the_predictions_of_the_evaluation(folder.path());
    Some((trained, run(folder.path(), &["gate"]), folder))
}

#[test]
fn credit_risk_is_learnt_from_categories_and_missing_values_and_judged_by_sex() {
    let Some((trained, judged, folder)) = judged("credit") else { return };
    is_called_as_documented(folder.path());
    assert!(trained.contains("kept the weights of epoch"), "{trained}");
    assert!(judged.contains("passed") && judged.contains("sex"), "{judged}");
}

#[test]
fn credit_risk_is_learnt_by_trees_and_passes_the_same_policy() {
    let Some((trained, judged, _folder)) = judged_file("credit", "trees.yaml") else { return };
    assert!(
        trained.contains("kept the trees of round") && trained.contains("baseline class_frequencies: "),
        "{trained}"
    );
    assert!(judged.contains("passed") && judged.contains("sex"), "{judged}");
}

#[test]
fn bike_demand_is_predicted_as_a_number() {
    let Some((trained, judged, _folder)) = judged("bikes") else { return };
    assert!(trained.contains("mean_absolute_error"), "{trained}");
    assert!(judged.contains("passed") && judged.contains("r2"), "{judged}");
}

#[test]
fn tumours_are_found_in_few_rows() {
    let Some((_, judged, _folder)) = judged("breast-cancer") else { return };
    assert!(judged.contains("passed") && judged.contains("recall"), "{judged}");
}

#[test]
fn digits_are_exported_with_their_convolutions() {
    let Some((trained, _, _folder)) = judged("digits") else { return };
    assert!(trained.contains("accuracy"), "{trained}");
}
