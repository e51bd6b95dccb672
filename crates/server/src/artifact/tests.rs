//! Folders that hold no model, or something else than their names say.

use super::*;

#[test]
fn folders_without_a_model_say_what_is_expected() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = || read(folder.path(), None).expect_err("refused").to_string();
    assert!(refused().contains("has neither `model.safetensors` nor `model.onnx`"), "{}", refused());
    fs::write(folder.path().join("model.bin"), b"pickle").expect("written");
    assert!(refused().contains("the model of a program in its own format"), "{}", refused());
    fs::write(folder.path().join("model.safetensors"), b"no weights").expect("written");
    assert!(refused().contains("is not safetensors"), "{}", refused());
}

#[test]
fn a_graph_of_another_program_is_its_own_artifact() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("model.onnx"), b"graph").expect("written");
    let digest = Digest::of(b"graph");
    let artifact = read(folder.path(), Some(&digest)).expect("read");
    assert_eq!(artifact.identity, Identity { digest: digest.clone(), run: None, source_commit: None });
    let expected = Digest::of(b"another");
    let refused = read(folder.path(), Some(&expected)).expect_err("refused").to_string();
    assert!(refused.contains(&format!("has the digest {digest}, expected {expected}")), "{refused}");
}

#[test]
fn evidence_of_another_artifact_or_with_odd_texts_is_not_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let digest = Digest::of(b"graph");
    fs::create_dir(folder.path().join("evidence")).expect("a folder");
    let write = |name: &str, run: &str, artifact: &Digest| {
        let evidence = serde_json::json!({"run": run, "revision": "00ff", "artifact": artifact});
        fs::write(folder.path().join("evidence").join(name), evidence.to_string()).expect("written");
    };
    write("1.json", "run-1", &digest);
    write("2.json", "run-2", &Digest::of(b"another"));
    fs::write(folder.path().join("evidence/3.json"), b"{").expect("written");
    let found = identity(folder.path(), digest.clone());
    assert_eq!((found.run.as_deref(), found.source_commit.as_deref()), (Some("run-1"), Some("00ff")));
    write("4.json", "run\r\nset-cookie: a", &digest);
    assert_eq!(identity(folder.path(), digest).run, None);
}
