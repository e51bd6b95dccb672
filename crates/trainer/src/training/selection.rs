//! Selects settings on the validation rows: trains them one after the other, and keeps the best. The test rows are only checked, as
//! before every training.

use std::time::{Duration, Instant};

use slipway_contract::{
    API_VERSION, Candidates, Digest, Fault, FaultKind, Model, Search, Selection, SelectionReport, Settings,
    TrainingJob, Trial, counted,
};
use slipway_families::random::Random;

use super::prepare::prepare;
use crate::job::JobContext;
use crate::progress::Reporter;

/// How often a trial is drawn again because it was drawn before.
const DRAWS: u32 = 20;

/// The best settings, and the trials on the way.
pub(super) struct Selected {
    /// The model with the best settings, without the selection.
    pub(super) model: Model,
    trials: Vec<Trial>,
    best: u32,
}

impl Selected {
    /// The report about the selection of an artifact.
    pub(super) fn report(&self, artifact: Digest) -> SelectionReport {
        SelectionReport {
            api_version: API_VERSION.to_owned(),
            kind: "SelectionReport".to_owned(),
            artifact,
            metric: self.model.spec.training.metric_for(self.model.spec.task),
            trials: self.trials.clone(),
            best: self.best,
        }
    }
}

/// Selects the settings of a model that asks for it.
pub(super) fn select(job: &TrainingJob, context: &JobContext<'_>) -> Result<Option<Selected>, Fault> {
    let Some(selection) = &job.model.spec.selection else { return Ok(None) };
    let mut trials = Trials { job, context, selection, begun: Instant::now(), done: Vec::new() };
    let settings = settings_of(selection);
    let best = match selection.search {
        Search::Random | Search::Grid => trials.try_all(settings, 1).into_iter().next(),
        Search::Halving => trials.halve(settings),
    };
    let best = best.ok_or_else(|| {
        let mut reasons = trials.done.iter().filter_map(|trial| trial.fault.as_deref());
        let first = reasons.next().unwrap_or("the time was over before the first trial ended");
        let message = format!("none of {} could be trained: {first}", counted(trials.done.len(), "trial"));
        Fault::new(FaultKind::Specification, message).key("spec.selection.over")
    })?;
    let chosen = &trials.done[best];
    let number = chosen.number;
    Reporter::stage(&format!("selected trial {number}: {}", said(&chosen.settings)));
    let model = job.model.with_settings(&chosen.settings).map_err(|(path, problem)| {
        Fault::new(FaultKind::Specification, problem).key(format!("spec.selection.over.{path}"))
    })?;
    Ok(Some(Selected { model, best: number, trials: trials.done }))
}

/// The trials so far.
struct Trials<'a> {
    job: &'a TrainingJob,
    context: &'a JobContext<'a>,
    selection: &'a Selection,
    begun: Instant,
    done: Vec<Trial>,
}

impl Trials<'_> {
    /// Tries settings with their epochs or rounds divided. Returns the places of the trials with a value, the best first; of equal ones
    /// the earlier.
    fn try_all(&mut self, settings: Vec<Settings>, divided_by: u32) -> Vec<usize> {
        let first = self.done.len();
        let count = settings.len();
        for settings in settings {
            if self.is_over() {
                Reporter::stage(&format!("the time of the selection is over after {} trials", self.done.len()));
                break;
            }
            let begun = Instant::now();
            let result = self.value_of(&settings, divided_by);
            let (value, fault) = match result {
                Ok(value) => (value, value.is_none().then(|| "the metric is undefined".to_owned())),
                Err(fault) => (None, Some(fault.to_string())),
            };
            let number = u32::try_from(self.done.len() + 1).unwrap_or(u32::MAX);
            let metric = self.job.model.spec.training.metric_for(self.job.model.spec.task);
            let result = match (&value, &fault) {
                (Some(value), _) => format!("{metric} {value:.4}"),
                (None, fault) => fault.clone().unwrap_or_default(),
            };
            let place = self.done.len() - first + 1;
            let share = if divided_by > 1 { format!(" with 1/{divided_by} of the rounds") } else { String::new() };
            Reporter::stage(&format!("trial {place} of {count}{share}: {result} ({})", said(&settings)));
            let seconds = begun.elapsed().as_secs_f64();
            self.done.push(Trial { number, settings, divided_by, value, fault, seconds });
        }
        let metric = self.job.model.spec.training.metric_for(self.job.model.spec.task);
        let sign = if metric.higher_is_better() { -1.0 } else { 1.0 };
        let cost = |place: &usize| self.done[*place].value.map(|value| value * sign);
        let mut places: Vec<usize> = (first..self.done.len()).filter(|place| cost(place).is_some()).collect();
        places.sort_by(|one, other| cost(one).partial_cmp(&cost(other)).unwrap_or(std::cmp::Ordering::Equal));
        places
    }

    /// Successive halving. If the time is over, the best of the last complete step is kept.
    fn halve(&mut self, mut settings: Vec<Settings>) -> Option<usize> {
        let mut best = None;
        for divisor in Selection::DIVISORS {
            let count = settings.len();
            let places = self.try_all(settings, divisor);
            if best.is_some() && self.is_over() && places.len() < count {
                break;
            }
            best = places.first().copied().or(best);
            let kept = count.div_ceil(3).max(1);
            settings = places.into_iter().take(kept).map(|place| self.done[place].settings.clone()).collect();
        }
        best
    }

    fn is_over(&self) -> bool {
        let limit = self.selection.seconds.map(|seconds| Duration::from_secs(u64::from(seconds)));
        limit.is_some_and(|limit| self.begun.elapsed() >= limit)
    }

    /// The metric of a trial on the validation rows.
    fn value_of(&self, settings: &Settings, divided_by: u32) -> Result<Option<f64>, Fault> {
        let model = self.job.model.with_settings(settings).map_err(|(path, problem)| {
            Fault::new(FaultKind::Specification, problem).key(format!("spec.selection.over.{path}"))
        })?;
        let model = model.with_resource_divided(divided_by);
        if let Some(problem) = model.problems().into_iter().next() {
            return Err(problem);
        }
        let job = TrainingJob { model, source: self.job.source.clone(), expects: Vec::new() };
        let (prepared, said) = prepare(&job, self.context);
        let Some(prepared) = prepared else {
            let unknown = || Fault::new(FaultKind::Internal, "the training cannot begin, and nothing says why");
            return Err(said.faults.into_iter().next().unwrap_or_else(unknown));
        };
        let device = if job.model.spec.model.has_epochs() { self.context.device } else { tch::Device::Cpu };
        let made = prepared.make(&job.model, (self.context.threads, device), &mut Reporter::new())?;
        let value = made.trained.kept.validation.map(|result| result.value);
        Ok(value.filter(|value| value.is_finite()))
    }
}

/// The settings to try: all combinations of a grid, or drawn ones without repetition.
fn settings_of(selection: &Selection) -> Vec<Settings> {
    let combinations = selection.combinations();
    if selection.search == Search::Grid {
        return (0..combinations.unwrap_or(0)).map(|number| selection.combination(number)).collect();
    }
    let mut all: Vec<Settings> = Vec::new();
    for trial in 0..selection.trials.unwrap_or(Selection::TRIALS) {
        let mut draws = (0..DRAWS).map(|draw| drawn(selection, u64::from(trial) * u64::from(DRAWS) + u64::from(draw)));
        // If there are fewer combinations than trials, nothing new may be left.
        let new = draws.find(|settings| !all.contains(settings));
        all.extend(new);
    }
    all
}

/// The settings of a draw. It depends only on the seed and the number of the draw.
fn drawn(selection: &Selection, number: u64) -> Settings {
    let mut random = Random::of(u64::from(selection.seed), number);
    let mut value = |candidates: &Candidates| match candidates {
        Candidates::Values(values) => values.get(random.below(values.len())).cloned().unwrap_or_default(),
        Candidates::Uniform([least, most]) => (least + (most - least) * random.unit()).into(),
        Candidates::LogUniform([least, most]) => {
            (least.ln() + (most.ln() - least.ln()) * random.unit()).exp().clamp(*least, *most).into()
        }
    };
    selection.over.iter().map(|(path, candidates)| (path.clone(), value(candidates))).collect()
}

fn said(settings: &Settings) -> String {
    settings.iter().map(|(path, value)| format!("{path} = {value}")).collect::<Vec<_>>().join(", ")
}
