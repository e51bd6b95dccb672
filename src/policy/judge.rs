//! Puts every check of a policy to a candidate and its champion. What cannot be measured fails, with the reason.

use std::borrow::Cow;

use slipway_contract::metrics::Predictions;

use crate::domain::{CheckOutcome, CheckResult, Interval, Outcome, Requirement, Verdict};
use crate::evaluation::{Evaluation, paired};

use super::Policy;
use super::checks::{Check, Wanted};
use super::figure::{FEWEST_ROWS, Measured, NoInterval};
use super::sentence::{self, Place};

/// What the environment names now.
#[derive(Debug, Clone)]
pub enum Champion<'evaluation> {
    /// Nothing yet: there is nothing to be worse than.
    None,
    /// An artifact, evaluated on the candidate's rows.
    Evaluated(&'evaluation Evaluation),
    /// An artifact that could not be read or evaluated, and why: checks against it fail.
    Unusable(String),
}

/// What relative checks are measured against.
enum Comparison<'evaluation> {
    Nothing,
    Rows(Cow<'evaluation, Predictions>),
    Impossible(String),
}

impl Policy {
    /// Judges a candidate. The same files always give the same verdict.
    pub fn judge(&self, candidate: &Evaluation, champion: Champion<'_>) -> Verdict {
        let champion_digest = match &champion {
            Champion::Evaluated(champion) => Some(champion.report.artifact.clone()),
            Champion::None | Champion::Unusable(_) => None,
        };
        let comparison = match champion {
            Champion::None => Comparison::Nothing,
            Champion::Unusable(why) => Comparison::Impossible(format!("the champion cannot be used: {why}")),
            Champion::Evaluated(champion) => match paired(candidate, champion) {
                Ok(rows) => Comparison::Rows(rows),
                Err(reason) => Comparison::Impossible(reason.to_string()),
            },
        };
        let checks: Vec<CheckResult> =
            self.checks.iter().map(|check| self.result(check, candidate, &comparison)).collect();
        Verdict {
            outcome: Outcome::of(&checks),
            policy: self.file.clone(),
            policy_digest: self.digest.clone(),
            confidence: self.confidence,
            candidate: candidate.report.artifact.clone(),
            champion: champion_digest,
            rows: candidate.predictions.len() as u64,
            checks,
        }
    }

    fn result(&self, check: &Check, candidate: &Evaluation, comparison: &Comparison<'_>) -> CheckResult {
        let place = Place { file: &self.file, line: check.line, confidence: self.confidence };
        let finding = self.finding(check, candidate, comparison);
        let (outcome, interval, rows_to_decide) = match &finding {
            Finding::Skipped => (CheckOutcome::Skipped, None, None),
            Finding::Failed(_) => (CheckOutcome::Fail, None, None),
            Finding::TooFewRows => (check.undecided, None, Some(u64::from(FEWEST_ROWS))),
            Finding::Measured(interval) => {
                let wanted = Wanted::of(check.metric, check.requirement);
                match wanted.decided_by(interval) {
                    Some(true) => (CheckOutcome::Pass, Some(*interval), None),
                    Some(false) => (CheckOutcome::Fail, Some(*interval), None),
                    None => {
                        let rows = rows_to_decide(wanted, interval, candidate.predictions.len());
                        (check.undecided, Some(*interval), rows)
                    }
                }
            }
        };
        let sentence = match &finding {
            Finding::Skipped => sentence::skipped(check, &place),
            Finding::Failed(reason) => sentence::failed(check, reason, &place),
            Finding::TooFewRows => sentence::too_few_rows(check, candidate.predictions.len(), &place),
            Finding::Measured(interval) => sentence::measured(check, interval, rows_to_decide, &place),
        };
        CheckResult {
            metric: check.metric,
            requirement: check.requirement,
            outcome,
            sentence,
            why: check.why.clone(),
            file: self.file.clone(),
            line: check.line,
            interval,
            rows: candidate.predictions.len() as u64,
            rows_to_decide,
        }
    }

    fn finding(&self, check: &Check, candidate: &Evaluation, comparison: &Comparison<'_>) -> Finding {
        let metric = check.metric;
        let champion = match (check.requirement, comparison) {
            (Requirement::AtLeast(_) | Requirement::AtMost(_), _) => None,
            (Requirement::NoWorseThanChampion { .. }, Comparison::Nothing) => return Finding::Skipped,
            (Requirement::NoWorseThanChampion { .. }, Comparison::Rows(rows)) => Some(&**rows),
            (Requirement::NoWorseThanChampion { .. }, Comparison::Impossible(reason)) => {
                return Finding::Failed(reason.clone());
            }
        };
        match candidate.report.metrics.get(&metric) {
            None => {
                return Finding::Failed(format!(
                    "the report does not state it; add `{metric}` to `spec.evaluation.metrics`"
                ));
            }
            Some(stated) if !stated.is_finite() => return Finding::Failed(format!("the report states {stated}")),
            Some(_) => {}
        }
        let measured = Measured { metric, candidate: &candidate.predictions, champion };
        match measured.interval(self.confidence) {
            Ok(interval) => Finding::Measured(interval),
            Err(NoInterval::TooFewRows) => Finding::TooFewRows,
            Err(NoInterval::NoRows) => Finding::Failed("no rows were evaluated".to_owned()),
            Err(NoInterval::NoScores) => {
                Finding::Failed("the predictions hold no scores to compute it from".to_owned())
            }
            Err(NoInterval::NotANumber) => Finding::Failed("it comes out as no finite number".to_owned()),
        }
    }
}

/// What measuring a check gave.
enum Finding {
    Measured(Interval),
    TooFewRows,
    Skipped,
    Failed(String),
}

/// About how many rows would decide, if the estimate stayed where it is: an interval narrows with the root of the rows, so
/// n (reach / gap)², where the reach is the estimate's distance to the bound beyond the threshold and the gap its distance to the
/// threshold. `None` if the estimate lies on the threshold, or the rows are more than anyone has.
fn rows_to_decide(wanted: Wanted, interval: &Interval, rows: usize) -> Option<u64> {
    const MOST: f64 = 1e9;
    let threshold = wanted.threshold();
    let gap = (interval.estimate - threshold).abs();
    let reach = if interval.estimate >= threshold {
        interval.estimate - interval.lower
    } else {
        interval.upper - interval.estimate
    };
    #[expect(clippy::cast_precision_loss, reason = "row counts stay far below 2^53")]
    let needed = rows as f64 * (reach / gap).powi(2);
    if !needed.is_finite() || needed > MOST {
        return None;
    }
    // Two digits: it is an estimate from an estimate.
    let unit = 10_f64.powf((needed.log10().floor() - 1.0).max(0.0));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between zero and a thousand million")]
    Some(((needed / unit).ceil() * unit) as u64)
}
