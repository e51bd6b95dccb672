//! The parts of a check that are measured: all rows, each slice of them, or each of several training runs.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use slipway_contract::Metric;
use slipway_contract::metrics::{Attribute, Attributes, RowScores, Rows, Table, all};

use crate::evaluation::{Evaluation, NotPaired, Paired, paired};
use slipway_domain::Requirement;

use super::checks::{Check, MetricSubject};
use super::evidence::{Champion, Evidence};
use super::measure::{Measurement, NoInterval, Question};
use super::{classes, slices, whole};

/// The most measurements of a verdict, because each takes time.
const MAX_PARTS: usize = 2_000;

/// The champion's rows for the checks that compare with it.
pub(super) enum Comparison<'evidence> {
    /// There is no champion.
    Nothing,
    /// Its rows in the order of the candidate's.
    Rows(Paired<'evidence>),
    /// It cannot be compared, with the reason.
    Impossible(String),
}

impl<'evidence> Comparison<'evidence> {
    /// Matches the champion's rows with the candidate's.
    pub(super) fn of(evidence: &Evidence<'evidence>) -> Self {
        match &evidence.champion {
            Champion::None => Self::Nothing,
            Champion::Unusable(why) => Self::Impossible(format!("the champion cannot be used: {why}; {WAY_OUT}")),
            Champion::Evaluated(champion) => match paired(evidence.candidate, champion) {
                Ok(paired) => match unsound(&paired.table, &paired.row_scores) {
                    None => Self::Rows(paired),
                    Some(what) => Self::Impossible(format!("the champion's predictions hold {what}")),
                },
                Err(reason @ NotPaired::Classes { .. }) => Self::Impossible(format!("{reason}; {WAY_OUT}")),
                Err(reason) => Self::Impossible(reason.to_string()),
            },
        }
    }
}

impl<'evidence> Comparison<'evidence> {
    /// Matches the rows of a baseline with the candidate's.
    fn with(candidate: &Evaluation, name: &str, baseline: &'evidence Evaluation) -> Self {
        let impossible = |reason: String| Self::Impossible(format!("the baseline `{name}` cannot be used: {reason}"));
        match paired(candidate, baseline) {
            Ok(paired) => match unsound(&paired.table, &paired.row_scores) {
                None => Self::Rows(paired),
                Some(what) => impossible(format!("its predictions hold {what}")),
            },
            Err(reason) => impossible(reason.to_string().replace("champion", "baseline")),
        }
    }
}

/// Why a part has no figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Trouble {
    /// The part fails, with this reason.
    Failed(String),
    /// There are too few units to decide.
    TooFew {
        /// The unit of the counts.
        unit: &'static str,
        /// The actual number.
        came: u64,
        /// The expected number.
        expected: u64,
    },
    /// The metric names classes without rows. It has a value nevertheless, which is not used for this reason.
    WithoutRows(String),
}

impl From<NoInterval> for Trouble {
    fn from(why: NoInterval) -> Self {
        let words = match why {
            NoInterval::TooFew { unit, came, expected } => {
                return Self::TooFew { unit, came: came as u64, expected: expected as u64 };
            }
            NoInterval::NoRows => "no rows were evaluated".to_owned(),
            NoInterval::Unmeasurable(why) => why.to_string(),
            NoInterval::OfChampion(why) => {
                format!("the champion cannot be measured: {why}; evaluate it again as the candidate was; {WAY_OUT}")
            }
            NoInterval::TooMuch => "ranking so many rows for so many classes takes too long; name a class".to_owned(),
            NoInterval::Undefined => "it comes out as no finite number".to_owned(),
        };
        Self::Failed(words)
    }
}

/// The advice if a comparison with the champion is no longer possible, for example because of new labels or other columns.
const WAY_OUT: &str =
    "to begin anew, set the environment's marked digest to `none`, or except this check in the policy for some days";

/// One part to measure.
pub(super) struct Part<'evidence> {
    /// The slice or the training run, as a phrase; `None` for all rows of the candidate.
    pub(super) name: Option<String>,
    candidate: Rows<'evidence>,
    champion: Option<Rows<'evidence>>,
    /// Its rows.
    pub(super) of: Cow<'evidence, [u32]>,
    /// Why it is not measured.
    trouble: Option<Trouble>,
}

/// The result of one part.
pub(super) struct Measured {
    /// The slice or the training run, as a phrase.
    pub(super) name: Option<String>,
    /// Its rows.
    pub(super) rows: u64,
    /// The candidate's own value, if the measure is a difference.
    pub(super) value: Option<f64>,
    /// The figure, or why there is none.
    pub(super) figure: Result<Measurement, Trouble>,
}

/// The inputs that all parts of a verdict share.
pub(super) struct Ground<'evidence> {
    /// The evidence.
    pub(super) evidence: &'evidence Evidence<'evidence>,
    /// The champion's rows.
    pub(super) comparison: Comparison<'evidence>,
    /// The rows of the baselines, by their names.
    baselines: Vec<(&'evidence str, Comparison<'evidence>)>,
    /// The indexes of all rows.
    pub(super) every: Vec<u32>,
    /// The rows of the other training runs in the candidate's order, or why they cannot be compared.
    pub(super) seeds: Vec<Result<Paired<'evidence>, String>>,
    /// Why the candidate's rows cannot be used, if they cannot.
    unsound: Option<String>,
}

impl<'evidence> Ground<'evidence> {
    /// Matches the rows of the champion and of the other training runs with the candidate's.
    pub(super) fn of(evidence: &'evidence Evidence<'evidence>) -> Self {
        let candidate = evidence.candidate;
        let seeds = evidence.seeds.iter().map(|seed| paired(candidate, seed).map_err(|reason| reason.to_string()));
        let baselines = evidence.baselines.iter();
        Self {
            evidence,
            comparison: Comparison::of(evidence),
            baselines: baselines.map(|(name, of)| (name.as_str(), Comparison::with(candidate, name, of))).collect(),
            every: all(candidate.table.len()),
            seeds: seeds.collect(),
            unsound: unsound(&candidate.table, &candidate.row_scores)
                .map(|what| format!("the candidate's predictions hold {what}")),
        }
    }

    /// The parts of a check of a metric, or why it cannot be measured at all.
    pub(super) fn parts(&self, check: &Check, subject: &MetricSubject) -> Result<Vec<Part<'_>>, String> {
        let candidate = self.evidence.candidate;
        if let Some(reason) = &self.unsound {
            return Err(reason.clone());
        }
        stated(subject, candidate)?;
        whole::units_are_whole(subject, candidate)?;
        let attributes = &candidate.attributes;
        let comparison = match check.requirement.baseline() {
            Some(name) => Some((self.baseline(name)?, format!("the baseline `{name}`"))),
            None if check.requirement.is_relative() => Some((&self.comparison, "the champion".to_owned())),
            None => None,
        };
        let champion = match comparison {
            Some((Comparison::Rows(paired), who)) => {
                whole::truth_is_one(&subject.metric, candidate, paired, &who)?;
                Some(rows_of(paired, attributes))
            }
            Some((Comparison::Impossible(reason), _)) => return Err(reason.clone()),
            Some((Comparison::Nothing, _)) | None => None,
        };
        let part = |name, rows, of| Part { name, candidate: rows, champion, of, trouble: None };
        let whole = || Cow::Borrowed(self.every.as_slice());
        if let Some(wanted) = subject.seeds {
            return Ok(self
                .runs(wanted.at_least, &subject.metric)?
                .into_iter()
                .map(|(name, rows)| part(Some(name), rows, whole()))
                .collect());
        }
        let Some(slicing) = &subject.slicing else {
            return Ok(vec![part(None, candidate.rows(), whole())]);
        };
        let minimum = slicing.minimum_rows();
        let slices = slicing.cut(candidate)?.into_iter().map(|slice| {
            let rows = slice.rows.len() as u64;
            let trouble = (rows < minimum).then_some(Trouble::TooFew { unit: "rows", came: rows, expected: minimum });
            Part { trouble, ..part(Some(slice.name), candidate.rows(), Cow::Owned(slice.rows)) }
        });
        Ok(slices.collect())
    }

    /// The rows of a baseline, or why there are none.
    fn baseline(&self, name: &str) -> Result<&Comparison<'evidence>, String> {
        let found = self.baselines.iter().find(|(known, _)| *known == name);
        found.map(|(_, comparison)| comparison).ok_or_else(|| {
            format!(
                "the evaluation has no baseline `{name}`: list it in `spec.evaluation.baselines` of the model; if it is \
                 there, the log of the run says why it could not be trained"
            )
        })
    }

    /// Every training run: the candidate, and those with other seeds.
    fn runs<'ground>(&'ground self, wanted: u32, metric: &Metric) -> Result<Vec<(String, Rows<'ground>)>, String> {
        let candidate = self.evidence.candidate;
        let mut artifacts = vec![&candidate.report.artifact];
        let mut runs = vec![(format!("run {}", candidate.report.artifact.short()), candidate.rows())];
        for (evaluation, paired) in self.evidence.seeds.iter().zip(&self.seeds) {
            let artifact = &evaluation.report.artifact;
            if artifacts.contains(&artifact) {
                return Err(format!("the run {} is there twice, expected runs with different seeds", artifact.short()));
            }
            artifacts.push(artifact);
            let paired = paired.as_ref().map_err(|reason| format!("the run {}: {reason}", artifact.short()))?;
            whole::truth_is_one(metric, candidate, paired, &format!("the run {}", artifact.short()))?;
            runs.push((format!("run {}", artifact.short()), rows_of(paired, &candidate.attributes)));
        }
        if runs.len() < wanted as usize {
            return Err(format!(
                "there are {} training runs, expected at least {wanted} with different seeds",
                runs.len()
            ));
        }
        Ok(runs)
    }
}

/// A model's own table and scores, with the candidate's attributes.
fn rows_of<'rows>(paired: &'rows Paired<'_>, attributes: &'rows Attributes) -> Rows<'rows> {
    Rows { table: paired.table.view(), attributes, row_scores: &paired.row_scores }
}

/// Describes a value of a table that is not finite, if there is one. No figure of the table is then used.
fn unsound(table: &Table, row_scores: &RowScores) -> Option<&'static str> {
    let labelled = match table {
        Table::Classes(table) => table.scores.iter().flatten().all(|score| score.is_finite()),
        Table::Numbers(table) => {
            let columns = [&table.labels, &table.predictions].into_iter().chain(table.quantiles.values());
            columns.flatten().all(|number| number.is_finite())
        }
        Table::Unlabelled(_) => true,
    };
    let sound = labelled && row_scores.values().flatten().all(|score| score.is_finite());
    (!sound).then_some("a value that is no finite number")
}

/// Whether the report states the metric, as the evaluator should.
fn stated(subject: &MetricSubject, candidate: &Evaluation) -> Result<(), String> {
    let metric = &subject.metric;
    match candidate.report.metrics.get(metric) {
        _ if !metric.is_stated() => Ok(()),
        None => Err(format!("the report does not state it; add `{metric}` to `spec.evaluation.metrics`")),
        Some(stated) if !stated.is_finite() => Err(format!("the report states {stated}")),
        Some(_) => Ok(()),
    }
}

/// A check with the parts to measure.
pub(super) struct Work<'work> {
    pub(super) check: &'work Check,
    pub(super) subject: &'work MetricSubject,
    pub(super) parts: Vec<Part<'work>>,
}

/// Measures all parts of all checks on all processors. The figures do not depend on the number of processors.
pub(super) fn measure(work: &[Work<'_>], ground: &Ground<'_>) -> Vec<Vec<Measured>> {
    let tasks: Vec<(usize, usize)> = work
        .iter()
        .enumerate()
        .flat_map(|(index, work)| (0..work.parts.len()).map(move |part| (index, part)))
        .collect();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(tasks.len().max(1));
    let worker = || {
        let mut done = Vec::new();
        loop {
            let task = next.fetch_add(1, Ordering::Relaxed);
            let Some((index, part)) = tasks.get(task) else {
                return done;
            };
            let work = &work[*index];
            let measured = if task < MAX_PARTS {
                one(work, &work.parts[*part], ground.evidence.candidate)
            } else {
                let reason = format!("the policy has more than {MAX_PARTS} slices to measure; ask for fewer");
                failed(&work.parts[*part], reason)
            };
            done.push((task, measured));
        }
    };
    let mut done: Vec<(usize, Measured)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(worker)).collect();
        let mut done = worker();
        for other in others {
            done.extend(other.join().expect("a worker catches what panics"));
        }
        done
    });
    done.sort_by_key(|(task, _)| *task);
    let mut done = done.into_iter().map(|(_, measured)| measured);
    work.iter().map(|work| done.by_ref().take(work.parts.len()).collect()).collect()
}

fn failed(part: &Part<'_>, reason: String) -> Measured {
    Measured { name: part.name.clone(), rows: part.of.len() as u64, value: None, figure: Err(Trouble::Failed(reason)) }
}

fn one(work: &Work<'_>, part: &Part<'_>, candidate: &Evaluation) -> Measured {
    let caught = catch_unwind(AssertUnwindSafe(|| figure(work, part, candidate)));
    let (figure, value) = caught.unwrap_or_else(|_| {
        let reason = "measuring it broke, which is a defect of Slipway; please report it".to_owned();
        (Err(Trouble::Failed(reason)), None)
    });
    Measured { name: part.name.clone(), rows: part.of.len() as u64, value, figure }
}

fn figure(work: &Work<'_>, part: &Part<'_>, candidate: &Evaluation) -> (Result<Measurement, Trouble>, Option<f64>) {
    if let Some(trouble) = &part.trouble {
        return (Err(trouble.clone()), None);
    }
    let MetricSubject { metric, group_by, .. } = work.subject;
    if let Some(missing) = classes::without_rows(metric, candidate, &part.of) {
        // If the metric has no value, more rows of other classes cannot decide.
        let is_undefined = matches!(metric.over(part.candidate, &part.of), Ok(None));
        let reason = classes::reason(&missing);
        let trouble = if is_undefined { Trouble::Failed(reason) } else { Trouble::WithoutRows(reason) };
        return (Err(trouble), None);
    }
    let clusters = match group_by.as_deref().map(|column| slices::attribute(candidate, column)).transpose() {
        Ok(clusters) => clusters,
        Err(reason) => return (Err(Trouble::Failed(reason)), None),
    };
    let clusters: Option<&Attribute> = clusters.as_deref();
    let question = Question {
        metric,
        candidate: part.candidate,
        champion: part.champion,
        relative: matches!(work.check.requirement, Requirement::NoWorseThanChampion { relative: true, .. }),
        against_none: is_against_none(&work.check.requirement),
        of: &part.of,
        clusters,
    };
    let figure = question.measure().map_err(Trouble::from);
    let value = part.champion.and_then(|_| metric.over(part.candidate, &part.of).ok().flatten());
    (figure, value)
}

/// Whether the threshold is a difference of zero.
fn is_against_none(requirement: &Requirement) -> bool {
    match requirement {
        Requirement::NoWorseThanChampion { margin, .. } => *margin <= 0.0,
        Requirement::BetterThanChampion { by, .. } => *by <= 0.0,
        _ => false,
    }
}
