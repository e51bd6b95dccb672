//! Finds the mistakes of a model file that can be found without data: numbers out of range, parts that contradict each other, and
//! paths that leave the folder.

mod addresses;
mod data;
mod evaluation;
mod families;
mod network;
mod program;
mod selection;
mod tables;
mod training;

#[cfg(test)]
mod tests;

use crate::{API_VERSION, Fault, FaultKind, Model};

impl Model {
    /// Every mistake that can be found without data, each with its key. Empty if there are none.
    pub fn problems(&self) -> Vec<Fault> {
        let mut problems = Problems(Vec::new());
        if self.api_version != API_VERSION {
            problems.add("apiVersion", format!("unknown version `{}`, expected `{API_VERSION}`", self.api_version), "");
        }
        self.check_paths(&mut problems);
        self.check_addresses(&mut problems);
        self.check_tables(&mut problems);
        self.check_columns(&mut problems);
        if self.program().is_some() {
            self.check_program(&mut problems);
        } else {
            self.check_program_keys(&mut problems);
            self.check_training(&mut problems);
            self.check_objective(&mut problems);
        }
        self.check_metrics(&mut problems);
        self.check_slices(&mut problems);
        self.check_baselines(&mut problems);
        self.check_selection(&mut problems);
        if self.program().is_none() {
            self.check_layers(&mut problems);
            self.check_family(&mut problems);
            self.check_preprocessing(&mut problems);
        }
        problems.0
    }
}

struct Problems(Vec<Fault>);

impl Problems {
    fn add(&mut self, key: &str, message: impl Into<String>, help: &str) {
        let fault = Fault::new(FaultKind::Specification, message).key(key);
        self.0.push(if help.is_empty() { fault } else { fault.help(help) });
    }
}
