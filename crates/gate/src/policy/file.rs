//! The policy file as it is written. What it means, and whether it means anything, is found in `read`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use slipway_contract::{API_VERSION, Metadata, Metric, ModelName};

use super::test_set::TestSet;

/// A policy: what a candidate has to hold before it may be promoted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PolicyFile {
    /// Always `slipway.dev/v1alpha1`.
    #[schemars(extend("const" = API_VERSION))]
    pub(super) api_version: String,
    /// Always `Policy`.
    pub(super) kind: PolicyKind,
    /// The policy's name.
    pub(super) metadata: Metadata,
    /// What it asks for.
    pub(super) spec: PolicySpec,
}

/// The only kind a policy file has.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(super) enum PolicyKind {
    /// A policy file.
    Policy,
}

/// What a policy asks for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicySpec {
    /// Policies whose checks hold here as well: shipped ones as `slipway:NAME`, others as a path from this file. A check with
    /// the name of one of theirs takes its place and has to be as strict.
    #[serde(default)]
    #[schemars(length(max = 10))]
    pub(super) extends: Vec<String>,
    /// Confidence of every bound: 0.95 is wrong in one of twenty cases at the threshold.
    #[serde(default = "default_confidence")]
    #[schemars(range(min = 0.5), extend("exclusiveMaximum" = 1))]
    pub(super) confidence: f64,
    /// How often a test set may judge, and what that does to the bounds. Without it uses are only counted.
    pub(super) test_set: Option<TestSet>,
    /// The checks, at least one here or in `extends`. All of them have to hold.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub(super) checks: Vec<CheckEntry>,
    /// What is asked for as long as the environment names no artifact.
    #[serde(default)]
    pub(super) without_champion: WithoutChampion,
    /// Checks that need not hold for a model for some days.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub(super) exceptions: Vec<ExceptionEntry>,
}

/// What is asked for as long as there is no champion, besides the checks that need none.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WithoutChampion {
    /// Whether a person has to approve.
    #[serde(default)]
    pub(super) require_approval: bool,
}

/// One check: exactly one of `metric`, `expression`, `drift` and `leakage`, and what is asked of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckEntry {
    /// A name for exceptions and stricter versions to refer to.
    pub(super) name: Option<ModelName>,
    /// What is measured.
    pub(super) metric: Option<Metric>,
    /// A condition in CEL over `metrics.…`, `artifact.…`, `run.…` and `environment.…`.
    #[schemars(length(min = 1, max = 1000))]
    pub(super) expression: Option<String>,
    /// How far a column of recent data has moved from the training data.
    pub(super) drift: Option<DriftEntry>,
    /// The share of test rows that are training rows as well: `at_most`, zero if not said otherwise.
    pub(super) leakage: Option<LeakageEntry>,
    /// The lower bound has to reach this.
    pub(super) at_least: Option<f64>,
    /// The upper bound must not exceed this.
    pub(super) at_most: Option<f64>,
    /// Both bounds have to lie from the first to the second.
    pub(super) between: Option<[f64; 2]>,
    /// The candidate may be worse than the champion by the margin and no more, as far as the bounds tell.
    pub(super) no_worse_than_champion: Option<Margin>,
    /// The candidate has to be better than the champion, as far as the bounds tell.
    pub(super) better_than_champion: Option<Gain>,
    /// Which parts of the rows are judged one by one.
    pub(super) slice: Option<SliceEntry>,
    /// The column whose values say which rows belong together: those are resampled together.
    #[serde(default, deserialize_with = "as_written")]
    #[schemars(schema_with = "name")]
    pub(super) group_by: Option<String>,
    /// Training runs with other seeds that have to hold the check as well.
    pub(super) seeds: Option<SeedsEntry>,
    /// What becomes of the check if the rows do not decide it.
    #[serde(default)]
    pub(super) when_inconclusive: WhenInconclusive,
    /// What becomes of the candidate if the check does not hold.
    #[serde(default)]
    pub(super) severity: Severity,
    /// The last day on which the check may pass, as `2026-12-31`: after it the check fails until its owner has looked at it.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub(super) expires: Option<String>,
    /// Who answers for it.
    #[schemars(length(min = 1, max = 100))]
    pub(super) owner: Option<String>,
    /// Why it is asked for; shown with the result.
    #[schemars(length(min = 1, max = 500))]
    pub(super) why: Option<String>,
}

/// How much worse than the champion is tolerated.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Margin {
    /// In the metric's own unit, zero or more.
    #[schemars(range(min = 0.0))]
    pub(super) margin: f64,
    /// Whether the margin is a share of the champion's value instead.
    #[serde(default)]
    pub(super) relative: bool,
}

/// How much better than the champion is asked for.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Gain {
    /// In the metric's own unit, zero or more.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub(super) by: f64,
}

/// A column's drift between training data and recent data.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DriftEntry {
    /// The column.
    #[schemars(schema_with = "name")]
    pub(super) column: String,
    /// How the distance is taken.
    pub(super) statistic: StatisticName,
}

/// How the distance of two samples is taken.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum StatisticName {
    /// Population stability index.
    PopulationStabilityIndex,
    /// Kolmogorov–Smirnov statistic, of numbers.
    KolmogorovSmirnov,
    /// Cramér's V of χ².
    CramersV,
    /// Wasserstein's first distance, of numbers.
    Wasserstein,
    /// Jensen–Shannon distance.
    JensenShannon,
}

/// A check of leakage has nothing to set but its bound.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LeakageEntry {
    /// The share that is tolerated, from 0 up to (not including) 1.
    #[serde(default)]
    #[schemars(range(min = 0.0), extend("exclusiveMaximum" = 1))]
    pub(super) at_most: f64,
}

/// Which parts of the rows are judged one by one: exactly one of `by` and `where`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SliceEntry {
    /// Columns: every combination of their values is a slice. `label` and `prediction` are columns too.
    #[serde(default, deserialize_with = "texts_as_written")]
    #[schemars(with = "StringList")]
    pub(super) by: Option<StringList>,
    /// The one slice of rows that have these values: each column with a value, or a list of them.
    #[serde(rename = "where")]
    pub(super) condition: Option<BTreeMap<String, StringList>>,
    /// A name for the condition.
    pub(super) name: Option<String>,
    /// Fewer rows than this decide nothing.
    #[serde(default = "default_rows")]
    #[schemars(range(min = 1))]
    pub(super) minimum_rows: u64,
}

/// How many training runs have to hold a check.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SeedsEntry {
    /// Runs of the same training with different seeds, the candidate among them.
    #[schemars(range(min = 2, max = 50))]
    pub(super) at_least: u32,
    /// What the worst of them has to do.
    #[serde(default)]
    pub(super) worst: Worst,
}

/// What the worst run has to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Worst {
    /// Hold the check as well.
    #[default]
    Holds,
    /// Not be decided against: the candidate holds the check, and no other run is shown not to.
    MayBeUndecided,
}

/// What becomes of a check that the rows do not decide.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum WhenInconclusive {
    /// It stands in the way.
    #[default]
    Fail,
    /// It is told, and does not stand in the way.
    Warn,
    /// A person has to approve.
    RequireApproval,
}

/// What becomes of a candidate that does not hold a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// It is refused.
    #[default]
    Refuse,
    /// It is warned about.
    Warn,
}

/// A check that need not hold for a model for some days.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExceptionEntry {
    /// The model.
    pub(super) model: ModelName,
    /// The check's name.
    pub(super) check: ModelName,
    /// Why.
    #[schemars(length(min = 1, max = 500))]
    pub(super) reason: String,
    /// Who accepts it.
    #[schemars(length(min = 1, max = 100))]
    pub(super) approver: String,
    /// The last day on which it holds, as `2026-12-31`: at most 30 days ahead.
    #[schemars(extend("format" = "date"))]
    pub(super) expires: String,
}

fn default_confidence() -> f64 {
    0.95
}

fn default_rows() -> u64 {
    30
}

/// A name as the file spells it: `2.10`, `null` and `~` are names too.
fn as_written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// The same of a list of names, or of one.
fn texts_as_written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StringList>, D::Error> {
    StringList::deserialize(deserializer).map(Some)
}

/// The form of a name, which need not be put in quotes.
fn name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "number", "boolean"]})
}

/// A text, number or truth value, or a list of them. Only whether it is there, and how many: the texts as they are written
/// (`2.10`, not `2.1`) are read from the file itself ([`slipway_yaml::Tree::texts`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StringList(pub(super) usize);

impl<'de> Deserialize<'de> for StringList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsReader)
    }
}

impl JsonSchema for StringList {
    fn schema_name() -> Cow<'static, str> {
        "Texts".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = serde_json::json!({"type": ["string", "number", "boolean"]});
        json_schema!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})
    }
}

struct TextsReader;

impl<'de> Visitor<'de> for TextsReader {
    type Value = StringList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_i128<E: serde::de::Error>(self, _: i128) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_u128<E: serde::de::Error>(self, _: u128) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<StringList, E> {
        Ok(StringList(1))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<StringList, A::Error> {
        let mut count = 0;
        while let Some(StringList(more)) = items.next_element::<StringList>()? {
            count += more;
        }
        Ok(StringList(count))
    }
}
