//! The evidence that a policy judges by. The caller provides it. Nothing here reads or fetches data.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use slipway_contract::{ProgramReport, TrainingReport};

use crate::evaluation::{Evaluation, Samples};
use slipway_domain::TestSetUse;

/// The artifact that the environment names now.
#[derive(Debug, Clone)]
pub enum Champion<'evidence> {
    /// No artifact yet, so there is nothing to compare with.
    None,
    /// An artifact, evaluated on the candidate's rows.
    Evaluated(&'evidence Evaluation),
    /// An artifact that could not be read or evaluated, with the reason. Checks against it fail.
    Unusable(String),
}

/// Facts about an artifact, its training and its environment, in addition to its predictions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Figures by the names that `expression:` and cost metrics use, such as `artifact.bytes`.
    pub figures: BTreeMap<&'static str, f64>,
    /// The times of single predictions at batch size 1, in milliseconds.
    pub latencies: Vec<f64>,
    /// Texts by the names that `expression:` uses, such as `run.model`.
    pub texts: BTreeMap<&'static str, String>,
}

impl Facts {
    /// Adds the facts of a training report.
    #[expect(clippy::cast_precision_loss, reason = "sizes stay far below 2^53")]
    pub fn add_training(&mut self, report: &TrainingReport) {
        let on_device = if report.device == "cpu" { 0.0 } else { report.seconds };
        self.figures.extend([
            ("artifact.bytes", report.artifact_bytes as f64),
            ("artifact.parameters", report.parameters as f64),
            ("artifact.training_seconds", report.seconds),
            ("artifact.device_seconds", on_device),
            ("run.seed", f64::from(report.seed)),
        ]);
        self.texts.insert("run.device", report.device.clone());
    }

    /// Adds the facts of the training by a program. The number of its parameters is not known.
    #[expect(clippy::cast_precision_loss, reason = "sizes stay far below 2^53")]
    pub fn add_program(&mut self, report: &ProgramReport) {
        self.figures.extend([
            ("artifact.bytes", report.artifact_bytes as f64),
            ("artifact.training_seconds", report.seconds),
            ("run.seed", f64::from(report.seed)),
        ]);
    }

    /// Adds measured times. Expressions can use the median and the 99th percentile: the smallest time that at least this share of
    /// the times does not exceed.
    pub fn add_latencies(&mut self, latencies: Vec<f64>) {
        let mut sorted = latencies.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).max(1) - 1).copied();
        let named = [("artifact.latency_p50", at(50)), ("artifact.latency_p99", at(99))];
        self.figures.extend(named.into_iter().filter_map(|(name, time)| Some((name, time?))));
        self.latencies = latencies;
    }
}

/// Samples of data for checks of drift and leakage.
#[derive(Debug, Clone, Default)]
pub struct Data {
    /// Rows that the model was trained on.
    pub training: Option<Samples>,
    /// Rows that it is judged on.
    pub test: Option<Samples>,
    /// Recent rows.
    pub recent: Option<Samples>,
}

/// The uses of the test set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uses {
    /// This use.
    pub this_use: TestSetUse,
    /// Whether no unused row is left to judge by.
    pub is_used_up: bool,
}

/// The evidence about a candidate.
#[derive(Debug, Clone)]
pub struct Evidence<'evidence> {
    /// The candidate's evaluation.
    pub candidate: &'evidence Evaluation,
    /// The champion that it is compared with.
    pub champion: Champion<'evidence>,
    /// Evaluations of the same training with other seeds.
    pub seeds: &'evidence [Evaluation],
    /// Evaluations of baselines on the same rows, by their names.
    pub baselines: &'evidence [(String, Evaluation)],
    /// Facts about the artifact, the run and the environment.
    pub facts: Facts,
    /// Data for checks of drift and leakage.
    pub data: Data,
    /// The uses of the test set, if they are counted.
    pub uses: Option<Uses>,
    /// The day of the verdict.
    pub today: Date,
}

impl<'evidence> Evidence<'evidence> {
    /// Evidence of two evaluations and nothing else, judged now. The day is in UTC.
    pub fn new(candidate: &'evidence Evaluation, champion: Champion<'evidence>, now: Timestamp) -> Self {
        let today = TimeZone::UTC.to_datetime(now).date();
        let (facts, data) = (Facts::default(), Data::default());
        Self { candidate, champion, seeds: &[], baselines: &[], facts, data, uses: None, today }
    }
}
