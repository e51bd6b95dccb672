//! Writes out the defaults of a model, so that nothing about a training is implicit.

use crate::{
    ColumnType, DataSpec, EarlyStopping, ImputeOptions, Keep, MlpOptions, Model, ModelFamily, OneHotOptions,
    Preprocess, SplitBy, Task, TreeOptions,
};

impl Model {
    /// The same model with every default written out. Training it gives the same artifact. A default that a later version changes
    /// is then visible as a difference.
    #[must_use]
    pub fn resolved(&self) -> Self {
        let mut model = self.clone();
        let always = model.spec.task.stated_metric();
        if !model.spec.evaluation.metrics.contains(&always) {
            model.spec.evaluation.metrics.push(always);
        }
        if model.program().is_some() {
            return model;
        }
        let spec = &mut model.spec;
        spec.preprocess = Preprocess::resolved(&spec.preprocess, &spec.data);
        let is_linear = matches!(spec.model, ModelFamily::Linear(_));
        if is_linear && spec.preprocess.iter().all(Preprocess::is_of_encoding) {
            spec.preprocess.insert(0, Preprocess::Standardize);
        }
        if matches!(spec.model, ModelFamily::Mlp(_)) && spec.preprocess.iter().all(Preprocess::is_of_encoding) {
            spec.preprocess.splice(..0, [Preprocess::RobustScale, Preprocess::SmoothClip]);
        }
        if let Some(columns) = spec.data.table().and_then(|table| table.columns.as_ref()) {
            let has = |kind| columns.values().any(|column| column.kind == kind);
            let lacks = |steps: &[Preprocess], name| steps.iter().all(|step| step.name() != name);
            let imputes = !matches!(spec.model, ModelFamily::GradientBoostedTrees(_));
            if imputes && (has(ColumnType::Number) || has(ColumnType::Date)) && lacks(&spec.preprocess, "impute") {
                spec.preprocess.push(Preprocess::Impute(ImputeOptions::default()));
            }
            if has(ColumnType::Category) && lacks(&spec.preprocess, "one_hot") {
                spec.preprocess.push(Preprocess::OneHot(OneHotOptions::default()));
            }
        }
        resolve_table(&mut spec.data, spec.task);
        let is_observed = spec.data.is_validated();
        let training = &mut spec.training;
        training.loss = Some(training.loss_for(spec.task));
        if !is_linear {
            training.keep = Some(training.keep.unwrap_or(if is_observed { Keep::Best } else { Keep::Last }));
        }
        if let ModelFamily::GradientBoostedTrees(options) = &mut spec.model {
            options.rounds = Some(options.rounds_for(is_observed));
            if is_observed {
                training.early_stopping.get_or_insert(EarlyStopping { patience: TreeOptions::PATIENCE });
            }
        }
        if let ModelFamily::Mlp(options) = &mut spec.model {
            *options = options.resolved(spec.task, training.metric.as_ref());
            training.epochs.get_or_insert(MlpOptions::EPOCHS);
            training.batch_size.get_or_insert(MlpOptions::BATCH_SIZE);
        }
        if is_observed {
            training.metric = Some(training.metric_for(spec.task));
        }
        model
    }
}

/// Writes out the defaults of tables: the dialect, and how rows are split.
fn resolve_table(data: &mut DataSpec, task: Task) {
    if let DataSpec::Csv(table) = data {
        table.dialect = Some(table.dialect.unwrap_or_default());
    }
    let Some(split) = data.table_mut().and_then(|table| table.split.as_mut()) else { return };
    let by = split.by.get_or_insert(match task {
        Task::Classification => SplitBy::Stratified,
        Task::Regression => SplitBy::Random,
    });
    if !matches!(by, SplitBy::Column(_)) {
        split.validation = Some(split.validation.unwrap_or(0.0));
    }
}

#[cfg(test)]
mod tests {
    use crate::{API_VERSION, Model};

    #[test]
    fn every_default_is_written_out_and_a_resolved_model_is_resolved() {
        let model: Model = serde_json::from_value(serde_json::json!({
            "apiVersion": API_VERSION, "kind": "Model", "metadata": {"name": "rent"},
            "spec": {
                "paths": ["data/**"], "task": "regression", "policy": "policy.yaml", "preprocess": "auto",
                "data": {
                    "format": "csv", "train": {"file": "a.csv"}, "test": {"file": "b.csv"}, "label": "y",
                    "validation_split": 0.2, "columns": {"size": "number", "district": "category"},
                },
                "model": {"sequential": [{"linear": 1}]},
                "training": {"optimizer": {"adam": {"learning_rate": 1e-3}}, "epochs": 1, "batch_size": 8},
            }
        }))
        .expect("a model");
        let resolved = model.resolved();
        assert_eq!(resolved.problems(), []);
        assert_eq!(resolved.resolved(), resolved);
        let written = serde_json::to_value(&resolved.spec).expect("written");
        let steps = serde_json::json!([
            "robust_scale", "smooth_clip", {"impute": {"strategy": "mean", "add_indicator": true}},
            {"one_hot": {"min_frequency": 1}}
        ]);
        assert_eq!(written["preprocess"], steps);
        let dialect = serde_json::json!({"delimiter": ",", "quote": "\"", "decimal": ".", "encoding": "utf-8"});
        assert_eq!(written["data"]["dialect"], dialect);
        let training = &written["training"];
        assert_eq!(
            [&training["loss"], &training["keep"], &training["metric"]],
            ["squared_error", "best", "root_mean_squared_error"]
        );
        assert_eq!(written["evaluation"]["metrics"], serde_json::json!(["root_mean_squared_error"]));
    }
}
