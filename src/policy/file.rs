//! The policy file as it is written: read strictly, and all of its mistakes told at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use slipway_contract::{API_VERSION, Digest, Metadata, Metric};

use crate::domain::{CheckOutcome, Diagnostic, Requirement};
use crate::yaml;

use super::Policy;
use super::checks::Check;

/// Checks a policy may hold: each may cost a bootstrap.
const MOST_CHECKS: usize = 100;

/// What to do where the reader knows nothing better.
const A_CHECK: &str = "a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`";

/// Characters of a reason.
const LONGEST_REASON: usize = 500;

/// A policy: what a candidate has to hold before it may be promoted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PolicyFile {
    /// Always `slipway.dev/v1alpha1`.
    #[schemars(extend("const" = API_VERSION))]
    api_version: String,
    /// Always `Policy`.
    kind: PolicyKind,
    /// The policy's name.
    metadata: Metadata,
    /// What it asks for.
    spec: PolicySpec,
}

/// The only kind a policy file has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
enum PolicyKind {
    /// A policy file.
    Policy,
}

/// What a policy asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PolicySpec {
    /// Confidence of every bound: 0.95 is wrong in one of twenty cases at the threshold.
    #[serde(default = "usual_confidence")]
    #[schemars(range(min = 0.5), extend("exclusiveMaximum" = 1))]
    confidence: f64,
    /// The checks, at least one. All of them have to hold.
    #[schemars(length(min = 1, max = 100))]
    checks: Vec<CheckEntry>,
}

/// One check: a metric and exactly one of `at_least`, `at_most` and `no_worse_than_champion`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CheckEntry {
    /// What is measured.
    metric: Metric,
    /// The lower bound has to reach this.
    at_least: Option<f64>,
    /// The upper bound must not exceed this.
    at_most: Option<f64>,
    /// The candidate may be worse than the champion by the margin and no more, as far as the bounds tell.
    no_worse_than_champion: Option<Margin>,
    /// What becomes of the check if the rows do not decide it.
    #[serde(default)]
    when_inconclusive: WhenInconclusive,
    /// Why it is asked for; shown with the result.
    #[schemars(length(min = 1, max = 500))]
    why: Option<String>,
}

/// How much worse than the champion is tolerated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Margin {
    /// In the metric's own unit, zero or more.
    #[schemars(range(min = 0.0))]
    margin: f64,
}

/// What becomes of a check that the rows do not decide.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum WhenInconclusive {
    /// It stands in the way.
    #[default]
    Fail,
    /// It is told, and does not stand in the way.
    Warn,
}

fn usual_confidence() -> f64 {
    0.95
}

/// The JSON Schema of a policy file.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(PolicyFile)
}

impl Policy {
    /// Reads a policy; `file` is its name in diagnostics and verdicts. A check that could never fail, or never pass, is a mistake.
    pub fn read(file: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let written: PolicyFile = yaml::read(file, text).map_err(|mut mistake| {
            mistake.help.get_or_insert_with(|| A_CHECK.to_owned());
            vec![mistake]
        })?;
        let tree = yaml::Tree::parse(file, text).map_err(|mistake| vec![mistake])?;
        let mut reader = Reader { file, tree, mistakes: Vec::new() };
        let PolicyFile { api_version, kind: PolicyKind::Policy, metadata, spec: PolicySpec { confidence, checks } } =
            written;
        if api_version != API_VERSION {
            reader.refuse("apiVersion", format!("`{api_version}` is not known, expected `{API_VERSION}`"), "");
        }
        if !(0.5..1.0).contains(&confidence) {
            let message = format!("{confidence} is out of range, expected 0.5 up to (not including) 1");
            reader.refuse("spec.confidence", message, "0.95 is usual");
        }
        if checks.is_empty() || checks.len() > MOST_CHECKS {
            let message = format!("{} checks, expected 1 to {MOST_CHECKS}", checks.len());
            reader.refuse("spec.checks", message, A_CHECK);
        }
        let entries = checks.into_iter().take(MOST_CHECKS).enumerate();
        let checks: Vec<Check> = entries.filter_map(|(index, entry)| reader.check(index, entry)).collect();
        reader.contradictions(&checks);
        if reader.mistakes.is_empty() {
            Ok(Self {
                name: metadata.name,
                file: file.to_owned(),
                digest: Digest::of(text.as_bytes()),
                confidence,
                checks,
            })
        } else {
            Err(reader.mistakes)
        }
    }
}

/// A file being read, and what is wrong with it so far.
struct Reader<'file> {
    file: &'file str,
    tree: yaml::Tree,
    mistakes: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn refuse(&mut self, path: &str, message: impl Into<String>, help: &str) {
        let position = self.tree.position_of(path);
        let mistake = Diagnostic::new(self.file, message).at(position);
        self.mistakes.push(if help.is_empty() { mistake } else { mistake.help(help) });
    }

    fn check(&mut self, index: usize, entry: CheckEntry) -> Option<Check> {
        let path = format!("spec.checks[{index}]");
        let CheckEntry { metric, at_least, at_most, no_worse_than_champion, when_inconclusive, why } = entry;
        let stated = [
            at_least.map(|number| ("at_least", Requirement::AtLeast(number))),
            at_most.map(|number| ("at_most", Requirement::AtMost(number))),
            no_worse_than_champion
                .map(|Margin { margin }| ("no_worse_than_champion", Requirement::NoWorseThanChampion { margin })),
        ];
        let stated: Vec<(&str, Requirement)> = stated.into_iter().flatten().collect();
        let [(key, requirement)] = stated[..] else {
            let keys: Vec<&str> = stated.iter().map(|(key, _)| *key).collect();
            let came = if keys.is_empty() { "none".to_owned() } else { format!("`{}`", keys.join("` and `")) };
            let message =
                format!("{came} came, expected exactly one of `at_least`, `at_most` and `no_worse_than_champion`");
            self.refuse(&path, message, A_CHECK);
            return None;
        };
        if let Some(why) = &why
            && !(1..=LONGEST_REASON).contains(&why.trim().chars().count())
        {
            let message =
                format!("a reason of {} characters, expected 1 to {LONGEST_REASON}", why.trim().chars().count());
            self.refuse(&format!("{path}.why"), message, "");
        }
        let check = Check {
            metric,
            requirement,
            undecided: match when_inconclusive {
                WhenInconclusive::Fail => CheckOutcome::Inconclusive,
                WhenInconclusive::Warn => CheckOutcome::Warned,
            },
            why: why.map(|why| why.trim().to_owned()),
            line: self.tree.position_of(&path).map_or(1, |position| position.line),
        };
        if let Some((message, help)) = check.flaw() {
            self.refuse(&format!("{path}.{key}"), message, &help);
        }
        Some(check)
    }

    /// Refuses checks that cannot all hold.
    fn contradictions(&mut self, checks: &[Check]) {
        for (index, upper) in checks.iter().enumerate() {
            let Requirement::AtMost(most) = upper.requirement else {
                continue;
            };
            let lower = checks.iter().find(|lower| {
                lower.metric == upper.metric
                    && matches!(lower.requirement, Requirement::AtLeast(least) if least >= most)
            });
            if let Some(lower) = lower {
                let metric = upper.metric;
                let message =
                    format!("{metric} could never be at most {most} and hold the check on line {} as well", lower.line);
                self.refuse(&format!("spec.checks[{index}].at_most"), message, "keep one of the two");
            }
        }
    }
}
