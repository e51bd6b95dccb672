//! Metrics of the previous release, exported beside their successors. The next release removes them.

use std::fmt::Write as _;

/// A metric with a new name.
#[derive(Debug, Clone, Copy)]
pub struct RenamedMetric {
    /// The deprecated name.
    pub old: &'static str,
    /// The name that replaces it.
    pub new: &'static str,
    /// The renamed values of labels, as the exporter writes them: the new pair of label and value, and the deprecated one.
    pub labels: &'static [(&'static str, &'static str)],
}

const fn renamed(old: &'static str, new: &'static str) -> RenamedMetric {
    RenamedMetric { old, new, labels: &[] }
}

/// All renamed metrics. None of them is a histogram, whose samples have names of their own.
pub const RENAMED_METRICS: &[RenamedMetric] = &[
    renamed("slipway_deliveries_of_others_total", "slipway_deliveries_other_repository_total"),
    renamed("slipway_missed_deliveries_total", "slipway_deliveries_recovered_total"),
    renamed("slipway_missed_pushes_total", "slipway_pushes_recovered_total"),
    RenamedMetric {
        old: "slipway_reports_total",
        new: "slipway_report_attempts_total",
        labels: &[("outcome=\"reported\"", "outcome=\"told\"")],
    },
];

/// Adds every renamed metric under its deprecated name, with the same samples.
pub(super) fn with_deprecated_names(mut metrics: String) -> String {
    let mut added = String::new();
    for RenamedMetric { old, new, labels } in RENAMED_METRICS {
        let mut samples = String::new();
        for line in metrics.lines() {
            if let Some(kind) = line
                .strip_prefix("# TYPE ")
                .and_then(|rest| rest.strip_prefix(new))
                .filter(|rest| rest.starts_with(' '))
            {
                let _ = writeln!(samples, "# HELP {old} Deprecated: use `{new}`.\n# TYPE {old}{kind}");
            } else if let Some(sample) = line.strip_prefix(new).filter(|rest| rest.starts_with(['{', ' '])) {
                let sample = labels.iter().fold(sample.to_owned(), |sample, (new, old)| sample.replace(new, old));
                let _ = writeln!(samples, "{old}{sample}");
            }
        }
        if !samples.is_empty() {
            added.push_str(&samples);
            added.push('\n');
        }
    }
    metrics.push_str(&added);
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_metric_has_the_same_samples_under_its_deprecated_name() {
        let text = "# HELP slipway_report_attempts_total Attempts.\n\
                    # TYPE slipway_report_attempts_total counter\n\
                    slipway_report_attempts_total{outcome=\"reported\"} 3\n\
                    slipway_report_attempts_total{outcome=\"failed\"} 1\n\n\
                    # TYPE slipway_pushes_recovered_total counter\n\
                    slipway_pushes_recovered_total 2\n\n\
                    # TYPE slipway_runs gauge\nslipway_runs{state=\"done\"} 5\n\n";
        let added = "# HELP slipway_missed_pushes_total Deprecated: use `slipway_pushes_recovered_total`.\n\
                     # TYPE slipway_missed_pushes_total counter\n\
                     slipway_missed_pushes_total 2\n\n\
                     # HELP slipway_reports_total Deprecated: use `slipway_report_attempts_total`.\n\
                     # TYPE slipway_reports_total counter\n\
                     slipway_reports_total{outcome=\"told\"} 3\n\
                     slipway_reports_total{outcome=\"failed\"} 1\n\n";
        assert_eq!(with_deprecated_names(text.to_owned()), format!("{text}{added}"));
    }

    /// The samples of a metric without its name.
    fn samples(text: &str, name: &str) -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        lines.filter(|rest| rest.starts_with(['{', ' '])).map(str::to_owned).collect()
    }

    #[test]
    fn the_exporter_shows_every_renamed_metric_under_both_names_with_equal_values() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            for (value, RenamedMetric { new, .. }) in (1..).zip(RENAMED_METRICS) {
                metrics::describe_counter!(*new, "A description.");
                metrics::counter!(*new, "outcome" => "reported").increment(value);
            }
        });
        let text = with_deprecated_names(recorder.handle().render());
        for RenamedMetric { old, new, labels } in RENAMED_METRICS {
            assert!(text.contains(&format!("# HELP {old} Deprecated: use `{new}`.\n# TYPE {old} counter\n")), "{text}");
            let expected: Vec<String> = samples(&text, new)
                .iter()
                .map(|sample| labels.iter().fold(sample.clone(), |sample, (new, old)| sample.replace(new, old)))
                .collect();
            assert_eq!((samples(&text, old), expected.len()), (expected, 1), "{text}");
        }
    }

    #[test]
    fn a_metric_whose_name_only_begins_like_a_renamed_one_is_left_out() {
        let text = "# TYPE slipway_pushes_recovered_total_of_all counter\nslipway_pushes_recovered_total_of_all 2\n";
        assert_eq!(with_deprecated_names(text.to_owned()), text);
    }
}
