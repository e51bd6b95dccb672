//! The judgement of a run: the evaluation of its artifact, and the verdict of the policy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use slipway_contract::Digest;

use crate::Verdict;

/// The evaluation of a run's artifact and the verdict. Nothing is known before the artifact is evaluated.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunJudgement {
    /// The artifact that the environment named when the candidate was evaluated.
    pub champion: Option<Digest>,
    /// The stored results of the evaluation.
    pub evaluation: Option<EvaluationRecord>,
    /// The evidence of the verdict.
    pub evidence: Option<Digest>,
    /// The verdict.
    pub verdict: Option<Verdict>,
    /// The policy at the revision, which does not judge the revision; only if it differs from the judging policy.
    pub proposed_policy: Option<ProposedPolicy>,
}

/// A policy that a revision changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedPolicy {
    /// Path of the policy at the revision.
    pub file: String,
    /// The changes of the file and of the policies it extends, as a unified diff.
    pub difference: String,
    /// The result under the new policy, or the reason why there is no result, as part of a sentence.
    pub sentence: String,
}

/// Digests of the results of an evaluation, which are stored beside the candidate's weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// The candidate's report and predictions.
    pub candidate: EvaluationDigests,
    /// The champion's report and predictions, if there is a champion and it could be evaluated.
    pub champion: Option<EvaluationDigests>,
    /// Why the champion could not be evaluated, if there is one and it could not.
    pub champion_unusable: Option<String>,
    /// Reports and predictions of the trainings with other seeds, in the order of `seeds`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<EvaluationDigests>,
    /// Times of the candidate's single predictions, if they were requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latencies: Option<Digest>,
    /// Requested samples of the data, by file name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub samples: BTreeMap<String, Digest>,
    /// Reports and predictions of the baselines, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub baselines: BTreeMap<String, EvaluationDigests>,
}

/// Digests of the files in one evaluation folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationDigests {
    /// `report.json`.
    pub report: Digest,
    /// `predictions.parquet`.
    pub predictions: Digest,
}
