//! Reads the rows of a training, and fits and constructs what it trains, before the first step.

use slipway_contract::table::{Counted, did_you_mean, first_of, shown};
use slipway_contract::{
    API_VERSION, Architecture, Fault, FaultKind, Layer, LayerStack, LinearOptions, MlpOptions, Model, ModelFamily,
    Preprocess, Shape, TrainingJob, TreeOptions, counted,
};
use tch::{Device, Tensor, nn};

use super::targets::{check_weights, order_of};
use crate::data::{self, Rows, ValidatedData};
use crate::definable;
use crate::family::order_categories;
use crate::head::{Head, Objective};
use crate::job::JobContext;
use crate::mlp::Mlp;
use crate::network::{Forward, Network};
use crate::pipeline::Pipeline;
use crate::{failure, mlp, precision, preprocessing, split};

/// The faults and warnings before a training.
pub(super) struct Said {
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<Fault>,
}

/// What is trained.
pub(super) enum Subject {
    Network { network: Box<dyn Forward>, store: nn::VarStore, objective: Objective },
    Trees(TreeOptions),
    Linear(LinearOptions),
}

/// The inputs of a training.
pub(super) struct Prepared {
    pub(super) rows: Rows,
    /// The indexes of the training rows. The field below contains those of the validation rows.
    pub(super) training: Tensor,
    pub(super) validation: Tensor,
    pub(super) pipeline: Pipeline,
    pub(super) head: Head,
    /// The steps of preprocessing, with `auto` written out.
    pub(super) steps: Vec<Preprocess>,
    pub(super) subject: Subject,
}

/// Reads the data and constructs the network. If there is a fault, nothing is prepared, and all faults that can be found are
/// returned.
pub(super) fn prepare(job: &TrainingJob, context: &JobContext<'_>) -> (Option<Prepared>, Said) {
    let model = &job.model;
    let ValidatedData { training, shape, test, faults, warnings } =
        data::validate(job, &context.folder.join(&job.source), outputs_of(model));
    let mut said = Said { faults, warnings };
    let Some(rows) = training else {
        // The layers can be checked nevertheless, if the width of the inputs is known.
        let built = shape.zip(model.spec.model.layers()).map(|(shape, stack)| {
            let shape = preprocessing::shape_after(&model.spec.preprocess, &shape)?;
            network_of(model, stack, &nn::VarStore::new(context.device), &shape)
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
    let mut pipeline = pipeline.map_err(|faults| said.faults.extend(faults)).ok()?;
    if let (ModelFamily::GradientBoostedTrees(_), Some(encoder)) = (&model.spec.model, pipeline.encoder_mut()) {
        let places =
            Vec::<i64>::try_from(&training).map_err(|error| said.faults.push(failure::of_torch(&error))).ok()?;
        order_categories(encoder.encodings_mut(), &rows, &places, &order_of(&rows));
    }
    said.warnings.extend(recode(&pipeline, &mut rows, "training or validation"));
    let test = test.map(|mut test| {
        said.warnings.extend(recode(&pipeline, &mut test, "test"));
        test
    });
    if let Some(encoder) = pipeline.encoder() {
        shape = Shape(vec![u32::try_from(encoder.width()).unwrap_or(u32::MAX)]);
    }
    let head = Head::fit(&rows, &training).map_err(|fault| said.faults.push(fault)).ok()?;
    let subject = match &model.spec.model {
        ModelFamily::Layers(stack) => {
            tch::manual_seed(seed);
            let store = nn::VarStore::new(device);
            let network = network_of(model, stack, &store, &shape).map_err(|fault| said.faults.push(fault)).ok()?;
            let objective = Objective::new(model, &rows, &training, outputs_of(model).unwrap_or_default());
            let objective = objective.map_err(|fault| said.faults.push(fault)).ok();
            objective.map(|objective| Subject::Network { network: Box::new(network), store, objective })
        }
        ModelFamily::Mlp(options) => {
            let made = mlp_of(model, options, &steps, &rows, (&head, &pipeline), &training, device);
            made.map_err(|fault| said.faults.push(fault)).ok()
        }
        ModelFamily::Linear(options) => {
            let found = check_weights(model, &rows, &training).map_err(|fault| said.faults.push(fault));
            found.ok().map(|()| Subject::Linear(options.clone()))
        }
        // Trees read the values of the columns, which no step of preprocessing can make too large.
        ModelFamily::GradientBoostedTrees(options) => {
            let found = check_weights(model, &rows, &training);
            let found = found.and_then(|()| precision::lost_digits(&rows));
            said.warnings.extend(found.map_err(|fault| said.faults.push(fault)).ok()?);
            let subject = Subject::Trees(options.clone());
            return Some(Prepared { rows, training, validation, pipeline, head, steps, subject });
        }
    };
    let before = said.faults.len();
    said.faults.extend(precision::every_value_fits(&rows, &pipeline));
    said.faults.extend(test.iter().flat_map(|test| precision::every_value_fits(test, &pipeline)));
    if said.faults.len() == before {
        match precision::warnings(&rows, &steps, &pipeline) {
            Ok(warnings) => said.warnings.extend(warnings),
            Err(fault) => said.faults.push(fault),
        }
    }
    Some(Prepared { rows, training, validation, pipeline, head, steps, subject: subject? })
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

/// The network for rows of shape `input`.
fn network_of(model: &Model, stack: &LayerStack, store: &nn::VarStore, input: &Shape) -> Result<Network, Fault> {
    let network = Network::build(&store.root(), stack, input)?;
    if network.needs_two_rows() && model.spec.training.batch_size == Some(1) {
        let message = "batches of one row have no variance for `batch_norm` to divide by, expected at least 2";
        return Err(Fault::new(FaultKind::Specification, message).key("spec.training.batch_size").help("32 is usual"));
    }
    Ok(network)
}

/// The architecture of a model that is trained on these rows, before anything is fitted to its answers.
pub(super) fn architecture_of(model: &Model, rows: &Rows, pipeline: &Pipeline, steps: &[Preprocess]) -> Architecture {
    Architecture {
        api_version: API_VERSION.to_owned(),
        task: model.spec.task,
        input: rows.shape.clone(),
        columns: rows.columns.clone(),
        encodings: pipeline.encoder().map(|encoder| encoder.encodings().to_vec()),
        classes: rows.classes().to_vec(),
        temperature: None,
        threshold: None,
        preprocess: steps.to_vec(),
        model: model.resolved().spec.model,
    }
}

/// An `mlp` with initial weights that fit the training rows.
fn mlp_of(
    model: &Model,
    options: &MlpOptions,
    steps: &[Preprocess],
    rows: &Rows,
    (head, pipeline): (&Head, &Pipeline),
    training: &Tensor,
    device: Device,
) -> Result<Subject, Fault> {
    let architecture = architecture_of(model, rows, pipeline, steps);
    tch::manual_seed(i64::from(model.spec.training.seed));
    let store = nn::VarStore::new(device);
    let mut network = Mlp::of(&store.root(), &architecture, options);
    let seen = training.narrow(0, 0, training.size()[0].min(mlp::MAX_ROWS));
    let inputs = pipeline.to_device(device).apply(&rows.batch(&seen).to_device(device));
    let targets = head.targets(rows).index_select(0, training).to_device(device);
    network.initialise(options.variant, &inputs, &targets);
    let objective = Objective::new(model, rows, training, u32::try_from(head.outputs()).unwrap_or(u32::MAX))?;
    Ok(Subject::Network { network: Box::new(network), store, objective })
}

/// The width of a network's last layer; `None` for families and programs, whose width follows from the data. The specification
/// was checked to end with a linear layer.
pub(super) fn outputs_of(model: &Model) -> Option<u32> {
    let layers = model.spec.model.layers().filter(|layers| !layers.is_empty())?;
    match layers.sequential.last() {
        Some(Layer::Linear(outputs)) => Some(*outputs),
        _ => Some(0),
    }
}
