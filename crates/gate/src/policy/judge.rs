//! Applies every check of a policy to a candidate and its champion. A check that cannot be measured fails, with the reason.

use slipway_contract::Metric;
use slipway_contract::metrics::{Cost, Subject};

use slipway_domain::{CheckOutcome, CheckResult, MandatoryPolicy, Outcome, Requirement, TestSetUse, Verdict};

use super::checks::{Check, CheckSubject, MetricSubject};
use super::evidence::{Champion, Evidence, Facts};
use super::exception::{Covers, Exception};
use super::expression::Expression;
use super::measure::{MIN_UNITS, Measurement, Spread};
use super::parts::{Comparison, Ground, Measured, Trouble, Work, measure};
use super::test_set::Feedback;
use super::{Policy, TestSet, classes, decide, drift};

/// A check with the settings of its policy that apply to all checks.
struct BoundCheck<'policy> {
    check: &'policy Check,
    confidence: f64,
    exceptions: &'policy [Exception],
}

/// The state of a check before the measurements.
enum Prepared<'work> {
    Done(Box<CheckResult>),
    Work(Work<'work>),
}

impl Policy {
    /// Judges a candidate. The same files always give the same verdict.
    pub fn judge(&self, evidence: &Evidence<'_>) -> Verdict {
        self.judge_over(&[], evidence)
    }

    /// Judges a candidate by this policy and by the mandatory policies, which the platform owner sets and no other policy can
    /// loosen. Their checks must pass too, each at the confidence of its own policy.
    pub fn judge_over(&self, mandatory_policies: &[Self], evidence: &Evidence<'_>) -> Verdict {
        let ground = Ground::of(evidence);
        let all = || mandatory_policies.iter().chain([self]);
        // If any policy can leave a check to a person, authors can see that outcome for the whole verdict.
        let symbols = all().map(Self::symbols).max().unwrap_or(2);
        let bound_checks: Vec<BoundCheck<'_>> = all().flat_map(|policy| policy.bound_checks(symbols)).collect();
        let prepared: Vec<Prepared<'_>> =
            bound_checks.iter().map(|bound_checks| prepare(bound_checks, &ground)).collect();
        let mut checks = Vec::with_capacity(prepared.len());
        let mut work = Vec::new();
        for prepared in prepared {
            match prepared {
                Prepared::Done(result) => checks.push(Some(*result)),
                Prepared::Work(one) => {
                    checks.push(None);
                    work.push(one);
                }
            }
        }
        let mut measured = measure(&work, &ground).into_iter();
        let mut checks: Vec<CheckResult> = checks
            .into_iter()
            .zip(&bound_checks)
            .map(|(result, bound_checks)| {
                let result = result.unwrap_or_else(|| {
                    decide::measured(bound_checks.check, measured.next().unwrap_or_default(), bound_checks.confidence)
                });
                bound_checks.with_exceptions(result, evidence)
            })
            .collect();
        checks.extend(self.unusable_champion(evidence, &checks));
        if self.test_set_over(mandatory_policies).is_some_and(|rule| rule.feedback() == Feedback::Verdict)
            && !evidence.uses.as_ref().is_some_and(|uses| uses.is_used_up)
        {
            for (result, bound_checks) in checks.iter_mut().zip(&bound_checks) {
                result.is_withheld = bound_checks.check.is_on_test_rows();
            }
        }
        self.verdict(mandatory_policies, evidence, checks)
    }

    /// The failure for a champion that cannot be read, if no check has failed because of it. A policy may contain no comparison,
    /// but the effect of replacing the champion is unknown all the same. An exception for a comparison accepts this.
    fn unusable_champion(&self, evidence: &Evidence<'_>, checks: &[CheckResult]) -> Option<CheckResult> {
        let Champion::Unusable(why) = &evidence.champion else { return None };
        let refused = Outcome::of(checks) == Outcome::Fail;
        let accepted =
            |check: &CheckResult| check.requirement.is_about_champion() && check.outcome == CheckOutcome::Excepted;
        if refused || checks.iter().any(accepted) {
            return None;
        }
        let sentence = format!(
            "the champion cannot be used: {why}; nothing is promoted in its place until it can be read, is rolled back, \
             or `none` stands in its mark ({})",
            self.file
        );
        Some(CheckResult {
            name: None,
            metric: "champion".to_owned(),
            requirement: Requirement::Condition("the champion can be read".to_owned()),
            outcome: CheckOutcome::Fail,
            sentence,
            why: None,
            owner: None,
            file: self.file.clone(),
            line: 1,
            interval: None,
            rows: evidence.candidate.table.len() as u64,
            rows_to_decide: None,
            slices: Vec::new(),
            exception: None,
            is_withheld: false,
        })
    }

    /// The rule for the test set that applies together with those of the mandatory policies: the strictest in every respect.
    pub fn test_set_over(&self, mandatory_policies: &[Self]) -> Option<TestSet> {
        mandatory_policies.iter().chain([self]).filter_map(Self::test_set).reduce(TestSet::and)
    }

    fn bound_checks(&self, symbols: u32) -> impl Iterator<Item = BoundCheck<'_>> {
        let confidence = self.confidence_spent(symbols);
        let of = move |check| BoundCheck { check, confidence, exceptions: &self.exceptions };
        self.checks.iter().map(of)
    }

    fn verdict(&self, mandatory_policies: &[Self], evidence: &Evidence<'_>, checks: Vec<CheckResult>) -> Verdict {
        let candidate = evidence.candidate;
        let champion = match &evidence.champion {
            Champion::Evaluated(champion) => Some(champion.report.artifact.clone()),
            Champion::None | Champion::Unusable(_) => None,
        };
        let mut outcome = Outcome::of(&checks);
        let mut notes = Vec::new();
        let symbols = mandatory_policies.iter().chain([self]).map(Self::symbols).max().unwrap_or(2);
        if matches!(evidence.champion, Champion::None) {
            let approval = [self]
                .into_iter()
                .chain(mandatory_policies)
                .find_map(|policy| policy.approval_without_champion.as_ref());
            if let Some(place) = approval {
                notes.push(format!("there is no champion yet, and {place} asks for a person's approval of the first"));
                if outcome == Outcome::Pass {
                    outcome = Outcome::NeedsApproval;
                }
            }
        }
        if champion.as_ref() == Some(&candidate.report.artifact) {
            notes.push("the candidate is the champion: there is nothing to promote".to_owned());
        }
        notes.extend(evidence.uses.iter().flat_map(|uses| notes_of(&uses.this_use)));
        Verdict {
            outcome,
            policy: self.file.clone(),
            policy_digest: self.digest.clone(),
            mandatory_policies: mandatory_policies
                .iter()
                .map(|mandatory_policy| MandatoryPolicy {
                    policy: mandatory_policy.file.clone(),
                    digest: mandatory_policy.digest.clone(),
                })
                .collect(),
            confidence: self.confidence_spent(symbols),
            candidate: candidate.report.artifact.clone(),
            champion,
            rows: candidate.table.len() as u64,
            test_set: evidence.uses.as_ref().map(|uses| uses.this_use.clone()),
            notes,
            checks,
        }
    }
}

impl BoundCheck<'_> {
    /// The result after the check's own expiry date and the exceptions.
    fn with_exceptions(&self, mut result: CheckResult, evidence: &Evidence<'_>) -> CheckResult {
        if let Some(expires) = self.check.expires
            && expires < evidence.today
        {
            let who = self.check.owner.as_deref().unwrap_or("its owner");
            let reason = format!("the check ended on {expires}: {who} has to look at it again");
            result = decide::failed(self.check, &reason, result.rows);
        }
        let stands_in_the_way =
            matches!(result.outcome, CheckOutcome::Fail | CheckOutcome::Inconclusive | CheckOutcome::NeedsApproval);
        if !stands_in_the_way {
            return result;
        }
        let model = evidence.facts.texts.get("run.model").map(String::as_str);
        for exception in self.exceptions {
            match exception.covers(self.check, model, evidence.today) {
                Some(Covers::Yes(note)) => {
                    result.outcome = CheckOutcome::Excepted;
                    result.exception = Some(note);
                    return result;
                }
                Some(Covers::No(why)) => result.sentence = format!("{}; {why}", result.sentence),
                None => {}
            }
        }
        result
    }
}

/// Notes about the test set for readers of the verdict.
fn notes_of(this_use: &TestSetUse) -> Vec<String> {
    let mut notes = vec![match this_use.allowed {
        Some(allowed) => {
            format!("test set: {}; every bound is wide enough for all {allowed} together", this_use.describe())
        }
        None if this_use.number > TestSetUse::MANY => format!(
            "test set: {}; after more than {} candidates a pass may be luck: limit the uses with `test_set` in the policy, \
             or replace the rows",
            this_use.describe(),
            TestSetUse::MANY
        ),
        None => format!("test set: {}", this_use.describe()),
    }];
    if this_use.used_up > 0 {
        notes.push(match this_use.used_up {
            1 => "1 test row is used up and was left out".to_owned(),
            rows => format!("{rows} test rows are used up and were left out"),
        });
    }
    notes
}

fn prepare<'work>(bound_checks: &BoundCheck<'work>, ground: &'work Ground<'work>) -> Prepared<'work> {
    let check = bound_checks.check;
    let evidence = ground.evidence;
    let rows = evidence.candidate.table.len() as u64;
    if let Some(uses) = evidence.uses.as_ref().filter(|uses| uses.is_used_up && check.is_on_test_rows()) {
        let needed = check.least_rows(bound_checks.confidence);
        return Prepared::Done(Box::new(decide::used_up(check, &uses.this_use.describe(), needed, rows)));
    }
    let figure = match &check.subject {
        CheckSubject::Metric(subject) if subject.metric.subject() != Subject::Artifact => {
            return of_rows(check, subject, ground);
        }
        CheckSubject::Metric(subject) => cost_of(&subject.metric, &evidence.facts),
        CheckSubject::Expression(expression) => match classes_without_rows(expression, ground) {
            Some(missing) => Err(Trouble::WithoutRows(classes::reason(&missing))),
            None => return Prepared::Done(Box::new(of_condition(check, expression, ground))),
        },
        CheckSubject::Drift(drift) => drift.measure(&evidence.data).map_err(Trouble::Failed),
        CheckSubject::Leakage => drift::leakage(&evidence.data).map_err(Trouble::Failed),
    };
    let rows = figure.as_ref().map_or(rows, |figure| figure.rows);
    let measured = Measured { name: None, rows, value: None, figure };
    Prepared::Done(Box::new(decide::measured(check, vec![measured], bound_checks.confidence)))
}

fn of_condition(check: &Check, expression: &Expression, ground: &Ground<'_>) -> CheckResult {
    let rows = ground.evidence.candidate.table.len() as u64;
    match expression.holds(ground.evidence) {
        Ok(holds) => decide::condition(check, holds, rows),
        Err(why) => decide::failed(check, &why, rows),
    }
}

/// The classes without rows that the metrics of an expression name, as a phrase.
fn classes_without_rows(expression: &Expression, ground: &Ground<'_>) -> Option<String> {
    let candidate = ground.evidence.candidate;
    let stated = |name: &String| {
        let name = name.strip_prefix("metrics.")?;
        candidate.report.metrics.keys().find(|metric| metric.to_string() == name)
    };
    let mut metrics = expression.names().iter().filter_map(stated);
    metrics.find_map(|metric| classes::without_rows(metric, candidate, &ground.every))
}

fn of_rows<'work>(check: &'work Check, subject: &'work MetricSubject, ground: &'work Ground<'work>) -> Prepared<'work> {
    let rows = ground.evidence.candidate.table.len() as u64;
    if check.requirement.is_about_champion() && matches!(ground.comparison, Comparison::Nothing) {
        return Prepared::Done(Box::new(decide::skipped(check, rows)));
    }
    match ground.parts(check, subject) {
        Ok(parts) => Prepared::Work(Work { check, subject, parts }),
        Err(reason) => Prepared::Done(Box::new(decide::failed(check, &reason, rows))),
    }
}

/// A figure of the artifact: a known value, or a quantile of measured times.
fn cost_of(metric: &Metric, facts: &Facts) -> Result<Measurement, Trouble> {
    let (name, share) = match metric {
        Metric::Cost(Cost::ArtifactBytes) => ("artifact.bytes", None),
        Metric::Cost(Cost::ArtifactParameters) => ("artifact.parameters", None),
        Metric::Cost(Cost::TrainingSeconds) => ("artifact.training_seconds", None),
        Metric::Cost(Cost::DeviceSeconds) => ("artifact.device_seconds", None),
        Metric::Cost(Cost::LatencyP50) => ("artifact.latency_p50", Some(0.5)),
        _ => ("artifact.latency_p99", Some(0.99)),
    };
    let Some(share) = share else {
        let value = facts.figures.get(name).copied().filter(|value| value.is_finite());
        let value = value.ok_or_else(|| Trouble::Failed(format!("`{name}` is not known of this candidate")))?;
        return Ok(Measurement { estimate: value, rows: 1, spread: Spread::Known, range: metric.range() });
    };
    let mut sorted = facts.latencies.clone();
    if sorted.iter().any(|time| !time.is_finite() || *time < 0.0) {
        return Err(Trouble::Failed("a measured time is no number of milliseconds".to_owned()));
    }
    sorted.sort_by(f64::total_cmp);
    let rows = sorted.len() as u64;
    let expected = if share > 0.9 { 500 } else { MIN_UNITS as u64 };
    if rows == 0 {
        return Err(Trouble::Failed("no times of predictions were measured".to_owned()));
    }
    if rows < expected {
        return Err(Trouble::TooFew { unit: "measured times", came: rows, expected });
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place lies within the list"
    )]
    let place = ((rows as f64 * share).ceil() as usize).max(1) - 1;
    let estimate = sorted[place.min(sorted.len() - 1)];
    Ok(Measurement { estimate, rows, spread: Spread::Times { sorted, share }, range: metric.range() })
}
