//! Artifacts that are not whole have no graph. What the graphs compute is tested in `crates/trainer`, where libtorch is.

use std::collections::HashMap;

use safetensors::tensor::TensorView;
use serde_json::{Value as Json, json};

use super::*;
use crate::File;

/// An artifact of a linear layer from two columns to two classes. `tensors` are the names and the shapes of the weights.
fn artifact(more: &Json, tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let mut architecture = json!({
        "api_version": API_VERSION, "task": "classification", "input": [2], "columns": ["a", "b"],
        "classes": ["bad", "good"], "preprocess": [], "model": {"sequential": [{"linear": 2}]},
    });
    architecture.as_object_mut().expect("a mapping").extend(more.as_object().expect("a mapping").clone());
    let zeros = vec![0_u8; 4096];
    let view = |(name, shape): &(&str, &[usize])| {
        let bytes = shape.iter().product::<usize>() * 4;
        ((*name).to_owned(), TensorView::new(safetensors::Dtype::F32, shape.to_vec(), &zeros[..bytes]).expect("a view"))
    };
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), architecture.to_string())]);
    safetensors::serialize(tensors.iter().map(view), Some(metadata)).expect("safetensors")
}

const WHOLE: [(&str, &[usize]); 2] = [("layers.0.weight", &[2, 2]), ("layers.0.bias", &[2])];

fn refused(more: &Json, tensors: &[(&str, &[usize])]) -> String {
    of_artifact(&artifact(more, tensors)).expect_err("refused").to_string()
}

#[test]
fn a_graph_has_the_signature_of_its_artifact_and_no_other_value() {
    let bytes = artifact(&json!({}), &WHOLE);
    let file = File::read(&of_artifact(&bytes).expect("a graph")).expect("it is read");
    let signature = architecture_of(&bytes).expect("an artifact").signature();
    let ports = |fields: &[crate::Field]| -> Vec<(String, String)> {
        fields.iter().map(|field| (field.name.clone(), field.kind.name().to_owned())).collect()
    };
    assert_eq!(ports(&file.inputs), [("input".to_owned(), "double".to_owned())]);
    let outputs = ["label", "probabilities"].map(str::to_owned);
    assert_eq!(ports(&file.outputs).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), outputs);
    let stored: Signature = serde_json::from_str(&file.metadata["slipway.signature"]).expect("a signature");
    assert_eq!(stored, signature);
}

#[test]
fn an_artifact_that_is_not_whole_is_refused_with_what_is_wrong() {
    for (more, tensors, problem) in [
        (json!({}), &WHOLE[..1], "lacks the tensor `layers.0.bias`"),
        (json!({}), &[("layers.0.weight", &[2, 3][..]), WHOLE[1]][..], "of shape [2, 3], expected [2, 2]"),
        (json!({"api_version": "slipway.dev/v9"}), &WHOLE[..], "is of version `slipway.dev/v9`"),
        (json!({"classes": ["a", "b", "c"]}), &WHOLE[..], "ends with 2 outputs, expected 3"),
        (json!({"classes": []}), &WHOLE[..], "expected 0"),
        (json!({"task": "regression", "classes": []}), &WHOLE[..], "lacks the tensor `label.deviation`"),
        (json!({"preprocess": ["auto"]}), &WHOLE[..], "has the step `auto`"),
        (json!({"preprocess": [{"reshape": [7]}]}), &WHOLE[..], "`reshape` to [7] requires 7"),
        (json!({"input": [1, 2]}), &WHOLE[..], "linear expects rows of one dimension"),
        (json!({"encodings": [{"type": "number"}]}), &WHOLE[..], "has 1 encodings for 2 columns"),
        (json!({"model": {"sequential": [{"linear": 4_000_000_000_u32}]}}), &WHOLE[..], "expected at most"),
    ] {
        let error = refused(&more, tensors);
        assert!(error.contains(problem), "{more}: {error}");
    }
    let error = of_artifact(b"nothing").expect_err("refused").to_string();
    assert!(error.contains("is not safetensors"), "{error}");
}
