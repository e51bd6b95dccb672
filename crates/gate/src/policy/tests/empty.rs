//! Keys that are there without a value: what somebody began to ask for is never read as not asked for.

use super::sample::{evaluation_of, evidence, policy, policy_text, said, table, verdict, with_attribute};
use crate::policy::{Champion, Policy, schema};
use slipway_domain::Outcome;

const SOUND: &str = "metric: accuracy, at_least: 0.9";

/// Keys whose value is a name, which is taken as it is written.
const NAMES: [&str; 1] = ["group_by"];

fn mistakes_in(text: &str) -> Vec<String> {
    match Policy::read("p.yaml", text) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

/// The keys of a form in the policy's schema.
fn keys_of(form: &str) -> Vec<String> {
    let schema = schema();
    let keys = schema.as_value()["$defs"][form]["properties"].as_object().expect("properties");
    keys.keys().cloned().collect()
}

#[test]
fn every_key_of_a_check_has_a_value_or_is_refused() {
    let keys = keys_of("CheckEntry");
    assert!(keys.len() > 15, "{keys:?}");
    for key in keys {
        for written in ["", "~", "null", "NULL", "# by: label"] {
            if NAMES.contains(&key.as_str()) && !matches!(written, "" | "# by: label") {
                continue;
            }
            let others: Vec<String> = SOUND
                .split(", ")
                .filter(|pair| !pair.starts_with(&format!("{key}:")))
                .map(|pair| format!("      {pair}\n"))
                .collect();
            let text = policy_text(&[]) + &format!("    - {key}: {written}\n{}", others.concat());
            let mistakes = mistakes_in(&text);
            assert_eq!(mistakes.len(), 1, "{key}: {written}: {mistakes:?}");
            let expected =
                format!("p.yaml:6:7: `{key}` has no value, expected one\n  help: write a value, or remove the key");
            assert!(mistakes[0].starts_with(&expected), "{mistakes:?}");
        }
    }
}

#[test]
fn every_key_within_a_check_has_a_value_or_is_refused() {
    for check in [
        "metric: accuracy, at_least: 0.9, slice: {by: }",
        "metric: accuracy, at_least: 0.9, slice: {by: label, name: }",
        "metric: accuracy, at_least: 0.9, slice: {by: label, name: ~}",
        "metric: accuracy, at_least: 0.9, slice: {by: label, minimum_rows: null}",
        "metric: accuracy, at_least: 0.9, slice: {where: }",
        "metric: accuracy, at_least: 0.9, slice: {where: {region: }}",
        "metric: accuracy, no_worse_than_champion: {margin: }",
        "metric: accuracy, no_worse_than_champion: {margin: 0.1, relative: ~}",
        "metric: accuracy, better_than_champion: {by: null}",
        "metric: accuracy, at_least: 0.9, seeds: {at_least: 3, worst: }",
        "metric: {recall: {class: null}}, at_least: 0.9",
        "metric: {recall: {class: }}, at_least: 0.9",
        "metric: {recall: }, at_least: 0.9",
        "metric: {mean_of: {column: x, better: ~}}, at_least: 0.9",
        "metric: {share_of: ~}, at_least: 0.9",
        "leakage: {at_most: }",
        "drift: {column: , statistic: wasserstein}, at_most: 1",
    ] {
        let mistakes = mistakes_in(&policy_text(&[check]));
        assert_eq!(mistakes.len(), 1, "{check}: {mistakes:?}");
        assert!(mistakes[0].contains("has no value, expected one"), "{check}: {mistakes:?}");
    }
    let of_class = mistakes_in(&policy_text(&["metric: {recall: {class: null}}, at_least: 0.9"]));
    assert!(
        of_class[0].contains("`class` has no value") && of_class[0].contains("in quotes: `\"null\"`"),
        "{of_class:?}"
    );
}

#[test]
fn every_key_of_the_file_has_a_value_or_is_refused() {
    let sound = policy_text(&[SOUND]);
    for key in keys_of("PolicySpec").iter().filter(|key| *key != "checks") {
        for written in ["", " ~", " null"] {
            let mistakes = mistakes_in(&sound.replace("spec:\n", &format!("spec:\n  {key}:{written}\n")));
            assert_eq!(mistakes.len(), 1, "{key}:{written}: {mistakes:?}");
            assert!(mistakes[0].starts_with(&format!("p.yaml:5:3: `{key}` has no value")), "{mistakes:?}");
        }
    }
    for (old, new) in [
        ("kind: Policy", "kind:"),
        ("metadata: {name: digits}", "metadata:"),
        ("metadata: {name: digits}", "metadata: {name: }"),
        ("spec:\n", "spec:\n  test_set: {uses: }\n"),
        ("spec:\n", "spec:\n  test_set: {uses: 20, adaptivity: ~}\n"),
        ("spec:\n", "spec:\n  exceptions: [{model: , check: x, reason: r, approver: a, expires: 2026-07-01}]\n"),
    ] {
        let mistakes = mistakes_in(&sound.replace(old, new));
        assert_eq!(mistakes.len(), 1, "{new}: {mistakes:?}");
        assert!(mistakes[0].contains("has no value, expected one"), "{new}: {mistakes:?}");
    }
    let [nothing] = mistakes_in("apiVersion: slipway.dev/v1alpha1\nkind: Policy\nmetadata: {name: a}\nspec:\n")
        .try_into()
        .expect("one");
    assert!(nothing.starts_with("p.yaml:4:1: `spec` has no value"), "{nothing}");
    let checks = mistakes_in(&policy_text(&[]));
    assert!(checks.len() == 1 && checks[0].starts_with("p.yaml:5:3: `checks` has no value"), "{checks:?}");
}

#[test]
fn a_key_without_a_value_that_is_merged_in_is_refused_where_it_is_written() {
    let text = format!("x-usual: &usual\n  slice:\n{}", policy_text(&[&format!("<<: *usual, {SOUND}")]));
    let mistakes = mistakes_in(&text);
    assert!(mistakes.len() == 1 && mistakes[0].starts_with("p.yaml:2:3: `slice` has no value"), "{mistakes:?}");
}

#[test]
fn a_column_is_grouped_by_as_its_name_is_written() {
    for name in ["null", "~", "Null", "2.10", "1e3", "0x1F", "True", "007"] {
        let right = evaluation_of("candidate", table(3_000, |row| row % 20 > 0));
        let two = with_attribute(right, name, &["a", "b"], |row| row % 2);
        let checked = verdict(&[&format!("{SOUND}, group_by: {name}")], &two, Champion::None);
        assert_eq!(checked.outcome, Outcome::Inconclusive, "{name}: {}", said(&checked));
        assert!(said(&checked).contains("on 2 groups"), "{name}: {}", said(&checked));
        let without = evaluation_of("candidate", table(3_000, |_| true));
        let checked = verdict(&[&format!("{SOUND}, group_by: {name}")], &without, Champion::None);
        assert_eq!(checked.outcome, Outcome::Fail, "{name}");
        assert!(said(&checked).contains(&format!("no column `{name}`")), "{name}: {}", said(&checked));
        for columns in [
            format!("drift: {{column: {name}, statistic: cramers_v}}, at_most: 0.1"),
            format!("{SOUND}, slice: {{by: {name}}}"),
        ] {
            let checked = policy(&[&columns]).judge(&evidence(&without, Champion::None));
            assert!(said(&checked).contains(&format!("`{name}`")), "{columns}: {}", said(&checked));
        }
    }
}

#[test]
fn a_text_is_asked_for_in_quotes_as_it_is_written() {
    for written in ["60", "1e3", "0x1F", "2.10", "True", "-0b11", "123456789012345678901234567890123456789"] {
        for metric in [format!("{{share_of: {written}}}"), format!("{{mean_of: {written}}}")] {
            let mistakes = mistakes_in(&policy_text(&[&format!("metric: {metric}, at_least: 0.9")]));
            assert_eq!(mistakes.len(), 1, "{metric}: {mistakes:?}");
            let quotes = format!("write it in quotes: `\"{written}\"`");
            let came = format!("`{written}`");
            assert!(mistakes[0].contains(&came) && mistakes[0].contains(&quotes), "{metric}: {mistakes:?}");
        }
    }
}

#[test]
fn classes_and_columns_of_metrics_are_named_as_they_are_written() {
    for written in ["60", "1e3", "0x1F", "2.10", "True", "1.0"] {
        for metric in ["recall: {class: X}", "mean_of: {column: X}", "roc_auc: {class: X}"] {
            let check = format!("metric: {{{}}}, at_least: 0.9", metric.replace('X', written));
            let measure = policy(&[&check]).checks[0].measure();
            assert!(measure.contains(&format!("\"{written}\"")), "{check}: {measure}");
        }
    }
}
