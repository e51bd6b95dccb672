//! The files of tables, their dialect, and how their rows are split.

use super::Problems;
use crate::table::is_glob;
use crate::{DataSpec, Model, Split, SplitBy, TableSpec, Task};

impl Model {
    pub(super) fn check_tables(&self, problems: &mut Problems) {
        let Some(table) = self.spec.data.table() else { return };
        check_named_files(table, problems);
        for (key, path) in self.spec.data.files() {
            if path.rsplit_once('/').is_some_and(|(folder, _)| is_glob(folder)) {
                let message =
                    format!("`{path}` has a wildcard in the name of a folder, expected it in the file's name");
                problems.add(key, message, "`*` and `?` stand for characters of the file's name: `data/part-*.csv`");
            }
        }
        if table.dialect.is_some() && !matches!(self.spec.data, DataSpec::Csv(_)) {
            let message = "only files of comma-separated values have a dialect";
            problems.add("spec.data.dialect", message, "remove it, or set `format: csv`");
        }
        if let Some(split) = &table.split {
            self.check_split(table, split, problems);
        }
    }

    fn check_split(&self, table: &TableSpec, split: &Split, problems: &mut Problems) {
        let Split { by, test, validation, .. } = split;
        if table.validation_split != 0.0 {
            let message = "`validation_split` and `split` both say which rows are held out, expected one of them";
            problems.add("spec.data.validation_split", message, "`split: {validation: 0.2}` is the long form");
        }
        if *by == Some(SplitBy::Stratified) && self.spec.task == Task::Regression {
            let message = "a split by classes needs classes, and the task is regression";
            problems.add("spec.data.split.by", message, "use `random`, `{group: COLUMN}` or `{time: COLUMN}`");
        }
        if let Some(column) = by.as_ref().and_then(SplitBy::column)
            && (column.is_empty() || (*column == table.label && !matches!(by, Some(SplitBy::Group(_)))))
        {
            let message = format!("`{column}` cannot split the rows, expected a column other than the label");
            problems.add("spec.data.split.by", message, "");
        }
        if let Some(SplitBy::Column(column)) = by {
            check_part_column(table, column, split, problems);
            return;
        }
        if validation.is_some_and(|share| !(0.0..1.0).contains(&share)) {
            let message = format!("{} is out of range, expected 0 up to (not including) 1", validation.unwrap_or(0.0));
            problems.add("spec.data.split.validation", message, "0.2 is a common value");
        }
        match (table.rows.is_some(), test) {
            (true, Some(share)) if *share > 0.0 && *share < 1.0 => {}
            (true, Some(share)) => {
                let message = format!("{share} is out of range, expected a share above 0 and below 1");
                problems.add("spec.data.split.test", message, "0.2 is a common value");
            }
            (true, None) => {
                let message = "no share of the rows is for testing, expected `test`";
                problems.add("spec.data.split", message, "`split: {test: 0.2, validation: 0.2}`, for example");
            }
            (false, Some(_)) => {
                let message = "`test` takes rows of `rows`, but the rows for testing are in `data.test`";
                problems.add("spec.data.split.test", message, "remove one of them");
            }
            (false, None) => {}
        }
    }
}

fn check_named_files(table: &TableSpec, problems: &mut Problems) {
    let TableSpec { train, test, rows, split, .. } = table;
    let help = "`train: {file: data/train.csv}` and `test: {file: data/test.csv}`; or `rows: {file: data/all.csv}` \
                with `split: {test: 0.2}`";
    match (train, test, rows) {
        (Some(_), Some(_), None) => {}
        (None, None, Some(_)) if split.is_some() => {}
        (None, None, Some(_)) => {
            let message = "`rows` without `split` has no rows for testing, expected `split`";
            problems.add("spec.data.rows", message, "`split: {test: 0.2, validation: 0.2}`, for example");
        }
        (_, _, Some(_)) => {
            let message = "`rows` takes the place of `train` and `test`, expected either";
            problems.add("spec.data.rows", message, help);
        }
        (None, None, None) => problems.add("spec.data", "no rows are named, expected `train` and `test`", help),
        (None, Some(_), None) => problems.add("spec.data", "no rows to train on, expected `train`", help),
        (Some(_), None, None) => problems.add("spec.data", "no rows to test on, expected `test`", help),
    }
}

fn check_part_column(table: &TableSpec, column: &str, split: &Split, problems: &mut Problems) {
    if split.test.is_some() || split.validation.is_some() {
        let message = "the column says which rows are held out, so that no share can";
        problems.add("spec.data.split", message, "remove `test` and `validation`");
    }
    let is_learnt = table.features.iter().flatten().any(|name| name == column)
        || table.columns.as_ref().is_some_and(|columns| columns.contains_key(column));
    if is_learnt {
        let message = format!("the column `{column}` names the part of each row and is among the columns to train on");
        problems.add("spec.data.split.by", message, "take it out of the columns to train on");
    }
}
