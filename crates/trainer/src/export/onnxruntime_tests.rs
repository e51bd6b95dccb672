//! Random models, exported and run in onnxruntime: its answers are those of the evaluation.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value as Json, json};
use slipway_contract::{Architecture, MlpOptions, MlpVariant, Model, ModelFamily, Shape, Task};
use slipway_testkit::onnxruntimes;
use tch::{Device, Kind, Tensor, nn};

use super::drawn::{Draw, DrawnRows, layers};
use super::*;
use crate::artifact;
use crate::evaluation::answers_of;
use crate::head::{LABEL_DEVIATION, LABEL_MEAN};
use crate::mlp::Mlp;
use crate::network::Network;
use crate::pipeline::Pipeline;

/// The networks of the family `mlp`.
const VARIANTS: [MlpVariant; 2] = [MlpVariant::Td, MlpVariant::TdS];
/// The number of random models.
const MODELS: u64 = 150;

/// A specification that names what is drawn, and is otherwise as small as possible.
fn model(drawn: &DrawnRows, task: Task, steps: &Json, layers: &Json) -> Model {
    let data = match &drawn.columns {
        Some(columns) => json!({
            "format": "csv", "label": "y", "train": {"file": "a"}, "test": {"file": "b"}, "columns": columns,
        }),
        None => json!({"format": "csv", "label": "y", "train": {"file": "a"}, "test": {"file": "b"}}),
    };
    let model = json!({
        "apiVersion": "slipway.dev/v1alpha1", "kind": "Model", "metadata": {"name": "drawn"},
        "spec": {
            "paths": ["**"], "task": task, "policy": "policy.yaml", "data": data, "preprocess": steps,
            "model": {"sequential": layers},
            "training": {"optimizer": {"sgd": {"learning_rate": 0.1}}, "epochs": 1, "batch_size": 8},
        }
    });
    serde_json::from_value(model).expect("a model")
}

/// Gives the statistics of batch normalisation values that training could leave.
fn unsettle(store: &nn::VarStore, draw: &mut Draw) {
    let _guard = tch::no_grad_guard();
    // In the order of their names, so that the same draw gives the same values.
    let variables: BTreeMap<_, _> = store.variables().into_iter().collect();
    for (name, mut variable) in variables {
        if name.ends_with("running_mean") {
            let _ = variable.uniform_(-draw.within(0.1, 2.0), 1.0);
        } else if name.ends_with("running_var") {
            let _ = variable.uniform_(0.2, draw.within(0.3, 3.0));
        }
    }
}

/// Draws a model, writes its artifact and its graph into `folder`, and returns the case for onnxruntime.
fn case(number: u64, folder: &Path) -> Json {
    let mut draw = Draw::seeded(number);
    tch::manual_seed(i64::try_from(number).expect("few"));
    let mut drawn = DrawnRows::drawn(&mut draw);
    let task = if draw.chance(0.3) { Task::Regression } else { Task::Classification };
    let classes: Vec<String> = match task {
        Task::Classification => {
            ["bad", "good", "größe, 3", "", "5"][..draw.below(4) + 2].iter().map(|text| (*text).to_owned()).collect()
        }
        Task::Regression => Vec::new(),
    };
    let steps = drawn.steps(&mut draw);
    let spec = model(&drawn, task, &steps, &json!([{"linear": 1}]));
    let steps = spec.spec.preprocess.clone();
    let half = i64::try_from(drawn.rows.len() / 2).expect("few");
    let training = Tensor::arange(half, (Kind::Int64, Device::Cpu));
    let pipeline = Pipeline::fit(&spec, &steps, &drawn.rows, &training).unwrap_or_else(|faults| panic!("{faults:?}"));
    if let Some(encoder) = pipeline.encoder() {
        encoder.recode(&mut drawn.rows);
    }
    let encodings = pipeline.encoder().map(|encoder| encoder.encodings().to_vec());
    let mut architecture = Architecture {
        api_version: API_VERSION.to_owned(),
        task,
        input: drawn.rows.shape.clone(),
        columns: drawn.rows.columns.clone(),
        encodings,
        classes: classes.clone(),
        temperature: (!classes.is_empty() && number.is_multiple_of(2)).then_some(1.7),
        threshold: (classes.len() == 2 && !number.is_multiple_of(3)).then_some(0.37),
        preprocess: steps,
        model: serde_json::from_value(json!({"sequential": ["relu"]})).expect("layers"),
    };
    let first: Shape = Pipeline::shape_of(&architecture).expect("a shape");
    let store = nn::VarStore::new(Device::Cpu);
    let is_table = architecture.columns.is_some() && first.0.len() == 1;
    if is_table && number.is_multiple_of(3) {
        let options = MlpOptions {
            variant: VARIANTS[usize::from(number.is_multiple_of(2))],
            hidden: vec![16, 9],
            ..MlpOptions::default()
        };
        architecture.model = ModelFamily::Mlp(options.clone());
        let inputs = pipeline.apply(&drawn.rows.batch(&training));
        let targets = Tensor::from_slice(&[-1.5_f32, 1.5]);
        Mlp::of(&store.root(), &architecture, &options).initialise(MlpVariant::Td, &inputs, &targets);
    } else {
        let stack = layers(&mut draw, &first, classes.len().max(1));
        Network::build(&store.root(), &stack, &first).expect("it fits");
        architecture.model = ModelFamily::Layers(stack);
    }
    unsettle(&store, &mut draw);
    let mut statistics = pipeline.tensors();
    if task == Task::Regression {
        statistics.push((LABEL_MEAN.to_owned(), Tensor::from_slice(&[draw.within(-1e4, 1e4)])));
        statistics.push((LABEL_DEVIATION.to_owned(), Tensor::from_slice(&[draw.within(0.1, 1e3)])));
    }
    let weights = folder.join(format!("{number}.safetensors"));
    artifact::write(&weights, &architecture, store.variables(), statistics).expect("written");
    let (bytes, compared) = exported(&weights, &drawn.rows).unwrap_or_else(|fault| panic!("{number}: {fault}"));
    assert!(compared.rows >= 40, "{number}: {} rows", compared.rows);
    let again = exported(&weights, &drawn.rows).expect("again").0;
    assert!(bytes == again, "{number}: the same artifact gives the same bytes");
    let graph = folder.join(format!("{number}.onnx"));
    std::fs::write(&graph, &bytes).expect("written");

    let _guard = tch::no_grad_guard();
    let loaded = artifact::load(&weights, Device::Cpu).expect("an artifact");
    let all = Tensor::arange(i64::try_from(drawn.rows.len()).expect("few"), (Kind::Int64, Device::Cpu));
    let answers = answers_of(&loaded, &drawn.rows.batch(&all), Device::Cpu).expect("answers");
    let numbers = Vec::<f64>::try_from(&answers.to_kind(Kind::Double).contiguous().view([-1])).expect("numbers");
    let labels = (task == Task::Classification).then(|| {
        let places = Vec::<i64>::try_from(&loaded.head.predicted(&answers)).expect("places");
        places.into_iter().map(|place| classes[usize::try_from(place).expect("a place")].clone()).collect::<Vec<_>>()
    });
    let signature = architecture.signature();
    let names = signature.inputs.iter().map(|input| input.field.name.as_str());
    let mut about = String::new();
    let _ = write!(about, "{number}: {}", serde_json::to_string(&architecture).expect("JSON"));
    json!({
        "about": about, "model": graph, "inputs": drawn.inputs(names), "classes": classes, "labels": labels,
        "numbers": numbers, "width": answers.size()[1],
    })
}

#[test]
fn onnxruntime_gives_the_predictions_of_the_evaluation_for_random_models() {
    let Some(pythons) = onnxruntimes() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let cases: Vec<String> = (0..MODELS).map(|number| case(number, folder.path()).to_string()).collect();
    let file = folder.path().join("cases.jsonl");
    std::fs::write(&file, cases.join("\n")).expect("written");
    for python in pythons {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/check_onnx.py");
        let ran = Command::new(&python).arg(script).arg(&file).output().expect("it ran");
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
        println!("{said}");
    }
}
