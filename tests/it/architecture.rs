//! Who may depend on whom: packages as Cargo knows them, and the modules of the controller among themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::documentation::is_current;
use crate::support::each_source;

/// `(package, the packages of this workspace that it may depend on)`. Cargo refuses what a package does not name; this
/// table says what it may name.
const PACKAGES: &[(&str, &[&str])] = &[
    ("contract", &[]),
    ("tables", &["contract"]),
    ("domain", &["contract"]),
    ("yaml", &["domain"]),
    ("manifest", &["domain", "yaml"]),
    ("gate", &["contract", "domain", "tables", "yaml"]),
    ("git", &["domain"]),
    ("forge", &["domain"]),
    ("store", &["contract", "domain"]),
    ("artifacts", &["contract", "domain"]),
    ("data", &["contract", "domain"]),
    ("sandbox", &[]),
    ("executor", &["contract", "domain", "sandbox"]),
    ("families", &[]),
    ("onnx", &["contract", "families"]),
    ("trainer", &["contract", "onnx", "tables", "families"]),
    ("server", &["contract", "git", "manifest", "onnx"]),
    ("testkit", &[]),
    (
        "",
        &[
            "contract",
            "domain",
            "yaml",
            "manifest",
            "gate",
            "git",
            "forge",
            "store",
            "artifacts",
            "data",
            "executor",
            "onnx",
            "tables",
        ],
    ),
    ("fuzz", &["", "contract", "domain", "yaml", "manifest", "gate", "forge"]),
];

/// `(crate from outside, the only packages that may depend on it)`. The root package is the empty name.
const HOMES_OF_PACKAGES: &[(&str, &[&str])] = &[
    ("cel", &["gate"]),
    ("cronexpr", &["domain"]),
    ("git2", &["git"]),
    ("granit-parser", &["yaml"]),
    ("kube", &[""]),
    ("landlock", &["sandbox"]),
    ("object_store", &["artifacts", "data"]),
    ("octocrab", &["forge"]),
    ("ort", &["server"]),
    ("parquet", &["gate", "tables", "trainer"]),
    ("prost", &["onnx"]),
    ("ring", &["forge", "testkit"]),
    ("russh", &["git"]),
    ("seccompiler", &["sandbox"]),
    ("sqlx", &["store"]),
    ("tch", &["trainer"]),
    ("torch-sys", &["trainer"]),
];

/// `(module of the controller, the modules that it may import)`. Rows run from the core outwards.
const LAYERS: &[(&str, &[&str])] = &[
    ("deprecated", &[]),
    ("telemetry", &[]),
    ("repository", &[]),
    ("context", &[]),
    ("promotions", &["context"]),
    ("runs", &["repository", "context", "promotions"]),
    ("revisions", &["repository", "context", "promotions", "runs"]),
    ("reports", &["context", "runs"]),
    ("commands", &["context", "promotions", "runs", "revisions", "reports"]),
    ("intake", &["context", "promotions", "revisions", "commands"]),
    ("reconcile", &["repository", "context", "promotions", "runs", "intake"]),
    ("activities", &["context", "promotions", "runs", "revisions", "reports", "commands", "intake", "reconcile"]),
    ("web", &["deprecated", "promotions", "runs", "reports", "activities"]),
    ("config", &["telemetry", "context", "reconcile", "web"]),
    ("app", &["telemetry", "context", "reconcile", "activities", "web", "config"]),
    ("cli", &["deprecated", "telemetry", "repository", "context", "reconcile", "web", "config", "app"]),
];

/// `(crate, the only modules of the controller that may name it)`.
const HOMES: &[(&str, &[&str])] = &[
    ("anstream", &["cli"]),
    ("anstyle", &["cli"]),
    ("anyhow", &["app", "cli"]),
    ("axum", &["web"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("hyper", &["web"]),
    ("hyper_util", &["web"]),
    ("indicatif", &["cli"]),
    ("metrics_exporter_prometheus", &["telemetry"]),
    ("tokio_io_timeout", &["web"]),
    ("tower_http", &["web"]),
    ("opentelemetry", &["telemetry"]),
    ("opentelemetry_otlp", &["telemetry"]),
    ("opentelemetry_sdk", &["telemetry"]),
    (
        "slipway_git",
        &[
            "app",
            "config",
            "repository",
            "context",
            "intake",
            "promotions",
            "runs",
            "revisions",
            "reports",
            "reconcile",
        ],
    ),
    (
        "slipway_store",
        &[
            "app",
            "cli",
            "config",
            "context",
            "promotions",
            "runs",
            "revisions",
            "reports",
            "commands",
            "intake",
            "reconcile",
            "activities",
            "web",
        ],
    ),
    ("slipway_manifest", &["cli", "context", "promotions", "runs"]),
    ("slipway_onnx", &["cli"]),
    ("slipway_executor", &["activities", "app", "cli", "config", "context", "runs"]),
    ("ureq", &["telemetry", "cli"]),
    ("utoipa", &["web"]),
    ("utoipa_axum", &["web"]),
];

/// What each package of this workspace depends on, without what only its tests need.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let short = |name: &serde_json::Value| {
        let name = name.as_str().expect("a name");
        name.strip_prefix("slipway").map_or(name, |rest| rest.trim_start_matches('-')).to_owned()
    };
    let list = |value: &serde_json::Value| value.as_array().expect("a list").clone();
    let of = |package: &serde_json::Value| {
        let is_built = |dependency: &&serde_json::Value| dependency["kind"].as_str() != Some("dev");
        list(&package["dependencies"]).iter().filter(is_built).map(|dependency| short(&dependency["name"])).collect()
    };
    list(&metadata["packages"]).iter().map(|package| (short(&package["name"]), of(package))).collect()
}

/// The packages as a picture: an arrow leads from a package to what it depends on. What follows from other arrows is left out.
fn picture(dependencies: &BTreeMap<String, BTreeSet<String>>) -> String {
    let shown = |name: &str| if name.is_empty() { "slipway".to_owned() } else { name.to_owned() };
    let ours = |package: &str| -> BTreeSet<&String> {
        dependencies[package].iter().filter(|name| dependencies.contains_key(*name)).collect()
    };
    let mut lines = vec!["```mermaid".to_owned(), "flowchart LR".to_owned()];
    for package in dependencies.keys() {
        let direct = ours(package);
        let follows = |name: &String| direct.iter().any(|other| *other != name && ours(other).contains(name));
        lines.extend(
            direct.iter().filter(|name| !follows(name)).map(|name| format!("  {} --> {}", shown(package), shown(name))),
        );
    }
    lines.push("```".to_owned());
    lines.join("\n")
}

#[test]
fn the_picture_of_the_packages_is_current() {
    is_current("ARCHITECTURE.md", "packages", &picture(&dependencies()));
}

#[test]
fn packages_depend_only_on_what_their_row_names() {
    let dependencies = dependencies();
    for (package, found) in &dependencies {
        let row = PACKAGES.iter().find(|(name, _)| name == package);
        let (_, allowed) = row.unwrap_or_else(|| panic!("the package `{package}` has no row"));
        let ours: Vec<_> = found.iter().filter(|name| dependencies.contains_key(*name)).collect();
        let wrong: Vec<_> = ours.into_iter().filter(|name| !allowed.contains(&name.as_str())).collect();
        assert!(wrong.is_empty(), "`{package}` may not depend on {wrong:?}");
        for (heavy, homes) in HOMES_OF_PACKAGES {
            let at_home = homes.contains(&package.as_str());
            assert!(at_home || !found.contains(*heavy), "`{package}` may not depend on the crate `{heavy}`");
        }
    }
    assert_eq!(dependencies.len(), PACKAGES.len(), "every row is of a package");
}

#[test]
fn a_row_names_only_rows_above_it() {
    for (index, (module, imports)) in LAYERS.iter().enumerate() {
        for import in *imports {
            let above = LAYERS[..index].iter().any(|(name, _)| name == import);
            assert!(above, "`{module}` may import `{import}`, which is not above it: the graph could have a cycle");
        }
    }
}

#[test]
fn the_table_of_modules_in_the_documentation_is_this_one() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).expect("a page");
    for (module, imports) in LAYERS {
        let imports = if imports.is_empty() { "–".to_owned() } else { imports.join(", ") };
        let is_row =
            |line: &str| line.starts_with(&format!("| `{module}` |")) && line.ends_with(&format!("| {imports} |"));
        assert!(text.lines().any(is_row), "ARCHITECTURE.md: the row of `{module}` has to end with `| {imports} |`");
    }
}

#[test]
fn modules_import_only_what_their_row_names() {
    let offences = offences_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(offences.is_empty(), "{offences:#?}");
}

/// What the guard says of a source tree that holds just this one file.
fn offences_of(path: &str, text: &str) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join(path);
    fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
    fs::write(file, text).expect("a written file");
    offences_in(folder.path()).into_iter().collect::<Vec<_>>().join("\n")
}

#[test]
fn a_forbidden_import_is_caught() {
    assert_eq!(
        offences_of("runs/gate.rs", "let x = crate::web::router();"),
        "runs/gate.rs: `runs` may not import `web`"
    );
    assert_eq!(
        offences_of("web/page.rs", "use crate::{config, cli};"),
        "web/page.rs: write one `use crate::name` a line"
    );
    assert_eq!(offences_of("web/page.rs", "use crate::activities::Activities;\n// use crate::cli::x"), "");
}

#[test]
fn a_crate_out_of_its_home_is_caught() {
    assert_eq!(
        offences_of("promotions/promote.rs", "use axum::Router;"),
        "promotions/promote.rs: `promotions` may not name the crate `axum`"
    );
    assert_eq!(
        offences_of("web/page.rs", "use slipway_git::Mirror;"),
        "web/page.rs: `web` may not name the crate `slipway_git`"
    );
    assert_eq!(offences_of("promotions/promote.rs", "use slipway_git::Mirror;"), "");
}

#[test]
fn a_module_without_a_row_is_caught() {
    assert_eq!(offences_of("utils.rs", ""), "src/utils has no row in the table");
    assert_eq!(offences_of("helpers/mod.rs", ""), "src/helpers has no row in the table");
}

fn offences_in(src: &Path) -> BTreeSet<String> {
    let mut offences = BTreeSet::new();
    each_source(src, &mut |path, text| {
        let relative = path.strip_prefix(src).expect("walked from src");
        let first = relative.iter().next().expect("a file has a name");
        let module = Path::new(first).file_stem().expect("a name").to_string_lossy();
        if matches!(&*module, "lib" | "main") {
            return;
        }
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == module) else {
            offences.insert(format!("src/{module} has no row in the table"));
            return;
        };
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for (name, homes) in HOMES {
            if !homes.contains(&&*module) && code.iter().any(|line| names_crate(line, name)) {
                offences.insert(format!("{}: `{module}` may not name the crate `{name}`", relative.display()));
            }
        }
        for line in code {
            for rest in line.split("crate::").skip(1) {
                let import: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if import.is_empty() {
                    offences.insert(format!("{}: write one `use crate::name` a line", relative.display()));
                } else if import != module && !allowed.contains(&import.as_str()) {
                    offences.insert(format!("{}: `{module}` may not import `{import}`", relative.display()));
                }
            }
        }
    });
    offences
}

/// Whether a line names a crate as the start of a path: `git2::…`, not `slipway_git2::…`.
fn names_crate(line: &str, name: &str) -> bool {
    line.match_indices(&format!("{name}::"))
        .any(|(at, _)| !line[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':'))
}

/// Lines of the product, without its tests, that hand on how Rust shows a value to programmers.
fn shown_as_debug(src: &Path) -> Vec<String> {
    let mut found = Vec::new();
    each_source(src, &mut |path, text| {
        let relative = path.strip_prefix(src).expect("walked from src");
        let is_test = |part: &std::ffi::OsStr| {
            part == "tests" || part == "tests.rs" || part.to_string_lossy().ends_with("_tests.rs")
        };
        if relative.iter().any(is_test) {
            return;
        }
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for (number, line) in (1..).zip(code.lines()) {
            let is_debug = line.contains(":?}") || line.contains("?error") || line.contains(":#?}");
            if is_debug && !line.contains("assert") && !line.contains("panic!") {
                found.push(format!("{}:{number}: {}", relative.display(), line.trim()));
            }
        }
    });
    found
}

#[test]
fn nothing_that_people_read_and_no_key_is_debug_output() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut shown = shown_as_debug(&root.join("src"));
    for part in ["domain", "yaml", "manifest", "gate", "git", "forge", "store", "artifacts", "executor"] {
        shown.extend(shown_as_debug(&root.join("crates").join(part).join("src")));
    }
    assert_eq!(shown, Vec::<String>::new());
}
