//! Trains a model: reads and checks the data, runs the training loop, and writes the artifact with its report and card.

mod course;
mod weights;

use std::time::Instant;

use slipway_contract::table::{Counted, did_you_mean, first_of, shown};
use slipway_contract::{
    API_VERSION, Architecture, Fault, FaultKind, Job, Layer, Model, ModelCard, Preprocess, Shape, TrainingJob,
    TrainingReport, counted,
};
use tch::{Tensor, nn};

use crate::data::{self, Half, Rows, Target, ValidatedData};
use crate::definable;
use crate::head::{self, Head, Objective};
use crate::job::JobContext;
use crate::network::Network;
use crate::pipeline::Pipeline;
use crate::progress::Reporter;
use crate::{artifact, device, output, precision, preprocessing, split};
use course::{Course, Outcome};

/// The most rows of the first batch that is tried before training.
const FIRST_BATCH: i64 = 512;

/// Trains a model and writes the weights, the report and the card.
pub(crate) fn train(job: &TrainingJob, context: &JobContext<'_>) -> Result<(), Fault> {
    let mut reporter = Reporter::new();
    let model = &job.model;
    if let Some(problem) = model.problems().into_iter().next() {
        return Err(problem);
    }
    let source = context.folder.join(&job.source);
    Reporter::stage("reading data");
    let (prepared, said) = prepare(job, context);
    said.faults.iter().skip(1).for_each(|fault| Reporter::stage(&format!("also: {fault}")));
    said.warnings.iter().for_each(warn);
    let Some(prepared) = prepared else {
        return Err(refuse(said.faults, context));
    };
    let Prepared { rows, network, store, training, validation, pipeline, head, objective, steps } = prepared;
    let digest_of_data = data::digest(model, &source, &[Half::Train, Half::Test])?;
    let spec = &model.spec.training;
    let architecture = Architecture {
        api_version: API_VERSION.to_owned(),
        task: model.spec.task,
        input: rows.shape.clone(),
        columns: rows.columns.clone(),
        encodings: pipeline.encoder().map(|encoder| encoder.encodings().to_vec()),
        classes: rows.classes().to_vec(),
        preprocess: steps,
        model: model.spec.model.clone(),
    };
    let statistics: Vec<(String, Tensor)> = pipeline.tensors().into_iter().chain(head.tensors()).collect();
    let rows_by_class = rows_by_class(&rows, &training)?;
    let pipeline = pipeline.to_device(context.device);
    let course = Course {
        inputs: pipeline.apply_to_table(&rows, context.device),
        targets: head.targets(&rows),
        objective: objective.to_device(context.device),
        rows: &rows,
        network: &network,
        pipeline,
        head: &head,
        device: context.device,
    };
    Reporter::stage(&format!("training on {} ({})", counted(training.size()[0], "row"), device::name(context.device)));
    let begun = Instant::now();
    let Outcome { epochs, kept } = course.run(model, &store, &training, &validation, &mut reporter)?;
    let seconds = begun.elapsed().as_secs_f64();
    Reporter::stage("writing weights");
    let (digest, artifact_bytes) =
        artifact::write(&context.output.join("model.safetensors"), &architecture, &store, statistics)?;
    let parameters = store.trainable_variables().iter().map(|variable| variable.numel() as u64).sum();
    let count = |indices: &Tensor| u64::try_from(indices.size()[0]).unwrap_or(0);
    let report = TrainingReport {
        api_version: API_VERSION.to_owned(),
        kind: "TrainingReport".to_owned(),
        artifact: digest.clone(),
        artifact_bytes,
        parameters,
        data: digest_of_data,
        training_rows: count(&training),
        validation_rows: count(&validation),
        epochs,
        training_loss: kept.training_loss,
        validation_accuracy: kept.accuracy,
        device: device::name(context.device).to_owned(),
        threads: context.threads,
        seed: spec.seed,
        trainer: env!("CARGO_PKG_VERSION").to_owned(),
        libtorch: device::libtorch_version(),
        seconds,
    };
    output::write_json(&context.output.join("training.json"), &report)?;
    output::write(&context.output.join(Job::RESOLVED), resolved_text(model).as_bytes())?;
    let card = ModelCard {
        api_version: API_VERSION.to_owned(),
        kind: "ModelCard".to_owned(),
        name: model.metadata.name.to_string(),
        artifact: digest,
        architecture,
        training: spec.clone(),
        rows_by_class,
        parameters,
    };
    output::write_json(&context.output.join("card.json"), &card)
}

/// Finds the faults that would end a training before its first step. Faults of independent parts are found together.
pub(crate) fn check(job: &TrainingJob, context: &JobContext<'_>) -> Result<(), Fault> {
    let mut faults = job.model.problems();
    // A specification with mistakes defines no network.
    let said = if faults.is_empty() {
        let (prepared, mut said) = prepare(job, context);
        said.warnings.extend(prepared.and_then(|prepared| prepared.absurd_at_first(&job.model, context.device)));
        said
    } else {
        let ValidatedData { faults, warnings, .. } =
            data::validate(job, &context.folder.join(&job.source), outputs_of(&job.model));
        Said { faults, warnings }
    };
    faults.extend(said.faults);
    output::write_json(&context.output.join(Job::FAULTS), &faults)?;
    output::write_json(&context.output.join(Job::WARNINGS), &said.warnings)
}

/// The faults and warnings before a training.
struct Said {
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
}

/// The inputs of a training.
struct Prepared {
    rows: Rows,
    network: Network,
    store: nn::VarStore,
    /// The indexes of the training rows. The field below contains those of the validation rows.
    training: Tensor,
    validation: Tensor,
    pipeline: Pipeline,
    head: Head,
    objective: Objective,
    /// The steps of preprocessing, with `auto` written out.
    steps: Vec<Preprocess>,
}

/// Reads the data and constructs the network. If there is a fault, nothing is prepared, and all faults that can be found are
/// returned.
fn prepare(job: &TrainingJob, context: &JobContext<'_>) -> (Option<Prepared>, Said) {
    let model = &job.model;
    let ValidatedData { training, shape, test, faults, warnings } =
        data::validate(job, &context.folder.join(&job.source), outputs_of(model));
    let mut said = Said { faults, warnings };
    let Some(rows) = training else {
        // The layers can be checked nevertheless, if the width of the inputs is known.
        let built = shape.map(|shape| {
            let shape = preprocessing::shape_after(&model.spec.preprocess, &shape)?;
            network_of(model, &nn::VarStore::new(context.device), &shape)
        });
        said.faults.extend(built.and_then(Result::err));
        return (None, said);
    };
    let prepared = build(model, rows, test, context.device, &mut said);
    (prepared.filter(|_| said.faults.is_empty()), said)
}

fn build(model: &Model, mut rows: Rows, test: Option<Rows>, device: tch::Device, said: &mut Said) -> Option<Prepared> {
    let seed = i64::from(model.spec.training.seed);
    let steps = model.resolved().spec.preprocess;
    let mut shape = rows.shape.clone();
    if !rows.is_typed() {
        shape =
            preprocessing::shape_after(&model.spec.preprocess, &shape).map_err(|fault| said.faults.push(fault)).ok()?;
    }
    // The split and the initial weights have their own seeds, so that neither depends on the other.
    tch::manual_seed(seed * 1_000_003);
    let split = split::split(&rows, model.spec.data.validation_split());
    let (training, validation) = split.map_err(|fault| said.faults.push(fault)).ok()?;
    said.faults.extend(comparison_fault(model, &rows, &validation));
    said.faults.extend(unknown_log_columns(&steps, &rows));
    let pipeline = Pipeline::fit(model, &steps, &rows, &training);
    let pipeline = pipeline.map_err(|faults| said.faults.extend(faults)).ok()?;
    said.warnings.extend(recode(&pipeline, &mut rows, "training or validation"));
    let test = test.map(|mut test| {
        said.warnings.extend(recode(&pipeline, &mut test, "test"));
        test
    });
    if let Some(encoder) = pipeline.encoder() {
        shape = Shape(vec![u32::try_from(encoder.width()).unwrap_or(u32::MAX)]);
    }
    tch::manual_seed(seed);
    let store = nn::VarStore::new(device);
    let network = network_of(model, &store, &shape).map_err(|fault| said.faults.push(fault)).ok()?;
    let head = Head::fit(&rows, &training).map_err(|fault| said.faults.push(fault)).ok()?;
    let objective = Objective::new(model, &rows, &training, outputs_of(model));
    let objective = objective.map_err(|fault| said.faults.push(fault)).ok();
    let before = said.faults.len();
    said.faults.extend(precision::every_value_fits(&rows, &pipeline));
    said.faults.extend(test.iter().flat_map(|test| precision::every_value_fits(test, &pipeline)));
    if said.faults.len() == before {
        match precision::warnings(&rows, &steps, &pipeline) {
            Ok(warnings) => said.warnings.extend(warnings),
            Err(fault) => said.faults.push(fault),
        }
    }
    Some(Prepared { rows, network, store, training, validation, pipeline, head, objective: objective?, steps })
}

/// The fault of a metric that cannot compare epochs on the validation rows.
fn comparison_fault(model: &Model, rows: &Rows, validation: &Tensor) -> Option<Fault> {
    let places = Vec::<i64>::try_from(validation).ok().filter(|places| !places.is_empty())?;
    // The default metrics of both tasks are defined on all rows.
    definable::check_comparison(model.spec.training.metric.as_ref()?, rows, &places)
}

/// The faults of columns whose logarithm is to be taken and that nothing is learnt from.
fn unknown_log_columns(steps: &[Preprocess], rows: &Rows) -> Vec<Fault> {
    let Some(columns) = &rows.columns else { return Vec::new() };
    let known: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut faults = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let Preprocess::Log(log) = step else { continue };
        for name in log.columns.iter().filter(|name| !columns.contains(name)) {
            let message = format!("`{}` is not among the columns to learn from", shown(name));
            let fault =
                Fault::new(FaultKind::Specification, message).key(format!("spec.preprocess[{index}].log.columns"));
            faults.push(Fault { help: did_you_mean(name, &known), ..fault });
        }
    }
    faults
}

/// Gives the texts of rows the codes of the encodings. Returns a warning for every column with texts that no training row has.
fn recode(pipeline: &Pipeline, rows: &mut Rows, which: &str) -> Vec<Fault> {
    let Some(encoder) = pipeline.encoder() else { return Vec::new() };
    let key = rows.origin.as_ref().map_or_else(String::new, |origin| origin.key.clone());
    let warning = |(column, unseen): (String, Vec<Counted>)| {
        let texts: Vec<String> = unseen.iter().map(|(text, _)| text.clone()).collect();
        let count: u64 = unseen.iter().map(|(_, rows)| rows).sum();
        let message = format!(
            "column `{}`: {} of values that no training row has, or too few: {}",
            shown(&column),
            counted(count, &format!("{which} row")),
            first_of(&texts)
        );
        Fault::new(FaultKind::Data, message).key(&key).help("they are encoded as a value that is not known")
    };
    encoder.recode(rows).into_iter().map(warning).collect()
}

/// The model with every default written out, as YAML.
fn resolved_text(model: &Model) -> String {
    let mut text = Vec::new();
    // Plain serialisation would write enums as YAML tags, which no reader of model files accepts.
    let mut serializer = serde_yaml::Serializer::new(&mut text);
    serde_yaml::with::singleton_map_recursive::serialize(&model.resolved(), &mut serializer)
        .expect("a model holds only texts and numbers");
    let text = String::from_utf8(text).expect("YAML is text");
    format!("# Every default is written out. Training this gives the same artifact.\n{text}")
}

/// Writes all faults to the job's output, and returns the first.
fn refuse(faults: Vec<Fault>, context: &JobContext<'_>) -> Fault {
    let unknown = || Fault::new(FaultKind::Internal, "the training cannot begin, and nothing says why");
    match output::write_json(&context.output.join(Job::FAULTS), &faults) {
        Ok(()) => faults.into_iter().next().unwrap_or_else(unknown),
        Err(fault) => fault,
    }
}

fn warn(warning: &Fault) {
    let help = warning.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
    Reporter::stage(&format!("warning: {}{help}", warning.message));
}

/// A loss that scaled data never give. An untrained network has the logarithm of the number of classes, which is at most 9.2 for
/// 10,000. A loss a hundred thousand times as large means that values are far from the range of the initial weights.
const ABSURD_LOSS: f64 = 1e6;

fn absurd(loss: f64, when: &str, model: &Model) -> Option<Fault> {
    if loss <= ABSURD_LOSS {
        return None;
    }
    let message = format!(
        "the loss is {loss:.1e} {when}, where a network that only guesses has less than 10: the values are too large"
    );
    Some(Fault::new(FaultKind::Data, message).key("spec.preprocess").help(precision::scaled(&model.spec.preprocess)))
}

impl Prepared {
    /// A warning if the first rows give an absurd loss before training.
    fn absurd_at_first(self, model: &Model, device: tch::Device) -> Option<Fault> {
        let Self { rows, network, training, pipeline, head, objective, .. } = self;
        let _guard = tch::no_grad_guard();
        let indices = training.narrow(0, 0, FIRST_BATCH.min(training.size()[0]));
        if indices.size()[0] < 2 && network.needs_two_rows() {
            return None;
        }
        let batch = pipeline.to_device(device).apply(&rows.batch(&indices).to_device(device));
        let targets = head.targets(&rows).index_select(0, &indices).to_device(device);
        let loss = objective.to_device(device).of(&network.forward(&batch, true), &targets).double_value(&[]);
        absurd(loss, "before anything is learnt", model)
    }
}

/// The network for rows of shape `input`.
fn network_of(model: &Model, store: &nn::VarStore, input: &Shape) -> Result<Network, Fault> {
    let network = Network::build(&store.root(), &model.spec.model, input)?;
    if network.needs_two_rows() && model.spec.training.batch_size == 1 {
        let message = "batches of one row have no variance for `batch_norm` to divide by, expected at least 2";
        return Err(Fault::new(FaultKind::Specification, message).key("spec.training.batch_size").help("32 is usual"));
    }
    Ok(network)
}

/// The width of the last layer. The specification was checked to end with a linear layer.
fn outputs_of(model: &Model) -> u32 {
    match model.spec.model.sequential.last() {
        Some(Layer::Linear(outputs)) => *outputs,
        _ => 0,
    }
}

/// The number of training rows of each class. Empty if numbers are predicted.
fn rows_by_class(rows: &Rows, training: &Tensor) -> Result<Vec<(String, u64)>, Fault> {
    let Target::Classes { labels, classes } = &rows.target else { return Ok(Vec::new()) };
    let counts = head::counts(labels, classes.len(), training)?;
    Ok(classes.iter().cloned().zip(counts).collect())
}
