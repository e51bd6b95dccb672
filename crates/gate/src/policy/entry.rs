//! Converts an entry of the policy file to a check, and reports its mistakes.

use slipway_contract::metrics::Subject;
use slipway_contract::{Metric, counted};
use slipway_domain::{CheckOutcome, Requirement};

use super::checks::{Check, CheckSubject, MetricSubject, Seeds};
use super::drift::{Drift, Statistic};
use super::expression::Expression;
use super::file::{
    BaselineGain, CheckEntry, DriftEntry, Gain, Margin, SeedsEntry, Severity, SliceEntry, StatisticName,
    WhenInconclusive, Worst,
};
use super::read::Reader;
use super::slices::Slicing;

/// The help text if there is no better one.
pub(super) const A_CHECK: &str = "a check is a metric and one rule, such as `- {metric: accuracy, at_least: 0.9}`";

/// The most characters of a reason and of an owner.
const MAX_REASON_LENGTH: usize = 500;
const MAX_OWNER_LENGTH: usize = 100;

/// The most columns that a slice may combine.
const MAX_COLUMNS: usize = 4;

impl Reader<'_> {
    /// The check at this index of the list.
    pub(super) fn check(&mut self, index: usize, entry: CheckEntry) -> Option<Check> {
        let path = format!("spec.checks[{index}]");
        if let Some(why) = &entry.why {
            self.has_length(&format!("{path}.why"), "a reason", why, MAX_REASON_LENGTH);
        }
        if let Some(owner) = &entry.owner {
            self.has_length(&format!("{path}.owner"), "an owner", owner, MAX_OWNER_LENGTH);
        }
        let expires = entry.expires.as_deref().map(|text| self.date(&format!("{path}.expires"), text));
        let (subject, key, requirement) = self.subject(&path, &entry)?;
        let check = Check {
            subject,
            requirement,
            name: entry.name.map(|name| name.as_str().to_owned()),
            undecided: match entry.when_inconclusive {
                WhenInconclusive::Fail => CheckOutcome::Inconclusive,
                WhenInconclusive::Warn => CheckOutcome::Warned,
                WhenInconclusive::RequireApproval => CheckOutcome::NeedsApproval,
            },
            only_warns: entry.severity == Severity::Warn,
            expires: expires.flatten(),
            owner: entry.owner.map(|owner| owner.trim().to_owned()),
            why: entry.why.map(|why| why.trim().to_owned()),
            file: self.file.to_owned(),
            line: self.line_of(&path),
            places: self.places(&path),
        };
        if let Some((message, help)) = check.flaw() {
            self.refuse(&format!("{path}.{key}"), message, &help);
        }
        Some(check)
    }

    fn subject(&mut self, path: &str, entry: &CheckEntry) -> Option<(CheckSubject, &'static str, Requirement)> {
        let CheckEntry { metric, expression, drift, leakage, .. } = entry;
        let subjects = [
            ("metric", metric.is_some()),
            ("expression", expression.is_some()),
            ("drift", drift.is_some()),
            ("leakage", leakage.is_some()),
        ];
        self.exactly_one(path, &subjects, A_CHECK)?;
        if let Some(metric) = metric {
            let (key, requirement) = self.rule(path, entry)?;
            return Some((self.metric(path, metric, entry, &requirement)?, key, requirement));
        }
        let foreign = [
            ("slice", entry.slice.is_some()),
            ("group_by", entry.group_by.is_some()),
            ("seeds", entry.seeds.is_some()),
            ("no_worse_than_champion", entry.no_worse_than_champion.is_some()),
            ("better_than_champion", entry.better_than_champion.is_some()),
            ("at_least", entry.at_least.is_some()),
            ("between", entry.between.is_some()),
            ("at_most", entry.at_most.is_some() && drift.is_none()),
        ];
        for (key, _) in foreign.iter().filter(|(_, is_present)| *is_present) {
            self.refuse(&format!("{path}.{key}"), format!("`{key}` is for checks of a metric"), A_CHECK);
        }
        if let Some(source) = expression {
            return match Expression::read(source) {
                Ok(expression) => {
                    let requirement = Requirement::Condition(expression.source().to_owned());
                    Some((CheckSubject::Expression(expression), "expression", requirement))
                }
                Err(why) => {
                    let help = "such as `artifact.bytes < 20 * 1024 * 1024`";
                    self.refuse(&format!("{path}.expression"), why, help);
                    None
                }
            };
        }
        if let Some(DriftEntry { column, statistic }) = drift {
            let Some(most) = entry.at_most else {
                let help = "0.1 is usual for a stability index: below it samples are alike";
                self.refuse(path, "`at_most` is missing, expected how far the column may move", help);
                return None;
            };
            let drift = Drift { column: column.clone(), statistic: statistic_of(*statistic) };
            return Some((CheckSubject::Drift(drift), "at_most", Requirement::AtMost(most)));
        }
        let most = leakage.as_ref().map_or(0.0, |leakage| leakage.at_most);
        if !(0.0..1.0).contains(&most) {
            let message = format!("{most} is out of range, expected 0 up to (not including) 1");
            self.refuse(&format!("{path}.leakage.at_most"), message, "0 tolerates none");
        }
        Some((CheckSubject::Leakage, "leakage", Requirement::AtMost(most)))
    }

    /// Reports a mistake unless exactly one key of a choice is present.
    fn exactly_one(&mut self, path: &str, keys: &[(&str, bool)], help: &str) -> Option<()> {
        let present: Vec<&str> = keys.iter().filter(|(_, is_present)| *is_present).map(|(key, _)| *key).collect();
        if present.len() == 1 {
            return Some(());
        }
        let came = if present.is_empty() { "none".to_owned() } else { format!("`{}`", present.join("` and `")) };
        let all: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
        let (last, first) = all.split_last()?;
        let message = format!("{came} came, expected exactly one of `{}` and `{last}`", first.join("`, `"));
        self.refuse(path, message, help);
        None
    }

    fn rule(&mut self, path: &str, entry: &CheckEntry) -> Option<(&'static str, Requirement)> {
        let CheckEntry { at_least, at_most, between, no_worse_than_champion, .. } = entry;
        let CheckEntry { better_than_champion, better_than_baseline, .. } = entry;
        self.exactly_one(
            path,
            &[
                ("at_least", at_least.is_some()),
                ("at_most", at_most.is_some()),
                ("between", between.is_some()),
                ("no_worse_than_champion", no_worse_than_champion.is_some()),
                ("better_than_champion", better_than_champion.is_some()),
                ("better_than_baseline", better_than_baseline.is_some()),
            ],
            A_CHECK,
        )?;
        let rules = [
            at_least.map(|number| ("at_least", Requirement::AtLeast(number))),
            at_most.map(|number| ("at_most", Requirement::AtMost(number))),
            between.map(|[least, most]| ("between", Requirement::Between(least, most))),
            no_worse_than_champion.map(|Margin { margin, relative }| {
                ("no_worse_than_champion", Requirement::NoWorseThanChampion { margin, relative })
            }),
            better_than_champion
                .map(|Gain { by }| ("better_than_champion", Requirement::BetterThanChampion { by, baseline: None })),
            better_than_baseline.map(|BaselineGain { of, by }| {
                let baseline = Some(of.name().to_owned());
                ("better_than_baseline", Requirement::BetterThanChampion { by, baseline })
            }),
        ];
        rules.into_iter().flatten().next()
    }

    fn metric(
        &mut self,
        path: &str,
        metric: &Metric,
        entry: &CheckEntry,
        requirement: &Requirement,
    ) -> Option<CheckSubject> {
        let exact = metric.subject() == Subject::Artifact;
        let of_rows = [
            ("slice", entry.slice.is_some()),
            ("group_by", entry.group_by.is_some()),
            ("seeds", entry.seeds.is_some()),
        ];
        if exact && (of_rows.iter().any(|(_, is_present)| *is_present) || requirement.is_relative()) {
            let message = format!("{metric} is a property of the artifact, not of rows or of a difference");
            self.refuse(path, message, "ask for it with `at_most`, or with an `expression`");
            return None;
        }
        if entry.slice.is_some() && entry.seeds.is_some() {
            self.refuse(path, "`slice` and `seeds` came, expected one of them", "write a check for each");
            return None;
        }
        let slicing = match &entry.slice {
            None => None,
            Some(slice) => Some(self.slicing(path, slice)?),
        };
        let seeds = entry
            .seeds
            .map(|SeedsEntry { at_least, worst }| Seeds { at_least, may_be_undecided: worst == Worst::MayBeUndecided });
        if let Some(Seeds { at_least, .. }) = seeds
            && !(2..=50).contains(&at_least)
        {
            self.refuse(
                &format!("{path}.seeds.at_least"),
                format!("{}, expected 2 to 50", counted(at_least, "run")),
                "3 are usual",
            );
        }
        Some(CheckSubject::Metric(MetricSubject {
            metric: metric.clone(),
            slicing,
            group_by: entry.group_by.clone(),
            seeds,
        }))
    }

    fn slicing(&mut self, path: &str, entry: &SliceEntry) -> Option<Slicing> {
        let SliceEntry { by, condition, name, minimum_rows } = entry;
        let path = format!("{path}.slice");
        let choice = [("by", by.is_some()), ("where", condition.is_some())];
        self.exactly_one(&path, &choice, "`by: label` judges every class, `where: {region: north}` one part")?;
        let minimum_rows = *minimum_rows;
        if minimum_rows == 0 {
            self.refuse(&format!("{path}.minimum_rows"), "0 rows, expected at least one", "30 are usual");
        }
        if by.is_some() {
            let columns = self.texts(&format!("{path}.by"), None);
            if columns.is_empty() || columns.len() > MAX_COLUMNS {
                let message = format!("{} columns, expected 1 to {MAX_COLUMNS}", columns.len());
                self.refuse(&format!("{path}.by"), message, "`by: label` judges every class");
                return None;
            }
            return Some(Slicing::By { columns, minimum_rows });
        }
        let columns = condition.iter().flatten().map(|(column, _)| column.clone());
        let texts = columns.map(|column| (column.clone(), self.texts(&format!("{path}.where"), Some(&column))));
        let values: std::collections::BTreeMap<String, Vec<String>> = texts.collect();
        if values.is_empty() || values.values().any(Vec::is_empty) {
            self.refuse(
                &format!("{path}.where"),
                "no value is named, expected a column with a value",
                "such as `where: {region: north}`; the empty text is written `''`",
            );
            return None;
        }
        Some(Slicing::Where { name: name.clone(), values, minimum_rows })
    }
}

fn statistic_of(name: StatisticName) -> Statistic {
    match name {
        StatisticName::PopulationStabilityIndex => Statistic::PopulationStabilityIndex,
        StatisticName::KolmogorovSmirnov => Statistic::KolmogorovSmirnov,
        StatisticName::CramersV => Statistic::CramersV,
        StatisticName::Wasserstein => Statistic::Wasserstein,
        StatisticName::JensenShannon => Statistic::JensenShannon,
    }
}
