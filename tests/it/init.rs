//! `slipway init`: what it makes passes `slipway check`, trains and passes its own policy; what cannot work is refused.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::slipway;

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(slipway()).args(arguments).current_dir(folder).output().expect("it ran")
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Customers whose age and months tell whether they leave, with columns that tell nothing.
pub(crate) fn customers(rows: usize) -> String {
    let mut table = "customer_id,plan,age,months,churned\n".to_owned();
    for row in 0..rows {
        let leaves = row % 3 == 0;
        // A few rows are like those of the other label, so that no column tells the label by itself.
        let (is_young, is_new) = (leaves != (row % 29 == 7), leaves != (row % 23 == 5));
        let age = if is_young { 25 + row % 11 } else { 45 + row % 13 };
        let months = if is_new { 2 + row % 7 } else { 20 + row % 17 };
        let plan = ["basic", "plus"][row % 2];
        // Writing into a string cannot fail.
        let _ =
            writeln!(table, "C{row},{plan},{age}.{row},{months}.{},{}", row % 10, if leaves { "yes" } else { "no" });
    }
    table
}

fn with(table: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("customers.csv"), table).expect("written");
    folder
}

pub(crate) fn text_of(folder: &Path, file: &str) -> String {
    std::fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn what_is_made_from_a_table_is_checked_trained_and_passes_its_policy() {
    let folder = with(&customers(1_500));
    let made = run(folder.path(), &["init", "customers.csv", "--label", "churned"]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    for expected in [
        "customers: predicts `churned` (no 1000, yes 500) from 3 columns; 1200 training rows, 300 test rows",
        "excluded `customer_id`: its name is that of an identifier",
        "wrote data/train.csv",
        "wrote data/test.csv",
        "wrote policy.yaml",
        "wrote slipway.yaml",
        "next:\n  slipway train",
    ] {
        assert!(said(&made).contains(expected), "expected `{expected}`, came: {}", said(&made));
    }
    let model = text_of(folder.path(), "slipway.yaml");
    assert!(
        model.starts_with("# yaml-language-server: $schema=https://slipway.dev/schemas/model.schema.json\n"),
        "{model}"
    );
    let columns = "      plan: {type: binary, values: [basic, plus]}\n      age: number\n      months: number\n";
    assert!(model.contains(columns) && model.contains("validation_split: 0.2"), "{model}");
    let policy = text_of(folder.path(), "policy.yaml");
    assert!(policy.starts_with("# yaml-language-server: $schema=") && policy.contains("at_least: 0.67"), "{policy}");
    let checked = run(folder.path(), &["check"]);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    assert!(!said(&checked).contains("warning"), "{}", said(&checked));
    let trained = run(folder.path(), &["train", "--threads", "1"]);
    assert_eq!(trained.status.code(), Some(0), "{}", said(&trained));
    let judged = run(folder.path(), &["gate", "--policy", "policy.yaml", "--candidate", "out/evaluation"]);
    assert_eq!(judged.status.code(), Some(0), "{}", said(&judged));
    // Neither side has a row of the other, and together they are the table.
    let rows = |file: &str| text_of(folder.path(), file).lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let mut both = [rows("data/train.csv"), rows("data/test.csv")].concat();
    both.sort();
    let mut all = rows("customers.csv");
    all.sort();
    assert_eq!(both, all);
}

#[test]
fn twice_is_as_good_as_once_and_what_was_changed_is_not_replaced_unasked() {
    let folder = with(&customers(300));
    let init = ["init", "customers.csv", "--label", "churned"];
    assert_eq!(run(folder.path(), &init).status.code(), Some(0));
    let again = run(folder.path(), &init);
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
    assert!(said(&again).contains("kept slipway.yaml") && !said(&again).contains("wrote"), "{}", said(&again));
    std::fs::write(folder.path().join("policy.yaml"), "# mine\n").expect("written");
    std::fs::remove_file(folder.path().join("slipway.yaml")).expect("removed");
    let refused = run(folder.path(), &init);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(
        said(&refused)
            .contains("these files already exist and differ:\n  policy.yaml\n  help: replace the files with `--force`"),
        "{}",
        said(&refused)
    );
    assert!(!folder.path().join("slipway.yaml").exists(), "all of it or nothing");
    assert_eq!(text_of(folder.path(), "policy.yaml"), "# mine\n");
    let forced = run(folder.path(), &[&init[..], &["--force"]].concat());
    assert!(
        said(&forced).contains("replaced policy.yaml") && said(&forced).contains("wrote slipway.yaml"),
        "{}",
        said(&forced)
    );
}

#[test]
fn what_cannot_be_learnt_is_refused_and_nothing_is_written() {
    let good = customers(60);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "churned",
            good.lines().next().unwrap_or_default().into(),
            "the table has no rows, expected at least one below the header",
        ),
        ("churned", Vec::new(), "the file is empty, expected a header and rows below it"),
        ("churned", good.replace("yes", "no").into(), "all rows have one label (no), expected at least two classes"),
        (
            "churned",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n".to_vec(),
            "found a Git LFS pointer",
        ),
        ("churned", good.replace("basic", "bas\0ic").into(), "contains NUL bytes"),
        (
            "churned",
            [good.as_bytes(), "C8,plané,1,2,yes\nC9,pl".as_bytes(), b"\xffan,1,2,yes\n"].concat(),
            "bytes that are not UTF-8",
        ),
        ("churned", [good.as_bytes(), b"C9,pl\x81an,1,2,yes\n"].concat(), "bytes that are not Windows-1252"),
        ("churned", format!("{good}C9,basic,1\n").into(), "3 values, expected 5 as in the header"),
        ("churned", format!("{good}C9,basic,1,2,\n").into(), "has no label: the column `churned` is empty"),
        ("churned", format!("{good}C9,basic,1,2,perhaps\n").into(), "have only one row (`perhaps`)"),
        ("Churned", good.clone().into(), "did you mean `churned`?"),
        ("x", "x,x,y\n1,2,3\n".into(), "the header contains the column `x` twice"),
        (
            "y",
            "name,y\na,0\nb,1\nc,0\nd,1\n".into(),
            "no column can be a feature:\n  `name`: its values differ in most rows",
        ),
    ];
    for (label, table, expected) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("customers.csv"), &table).expect("written");
        let refused = run(folder.path(), &["init", "customers.csv", "--label", label]);
        assert_eq!(refused.status.code(), Some(2), "{expected}: {}", said(&refused));
        assert!(said(&refused).contains(expected), "expected `{expected}`, came: {}", said(&refused));
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "{expected}");
    }
    let nowhere = tempfile::tempdir().expect("a folder");
    for file in ["nothing.csv", "."] {
        assert_eq!(run(nowhere.path(), &["init", file, "--label", "y"]).status.code(), Some(2), "{file}");
    }
}

#[test]
fn names_that_yaml_takes_for_something_else_stay_names() {
    let names = [
        "yes",
        "1e3",
        "null",
        "#x",
        "größe",
        "a: b",
        "say \"\"hi\"\"",
        "- x",
        "~",
        "0x1F",
        "{x}",
        "日本",
        "C:\\t",
        "it's",
    ];
    for (mark, line_end) in [("", "\n"), ("\u{feff}", "\r\n")] {
        let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let mut table = format!("{mark}{},on{line_end}", quoted.join(","));
        for row in 0..120_usize {
            let values: Vec<String> = (0..names.len()).map(|at| format!("{}.{row}", (row * (at + 3)) % 97)).collect();
            let _ = write!(table, "{},{}{line_end}", values.join(","), ["No", "true", "3"][row % 3]);
        }
        let folder = with(&table);
        let made = run(folder.path(), &["init", "customers.csv", "--label", "on", "--model", "2024", "-o", "json"]);
        assert_eq!(made.status.code(), Some(0), "{}", said(&made));
        let summary: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
        let expected: Vec<String> = names.iter().map(|name| name.replace("\"\"", "\"")).collect();
        assert_eq!(summary["features"], serde_json::json!(expected));
        assert_eq!(summary["left_out"], serde_json::json!([]));
        let checked = run(folder.path(), &["check"]);
        assert_eq!(checked.status.code(), Some(0), "{}\n{}", said(&checked), text_of(folder.path(), "slipway.yaml"));
        let model: serde_yaml::Value = serde_yaml::from_str(&text_of(folder.path(), "slipway.yaml")).expect("YAML");
        assert_eq!(model["spec"]["data"]["label"].as_str(), Some("on"));
        assert_eq!(model["metadata"]["name"].as_str(), Some("2024"));
        let features: Vec<&str> = model["spec"]["data"]["features"]
            .as_sequence()
            .expect("a list")
            .iter()
            .filter_map(|name| name.as_str())
            .collect();
        assert_eq!(features, expected);
    }
}

#[test]
fn in_a_pipe_nothing_is_asked() {
    let folder = with(&customers(60));
    let unanswered = run(folder.path(), &["init", "customers.csv"]);
    assert_eq!(unanswered.status.code(), Some(2));
    let expected = "which column of customers.csv should the model predict?\n  help: set it with `--label`; the most likely one \
         is `churned`";
    assert!(said(&unanswered).contains(expected), "{}", said(&unanswered));
    let guessed = run(folder.path(), &["init", "customers.csv", "--yes"]);
    assert_eq!(guessed.status.code(), Some(0), "{}", said(&guessed));
    assert!(said(&guessed).contains("predicts `churned`"), "{}", said(&guessed));
}

#[test]
fn test_rows_of_their_own_are_taken_as_they_are_and_gzip_is_unpacked() {
    let folder = with("");
    let packed = |text: &str| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text.as_bytes()).expect("packed");
        packer.finish().expect("packed")
    };
    std::fs::create_dir(folder.path().join("rows")).expect("a folder");
    std::fs::write(folder.path().join("rows/learn.csv.gz"), packed(&customers(300))).expect("written");
    std::fs::write(folder.path().join("rows/judge.csv"), customers(90)).expect("written");
    let init = ["init", "rows/learn.csv.gz", "--label", "churned", "--test", "rows/judge.csv", "--manifests", "env"];
    let made = run(folder.path(), &init);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    assert!(said(&made).contains("warning: 90 of the 90 test rows are also training rows"), "{}", said(&made));
    let model = text_of(folder.path(), "slipway.yaml");
    assert!(model.contains("paths: [slipway.yaml, rows/learn.csv.gz, rows/judge.csv]"), "{model}");
    assert!(!folder.path().join("data").exists());
    let checked = run(folder.path(), &["check", ".", "env"]);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    assert!(text_of(folder.path(), "env/learn.yaml").contains("# {\"slipway\": \"learn:digest\"}"));
    let split = run(folder.path(), &["init", "rows/learn.csv.gz", "--label", "churned", "--folder", "other"]);
    assert_eq!(split.status.code(), Some(0), "{}", said(&split));
    assert!(text_of(folder.path(), "other/data/test.csv").starts_with("customer_id,plan,"), "parts are unpacked");
}

#[test]
fn a_table_is_not_replaced_by_a_part_of_itself() {
    let folder = with("");
    std::fs::create_dir(folder.path().join("data")).expect("a folder");
    std::fs::write(folder.path().join("data/train.csv"), customers(60)).expect("written");
    let refused = run(folder.path(), &["init", "data/train.csv", "--label", "churned", "--force"]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(
        said(&refused)
            .contains("the training rows would replace the whole table data/train.csv\n  help: set the test rows"),
        "{}",
        said(&refused)
    );
    assert_eq!(text_of(folder.path(), "data/train.csv"), customers(60));
}

#[test]
fn rows_to_learn_from_are_no_rows_to_be_judged_on() {
    let folder = with(&customers(300));
    let turned: Vec<String> = {
        let mut lines: Vec<String> = customers(300).lines().map(str::to_owned).collect();
        lines[1..].reverse();
        lines
    };
    std::fs::write(folder.path().join("turned.csv"), turned.join("\n")).expect("written");
    std::os::unix::fs::symlink("customers.csv", folder.path().join("linked.csv")).expect("linked");
    let before = std::fs::read_dir(folder.path()).expect("a folder").count();
    for test in ["customers.csv", "./customers.csv", "linked.csv", "turned.csv"] {
        let refused = run(folder.path(), &["init", "customers.csv", "--label", "churned", "--test", test]);
        assert_eq!(refused.status.code(), Some(2), "{test}: {}", said(&refused));
        assert!(
            said(&refused).contains(&format!("{test} has the same rows as customers.csv"))
                && said(&refused).contains("help: set other test rows with `--test`"),
            "{}",
            said(&refused)
        );
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), before);
    }
    // Some of them are told of.
    let all = customers(400);
    let some: Vec<&str> = all.lines().take(1).chain(all.lines().skip(291)).collect();
    std::fs::write(folder.path().join("some.csv"), some.join("\n")).expect("written");
    let made = run(folder.path(), &["init", "customers.csv", "--label", "churned", "--test", "some.csv"]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    assert!(said(&made).contains("warning: 10 of the 110 test rows are also"), "{}", said(&made));
}

#[test]
fn what_the_rows_cannot_show_is_not_asked_for_and_only_rare_classes_are_warned_of() {
    // One row of fifty leaves: four of the 200 test rows.
    let rare = |rows: usize| {
        let mut table = "age,churned\n".to_owned();
        for row in 0..rows {
            let leaves = row % 50 == 0;
            let age = if row % 50 < 2 { 20 } else { 50 };
            let _ = writeln!(table, "{age}.{row},{}", if leaves { "yes" } else { "no" });
        }
        table
    };
    for (table, expected) in [
        (customers(60), "24 test rows cannot show that a model is no worse than the champion"),
        (rare(1_000), "4 test rows of the rarest class cannot show that a model is no worse than the champion"),
    ] {
        let folder = with(&table);
        let made = run(folder.path(), &["init", "customers.csv", "--label", "churned"]);
        assert_eq!(made.status.code(), Some(0), "{}", said(&made));
        assert!(said(&made).contains(expected) && !said(&made).contains("warning"), "{}", said(&made));
        assert!(text_of(folder.path(), "policy.yaml").contains(expected));
        let checked = run(folder.path(), &["check"]);
        assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
        let checked = said(&checked);
        let warned = checked.lines().filter(|line| line.starts_with("warning"));
        let others: Vec<&str> = warned.filter(|line| !line.ends_with("have fewer than 5 test rows: `yes` 4")).collect();
        assert_eq!(others, [""; 0], "{checked}");
    }
}

/// The names of what is in a folder, but git's own.
fn listed(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| name != ".git");
    names.sort();
    names
}

#[test]
fn what_git_would_ignore_is_found_before_anything_is_written() {
    let init = ["init", "customers.csv", "--label", "churned"];
    let local = [&init[..], &["--local", "server"]].concat();
    for (arguments, is_repository) in [(&local, false), (&local, true), (&init.to_vec(), true)] {
        let folder = with(&customers(300));
        std::fs::write(folder.path().join(".gitignore"), "# data\n*.csv\n!test.csv\n").expect("written");
        if is_repository {
            let mut git = Command::new("git");
            assert!(git.args(["init", "--quiet"]).current_dir(folder.path()).status().expect("git").success());
        }
        let refused = run(folder.path(), arguments);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        let expected =
            "a server would not see them:\n  data/train.csv (by .gitignore:2:*.csv)\n  help: remove the rules";
        assert!(said(&refused).contains(expected), "{}", said(&refused));
        assert_eq!(listed(folder.path()), [".gitignore", "customers.csv"]);
        // Rules that hold for nothing of it, and a folder that is not there yet, stand in no one's way.
        std::fs::write(folder.path().join(".gitignore"), "*.tmp\n").expect("written");
        let made = run(folder.path(), &[&arguments[..], &["--folder", "models/churn"]].concat());
        assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    }
}

#[test]
fn a_folder_for_the_server_that_cannot_be_made_is_found_before_anything_is_written() {
    let folder = with(&customers(300));
    std::fs::write(folder.path().join("taken"), "a file").expect("written");
    for place in ["taken", "taken/below"] {
        let refused = run(folder.path(), &["init", "customers.csv", "--label", "churned", "--local", place]);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        let expected = format!("the folder `{place}` cannot be created or written to: ");
        assert!(said(&refused).contains(&expected), "{}", said(&refused));
        assert_eq!(listed(folder.path()), ["customers.csv", "taken"]);
    }
}
