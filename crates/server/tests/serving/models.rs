//! Small models: graphs of every kind of input, and artifacts as the trainer writes them.

use std::collections::HashMap;
use std::path::Path;

use safetensors::tensor::TensorView;
use serde_json::json;
use slipway_contract::{API_VERSION, Digest, METADATA_KEY};
use slipway_onnx::{Dimension, ElementType, Graph, Node, Tensor, Values};

/// The rows of an input, and a fixed width.
fn wide(width: usize) -> [Dimension; 2] {
    [Dimension::Batch, Dimension::Fixed(width)]
}

/// A graph with a float, a double, a text and bytes as inputs, which it gives back: the floats twice as large.
pub(crate) fn echo() -> Vec<u8> {
    let mut graph = Graph::new("echo");
    let x = graph.input("x", ElementType::Float, &wide(2));
    let y = graph.input("y", ElementType::Double, &wide(1));
    let text = graph.input("text", ElementType::String, &wide(1));
    let image = graph.input("image", ElementType::Uint8, &wide(3));
    let two = graph.constant("two", Tensor::float(2.0));
    let doubled = graph.node(Node::new("Mul", &[x, two]));
    graph.output("doubled", doubled, ElementType::Float, &wide(2));
    for (name, value, kind, width) in [
        ("number", y, ElementType::Double, 1),
        ("text_back", text, ElementType::String, 1),
        ("image_back", image, ElementType::Uint8, 3),
    ] {
        let same = graph.node(Node::new("Identity", &[value]));
        graph.output(name, same, kind, &wide(width));
    }
    graph.into_bytes().expect("a graph")
}

/// A graph that adds a number.
pub(crate) fn plus(number: f32) -> Vec<u8> {
    let mut graph = Graph::new("plus");
    let x = graph.input("x", ElementType::Float, &wide(1));
    let constant = graph.constant("constant", Tensor::float(number));
    let sum = graph.node(Node::new("Add", &[x, constant]));
    graph.output("y", sum, ElementType::Float, &wide(1));
    graph.into_bytes().expect("a graph")
}

/// A graph of an operator that no engine has.
pub(crate) fn unknown_operator() -> Vec<u8> {
    let mut graph = Graph::new("unknown");
    let x = graph.input("x", ElementType::Float, &wide(1));
    let y = graph.node(Node::new("NoSuchOperator", &[x]));
    graph.output("y", y, ElementType::Float, &wide(1));
    graph.into_bytes().expect("a graph")
}

/// The width of [`slow`].
pub(crate) const SLOW_WIDTH: usize = 512;

/// A graph of matrix products: a row takes milliseconds.
pub(crate) fn slow() -> Vec<u8> {
    let mut graph = Graph::new("slow");
    let x = graph.input("x", ElementType::Float, &wide(SLOW_WIDTH));
    let matrix = vec![1e-3_f32; SLOW_WIDTH * SLOW_WIDTH];
    let matrix = Tensor::new(&[SLOW_WIDTH, SLOW_WIDTH], Values::Float(matrix)).expect("a matrix");
    let matrix = graph.constant("matrix", matrix);
    let mut value = x;
    for _ in 0..60 {
        value = graph.node(Node::new("MatMul", &[value, matrix]));
    }
    graph.output("y", value, ElementType::Float, &wide(SLOW_WIDTH));
    graph.into_bytes().expect("a graph")
}

/// Weights of a linear model of an age and a colour. A positive `bias` prefers `good`; `red` counts for `good`.
pub(crate) fn weights(bias: f32) -> Vec<u8> {
    let architecture = json!({
        "api_version": API_VERSION, "task": "classification", "input": [2], "columns": ["age", "colour"],
        "encodings": [{"type": "number"}, {"type": "category", "values": ["red", "blue"]}],
        "classes": ["bad", "good"], "preprocess": [], "model": {"sequential": [{"linear": 2}]},
    });
    let lists = [
        ("columns.fill", vec![1], vec![40.0]),
        ("layers.0.weight", vec![2, 3], vec![0.0, 0.0, 0.0, 0.01, 4.0, 0.0]),
        ("layers.0.bias", vec![2], vec![0.0, bias]),
    ];
    let bytes: Vec<Vec<u8>> = lists
        .iter()
        .map(|(_, _, list): &(_, _, Vec<f32>)| list.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let views = lists.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        (*name, TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).expect("a view"))
    });
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), architecture.to_string())]);
    safetensors::serialize(views, Some(metadata)).expect("safetensors")
}

/// Writes an artifact as a run does, and returns its digest.
pub(crate) fn write_artifact(folder: &Path, weights: &[u8], run: &str) -> Digest {
    std::fs::create_dir_all(folder.join("evidence")).expect("a folder");
    let digest = Digest::of(weights);
    let graph = slipway_onnx::artifact::of_artifact(weights).expect("a graph");
    let report = json!({
        "apiVersion": API_VERSION, "kind": "ExportReport", "artifact": digest,
        "onnx": {"state": "written", "digest": Digest::of(&graph), "bytes": graph.len(), "rows": 3, "largestDifference": 0.0},
    });
    let evidence = json!({"run": run, "revision": COMMIT, "artifact": digest, "kind": "Evidence"});
    let (report, evidence) = (report.to_string(), evidence.to_string());
    let evidence_name = format!("evidence/{run}.json");
    let files: [(&str, &[u8]); 4] = [
        ("model.safetensors", weights),
        ("model.onnx", &graph),
        ("export.json", report.as_bytes()),
        (&evidence_name, evidence.as_bytes()),
    ];
    for (name, content) in files {
        std::fs::write(folder.join(name), content).expect("written");
    }
    digest
}

/// The commit in the evidence of artifacts.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
