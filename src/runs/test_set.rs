//! Counts uses of test sets: each verdict counts for the rows that it rests on, and rows that are used up are left out.

use slipway_contract::metrics::Attribute;
use slipway_contract::{Digest, SampleRequest};

use super::Runs;
use super::evaluate::{SAMPLES, document_name};
use super::fresh_rows::with_whole_units;
use super::policies::Policies;
use crate::context::StepError;
use slipway_domain::{
    EvaluationDigests, EvaluationRecord, Feedback, Outcome, PartUsage, RowsEnd, Run, TestSetUsage, TestSetUse, Verdict,
};
use slipway_gate::evaluation::Evaluation;
use slipway_gate::policy::{TestSet, Uses};
use slipway_store::{Alike, NewUse};

/// The permitted use of a test set.
pub(super) struct TestSetAllowance {
    /// The use as the verdict reports it.
    pub(crate) uses: Uses,
    /// The rows that may judge, if only some of them may.
    pub(crate) fresh: Option<Vec<u32>>,
}

/// A use of a test set by a run, counted before any verdict.
pub(crate) struct Counted {
    set: Digest,
    rows: Vec<u64>,
    alike: Alike,
    columns: Vec<String>,
    question: Digest,
    candidate: Digest,
    rule: Option<TestSet>,
    usage: TestSetUsage,
}

impl Runs {
    /// Counts the run's use of its test set. The same question of the same run is one use, however often the step is repeated.
    pub(super) async fn count_use(
        &self,
        run: &Run,
        record: &EvaluationRecord,
        policies: &Policies,
        candidate: &Evaluation,
    ) -> Result<Counted, StepError> {
        let mut rows = numbers(&self.sample(run, record, SampleRequest::ROWS).await?);
        if rows.len() != candidate.table.len() {
            // The evaluation of an earlier version, or more rows than get digests: only the whole set is known.
            rows.clear();
        }
        let alike = alike_of(&rows, &self.sample(run, record, SampleRequest::ALIKE).await?);
        let columns = self.sample(run, record, SampleRequest::COLUMNS).await?;
        let columns = serde_json::from_slice(&columns).unwrap_or_default();
        let set = set_of(&rows, &candidate.report.data);
        let question = question_of(record, &set, policies);
        let (candidate, rule) = (candidate_of(record), policies.test_set());
        let usage = TestSetUsage { parts: Vec::new(), of_row: Vec::new() };
        let counted = Counted { set, rows, alike, columns, question, candidate, rule, usage };
        let usage = self.context.store.record_use(&counted.new_use(run)).await?;
        Ok(Counted { usage, ..counted })
    }

    /// Records the outcome of a use.
    pub(super) async fn record_use_outcome(
        &self,
        run: &Run,
        counted: &Counted,
        verdict: &Verdict,
    ) -> Result<(), StepError> {
        let passed = matches!(verdict.outcome, Outcome::Pass | Outcome::NeedsApproval);
        self.context.store.record_use_outcome(&counted.new_use(run), passed, &counted.ends(passed)).await?;
        Ok(())
    }

    /// A sample that the run's evaluation has stored; empty if an earlier version stored none.
    async fn sample(&self, run: &Run, record: &EvaluationRecord, file: &str) -> Result<Vec<u8>, StepError> {
        let (Some(artifact), Some(digest)) = (&run.training.artifact, record.samples.get(file)) else {
            return Ok(Vec::new());
        };
        let name = document_name(run.id, SAMPLES, file);
        Ok(self.context.artifacts.get_document(artifact, &name, digest).await?)
    }
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    bytes.chunks_exact(SampleRequest::ROW_BYTES).map(number).collect()
}

/// The other digests of the rows, list by list.
fn alike_of(rows: &[u64], bytes: &[u8]) -> Alike {
    let all = numbers(bytes);
    if rows.is_empty() || !all.len().is_multiple_of(rows.len()) {
        return Alike::default();
    }
    let mut kept: Vec<Vec<u64>> = all.chunks(rows.len()).map(<[u64]>::to_vec).collect();
    let sought = kept.split_off(kept.len().min(SampleRequest::ALIKE_KEPT));
    Alike { kept, sought }
}

impl Counted {
    fn new_use<'a>(&'a self, run: &'a Run) -> NewUse<'a> {
        NewUse {
            run: run.id,
            source: &run.cause.source,
            model: &run.cause.model,
            set: &self.set,
            rows: &self.rows,
            alike: &self.alike,
            columns: &self.columns,
            question: &self.question,
            candidate: &self.candidate,
            figures: self.feedback() == Feedback::Figures,
        }
    }

    fn feedback(&self) -> Feedback {
        self.rule.map_or(Feedback::Figures, TestSet::feedback)
    }

    /// Whether each part is used up.
    fn used_up(&self) -> Vec<bool> {
        let of = |part: &PartUsage| match self.rule {
            Some(rule) => part.is_used_up(rule.uses(), rule.adaptivity()),
            None => part.retired,
        };
        self.usage.parts.iter().map(of).collect()
    }

    /// The rows that are used up after this use.
    fn ends(&self, passed: bool) -> Vec<RowsEnd> {
        let Some(rule) = self.rule else { return Vec::new() };
        let parts = self.usage.parts.iter();
        parts.filter_map(|part| part.end_after(passed, rule.uses(), rule.adaptivity())).collect()
    }

    /// The rows that may judge. `units` name the queries and series of the rows, which are judged whole or not at all.
    pub(super) fn allowance(&self, units: &[&Attribute]) -> TestSetAllowance {
        let used_up = self.used_up();
        let mut is_used_up = !used_up.is_empty() && used_up.iter().all(|used_up| *used_up);
        let mut fresh = None;
        if !self.usage.of_row.is_empty() && used_up.contains(&true) && !is_used_up {
            let left_out = self.usage.of_row.iter().map(|part| used_up[*part as usize]).collect();
            let rows = (0..).zip(with_whole_units(left_out, units));
            let rows: Vec<u32> = rows.filter(|(_, is_out)| !is_out).map(|(row, _)| row).collect();
            is_used_up = rows.is_empty();
            fresh = (!is_used_up).then_some(rows);
        }
        let uses = self.uses(&used_up, is_used_up, fresh.as_deref());
        TestSetAllowance { uses, fresh }
    }

    /// The use as the verdict reports it.
    fn uses(&self, used_up: &[bool], is_used_up: bool, fresh: Option<&[u32]>) -> Uses {
        let judging = self.usage.parts.iter().zip(used_up).filter(|(_, used_up)| is_used_up || !**used_up);
        let before = judging.map(|(part, _)| part.uses).max().unwrap_or(0);
        let left_out = fresh.map_or(0, |fresh| self.rows.len() - fresh.len());
        let this_use = TestSetUse {
            rows: self.set.clone(),
            number: before.saturating_add(1),
            allowed: self.rule.map(TestSet::uses),
            feedback: self.feedback(),
            used_up: left_out as u64,
        };
        Uses { this_use, is_used_up }
    }
}

/// Digest of the sorted row digests, or of the files if the rows have no digests.
fn set_of(rows: &[u64], data: &Digest) -> Digest {
    if rows.is_empty() {
        return data.clone();
    }
    let mut sorted = rows.to_vec();
    sorted.sort_unstable();
    let bytes: Vec<u8> = sorted.iter().flat_map(|row| row.to_be_bytes()).collect();
    Digest::of(&bytes)
}

/// Digest of a question: the judged predictions, and the policies that judge them. Equal questions have equal answers, so a
/// repeated question reveals nothing.
fn question_of(record: &EvaluationRecord, set: &Digest, policies: &Policies) -> Digest {
    let EvaluationRecord { candidate, champion, champion_unusable, seeds, baselines, .. } = record;
    let predictions = [candidate].into_iter().chain(champion).chain(seeds).chain(baselines.values());
    let predictions = predictions.map(|EvaluationDigests { predictions, .. }| predictions.to_string());
    let parts: Vec<String> = predictions
        .chain([champion.is_some().to_string(), champion_unusable.is_some().to_string(), set.to_string()])
        .chain(policies.digests().map(ToString::to_string))
        .collect();
    Digest::of(parts.join("\n").as_bytes())
}

/// Digest of the candidate: its predictions, and those of the trainings with other seeds. The artifact does not suffice, because
/// the code of the evaluation could change its predictions.
fn candidate_of(record: &EvaluationRecord) -> Digest {
    let predictions = [&record.candidate].into_iter().chain(&record.seeds);
    let predictions: Vec<String> =
        predictions.map(|EvaluationDigests { predictions, .. }| predictions.to_string()).collect();
    Digest::of(predictions.join("\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use slipway_domain::Adaptivity;
    use slipway_gate::policy::Policy;

    fn counted(rule: &str, parts: Vec<PartUsage>, of_row: Vec<u32>) -> Counted {
        let text =
            "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: p}\nspec:\n  checks: [{leakage: {}}]\n";
        let policy = Policy::read("p.yaml", &format!("{text}{rule}")).expect("a policy");
        let [set, question, candidate] = [&b"set"[..], b"question", b"candidate"].map(Digest::of);
        let rows = (0..of_row.len() as u64).collect();
        let (alike, columns) = (Alike::default(), Vec::new());
        Counted {
            set,
            rows,
            alike,
            columns,
            question,
            candidate,
            rule: policy.test_set(),
            usage: TestSetUsage { parts, of_row },
        }
    }

    impl Counted {
        fn alone(&self) -> TestSetAllowance {
            self.allowance(&[])
        }
    }

    fn part(part: i64, uses: u32) -> PartUsage {
        PartUsage { part, uses, figures: false, passed: false, retired: false }
    }

    #[test]
    fn rows_that_are_used_up_are_left_out_and_fresh_ones_judge() {
        let rule = "  test_set: {uses: 3}\n";
        let some = counted(rule, vec![part(1, 3), part(2, 1)], vec![0, 1, 0, 1, 1]);
        assert_eq!(some.alone().fresh, Some(vec![1, 3, 4]));
        let Uses { this_use, is_used_up } = some.alone().uses;
        assert_eq!((this_use.describe().as_str(), this_use.used_up, is_used_up), ("use 2 of 3", 2, false));
        assert_eq!(some.ends(false), [RowsEnd { part: 1, but_for_candidate: false }]);

        let all = counted(rule, vec![part(1, 3), part(2, 4)], vec![0, 1]);
        assert_eq!((all.alone().fresh, all.alone().uses.is_used_up), (None, true));
        let last = counted(rule, vec![part(7, 2)], Vec::new());
        let end = RowsEnd { part: 7, but_for_candidate: false };
        assert_eq!((last.alone().fresh, last.alone().uses.is_used_up, last.ends(false)), (None, false, vec![end]));
    }

    #[test]
    fn a_query_is_left_out_whole_and_queries_that_were_all_added_to_leave_nothing() {
        let some = counted("  test_set: {uses: 3}\n", vec![part(1, 3), part(2, 1)], vec![0, 1, 1, 1]);
        let of = |of_row: [u32; 4]| Attribute { values: vec!["a".to_owned(), "b".to_owned()], of_row: of_row.to_vec() };
        let TestSetAllowance { uses, fresh } = some.allowance(&[&of([0, 0, 1, 1])]);
        assert_eq!((fresh, uses.this_use.used_up, uses.is_used_up), (Some(vec![2, 3]), 2, false));
        let TestSetAllowance { uses, fresh } = some.allowance(&[&of([0, 0, 0, 0])]);
        assert_eq!((fresh, uses.this_use.used_up, uses.is_used_up), (None, 0, true));
    }

    #[test]
    fn a_pass_uses_rows_up_for_other_candidates_where_the_set_is_replaced_after_it() {
        let rule = "  test_set: {uses: 9, adaptivity: first_change, feedback: verdict}\n";
        let counted = counted(rule, vec![part(1, 0)], Vec::new());
        assert_eq!(counted.rule.map(TestSet::adaptivity), Some(Adaptivity::FirstChange));
        let end = RowsEnd { part: 1, but_for_candidate: true };
        assert_eq!((counted.ends(false), counted.ends(true)), (vec![], vec![end]));
    }

    #[test]
    fn without_a_rule_uses_are_only_counted() {
        let counted = counted("", vec![part(1, 500)], Vec::new());
        let Uses { this_use, is_used_up } = counted.alone().uses;
        assert_eq!((this_use.describe().as_str(), is_used_up), ("use 501", false));
        assert!(counted.ends(true).is_empty());
    }

    #[test]
    fn rows_that_were_used_up_stay_so_whatever_the_policy_says_later() {
        let retired = PartUsage { retired: true, ..part(1, 3) };
        for rule in ["", "  test_set: {uses: 900}\n"] {
            let all = counted(rule, vec![retired], Vec::new());
            assert!(all.alone().uses.is_used_up, "{rule}");
            let some = counted(rule, vec![retired, part(2, 0)], vec![0, 1]);
            assert_eq!((some.alone().fresh, some.alone().uses.is_used_up), (Some(vec![1]), false), "{rule}");
        }
    }

    #[test]
    fn a_candidate_is_known_by_its_predictions_whatever_it_is_compared_with() {
        let digests = |text: &[u8]| EvaluationDigests { report: Digest::of(b"report"), predictions: Digest::of(text) };
        let record = EvaluationRecord {
            candidate: digests(b"one"),
            champion: None,
            champion_unusable: None,
            seeds: Vec::new(),
            latencies: None,
            samples: std::collections::BTreeMap::new(),
            baselines: std::collections::BTreeMap::new(),
        };
        let elsewhere = EvaluationRecord { champion: Some(digests(b"champion")), ..record.clone() };
        assert_eq!(candidate_of(&record), candidate_of(&elsewhere));
        let other = EvaluationRecord { candidate: digests(b"other"), ..record.clone() };
        let other_seeds = EvaluationRecord { seeds: vec![digests(b"seed")], ..record.clone() };
        assert!(![other, other_seeds].iter().map(candidate_of).any(|digest| digest == candidate_of(&record)));
    }

    #[test]
    fn other_digests_of_rows_are_lists_of_which_the_first_are_kept() {
        let bytes: Vec<u8> = (1..=8_u64).flat_map(u64::to_be_bytes).collect();
        let alike = alike_of(&[70, 80], &bytes);
        assert_eq!((alike.kept, alike.sought), (vec![vec![1, 2], vec![3, 4]], vec![vec![5, 6], vec![7, 8]]));
        for (rows, bytes) in [(&[70, 80][..], &bytes[..24]), (&[], &bytes[..]), (&[1], &[])] {
            assert_eq!(alike_of(rows, bytes), Alike::default());
        }
    }

    #[test]
    fn a_set_is_the_same_in_any_order() {
        let data = Digest::of(b"files");
        assert_eq!(set_of(&[3, 1, 2], &data), set_of(&[1, 2, 3], &data));
        assert_ne!(set_of(&[1, 2, 3], &data), set_of(&[1, 2], &data));
        assert_eq!(set_of(&[], &data), data);
    }
}
