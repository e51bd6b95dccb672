//! Bad input of model authors: refused or failed with the place and the reason, and the server goes on.

use crate::support::{Bench, MODEL, POLICY, small_files, text};

/// Pushes a change of the model file and answers state and reason of its run.
async fn outcome_of(bench: &Bench, old: &str, new: &str) -> (String, String) {
    let head = bench.push_with(old, new).await;
    let run = bench.end_of(&head).await;
    (text(&run, "state").to_owned(), text(&run, "reason").to_owned())
}

#[tokio::test]
async fn a_mistake_in_a_model_file_is_refused_with_its_place_and_a_suggestion() {
    let bench = Bench::start().await;
    for (old, new, expected) in [
        ("epochs: 4", "epocs: 4", "slipway.yaml:16:56: unknown key `epocs`"),
        ("epochs: 4", "epochs: four", "slipway.yaml:16:64:"),
        ("- linear: 10", "- liner: 10", "slipway.yaml:15:9: unknown"),
        (
            "- flatten\n",
            "- flatten\n      - conv2d: {filters: 8, kernel_size: 3}\n",
            "slipway.yaml:15:9: spec.model.sequential[1]: conv2d expects rows of shape [channels, height, width], but \
             it receives [784]",
        ),
        ("- linear: 10", "- linear: 9", "has the label 9, but the network has the classes 0 to 8"),
        (
            "data/test-labels}",
            "data/test-lables}",
            "slipway.yaml:10:48: spec.data.test.labels: the file `data/test-lables` does not exist",
        ),
        ("\"data/**\"", "\"other/**\"", "no glob in `spec.paths` matches"),
        ("policy: policy.yaml", "policy: ../policy.yaml", "leaves the folder with `..`"),
        ("epochs: 4", "epochs: 0", "spec.training.epochs: 0 is out of range, expected 1 to 10000"),
        ("kind: Model", "kind: Modell", "slipway.yaml:2:7:"),
        ("  task: classification\n", "  task: classification\n  task: classification\n", "slipway.yaml:7:3:"),
        ("apiVersion: slipway.dev/v1alpha1", "apiVersion: [", "slipway.yaml:"),
    ] {
        let (state, reason) = outcome_of(&bench, old, new).await;
        let expected_state = if new == "- linear: 9" { "failed" } else { "refused" };
        assert_eq!(state, expected_state, "{new}: {reason}");
        assert!(reason.contains(expected), "{new}: expected `{expected}`, came: {reason}");
        if ["epocs", "liner"].iter().any(|typo| new.contains(typo)) {
            assert!(reason.contains("help: did you mean"), "{reason}");
        }
    }
    assert_eq!(text(&bench.promote_a_first_model_again().await, "state"), "done", "the server goes on");
    bench.finish().await;
}

#[tokio::test]
async fn damaged_data_fails_the_run_with_the_row_or_byte_and_leaves_no_artifact() {
    let bench = Bench::start().await;
    let files = small_files();
    let original = |path: &str| files.iter().find(|(name, _)| *name == path).expect("a file").1.clone();
    let images = original("data/train-images");
    let labels = original("data/train-labels");
    let mut wrong_label = labels.clone();
    wrong_label[8 + 17] = 77;
    let mut no_rows = images[..16].to_vec();
    no_rows[4..8].copy_from_slice(&0_u32.to_be_bytes());
    let mut broken_gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    broken_gzip.extend([0xff; 64]);
    for (path, content, expected) in [
        (
            "data/train-images",
            images[..5000].to_vec(),
            "data/train-images: 5000 bytes long, but its header [1000, 28, 28] needs 784016",
        ),
        ("data/train-images", broken_gzip, "data/train-images: the gzip stream is broken at unpacked byte 0"),
        ("data/train-labels", wrong_label, "data/train-labels: row 17 has the label 77"),
        ("data/train-images", no_rows, "data/train-labels: 1000 labels for the 0 rows of `data/train-images`"),
        ("data/train-images", b"PNG picture".to_vec(), "data/train-images: starts with the bytes"),
    ] {
        bench.world.work.write(path, &content).expect("written");
        let head = bench.push(expected).await;
        let run = bench.end_of(&head).await;
        assert_eq!(text(&run, "state"), "failed", "{run:#}");
        assert!(text(&run, "reason").contains(expected), "expected `{expected}`, came: {}", text(&run, "reason"));
        assert!(run["artifact"].is_null());
        bench.world.work.write(path, original(path)).expect("written");
    }
    bench.finish().await;
}

#[tokio::test]
async fn a_value_that_is_no_number_in_a_table_fails_the_run_with_line_and_column() {
    let bench = Bench::start().await;
    let model = MODEL
        .replace("format: idx", "format: csv\n    label: kind")
        .replace("{features: data/train-images, labels: data/train-labels}", "{file: data/train.csv}")
        .replace("{features: data/test-images, labels: data/test-labels}", "{file: data/test.csv}")
        .replace("- flatten\n      - linear: 10", "- linear: 2");
    bench.world.work.write("slipway.yaml", model).expect("written");
    // As many test rows as the policy needs.
    let test = format!("height,width,kind\n{}", "1,2,a\n3,4,b\n".repeat(500));
    bench.world.work.write("data/test.csv", test).expect("written");
    bench.world.work.write("data/train.csv", "height,width,kind\n1,2,a\n3,NaN,b\n").expect("written");
    let head = bench.push("a table with a hole").await;
    let run = bench.end_of(&head).await;
    assert_eq!(text(&run, "state"), "failed");
    let reason = text(&run, "reason");
    assert!(reason.contains("data/train.csv: line 3, column `width`: `NaN` is not a finite number"), "{reason}");
    bench.finish().await;
}

#[tokio::test]
async fn without_a_sound_policy_nothing_passes() {
    let bench = Bench::start().await;
    for (policy, expected) in [
        (None, "the policy does not exist at"),
        (Some(String::new()), "policy.yaml"),
        (Some(POLICY.replace("- metric: accuracy\n      at_least", "- metric: acuracy\n      at_least")), "acuracy"),
        (Some(POLICY.split("  checks:").next().unwrap_or_default().to_owned() + "  checks: []\n"), "policy.yaml"),
        (Some(POLICY.replace("at_least: 0.7", "at_least: 1.7")), "policy.yaml:7"),
    ] {
        let path = bench.world.work.path().join("policy.yaml");
        match &policy {
            Some(text) => bench.world.work.write("policy.yaml", text).expect("written"),
            None => std::fs::remove_file(path).expect("removed"),
        }
        // The base revision's policy judges, so the mistake is pushed first and met by the push after it.
        bench.push("a policy").await;
        let seed = format!("seed: {}", expected.len() + 100);
        let head = bench.push_with("seed: 7", &seed).await;
        let run = bench.end_of(&head).await;
        assert_eq!(text(&run, "state"), "refused", "{policy:?}: {run:#}");
        assert!(text(&run, "reason").contains(expected), "{policy:?}: {}", text(&run, "reason"));
        assert!(run["artifact"].is_null(), "nothing is trained that could not be judged");
    }
    bench.finish().await;
}

#[tokio::test]
async fn two_models_of_one_name_are_refused() {
    let bench = Bench::start().await;
    for (path, content) in small_files() {
        bench.world.work.write(format!("copy/{path}"), content).expect("written");
    }
    let head = bench.push("the same name twice").await;
    let refused = |run: &serde_json::Value| {
        run["head"] == head.as_str() && run["file"] == "copy/slipway.yaml" && run["state"] == "refused"
    };
    let run = bench.api().wait_for_run("the refusal", crate::support::DEADLINE, refused).await.expect("refused");
    let reason = text(&run, "reason");
    assert!(
        reason
            .contains("copy/slipway.yaml:3:18: metadata.name: the model in `slipway.yaml` has the same name `digits`"),
        "{reason}"
    );
    bench.end_of(&head).await;
    bench.finish().await;
}
