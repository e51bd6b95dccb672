//! Addresses of files outside of git.

use super::Problems;
use crate::address::SCHEMES;
use crate::table::is_glob;
use crate::{Digest, Model};

impl Model {
    pub(super) fn check_addresses(&self, problems: &mut Problems) {
        let files = self.spec.data.table_files();
        for (key, table) in &files {
            let below = |part: &str| format!("{}{part}", key.trim_end_matches("file"));
            match (&table.url, &table.sha256) {
                (None, None) => continue,
                (Some(_), None) => {
                    let help = "`slipway data digest FILE` prints it";
                    problems.add(&below("url"), "a file at an address needs its digest, expected `sha256`", help);
                }
                (None, Some(_)) => {
                    problems.add(&below("sha256"), "the digest is of a file at an address, expected `url`", "");
                }
                (Some(_), Some(_)) => {}
            }
            let is_address = |url: &String| url.split_once("://").is_some_and(|(scheme, _)| SCHEMES.contains(&scheme));
            if let Some(url) = table.url.as_ref().filter(|url| !is_address(url)) {
                let url: String = url.chars().take(80).collect();
                let message = format!(
                    "`{url}` is not an address, expected `s3://`, `gs://`, `az://`, `https://`, `http://` or `file://`"
                );
                problems.add(&below("url"), message, "");
            }
            if table.sha256.as_ref().is_some_and(|sha256| Digest::of_hex(sha256).is_err()) {
                let help = "`slipway data digest FILE` prints it";
                problems.add(&below("sha256"), "expected 64 lower-case hexadecimal digits", help);
            }
            if is_glob(&table.file) {
                let help = "name the file under which the rows are read, such as `data/train.csv`";
                problems.add(key, format!("`{}` is a glob, and an address is that of one file", table.file), help);
            }
            let is_other = |other: &&(&str, &crate::TableFile)| other.1.file == table.file && other.1 != *table;
            if files.iter().any(|other| is_other(&other)) {
                problems.add(key, format!("`{}` is named twice, with different addresses", table.file), "");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{API_VERSION, Model};

    fn keys_of(train: &serde_json::Value) -> Vec<String> {
        let model: Model = serde_json::from_value(serde_json::json!({
            "apiVersion": API_VERSION, "kind": "Model", "metadata": {"name": "churn"},
            "spec": {
                "paths": ["slipway.yaml"], "task": "classification", "policy": "policy.yaml",
                "data": {"format": "csv", "train": train, "test": {"file": "b.csv"}, "label": "y"},
                "model": {"sequential": [{"linear": 3}]},
                "training": {"optimizer": {"adam": {"learning_rate": 1e-3}}, "epochs": 1, "batch_size": 8},
            }
        }))
        .expect("a model");
        model.problems().into_iter().filter_map(|fault| fault.key).collect()
    }

    #[test]
    fn an_address_needs_a_digest_a_scheme_and_one_file() {
        let sha256 = "a".repeat(64);
        let (url, file) = ("s3://rows/a.csv", "a.csv");
        for (train, keys) in [
            (serde_json::json!({"file": file, "url": url, "sha256": sha256}), vec![]),
            (serde_json::json!({"file": file, "url": url}), vec!["spec.data.train.url"]),
            (serde_json::json!({"file": file, "sha256": sha256}), vec!["spec.data.train.sha256"]),
            (serde_json::json!({"file": file, "url": "rows/a.csv", "sha256": sha256}), vec!["spec.data.train.url"]),
            (serde_json::json!({"file": file, "url": url, "sha256": "A".repeat(64)}), vec!["spec.data.train.sha256"]),
            (serde_json::json!({"file": "a*.csv", "url": url, "sha256": sha256}), vec!["spec.data.train.file"]),
            (serde_json::json!({"file": "b.csv", "url": url, "sha256": sha256}), vec!["spec.data.train.file"]),
        ] {
            assert_eq!(keys_of(&train), keys, "{train}");
        }
    }
}
