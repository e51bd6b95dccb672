//! The evidence that a policy requires besides the predictions of candidate and champion. The caller that judges has to provide
//! it.

use std::collections::BTreeSet;

use slipway_contract::Metric;
use slipway_contract::metrics::Cost;

use super::Policy;
use super::checks::{Check, CheckSubject, MetricSubject};

/// Evidence that is collected only if a policy requires it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequiredEvidence {
    /// The number of training runs with different seeds, including the candidate. Below two, none are needed.
    pub training_runs: u32,
    /// Whether single predictions must be timed.
    pub latencies: bool,
    /// Whether test rows are searched for in the training data.
    pub leakage: bool,
    /// The columns that are compared between training and recent data.
    pub drift: BTreeSet<String>,
    /// The baselines that candidates are compared with.
    pub baselines: BTreeSet<String>,
}

impl RequiredEvidence {
    /// The evidence that either requires.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let Self { training_runs, latencies, leakage, drift, baselines } = other;
        self.training_runs = self.training_runs.max(training_runs);
        self.latencies |= latencies;
        self.leakage |= leakage;
        self.drift.extend(drift);
        self.baselines.extend(baselines);
        self
    }
}

impl Policy {
    /// The evidence that its checks require.
    pub fn required_evidence(&self) -> RequiredEvidence {
        self.checks.iter().map(Check::required_evidence).fold(RequiredEvidence::default(), RequiredEvidence::and)
    }
}

impl Check {
    fn required_evidence(&self) -> RequiredEvidence {
        let nothing = RequiredEvidence::default();
        match &self.subject {
            CheckSubject::Metric(MetricSubject { metric, seeds, .. }) => RequiredEvidence {
                training_runs: seeds.map_or(0, |seeds| seeds.at_least),
                latencies: matches!(metric, Metric::Cost(Cost::LatencyP50 | Cost::LatencyP99)),
                baselines: self.requirement.baseline().map(str::to_owned).into_iter().collect(),
                ..nothing
            },
            CheckSubject::Expression(expression) => RequiredEvidence {
                latencies: expression.names().iter().any(|name| name.starts_with("artifact.latency")),
                ..nothing
            },
            CheckSubject::Drift(drift) => RequiredEvidence { drift: BTreeSet::from([drift.column.clone()]), ..nothing },
            CheckSubject::Leakage => RequiredEvidence { leakage: true, ..nothing },
        }
    }
}
