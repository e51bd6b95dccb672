//! Specifications that cannot be trained: exit code 2 and the key they are about.

use serde_json::{Value, json};
use slipway_contract::FaultKind;

use crate::support::{Bench, picture_model};

#[test]
fn what_cannot_be_trained_as_written_is_refused_with_its_key() {
    for (pointer, value, key, expected) in [
        (
            "/spec/model/sequential",
            json!([{"linear": 2}]),
            "spec.model.sequential[0]",
            "linear expects rows of one dimension, but it receives [1, 6, 6]",
        ),
        (
            "/spec/model/sequential",
            json!([{"conv2d": {"filters": 2, "kernel_size": 9}}, "flatten", {"linear": 2}]),
            "spec.model.sequential[0]",
            "conv2d has a window of 9x9",
        ),
        (
            "/spec/model/sequential",
            json!(["flatten", "relu"]),
            "spec.model.sequential[1]",
            "the last layer is relu, expected linear",
        ),
        (
            "/spec/preprocess",
            json!([{"reshape": [5, 5]}]),
            "spec.preprocess[0]",
            "rows of shape [1, 6, 6] contain 36 values",
        ),
        ("/spec/training/epochs", json!(0), "spec.training.epochs", "0 is out of range"),
        (
            "/spec/data/validation_split",
            json!(0.999),
            "spec.data.validation_split",
            "leaves none of 96 rows to learn from",
        ),
        (
            "/spec/data/train/features",
            json!("data/nothing"),
            "spec.data.train.features",
            "`data/nothing` cannot be read",
        ),
        ("/spec/data/train/labels", json!("../secret"), "spec.data.train.labels", "leaves the folder with `..`"),
        (
            "/spec/data/train/features",
            json!("data"),
            "spec.data.train.features",
            "is not a plain file in the model's folder",
        ),
        (
            "/spec/preprocess",
            json!([{"reshape": [4_294_967_295_u32, 4_294_967_295_u32, 4_294_967_295_u32]}]),
            "spec.preprocess[0]",
            "contain 36 values",
        ),
        (
            "/spec/model/sequential",
            json!([{"conv2d": {"filters": 1, "kernel_size": 4_000_000_000_u32, "padding": 2_000_000_000}}, "flatten", {"linear": 2}]),
            "spec.model.sequential[0]",
            "parameters, expected at most",
        ),
        (
            "/spec/training/optimizer",
            json!({"sgd": {"learning_rate": 1e30}}),
            "spec.training.optimizer",
            "the loss became",
        ),
    ] {
        let bench = Bench::with_pictures();
        let mut model = picture_model();
        model["spec"]["data"]["validation_split"] = json!(0.0);
        *model.pointer_mut(pointer).expect(pointer) = value;
        let ended = bench.try_train(&model, 1);
        let fault = ended.fault();
        assert_eq!((ended.code, fault.kind), (Some(2), FaultKind::Specification), "{fault}");
        assert_eq!(fault.key.as_deref(), Some(key), "{fault}");
        assert!(fault.message.contains(expected), "expected `{expected}`, came: {fault}");
    }
}

#[test]
fn batches_of_one_row_cannot_be_normalised_by_column() {
    let bench = Bench::with_pictures();
    let mut model = picture_model();
    model["spec"]["training"]["batch_size"] = json!(1);
    model["spec"]["model"]["sequential"] = json!(["flatten", "batch_norm", {"linear": 2}]);
    let ended = bench.try_train(&model, 1);
    assert_eq!((ended.code, ended.fault().key.as_deref()), (Some(2), Some("spec.training.batch_size")));
}

#[test]
fn a_link_that_leaves_the_folder_is_not_followed() {
    let bench = Bench::with_pictures();
    let secret = bench.path().join("secret");
    std::fs::write(&secret, b"outside").expect("written");
    let link = bench.path().join("source/data/train-images");
    std::fs::remove_file(&link).expect("removed");
    std::os::unix::fs::symlink(&secret, &link).expect("linked");
    let ended = bench.try_train(&picture_model(), 1);
    assert_eq!(ended.code, Some(2));
    assert!(ended.fault().message.contains("is not a plain file in the model's folder"), "{}", ended.fault());
}

#[test]
fn a_job_that_cannot_be_read_is_our_own_fault_and_said_so() {
    let bench = Bench::with_pictures();
    let huge = " ".repeat(5 << 20);
    for (job, expected) in
        [("{", "is not a job"), ("{\"work\": 1}", "is not a job"), (huge.as_str(), "expected at most 4194304")]
    {
        std::fs::write(bench.path().join("job.json"), job).expect("written");
        let ended = bench.run_job(&mut crate::support::trainer());
        assert_eq!((ended.code, ended.fault().kind), (Some(1), FaultKind::Internal));
        assert!(ended.fault().message.contains(expected), "{}", ended.fault());
    }
}

#[test]
fn a_gpu_that_is_asked_for_and_not_there_is_named() {
    let bench = Bench::with_pictures();
    let job: Value =
        json!({"work": {"train": {"model": picture_model(), "source": "source"}}, "threads": 1, "device": "cuda"});
    std::fs::write(bench.path().join("job.json"), job.to_string()).expect("written");
    let mut command = crate::support::trainer();
    // Hides the GPUs of a machine that has some.
    let ended = bench.run_job(command.env("CUDA_VISIBLE_DEVICES", ""));
    assert_eq!(ended.code, Some(1));
    assert!(ended.fault().message.starts_with("a GPU was asked for, but "), "{}", ended.fault());
}
