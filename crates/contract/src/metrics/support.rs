//! Which classes a metric says nothing of without rows: a class that no test row has is not known to be told apart.

use std::collections::HashSet;

use super::{Average, Metric, Pair};

impl Metric {
    /// Whether it is the mean of a figure of each class, in which all classes count alike. Over all rows together, or weighted by
    /// labels, a class without rows counts for nothing by definition; here it would be left out without a word.
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

    /// Whether it measures how labels and predictions go together, of which rows of one class say nothing: whatever is predicted,
    /// its value is zero.
    pub fn needs_two_classes(&self) -> bool {
        matches!(self, Self::MatthewsCorrelation | Self::CohenKappa)
    }

    /// Of a model's classes those that need rows for the metric to say what its name promises: all of them if it averages over
    /// classes, else the one that it is about. The metric itself may have a value without: scikit-learn's is zero, or the mean of
    /// the other classes.
    pub fn needs_rows_of<'names>(&'names self, classes: &'names [String]) -> Vec<&'names str> {
        if self.averages_classes() {
            return classes.iter().map(String::as_str).collect();
        }
        let class = match self {
            // Rows of the other class are what rows of this one are taken for.
            Self::Confusion(Pair { actual, .. }) => Some(actual.as_str()),
            // A share of rows that are predicted as the class needs no labels.
            Self::SelectionRateRatio(_) => None,
            other => other.classes().next(),
        };
        class.into_iter().collect()
    }

    /// Of a model's classes those that the metric needs rows of, and has none of: `rows` are those of each class. A class that is
    /// none of the model's is not among them.
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
