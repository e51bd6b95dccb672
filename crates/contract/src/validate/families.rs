//! The families for tables.

use super::Problems;
use crate::{LinearOptions, Loss, MlpOptions, Model, ModelFamily, Preprocess, Task, TreeOptions};

/// The hidden layers of an `mlp`, and their widths.
const MLP_LAYERS: std::ops::RangeInclusive<usize> = 1..=16;
const MLP_WIDTHS: std::ops::RangeInclusive<u32> = 1..=4_096;

impl Model {
    /// Checks that the data, the steps and the training fit the family, and the family's options.
    pub(super) fn check_family(&self, problems: &mut Problems) {
        let spec = &self.spec;
        match &spec.model {
            ModelFamily::Layers(_) => return,
            ModelFamily::GradientBoostedTrees(options) => {
                self.check_steps_of_trees(problems);
                check_options(options, problems);
            }
            ModelFamily::Linear(options) => self.check_linear(options, problems),
            ModelFamily::Mlp(options) => self.check_mlp(options, problems),
        }
        let family = spec.model.name();
        if spec.data.table().is_none() {
            let message = format!("`{family}` is for tables, and the rows are images");
            problems.add("spec.model", message, "use `sequential` with layers for images");
        }
        let training = &spec.training;
        let has_epochs = spec.model.has_epochs();
        let of_networks = [
            ("optimizer", training.optimizer.is_some()),
            ("epochs", training.epochs.is_some() && !has_epochs),
            ("batch_size", training.batch_size.is_some() && !has_epochs),
            ("label_smoothing", training.label_smoothing != 0.0),
        ];
        for (key, _) in of_networks.into_iter().filter(|(_, is_set)| *is_set) {
            let (whom, help) = match (&spec.model, key) {
                (ModelFamily::GradientBoostedTrees(_), "epochs") => {
                    ("networks", "`rounds` of the family says how many trees are added")
                }
                (ModelFamily::Mlp(_), "optimizer") => ("`sequential`", "set `learning_rate` of the family"),
                (ModelFamily::Mlp(_), _) => ("`sequential`", "set `label_smoothing` of the family"),
                _ => ("networks", "leave it out"),
            };
            problems.add(&format!("spec.training.{key}"), format!("`{key}` is for {whom}, not for `{family}`"), help);
        }
    }
}

impl Model {
    fn check_steps_of_trees(&self, problems: &mut Problems) {
        for (index, step) in self.spec.preprocess.iter().enumerate() {
            if !matches!(step, Preprocess::OneHot(_)) {
                let message = format!("`{}` has no use for trees: they compare values as they are", step.name());
                let help = "leave `preprocess` out; only `one_hot: {min_frequency: …}` says which categories are known";
                problems.add(&format!("spec.preprocess[{index}]"), message, help);
            }
        }
    }

    fn check_linear(&self, options: &LinearOptions, problems: &mut Problems) {
        if !(options.l2 >= 0.0 && options.l2.is_finite()) {
            let message = format!("{} is out of range, expected zero or more", options.l2);
            problems.add("spec.model.linear.l2", message, "1 is a common value");
        }
        let (spec, training) = (&self.spec, &self.spec.training);
        if matches!(training.loss_for(spec.task), Loss::AbsoluteError | Loss::Huber { .. }) {
            let message = format!("`{}` is no loss of `linear`", training.loss_for(spec.task).name());
            problems.add("spec.training.loss", message, "a linear model minimises `squared_error`, or `cross_entropy`");
        }
        self.check_no_reshape(problems);
        let of_rounds = [("keep", training.keep.is_some()), ("early_stopping", training.early_stopping.is_some())];
        for (key, _) in of_rounds.into_iter().filter(|(_, is_set)| *is_set) {
            let message = format!("`{key}` compares epochs, and `linear` is fitted until nothing changes");
            problems.add(&format!("spec.training.{key}"), message, "leave it out");
        }
    }
}

impl Model {
    /// Refuses the step that makes columns something else.
    fn check_no_reshape(&self, problems: &mut Problems) {
        let family = self.spec.model.name();
        for (index, step) in self.spec.preprocess.iter().enumerate() {
            if matches!(step, Preprocess::Reshape(_)) {
                let message = format!("`{family}` learns from columns, and `reshape` leaves none");
                problems.add(&format!("spec.preprocess[{index}]"), message, "leave it out");
            }
        }
    }

    fn check_mlp(&self, options: &MlpOptions, problems: &mut Problems) {
        self.check_no_reshape(problems);
        let mut refuse = |key: &str, message: String, help: &str| {
            problems.add(&format!("spec.model.mlp.{key}"), message, help);
        };
        if !MLP_LAYERS.contains(&options.hidden.len()) {
            let message = format!("{} hidden layers, expected 1 to 16", options.hidden.len());
            refuse("hidden", message, "[256, 256, 256] is the default");
        }
        if let Some(width) = options.hidden.iter().find(|width| !MLP_WIDTHS.contains(*width)) {
            refuse("hidden", format!("{width} is out of range, expected 1 to 4096"), "256 is a common value");
        }
        for (key, share) in [("dropout", options.dropout), ("label_smoothing", options.label_smoothing)] {
            if let Some(share) = share.filter(|share| !(0.0..1.0).contains(share)) {
                let message = format!("{share} is out of range, expected 0 up to (not including) 1");
                refuse(key, message, "");
            }
        }
        if let Some(rate) = options.learning_rate.filter(|rate| !(*rate > 0.0 && rate.is_finite())) {
            refuse("learning_rate", format!("{rate} is out of range, expected a number above zero"), "");
        }
        if let Some(decay) = options.weight_decay.filter(|decay| !(*decay >= 0.0 && decay.is_finite())) {
            refuse("weight_decay", format!("{decay} is out of range, expected zero or more"), "");
        }
        let is_smoothed = options.label_smoothing.is_some_and(|share| share != 0.0);
        if self.spec.task == Task::Regression && is_smoothed {
            let message = "`label_smoothing` is for classification, and the task is regression".to_owned();
            refuse("label_smoothing", message, "leave it out");
        }
    }
}

fn check_options(options: &TreeOptions, problems: &mut Problems) {
    let mut refuse = |key: &str, found: String, expected: &str, help: &str| {
        let message = format!("{found} is out of range, expected {expected}");
        problems.add(&format!("spec.model.gradient_boosted_trees.{key}"), message, help);
    };
    let counts = [
        ("rounds", options.rounds.unwrap_or(1), 1, 10_000, "1000 is a common value"),
        ("max_leaves", options.max_leaves, 2, 4_096, "31 is a common value"),
        ("max_depth", options.max_depth.unwrap_or(1), 1, 64, "6 is a common value"),
        ("min_child_rows", options.min_child_rows, 1, u32::MAX, "20 is a common value"),
        ("max_bins", options.max_bins, 2, 255, "255 is a common value"),
    ];
    for (key, found, least, most, help) in counts {
        if !(least..=most).contains(&found) {
            let expected = if most == u32::MAX { format!("at least {least}") } else { format!("{least} to {most}") };
            refuse(key, found.to_string(), &expected, help);
        }
    }
    let shares = [
        ("learning_rate", options.learning_rate),
        ("subsample", options.subsample),
        ("column_subsample", options.column_subsample),
    ];
    for (key, found) in shares {
        if !(found > 0.0 && found <= 1.0) {
            refuse(key, found.to_string(), "a number above 0, at most 1", "");
        }
    }
    for (key, found) in [("min_child_weight", options.min_child_weight), ("l2", options.l2)] {
        if !(found >= 0.0 && found.is_finite()) {
            refuse(key, found.to_string(), "zero or more", "");
        }
    }
}
