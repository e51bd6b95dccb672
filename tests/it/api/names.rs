//! Public names: no private words, and every renamed name under both names for one release.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use slipway::deprecated::{API_FIELDS, OUTPUT_FIELDS, QUARANTINE_KIND, RenamedField};
use slipway::telemetry::RENAMED_METRICS;
use slipway_domain::PullRequestHead;
use sqlx::sqlite::SqlitePool;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::world::{ApiWorld, output_of, run};
use crate::support::{DEADLINE, each_source, slipway, text};

/// Words that this product used for what has a term in its field.
const PRIVATE: &[&str] = &[
    "asked",
    "breath",
    "chance",
    "change",
    "changes",
    "examination",
    "finding",
    "findings",
    "floor",
    "floors",
    "lane",
    "lanes",
    "look",
    "looks",
    "meaning",
    "missed",
    "named",
    "news",
    "notice",
    "obey",
    "offer",
    "offers",
    "onward",
    "order",
    "orders",
    "patience",
    "placement",
    "placements",
    "settle",
    "settled",
    "standing",
    "station",
    "stranger",
    "tell",
    "texts",
    "told",
    "turn",
    "untold",
    "upkeep",
    "usual",
    "words",
    "workplace",
];
/// The same of several words.
const PRIVATE_COMPOUNDS: &[&str] =
    &["held_back", "hold_back", "put_away", "put_off", "run_key", "take_to", "under_way"];
/// Names that contain such a word with the meaning that it has in statistics, or that an older trainer reads.
const ALLOWED: &[&str] = &["asked", "first_change", "order_statistics", "patience"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(root().join(path)).expect("a file")
}

/// The words of a name such as `run_key`, `runKey` or `--run-key`, in lower case and joined by `_`.
fn words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.ends_with('_') {
            words.push('_');
        }
        words.push(if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' });
    }
    words
}

fn is_private(name: &str) -> bool {
    let words = words(name);
    !ALLOWED.contains(&name)
        && (PRIVATE_COMPOUNDS.iter().any(|compound| words.contains(compound))
            || words.split('_').any(|word| PRIVATE.contains(&word)))
}

/// Collects the keys of `properties`, the names of schemas and parameters, and the values of enumerations.
fn names_in(document: &Value, found: &mut BTreeSet<String>) {
    match document {
        Value::Object(object) => {
            for (key, value) in object {
                match (key.as_str(), value) {
                    ("properties" | "schemas" | "$defs", Value::Object(named)) => found.extend(named.keys().cloned()),
                    ("enum", Value::Array(values)) => {
                        found.extend(values.iter().filter_map(|value| value.as_str().map(str::to_owned)));
                    }
                    ("const" | "operationId" | "name", Value::String(name)) => {
                        found.insert(name.clone());
                    }
                    ("paths", Value::Object(paths)) => {
                        found.extend(paths.keys().flat_map(|path| path.split('/')).map(str::to_owned));
                    }
                    _ => {}
                }
                names_in(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names_in(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The texts in quotes that stand directly behind one of `beginnings` in the sources.
fn quoted_behind(beginnings: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in ["src", "crates"] {
        each_source(&root().join(folder), &mut |_, text| {
            for beginning in beginnings {
                let rest = text.split(beginning).skip(1);
                found.extend(
                    rest.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next()).map(str::to_owned),
                );
            }
        });
    }
    found
}

#[test]
fn no_public_name_is_a_private_word_unless_it_is_deprecated() {
    let mut names = BTreeSet::new();
    names_in(&serde_json::from_str(&read("docs/openapi.json")).expect("JSON"), &mut names);
    for file in std::fs::read_dir(root().join("schemas")).expect("a folder") {
        names_in(&serde_json::from_str(&read(file.expect("a file").path())).expect("JSON"), &mut names);
    }
    let options = read("docs/cli.md");
    let options = options.split([' ', '\n', '`', '[', '(', ',']).filter(|word| word.starts_with("--"));
    names.extend(options.map(str::to_owned));
    let metrics = quoted_behind(&["counter!(", "gauge!(", "histogram!(", "=>"]);
    assert!(metrics.contains("slipway_report_attempts_total") && metrics.contains("reported"), "{metrics:?}");
    // Sentences are no names.
    names.extend(metrics.into_iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    let actions = quoted_behind(&["Action::new(", "action:", "Some(", "Some(&model),"]);
    assert!(actions.contains("run.cancel") && actions.contains("pull_request.approve"), "{actions:?}");
    names.extend(actions.into_iter().filter(|action| action.contains('.') && !action.contains(' ')));
    assert!(names.len() > 500, "{}", names.len());
    let deprecated: BTreeSet<&str> = API_FIELDS.iter().chain(OUTPUT_FIELDS).map(|field| field.old).collect();
    let private: Vec<&String> =
        names.iter().filter(|name| is_private(name) && !deprecated.contains(name.as_str())).collect();
    assert!(private.is_empty(), "{private:?}");
    for new in API_FIELDS
        .iter()
        .chain(OUTPUT_FIELDS)
        .map(|field| field.new)
        .chain(RENAMED_METRICS.iter().map(|metric| metric.new))
    {
        assert!(!is_private(new), "{new}");
    }
}

#[test]
fn the_changelog_lists_every_renamed_name() {
    let changelog = read("CHANGELOG.md");
    let has_row = |of: &str, old: &str, new: &str| {
        let row = format!("| {of} | `{old}` | `{new}` |");
        assert!(changelog.contains(&row), "CHANGELOG.md has no row `{row}`");
    };
    for RenamedField { of, old, new } in API_FIELDS.iter().chain(OUTPUT_FIELDS) {
        has_row(&format!("`{of}`"), old, new);
    }
    for metric in RENAMED_METRICS {
        has_row("metric", metric.old, metric.new);
    }
    has_row(QUARANTINE_KIND.of, QUARANTINE_KIND.old, QUARANTINE_KIND.new);
}

#[tokio::test]
async fn a_response_of_the_api_contains_renamed_fields_under_both_names() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    let mut judged = run("digits", "two", 4);
    judged.cause.pull_request =
        Some(PullRequestHead { number: 7, reference: "refs/pull/7/head".to_owned(), fork: false });
    let promoted = world.record_promoted(run("digits", "zero", 1)).await;
    world.record(std::slice::from_ref(&judged)).await;
    let world = world.start().await;
    let shown = world.admin().get(&format!("/api/v1/runs/{}", judged.id)).await.expect("an answer").json;
    assert_eq!((&shown["pull_request"], &shown["change"]), (&json!(7), &json!(7)), "{shown:#}");
    assert_eq!((&shown["blocking_rules"], &shown["held_back"]), (&json!([]), &json!([])), "{shown:#}");
    let models = world.admin().get("/api/v1/models").await.expect("an answer").json;
    let newest = &models["models"][0]["newest_run"];
    assert_eq!(newest["id"], promoted.id.to_string(), "{models:#}");
    assert!(newest["cache_key"].is_string() && newest["cache_key"] == newest["run_key"], "{newest:#}");
    let deliveries = world.admin().get("/api/v1/deliveries").await.expect("an answer").json;
    let delivery = &deliveries["deliveries"][0];
    assert!(delivery["acknowledged_at"].is_string(), "{delivery:#}");
    assert_eq!(delivery["acknowledged_at"], delivery["settled_at"]);
    world.finish().await;
}

/// Answers one request as a server of the previous release would.
async fn answer_once(listener: TcpListener, document: Value) {
    let (mut connection, _) = listener.accept().await.expect("a caller");
    let mut request = Vec::new();
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        assert!(connection.read_buf(&mut request).await.expect("a request") > 0, "a whole request");
    }
    let body = document.to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    connection.write_all(format!("{head}{body}").as_bytes()).await.expect("sent");
}

#[tokio::test]
async fn the_command_line_reads_a_server_of_the_previous_release() {
    let record = json!({"named": {"artifact": format!("sha256:{}", "ab".repeat(32)), "unclear": null}, "run": null,
                        "since": "2026-11-30T12:00:00Z", "commit": "1".repeat(40), "hand": "Ada"});
    let waiting = json!({"run": "7", "state": "waiting", "stalled": false, "artifact": null, "approvals": [],
                         "held_back": [{"rule": "hold", "reason": "an incident"}]});
    let model = json!({"model": "churn", "now": record, "holds": [], "under_way": [waiting], "offer": null});
    let document = json!({"name": "staging", "branch": "main", "rules": {}, "holds": [], "models": [model]});
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let mut command = tokio::process::Command::new(slipway());
    command.args(["environments", "show", "staging", "-o", "text", "--server", &address]);
    let (output, ()) = tokio::join!(command.output(), answer_once(listener, document));
    let output = output.expect("it ran");
    let shown = output_of(&output);
    assert!(
        shown.contains("churn: abababababab since 2026-11-30T12:00:00Z, commit 111111111111, by hand: Ada"),
        "{shown}"
    );
    assert!(shown.contains("hold: an incident"), "{shown}");
}

/// Quarantines deployment records under the name that their kind has in the store.
async fn quarantine(world: &ApiWorld, keys: &[&str]) {
    let file = world.path("state/slipway.db");
    let pool = SqlitePool::connect(&format!("sqlite://{}", file.display())).await.expect("a database");
    for key in keys {
        let insert =
            "INSERT INTO quarantined (kind, key, format, reason, since) VALUES ('placement', $1, 1000, 'r', 0)";
        sqlx::query(insert).bind(key).execute(&pool).await.expect("inserted");
    }
    pool.close().await;
}

#[tokio::test]
async fn the_deprecated_kind_of_a_quarantined_row_is_accepted_with_a_header() {
    let world = ApiWorld::new("api_token: {file: ./token}").await;
    quarantine(&world, &["before the start"]).await;
    let world = world.start().await;
    // A server that starts retries what it finds, and then nothing for a long time.
    let is_over = |answer: &slipway_testkit::Answer| answer.json["rows"] == json!([]);
    world.admin().wait_for("the first retry", "/api/v1/quarantine", DEADLINE, is_over).await.expect("retried");
    quarantine(&world, &["one", "two"]).await;
    let listed = world.admin().get("/api/v1/quarantine").await.expect("an answer").json;
    assert_eq!(text(&listed["rows"][0], "kind"), "deployment_record", "{listed:#}");
    let metrics = world.admin().get("/metrics").await.expect("metrics").text;
    assert!(metrics.contains("slipway_quarantined{kind=\"deployment_record\"} 2"), "{metrics}");
    for (kind, key, deprecation) in [("placement", "one", Some("@1796083200")), ("deployment_record", "two", None)] {
        let answer = world.admin().post(&format!("/api/v1/quarantine/{kind}/{key}/retry")).await.expect("an answer");
        assert_eq!((answer.status, text(&answer.json, "kind")), (200, "deployment_record"), "{}", answer.text);
        assert_eq!(answer.headers.get("deprecation").map(String::as_str), deprecation, "{kind}");
    }
    world.finish().await;
}
