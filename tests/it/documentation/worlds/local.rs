//! Worlds without a server, or with one that the page starts.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;

use super::super::session::World;
use super::{free_port, here};
use crate::examples::example;
use crate::init::customers;
use crate::support::small_files;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn write(folder: &TempDir, file: &str, content: impl AsRef<[u8]>) {
    let path = folder.path().join(file);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, content).expect("written");
}

fn world(folder: TempDir, first: &str, pairs: Vec<(String, String)>) -> World {
    World { folder: folder.path().to_owned(), here: pairs, first: first.to_owned(), kept: Box::new(folder) }
}

/// The checkout of this repository, with the data that `make data` fetches.
pub(in super::super) async fn checkout() -> World {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder, "customers.csv", customers(1_500));
    let copy = folder.path().join("digits").display().to_string();
    world(folder, &format!("cd '{ROOT}'"), here([("/tmp/digits", copy)]))
}

/// The example of digits with its data.
pub(in super::super) async fn digits() -> World {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["slipway.yaml", "policies/digits.yaml"] {
        write(&folder, file, std::fs::read(Path::new(ROOT).join("examples/digits").join(file)).expect(file));
    }
    for entry in std::fs::read_dir(Path::new(ROOT).join(".data/digits")).expect("make data").flatten() {
        let file = format!("data/{}", entry.file_name().to_string_lossy());
        write(&folder, &file, std::fs::read(entry.path()).expect("data"));
    }
    world(folder, ":", Vec::new())
}

/// The example of credit risk with its data.
pub(in super::super) async fn credit() -> World {
    world(example("credit").expect("make data DATA=credit"), ":", Vec::new())
}

/// A model that trains in a second, and a policy to plan with.
pub(in super::super) async fn small_model() -> World {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, content) in small_files() {
        write(&folder, file, content);
    }
    let policy = "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: fashion}\nspec:\n  checks:\n    \
                  - {metric: accuracy, no_worse_than_champion: {margin: 0.01}}\n";
    write(&folder, "plan/policy.yaml", policy);
    world(folder, ":", Vec::new())
}

/// Two evaluation folders of one test set, and a policy that compares them.
pub(in super::super) async fn evaluations() -> World {
    const ROWS: usize = 400;
    let folder = tempfile::tempdir().expect("a folder");
    let policy = "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: fraud}\nspec:\n  checks:\n    \
                  - {metric: accuracy, at_least: 0.9}\n    - {metric: accuracy, no_worse_than_champion: {margin: 0.05}}\n";
    write(&folder, "policy.yaml", policy);
    for (name, wrong_every) in [("candidate", 40), ("champion", 32)] {
        let mut rows = "row,label,prediction\n".to_owned();
        for row in 0..ROWS {
            let (label, is_wrong) = (row % 2, row % wrong_every == 0);
            // Writing into a string cannot fail.
            let _ = writeln!(rows, "{row},{label},{}", if is_wrong { 1 - label } else { label });
        }
        let wrong = (0..ROWS).filter(|row| row % wrong_every == 0).count();
        let accuracy =
            f64::from(u32::try_from(ROWS - wrong).expect("few")) / f64::from(u32::try_from(ROWS).expect("few"));
        let report = json!({
            "apiVersion": "slipway.dev/v1alpha1", "kind": "EvaluationReport", "evaluator": "example",
            "artifact": slipway_contract::Digest::of(name.as_bytes()), "data": slipway_contract::Digest::of(b"test rows"),
            "rows": ROWS, "classes": ["0", "1"], "metrics": {"accuracy": accuracy}, "device": "cpu", "seconds": 0,
        });
        write(&folder, &format!("{name}/predictions.csv"), rows);
        write(&folder, &format!("{name}/report.json"), report.to_string());
    }
    world(folder, ":", Vec::new())
}

/// A folder with data and secrets, in which the page writes model, policy, manifest and settings.
pub(in super::super) async fn adoption() -> World {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["train.csv", "test.csv"] {
        write(&folder, &format!("data/{name}"), format!("a,churned\n{}", "1,no\n2,yes\n".repeat(500)));
    }
    for secret in ["webhook-secret", "token"] {
        write(&folder, secret, "a secret that is long enough");
    }
    world(folder, ":", here([("127.0.0.1:8420", format!("127.0.0.1:{}", free_port()))]))
}
