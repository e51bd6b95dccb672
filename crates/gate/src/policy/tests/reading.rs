//! Policy files: what is read, and what is refused where.

use insta::assert_snapshot;

use super::sample::{evidence, policy, policy_text, verdict, wrong_in_a_thousand};
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
    let default = verdict(&["metric: accuracy, at_least: 0.9"], &candidate, Champion::None);
    let text = policy_text(&["metric: accuracy, at_least: 0.9"]).replace("spec:\n", "spec:\n  confidence: 0.975\n");
    let strict = Policy::read("p.yaml", &text).expect("a policy").judge(&evidence(&candidate, Champion::None));
    assert!(strict.checks[0].interval.expect("bounds").lower < default.checks[0].interval.expect("bounds").lower);
    assert!(strict.checks[0].sentence.contains("with 97.5 % confidence"), "{}", strict.checks[0].sentence);
}

#[test]
fn checks_that_could_never_fail_or_never_pass_are_all_reported_at_once() {
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
policies/digits.yaml:6:7: none came, expected exactly one of `at_least`, `at_most`, `between`, `no_worse_than_champion`, `better_than_champion` and `better_than_baseline`
  help: a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`
policies/digits.yaml:7:7: `at_least` and `at_most` came, expected exactly one of `at_least`, `at_most`, `between`, `no_worse_than_champion`, `better_than_champion` and `better_than_baseline`
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
policies/digits.yaml:7:26: unknown key `atleast`, expected one of `name`, `metric`, `expression`, `drift`, `leakage`, `at_least`, `at_most`, `between`, `no_worse_than_champion`, `better_than_champion`, `better_than_baseline`, `slice`, `group_by`, `seeds`, `when_inconclusive`, `severity`, `expires`, `owner`, `why`
  help: did you mean `at_least`?
");
    assert_snapshot!(mistakes(&["metric: accuracy, slices: {by: label}, at_least: 0.9"]), @r"
policies/digits.yaml:6:26: unknown key `slices`, expected one of `name`, `metric`, `expression`, `drift`, `leakage`, `at_least`, `at_most`, `between`, `no_worse_than_champion`, `better_than_champion`, `better_than_baseline`, `slice`, `group_by`, `seeds`, `when_inconclusive`, `severity`, `expires`, `owner`, `why`
  help: did you mean `slice`?
");
    assert_snapshot!(mistakes(&[r#"expresion: "artifact.bytes < 20""#]), @r"
policies/digits.yaml:6:8: unknown key `expresion`, expected one of `name`, `metric`, `expression`, `drift`, `leakage`, `at_least`, `at_most`, `between`, `no_worse_than_champion`, `better_than_champion`, `better_than_baseline`, `slice`, `group_by`, `seeds`, `when_inconclusive`, `severity`, `expires`, `owner`, `why`
  help: did you mean `expression`?
");
    assert_snapshot!(mistakes(&["metric: acuracy, at_least: 0.9"]), @r"
policies/digits.yaml:6:16: unknown value `acuracy`, expected one of `accuracy`, `balanced_accuracy`, `top_k_accuracy`, `precision`, `micro_precision`, `macro_precision`, `weighted_precision`, `recall`, `micro_recall`, `macro_recall`, `weighted_recall`, `f1`, `micro_f1`, `macro_f1`, `weighted_f1`, `f_beta`, `micro_f_beta`, `macro_f_beta`, `weighted_f_beta`, `roc_auc`, `macro_roc_auc`, `weighted_roc_auc`, `pr_auc`, `macro_pr_auc`, `weighted_pr_auc`, `log_loss`, `brier_score`, `expected_calibration_error`, `matthews_correlation`, `cohen_kappa`, `confusion`, `mean_absolute_error`, `root_mean_squared_error`, `r2`, `mean_absolute_percentage_error`, `symmetric_mean_absolute_percentage_error`, `median_absolute_error`, `pinball_loss`, `interval_coverage`, `wape`, `mase`, `selection_rate_ratio`, `equal_opportunity_difference`, `equalized_odds_difference`, `mean_of`, `quantile_of`, `share_of`, `ndcg`, `mean_average_precision`, `mean_reciprocal_rank`, `hit_rate`, `artifact_bytes`, `artifact_parameters`, `training_seconds`, `device_seconds`, `latency_p50`, `latency_p99`
  help: did you mean `accuracy`?
");
    assert_snapshot!(mistakes(&["metric: accuracy, at_least: high"]), @r"
policies/digits.yaml:6:36: expected a number for `spec.checks[0].at_least`, found the text `high`
  help: a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`
");
    assert_snapshot!(mistakes(&["metric: accuracy, at_least: 0.9, when_inconclusive: pass"]), @r"
policies/digits.yaml:6:60: unknown value `pass`, expected one of `fail`, `warn`, `require_approval`
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
    for key in ["metric", "expression", "drift", "leakage", "slice", "between", "why"] {
        assert!(check["properties"].get(key).is_some(), "{key}");
    }
    let metrics = serde_json::to_string(&schema["$defs"]["Metric"]).expect("JSON");
    assert!(slipway_contract::metrics::NAMES.iter().all(|name| metrics.contains(name)), "{metrics}");
}

#[test]
fn metrics_with_keys_are_read_and_their_mistakes_have_places() {
    let sound =
        policy(&["metric: {recall: {class: shirt}}, at_least: 0.9", "metric: {top_k_accuracy: {k: 5}}, at_least: 0.9"]);
    let metrics: Vec<String> = sound.checks.iter().map(super::super::checks::Check::measure).collect();
    assert_eq!(metrics, ["recall(class=\"shirt\")", "top_k_accuracy(k=5)"]);
    assert_snapshot!(mistakes(&["metric: recall, at_least: 0.9"]), @r"
policies/digits.yaml:6:16: `recall` needs the key `class`, such as `{recall: {class: shirt}}`
  help: a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`
");
    assert_snapshot!(mistakes(&["metric: {recall: {clas: shirt}}, at_least: 0.9"]), @r"
policies/digits.yaml:6:26: unknown key `clas`, expected `class`
  help: did you mean `class`?
");
    assert_snapshot!(mistakes(&["metric: {hit_rate: {k: 5, qury: user}}, at_least: 0.9"]), @r"
policies/digits.yaml:6:34: unknown key `qury`, expected one of `k`, `query`, `relevance`, `score`, `without_relevant`
  help: did you mean `query`?
");
    assert_snapshot!(mistakes(&["metric: {top_k_accuracy: {k: 0}}, at_least: 0.9"]), @r"
policies/digits.yaml:6:16: `k` of `top_k_accuracy` is 0, expected 1 to 10000
  help: a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`
");
}

#[test]
fn metrics_of_two_tasks_are_refused() {
    assert_snapshot!(mistakes(&["metric: accuracy, at_least: 0.9", "metric: r2, at_least: 0.5"]), @r"
policies/digits.yaml:7:16: r2 does not fit accuracy on line 6: one is for classification, the other for regression
  help: a model has one task; write a policy for each
");
}

#[test]
fn rules_that_could_never_fail_or_never_pass_are_refused_in_every_form() {
    assert_snapshot!(mistakes(&[
        "metric: accuracy, between: [0.9, 0.8]",
        "metric: accuracy, between: [0, 1]",
        "metric: accuracy, better_than_champion: {by: 1}",
        "metric: accuracy, better_than_champion: {by: -0.1}",
        "metric: mean_absolute_error, no_worse_than_champion: {margin: 1.5, relative: true}",
        "metric: artifact_bytes, at_least: 0",
        "drift: {column: age, statistic: kolmogorov_smirnov}, at_most: 1",
        "leakage: {at_most: 1}",
        "expression: '1 < 2'",
    ]), @r"
policies/digits.yaml:6:35: this check could never pass: 0.9 to 0.8 came, expected two rising numbers, both between 0 and 1
  help: accuracy lies from 0 to 1, and a bound on finitely many rows never reaches an end
policies/digits.yaml:7:35: this check could never fail: 0 to 1 came, expected two rising numbers, both between 0 and 1
  help: accuracy lies from 0 to 1, and a bound on finitely many rows never reaches an end
policies/digits.yaml:8:48: this check could never pass: by 1 came, expected 0 up to (not including) 1
  help: 0 asks for any improvement that the rows can show
policies/digits.yaml:9:48: this check could never fail on an equal model: by -0.1 came, expected 0 up to (not including) 1
  help: 0 asks for any improvement that the rows can show
policies/digits.yaml:10:61: this check could never fail: margin 1.5 came, expected 0 up to (not including) 1
  help: 0.01 lets mean_absolute_error get worse by at most 0.01
policies/digits.yaml:11:42: this check could never fail: 0 came, expected a number above 0
  help: artifact_bytes is a number above 0
policies/digits.yaml:12:70: this check could never fail: 1 came, expected a number between 0 and 1
  help: kolmogorov_smirnov lies from 0 to 1, and a bound on finitely many rows never reaches an end
policies/digits.yaml:13:27: 1 is out of range, expected 0 up to (not including) 1
  help: 0 tolerates none
policies/digits.yaml:14:20: this condition looks at nothing, so it could never change; name a metric or a fact
  help: such as `artifact.bytes < 20 * 1024 * 1024`
policies/digits.yaml:10:16: mean_absolute_error does not fit accuracy on line 6: one is for classification, the other for regression
  help: a model has one task; write a policy for each
");
    assert_snapshot!(mistakes(&["metric: accuracy, at_least: 0.9, severity: warn"]), @r"
policies/digits.yaml:5:3: this policy could never refuse: every check only warns
  help: leave `severity: warn` out of a check that has to hold
");
}

#[test]
fn slices_seeds_and_dates_are_checked() {
    assert_snapshot!(mistakes(&[
        "metric: accuracy, at_least: 0.9, slice: {}",
        "metric: accuracy, at_least: 0.9, slice: {by: label, minimum_rows: 0}",
        "metric: accuracy, at_least: 0.9, slice: {where: {}}",
        "metric: accuracy, at_least: 0.9, slice: {by: label}, seeds: {at_least: 3}",
        "metric: accuracy, at_least: 0.9, seeds: {at_least: 1}",
        "metric: accuracy, at_least: 0.9, expires: tomorrow",
        "metric: artifact_bytes, at_most: 10, slice: {by: label}",
        "drift: {column: age, statistic: wasserstein}",
        "leakage: {}, group_by: patient",
        "metric: accuracy, leakage: {}, at_least: 0.9",
        "name: a, metric: accuracy, at_least: 0.9",
        "name: a, metric: macro_f1, at_least: 0.9",
    ]), @r"
policies/digits.yaml:6:48: none came, expected exactly one of `by` and `where`
  help: `by: label` judges every class, `where: {region: north}` one part
policies/digits.yaml:7:74: 0 rows, expected at least one
  help: 30 are usual
policies/digits.yaml:8:56: no value is named, expected a column with a value
  help: such as `where: {region: north}`; the empty text is written `''`
policies/digits.yaml:9:7: `slice` and `seeds` came, expected one of them
  help: write a check for each
policies/digits.yaml:10:59: 1 run, expected 2 to 50
  help: 3 are usual
policies/digits.yaml:11:50: `tomorrow` is no day, expected one such as 2026-12-31
policies/digits.yaml:12:7: artifact_bytes is a property of the artifact, not of rows or of a difference
  help: ask for it with `at_most`, or with an `expression`
policies/digits.yaml:13:7: `at_most` is missing, expected how far the column may move
  help: 0.1 is usual for a stability index: below it samples are alike
policies/digits.yaml:14:31: `group_by` is for checks of a metric
  help: a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`
policies/digits.yaml:15:7: `metric` and `leakage` came, expected exactly one of `metric`, `expression`, `drift` and `leakage`
  help: a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`
policies/digits.yaml:17:14: the name `a` is taken by the check on line 16
  help: every check has its own name, or none
");
}

#[test]
fn expressions_are_typed_and_bounded_when_they_are_read() {
    let expression =
        |source: &str| mistakes(&[&format!("expression: {}", serde_json::to_string(source).expect("JSON"))]);
    let said: String = [
        "artifact.byte < 20",
        "artifact < 20",
        "secret.key == 'a'",
        "metrics.acuracy > 0.9",
        "run.model > 3",
        "artifact.bytes + 1.5 < 3.0",
        "artifact.bytes",
        "artifact.bytes <",
        "[1,2,3].all(x, x < artifact.bytes)",
        "size(run.model) < 3",
        "run.model.matches('(a+)+$')",
        &format!("{}artifact.bytes < 3{}", "(".repeat(40), ")".repeat(40)),
        &format!("artifact.bytes < {}", "1 + ".repeat(400) + "1"),
        "",
    ]
    .map(expression)
    .join("\n");
    assert_snapshot!(said, @r"
policies/digits.yaml:6:20: unknown name `artifact.byte`; did you mean `artifact.bytes`?
  help: such as `artifact.bytes < 20 * 1024 * 1024`
policies/digits.yaml:6:20: unknown name `artifact`, expected one of `metrics.…`, `artifact.…`, `run.…` and `environment.…`
  help: such as `artifact.bytes < 20 * 1024 * 1024`
policies/digits.yaml:6:20: unknown name `secret.key`; did you mean `run.seed`?
  help: such as `artifact.bytes < 20 * 1024 * 1024`
policies/digits.yaml:6:20: unknown name `metrics.acuracy`; did you mean `metrics.accuracy`?
  help: such as `artifact.bytes < 20 * 1024 * 1024`
policies/digits.yaml:6:20: `>` cannot compare a text with a whole number
  help: such as `artifact.bytes < 20 * 1024 * 1024`
policies/digits.yaml:6:20: a whole number and a number cannot be mixed in arithmetic; write `2.0` for `2`
  help: such as `artifact.bytes < 20 * 1024 * 1024`
policies/digits.yaml:6:20: the expression is a whole number, expected a truth value such as `artifact.bytes < 1000`
  help: such as `artifact.bytes < 20 * 1024 * 1024`
policies/digits.yaml:6:20: this is no CEL: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}
  help: such as `artifact.bytes < 20 * 1024 * 1024`
policies/digits.yaml:6:20: only comparisons, arithmetic, `&&`, `||`, `!`, `?:` and `in` may be used
  help: such as `artifact.bytes < 20 * 1024 * 1024`
policies/digits.yaml:6:20: `size` cannot be applied to a text
  help: such as `artifact.bytes < 20 * 1024 * 1024`
policies/digits.yaml:6:20: only comparisons, arithmetic, `&&`, `||`, `!`, `?:` and `in` may be used
  help: such as `artifact.bytes < 20 * 1024 * 1024`
policies/digits.yaml:6:20: more than 16 brackets and conditions deep, expected fewer
  help: such as `artifact.bytes < 20 * 1024 * 1024`
policies/digits.yaml:6:20: an expression of 1618 characters, expected 1 to 1000
  help: such as `artifact.bytes < 20 * 1024 * 1024`
policies/digits.yaml:6:20: an expression of 0 characters, expected 1 to 1000
  help: such as `artifact.bytes < 20 * 1024 * 1024`
");
    for sound in [
        "artifact.bytes < 20 * 1024 * 1024",
        "metrics.accuracy > 0.9 && environment.name != 'production' || !(run.seed == 7)",
        "run.model in ['a', 'b'] ? artifact.latency_p99 < 5.0 : artifact.latency_p99 < 50.0",
        "metrics.accuracy >= 1",
    ] {
        policy(&[&format!("expression: {}", serde_json::to_string(sound).expect("JSON"))]);
    }
}
