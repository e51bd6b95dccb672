//! The families for tables.

use super::Problems;
use crate::{LinearOptions, Loss, Model, ModelFamily, Preprocess, TreeOptions};

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
        }
        let family = spec.model.name();
        if spec.data.table().is_none() {
            let message = format!("`{family}` is for tables, and the rows are images");
            problems.add("spec.model", message, "use `sequential` with layers for images");
        }
        let training = &spec.training;
        let of_networks = [
            ("optimizer", training.optimizer.is_some()),
            ("epochs", training.epochs.is_some()),
            ("batch_size", training.batch_size.is_some()),
            ("label_smoothing", training.label_smoothing != 0.0),
        ];
        for (key, _) in of_networks.into_iter().filter(|(_, is_set)| *is_set) {
            let has_rounds = matches!(spec.model, ModelFamily::GradientBoostedTrees(_));
            let help = if key == "epochs" && has_rounds {
                "`rounds` of the family says how many trees are added"
            } else {
                "leave it out"
            };
            problems.add(&format!("spec.training.{key}"), format!("`{key}` is for networks, not for `{family}`"), help);
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
        for (index, _) in spec.preprocess.iter().enumerate().filter(|(_, step)| matches!(step, Preprocess::Reshape(_)))
        {
            let message = "`linear` learns from columns, and `reshape` leaves none";
            problems.add(&format!("spec.preprocess[{index}]"), message, "leave it out");
        }
        let of_rounds = [("keep", training.keep.is_some()), ("early_stopping", training.early_stopping.is_some())];
        for (key, _) in of_rounds.into_iter().filter(|(_, is_set)| *is_set) {
            let message = format!("`{key}` compares epochs, and `linear` is fitted until nothing changes");
            problems.add(&format!("spec.training.{key}"), message, "leave it out");
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
