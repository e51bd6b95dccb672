//! What a policy needs to see besides the predictions of candidate and champion: who judges by it has to bring that.

use std::collections::BTreeSet;

use slipway_contract::Metric;
use slipway_contract::metrics::Cost;

use super::Policy;
use super::checks::{Check, CheckSubject, MetricSubject};

/// Evidence that is brought only where it is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequiredEvidence {
    /// Training runs with different seeds, the candidate among them; none if fewer than two.
    pub training_runs: u32,
    /// Whether single predictions have to be timed.
    pub latencies: bool,
    /// Whether test rows are looked for in the training data.
    pub leakage: bool,
    /// Columns that are compared between training and recent data.
    pub drift: BTreeSet<String>,
}

impl RequiredEvidence {
    /// What both ask for.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let Self { training_runs, latencies, leakage, drift } = other;
        self.training_runs = self.training_runs.max(training_runs);
        self.latencies |= latencies;
        self.leakage |= leakage;
        self.drift.extend(drift);
        self
    }
}

impl Policy {
    /// What its checks need to see.
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
