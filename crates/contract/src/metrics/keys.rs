//! The keys of a metric beside its name.

use serde::{Deserialize, Serialize};

use super::name::takes_text;
use super::{Better, ConfusionOf, WithoutRelevant};

/// The keys of a metric, each if it is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) beta: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bins: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quantile: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lower: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) upper: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) column: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) better: Option<Better>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) actual: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) predicted: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) of: Option<ConfusionOf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) query: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) relevance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) score: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) without_relevant: Option<WithoutRelevant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) series: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scale: Option<String>,
}

impl Keys {
    /// The keys that a text in their place stands for, if the metric of this name needs only a column.
    pub(super) fn of_text(name: &str, text: &str) -> Option<Self> {
        takes_text(name).then(|| Self { column: Some(text.to_owned()), ..Self::default() })
    }

    pub(super) fn present(&self) -> impl Iterator<Item = &'static str> {
        let Self {
            k,
            beta,
            bins,
            class,
            by,
            quantile,
            lower,
            upper,
            column,
            better,
            actual,
            predicted,
            of,
            query,
            relevance,
            score,
            without_relevant,
            series,
            scale,
        } = self;
        [
            ("k", k.is_some()),
            ("beta", beta.is_some()),
            ("bins", bins.is_some()),
            ("class", class.is_some()),
            ("by", by.is_some()),
            ("quantile", quantile.is_some()),
            ("lower", lower.is_some()),
            ("upper", upper.is_some()),
            ("column", column.is_some()),
            ("better", better.is_some()),
            ("actual", actual.is_some()),
            ("predicted", predicted.is_some()),
            ("of", of.is_some()),
            ("query", query.is_some()),
            ("relevance", relevance.is_some()),
            ("score", score.is_some()),
            ("without_relevant", without_relevant.is_some()),
            ("series", series.is_some()),
            ("scale", scale.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, is_present)| is_present.then_some(name))
    }
}
