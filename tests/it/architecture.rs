//! Holds the module graph to one table: a module may import only what its row names, and a heavy crate has one home.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::each_source;

/// `(module, what it may import)`. Rows run from the core outwards; a row names only rows above it.
const LAYERS: &[(&str, &[&str])] = &[
    ("telemetry", &[]),
    ("domain", &[]),
    ("yaml", &["domain"]),
    ("evaluation", &["domain"]),
    ("policy", &["domain", "evaluation", "yaml"]),
    ("manifest", &["domain", "yaml"]),
    ("git", &["domain"]),
    ("forge", &["domain"]),
    ("executor", &["domain"]),
    ("artifacts", &["domain"]),
    ("store", &["domain"]),
    (
        "pipeline",
        &["domain", "yaml", "evaluation", "policy", "manifest", "git", "forge", "executor", "artifacts", "store"],
    ),
    ("web", &["domain", "forge", "store", "pipeline"]),
    (
        "config",
        &["telemetry", "domain", "yaml", "policy", "git", "forge", "executor", "artifacts", "store", "pipeline", "web"],
    ),
    ("app", &["telemetry", "config", "domain", "git", "forge", "executor", "artifacts", "store", "pipeline", "web"]),
    (
        "cli",
        &[
            "telemetry",
            "app",
            "config",
            "domain",
            "yaml",
            "evaluation",
            "policy",
            "manifest",
            "forge",
            "executor",
            "artifacts",
            "store",
            "pipeline",
            "web",
        ],
    ),
];

/// `(crate, the only modules that may name it)`.
const HOMES: &[(&str, &[&str])] = &[
    ("anyhow", &["app", "cli"]),
    ("axum", &["web"]),
    ("cel", &["policy"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("cronexpr", &["domain"]),
    ("git2", &["git"]),
    ("granit_parser", &["yaml"]),
    ("hyper", &["web"]),
    ("hyper_util", &["web"]),
    ("indicatif", &["cli"]),
    ("kube", &["executor", "controller", "app"]),
    ("metrics_exporter_prometheus", &["telemetry"]),
    ("object_store", &["artifacts"]),
    ("octocrab", &["forge"]),
    ("ring", &["forge"]),
    ("parquet", &["evaluation"]),
    ("sqlx", &["store"]),
    ("russh", &["git"]),
    ("ssh_key", &["git"]),
    ("tch", &[]),
    ("tokio_io_timeout", &["web"]),
    ("tower_http", &["web"]),
    ("opentelemetry", &["telemetry"]),
    ("opentelemetry_otlp", &["telemetry"]),
    ("opentelemetry_sdk", &["telemetry"]),
    ("ureq", &["git", "forge", "telemetry", "cli"]),
    ("utoipa", &["web"]),
    ("utoipa_axum", &["web"]),
];

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
fn modules_import_only_what_their_row_names() {
    let offences = offences_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(offences.is_empty(), "{offences:#?}");
}

#[test]
fn only_the_trainer_may_depend_on_libtorch() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for manifest in ["Cargo.toml", "crates/contract/Cargo.toml", "crates/testkit/Cargo.toml"] {
        let text = fs::read_to_string(root.join(manifest)).expect("a readable manifest");
        let links = text.lines().any(|line| line.starts_with("tch ") || line.starts_with("torch-sys "));
        assert!(!links, "{manifest} depends on libtorch: only crates/trainer may");
    }
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
        offences_of("domain/run.rs", "use crate::store::Store;"),
        "domain/run.rs: `domain` may not import `store`"
    );
    assert_eq!(
        offences_of("git/mirror.rs", "let x = crate::web::router();"),
        "git/mirror.rs: `git` may not import `web`"
    );
    assert_eq!(
        offences_of("domain/run.rs", "use crate::{store, web};"),
        "domain/run.rs: write one `use crate::name` a line"
    );
    assert_eq!(offences_of("pipeline/gate.rs", "use crate::policy::Policy;\n// use crate::web::x"), "");
}

#[test]
fn a_crate_out_of_its_home_is_caught() {
    assert_eq!(
        offences_of("pipeline/promote.rs", "use git2::Repository;"),
        "pipeline/promote.rs: `pipeline` may not name the crate `git2`"
    );
    assert_eq!(
        offences_of("domain/ids.rs", "fn f() -> anyhow::Result<()> {}"),
        "domain/ids.rs: `domain` may not name the crate `anyhow`"
    );
    assert_eq!(offences_of("cli/train.rs", "use tch::Tensor;"), "cli/train.rs: `cli` may not name the crate `tch`");
    assert_eq!(offences_of("git/push.rs", "use git2::Repository;"), "");
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
        if relative.iter().any(|part| part == "tests" || part == "tests.rs") {
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
    assert_eq!(shown_as_debug(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")), Vec::<String>::new());
}
