//! The folder that `slipway train` writes and `slipway gate` reads: its layout, and whether its files belong to one artifact.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use slipway_contract::{Digest, TrainingReport};

use super::output;
use slipway_gate::evaluation::REPORT_FILE;

/// The folder of reports and predictions.
pub(super) const EVALUATION: &str = "evaluation";
/// The times of single predictions, in the folder of reports and predictions.
pub(super) const LATENCIES: &str = "latencies.json";
/// The training report of the artifact.
pub(super) const TRAINING_REPORT: &str = "training.json";
/// The model card of the artifact, with the model's name.
pub(super) const CARD: &str = "card.json";
/// The folder of the data samples that a policy requires.
pub(super) const SAMPLES: &str = "samples";
/// The possible samples.
pub(super) const TRAINING_SAMPLE: &str = "training.parquet";
pub(super) const TEST_SAMPLE: &str = "test.parquet";
pub(super) const RECENT_SAMPLE: &str = "recent.parquet";

/// Maximum size of a report or a card, in bytes. Real ones have a few kilobytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Returns the evaluation folder: this folder, or the one in it that `slipway train` wrote.
pub(super) fn evaluation_in(folder: &Path) -> PathBuf {
    let inner = folder.join(EVALUATION);
    if !folder.join(REPORT_FILE).exists() && inner.is_dir() { inner } else { folder.to_owned() }
}

/// Files of an artifact beside its evaluation.
#[derive(Debug, Default)]
pub(super) struct EvaluationInputs {
    /// The training report.
    pub(super) report: Option<TrainingReport>,
    /// The model's name.
    pub(super) model: Option<String>,
    /// The folder of samples, if the artifact has one.
    samples: Option<PathBuf>,
    /// The file of times, if there is one.
    pub(super) latencies: Option<PathBuf>,
}

/// The name and the artifact of a model card.
#[derive(Deserialize)]
struct NamedCard {
    name: String,
    artifact: Digest,
}

impl EvaluationInputs {
    /// Finds the files beside an evaluation of an artifact. Files of another artifact, for example of an earlier training, are
    /// ignored.
    pub(super) fn find(evaluation: &Path, artifact: &Digest) -> Self {
        let latencies = Some(evaluation.join(LATENCIES)).filter(|path| path.is_file());
        let folder = evaluation.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
        let report = folder.as_deref().and_then(|folder| read::<TrainingReport>(&folder.join(TRAINING_REPORT)));
        let Some((folder, report)) = folder.zip(report) else { return Self { latencies, ..Self::default() } };
        if report.artifact != *artifact {
            output::note(&format!(
                "{} belongs to the artifact {}, but the evaluation to {}: it is ignored with the samples in its folder",
                folder.join(TRAINING_REPORT).display(),
                report.artifact.short(),
                artifact.short()
            ));
            return Self { latencies, ..Self::default() };
        }
        let card = read::<NamedCard>(&folder.join(CARD)).filter(|card| card.artifact == *artifact);
        let samples = Some(folder.join(SAMPLES)).filter(|path| path.is_dir());
        Self { report: Some(report), model: card.map(|card| card.name), samples, latencies }
    }

    /// Returns the sample of this name if it exists.
    pub(super) fn sample(&self, name: &str) -> Option<PathBuf> {
        self.samples.as_ref().map(|folder| folder.join(name)).filter(|path| path.is_file())
    }
}

/// Reads a JSON file if it exists and has this form. Files of other programs may have the same name.
fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let mut text = Vec::new();
    File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(artifact: &Digest) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).expect("written");
        std::fs::create_dir_all(folder.path().join(EVALUATION)).expect("a folder");
        std::fs::create_dir_all(folder.path().join(SAMPLES)).expect("a folder");
        write("evaluation/report.json", "{}");
        write("evaluation/latencies.json", "[1.0]");
        write("samples/test.parquet", "x");
        let report = serde_json::json!({
            "apiVersion": "slipway.dev/v1alpha1", "kind": "TrainingReport", "artifact": artifact, "artifactBytes": 8,
            "parameters": 2, "data": artifact, "trainingRows": 1, "validationRows": 0, "epochs": 1, "trainingLoss": 0.5,
            "validationAccuracy": null, "device": "cpu", "threads": 1, "seed": 7, "trainer": "0", "libtorch": "2",
            "seconds": 1.0,
        });
        write(TRAINING_REPORT, &report.to_string());
        write(CARD, &serde_json::json!({"name": "churn", "artifact": artifact, "more": 1}).to_string());
        folder
    }

    #[test]
    fn the_folder_of_a_training_and_its_evaluation_are_the_same() {
        let folder = written(&Digest::of(b"weights"));
        let inner = folder.path().join(EVALUATION);
        assert_eq!(evaluation_in(folder.path()), inner);
        assert_eq!(evaluation_in(&inner), inner);
        std::fs::write(folder.path().join(REPORT_FILE), "{}").expect("written");
        assert_eq!(evaluation_in(folder.path()), folder.path(), "a report of its own comes first");
        let elsewhere = Path::new("nowhere");
        assert_eq!(evaluation_in(elsewhere), elsewhere);
    }

    #[test]
    fn what_is_about_another_artifact_is_not_taken() {
        let artifact = Digest::of(b"weights");
        let folder = written(&artifact);
        let inner = folder.path().join(EVALUATION);
        let found = EvaluationInputs::find(&inner, &artifact);
        assert_eq!((found.report.as_ref().map(|report| report.seed), found.model.as_deref()), (Some(7), Some("churn")));
        assert!(found.sample(TEST_SAMPLE).is_some() && found.sample(RECENT_SAMPLE).is_none());
        assert_eq!(found.latencies, Some(inner.join(LATENCIES)));
        let other = EvaluationInputs::find(&inner, &Digest::of(b"other weights"));
        assert!(other.report.is_none() && other.model.is_none() && other.sample(TEST_SAMPLE).is_none());
        assert!(other.latencies.is_some(), "they lie in the evaluation's own folder");
        std::fs::write(folder.path().join(TRAINING_REPORT), "a file of another program").expect("written");
        assert!(EvaluationInputs::find(&inner, &artifact).report.is_none());
    }
}
