//! Policies that stand on others: extension, floors and exceptions.

use insta::assert_snapshot;

use super::sample::{evidence, policy, policy_text, said, wrong_in_a_thousand};
use crate::policy::{Champion, Evidence, Facts, Policy};
use slipway_domain::{CheckOutcome, Outcome};

const BASE: &str = "name: floor, metric: accuracy, at_least: 0.9";

fn extending(checks: &[&str]) -> String {
    policy_text(checks).replace("spec:\n", "spec:\n  extends: [base.yaml]\n")
}

fn read(text: &str) -> Result<Policy, String> {
    let find = |from: &str, path: &str| match path {
        "base.yaml" => Ok(("policies/base.yaml".to_owned(), policy_text(&[BASE]))),
        "loop.yaml" => Ok(("policies/loop.yaml".to_owned(), extending(&[BASE]).replace("base.yaml", "loop.yaml"))),
        _ => Err(format!("{from} names a file that is not there")),
    };
    Policy::read_with("policies/digits.yaml", text, &find)
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn the_checks_of_an_extended_policy_hold_as_well() {
    let policy = read(&extending(&["metric: macro_f1, at_least: 0.5"])).expect("a policy");
    let bad = wrong_in_a_thousand("candidate", 1_000, 300);
    let verdict = policy.judge(&evidence(&bad, Champion::None));
    assert_snapshot!(said(&verdict), @r"
Fail
Fail: accuracy is at most 0.723 with 95 % confidence; the policy asks for at least 0.9 (policies/base.yaml:6)
Pass: macro_f1 is 0.676 to 0.724 with 95 % confidence (one-sided bounds); the policy asks for at least 0.5 (policies/digits.yaml:7)
");
    assert_eq!(verdict.checks[0].file, "policies/base.yaml");
    let alone = read(&extending(&[]).replace("  checks:\n", "")).expect("a policy");
    assert_eq!(alone.checks.len(), 1);
    assert_ne!(alone.digest(), policy.digest());
}

#[test]
fn a_check_of_the_same_name_may_be_stricter_and_never_milder() {
    let stricter = read(&extending(&["name: floor, metric: accuracy, at_least: 0.95"])).expect("a policy");
    assert_eq!(stricter.checks.len(), 1);
    let refusals: Vec<String> = [
        "name: floor, metric: accuracy, at_least: 0.85",
        "name: floor, metric: macro_f1, at_least: 0.95",
        "name: floor, metric: accuracy, at_least: 0.95, severity: warn",
        "name: floor, metric: accuracy, at_least: 0.95, when_inconclusive: warn",
    ]
    .iter()
    .map(|check| read(&extending(&[check])).expect_err("a refusal"))
    .collect();
    assert_snapshot!(refusals.join("\n"), @r"
policies/digits.yaml:7:7: this is milder than the check of the same name, policies/base.yaml:6
  help: what is extended can be tightened, never loosened: measure the same, and ask for as much
policies/digits.yaml:7:7: this is milder than the check of the same name, policies/base.yaml:6
  help: what is extended can be tightened, never loosened: measure the same, and ask for as much
policies/digits.yaml:7:7: this is milder than the check of the same name, policies/base.yaml:6
  help: what is extended can be tightened, never loosened: measure the same, and ask for as much
policies/digits.yaml:7:7: this is milder than the check of the same name, policies/base.yaml:6
  help: what is extended can be tightened, never loosened: measure the same, and ask for as much
");
}

#[test]
fn what_cannot_be_extended_is_named() {
    let of = |name: &str| {
        read(&extending(&["metric: macro_f1, at_least: 0.5"]).replace("base.yaml", name)).expect_err("a refusal")
    };
    assert_snapshot!([of("gone.yaml"), of("slipway:gone"), of("loop.yaml")].join("\n"), @r"
policies/digits.yaml:5:13: `gone.yaml` cannot be extended: policies/digits.yaml names a file that is not there
policies/digits.yaml:5:13: `slipway:gone` cannot be extended: no such policy ships, expected one of `slipway:image-classification`, `slipway:credit-risk`, `slipway:forecasting`, `slipway:medical-screening`, `slipway:quality-inspection`, `slipway:serving-budget`
policies/digits.yaml:5:13: `loop.yaml` cannot be extended: it has mistakes
policies/loop.yaml:5:13: `loop.yaml` cannot be extended: it extends itself: policies/loop.yaml extends policies/loop.yaml
");
    assert!(
        read(&extending(&["metric: macro_f1, at_least: 0.5"]).replace("base.yaml", "slipway:image-classification"))
            .is_ok()
    );
}

#[test]
fn a_mandatory_policy_always_applies_and_its_result_names_its_own_file() {
    let mandatory_policy =
        Policy::read("floor.yaml", &policy_text(&["name: floor, metric: accuracy, at_least: 0.97"])).expect("a floor");
    let mild = policy(&["metric: accuracy, at_least: 0.5"]);
    let candidate = wrong_in_a_thousand("candidate", 2_000, 60);
    let evidence = evidence(&candidate, Champion::None);
    assert_eq!(mild.judge(&evidence).outcome, Outcome::Pass);
    let verdict = mild.judge_over(&[mandatory_policy], &evidence);
    assert_eq!((verdict.outcome, verdict.checks[0].file.as_str()), (Outcome::Fail, "floor.yaml"));
}

fn with_exception(expires: &str, more: &str) -> String {
    format!(
        "{}  exceptions:\n    - {{model: digits, check: floor, reason: recall of a sensor, approver: ada, expires: {expires}{more}}}\n",
        policy_text(&[BASE])
    )
}

fn judged_on(text: &str, model: &str) -> (CheckOutcome, String) {
    let bad = wrong_in_a_thousand("candidate", 1_000, 300);
    let mut facts = Facts::default();
    facts.texts.insert("run.model", model.to_owned());
    let policy = Policy::read("policies/digits.yaml", text).expect("a policy");
    let verdict = policy.judge(&Evidence { facts, ..evidence(&bad, Champion::None) });
    (verdict.checks[0].outcome, crate::policy::render::text(&verdict))
}

#[test]
fn an_exception_holds_for_its_model_until_its_day_and_is_shown() {
    let (outcome, text) = judged_on(&with_exception("2026-07-01", ""), "digits");
    assert_eq!(outcome, CheckOutcome::Excepted);
    assert_snapshot!(text, @r"
passed: 0 of 1 checks on 1000 rows, 1 excepted

      excepted  accuracy is at most 0.723 with 95 % confidence; the policy asks for at least 0.9 (policies/digits.yaml:6)
                accepted by ada until 2026-07-01: recall of a sensor (policies/digits.yaml:8)

candidate dda18a0e21ae, champion none, 1000 rows, policy policies/digits.yaml (575b27d35b6a)
");
    for (expires, model) in [("2026-06-14", "digits"), ("2026-07-16", "digits"), ("2026-07-01", "letters")] {
        let (outcome, text) = judged_on(&with_exception(expires, ""), model);
        assert_eq!(outcome, CheckOutcome::Fail, "{text}");
    }
    let (_, late) = judged_on(&with_exception("2026-12-31", ""), "digits");
    assert!(late.contains("expected at most 30 days ahead (2026-07-15)"), "{late}");
}

#[test]
fn exceptions_name_a_check_of_their_own_file() {
    let unknown = with_exception("2026-07-01", "").replace("check: floor", "check: roof");
    let foreign = with_exception("2026-07-01", "")
        .replace("name: floor, ", "")
        .replace("spec:\n", "spec:\n  extends: [base.yaml]\n");
    let refusals: Vec<String> = [
        read(&unknown),
        read(&foreign),
        read(&with_exception("soon", "")),
        read(&with_exception("2026-07-01", ", because: x")),
        read(&with_exception("2026-07-01", "").replace("approver: ada, ", "")),
    ]
    .into_iter()
    .map(|read| read.expect_err("a refusal"))
    .collect();
    assert_snapshot!(refusals.join("\n"), @r"
policies/digits.yaml:8:30: no check is called `roof`
  help: give the check that is meant a `name`
policies/digits.yaml:9:30: `floor` stands in policies/base.yaml, and is not this file's to except
  help: ask its owner for the exception
policies/digits.yaml:8:89: `soon` is no day, expected one such as 2026-12-31
policies/digits.yaml:8:101: unknown key `because`, expected one of `model`, `check`, `reason`, `approver`, `expires`
  help: a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`
policies/digits.yaml:8:7: missing key `approver` in `spec.exceptions[0]`
  help: add `approver: …`
");
}
