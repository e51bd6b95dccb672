//! Candidate and champion on the same rows; artifacts that cannot be used are named, never trusted.

use serde_json::json;
use slipway_contract::metrics::Average;
use slipway_contract::{EvaluationReport, Fault, FaultKind, Metric};

use crate::support::{Bench, picture_model, table_model};

fn report(bench: &Bench, who: &str) -> EvaluationReport {
    serde_json::from_slice(&bench.output(&format!("{who}/report.json"))).expect("a report")
}

#[test]
fn candidate_and_champion_are_evaluated_on_the_same_rows_each_with_its_own_architecture() {
    let bench = Bench::with_pictures();
    let mut champion = picture_model();
    champion["spec"]["model"]["sequential"] = json!(["flatten", {"linear": 3}, "relu", {"linear": 2}]);
    champion["spec"]["preprocess"] = json!(["standardize"]);
    bench.train(&champion, 1);
    bench.keep_weights("champion.safetensors");
    let mut model = picture_model();
    model["spec"]["evaluation"] = json!({"metrics": ["macro_f1", "log_loss"]});
    bench.train(&model, 1);
    bench.keep_weights("candidate.safetensors");
    let ended = bench.evaluate(&model, "candidate.safetensors", Some("champion.safetensors"));
    assert_eq!(ended.code, Some(0), "{:?}", ended.said);
    let (candidate, champion) = (report(&bench, "candidate"), report(&bench, "champion"));
    assert_ne!(candidate.artifact, champion.artifact);
    assert_eq!(
        (candidate.data, candidate.rows, candidate.evaluator),
        (champion.data, champion.rows, champion.evaluator)
    );
    let metrics: Vec<Metric> = candidate.metrics.into_keys().collect();
    assert_eq!(metrics, [Metric::Accuracy, Metric::F1(Average::Macro), Metric::LogLoss]);
    for who in ["candidate", "champion"] {
        assert!(bench.output(&format!("{who}/predictions.parquet")).starts_with(b"PAR1"));
    }
}

#[test]
fn a_champion_that_does_not_fit_is_reported_and_the_candidate_is_evaluated_all_the_same() {
    let bench = Bench::with_pictures();
    let tables = Bench::with_tables();
    tables.train(&table_model(), 1);
    std::fs::write(bench.path().join("champion.safetensors"), tables.output("model.safetensors")).expect("written");
    bench.train(&picture_model(), 1);
    bench.keep_weights("candidate.safetensors");
    let ended = bench.evaluate(&picture_model(), "candidate.safetensors", Some("champion.safetensors"));
    assert_eq!(ended.code, Some(0), "{:?}", ended.said);
    assert_eq!(report(&bench, "candidate").rows, 40);
    let fault: Fault = serde_json::from_slice(&bench.output("champion-fault.json")).expect("a fault");
    assert_eq!(fault.kind, FaultKind::Artifact, "{fault}");
}

#[test]
fn files_that_are_not_our_artifacts_are_refused_without_a_crash() {
    let bench = Bench::with_pictures();
    bench.train(&picture_model(), 1);
    let weights = bench.output("model.safetensors");
    let header = 8 + usize::try_from(u64::from_le_bytes(weights[..8].try_into().expect("eight bytes"))).expect("small");
    let mut renamed = weights.clone();
    let at = renamed.windows(15).position(|window| window == b"layers.0.weight").expect("a name");
    renamed[at..at + 15].copy_from_slice(b"layers.9.weight");
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("a pickle", b"\x80\x02}q\x00.".to_vec()),
        ("a zip archive", [b"PK\x03\x04".as_slice(), &[0; 5000]].concat()),
        ("cut within its header", weights[..header / 2].to_vec()),
        ("cut within its tensors", weights[..weights.len() - 5].to_vec()),
        ("with another tensor", renamed),
        ("a header of 2^62 bytes", [&(1_u64 << 62).to_le_bytes()[..], b"{}"].concat()),
        ("without an architecture", [&2_u64.to_le_bytes()[..], b"{}"].concat()),
    ] {
        std::fs::write(bench.path().join("candidate.safetensors"), bytes).expect("written");
        let ended = bench.evaluate(&picture_model(), "candidate.safetensors", None);
        assert_eq!((ended.code, ended.fault().kind), (Some(1), FaultKind::Artifact), "{what}: {}", ended.fault());
    }
}

#[test]
fn a_test_label_that_the_artifact_does_not_know_is_named_with_its_row() {
    let bench = Bench::with_tables();
    bench.train(&table_model(), 1);
    bench.keep_weights("candidate.safetensors");
    bench.write("test.csv", "height,weight,kind\n0,0,cat\n1,1000,horse\n");
    let ended = bench.evaluate(&table_model(), "candidate.safetensors", None);
    assert_eq!(ended.fault().kind, FaultKind::Data);
    assert_eq!(ended.fault().message, "line 3 has the label `horse`, which no training row has");
}

/// The weights with another text of the same length somewhere in their header.
fn forged(weights: &[u8], old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len(), "a forged header keeps its length");
    let at = weights.windows(old.len()).position(|window| window == old.as_bytes()).expect(old);
    let mut forged = weights.to_vec();
    forged[at..at + new.len()].copy_from_slice(new.as_bytes());
    forged
}

#[test]
fn a_champion_whose_header_lies_never_ends_the_job() {
    let bench = Bench::with_pictures();
    let mut model = picture_model();
    model["spec"]["preprocess"] = json!(["standardize"]);
    bench.train(&model, 1);
    bench.keep_weights("candidate.safetensors");
    let weights = bench.output("model.safetensors");
    for (old, new) in [
        (r#"[\"0\",\"1\"]"#, r#"[\"1\",\"1\"]"#),
        (r#"{\"linear\":2}"#, r#"{\"linear\":1}"#),
        (r#"{\"linear\":2}"#, r#"{\"linear\":9}"#),
        (r#"\"filters\":4"#, r#"\"filters\":9"#),
        ("v1alpha1", "v1alpha2"),
        (r#"\"input\":[1,6,6]"#, r#"\"input\":[6,6,1]"#),
        ("preprocess.0.mean", "preprocess.1.mean"),
    ] {
        std::fs::write(bench.path().join("champion.safetensors"), forged(&weights, old, new)).expect("written");
        let ended = bench.evaluate(&model, "candidate.safetensors", Some("champion.safetensors"));
        assert_eq!(ended.code, Some(0), "{new}: {:?}", ended.said.last());
        let fault: Fault = serde_json::from_slice(&bench.output("champion-fault.json")).expect("a fault");
        assert_eq!(fault.kind, FaultKind::Artifact, "{new}: {fault}");
    }
}
