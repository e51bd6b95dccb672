//! The command line as scripts use it: exit codes, outputs, generated files.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{Bench, MODEL, POLICY, slipway, small_files, text};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(slipway()).args(arguments).current_dir(folder).output().expect("it ran")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn small_model() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("data")).expect("a folder");
    for (path, content) in small_files() {
        std::fs::write(folder.path().join(path), content).expect("written");
    }
    folder
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_model_is_checked_trained_and_judged_by_hand() {
    let folder = small_model();
    let checked = run(folder.path(), &["check"]);
    assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    let trained = run(folder.path(), &["train", "--out", "out", "--threads", "1", "-o", "json"]);
    assert_eq!(trained.status.code(), Some(0), "{}", said(&trained));
    let result: serde_json::Value = serde_json::from_slice(&trained.stdout).expect("one JSON document");
    assert_eq!((&result["rows"], &result["folder"]), (&500.into(), &"out".into()), "{result:#}");
    assert!(result["metrics"]["accuracy"].is_f64() && text(&result, "artifact").starts_with("sha256:"), "{result:#}");
    assert!(said(&trained).contains("epoch 4 of 4: loss"), "{}", said(&trained));
    for file in [
        "model.safetensors",
        "training.json",
        "card.json",
        "model.onnx",
        "signature.json",
        "export.json",
        "evaluation/report.json",
        "evaluation/predictions.parquet",
    ] {
        assert!(folder.path().join("out").join(file).is_file(), "{file}");
    }
    let judge = |policy: &str, more: &[&str]| {
        std::fs::write(folder.path().join("judged-by.yaml"), policy).expect("written");
        let arguments = [&["gate", "--policy", "judged-by.yaml", "--candidate", "out/evaluation"], more].concat();
        run(folder.path(), &arguments)
    };
    let passed = judge(POLICY, &["--champion", "out/evaluation"]);
    assert_eq!(passed.status.code(), Some(0), "{}", said(&passed));
    assert!(said(&passed).contains("passed: 2 of 2 checks on 500 rows"), "{}", said(&passed));
    let refused = judge(&POLICY.replace("0.7", "0.99"), &[]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    let report = std::fs::read_to_string(folder.path().join("out/evaluation/report.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let accuracy = report["metrics"]["accuracy"].as_f64().expect("accuracy");
    let undecided = judge(&POLICY.replace("0.7", &format!("{:.3}", accuracy - 0.002)), &[]);
    assert_eq!(undecided.status.code(), Some(3), "{}", said(&undecided));
    let invalid = judge("kind: Policy\n", &[]);
    assert_eq!(invalid.status.code(), Some(2), "{}", said(&invalid));
    let json = judge(POLICY, &["--output", "json"]);
    let verdict: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(verdict["outcome"], "pass");
    let yaml = judge(POLICY, &["--output", "yaml"]);
    assert!(said(&yaml).contains("outcome: pass"), "{}", said(&yaml));
    let markdown = judge(POLICY, &["--output", "markdown"]);
    assert!(said(&markdown).contains("| "), "{}", said(&markdown));
}

#[test]
fn training_by_hand_points_at_the_mistake() {
    let folder = small_model();
    let model = MODEL.replace("- flatten\n", "- flatten\n      - max_pool2d: 2\n");
    std::fs::write(folder.path().join("slipway.yaml"), model).expect("written");
    let trained = run(folder.path(), &["train"]);
    assert_eq!(trained.status.code(), Some(2), "{}", said(&trained));
    assert!(
        said(&trained).contains("slipway.yaml:15:9: spec.model.sequential[1]: max_pool2d expects rows of"),
        "{}",
        said(&trained)
    );
    assert!(!folder.path().join("out").exists(), "nothing half done");
}

#[test]
fn check_finds_all_mistakes_of_all_files() {
    let folder = small_model();
    std::fs::create_dir_all(folder.path().join("nested")).expect("a folder");
    let model = MODEL.replace("epochs: 4", "epochs: 0").replace("batch_size: 50", "batch_size: 0");
    std::fs::write(folder.path().join("nested/slipway.yaml"), model).expect("written");
    std::fs::write(folder.path().join("policy.yaml"), POLICY.replace("0.7", "7")).expect("written");
    let checked = run(folder.path(), &["check"]);
    assert_eq!(checked.status.code(), Some(2));
    let message = said(&checked);
    for expected in ["nested/slipway.yaml:16:64:", "spec.training.batch_size: 0 is out of range", "policy.yaml:7"] {
        assert!(message.contains(expected), "expected `{expected}`, came: {message}");
    }
    let nothing = tempfile::tempdir().expect("a folder");
    assert_eq!(run(nothing.path(), &["check"]).status.code(), Some(2));
}

#[test]
fn the_examples_are_sound() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["digits", "fashion"] {
        let example = root().join("examples").join(name);
        let copy = folder.path().join(name);
        std::fs::create_dir_all(copy.join("policies")).expect("a folder");
        std::fs::create_dir_all(copy.join("data")).expect("a folder");
        for file in ["slipway.yaml", &format!("policies/{name}.yaml")] {
            std::fs::copy(example.join(file), copy.join(file)).expect("copied");
        }
        for file in ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"] {
            std::fs::write(copy.join(format!("data/{file}-ubyte.gz")), "fetched by make data").expect("written");
        }
        let checked = run(&copy, &["check", "--no-data"]);
        assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    }
}

#[test]
fn generated_files_are_current() {
    for (what, folder) in [("schema", "schemas"), ("cli", "docs"), ("openapi", "docs")] {
        let folder = root().join(folder);
        let checked = run(&root(), &["generate", what, "--check", "--folder", &folder.display().to_string()]);
        assert_eq!(checked.status.code(), Some(0), "{}", said(&checked));
    }
    let empty = tempfile::tempdir().expect("a folder");
    let stale = run(empty.path(), &["generate", "schema", "--check"]);
    assert_eq!(stale.status.code(), Some(1), "the check can fail: {}", said(&stale));
}

#[tokio::test]
async fn runs_are_read_and_operated_through_the_api() {
    let bench = Bench::start().await;
    let done = bench.promote_a_first_model().await;
    let id = text(&done, "id").to_owned();
    let address = bench.server().address().to_owned();
    let token = bench.world.token_file().display().to_string();
    let asked = tokio::task::spawn_blocking(move || {
        let here = std::env::temp_dir();
        let ask =
            |arguments: &[&str]| run(&here, &[arguments, &["--server", &address, "--token-file", &token]].concat());
        let list: serde_json::Value = serde_json::from_slice(&ask(&["runs", "list"]).stdout).expect("JSON in a pipe");
        assert_eq!(list["runs"][0]["id"], id.as_str());
        let models: serde_json::Value = serde_json::from_slice(&ask(&["models", "list"]).stdout).expect("JSON");
        assert_eq!(models["models"][0]["model"], "digits");
        assert_eq!(models["models"][0]["promoted"]["run"], id.as_str());
        let shown: serde_json::Value = serde_json::from_slice(&ask(&["runs", "show", &id]).stdout).expect("JSON");
        assert_eq!(shown["transitions"][0]["to"], "queued");
        let log: serde_json::Value = serde_json::from_slice(&ask(&["runs", "log", &id]).stdout).expect("JSON");
        assert!(log["lines"][0]["line"].as_str().expect("a line").contains("reading data"));
        assert_eq!(ask(&["runs", "cancel", &id]).status.code(), Some(2), "what has ended cannot be cancelled");
        assert_eq!(ask(&["runs", "show", "../secrets"]).status.code(), Some(2));
        let nobody = run(&here, &["runs", "list", "--server", "http://127.0.0.1:1"]);
        assert_eq!(nobody.status.code(), Some(4), "{}", said(&nobody));
        asks_the_server_of_its_settings(&address, &token);
    });
    asked.await.expect("asked");
    bench.finish().await;
}

/// A command finds the server by the settings that are named, or by those in its folder unless they lead to another machine.
fn asks_the_server_of_its_settings(address: &str, token: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = |listen: &str| {
        let text = format!("listen: {listen}\n");
        std::fs::write(folder.path().join("slipway-server.yaml"), text).expect("written");
    };
    let ask = |folder: &Path, arguments: &[&str]| {
        let arguments = [&["runs", "list", "--token-file", token], arguments].concat();
        Command::new(slipway())
            .args(arguments)
            .current_dir(folder)
            .env_remove("SLIPWAY_SERVER")
            .output()
            .expect("it ran")
    };
    settings(address.trim_start_matches("http://"));
    let here = ask(folder.path(), &[]);
    assert_eq!(here.status.code(), Some(0), "{}", said(&here));
    // Settings that nobody named are not followed silently; and the answer stays one document.
    let note = format!("note: asking {address}, the `listen` of `./slipway-server.yaml` in this folder");
    assert_eq!(String::from_utf8_lossy(&here.stderr).matches(&note).count(), 1, "{}", said(&here));
    assert!(serde_json::from_slice::<serde_json::Value>(&here.stdout).is_ok(), "{}", said(&here));
    let named_address = ask(folder.path(), &["--server", address]);
    assert!(!said(&named_address).contains("note: "), "{}", said(&named_address));
    let named = folder.path().join("slipway-server.yaml").display().to_string();
    let elsewhere = ask(&std::env::temp_dir(), &["--config", &named]);
    assert_eq!(elsewhere.status.code(), Some(0), "{}", said(&elsewhere));
    assert!(!said(&elsewhere).contains("note: "), "{}", said(&elsewhere));
    let missing = ask(folder.path(), &["--config", "nothing.yaml"]);
    assert_eq!(missing.status.code(), Some(2), "{}", said(&missing));
    // An address for documentation (RFC 5737): were it asked, the command would wait for it.
    settings("192.0.2.1:8420");
    let shown = said(&ask(folder.path(), &[]));
    assert!(!shown.contains("192.0.2.1"), "{shown}");
    assert!(shown.contains("note: `./slipway-server.yaml` in this folder leads to another machine"), "{shown}");
}

#[test]
fn a_hook_that_cannot_deliver_says_so_and_that_the_push_is_safe() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("secret"), "a secret that is long enough").expect("written");
    std::fs::write(folder.path().join("input"), format!("{} {} refs/heads/main\n", "0".repeat(40), "1".repeat(40)))
        .expect("written");
    let mut command = Command::new(slipway());
    command.args(["hook", "post-receive", "--url", "http://127.0.0.1:1/webhooks/x", "--secret-file", "secret"]);
    let input = std::fs::File::open(folder.path().join("input")).expect("input");
    let output = command.current_dir(folder.path()).stdin(input).output().expect("it ran");
    assert_eq!(output.status.code(), Some(4));
    assert!(said(&output).contains("refs/heads/main was pushed, but not delivered"), "{}", said(&output));
    assert!(said(&output).contains("do not repeat the push"), "{}", said(&output));
}

#[test]
fn what_is_wrong_around_slipway_is_no_defect_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).expect("written");
    write(
        "slipway.yaml",
        "apiVersion: slipway.dev/v1alpha1\nkind: Model\nmetadata: {name: churn}\nspec:\n  paths: [\"*\"]\n  task: classification\n  data: {format: csv, label: y, train: {file: a.csv}, test: {file: a.csv}}\n  model: {sequential: [{linear: 2}]}\n  training: {optimizer: {adam: {learning_rate: 1e-2}}, epochs: 1, batch_size: 8}\n  policy: policy.yaml\n",
    );
    let mut train = Command::new(slipway());
    let output = train.arg("train").env("TMPDIR", "/nonexistent").current_dir(folder.path()).output().expect("it ran");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("no temporary folder can be made") && said(&output).contains("TMPDIR"));
    // A store that is no database.
    write("secret", "a secret that is long enough");
    write(
        "slipway-server.yaml",
        "apiVersion: slipway.dev/v1alpha1\nkind: Server\nstate: state\nsources: [{name: a, forge: plain, url: \"http://127.0.0.1:1/a.git\", secret: {file: secret}, environment: e}]\nenvironments: [{name: e, url: \"http://127.0.0.1:1/e.git\"}]\n",
    );
    std::fs::create_dir(folder.path().join("state")).expect("a folder");
    write("state/slipway.db", &"no database. ".repeat(400));
    for command in [&["tokens", "list"][..], &["audit", "verify"], &["serve"]] {
        let output = run(folder.path(), command);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {}", said(&output));
        assert_eq!(said(&output).matches("is no database of SQLite").count(), 1, "{command:?}: {}", said(&output));
    }
}

#[test]
fn a_hook_that_is_refused_is_set_up_wrongly() {
    use std::io::{Read as _, Write as _};
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("secret"), "a secret that is long enough").expect("written");
    std::fs::write(folder.path().join("input"), format!("{} {} refs/heads/main\n", "0".repeat(40), "1".repeat(40)))
        .expect("written");
    for (status, code) in [("401 Unauthorized", 2), ("404 Not Found", 2), ("429 Too Many Requests", 4), ("503 Busy", 4)]
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/webhooks/x", listener.local_addr().expect("an address"));
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            let _ = stream.read(&mut [0; 4096]).expect("a request");
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).expect("answered");
        });
        let mut command = Command::new(slipway());
        command.args(["hook", "post-receive", "--url", &url, "--secret-file", "secret"]).current_dir(folder.path());
        let input = std::fs::File::open(folder.path().join("input")).expect("input");
        let output = command.stdin(input).output().expect("it ran");
        answering.join().expect("answered");
        assert_eq!(output.status.code(), Some(code), "{status}: {}", said(&output));
        assert!(said(&output).contains("do not repeat the push"), "{}", said(&output));
    }
}

#[test]
fn usage_mistakes_end_with_two_and_help_with_zero() {
    let here = std::env::temp_dir();
    for (arguments, code) in [(&["--help"][..], 0), (&["--version"], 0), (&[], 2), (&["serve"], 2), (&["nonsense"], 2)]
    {
        assert_eq!(run(&here, arguments).status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn doctor_says_what_is_there_and_what_is_missing() {
    let healthy = run(&root(), &["doctor"]);
    assert!(said(&healthy).contains("found    slipway-trainer: "), "{}", said(&healthy));
    let missing = run(&root(), &["doctor", "--trainer", "/nonexistent/trainer"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        said(&missing).contains("missing  slipway-trainer (") && said(&missing).contains("make build"),
        "{}",
        said(&missing)
    );
    let document = run(&root(), &["doctor", "-o", "json", "--trainer", "/nonexistent/trainer"]);
    assert_eq!(document.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_slice(&document.stdout).expect("JSON");
    let mut programs = document["programs"].as_array().expect("programs").iter();
    let trainer = programs.find(|program| program["program"] == "slipway-trainer").expect("the trainer");
    assert_eq!((&document["complete"], &trainer["found"]), (&false.into(), &false.into()), "{document:#}");
    assert_eq!(trainer["help"], "make build");
}

#[test]
fn make_names_the_same_ways_to_get_a_tool_as_doctor() {
    let script = std::fs::read_to_string(root().join("scripts/need.sh")).expect("a script");
    let doctor = std::fs::read_to_string(root().join("src/cli/doctor.rs")).expect("a source");
    for way in ["apt-get install git", "https://rustup.rs", "apt-get install g++", "apt-get install python3-pip"] {
        assert!(script.contains(way) && doctor.contains(way), "{way}");
    }
    // A path that holds nothing but the script's own interpreter.
    let only_shell = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink("/bin/bash", only_shell.path().join("bash")).expect("linked");
    let output = Command::new(root().join("scripts/need.sh")).args(["git"]).env("PATH", only_shell.path()).output();
    let output = output.expect("it ran");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said(&output), "missing: git (apt-get install git)\n");
}

#[test]
fn the_graph_of_an_artifact_is_that_of_its_training_and_other_files_have_none() {
    let folder = small_model();
    let trained = run(folder.path(), &["train", "--threads", "1"]);
    assert_eq!(trained.status.code(), Some(0), "{}", said(&trained));
    let exported = run(folder.path(), &["export", "onnx", "-o", "json"]);
    assert_eq!(exported.status.code(), Some(0), "{}", said(&exported));
    let result: serde_json::Value = serde_json::from_slice(&exported.stdout).expect("one JSON document");
    let read = |file: &str| std::fs::read(folder.path().join(file)).expect(file);
    assert!(read("model.onnx") == read("out/model.onnx"), "the same bytes");
    let signature: serde_json::Value = serde_json::from_slice(&read("out/signature.json")).expect("JSON");
    assert_eq!(result["signature"], signature);
    std::fs::write(folder.path().join("other.bin"), "no weights").expect("written");
    let refused = run(folder.path(), &["export", "onnx", "other.bin", "--out", "other.onnx"]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains("`other.bin`: the artifact is not safetensors"), "{}", said(&refused));
    assert!(!folder.path().join("other.onnx").exists());
}
