//! The training loop: seeded, deterministic, and observed on validation rows.

use std::time::Instant;

use slipway_contract::{
    API_VERSION, Architecture, Fault, FaultKind, Job, Layer, Model, ModelCard, Progress, Shape, TrainingJob,
    TrainingReport, TrainingSpec, counted,
};
use tch::{Kind, Tensor, nn};

use crate::data::{self, Half, Rows, ValidatedData};
use crate::job::JobContext;
use crate::network::{self, Network, Preprocessing};
use crate::progress::Reporter;
use crate::{artifact, device, optimizer, output, precision, split};

/// Rows per batch of predictions for the observation.
const WATCH_BATCH: i64 = 512;

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
    let Some(Prepared { rows, network, store, training, validation, preprocessing }) = prepared else {
        return Err(refuse(said.faults, context));
    };
    let digest_of_data = data::digest(model, &source, &[Half::Train, Half::Test])?;
    let spec = &model.spec.training;
    let course = Course {
        rows: &rows,
        labels: rows.label_tensor(),
        network: &network,
        preprocessing: preprocessing.to_device(context.device),
        device: context.device,
    };
    Reporter::stage(&format!("training on {} ({})", counted(training.size()[0], "row"), device::name(context.device)));
    let begun = Instant::now();
    let (training_loss, validation_accuracy) = course.run(model, &store, &training, &validation, &mut reporter)?;
    let seconds = begun.elapsed().as_secs_f64();
    Reporter::stage("writing weights");
    let architecture = Architecture {
        api_version: API_VERSION.to_owned(),
        task: model.spec.task,
        input: rows.shape.clone(),
        columns: rows.columns.clone(),
        classes: rows.classes.clone(),
        preprocess: model.spec.preprocess.clone(),
        model: model.spec.model.clone(),
    };
    let (digest, artifact_bytes) =
        artifact::write(&context.output.join("model.safetensors"), &architecture, &store, &preprocessing)?;
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
        epochs: spec.epochs,
        training_loss,
        validation_accuracy,
        device: device::name(context.device).to_owned(),
        threads: context.threads,
        seed: spec.seed,
        trainer: env!("CARGO_PKG_VERSION").to_owned(),
        libtorch: device::libtorch_version(),
        seconds,
    };
    output::write_json(&context.output.join("training.json"), &report)?;
    let card = ModelCard {
        api_version: API_VERSION.to_owned(),
        kind: "ModelCard".to_owned(),
        name: model.metadata.name.to_string(),
        artifact: digest,
        architecture,
        training: spec.clone(),
        rows_by_class: rows_by_class(&rows, &training)?,
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
    preprocessing: Preprocessing,
}

/// Reads the data and constructs the network. If there is a fault, nothing is prepared, and all faults that can be found are
/// returned.
fn prepare(job: &TrainingJob, context: &JobContext<'_>) -> (Option<Prepared>, Said) {
    let model = &job.model;
    let ValidatedData { training, shape, test, faults, warnings } =
        data::validate(job, &context.folder.join(&job.source), outputs_of(model));
    let mut said = Said { faults, warnings };
    let Some(rows) = training else {
        // The layers can be checked nevertheless.
        let built = shape.map(|shape| built(model, &nn::VarStore::new(context.device), &shape));
        said.faults.extend(built.and_then(Result::err));
        return (None, said);
    };
    let prepared = build(model, rows, test.as_ref(), context.device, &mut said);
    (prepared.filter(|_| said.faults.is_empty()), said)
}

fn build(model: &Model, rows: Rows, test: Option<&Rows>, device: tch::Device, said: &mut Said) -> Option<Prepared> {
    // The order of the draws from the generator determines the weights: the network first, then the split.
    tch::manual_seed(i64::from(model.spec.training.seed));
    let store = nn::VarStore::new(device);
    let network = built(model, &store, &rows.shape).map_err(|fault| said.faults.push(fault)).ok()?;
    let split = split::stratified(&rows.labels, &rows.classes, model.spec.data.validation_split());
    let (training, validation) = split.map_err(|fault| said.faults.push(fault)).ok()?;
    let preprocessing = fit(model, &rows, &training);
    let before = said.faults.len();
    said.faults.extend(precision::every_value_fits(&rows, &preprocessing));
    said.faults.extend(test.into_iter().flat_map(|test| precision::every_value_fits(test, &preprocessing)));
    if said.faults.len() == before {
        match precision::warnings(&rows, &model.spec.preprocess, &preprocessing) {
            Ok(warnings) => said.warnings.extend(warnings),
            Err(fault) => said.faults.push(fault),
        }
    }
    Some(Prepared { rows, network, store, training, validation, preprocessing })
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
        let Self { rows, network, training, preprocessing, .. } = self;
        let _guard = tch::no_grad_guard();
        let indices = training.narrow(0, 0, WATCH_BATCH.min(training.size()[0]));
        if indices.size()[0] < 2 && network.needs_two_rows() {
            return None;
        }
        let batch = preprocessing.to_device(device).apply(&rows.batch(&indices).to_device(device));
        let labels = rows.label_tensor().index_select(0, &indices).to_device(device);
        let loss = network.forward(&batch, true).cross_entropy_for_logits(&labels).double_value(&[]);
        absurd(loss, "before anything is learnt", model)
    }
}

/// The network for rows of a shape before preprocessing.
fn built(model: &Model, store: &nn::VarStore, rows: &Shape) -> Result<Network, Fault> {
    network_of(model, store, &network::shape_after(&model.spec.preprocess, rows)?)
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

/// The number of training rows of each class.
fn rows_by_class(rows: &Rows, training: &Tensor) -> Result<Vec<(String, u64)>, Fault> {
    let labels = rows.label_tensor().index_select(0, training);
    let labels = Vec::<i64>::try_from(&labels).map_err(|error| crate::failure::of_torch(&error))?;
    let mut counts = vec![0; rows.classes.len()];
    for label in labels {
        counts[usize::try_from(label).unwrap_or(0)] += 1;
    }
    Ok(rows.classes.iter().cloned().zip(counts).collect())
}

/// Fits preprocessing to the training rows. Validation rows must not influence it.
fn fit(model: &Model, rows: &Rows, training: &Tensor) -> Preprocessing {
    let _guard = tch::no_grad_guard();
    let fits = model.spec.preprocess.iter().any(|step| matches!(step, slipway_contract::Preprocess::Standardize));
    // Only `standardize` needs all rows. Otherwise one row suffices to apply the steps.
    let seen = if fits { training.shallow_clone() } else { training.narrow(0, 0, 1) };
    Preprocessing::fit(&model.spec.preprocess, &rows.batch(&seen))
}

/// The constant inputs of the training loop.
struct Course<'a> {
    rows: &'a Rows,
    labels: Tensor,
    network: &'a Network,
    preprocessing: Preprocessing,
    device: tch::Device,
}

impl Course<'_> {
    fn run(
        &self,
        model: &Model,
        store: &nn::VarStore,
        training: &Tensor,
        validation: &Tensor,
        reporter: &mut Reporter,
    ) -> Result<(f64, Option<f64>), Fault> {
        let spec = &model.spec.training;
        let mut optimizer = optimizer::build(spec.optimizer, store)?;
        let (mut last, mut warned) = ((f64::NAN, None), false);
        for epoch in 1..=spec.epochs {
            let begun = Instant::now();
            // Every epoch has its own seed, so that its order depends only on the seed and the number of the epoch.
            tch::manual_seed(i64::from(spec.seed) * 1_000_003 + i64::from(epoch));
            let training_loss = self.epoch(spec, epoch, training, &mut optimizer, reporter)?;
            if let Some(warning) = absurd(training_loss, &format!("in epoch {epoch}"), model).filter(|_| !warned) {
                warn(&warning);
                warned = true;
            }
            let validation_accuracy = (validation.size()[0] > 0).then(|| self.accuracy(validation));
            let seconds = begun.elapsed().as_secs_f64();
            Reporter::say(&Progress::Epoch { epoch, epochs: spec.epochs, training_loss, validation_accuracy, seconds });
            last = (training_loss, validation_accuracy);
        }
        Ok(last)
    }

    /// One pass over the training rows. Returns the mean loss.
    fn epoch(
        &self,
        spec: &TrainingSpec,
        epoch: u32,
        training: &Tensor,
        optimizer: &mut nn::Optimizer,
        reporter: &mut Reporter,
    ) -> Result<f64, Fault> {
        let count = training.size()[0];
        let size = i64::from(spec.batch_size);
        let order = training.index_select(0, &Tensor::randperm(count, (Kind::Int64, tch::Device::Cpu)));
        let steps = u64::try_from((count + size - 1) / size).unwrap_or(1);
        let mut total = Tensor::zeros([], (Kind::Double, self.device));
        let mut seen = 0_i64;
        for step in 0..steps {
            let start = i64::try_from(step).unwrap_or(i64::MAX) * size;
            let length = size.min(count - start);
            if length == 1 && seen > 0 && self.network.needs_two_rows() {
                continue;
            }
            let indices = order.narrow(0, start, length);
            let outputs = self.outputs(&indices, true);
            let labels = self.labels.index_select(0, &indices).to_device(self.device);
            let loss = outputs.cross_entropy_for_logits(&labels);
            optimizer.backward_step(&loss);
            #[expect(clippy::cast_precision_loss, reason = "the size of a batch")]
            let weight = length as f64;
            total += loss.detach().to_kind(Kind::Double) * weight;
            seen += length;
            reporter.step(epoch, spec.epochs, step + 1, steps);
        }
        #[expect(clippy::cast_precision_loss, reason = "a row count")]
        let mean = total.double_value(&[]) / seen as f64;
        if mean.is_finite() {
            return Ok(mean);
        }
        let message = format!("the loss became {mean} in epoch {epoch}");
        let too_large = precision::too_large(self.rows, &self.preprocessing.to_device(tch::Device::Cpu));
        Err(match too_large {
            Some((column, value)) => {
                let message =
                    format!("{message}: column `{column}` holds values up to {value:.1e}, too large to compute with");
                let fault = Fault::new(FaultKind::Specification, message).key("spec.preprocess");
                fault.help("add `standardize` to `preprocess`, or scale the column")
            }
            None => Fault::new(FaultKind::Specification, message)
                .key("spec.training.optimizer")
                .help("lower the learning rate, or scale the values with `preprocess`"),
        })
    }

    fn outputs(&self, indices: &Tensor, training: bool) -> Tensor {
        let rows = self.rows.batch(indices).to_device(self.device);
        self.network.forward(&self.preprocessing.apply(&rows), training)
    }

    /// The share of correct predictions for the rows at some indexes.
    fn accuracy(&self, indices: &Tensor) -> f64 {
        let _guard = tch::no_grad_guard();
        let count = indices.size()[0];
        let mut right = 0;
        let mut start = 0;
        while start < count {
            let part = indices.narrow(0, start, WATCH_BATCH.min(count - start));
            let labels = self.labels.index_select(0, &part).to_device(self.device);
            let predicted = self.outputs(&part, false).argmax(1, false);
            right += predicted.eq_tensor(&labels).sum(Kind::Int64).int64_value(&[]);
            start += WATCH_BATCH;
        }
        #[expect(clippy::cast_precision_loss, reason = "row counts")]
        let share = right as f64 / count as f64;
        share
    }
}
