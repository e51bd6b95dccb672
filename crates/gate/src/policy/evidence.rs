//! All that a policy looks at. Nothing here is fetched: who judges, brings it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use slipway_contract::TrainingReport;

use crate::evaluation::{Evaluation, Samples};
use slipway_domain::TestSetUse;

/// What the environment names now.
#[derive(Debug, Clone)]
pub enum Champion<'evidence> {
    /// Nothing yet: there is nothing to be worse than.
    None,
    /// An artifact, evaluated on the candidate's rows.
    Evaluated(&'evidence Evaluation),
    /// An artifact that could not be read or evaluated, and why: checks against it fail.
    Unusable(String),
}

/// What is known of an artifact, its training and its place besides its predictions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Figures by the names that `expression:` and metrics of cost use, such as `artifact_bytes`.
    pub figures: BTreeMap<&'static str, f64>,
    /// Times of single predictions at batch 1, in milliseconds.
    pub latencies: Vec<f64>,
    /// Texts by the names that `expression:` uses, such as `run.model`.
    pub texts: BTreeMap<&'static str, String>,
}

impl Facts {
    /// Adds what training reports of its artifact.
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

    /// Adds measured times. Expressions see the median and the 99th percentile: the smallest time that at least such a share
    /// does not exceed.
    pub fn add_latencies(&mut self, latencies: Vec<f64>) {
        let mut sorted = latencies.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).max(1) - 1).copied();
        let named = [("artifact.latency_p50", at(50)), ("artifact.latency_p99", at(99))];
        self.figures.extend(named.into_iter().filter_map(|(name, time)| Some((name, time?))));
        self.latencies = latencies;
    }
}

/// Rows of data that checks of drift and leakage compare.
#[derive(Debug, Clone, Default)]
pub struct Data {
    /// Rows the model has learnt from.
    pub training: Option<Samples>,
    /// Rows it is judged on.
    pub test: Option<Samples>,
    /// Rows seen lately.
    pub recent: Option<Samples>,
}

/// How often the test set was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uses {
    /// This use.
    pub this_use: TestSetUse,
    /// Whether no row is left that may judge.
    pub is_used_up: bool,
}

/// What a candidate is judged by.
#[derive(Debug, Clone)]
pub struct Evidence<'evidence> {
    /// The candidate's evaluation.
    pub candidate: &'evidence Evaluation,
    /// What it is compared with.
    pub champion: Champion<'evidence>,
    /// Evaluations of the same training with other seeds.
    pub seeds: &'evidence [Evaluation],
    /// What is known of artifact, run and environment.
    pub facts: Facts,
    /// Data for checks of drift and leakage.
    pub data: Data,
    /// How often the test set was used, if uses are counted.
    pub uses: Option<Uses>,
    /// The day of judgement.
    pub today: Date,
}

impl<'evidence> Evidence<'evidence> {
    /// Two evaluations and nothing else, judged now. The day is UTC's.
    pub fn new(candidate: &'evidence Evaluation, champion: Champion<'evidence>, now: Timestamp) -> Self {
        let today = TimeZone::UTC.to_datetime(now).date();
        Self { candidate, champion, seeds: &[], facts: Facts::default(), data: Data::default(), uses: None, today }
    }
}
