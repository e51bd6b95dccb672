//! Tests of edits: a golden corpus, every refusal, properties over generated manifests, and mutations of the corpus.

mod corpus;
mod explicit;
mod generated;
mod golden;
mod guarding;
mod markers;
mod properties;
mod randomised;
mod refusals;

use super::Values;

/// The values that the tests promote.
fn values() -> Values {
    Values {
        uri: "s3://models/fashion/9f86d081".to_owned(),
        digest: "sha256:9f86d081884c7d65".to_owned(),
        version: "v12".to_owned(),
        run: "0190c7a2-run".to_owned(),
    }
}
