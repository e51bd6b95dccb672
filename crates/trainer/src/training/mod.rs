//! Trains a model: reads and checks the data, runs the training loop, and writes the artifact with its report and card.

mod baseline;
mod calibrated;
mod course;
mod made;
mod prepare;
mod rounds;
mod selection;
mod solved;
mod targets;
mod weights;

use std::time::Instant;

use slipway_contract::{
    API_VERSION, Fault, FaultKind, Job, Model, ModelCard, SelectionReport, TrainingJob, TrainingReport, counted,
};
use tch::Tensor;

use crate::data::{self, Half, Rows, Target, ValidatedData};
use crate::head::{self, floats};
use crate::job::JobContext;
use crate::progress::Reporter;
use crate::{artifact, device, export, family, output, precision};
pub(crate) use baseline::train as train_baseline;
use course::{Course, Epoch, Outcome};
use made::Made;
use prepare::{Prepared, Said, Subject, outputs_of, prepare};
use rounds::{Fitted, Ground};
use solved::{Solved, solve};

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
    let selected = selection::select(job, context)?;
    let chosen = selected.as_ref().map(|selected| TrainingJob { model: selected.model.clone(), ..job.clone() });
    let job = chosen.as_ref().unwrap_or(job);
    let model = &job.model;
    Reporter::stage("reading data");
    let (prepared, said) = prepare(job, context);
    said.faults.iter().skip(1).for_each(|fault| Reporter::stage(&format!("also: {fault}")));
    said.warnings.iter().for_each(warn);
    output::write_json(&context.output.join(Job::WARNINGS), &said.warnings)?;
    let Some(prepared) = prepared else {
        return Err(refuse(said.faults, context));
    };
    let digest_of_data = data::digest(model, &source, &[Half::Train, Half::Test])?;
    let spec = &model.spec.training;
    let rows_by_class = rows_by_class(&prepared.rows, &prepared.training)?;
    // Other families than networks compute on the CPU.
    let device = if model.spec.model.has_epochs() { context.device } else { tch::Device::Cpu };
    let count = counted(prepared.training.size()[0], "row");
    Reporter::stage(&format!("training on {count} ({})", device::name(device)));
    let begun = Instant::now();
    let mut made = prepared.make(model, (context.threads, device), &mut reporter)?;
    made.calibrate(model, &context.output.join(Job::WEIGHTS), device)?;
    let Made { rows, training, validation, architecture, statistics, trained } = made;
    let seconds = begun.elapsed().as_secs_f64();
    Reporter::stage("writing weights");
    let Trained { weights, parameters, epochs, kept } = trained;
    let (digest, artifact_bytes) =
        artifact::write(&context.output.join(Job::WEIGHTS), &architecture, weights, statistics)?;
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
        device: device::name(device).to_owned(),
        threads: context.threads,
        seed: spec.seed,
        trainer: env!("CARGO_PKG_VERSION").to_owned(),
        libtorch: device::libtorch_version(),
        seconds,
    };
    output::write_json(&context.output.join("training.json"), &report)?;
    output::write(&context.output.join(Job::RESOLVED), resolved_text(model).as_bytes())?;
    if let Some(selected) = &selected {
        output::write_json(&context.output.join(SelectionReport::FILE), &selected.report(digest.clone()))?;
    }
    Reporter::stage("exporting");
    output::write_json(&context.output.join(Job::SIGNATURE), &architecture.signature())?;
    export::export(&context.output, &digest, &rows)?;
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

/// Trains what was prepared, on a device.
fn fit(
    subject: Subject,
    model: &Model,
    ground: &Ground<'_>,
    device: tch::Device,
    reporter: &mut Reporter,
) -> Result<Trained, Fault> {
    let Ground { rows, head, pipeline, training, validation, .. } = *ground;
    match subject {
        Subject::Network { network, store, objective } => {
            let pipeline = pipeline.to_device(device);
            let course = Course {
                inputs: pipeline.apply_to_table(rows, device),
                targets: head.targets(rows),
                weights: (!rows.weights.is_empty()).then(|| floats(&rows.weights)),
                objective: objective.to_device(device),
                rows,
                network: network.as_ref(),
                pipeline,
                head,
                device,
            };
            let Outcome { epochs, kept } = course.run(&model.resolved(), &store, training, validation, reporter)?;
            let parameters = store.trainable_variables().iter().map(|variable| variable.numel() as u64).sum();
            Ok(Trained { weights: store.variables().into_iter().collect(), parameters, epochs, kept })
        }
        Subject::Trees(options) => {
            let Fitted { forest, rounds, kept } = ground.fit(&model.resolved(), &options)?;
            let parameters = forest.trees().iter().map(|tree| tree.nodes().len() as u64).sum();
            Ok(Trained { weights: family::tensors_of_trees(&forest), parameters, epochs: rounds, kept })
        }
        Subject::Linear(options) => {
            let Solved { model: fitted, kept } =
                solve(&model.resolved(), &options, rows, (head, pipeline), (training, validation))?;
            let parameters = (fitted.coefficients().len() + fitted.intercepts().len()) as u64;
            Ok(Trained { weights: family::tensors_of_linear(&fitted), parameters, epochs: kept.number, kept })
        }
    }
}

/// Finds the faults that would end a training before its first step. Faults of independent parts are found together.
pub(crate) fn check(job: &TrainingJob, context: &JobContext<'_>) -> Result<(), Fault> {
    let mut faults = job.model.problems();
    // A specification with mistakes defines no network.
    let said = if faults.is_empty() && job.model.program().is_none() {
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

/// What a training gives.
struct Trained {
    /// The weights or lists, by their names in an artifact.
    weights: Vec<(String, Tensor)>,
    parameters: u64,
    epochs: u32,
    kept: Epoch,
}

/// The model with every default written out, as YAML.
pub(crate) fn resolved_text(model: &Model) -> String {
    let mut text = Vec::new();
    // Plain serialisation would write enums as YAML tags, which no reader of model files accepts.
    let mut serializer = serde_yaml::Serializer::new(&mut text);
    serde_yaml::with::singleton_map_recursive::serialize(&model.resolved(), &mut serializer)
        .expect("a model holds only texts and numbers");
    let text = String::from_utf8(text).expect("YAML is text");
    format!("# Every default is written out. Training this gives the same artifact.\n{text}")
}

/// Writes all faults to the job's output, and returns the first.
pub(crate) fn refuse(faults: Vec<Fault>, context: &JobContext<'_>) -> Fault {
    let unknown = || Fault::new(FaultKind::Internal, "the training cannot begin, and nothing says why");
    match output::write_json(&context.output.join(Job::FAULTS), &faults) {
        Ok(()) => faults.into_iter().next().unwrap_or_else(unknown),
        Err(fault) => fault,
    }
}

pub(crate) fn warn(warning: &Fault) {
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
        let Self { rows, training, pipeline, head, subject, .. } = self;
        let Subject::Network { network, objective, .. } = subject else { return None };
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

/// The number of training rows of each class. Empty if numbers are predicted.
fn rows_by_class(rows: &Rows, training: &Tensor) -> Result<Vec<(String, u64)>, Fault> {
    let Target::Classes { labels, classes } = &rows.target else { return Ok(Vec::new()) };
    let counts = head::counts(labels, classes.len(), training)?;
    Ok(classes.iter().cloned().zip(counts).collect())
}
