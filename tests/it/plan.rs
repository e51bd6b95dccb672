//! `slipway policy plan` on the policies that ship, in every form.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::slipway;

fn plan(arguments: &[&str]) -> Output {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
    Command::new(slipway()).current_dir(folder).args(["policy", "plan"]).args(arguments).output().expect("it runs")
}

#[test]
fn every_shipped_policy_is_planned_with_and_without_rows() {
    for policy in ["image-classification", "credit-risk", "forecasting", "medical-screening", "quality-inspection"] {
        let file = format!("{policy}.yaml");
        for rows in [&[][..], &["--rows", "5000"]] {
            let arguments = [&[&*file, "-o", "json"], rows].concat();
            let planned = plan(&arguments);
            assert!(planned.status.success(), "{}", String::from_utf8_lossy(&planned.stderr));
            let planned: Value = serde_json::from_slice(&planned.stdout).expect("JSON");
            let checks = planned["checks"].as_array().expect("checks");
            assert!(!checks.is_empty(), "{policy}");
            for check in checks.iter().filter(|check| check["skipped"].is_null()) {
                let differences = check["differences"].as_array().expect("differences");
                let has_power = differences.iter().all(|row| row["power"].is_f64());
                assert_eq!(has_power, !rows.is_empty(), "{policy}: {check:#}");
            }
        }
    }
}

#[test]
fn a_plan_is_text_or_yaml_and_wrong_assumptions_are_refused() {
    let text = plan(&["image-classification.yaml", "--rows", "5000", "--uses", "20", "-o", "text"]);
    let said = String::from_utf8_lossy(&text.stdout).into_owned();
    for part in ["on 5,000 test rows", "one test set judges 20 candidates", "ROWS FOR 80 %", "assumed: "] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
    let yaml = plan(&["image-classification.yaml", "-o", "yaml"]);
    assert!(String::from_utf8_lossy(&yaml.stdout).contains("rows_needed:"));
    for (arguments, words) in [
        (&["--disagreement", "0"][..], "a disagreement of 0, expected more than 0 and at most 1"),
        (&["--rows", "0"], "0 rows, expected 1 to"),
        (&["--slices", "101"], "101 slices, expected 1 to 100"),
    ] {
        let refused = plan(&[&["image-classification.yaml"], arguments].concat());
        assert_eq!(refused.status.code(), Some(2));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(plan(&["nothing.yaml"]).status.code(), Some(2));
}
