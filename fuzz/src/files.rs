//! Files that users and trainers write.

use std::sync::Once;

use slipway::config::ServerFile;
use slipway::repository;
use slipway_domain::Diagnostic;
use slipway_gate::evaluation;
use slipway_gate::evaluation::{Columns, PredictionsFile};
use slipway_gate::policy::Policy;
use slipway_manifest::{Field, Values};

/// Diagnostics can be shown: each says something.
fn check(diagnostics: &[Diagnostic]) {
    assert!(!diagnostics.is_empty(), "refused without a reason");
    for diagnostic in diagnostics {
        assert!(!diagnostic.to_string().trim().is_empty(), "a diagnostic without words");
    }
}

/// The server's settings.
pub(super) fn server(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Err(diagnostic) = slipway_yaml::read::<ServerFile>("server.yaml", text) {
        check(&[diagnostic]);
    }
}

/// A model's specification.
pub(super) fn model(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match repository::read_model("slipway.yaml", text) {
        Ok(model) => assert!(model.problems().is_empty(), "a model with problems was let through"),
        Err(diagnostics) => check(&diagnostics),
    }
}

/// A policy.
pub(super) fn policy(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Err(diagnostics) = Policy::read("policy.yaml", text) {
        check(&diagnostics);
    }
}

/// A manifest with marked values: whatever an edit does, it can be done again without changing anything, and the
/// markers stay what they were.
pub(super) fn manifest(input: &[u8]) {
    let _ = slipway_manifest::inspect("manifest.yaml", input);
    let Ok(markers) = slipway_manifest::markers("manifest.yaml", input) else { return };
    let values = Values {
        uri: "s3://models/sha256/0123".to_owned(),
        digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef".to_owned(),
        version: "20260302-0c4d8a7b".to_owned(),
        run: "0198c1f2-0000-7000-8000-000000000001".to_owned(),
    };
    let Some(model) = markers.first().map(|marker| marker.model.clone()) else { return };
    let Ok(edited) = slipway_manifest::set("manifest.yaml", input, &model, &values) else { return };
    let after = slipway_manifest::markers("manifest.yaml", &edited.content).expect("an edited manifest can be read");
    assert_eq!(after.len(), markers.len(), "a marker came or went");
    for marker in after.iter().filter(|marker| marker.model == model) {
        assert!(Field::ALL.contains(&marker.field));
    }
    let again =
        slipway_manifest::set("manifest.yaml", &edited.content, &model, &values).expect("an edit can be done again");
    assert_eq!(again.content, edited.content, "the second edit changed something");
}

/// An evaluation: four bytes (big endian) say how long the report is, then report and predictions.
///
/// The parquet reader panics on some broken files, which `evaluation` catches on purpose. libFuzzer's hook would end the
/// process all the same, so it is taken out; a panic that nobody catches still ends it.
pub(super) fn evaluation(input: &[u8]) {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| {})));
    let Some((length, rest)) = input.split_first_chunk::<4>() else { return };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX).min(rest.len());
    let (report, predictions) = rest.split_at(length);
    let columns = Columns { attributes: ["region".to_owned()].into(), row_scores: ["profit".to_owned()].into() };
    for predictions in [PredictionsFile::Parquet(predictions), PredictionsFile::Csv(predictions)] {
        if let Ok(read) = evaluation::read(report, predictions, &columns) {
            assert!(read.report.rows > 0, "an evaluation of no rows was let through");
        }
    }
}
