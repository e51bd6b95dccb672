//! Artifacts of Slipway: what is loaded, what is refused, and how one replaces another.

use std::io::Read as _;
use std::path::Path;

use rustix::process::Signal;
use serde_json::json;
use slipway_contract::Digest;

use crate::models::{COMMIT, plus, unknown_operator, weights, write_artifact};
use crate::support::{Server, command};

/// A server of one artifact, with more arguments.
fn served(folder: &Path, more: &[&str]) -> Option<Server> {
    let mut arguments = vec![format!("--model=credit={}", folder.display())];
    arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    Server::start(&arguments)
}

#[test]
fn rows_by_column_name_are_answered_by_class_with_the_identity_of_the_model() {
    let folder = tempfile::tempdir().expect("a folder");
    let digest = write_artifact(folder.path(), &weights(-2.0), "018f-run");
    let Some(server) = served(folder.path(), &[]) else { return };
    let rows = json!({"instances": [
        {"age": 40, "colour": "red"}, {"age": 40, "colour": " blue "}, {"age": null, "colour": null},
        {"age": 40.5, "colour": "unseen"},
    ]});
    let answer = server.post("/v1/models/credit:predict", &rows);
    assert_eq!(answer.status, 200, "{answer:?}");
    let json = answer.json();
    let labels: Vec<&str> = json["predictions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| row["label"].as_str().expect("a text"))
        .collect();
    assert_eq!(labels, ["good", "bad", "bad", "bad"]);
    let shares = &json["predictions"][0]["probabilities"];
    let sum = shares["bad"].as_f64().expect("a share") + shares["good"].as_f64().expect("a share");
    assert!((sum - 1.0).abs() < 1e-6, "{shares}");
    let identity = json!({"artifact": digest, "run": "018f-run", "source_commit": COMMIT});
    assert_eq!((&json["parameters"], &json["model_version"]), (&identity, &json!(digest)));
    assert_eq!(answer.header("slipway-artifact"), Some(digest.as_str()));
    assert_eq!(answer.header("slipway-run"), Some("018f-run"));
    assert_eq!(answer.header("slipway-source-commit"), Some(COMMIT));
    assert_eq!(server.get("/v2/models/credit").json()["parameters"], identity);
}

#[test]
fn rows_that_do_not_fit_are_refused_with_the_row_and_the_column() {
    let folder = tempfile::tempdir().expect("a folder");
    write_artifact(folder.path(), &weights(0.0), "r");
    let Some(server) = served(folder.path(), &[]) else { return };
    let good = json!({"age": 1, "colour": "red"});
    for (rows, problem) in [
        (json!({"rows": []}), "the body is not `{\"instances\": [ROW, …]}`"),
        (json!({"instances": []}), "`instances` is empty"),
        (json!({"instances": [good, 7]}), "row 1: expected an object"),
        (json!({"instances": [{"age": 1}]}), "row 0: the column `colour` is missing"),
        (json!({"instances": [{"age": "1", "colour": "red"}]}), "row 0: the column `age` expects a number or null"),
        (json!({"instances": [{"age": 1, "colour": 3}]}), "row 0: the column `colour` expects a text or null"),
        (json!({"instances": [{"age": 1, "color": "red", "colour": "red"}]}), "`color` is no column of the model"),
        (json!({"instances": [{"age": 1, "colour": "a\u{0}b"}]}), "contains the character U+0000"),
    ] {
        let answer = server.post("/v1/models/credit:predict", &rows);
        assert_eq!(answer.status, 400, "{rows}: {answer:?}");
        assert!(answer.error().contains(problem), "{rows}: {}", answer.error());
    }
}

/// What the server says when it does not start, and its exit code.
fn refused(arguments: &[String]) -> Option<(String, i32)> {
    let mut child = command()?.args(arguments).spawn().expect("it starts");
    let mut errors = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut errors).expect("text");
    let code = child.wait().expect("it ends").code().expect("an exit code");
    Some((errors, code))
}

#[test]
fn what_is_no_servable_artifact_is_refused_at_the_start_with_exit_code_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    write_artifact(&place("whole"), &weights(0.0), "r");
    let other = Digest::of(b"other");
    write_artifact(&place("other-report"), &weights(0.0), "r");
    let report = std::fs::read_to_string(place("other-report/export.json")).expect("a report");
    let digest = Digest::of(&weights(0.0));
    std::fs::write(place("other-report/export.json"), report.replace(digest.as_str(), other.as_str()))
        .expect("written");
    write_artifact(&place("left-out"), &weights(0.0), "r");
    let left_out = json!({
        "apiVersion": "slipway.dev/v1alpha1", "kind": "ExportReport", "artifact": digest,
        "onnx": {"state": "left_out", "reason": "it differs by 0.2"},
    });
    std::fs::write(place("left-out/export.json"), left_out.to_string()).expect("written");
    for (name, graph) in [("corrupt", b"no protobuf".to_vec()), ("operator", unknown_operator())] {
        std::fs::create_dir(place(name)).expect("a folder");
        std::fs::write(place(name).join("model.onnx"), graph).expect("written");
    }
    for (model, problem) in [
        (format!("whole@{other}"), "it is damaged or of another artifact"),
        ("other-report".to_owned(), "it is about"),
        ("left-out".to_owned(), "kept no graph: it differs by 0.2"),
        ("corrupt".to_owned(), "onnxruntime refuses the model"),
        ("operator".to_owned(), "NoSuchOperator"),
        ("nothing".to_owned(), "has neither `model.safetensors` nor `model.onnx`"),
    ] {
        let argument = format!("--model=m={}", place(&model).display());
        let Some((errors, code)) = refused(&[argument]) else { return };
        assert_eq!(code, 2, "{model}: {errors}");
        assert!(errors.contains(problem), "{model}: {errors}");
    }
    let mut flipped = weights(0.0);
    *flipped.last_mut().expect("a byte") ^= 1;
    std::fs::write(place("whole/model.safetensors"), flipped).expect("written");
    let argument = format!("--model=m={}@{digest}", place("whole").display());
    let Some((errors, code)) = refused(&[argument]) else { return };
    assert!(code == 2 && errors.contains("it is damaged or of another artifact"), "{errors}");
}

#[test]
fn a_changed_graph_beside_the_weights_changes_no_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    write_artifact(folder.path(), &weights(-2.0), "r");
    std::fs::write(folder.path().join("model.onnx"), plus(1.0)).expect("written");
    std::fs::write(folder.path().join("signature.json"), b"{}").expect("written");
    let Some(server) = served(folder.path(), &[]) else { return };
    let answer = server.post("/v1/models/credit:predict", &json!({"instances": [{"age": 1, "colour": "red"}]}));
    assert_eq!(answer.json()["predictions"][0]["label"], "good", "{answer:?}");
}

#[test]
fn another_artifact_answers_after_sighup_and_a_damaged_one_never_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let row = json!({"instances": [{"age": 0, "colour": "blue"}]});
    let first = write_artifact(folder.path(), &weights(-2.0), "r1");
    let Some(server) = served(folder.path(), &["--repository-control"]) else { return };
    assert_eq!(server.post("/v1/models/credit:predict", &row).json()["predictions"][0]["label"], "bad");
    let second = write_artifact(folder.path(), &weights(2.0), "r2");
    server.signal(Signal::HUP);
    let is_second = |answer: &crate::support::Answer| answer.header("slipway-artifact") == Some(second.as_str());
    server.until("/v2/models/credit", is_second);
    let answer = server.post("/v1/models/credit:predict", &row);
    assert_eq!(
        (answer.json()["predictions"][0]["label"].as_str(), answer.header("slipway-run")),
        (Some("good"), Some("r2"))
    );
    assert_eq!(server.get(&format!("/v2/models/credit/versions/{first}")).status, 404);
    assert_eq!(server.get(&format!("/v2/models/credit/versions/{second}")).status, 200);

    std::fs::write(folder.path().join("model.safetensors"), b"damaged").expect("written");
    let refused = server.post("/v2/repository/models/credit/load", &json!({}));
    assert!(refused.status == 400 && refused.error().contains("one of the two is damaged"), "{refused:?}");
    let states = server.request("POST", "/v2/repository/index", &[], b"").json();
    assert_eq!((&states[0]["state"], &states[0]["version"]), (&json!("READY"), &json!(second)));
    assert!(states[0]["reason"].as_str().expect("a reason").contains("one of the two is damaged"), "{states}");
    assert_eq!(server.post("/v1/models/credit:predict", &row).header("slipway-artifact"), Some(second.as_str()));
    assert!((server.metric("slipway_server_load_failures_total") - 1.0).abs() < 1e-9);
}

#[test]
fn a_missing_engine_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    write_artifact(folder.path(), &weights(0.0), "r");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_slipway-server"));
    command.arg(format!("--model=m={}", folder.path().display())).args(["--listen", "127.0.0.1:0"]);
    let ended = command.env("ORT_DYLIB_PATH", folder.path().join("model.onnx")).output().expect("it ends");
    let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(2), "{errors}");
    assert!(errors.contains("onnxruntime cannot be loaded from"), "{errors}");
    assert!(errors.contains("help: use the library of onnxruntime 1.17 or newer"), "{errors}");
}
