//! The example of docs/evaluation-folders.md is run as it stands there, and what it writes is judged.

use std::path::{Path, PathBuf};
use std::process::Command;

use slipway_testkit::ignore_test;

use crate::support::slipway;

/// A Python that has pandas, polars and pyarrow; `None` where it is missing: the calling test is then ignored.
fn python() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".peers/tables/bin/python");
    if program.is_file() {
        return Some(program);
    }
    ignore_test("pandas is missing", "make tables");
    None
}

/// A block of a language in a page, counted from zero.
fn block(page: &str, language: &str, number: usize) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = std::fs::read_to_string(path).expect("the page");
    let after = text.split(&format!("```{language}\n")).nth(number + 1).expect("a block");
    after.split_once("```").expect("its end").0.to_owned()
}

#[test]
fn the_documented_example_writes_a_folder_that_the_gate_judges() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).expect("written");
    let rows =
        (0..400).map(|row| format!("{row},{},{}\n", u32::from(row % 10 == 0), if row % 10 < 1 { 150 } else { 20 }));
    write("test.csv", &format!("id,fraud,amount\n{}", rows.collect::<String>()));
    write("model.bin", "weights");
    write("example.py", &block("docs/evaluation-folders.md", "python", 0));
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

/// What stands before the documented lines: fifty queries of four items, or fifty series with a history and three steps.
const PAIRS: &str = r#"
import pandas as pd
names = [(f"q{query}", f"item-{item}", item) for query in range(50) for item in range(4)]
pairs = pd.DataFrame(names, columns=["query", "item", "relevance"])
pairs["score"] = pairs.relevance * 1.5
"#;
const SERIES: &str = r#"
import pandas as pd
m = 2
times = [(f"s{series}", time, 10 + series + time % 3) for series in range(50) for time in range(12)]
train = pd.DataFrame(times, columns=["series", "time", "y"])
steps = [(f"s{series}/{step}", f"s{series}", step, 10.0 + step, 10.0 + step + series / 100) for series in range(50) for step in range(3)]
forecasts = pd.DataFrame(steps, columns=["row", "series", "horizon", "label", "prediction"])
"#;

#[test]
fn the_documented_rankings_and_forecasts_are_read_and_judged() {
    let Some(python) = python() else { return };
    for (number, before, rows, stated, checks, wrong) in [
        (
            1,
            PAIRS,
            200,
            serde_json::json!({"ndcg(query=\"query\")": 1.0}),
            "- {metric: {ndcg: {k: 10, query: query}}, at_least: 0.9}",
            serde_json::json!({"ndcg(query=\"query\")": 0.5}),
        ),
        (
            2,
            SERIES,
            150,
            serde_json::json!({"mase(series=\"series\")": 0.175}),
            "- {metric: {mase: {series: series}}, at_most: 0.5}",
            serde_json::json!({"mase(series=\"series\")": 0.1}),
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).expect("written");
        std::fs::create_dir(folder.path().join("candidate")).expect("a folder");
        write("example.py", &format!("{before}{}", block("docs/evaluation-folders.md", "python", number)));
        let ran = Command::new(&python).arg("example.py").current_dir(folder.path()).output().expect("it ran");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let digest = format!("sha256:{}", "0".repeat(64));
        let report = |metrics: &serde_json::Value| {
            serde_json::json!({
                "apiVersion": "slipway.dev/v1alpha1", "kind": "EvaluationReport", "artifact": digest, "data": digest,
                "evaluator": "own 1.0", "rows": rows, "classes": [], "metrics": metrics, "device": "cpu", "seconds": 0,
            })
            .to_string()
        };
        write(
            "policy.yaml",
            &format!(
                "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {{name: own}}\nspec:\n  checks:\n    {checks}\n"
            ),
        );
        let judged = || {
            let arguments = ["gate", "--policy", "policy.yaml", "--candidate", "candidate"];
            let output = Command::new(slipway()).args(arguments).current_dir(folder.path()).output().expect("it ran");
            let [out, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            (output.status.code(), format!("{out}{error}"))
        };
        write("candidate/report.json", &report(&stated));
        let (code, said) = judged();
        assert_eq!(code, Some(0), "{said}");
        write("candidate/report.json", &report(&wrong));
        let (code, said) = judged();
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("but the predictions give"), "{said}");
    }
}
