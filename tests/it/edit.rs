//! `slipway edit` as scripts use it: what is printed, what is written, and the exit codes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::slipway;

const DEPLOYMENT: &str = "kind: Deployment\r\nmetadata: {name: api}\r\nspec:\r\n  containers:\r\n  - name: server # it\r\n    image: 'app:v1' # {\"slipway\": \"fashion:uri\"}\r\n";
const IMAGE: &str = "spec.containers[name=server].image";

fn edit(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(slipway()).arg("edit").args(arguments).current_dir(folder).output().expect("it ran")
}

fn folder(content: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("app.yaml"), content).expect("written");
    folder
}

fn content(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("app.yaml")).expect("a file")
}

#[test]
fn the_edited_file_is_printed_and_the_file_left_alone() {
    let folder = folder(DEPLOYMENT.as_bytes());
    let select = "kind=Deployment,name=api";
    let output = edit(folder.path(), &["app.yaml", "--select", select, "--path", IMAGE, "--value", "app:v2"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stdout), DEPLOYMENT.replace("app:v1", "app:v2"));
    assert!(output.stderr.is_empty());
    assert_eq!(content(folder.path()), DEPLOYMENT);
    let by_marker = edit(folder.path(), &["app.yaml", "--marker", "fashion:uri", "--value", "app:v2"]);
    assert_eq!(by_marker.stdout, output.stdout);
    let changes = edit(folder.path(), &["app.yaml", "--marker", "fashion:uri", "--value", "app:v2", "-o", "json"]);
    let changes: serde_json::Value = serde_json::from_slice(&changes.stdout).expect("JSON");
    let expected =
        serde_json::json!({"line": 6, "column": 12, "place": "fashion:uri", "old": "app:v1", "new": "app:v2"});
    assert_eq!(changes, serde_json::json!({"file": "app.yaml", "written": false, "changes": [expected]}));
    assert_eq!(content(folder.path()), DEPLOYMENT);
}

#[test]
fn the_file_is_changed_in_place_when_asked() {
    let folder = folder(DEPLOYMENT.as_bytes());
    let file = folder.path().join("app.yaml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("permissions");
    std::os::unix::fs::symlink("app.yaml", folder.path().join("link.yaml")).expect("a link");
    let output = edit(folder.path(), &["link.yaml", "--path", IMAGE, "--value", "app:v2", "--write"]);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, "link.yaml:6:12: spec.containers[name=server].image changed from `app:v1` to `app:v2`\n");
    assert_eq!(content(folder.path()), DEPLOYMENT.replace("app:v1", "app:v2"));
    assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o640);
    assert!(folder.path().join("link.yaml").is_symlink());
    let again = edit(folder.path(), &["app.yaml", "--path", IMAGE, "--value", "app:v2", "--write"]);
    assert_eq!(String::from_utf8_lossy(&again.stdout), "app.yaml: nothing to change\n");
    let names = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(names, 2, "nothing is left beside the file");
}

#[test]
fn new_keys_are_added_only_when_asked() {
    let folder = folder(DEPLOYMENT.as_bytes());
    let path = "metadata.annotations[\"slipway.dev/run\"]";
    let refused = edit(folder.path(), &["app.yaml", "--path", path, "--value", "7", "--write"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stdout.is_empty());
    assert_eq!(
        String::from_utf8_lossy(&refused.stderr),
        "slipway: app.yaml:2:11: `metadata.annotations[\"slipway.dev/run\"]` leads to nothing: there is no key `annotations` here\n  help: correct the path, or add the key with `--create`\n"
    );
    assert_eq!(content(folder.path()), DEPLOYMENT);
    let added = edit(folder.path(), &["app.yaml", "--path", path, "--value", "7", "--create", "--write"]);
    assert_eq!(added.status.code(), Some(0));
    let expected = DEPLOYMENT.replace("{name: api}", "{name: api, annotations: {slipway.dev/run: \"7\"}}");
    assert_eq!(content(folder.path()), expected);
}

#[test]
fn whatever_cannot_be_edited_is_invalid_input() {
    let cases: [(&[u8], &[&str]); 14] = [
        (b"a: {b: 1}\n", &["--path", "a", "--value", "x"]),
        (b"a: 1\n", &["--path", "a", "--value", "x"]),
        (b"a: {{ x }}\n", &["--path", "a", "--value", "x"]),
        (b"a: \xff\n", &["--path", "a", "--value", "x"]),
        (b"a: [x\n", &["--path", "a", "--value", "x"]),
        (b"a: x\n", &["--path", "a..b", "--value", "x"]),
        (b"a: x\n", &["--path", "b", "--value", "x"]),
        (b"a: x\n", &["--path", "a", "--value", "\u{7}"]),
        (b"a: x\n", &["--select", "kin=x", "--path", "a", "--value", "x"]),
        (b"a: x\n", &["--select", "kind=X", "--path", "a", "--value", "x"]),
        (b"a: x\n", &["--value", "x"]),
        (b"a: x\n", &["--marker", "m:uri", "--value", "x"]),
        (b"a: x\na: y\n", &["--path", "a", "--value", "x"]),
        (b"a: x\n", &["--path", "a", "--marker", "m:uri", "--value", "x"]),
    ];
    for (file, arguments) in cases {
        let folder = folder(file);
        let output = edit(folder.path(), &[&["app.yaml", "--write"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout.is_empty());
        assert_eq!(std::fs::read(folder.path().join("app.yaml")).expect("a file"), file);
    }
    let nothing = tempfile::tempdir().expect("a folder");
    assert_eq!(edit(nothing.path(), &["app.yaml", "--path", "a", "--value", "x"]).status.code(), Some(2));
}

#[test]
fn an_added_value_keeps_the_type_that_it_is_written_with() {
    let folder = folder(b"kind: Deployment\nspec:\nmetadata:\n  name: api\n");
    let create = |path: &str, value: &str, more: &[&str]| {
        let arguments = [&["app.yaml", "--path", path, "--value", value, "--create"], more].concat();
        let output = edit(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(create("spec.replicas", "3", &[]).contains("\nspec:\n  replicas: 3\nmetadata:"));
    assert!(create("spec.paused", "true", &[]).contains("\n  paused: true\n"));
    assert!(create("spec.replicas", "3", &["--text"]).contains("\n  replicas: \"3\"\n"));
    assert!(create("metadata.labels.build", "3", &[]).contains("\n  labels:\n    build: \"3\"\n"));
}

#[test]
fn a_marked_value_with_aliases_is_changed_where_that_is_asked_for() {
    let folder = folder(b"tag: &tag old # {\"slipway\": \"fashion:version\"}\nimage: *tag\n");
    let wanted = ["app.yaml", "--marker", "fashion:version", "--value", "v2"];
    let refused = edit(folder.path(), &wanted);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("change it for all with `--anchored`"));
    let edited = edit(folder.path(), &[&wanted[..], &["--anchored"]].concat());
    let expected = "tag: &tag v2 # {\"slipway\": \"fashion:version\"}\nimage: *tag\n";
    assert_eq!(String::from_utf8_lossy(&edited.stdout), expected);
}

#[test]
fn truth_values_and_items_by_labels_are_edited() {
    let items = "items:\n- {app.kubernetes.io/name: x, v: no}\n- {\"a=b\": \"c]\", v: True}\n";
    let folder = folder(items.as_bytes());
    let edited = edit(folder.path(), &["app.yaml", "--path", "items[app.kubernetes.io/name=x].v", "--value", "yes"]);
    assert_eq!(String::from_utf8_lossy(&edited.stdout), items.replace("v: no", "v: yes"));
    let edited = edit(folder.path(), &["app.yaml", "--path", "items[\"a=b\"=\"c]\"].v", "--value", "false"]);
    assert_eq!(String::from_utf8_lossy(&edited.stdout), items.replace("v: True", "v: false"));
}
