//! The example of docs/evaluation-folders.md is run as it stands there, and what it writes is judged.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::slipway;

/// A Python that has pandas, polars and pyarrow, if it is there.
fn python() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".peers/tables/bin/python");
    if program.is_file() {
        return Some(program);
    }
    assert!(std::env::var_os("CI").is_none(), "pandas is missing: make tables");
    None
}

/// The first block of a language in a page.
fn block(page: &str, language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = std::fs::read_to_string(path).expect("the page");
    let (_, after) = text.split_once(&format!("```{language}\n")).expect("a block");
    after.split_once("```").expect("its end").0.to_owned()
}

#[test]
fn the_documented_example_writes_a_folder_that_the_gate_judges() {
    let Some(python) = python() else {
        println!("left out: the example in pandas: it is missing (make tables)");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).expect("written");
    let rows =
        (0..400).map(|row| format!("{row},{},{}\n", u32::from(row % 10 == 0), if row % 10 < 1 { 150 } else { 20 }));
    write("test.csv", &format!("id,fraud,amount\n{}", rows.collect::<String>()));
    write("model.bin", "weights");
    write("example.py", &block("docs/evaluation-folders.md", "python"));
    let ran = Command::new(python).arg("example.py").current_dir(folder.path()).output().expect("it ran");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let policy = "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: fraud}\nspec:\n  checks:\n    \
                  - {metric: accuracy, at_least: 0.95}\n    - {metric: {recall: {class: '1'}}, at_least: 0.5}\n";
    write("policy.yaml", policy);
    // The report states accuracy alone; recall has to be stated as well.
    let judged = |arguments: &[&str]| {
        let arguments = [&["gate", "--policy", "policy.yaml", "--candidate", "candidate"], arguments].concat();
        let output = Command::new(slipway()).args(arguments).current_dir(folder.path()).output().expect("it ran");
        (
            output.status.code(),
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
        )
    };
    let (code, said) = judged(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the report does not state it"), "{said}");
    write("policy.yaml", &policy.replace("    - {metric: {recall: {class: '1'}}, at_least: 0.5}\n", ""));
    let (code, said) = judged(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 of 1 checks on 400 rows"), "{said}");
}
