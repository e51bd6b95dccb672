//! Writes and reads weights as one safetensors file that also contains the architecture. All checks are made before libtorch
//! receives any data.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use slipway_contract::table::MAX_CLASSES;
use slipway_contract::{
    API_VERSION, Architecture, ColumnEncoding, Digest, Fault, FaultKind, METADATA_KEY, MlpLayout, ModelFamily,
    Preprocess, Shape, Task, counted,
};
use slipway_families::stored;
use tch::{Device, Kind, Tensor, nn};

use crate::encoder;
use crate::failure::of_file;
use crate::family::Core;
use crate::head::Head;
use crate::mlp::Mlp;
use crate::network::{Forward, Network};
use crate::output;
use crate::pipeline::Pipeline;

/// The largest weights file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 8 << 30;

/// A model that is ready to predict.
pub(crate) struct Loaded {
    /// SHA-256 of the file.
    pub(crate) digest: Digest,
    /// The architecture.
    pub(crate) architecture: Architecture,
    /// What maps a row to outputs.
    pub(crate) core: Core,
    /// The way from a row to its inputs.
    pub(crate) pipeline: Pipeline,
    /// The meaning of its outputs.
    pub(crate) head: Head,
}

/// Writes the weights or lists of a model, its fitted statistics and its architecture. Returns the file's digest and size.
pub(crate) fn write(
    path: &Path,
    architecture: &Architecture,
    weights: impl IntoIterator<Item = (String, Tensor)>,
    statistics: Vec<(String, Tensor)>,
) -> Result<(Digest, u64), Fault> {
    let mut tensors: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for (name, tensor) in weights.into_iter().chain(statistics) {
        let shape = tensor.size().iter().map(|size| usize::try_from(*size).unwrap_or(0)).collect();
        let (kind, bytes) = bytes_of(&tensor)?;
        tensors.insert(name, (kind, shape, bytes));
    }
    let internal = |error: safetensors::SafeTensorError| Fault::new(FaultKind::Internal, error.to_string());
    let mut views = Vec::with_capacity(tensors.len());
    for (name, (kind, shape, bytes)) in &tensors {
        views.push((name.as_str(), TensorView::new(*kind, shape.clone(), bytes).map_err(internal)?));
    }
    let architecture = serde_json::to_string(architecture).expect("an architecture holds only texts and numbers");
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), architecture)]);
    let file = safetensors::serialize(views, Some(metadata)).map_err(internal)?;
    output::write(path, &file)?;
    Ok((Digest::of(&file), file.len() as u64))
}

/// A tensor's values, little-endian: 64-bit floats (fitted statistics of a table's columns), whole numbers and bytes (lists of trees)
/// as they are, all others as 32-bit floats.
fn bytes_of(tensor: &Tensor) -> Result<(Dtype, Vec<u8>), Fault> {
    let flat = tensor.to_device(Device::Cpu).contiguous().view([-1]);
    if !flat.isfinite().all().int64_value(&[]).eq(&1) {
        return Err(Fault::new(FaultKind::Specification, "training made weights that are not finite numbers")
            .key("spec.training.optimizer")
            .help("lower the learning rate"));
    }
    let bytes = match flat.kind() {
        Kind::Double => Vec::<f64>::try_from(&flat)
            .map(|values| (Dtype::F64, values.iter().flat_map(|v| v.to_le_bytes()).collect())),
        Kind::Int => Vec::<i32>::try_from(&flat)
            .map(|values| (Dtype::I32, values.iter().flat_map(|v| v.to_le_bytes()).collect())),
        Kind::Uint8 => Vec::<u8>::try_from(&flat).map(|values| (Dtype::U8, values)),
        _ => Vec::<f32>::try_from(&flat.to_kind(Kind::Float))
            .map(|values| (Dtype::F32, values.iter().flat_map(|v| v.to_le_bytes()).collect())),
    };
    bytes.map_err(|error| crate::failure::of_torch(&error))
}

/// Reads an artifact and constructs its network on `device`.
pub(crate) fn load(path: &Path, device: Device) -> Result<Loaded, Fault> {
    let size = path.metadata().map_err(|error| of_file(path, &error))?.len();
    if size > MAX_FILE_BYTES {
        return Err(unusable(format!("has {size} bytes, expected at most {MAX_FILE_BYTES}")));
    }
    let bytes = std::fs::read(path).map_err(|error| of_file(path, &error))?;
    let digest = Digest::of(&bytes);
    let (_, header) =
        SafeTensors::read_metadata(&bytes).map_err(|error| unusable(format!("is not safetensors: {error}")))?;
    let architecture = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
    let architecture = architecture
        .ok_or_else(|| unusable(format!("has no `{METADATA_KEY}` in its header: it was not made by Slipway")))?;
    let architecture: Architecture = serde_json::from_str(architecture)
        .map_err(|error| unusable(format!("has an unreadable architecture: {error}")))?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| unusable(format!("is not safetensors: {error}")))?;
    check(&architecture, size)?;
    let mut statistics = Pipeline::names(&architecture);
    statistics.extend(Head::names(architecture.task).iter().map(|name| (*name).to_owned()));
    let core = core_of(&architecture, &tensors, &statistics, device)?;
    let fitted = |name: &str, shape: &Shape| {
        let sizes: Vec<i64> = shape.0.iter().map(|size| i64::from(*size)).collect();
        // Artifacts of earlier trainers store them as 32-bit floats, and those trainers computed with them as such.
        Ok(tensor_of(&tensors, name, &sizes, &[Dtype::F64, Dtype::F32])?.to_device(device))
    };
    let pipeline = Pipeline::from_tensors(&architecture, fitted).map_err(|fault| Fault {
        kind: FaultKind::Artifact,
        key: None,
        ..fault
    })?;
    let head = Head::of(&architecture, |name| {
        let value = tensor_of(&tensors, name, &[1], &[Dtype::F64])?.double_value(&[0]);
        if value.is_finite() { Ok(value) } else { Err(unusable(format!("holds {value} as `{name}`"))) }
    })?;
    Ok(Loaded { digest, architecture, core, pipeline, head })
}

/// The network whose variables are in `store`, with the tensors of an artifact as its weights.
fn filled(
    network: Box<dyn Forward>,
    mut store: nn::VarStore,
    tensors: &SafeTensors<'_>,
    statistics: &[String],
) -> Result<Core, Fault> {
    let variables = store.variables();
    refuse_others(tensors, |name| variables.contains_key(name) || statistics.iter().any(|known| known == name))?;
    fill(&store, tensors)?;
    store.freeze();
    Ok(Core::Network { network, _store: store })
}

/// Constructs the model of an artifact from its tensors. `statistics` are the names of those that are not the model's.
fn core_of(
    architecture: &Architecture,
    tensors: &SafeTensors<'_>,
    statistics: &[String],
    device: Device,
) -> Result<Core, Fault> {
    match &architecture.model {
        ModelFamily::Layers(stack) => {
            let store = nn::VarStore::new(device);
            let input = Pipeline::shape_of(architecture).map_err(|fault| unusable(fault.message))?;
            let network = Network::build(&store.root(), stack, &input).map_err(|fault| unusable(fault.message))?;
            filled(Box::new(network), store, tensors, statistics)
        }
        ModelFamily::Mlp(options) => {
            let store = nn::VarStore::new(device);
            let network = Mlp::of(&store.root(), architecture, options);
            filled(Box::new(network), store, tensors, statistics)
        }
        ModelFamily::GradientBoostedTrees(_) => {
            refuse_others(tensors, |name| {
                stored::TREE_LISTS.contains(&name) || statistics.iter().any(|known| known == name)
            })?;
            let columns = architecture.columns.as_ref().map_or(0, Vec::len);
            let forest = stored::read_trees(tensors, columns, architecture.family_outputs());
            forest.map(Core::Trees).map_err(|error| unusable(error.to_string()))
        }
        ModelFamily::Linear(_) => {
            refuse_others(tensors, |name| {
                stored::LINEAR_PARTS.contains(&name) || statistics.iter().any(|known| known == name)
            })?;
            let input = Pipeline::shape_of(architecture).map_err(|fault| unusable(fault.message))?;
            let inputs = usize::try_from(input.values()).unwrap_or(usize::MAX);
            let fitted = stored::read_linear(tensors, inputs, architecture.family_outputs());
            fitted.map(Core::Linear).map_err(|error| unusable(error.to_string()))
        }
    }
}

/// Refuses tensors that the architecture does not have.
fn refuse_others(tensors: &SafeTensors<'_>, is_known: impl Fn(&str) -> bool) -> Result<(), Fault> {
    match tensors.names().into_iter().find(|name| !is_known(name)) {
        Some(extra) => Err(unusable(format!("holds the tensor `{extra}`, which its architecture does not have"))),
        None => Ok(()),
    }
}

/// Validates an architecture before a network is constructed from it. The file's header is untrusted.
fn check(architecture: &Architecture, file_size: u64) -> Result<(), Fault> {
    let Architecture { api_version, task, classes, model, columns, .. } = architecture;
    if api_version != API_VERSION {
        return Err(unusable(format!("is of version `{api_version}`, expected `{API_VERSION}`")));
    }
    let needed = match task {
        Task::Classification => {
            let names: BTreeSet<&String> = classes.iter().collect();
            if !(2..=MAX_CLASSES).contains(&classes.len()) || names.len() != classes.len() {
                let count = counted(classes.len(), "class");
                return Err(unusable(format!("names {count}, expected 2 to {MAX_CLASSES}, each once")));
            }
            classes.len()
        }
        Task::Regression if !classes.is_empty() => {
            return Err(unusable(format!(
                "predicts a number and names {}, expected none",
                counted(classes.len(), "class")
            )));
        }
        Task::Regression => 1,
    };
    check_columns(architecture)?;
    check_answers(architecture)?;
    let Some(stack) = model.layers() else {
        let columns = columns.as_ref().map_or(0, Vec::len);
        if columns == 0 || architecture.input != Shape(vec![u32::try_from(columns).unwrap_or(u32::MAX)]) {
            let input = &architecture.input;
            return Err(unusable(format!(
                "expects rows of shape {input} for {columns} columns, expected one value each"
            )));
        }
        return check_mlp(architecture, file_size);
    };
    let first = Pipeline::shape_of(architecture).map_err(|fault| unusable(fault.message))?;
    let shapes = stack.shapes(&first).map_err(|error| unusable(error.message))?;
    let outputs = match shapes.last().map(|shape| shape.0.as_slice()) {
        Some([outputs]) => *outputs as usize,
        _ => 0,
    };
    if outputs < needed {
        return Err(unusable(format!("ends with {outputs} outputs, expected {needed}")));
    }
    let inputs = std::iter::once(&first).chain(&shapes);
    let parameters = stack.sequential.iter().zip(inputs).map(|(layer, input)| layer.parameters(input));
    let bytes = parameters.fold(0_u64, u64::saturating_add).saturating_mul(4);
    if bytes > file_size {
        return Err(unusable(format!("needs {bytes} bytes of weights, but has {file_size}")));
    }
    Ok(())
}

/// Validates the layers of an `mlp`, if the architecture has one.
fn check_mlp(architecture: &Architecture, file_size: u64) -> Result<(), Fault> {
    let ModelFamily::Mlp(options) = &architecture.model else { return Ok(()) };
    if let Some(step) = architecture.preprocess.iter().find(|step| matches!(step, Preprocess::Reshape(_))) {
        return Err(unusable(format!("has the step `{}` for `mlp`", step.name())));
    }
    if !(1..=16).contains(&options.hidden.len()) || options.hidden.iter().any(|width| !(1..=4_096).contains(width)) {
        return Err(unusable(format!(
            "has hidden layers of the widths {:?}, expected 1 to 16 of 1 to 4096",
            options.hidden
        )));
    }
    let columns = architecture.columns.as_ref().map_or(0, Vec::len);
    let layout = MlpLayout::of(options.variant, architecture.encodings.as_deref(), columns);
    let outputs = u32::try_from(architecture.classes.len().max(1)).unwrap_or(u32::MAX);
    let bytes = layout.weights(&options.hidden, outputs).saturating_mul(4);
    if bytes > file_size {
        return Err(unusable(format!("needs {bytes} bytes of weights, but has {file_size}")));
    }
    Ok(())
}

/// Validates what turns the outputs into answers.
fn check_answers(architecture: &Architecture) -> Result<(), Fault> {
    let Architecture { task, classes, temperature, threshold, .. } = architecture;
    if (temperature.is_some() || threshold.is_some()) && *task != Task::Classification {
        return Err(unusable("predicts a number and has a temperature or a threshold of classes"));
    }
    if let Some(temperature) = temperature.filter(|temperature| !(*temperature > 0.0 && temperature.is_finite())) {
        return Err(unusable(format!("has the temperature {temperature}, expected a number above zero")));
    }
    if let Some(threshold) = threshold.filter(|threshold| !(0.0..=1.0).contains(threshold)) {
        return Err(unusable(format!("has the threshold {threshold}, expected a number from 0 to 1")));
    }
    if threshold.is_some() && classes.len() != 2 {
        return Err(unusable(format!("has a threshold and {}, expected two", counted(classes.len(), "class"))));
    }
    Ok(())
}

/// Validates the columns of an architecture, and their encodings.
fn check_columns(architecture: &Architecture) -> Result<(), Fault> {
    let Some(encodings) = &architecture.encodings else { return Ok(()) };
    let columns = architecture.columns.as_deref().unwrap_or_default();
    let names: BTreeSet<&String> = columns.iter().collect();
    if columns.len() != encodings.len() || names.len() != columns.len() || columns.is_empty() {
        let (columns, encodings) = (columns.len(), encodings.len());
        return Err(unusable(format!(
            "has {encodings} encodings for {columns} columns, expected one for each, each once"
        )));
    }
    let twice = |encoding: &&ColumnEncoding| {
        encoding.values().is_some_and(|values| values.iter().collect::<BTreeSet<_>>().len() < values.len())
    };
    if encodings.iter().any(|encoding| twice(&encoding)) {
        return Err(unusable("names a value of a column twice"));
    }
    let inputs = encoder::width_of(encodings);
    if inputs == 0 || inputs > encoder::MAX_INPUTS {
        return Err(unusable(format!("has {inputs} inputs, expected 1 to {}", encoder::MAX_INPUTS)));
    }
    let misplaced = |step: &&Preprocess| matches!(step, Preprocess::Auto | Preprocess::Reshape(_));
    if let Some(step) = architecture.preprocess.iter().find(misplaced) {
        return Err(unusable(format!("has the step `{}` for typed columns", step.name())));
    }
    Ok(())
}

fn unusable(what: impl std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Artifact, format!("the artifact {what}"))
}

/// Copies every weight into its variable. Shapes and types must be exactly those of the architecture.
fn fill(store: &nn::VarStore, tensors: &SafeTensors<'_>) -> Result<(), Fault> {
    let _guard = tch::no_grad_guard();
    for (name, mut variable) in store.variables() {
        let values = tensor_of(tensors, &name, &variable.size(), &[Dtype::F32])?;
        variable.copy_(&values);
    }
    Ok(())
}

fn tensor_of(tensors: &SafeTensors<'_>, name: &str, shape: &[i64], kinds: &[Dtype]) -> Result<Tensor, Fault> {
    let view = tensors.tensor(name).map_err(|_| unusable(format!("lacks the tensor `{name}`")))?;
    let found: Vec<i64> = view.shape().iter().map(|size| i64::try_from(*size).unwrap_or(i64::MAX)).collect();
    if !kinds.contains(&view.dtype()) || shape != found {
        let what = format!("holds `{name}` as {:?} of shape {found:?}", view.dtype());
        return Err(unusable(format!("{what}, expected 32-bit floats of shape {shape:?}")));
    }
    let values = if view.dtype() == Dtype::F64 {
        Tensor::from_slice(&little_endian(view.data(), f64::from_le_bytes))
    } else {
        Tensor::from_slice(&little_endian(view.data(), f32::from_le_bytes))
    };
    Ok(values.reshape(found.as_slice()))
}

/// Decodes numbers of `WIDTH` bytes each.
fn little_endian<T, const WIDTH: usize>(bytes: &[u8], number: impl Fn([u8; WIDTH]) -> T) -> Vec<T> {
    bytes.as_chunks::<WIDTH>().0.iter().map(|bytes| number(*bytes)).collect()
}
