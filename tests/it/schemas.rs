//! Editors find the schema of every file that people write: by a line in it, or by its name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The addresses of the schemas by the kind of file that they describe.
fn addresses() -> BTreeMap<&'static str, String> {
    let kinds = [("Model", "model"), ("Policy", "policy"), ("Server", "server")];
    let address = |file: &str| {
        let schema: Value =
            serde_json::from_str(&read(&root().join(format!("schemas/{file}.schema.json")))).expect("JSON");
        schema["$id"].as_str().expect("an address").to_owned()
    };
    kinds.into_iter().map(|(kind, file)| (kind, address(file))).collect()
}

/// What a file of ours says it is.
fn kind(text: &str) -> Option<&str> {
    let ours = text.contains("apiVersion: slipway.dev/");
    text.lines().filter_map(|line| line.strip_prefix("kind: ")).find(|_| ours)
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            found.push(path);
        }
    }
}

#[test]
fn every_example_names_its_schema_in_its_first_line() {
    let addresses = addresses();
    let mut files = Vec::new();
    files_below(&root().join("examples"), &mut files);
    files_below(&root().join("policies"), &mut files);
    let mut named = 0;
    for file in files {
        let text = read(&file);
        let Some(kind) = kind(&text) else { continue };
        let expected = format!("# yaml-language-server: $schema={}", addresses[kind]);
        assert_eq!(text.lines().next(), Some(&*expected), "{}", file.display());
        named += 1;
    }
    assert!(named >= 10, "only {named} examples were found");
    let page = read(&root().join("docs/adoption.md"));
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<&str> = blocks.filter(|block| kind(block).is_some()).collect();
    assert_eq!(blocks.len(), 3);
    for block in blocks {
        let expected = format!("# yaml-language-server: $schema={}\n", addresses[kind(block).expect("a kind")]);
        assert!(block.starts_with(&expected), "{block}");
    }
}

#[test]
fn the_catalog_matches_the_names_that_programs_look_for() {
    let catalog: Value = serde_json::from_str(&read(&root().join("schemas/catalog.json"))).expect("JSON");
    let entries = catalog["schemas"].as_array().expect("a list");
    let known: Vec<String> = addresses().into_values().collect();
    assert_eq!(entries.len(), known.len());
    for entry in entries {
        assert!(known.contains(&entry["url"].as_str().expect("an address").to_owned()), "{entry}");
        assert!(entry["description"].as_str().is_some_and(|text| !text.is_empty()), "{entry}");
    }
    let matches: Vec<&str> = entries
        .iter()
        .flat_map(|entry| entry["fileMatch"].as_array().expect("a list"))
        .filter_map(Value::as_str)
        .collect();
    assert!(matches.contains(&"slipway.yaml") && matches.contains(&"slipway-server.yaml"), "{matches:?}");
}

#[test]
fn schemas_of_files_take_extension_keys_at_the_top() {
    for file in ["model", "policy", "server"] {
        let schema: Value =
            serde_json::from_str(&read(&root().join(format!("schemas/{file}.schema.json")))).expect("JSON");
        assert!(schema["patternProperties"]["^x-"].is_object(), "{file}");
    }
}
