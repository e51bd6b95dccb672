//! The training and test rows of a model: where they are, or staged parts of the table.

use std::path::Path;

use slipway_contract::{Dialect, Encoding, TableFormat};

use super::files::Ready;
use super::split::{Labels, Side};
use super::table::{Input, Profile};
use super::{Init, refused};
use crate::cli::exit::{self, Failure};

/// The paths of the parts of a split table, and of tables that are taken in, up to their endings.
const TRAIN: &str = "data/train.csv";
const TEST: &str = "data/test.csv";
const TAKEN: [&str; 2] = ["data/train", "data/test"];

/// A file below the model's folder, and its number of rows.
type Rows = (String, usize);
/// The training rows, the test rows, and the number of test rows of each class.
pub(super) struct Sides {
    pub(super) train: Rows,
    pub(super) test: Rows,
    /// In the order of the classes.
    pub(super) test_classes: Vec<usize>,
    /// Number of test rows whose features also occur in a training row.
    pub(super) in_both: usize,
    /// The format of the files.
    pub(super) format: TableFormat,
}

impl Init {
    /// Returns the files and the numbers of rows of both sides: those of DATA and `--test`, or staged parts of DATA.
    pub(super) fn rows(
        &self,
        labels: &Labels,
        (label, features): (&str, &[String]),
        input: &Input<'_>,
        rows: usize,
        ready: &mut Ready,
    ) -> Result<Sides, Failure> {
        let (name, format) = (input.name, input.format);
        if let Some(test) = &self.test {
            let shown = test.display().to_string();
            // Both tables are read with the dialect of the first, which is the one that is written down.
            let other = Input { path: test, name: &shown, format };
            let of_test = Profile::of(&other).map_err(refused)?.rows;
            let own = labels.compare(&other, label, features).map_err(refused)?;
            let is_data = test.canonicalize().is_ok_and(|test| self.data.canonicalize().is_ok_and(|data| data == test));
            if is_data || own.is_the_same {
                let help =
                    "set other test rows with `--test`, or omit it: then a part of the table becomes the test rows";
                let message =
                    format!("{shown} has the same rows as {name}, expected rows that the model was not trained on");
                return Err(exit::invalid(format!("{message}\n  help: {help}")));
            }
            return Ok(Sides {
                train: (self.take_in(&self.data, TAKEN[0], format, ready)?, rows),
                test: (self.take_in(test, TAKEN[1], format, ready)?, of_test),
                test_classes: own.classes,
                in_both: own.in_both,
                format,
            });
        }
        for part in [TRAIN, TEST] {
            let is_itself = self
                .folder
                .join(part)
                .canonicalize()
                .is_ok_and(|part| self.data.canonicalize().is_ok_and(|data| data == part));
            if is_itself {
                let help = "set the test rows with `--test`, or store the whole table under another name";
                return Err(exit::invalid(format!(
                    "the training rows would replace the whole table {name}\n  help: {help}"
                )));
            }
        }
        labels.check_split(name, label).map_err(refused)?;
        let sides = labels.split();
        let dialect = Self::write_parts(input, &sides, ready)?;
        let (test_classes, in_both) = labels.test_rows(&sides);
        let test = test_classes.iter().sum::<usize>();
        Ok(Sides {
            train: (TRAIN.to_owned(), rows - test),
            test: (TEST.to_owned(), test),
            test_classes,
            in_both,
            format: TableFormat::Csv(dialect),
        })
    }

    /// Stages a table: under its own path if that is below the model's folder, otherwise under the path of a part.
    fn take_in(&self, data: &Path, part: &str, format: TableFormat, ready: &mut Ready) -> Result<String, Failure> {
        let broken = |error: std::io::Error| exit::invalid(format!("{}: {error}", data.display()));
        let whole = data.canonicalize().map_err(broken)?;
        let inside =
            self.folder.canonicalize().ok().and_then(|folder| whole.strip_prefix(folder).ok().map(Path::to_owned));
        let path = if let Some(inside) = inside.as_ref().and_then(|inside| inside.to_str()) {
            inside.to_owned()
        } else {
            let is_called = |ending: &&str| whole.extension().is_some_and(|found| found == *ending);
            let packed = ["gz", "zst"].into_iter().find(is_called);
            format!("{part}.{}{}", name_of(format), packed.map_or_else(String::new, |ending| format!(".{ending}")))
        };
        let mut copy = ready.create(&path)?;
        std::fs::File::open(&whole).and_then(|mut file| std::io::copy(&mut file, &mut copy)).map_err(broken)?;
        Ok(path)
    }

    /// Stages both parts as comma-separated values in UTF-8, in the dialect of the table, and returns their dialect.
    fn write_parts(input: &Input<'_>, sides: &[Side], ready: &mut Ready) -> Result<Dialect, Failure> {
        let dialect = match input.format {
            TableFormat::Csv(dialect) => Dialect { encoding: Encoding::Utf8, ..dialect },
            TableFormat::Jsonl | TableFormat::Parquet => Dialect::default(),
        };
        let opened = input.open().map_err(refused)?;
        let mut builder = csv::WriterBuilder::new();
        builder.delimiter(dialect.delimiter.byte()).quote(dialect.quote.byte());
        let mut writers = [ready.create(TRAIN)?, ready.create(TEST)?].map(|file| builder.from_writer(file));
        let broken = |error: csv::Error| error.to_string();
        for writer in &mut writers {
            writer.write_record(opened.header()).map_err(|error| exit::defect(broken(error)))?;
        }
        let mut sides = sides.iter();
        opened
            .each(|_, row| {
                let side = sides.next().ok_or("the table changed while it was read")?;
                writers[usize::from(*side == Side::Test)].write_record(row).map_err(broken)
            })
            .map_err(refused)?;
        writers.iter_mut().try_for_each(csv::Writer::flush).map_err(exit::defect)?;
        Ok(dialect)
    }
}

/// The name of a format in `slipway.yaml`, which is also the ending of its files.
pub(super) fn name_of(format: TableFormat) -> &'static str {
    match format {
        TableFormat::Csv(_) => "csv",
        TableFormat::Jsonl => "jsonl",
        TableFormat::Parquet => "parquet",
    }
}
