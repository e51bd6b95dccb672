//! `slipway check` of models whose data are tables: everything is found at once, each at its own place, and as a server has it.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::slipway;

const MODEL: &str = "apiVersion: slipway.dev/v1alpha1
kind: Model
metadata: {name: churn}
spec:
  paths: [\"slipway.yaml\", \"data/**\"]
  task: classification
  data:
    format: csv
    label: churned
    train: {file: data/train.csv}
    test: {file: data/test.csv}
  model: {sequential: [{linear: 2}]}
  preprocess: [standardize]
  evaluation: {slices: [region]}
  training: {optimizer: {adam: {learning_rate: 1e-2}}, epochs: 1, batch_size: 8}
  policy: policy.yaml
";
const POLICY: &str = "apiVersion: slipway.dev/v1alpha1
kind: Policy
metadata: {name: churn}
spec:
  checks:
    - {metric: accuracy, at_least: 0.5}
";

fn git(folder: &Path, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=kim", "-c", "user.email=kim@example.org"]).args(arguments).current_dir(folder);
    let output = git.output().expect("git");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

/// A repository with a model of a table, all of it committed.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["init", "-q", "."]);
    std::fs::create_dir(folder.path().join("data")).expect("a folder");
    write(folder.path(), "slipway.yaml", MODEL);
    write(folder.path(), "policy.yaml", POLICY);
    // No column tells the label by itself, which would be warned of.
    let rows = "age,months,region,churned\r\n".to_owned()
        + &"1,2,north,yes\r\n3,4,south,no\r\n".repeat(49)
        + "1,2,north,no\r\n3,4,south,yes\r\n";
    write(folder.path(), "data/train.csv", &rows);
    // No test row is a training row.
    write(folder.path(), "data/test.csv", &rows.replace(",north", ".5,north").replace(",south", ".5,south"));
    features(folder.path(), "[age, months]");
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "-q", "-m", "a model"]);
    folder
}

fn write(folder: &Path, file: &str, content: &str) {
    std::fs::write(folder.join(file), content).expect("written");
}

fn features(folder: &Path, features: &str) {
    let model = MODEL.replace("    label: churned\n", &format!("    label: churned\n    features: {features}\n"));
    write(folder, "slipway.yaml", &model);
}

fn rewrite(folder: &Path, file: &str, old: &str, new: &str) {
    let text = std::fs::read_to_string(folder.join(file)).expect("a text");
    assert!(text.contains(old), "{old}");
    write(folder, file, &text.replacen(old, new, 1));
}

fn check(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(slipway()).arg("check").args(arguments).current_dir(folder).output().expect("it ran")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn diagnostics(folder: &Path) -> Vec<serde_json::Value> {
    let output = check(folder, &["--output", "json"]);
    let log: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    log["diagnostics"].as_array().expect("a list").clone()
}

#[test]
fn mistakes_of_data_policy_and_model_are_found_at_once_each_at_its_place() {
    let folder = repository();
    let sound = check(folder.path(), &[]);
    assert_eq!(sound.status.code(), Some(0), "{}", said(&sound));
    assert!(!said(&sound).contains("warning"), "{}", said(&sound));
    rewrite(folder.path(), "data/train.csv", "3,4,south,no", "3,x,south,no");
    std::fs::remove_file(folder.path().join("data/test.csv")).expect("removed");
    rewrite(folder.path(), "policy.yaml", "at_least: 0.5", "at_least: 0.5, slice: {by: area}");
    features(folder.path(), "[age, nope, churned, months, nix]");
    let checked = check(folder.path(), &[]);
    assert_eq!(checked.status.code(), Some(2));
    let output = said(&checked);
    for expected in [
        "slipway.yaml:12:18: spec.data.test.file: the file `data/test.csv` does not exist",
        "policy.yaml:6:48: the model's predictions have no column `area`",
        "slipway.yaml:10:15: spec.data.features: `data/train.csv` has no column `nope`",
        "spec.data.features: the label `churned` is among the columns",
        "`data/train.csv` has no column `nix`",
    ] {
        assert!(output.contains(expected), "expected `{expected}`, came: {output}");
    }
    assert!(!output.contains("`data/test.csv` cannot be read"), "told twice: {output}");
    features(folder.path(), "[age, months]");
    let output = said(&check(folder.path(), &[]));
    assert!(output.contains("data/train.csv:3:1: line 3, column `months`: `x` is not a finite number"), "{output}");
    rewrite(folder.path(), "slipway.yaml", "epochs: 1", "epochs: 0");
    let output = said(&check(folder.path(), &[]));
    assert!(output.contains("data/train.csv:3:1: ") && output.contains("spec.training.epochs: 0 is"), "{output}");
    assert_eq!(output.matches("epochs: 0 is").count(), 1, "{output}");
}

#[test]
fn annotations_stand_at_the_row_and_nowhere_else() {
    let folder = repository();
    rewrite(folder.path(), "data/test.csv", "3,4.5,south,no", "3,NaN,south,NO");
    let found = diagnostics(folder.path());
    let mistakes: Vec<&serde_json::Value> = found.iter().filter(|finding| finding["severity"] == "error").collect();
    assert_eq!(mistakes.len(), 2, "{found:#?}");
    for mistake in mistakes {
        assert_eq!((&mistake["file"], &mistake["line"]), (&"data/test.csv".into(), &3.into()), "{mistake:#}");
    }
    let sarif = check(folder.path(), &["--output", "sarif"]);
    let log: serde_json::Value = serde_json::from_slice(&sarif.stdout).expect("JSON");
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "data/test.csv", "{log:#}");
    assert_eq!(place["region"]["startLine"], 3, "{log:#}");
    // What is of a whole file stands at the key that names it.
    write(folder.path(), "data/test.csv", "");
    let found = diagnostics(folder.path());
    let empty = found.iter().find(|finding| finding["message"].as_str().is_some_and(|said| said.contains("is empty")));
    let empty = empty.unwrap_or_else(|| panic!("{found:#?}"));
    assert_eq!((&empty["file"], &empty["line"]), (&"slipway.yaml".into(), &12.into()));
}

#[test]
fn files_that_a_server_would_not_find_as_they_are_here_are_warned_of() {
    let folder = repository();
    let warned = |expected: &str| {
        let checked = check(folder.path(), &[]);
        let output = said(&checked);
        assert_eq!(checked.status.code(), Some(0), "{output}");
        assert!(output.contains(expected), "expected `{expected}`, came: {output}");
        assert_eq!(output.matches("warning").count(), usize::from(!expected.contains("no mistakes")), "{output}");
    };
    rewrite(folder.path(), "data/train.csv", "1,2,north", "1,5,north");
    warned("warning: slipway.yaml:11:19: spec.data.train.file: `data/train.csv` differs from its commit");
    git(folder.path(), &["commit", "-q", "-a", "-m", "more"]);
    warned("no mistakes");
    git(folder.path(), &["rm", "-q", "--cached", "data/test.csv"]);
    warned(
        "`data/test.csv` is not in git: a server will not find it\n  help: run `git add data/test.csv`, and commit \
     the file",
    );
    git(folder.path(), &["commit", "-q", "-m", "without"]);
    warned("`data/test.csv` is not in git");
    git(folder.path(), &["add", "data/test.csv"]);
    warned("`data/test.csv` is not committed yet");
    git(folder.path(), &["commit", "-q", "-m", "with"]);
    std::fs::create_dir(folder.path().join("below")).expect("a folder");
    warned("no mistakes");
    write(folder.path(), "data/train.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
    git(folder.path(), &["commit", "-q", "-a", "-m", "a broken pointer"]);
    let output = said(&check(folder.path(), &[]));
    let broken = "git has a Git LFS pointer of `data/train.csv` that cannot be used: its `oid`";
    assert!(output.contains(broken), "{output}");
}

#[test]
fn a_pointer_of_git_lfs_is_accepted_and_rows_that_are_not_here_are_named() {
    let folder = repository();
    let rows = std::fs::read(folder.path().join("data/train.csv")).expect("rows");
    let digest = slipway_contract::Digest::of(&rows);
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid {digest}\nsize {}\n", rows.len());
    write(folder.path(), "data/train.csv", &pointer);
    git(folder.path(), &["commit", "-q", "-a", "-m", "a pointer"]);
    let output = said(&check(folder.path(), &[]));
    let absent = "only the Git LFS pointer of `data/train.csv` is here, so its rows were not checked\n  help: run `git lfs pull`";
    assert!(output.contains(absent) && output.contains("no mistakes"), "{output}");
    std::fs::write(folder.path().join("data/train.csv"), &rows).expect("written");
    let output = said(&check(folder.path(), &[]));
    assert!(output.contains("no mistakes") && !output.contains("data/train.csv"), "{output}");
    std::fs::write(folder.path().join("data/train.csv"), [rows.as_slice(), b"5,6,north,yes\r\n"].concat())
        .expect("written");
    let output = said(&check(folder.path(), &[]));
    assert!(output.contains("`data/train.csv` differs from its commit"), "{output}");
}

#[test]
fn what_a_policy_requires_of_rows_is_reported_at_its_line_before_training() {
    let folder = repository();
    for (file, more) in [("data/train.csv", "5,6,north,maybe\r\n"), ("data/test.csv", "")] {
        let rows = std::fs::read_to_string(folder.path().join(file)).expect("rows");
        write(folder.path(), file, &format!("{rows}{}", more.repeat(20)));
    }
    rewrite(folder.path(), "slipway.yaml", "linear: 2", "linear: 3");
    rewrite(folder.path(), "slipway.yaml", "slices: [region]", "slices: [region], metrics: [{recall: {class: Yes}}]");
    for (check_of_policy, expected, help) in [
        (
            "metric: accuracy, at_least: 0.5, slice: {by: label}",
            "6:48: no test row has the label `maybe`",
            "add test rows",
        ),
        (
            "metric: accuracy, at_least: 0.5, slice: {where: {label: Maybe}}",
            "6:48: no test row has the label `Maybe`",
            "did you mean `maybe`?",
        ),
        (
            "metric: accuracy, at_least: 0.5, slice: {where: {region: North}}",
            "6:48: no test row has region `North`",
            "did you mean `north`?",
        ),
        (
            "metric: {recall: {class: Yes}}, at_least: 0.5",
            "6:16: recall(class=\"Yes\"): no test row has the label `Yes`",
            "did you mean `yes`?",
        ),
        (
            "metric: {equal_opportunity_difference: {class: maybe, by: region}}, at_most: 0.5",
            "6:16: equal_opportunity_difference(by=\"region\", class=\"maybe\"): no test row has the label `maybe`",
            "add test rows",
        ),
    ] {
        write(folder.path(), "policy.yaml", &POLICY.replace("metric: accuracy, at_least: 0.5", check_of_policy));
        let checked = check(folder.path(), &[]);
        let output = said(&checked);
        assert_eq!(checked.status.code(), Some(2), "{output}");
        assert!(output.contains(&format!("policy.yaml:{expected}")), "expected `{expected}`, came: {output}");
        assert!(output.contains(help), "expected `{help}`, came: {output}");
    }
}

#[test]
fn classes_that_no_training_row_has_are_reported_where_no_trainer_is_beside() {
    let folder = repository();
    let alone = tempfile::tempdir().expect("a folder");
    let program = alone.path().join("slipway");
    std::fs::copy(slipway(), &program).expect("copied");
    let check = |arguments: &[&str]| {
        Command::new(&program).arg("check").args(arguments).current_dir(folder.path()).output().expect("it ran")
    };
    let sound = check(&[]);
    assert_eq!(sound.status.code(), Some(0), "{}", said(&sound));
    assert!(said(&sound).contains("only the labels of training rows are checked"), "{}", said(&sound));
    rewrite(folder.path(), "policy.yaml", "at_least: 0.5", "at_least: 0.5, slice: {where: {label: [yes, nope]}}");
    let output = said(&check(&[]));
    assert!(
        output.contains("policy.yaml:6:48: no training row has the label `nope`; the labels are `no`, `yes`"),
        "{output}"
    );
    let unread = check(&["--no-data"]);
    assert_eq!(unread.status.code(), Some(0), "{}", said(&unread));
}

#[test]
fn test_rows_that_are_training_rows_are_warned_of_at_the_first_of_them() {
    let folder = repository();
    rewrite(folder.path(), "data/test.csv", "3,4.5,south,no", "3.0,4,east,no");
    git(folder.path(), &["commit", "-q", "-a", "-m", "a copied row"]);
    let checked = check(folder.path(), &[]);
    let output = said(&checked);
    assert_eq!(checked.status.code(), Some(0), "{output}");
    // Another region makes no other row, because it is not learnt from.
    let expected =
        "warning: data/test.csv:3:1: 1 of 100 test rows is also a training row: line 3 is line 3 of `data/train.csv`";
    assert!(output.contains(expected) && output.contains("take copied rows out of one of the files"), "{output}");
}
