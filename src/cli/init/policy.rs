//! The text of the policy: better than a constant answer, and no worse than the champion by a margin that the test rows can show.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::specification::{Chosen, schema_line};
use super::split::Numbers;
use super::table::shown;
use slipway_gate::policy::Policy;
use slipway_yaml::scalar_of;

/// Maximum share of one class. Above it, accuracy says little about the other classes.
const MAX_MAJORITY: f64 = 0.8;
/// The margins to the champion that are tried, in percent. A smaller margin would refuse honest changes; a larger one promises
/// nothing.
const MARGINS: std::ops::RangeInclusive<u8> = 2..=10;

/// A policy, and the check that it omits.
pub(super) struct Written {
    pub(super) text: String,
    /// Why it does not compare with the champion; `None` if it does.
    pub(super) lacks: Option<String>,
}

/// The metric of the policy.
struct Measured {
    metric: &'static str,
    at_least: f64,
    why: String,
    /// The number of test rows that limits the precision of the metric, and their name.
    rows: usize,
    called: &'static str,
}

fn measured(chosen: &Chosen<'_>) -> Measured {
    let rows: usize = chosen.classes.iter().map(|(_, rows)| rows).sum();
    let largest = chosen.classes.iter().max_by_key(|(_, rows)| *rows);
    let (largest, most) = largest.map_or(("", 0), |(class, rows)| (class.as_str(), *rows));
    let majority = share(most, rows.max(1));
    let to_percent = |share: f64| (share * 100.0).ceil() / 100.0;
    if majority <= MAX_MAJORITY {
        let right = format!(
            "a model that always predicts {} is right on {:.0} % of the rows",
            shown(largest),
            majority * 100.0
        );
        return Measured {
            metric: "accuracy",
            at_least: to_percent(majority),
            why: right,
            rows: chosen.test.rows,
            called: "test rows",
        };
    }
    Measured {
        metric: "balanced_accuracy",
        at_least: to_percent(share(1, chosen.classes.len())),
        why: "a model that always predicts one class reaches this value".to_owned(),
        // Each class has the same weight, so the class with the fewest rows limits the precision.
        rows: chosen.test_classes.iter().copied().min().unwrap_or_default(),
        called: "test rows of the rarest class",
    }
}

/// Writes the policy.
pub(super) fn policy(chosen: &Chosen<'_>) -> Written {
    if let Some(numbers) = chosen.numbers {
        return Written { text: of_numbers(chosen, numbers), lacks: None };
    }
    let measured = measured(chosen);
    let check_text = |metric: &str, percent: u8| {
        format!("    - metric: {metric}\n      no_worse_than_champion: {{margin: {}}}\n", f64::from(percent) / 100.0)
    };
    let of = |metric: &str, checks: &str| text(chosen, metric, &measured, checks);
    let can_show = |percent: &u8| {
        is_enough(&of("accuracy", &check_text("accuracy", *percent)), measured.rows, chosen.model)
            && is_enough(&of(measured.metric, &check_text(measured.metric, *percent)), chosen.test.rows, chosen.model)
    };
    if let Some(percent) = MARGINS.into_iter().find(can_show) {
        return Written { text: of(measured.metric, &check_text(measured.metric, percent)), lacks: None };
    }
    let largest = check_text(measured.metric, *MARGINS.end());
    let lacks = format!(
        "{} {} cannot show that a model is no worse than the champion, even by a margin of {}",
        measured.rows,
        measured.called,
        f64::from(*MARGINS.end()) / 100.0
    );
    let mut comment = format!("    # Not included: {lacks}.\n    # With more rows:\n");
    for line in largest.lines() {
        // Writing into a string cannot fail.
        let _ = writeln!(comment, "    # {}", line.trim_start_matches("    "));
    }
    Written { text: of(measured.metric, &comment), lacks: Some(lacks) }
}

/// The policy of a model that predicts numbers: it errs less than the median as a constant answer, and not much more than the
/// champion.
fn of_numbers(chosen: &Chosen<'_>, Numbers { median, deviation }: Numbers) -> String {
    let why = format!("whoever always answers {median}, the median, errs by {deviation:.4} on average");
    format!(
        "{}
# Made by `slipway init`. A push is judged by the policy of the revision before it.
apiVersion: slipway.dev/v1alpha1
kind: Policy
metadata: {{name: {name}}}
spec:
  confidence: 0.95
  checks:
    - metric: mean_absolute_error
      at_most: {at_most}
      why: {why}
    - metric: mean_absolute_error
      no_worse_than_champion: {{margin: {margin}}}   # a twentieth of that
",
        schema_line("policy"),
        name = scalar_of(chosen.model),
        at_most = rounded(deviation),
        why = scalar_of(&why),
        margin = rounded(deviation / 20.0),
    )
}

/// A positive number with three digits.
fn rounded(number: f64) -> f64 {
    if !(number > 0.0 && number.is_finite()) {
        return number;
    }
    let unit = 10_f64.powf(number.log10().floor() - 2.0);
    // Going through text avoids digits such as those of 0.30000000000000004.
    format!("{:.2e}", (number / unit).round() * unit).parse().unwrap_or(number)
}

/// Whether a number of rows is enough for the comparison with the champion, by the rule of `slipway check` and servers.
fn is_enough(policy: &str, rows: usize, model: &str) -> bool {
    let rows = u64::try_from(rows).unwrap_or(u64::MAX);
    // A check that no model could pass is a mistake of another kind, which is reported when the files are checked.
    Policy::read("policy.yaml", policy)
        .is_ok_and(|policy| policy.short_of_rows(rows, model, Timestamp::now()).iter().all(|short| short.hopeless))
}

fn text(chosen: &Chosen<'_>, metric: &str, measured: &Measured, champion: &str) -> String {
    format!(
        "{}
# Created by `slipway init`. A push is judged by the policy of the revision before the push.
apiVersion: slipway.dev/v1alpha1
kind: Policy
metadata: {{name: {name}}}
spec:
  confidence: 0.95
  checks:
    - metric: {metric}
      at_least: {at_least}
      why: {why}
{champion}",
        schema_line("policy"),
        name = scalar_of(chosen.model),
        at_least = measured.at_least,
        why = scalar_of(&measured.why),
    )
}

#[expect(clippy::cast_precision_loss, reason = "a share of a number of rows")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use slipway_contract::{ColumnType, Dialect, TableFormat};

    use super::super::columns::Feature;
    use super::super::specification::Part;
    use super::*;

    /// Returns the policy of a table with these numbers of rows and test rows of two classes.
    fn of(rows: [usize; 2], test: [usize; 2]) -> Written {
        let classes = [("no".to_owned(), rows[0]), ("yes".to_owned(), rows[1])];
        let part = |rows| Part { file: "data/t.csv", rows };
        policy(&Chosen {
            model: "churn",
            label: "y",
            features: &[Feature { name: "x".to_owned(), column: ColumnType::Number.into(), is_complete: true }],
            left_out: &[],
            classes: &classes,
            numbers: None,
            format: TableFormat::Csv(Dialect::default()),
            train: part(rows.iter().sum()),
            test: part(test.iter().sum()),
            test_classes: &test,
            validation: true,
        })
    }

    fn margin(written: &Written) -> Option<f64> {
        let (_, rest) = written.text.split_once("\n      no_worse_than_champion: {margin: ")?;
        rest.split_once('}')?.0.parse().ok()
    }

    #[test]
    fn the_margin_to_the_champion_is_the_smallest_that_the_test_rows_can_show() {
        // Models that agree on n rows may differ on a share of 1 − 0.05^(1/n) of others.
        for (test, expected) in [
            ([600, 400], Some(0.02)),
            ([90, 59], Some(0.02)),
            ([90, 58], Some(0.03)),
            ([15, 14], Some(0.1)),
            ([14, 14], None),
        ] {
            let written = of([600, 400], test);
            assert_eq!(margin(&written), expected, "{test:?}: {}", written.text);
            assert!(written.text.contains("metric: accuracy\n      at_least: 0.6\n"), "{}", written.text);
            let rows = u64::try_from(test.iter().sum::<usize>()).expect("rows");
            let read = Policy::read("policy.yaml", &written.text).expect("a policy");
            assert_eq!(read.short_of_rows(rows, "churn", Timestamp::now()), [], "{test:?}");
        }
        let few = of([600, 400], [14, 10]);
        let lacks = "24 test rows cannot show that a model is no worse than the champion, even by a margin of 0.1";
        assert_eq!(few.lacks.as_deref(), Some(lacks));
        let commented = "    # Not included: 24 test rows cannot";
        assert!(
            few.text.contains(commented)
                && few.text.ends_with("    # - metric: accuracy\n    #   no_worse_than_champion: {margin: 0.1}\n"),
            "{}",
            few.text
        );
    }

    #[test]
    fn a_model_of_numbers_has_to_err_less_than_the_median_and_not_much_more_than_the_champion() {
        let part = |rows| Part { file: "data/t.csv", rows };
        let written = policy(&Chosen {
            model: "rent",
            label: "y",
            features: &[],
            left_out: &[],
            classes: &[],
            numbers: Some(Numbers { median: 700.0, deviation: 123.456 }),
            format: TableFormat::Csv(Dialect::default()),
            train: part(400),
            test: part(100),
            test_classes: &[100],
            validation: true,
        });
        for line in
            ["      at_most: 123\n", "      no_worse_than_champion: {margin: 6.17}", "always answers 700, the median"]
        {
            assert!(written.text.contains(line), "{line}: {}", written.text);
        }
        Policy::read("policy.yaml", &written.text).expect("a policy");
        assert_eq!(
            [0.000_123_456, 0.3, 98_765.0].map(|number| rounded(number).to_string()),
            ["0.000123", "0.3", "98800"]
        );
    }

    #[test]
    fn of_classes_that_count_the_same_the_rarest_decides() {
        for (test, expected) in
            [([980, 200], Some(0.02)), ([1_960, 42], Some(0.07)), ([980, 20], None), ([196, 4], None)]
        {
            let written = of([9_800, 200], test);
            assert_eq!(margin(&written), expected, "{test:?}: {}", written.text);
            assert!(written.text.contains("metric: balanced_accuracy\n      at_least: 0.5\n"), "{}", written.text);
        }
        let lacks = of([9_800, 200], [196, 4]).lacks.expect("a reason");
        assert!(lacks.starts_with("4 test rows of the rarest class cannot show"), "{lacks}");
    }
}
