//! Checks whether a policy fits a model. A check that could never be measured for the model is a mistake, and it is reported
//! before training.

use slipway_contract::metrics::Subject;
use slipway_contract::{DataSpec, Layer, Metric, Model, Task};

use slipway_domain::Diagnostic;

use super::Policy;
use super::checks::{Check, CheckSubject, MetricSubject};
use super::slices::Slicing;

impl Policy {
    /// A diagnostic for every check that could never be measured for this model.
    pub fn unfit_for(&self, model: &Model) -> Vec<Diagnostic> {
        self.checks.iter().flat_map(|check| check.unfit_for(model)).collect()
    }
}

impl Check {
    fn unfit_for(&self, model: &Model) -> Vec<Diagnostic> {
        match &self.subject {
            CheckSubject::Metric(subject) => self.metric_unfit_for(subject, model),
            CheckSubject::Expression(expression) => {
                let names = expression.names();
                let metrics = names.iter().filter_map(|name| name.strip_prefix("metrics."));
                let missing = metrics.filter(|name| !states(model, |metric| metric.to_string() == **name));
                missing.map(|name| self.unstated("expression", name)).collect()
            }
            CheckSubject::Drift(_) => self.drift_unfit_for(model).into_iter().collect(),
            CheckSubject::Leakage => Vec::new(),
        }
    }

    fn metric_unfit_for(&self, subject: &MetricSubject, model: &Model) -> Vec<Diagnostic> {
        let MetricSubject { metric, slicing, group_by, seeds: _ } = subject;
        let task = model.spec.task;
        let other = match metric.subject() {
            Subject::Numbers => Some(Task::Regression),
            Subject::Classes => Some(Task::Classification),
            Subject::Rows | Subject::Artifact => None,
        };
        if let Some(other) = other.filter(|other| *other != task) {
            let message = format!("{metric} is for {}, and the model's task is {}", other.name(), task.name());
            let help = match task {
                Task::Classification => "name a metric of classes or scores",
                Task::Regression => "name a metric of numbers, such as `mean_absolute_error`",
            };
            return vec![self.unfit("metric", message, help)];
        }
        if metric.subject() == Subject::Rows {
            let message =
                format!("{metric} needs columns that an evaluation writes itself; Slipway's trainer writes none");
            return vec![self.unfit("metric", message, "name a metric of predicted classes or of their scores")];
        }
        let mut unfit = Vec::new();
        let of_metric = metric.classes().map(|class| ("metric", class));
        let of_slice = slicing.iter().flat_map(Slicing::classes).map(|class| ("slice", class));
        for (key, class) in of_metric.chain(of_slice) {
            if let Some(classes) = classes_of(model)
                && !class.parse::<u32>().is_ok_and(|number| number < classes && number.to_string() == class)
            {
                let labels = format!("its rows have the labels 0 to {}", classes - 1);
                let message = format!("the model has no class `{class}`: {labels}");
                unfit.push(self.unfit(key, message, "name one of them"));
            }
        }
        if let Some(name) = self.requirement.baseline()
            && !model.spec.evaluation.baselines.iter().any(|listed| listed.name() == name)
        {
            let message = format!("the model's evaluation has no baseline `{name}`");
            let help = format!("add `{name}` to `spec.evaluation.baselines` of the model");
            unfit.push(self.unfit("better_than_baseline", message, &help));
        }
        if metric.is_stated() && !states(model, |stated| stated == metric) {
            unfit.push(self.unstated("metric", &metric.to_string()));
        }
        let of_slices = slicing.iter().flat_map(Slicing::columns).map(|column| ("slice", column));
        let of_groups = group_by.as_deref().map(|column| ("group_by", column));
        let of_metric = metric.column().map(|column| ("metric", column));
        for (key, column) in of_slices.chain(of_groups).chain(of_metric) {
            let is_number = task == Task::Regression && ["label", "prediction"].contains(&column);
            if is_number {
                let message = format!("rows cannot be grouped by `{column}`: it is a number in a regression");
                unfit.push(self.unfit(key, message, "name a column of the model's `spec.evaluation.slices`"));
            } else if !model.spec.evaluation.provides(column) {
                unfit.push(self.without_column(key, column, model));
            }
        }
        unfit
    }

    fn drift_unfit_for(&self, model: &Model) -> Option<Diagnostic> {
        let help = "drift is measured between the columns of two tables: `recent: {file: data/recent.csv}`";
        let message = match model.spec.data.table() {
            Some(table) if table.recent.is_some() => return None,
            Some(_) => "the model names no recent data to compare with (`spec.data.recent`)",
            None => "the model's rows are pictures, which have no columns to compare",
        };
        Some(self.unfit("drift", message.to_owned(), help))
    }

    fn unstated(&self, key: &str, metric: &str) -> Diagnostic {
        let message = format!("{metric} is not among the metrics that the model's evaluation states");
        self.unfit(key, message, &format!("add `{metric}` to `spec.evaluation.metrics` of the model"))
    }

    fn without_column(&self, key: &str, column: &str, model: &Model) -> Diagnostic {
        let message = format!("the model's predictions have no column `{column}`");
        let help = match model.spec.data.table() {
            Some(_) => format!("add `{column}` to `spec.evaluation.slices` of the model"),
            None => "rows of pictures can be sliced by `label` and `prediction`".to_owned(),
        };
        self.unfit(key, message, &help)
    }

    fn unfit(&self, key: &str, message: String, help: &str) -> Diagnostic {
        Diagnostic::new(&self.file, message).at(self.places.get(key).copied()).help(help)
    }
}

/// The number of the model's classes, if it is known before its data are read. The labels of images are numbers.
fn classes_of(model: &Model) -> Option<u32> {
    match (&model.spec.data, model.spec.model.layers()?.sequential.last()) {
        (DataSpec::Idx { .. }, Some(Layer::Linear(outputs))) => Some((*outputs).clamp(1, 256)),
        _ => None,
    }
}

/// Whether the model's evaluation states a metric. One metric is always stated.
fn states(model: &Model, is_wanted: impl Fn(&Metric) -> bool) -> bool {
    model.spec.evaluation.metrics.iter().chain([&model.spec.task.stated_metric()]).any(is_wanted)
}
