//! Finds all faults and warnings about the data of a model in one pass before training.

use std::path::Path;

use slipway_contract::table::{Counted, MAX_CLASSES, fault as table_fault, first_of, position};
use slipway_contract::{
    DataSpec, ExpectedCheck, Fault, FaultKind, Shape, TableSpec, Task, TrainingJob, counted, unknown_classes,
};

use super::classes::{self, Said};
use super::expected::Judged;
use super::file::Source;
use super::opened::Tables;
use super::table::Request;
use super::{Half, Rows, TableName, cells, idx, label_leakage, numbers, shared, table, tables_of};
use crate::definable::{self, TestRows};

/// The rows of a model, with the faults and warnings.
#[derive(Default)]
pub(crate) struct ValidatedData {
    /// The training rows, if they have no faults.
    pub(crate) training: Option<Rows>,
    /// The shape of a row, if it is known.
    pub(crate) shape: Option<Shape>,
    /// The test rows in terms of the classes of the training rows, if they have no faults.
    pub(crate) test: Option<Rows>,
    /// The faults that prevent training or testing.
    pub(crate) faults: Vec<Fault>,
    /// The warnings, which do not prevent it.
    pub(crate) warnings: Vec<Fault>,
}

/// Reads the rows of a model. `outputs` is the width of a network's last layer, because an IDX file does not contain the
/// classes.
pub(crate) fn validate(job: &TrainingJob, source: &Path, outputs: Option<u32>) -> ValidatedData {
    let mut validated = ValidatedData::default();
    let source = match Source::open(source) {
        Ok(source) => source,
        Err(fault) => return ValidatedData { faults: vec![fault], ..validated },
    };
    match tables_of(&job.model) {
        None => validated.read_pictures(job, &source, outputs.unwrap_or_default()),
        Some(tables) => validated.read_tables(job, &tables, &source, outputs),
    }
    if let (Some(training), Some(test)) = (&validated.training, &validated.test)
        && test.shape != training.shape
    {
        let message = format!("the test rows have the shape {}, but the training rows {}", test.shape, training.shape);
        validated.faults.push(Fault::new(FaultKind::Data, message).key("spec.data.test"));
        validated.test = None;
    }
    validated.compare_rows();
    validated.judge(job, &source);
    validated
}

impl ValidatedData {
    fn add(&mut self, Said { faults, warnings }: Said) {
        self.faults.extend(faults);
        self.warnings.extend(warnings);
    }

    fn read_pictures(&mut self, job: &TrainingJob, source: &Source, outputs: u32) {
        let DataSpec::Idx { train, test, .. } = &job.model.spec.data else { return };
        // A label is one byte, so a file has at most 256 classes, whatever the width of the network.
        let classes: Vec<String> = (0..outputs.min(256)).map(|class| class.to_string()).collect();
        match idx::read(source, train, Half::Train, &classes) {
            Ok(rows) => {
                let present: Vec<Counted> = rows.counts().into_iter().filter(|(_, rows)| *rows > 0).collect();
                self.add(classes::of_pictures(&job.model, &present, outputs));
                self.shape = Some(rows.shape.clone());
                self.training = Some(rows);
            }
            Err(fault) => self.faults.push(fault),
        }
        match idx::read(source, test, Half::Test, &classes) {
            Ok(rows) => self.test = Some(rows),
            Err(fault) => self.faults.push(fault),
        }
    }

    fn read_tables(&mut self, job: &TrainingJob, tables: &Tables<'_>, source: &Source, outputs: Option<u32>) {
        let spec = tables.spec;
        let TableSpec { recent, label, ignore, weight, .. } = spec;
        let (key, train) = spec.training();
        let task = job.model.spec.task;
        let request = |columns, is_training| {
            // Only the rows of the training have weights.
            let weight = weight.as_deref().filter(|_| is_training);
            Request { label, task, columns, ignore, weight, is_training }
        };
        let training =
            table::read(source, tables, TableName::Train, request(cells::wanted_by_specification(spec), true));
        let counted = training.classes();
        let mut said = match task {
            Task::Classification => classes::of_table(&job.model, &counted, outputs),
            Task::Regression => Said::default(),
        };
        // If the labels cannot be used as classes, the test rows are not compared with them.
        let names: Vec<String> = counted.into_iter().map(|(class, _)| class).collect();
        let is_learnt = task == Task::Regression || (names.len() > 1 && names.len() <= MAX_CLASSES);
        let row_numbers = if spec.features.is_none() { training.row_numbers() } else { Vec::new() };
        let unused = if spec.columns.is_some() { training.unused.clone() } else { Vec::new() };
        let columns = training.columns.clone().or_else(|| cells::wanted_by_specification(spec));
        self.shape = training
            .columns
            .as_ref()
            .filter(|_| spec.columns.is_none())
            .map(|columns| Shape(vec![u32::try_from(columns.len()).unwrap_or(u32::MAX)]));
        match training.into_rows(&names) {
            Ok(rows) => {
                said.faults.extend(numbers::constant_label(&rows));
                said.warnings.extend(label_leakage::warnings(&rows, train, key));
                self.training = Some(rows);
            }
            Err(faults) => self.faults.extend(faults),
        }
        self.add(said);
        self.warnings.extend(row_numbers.iter().map(|column| row_number(train, key, column)));
        self.warnings.extend(unused_columns(train, &unused));

        let mut judged = table::read(source, tables, TableName::Test, request(columns, false));
        if is_learnt {
            judged.unknown_labels(&names);
        }
        match judged.into_rows(&names) {
            Ok(rows) => self.test = Some(rows).filter(|_| is_learnt),
            // A fault of both halves comes from the specification and is reported once.
            Err(faults) => {
                let new = faults.into_iter().filter(|fault| !self.faults.contains(fault));
                self.faults.extend(new.collect::<Vec<_>>());
            }
        }
        if recent.is_some()
            && let Err(fault) = tables.open_whole(source, TableName::Recent)
        {
            self.faults.push(fault.key("spec.data.recent.file"));
        }
    }

    /// Warns of test rows that are training rows.
    fn compare_rows(&mut self) {
        let (Some(training), Some(test)) = (&self.training, &self.test) else { return };
        match shared::warning(training, test) {
            Ok(warning) => self.warnings.extend(warning),
            Err(fault) => self.faults.push(fault),
        }
    }

    /// Checks whether the test rows define the metrics and meet the requirements of policies.
    fn judge(&mut self, job: &TrainingJob, source: &Source) {
        let model = &job.model;
        let columns = self.attributes(job, source);
        let (faults, warnings) = match (&self.test, &self.training) {
            (Some(test), _) => {
                let key = test.origin.as_ref().map_or("spec.data.test", |origin| origin.key.as_str());
                self.warnings.extend(classes::rare_in_test(&test.counts(), key));
                let rows = TestRows::of(test);
                self.faults.extend(definable::check(model, &rows));
                Judged::of(&rows, columns).judge(&job.expects)
            }
            (None, Some(training)) => unknown_classes(&job.expects, training.classes()),
            (None, None) => (Vec::new(), Vec::new()),
        };
        self.faults.extend(faults);
        self.warnings.extend(warnings);
        self.compare_columns(job, source);
    }

    /// The columns that are copied into the predictions, if all of them exist.
    fn attributes(&mut self, job: &TrainingJob, source: &Source) -> Vec<(String, Vec<String>)> {
        let Some(tables) = tables_of(&job.model) else { return Vec::new() };
        let columns: Vec<String> = job.model.spec.evaluation.attributes().map(str::to_owned).collect();
        let Ok(opened) = tables.open_whole(source, TableName::Test) else { return Vec::new() };
        let check = "spec.evaluation.slices";
        let faults = columns.iter().filter_map(|column| position(opened.header(), column, check, opened.file()).err());
        let faults: Vec<Fault> = faults.filter(|fault| !self.faults.contains(fault)).collect();
        if !faults.is_empty() || columns.is_empty() || self.test.is_none() {
            self.faults.extend(faults);
            return Vec::new();
        }
        match table::read_texts(source, &tables, TableName::Test, &columns, check) {
            Ok(texts) => columns.into_iter().zip(texts).collect(),
            Err(fault) => {
                self.faults.push(fault);
                Vec::new()
            }
        }
    }

    /// Checks the columns that policies compare between training and recent rows.
    fn compare_columns(&mut self, job: &TrainingJob, source: &Source) {
        let Some(tables) = tables_of(&job.model).filter(|tables| tables.spec.recent.is_some()) else { return };
        for (place, expectation) in job.expects.iter().enumerate() {
            let ExpectedCheck::Drift(column) = &expectation.check else { continue };
            for name in [TableName::Train, TableName::Recent] {
                // A file that cannot be read was reported before.
                let Ok(opened) = tables.open_whole(source, name) else { continue };
                let Err(fault) = position(opened.header(), column, opened.key, opened.file()) else { continue };
                let fault = Fault { expectation: u32::try_from(place).ok(), key: None, file: None, ..fault };
                if expectation.refuses { self.faults.push(fault) } else { self.warnings.push(fault) }
            }
        }
    }
}

/// The warning about a column of row numbers. It reveals the label if the rows are sorted by it.
fn row_number(file: &str, key: &str, column: &str) -> Fault {
    let message = format!("column `{column}` looks like the row numbers of a data frame, and is learnt from");
    table_fault(file, message).key(key).help(
        "write the table without its index (pandas: `to_csv(…, index=False)`), or list the columns to learn from in `spec.data.columns`, or this one in `spec.data.ignore`",
    )
}

/// The warning about columns that the specification does not name.
fn unused_columns(file: &str, columns: &[String]) -> Option<Fault> {
    if columns.is_empty() {
        return None;
    }
    let message =
        format!("nothing is learnt from {} of the table: {}", counted(columns.len(), "column"), first_of(columns));
    let warning = table_fault(file, message).key("spec.data.columns");
    Some(warning.help("give it a type in `spec.data.columns`, or list it in `spec.data.ignore`"))
}
