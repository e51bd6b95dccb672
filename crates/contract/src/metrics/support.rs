//! The classes that a metric needs rows of. Without test rows of a class, nothing is known about its predictions.

use std::collections::HashSet;

use super::{Average, Metric, Pair};

impl Metric {
    /// Whether it is the mean of a figure of each class with equal weights. In a metric over all rows, or one weighted by labels,
    /// a class without rows has no weight by definition. Here it would be left out silently.
    pub fn averages_classes(&self) -> bool {
        matches!(
            self,
            Self::BalancedAccuracy
                | Self::Precision(Average::Macro)
                | Self::Recall(Average::Macro)
                | Self::F1(Average::Macro)
                | Self::FBeta { average: Average::Macro, .. }
                | Self::RocAuc(Average::Macro)
                | Self::PrAuc(Average::Macro)
        )
    }

    /// Whether it measures the association of labels and predictions. On rows of one class its value is zero, whatever is
    /// predicted.
    pub fn needs_two_classes(&self) -> bool {
        matches!(self, Self::MatthewsCorrelation | Self::CohenKappa)
    }

    /// The classes that need rows so that the metric measures what its name promises: all classes if it averages over classes,
    /// otherwise the class that it refers to. The metric may have a value without these rows: scikit-learn returns zero, or the
    /// mean of the other classes.
    pub fn needs_rows_of<'names>(&'names self, classes: &'names [String]) -> Vec<&'names str> {
        if self.averages_classes() {
            return classes.iter().map(String::as_str).collect();
        }
        let class = match self {
            // Only rows of the actual class can be confused. The predicted class needs no rows.
            Self::Confusion(Pair { actual, .. }) => Some(actual.as_str()),
            // A share of rows that are predicted as the class needs no labels.
            Self::SelectionRateRatio(_) => None,
            other => other.classes().next(),
        };
        class.into_iter().collect()
    }

    /// The classes that the metric needs rows of and that have none. `rows` are the numbers of rows of each class. A class that
    /// the model does not have is not included.
    pub fn lacks_rows_of<'names>(&'names self, classes: &'names [String], rows: &[u64]) -> Vec<&'names str> {
        let without = classes.iter().zip(rows).filter(|(_, rows)| **rows == 0).map(|(class, _)| class.as_str());
        if self.needs_two_classes() && rows.iter().filter(|rows| **rows > 0).count() < 2 {
            return without.collect();
        }
        let without: HashSet<&str> = without.collect();
        let mut needed = self.needs_rows_of(classes);
        needed.retain(|class| without.contains(class));
        needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_need_rows_of_every_class_and_others_of_the_one_they_are_about() {
        let classes = ["cat", "owl"].map(str::to_owned);
        let needed = |metric: &str| metric.parse::<Metric>().expect("a metric").needs_rows_of(&classes).join(" ");
        for metric in [
            "balanced_accuracy",
            "macro_precision",
            "macro_recall",
            "macro_f1",
            "macro_f_beta(beta=2)",
            "macro_roc_auc",
            "macro_pr_auc",
        ] {
            assert_eq!(needed(metric), "cat owl", "{metric}");
        }
        for metric in ["recall", "precision", "f1", "roc_auc", "pr_auc", "brier_score"] {
            assert_eq!(needed(&format!("{metric}(class=\"owl\")")), "owl", "{metric}");
        }
        assert_eq!(needed("confusion(actual=\"owl\", predicted=\"cat\")"), "owl");
        assert_eq!(needed("equal_opportunity_difference(class=\"owl\", by=\"sex\")"), "owl");
        for metric in [
            "accuracy",
            "weighted_f1",
            "micro_recall",
            "log_loss",
            "brier_score",
            "cohen_kappa",
            "r2",
            "mean_of(column=\"x\")",
        ] {
            assert_eq!(needed(metric), "", "{metric}");
        }
        let two = |metric: &str| metric.parse::<Metric>().expect("a metric").needs_two_classes();
        assert!(two("cohen_kappa") && two("matthews_correlation") && !two("accuracy"));
        assert_eq!(needed("selection_rate_ratio(class=\"owl\", by=\"sex\")"), "");
    }

    #[test]
    fn classes_are_lacking_that_a_metric_needs_and_no_row_has() {
        let classes = ["cat", "dog", "owl"].map(str::to_owned);
        let lacking = |metric: &str, rows: &[u64]| {
            metric.parse::<Metric>().expect("a metric").lacks_rows_of(&classes, rows).join(" ")
        };
        assert_eq!(lacking("macro_f1", &[3, 0, 0]), "dog owl");
        assert_eq!(lacking("recall(class=\"owl\")", &[3, 0, 0]), "owl");
        assert_eq!(lacking("recall(class=\"cat\")", &[3, 0, 0]), "");
        assert_eq!(lacking("recall(class=\"emu\")", &[3, 0, 0]), "", "no class at all");
        assert_eq!(lacking("cohen_kappa", &[3, 0, 0]), "dog owl", "two are enough, and there is one");
        assert_eq!(lacking("cohen_kappa", &[3, 0, 1]), "");
        assert_eq!(lacking("selection_rate_ratio(class=\"owl\", by=\"sex\")", &[3, 0, 0]), "");
        assert_eq!(lacking("accuracy", &[0, 0, 0]), "");
    }
}
