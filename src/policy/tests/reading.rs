//! Policy files: what is read, and what is refused where.

use insta::assert_snapshot;

use super::sample::{policy, policy_text, verdict, wrong_in_a_thousand};
use crate::policy::{Champion, Policy, schema};

fn mistakes_in(text: &str) -> String {
    let mistakes = Policy::read("policies/digits.yaml", text).expect_err("mistakes");
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn mistakes(checks: &[&str]) -> String {
    mistakes_in(&policy_text(checks))
}

#[test]
fn a_sound_policy_remembers_its_lines_and_its_digest() {
    let policy = policy(&["metric: accuracy, at_least: 0.9", "metric: macro_f1, no_worse_than_champion: {margin: 0}"]);
    let lines: Vec<usize> = policy.checks.iter().map(|check| check.line).collect();
    assert_eq!((policy.name().as_str(), lines, policy.confidence), ("digits", vec![6, 7], 0.95));
    let text = policy_text(&["metric: accuracy, at_least: 0.9"]);
    let digest = slipway_contract::Digest::of(text.as_bytes());
    assert_eq!(*Policy::read("p.yaml", &text).expect("a policy").digest(), digest);
}

#[test]
fn the_confidence_moves_the_bounds() {
    let candidate = wrong_in_a_thousand("candidate", 1_000, 50);
    let usual = verdict(&["metric: accuracy, at_least: 0.9"], &candidate, Champion::None);
    let text = policy_text(&["metric: accuracy, at_least: 0.9"]).replace("spec:\n", "spec:\n  confidence: 0.975\n");
    let strict = Policy::read("p.yaml", &text).expect("a policy").judge(&candidate, Champion::None);
    assert!(strict.checks[0].interval.expect("bounds").lower < usual.checks[0].interval.expect("bounds").lower);
    assert!(strict.checks[0].sentence.contains("with 97.5 % confidence"), "{}", strict.checks[0].sentence);
}

#[test]
fn checks_that_could_never_fail_or_never_pass_are_all_told_at_once() {
    assert_snapshot!(mistakes(&[
        "metric: accuracy, at_least: 0",
        "metric: accuracy, at_least: 1",
        "metric: macro_f1, at_most: 1.5",
        "metric: log_loss, at_most: 0",
        "metric: accuracy, at_least: .nan",
        "metric: accuracy, no_worse_than_champion: {margin: -0.01}",
        "metric: accuracy, no_worse_than_champion: {margin: 1}",
        "metric: log_loss, no_worse_than_champion: {margin: .inf}",
    ]), @r"
policies/digits.yaml:6:36: this check could never fail: 0 came, expected a number between 0 and 1
  help: accuracy lies from 0 to 1, and a bound on finitely many rows never reaches an end
policies/digits.yaml:7:36: this check could never pass: 1 came, expected a number between 0 and 1
  help: accuracy lies from 0 to 1, and a bound on finitely many rows never reaches an end
policies/digits.yaml:8:35: this check could never fail: 1.5 came, expected a number between 0 and 1
  help: macro_f1 lies from 0 to 1, and a bound on finitely many rows never reaches an end
policies/digits.yaml:9:35: this check could never pass: 0 came, expected a number above 0
  help: log_loss lies from 0 to inf, and a bound on finitely many rows never reaches an end
policies/digits.yaml:10:36: this check could never pass: NaN came, expected a number between 0 and 1
  help: accuracy lies from 0 to 1, and a bound on finitely many rows never reaches an end
policies/digits.yaml:11:50: this check could never be met by an equal model: margin -0.01 came, expected 0 up to (not including) 1
  help: 0.01 lets accuracy get worse by at most 0.01
policies/digits.yaml:12:50: this check could never fail: margin 1 came, expected 0 up to (not including) 1
  help: 0.01 lets accuracy get worse by at most 0.01
policies/digits.yaml:13:50: this check could never fail: margin inf came, expected 0 or more
  help: 0.01 lets log_loss get worse by at most 0.01
");
}

#[test]
fn a_check_has_exactly_one_rule() {
    assert_snapshot!(mistakes(&["metric: accuracy", "metric: accuracy, at_least: 0.5, at_most: 0.9"]), @r"
policies/digits.yaml:6:7: none came, expected exactly one of `at_least`, `at_most` and `no_worse_than_champion`
  help: a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`
policies/digits.yaml:7:7: `at_least` and `at_most` came, expected exactly one of `at_least`, `at_most` and `no_worse_than_champion`
  help: a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`
");
}

#[test]
fn checks_that_cannot_hold_together_are_refused() {
    assert_snapshot!(mistakes(&["metric: accuracy, at_least: 0.9", "metric: accuracy, at_most: 0.8"]), @r"
policies/digits.yaml:7:35: accuracy could never be at most 0.8 and hold the check on line 6 as well
  help: keep one of the two
");
}

#[test]
fn keys_that_are_not_known_are_refused_with_their_place() {
    assert_snapshot!(mistakes(&["metric: accuracy, at_least: 0.9", "metric: accuracy, atleast: 0.9"]), @r"
policies/digits.yaml:7:26: unknown key `atleast`, expected one of `metric`, `at_least`, `at_most`, `no_worse_than_champion`, `when_inconclusive`, `why`
  help: did you mean `at_least`?
");
    assert_snapshot!(mistakes(&["metric: accuracy, slice: {by: label}, at_least: 0.9"]), @r"
policies/digits.yaml:6:26: unknown key `slice`, expected one of `metric`, `at_least`, `at_most`, `no_worse_than_champion`, `when_inconclusive`, `why`
  help: a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`
");
    assert_snapshot!(mistakes(&[r#"expression: "artifact.bytes < 20""#]), @r"
policies/digits.yaml:6:8: unknown key `expression`, expected one of `metric`, `at_least`, `at_most`, `no_worse_than_champion`, `when_inconclusive`, `why`
  help: a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`
");
    assert_snapshot!(mistakes(&["metric: acuracy, at_least: 0.9"]), @r"
policies/digits.yaml:6:16: unknown value `acuracy`, expected one of `accuracy`, `balanced_accuracy`, `macro_f1`, `log_loss`, `expected_calibration_error`
  help: did you mean `accuracy`?
");
    assert_snapshot!(mistakes(&["metric: accuracy, at_least: high"]), @r"
policies/digits.yaml:6:36: expected a number for `spec.checks[0].at_least`, came the text `high`
  help: a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`
");
    assert_snapshot!(mistakes(&["metric: accuracy, at_least: 0.9, when_inconclusive: pass"]), @r"
policies/digits.yaml:6:60: unknown value `pass`, expected one of `fail`, `warn`
  help: a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`
");
}

#[test]
fn the_rest_of_the_file_is_checked_as_well() {
    let sound = policy_text(&["metric: accuracy, at_least: 0.9"]);
    assert_snapshot!(mistakes_in(&sound.replace("v1alpha1", "v2").replace("spec:\n", "spec:\n  confidence: 1\n")), @r"
policies/digits.yaml:1:13: `slipway.dev/v2` is not known, expected `slipway.dev/v1alpha1`
policies/digits.yaml:5:15: 1 is out of range, expected 0.5 up to (not including) 1
  help: 0.95 is usual
");
    assert_snapshot!(mistakes_in(&sound.replace("kind: Policy", "kind: Model")), @r"
policies/digits.yaml:2:7: unknown value `Model`, expected `Policy`
  help: a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`
");
    assert_snapshot!(mistakes_in(&sound.replace("confidence", "x").replace("spec:\n", "spec:\n  confidence: .nan\n")), @r"
policies/digits.yaml:5:15: NaN is out of range, expected 0.5 up to (not including) 1
  help: 0.95 is usual
");
    let empty = "apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: digits}\nspec: {checks: []}\n";
    assert_snapshot!(mistakes_in(empty), @r"
policies/digits.yaml:4:16: 0 checks, expected 1 to 100
  help: a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`
");
    assert!(!mistakes_in("").is_empty());
    assert_snapshot!(mistakes(&["metric: accuracy, at_least: 0.9, why: ' '"]), @"policies/digits.yaml:6:46: a reason of 0 characters, expected 1 to 500");
}

#[test]
fn the_schema_names_what_a_check_may_hold() {
    let schema = serde_json::to_value(schema()).expect("JSON");
    let check = schema["$defs"]["CheckEntry"].as_object().expect("the check's schema");
    assert_eq!(check["additionalProperties"], false);
    assert_eq!(check["required"], serde_json::json!(["metric"]));
}
