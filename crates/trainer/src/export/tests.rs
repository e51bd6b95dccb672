//! A graph is kept only if it computes what its artifact computes, and a training goes on without one.

use serde_json::json;
use slipway_contract::{Architecture, Shape};
use tch::{Tensor, nn};

use super::*;
use crate::data::Target;
use crate::network::Network;

fn rows() -> Rows {
    let values: Vec<f64> = (0..20).map(|value| f64::from(value) / 10.0 - 1.0).collect();
    Rows {
        features: Tensor::from_slice(&values).reshape([10, 2]),
        shape: Shape(vec![2]),
        target: Target::Numbers(vec![0.0; 10]),
        columns: Some(["a", "b"].map(str::to_owned).to_vec()),
        texts: Vec::new(),
        origin: None,
        aside: Vec::new(),
        weights: Vec::new(),
    }
}

/// The weights of two classes from two columns, in a folder. The seed decides the weights.
fn written(folder: &Path, seed: i64) -> Digest {
    let architecture: Architecture = serde_json::from_value(json!({
        "api_version": API_VERSION, "task": "classification", "input": [2], "columns": ["a", "b"],
        "classes": ["no", "yes"], "preprocess": [], "model": {"sequential": [{"linear": 2}]},
    }))
    .expect("an architecture");
    tch::manual_seed(seed);
    let store = nn::VarStore::new(Device::Cpu);
    let stack = architecture.model.layers().expect("layers");
    Network::build(&store.root(), stack, &architecture.input).expect("it fits");
    weights::write(&folder.join(Job::WEIGHTS), &architecture, store.variables(), Vec::new()).expect("written").0
}

fn report(folder: &Path) -> ExportReport {
    let text = std::fs::read(folder.join(Job::EXPORT)).expect("a report");
    serde_json::from_slice(&text).expect("an export report")
}

#[test]
fn a_graph_that_computes_something_else_is_not_kept() {
    let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
    let files: Vec<_> = folders.iter().map(|folder| folder.path().join(Job::WEIGHTS)).collect();
    for (seed, folder) in (1..).zip(&folders) {
        written(folder.path(), seed);
    }
    let (bytes, compared) = exported(&files[0], &rows()).expect("a graph");
    assert_eq!(compared.rows, 10);
    let other = weights::load(&files[1], Device::Cpu).expect("an artifact");
    let fault = compare::compare(&bytes, &other, &rows()).err().expect("another artifact");
    assert!(fault.message.starts_with("it does not compute what the artifact computes"), "{}", fault.message);
    let fault = compare::compare(&bytes[..bytes.len() / 2], &other, &rows()).err().expect("half a file");
    assert_eq!(fault.kind, FaultKind::Internal);
}

#[test]
fn the_report_says_what_was_written_or_why_nothing_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let digest = written(folder.path(), 1);
    export(folder.path(), &digest, &rows()).expect("exported");
    let OnnxExport::Written { digest: graph, bytes, .. } = report(folder.path()).onnx else { panic!("left out") };
    let kept = std::fs::read(folder.path().join(Job::ONNX)).expect("a graph");
    assert_eq!((Digest::of(&kept), kept.len() as u64), (graph, bytes));

    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(Job::WEIGHTS), "no weights").expect("written");
    export(folder.path(), &digest, &rows()).expect("a training goes on");
    let OnnxExport::LeftOut { reason } = report(folder.path()).onnx else { panic!("written") };
    assert!(reason.contains("is not safetensors"), "{reason}");
    assert!(!folder.path().join(Job::ONNX).exists());
}
