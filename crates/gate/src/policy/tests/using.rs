//! A test set wears out: what its uses do to bounds, to verdicts, and to what authors are shown.

use slipway_contract::Digest;

use super::sample::{evidence, policy_text, said, wrong_in_a_thousand};
use crate::evaluation::Evaluation;
use crate::policy::{Champion, Evidence, Facts, Policy, TestSet, Uses};
use slipway_domain::{CheckOutcome, Feedback, Outcome, TestSetUse, Verdict};

const CHECKS: [&str; 2] =
    ["metric: accuracy, no_worse_than_champion: {margin: 0.02}", "metric: macro_f1, at_least: 0.5"];

fn with_rule(rule: &str, checks: &[&str]) -> Policy {
    let text = policy_text(checks).replace("spec:\n", &format!("spec:\n  test_set: {rule}\n"));
    Policy::read("policy.yaml", &text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn mistakes(rule: &str) -> String {
    let text = policy_text(&CHECKS).replace("spec:\n", &format!("spec:\n  test_set: {rule}\n"));
    let mistakes = Policy::read("policy.yaml", &text).expect_err("refused");
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn used(number: u32, policy: &Policy) -> Uses {
    let rule = policy.test_set();
    let this_use = TestSetUse {
        rows: Digest::of(b"rows"),
        number,
        allowed: rule.map(TestSet::uses),
        feedback: rule.map_or(Feedback::Figures, TestSet::feedback),
        used_up: 0,
    };
    Uses { this_use, is_used_up: rule.is_some_and(|rule| number > rule.uses()) }
}

fn judged(policy: &Policy, number: u32, candidate: &Evaluation, champion: &Evaluation) -> Verdict {
    let uses = Some(used(number, policy));
    let mut facts = Facts::default();
    facts.texts.insert("run.branch", "main".to_owned());
    policy.judge(&Evidence { facts, uses, ..evidence(candidate, Champion::Evaluated(champion)) })
}

fn two() -> (Evaluation, Evaluation) {
    (wrong_in_a_thousand("candidate", 2_000, 100), wrong_in_a_thousand("champion", 2_000, 105))
}

#[test]
fn a_rule_that_nothing_could_be_proved_of_is_refused_with_its_line() {
    assert!(
        mistakes("{uses: 0}").contains("policy.yaml:5:20: 0 uses, expected 1 to 10000"),
        "{}",
        mistakes("{uses: 0}")
    );
    let figures = mistakes("{uses: 9, adaptivity: full}");
    assert!(figures.contains("`adaptivity: full` came with `feedback: figures`"), "{figures}");
    let figures = mistakes("{uses: 9, adaptivity: first_change, feedback: figures}");
    assert!(figures.contains("expected `feedback: verdict`"), "{figures}");
    let many = mistakes("{uses: 60, adaptivity: full, feedback: verdict}");
    assert!(many.contains("60 uses divide the error budget") && many.contains("at most 25"), "{many}");
    for unknown in ["{uses: 9, adaptivity: some}", "{uses: 9, feedback: none}", "{}", "{uses: -1}", "{uses: 9, use: 1}"]
    {
        assert!(!mistakes(unknown).is_empty(), "{unknown}");
    }
}

#[test]
fn bounds_pay_for_all_uses_and_the_verdict_says_which_one_it_is() {
    let (candidate, champion) = two();
    let lower = |policy: &Policy| {
        let verdict = judged(policy, 7, &candidate, &champion);
        (verdict.checks[0].interval.expect("bounds").lowest(), verdict)
    };
    let (plain, of_plain) = lower(&Policy::read("policy.yaml", &policy_text(&CHECKS)).expect("a policy"));
    let (limited, of_limited) = lower(&with_rule("{uses: 20}", &CHECKS));
    assert!(limited < plain, "{limited} {plain}");
    assert_eq!((of_plain.confidence, of_plain.notes.clone()), (0.95, vec!["test set: use 7".to_owned()]));
    assert!((of_limited.confidence - 0.9975).abs() < 1e-12);
    assert!(of_limited.notes[0].starts_with("test set: use 7 of 20;"), "{:?}", of_limited.notes);
    assert!(of_limited.checks[0].sentence.contains("with 99.75 % confidence"), "{}", said(&of_limited));
    let full = with_rule("{uses: 20, adaptivity: full, feedback: verdict}", &CHECKS);
    let (fully, of_full) = lower(&full);
    assert!(fully < limited);
    assert!(!of_full.checks[0].sentence.contains("100 %"), "{}", said(&of_full));
}

#[test]
fn a_confidence_that_pays_for_uses_is_shown_with_few_digits() {
    let checks = ["metric: accuracy, no_worse_than_champion: {margin: 0.0001}"];
    let now = "2026-06-15T12:00:00Z".parse().expect("a time");
    let short = with_rule("{uses: 9}", &checks).short_of_rows(1_000, "m", now);
    let this_use = short[0].diagnostic.to_string();
    assert!(this_use.contains("at a confidence of 0.99444;"), "{this_use}");
}

#[test]
fn a_set_without_a_limit_is_warned_of_after_many_uses() {
    let (candidate, champion) = two();
    let policy = Policy::read("policy.yaml", &policy_text(&CHECKS)).expect("a policy");
    let verdict = judged(&policy, 21, &candidate, &champion);
    assert!(
        verdict.notes[0].contains("use 21; after more than 20 candidates a pass may be luck"),
        "{:?}",
        verdict.notes
    );
    assert_eq!(verdict.outcome, judged(&policy, 1, &candidate, &champion).outcome, "nothing but the warning changes");
}

#[test]
fn a_set_that_is_used_up_decides_nothing_whatever_the_policy_accepts() {
    let (candidate, champion) = two();
    let checks = [
        "metric: accuracy, no_worse_than_champion: {margin: 0.02}, when_inconclusive: warn",
        "metric: accuracy, at_least: 0.5, when_inconclusive: require_approval",
        "expression: 'metrics.accuracy > 0.1'",
        "expression: 'run.branch == \"main\"'",
    ];
    let policy = with_rule("{uses: 20}", &checks);
    assert_eq!(judged(&policy, 20, &candidate, &champion).outcome, Outcome::Pass);
    let verdict = judged(&policy, 21, &candidate, &champion);
    let outcomes: Vec<CheckOutcome> = verdict.checks.iter().map(|check| check.outcome).collect();
    let expected =
        [CheckOutcome::Inconclusive, CheckOutcome::Inconclusive, CheckOutcome::Inconclusive, CheckOutcome::Pass];
    assert_eq!(outcomes, expected);
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    let sentence = &verdict.checks[0].sentence;
    // ln α / ln(1 − m) for models that agree on all rows, at a confidence of 0.9975.
    assert!(sentence.contains("used up (use 21 of 20): it needs at least 297 fresh rows"), "{sentence}");
}

#[test]
fn authors_see_whether_a_candidate_passed_and_nothing_else_that_hangs_on_the_rows() {
    let (candidate, champion) = two();
    let checks = [
        "metric: accuracy, no_worse_than_champion: {margin: 0.05}",
        "metric: accuracy, slice: {by: label}, at_least: 0.5",
        "expression: 'run.branch == \"main\"'",
    ];
    let policy = with_rule("{uses: 5, adaptivity: full, feedback: verdict}", &checks);
    let passed = judged(&policy, 2, &candidate, &champion);
    assert_eq!(passed.outcome, Outcome::Pass, "{}", said(&passed));
    let shown = passed.for_authors();
    let outcomes: Vec<CheckOutcome> = shown.checks.iter().map(|check| check.outcome).collect();
    assert_eq!(outcomes, [CheckOutcome::Withheld, CheckOutcome::Withheld, CheckOutcome::Pass]);
    assert!(shown.checks.iter().all(|check| check.interval.is_none() && check.slices.is_empty()));
    assert_eq!(
        shown.summary(),
        "passed: every check holds; its figures are shown once the test set is used up (use 2 of 5)"
    );
    // What is shown of a candidate that is clearly worse and of one that is undecided is the same.
    let worse = wrong_in_a_thousand("worse", 2_000, 400);
    let undecided = wrong_in_a_thousand("undecided", 2_000, 150);
    let verdicts = [worse, undecided].map(|candidate| judged(&policy, 3, &candidate, &champion));
    assert_eq!(verdicts.each_ref().map(|verdict| verdict.outcome), [Outcome::Fail, Outcome::Inconclusive]);
    let [one, other] = verdicts.map(|verdict| {
        let mut shown = verdict.for_authors().into_owned();
        shown.candidate = Digest::of(b"");
        shown
    });
    assert_eq!(one, other);
    assert!(one.summary().starts_with("refused: a check on the test set does not hold;"), "{}", one.summary());
    assert!(one.outcome == Outcome::Fail && passed.is_withheld());
    let kept: Verdict = serde_json::from_str(&serde_json::to_string(&passed).expect("JSON")).expect("a verdict");
    assert_eq!(kept, passed, "what auditors see is kept whole");
}

#[test]
fn the_last_verdict_of_a_set_that_is_used_up_keeps_nothing_back() {
    let (candidate, champion) = two();
    let policy = with_rule("{uses: 5, adaptivity: full, feedback: verdict}", &CHECKS);
    assert!(!judged(&policy, 6, &candidate, &champion).is_withheld());
}

#[test]
fn what_is_extended_and_mandatory_policies_only_make_the_rule_stricter() {
    let base = policy_text(&CHECKS).replace("spec:\n", "spec:\n  test_set: {uses: 30, feedback: verdict}\n");
    let find = |_: &str, _: &str| Ok(("base.yaml".to_owned(), base.clone()));
    let own = "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: own}\nspec: {extends: [base.yaml]";
    let rule = |rule: &str| {
        let policy = Policy::read_with("own.yaml", &format!("{own}{rule}}}"), &find).expect("a policy");
        let rule = policy.test_set().expect("a rule");
        (rule.uses(), rule.feedback())
    };
    assert_eq!(rule(""), (30, Feedback::Verdict));
    assert_eq!(rule(", test_set: {uses: 50, feedback: figures}"), (30, Feedback::Verdict));
    assert_eq!(rule(", test_set: {uses: 10}"), (10, Feedback::Verdict));
    let mandatory_policy = with_rule("{uses: 3, feedback: verdict}", &CHECKS);
    let plain = Policy::read("policy.yaml", &policy_text(&CHECKS)).expect("a policy");
    assert_eq!(plain.test_set_over(std::slice::from_ref(&mandatory_policy)).map(TestSet::uses), Some(3));
    let (candidate, champion) = two();
    let verdict = plain.judge_over(&[mandatory_policy], &evidence(&candidate, Champion::Evaluated(&champion)));
    assert!(verdict.checks.iter().all(|check| check.is_withheld), "also those of the model's own policy");
}
