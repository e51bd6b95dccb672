//! The training and test rows of a model: where they are, or staged parts of the table.

use std::path::Path;

use super::files::Ready;
use super::split::{Labels, Side};
use super::table::{self, Profile};
use super::{Init, refused};
use crate::cli::exit::{self, Failure};

/// The paths of the parts of a split table.
const TRAIN: &str = "data/train.csv";
const TEST: &str = "data/test.csv";

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
}

impl Init {
    /// Returns the files and the numbers of rows of both sides: those of DATA and `--test`, or staged parts of DATA.
    pub(super) fn rows(
        &self,
        labels: &Labels,
        (label, features): (&str, &[String]),
        name: &str,
        rows: usize,
        ready: &mut Ready,
    ) -> Result<Sides, Failure> {
        if let Some(test) = &self.test {
            let shown = test.display().to_string();
            let of_test = Profile::of(test, &shown).map_err(refused)?.rows;
            let own = labels.compare(test, &shown, label, features).map_err(refused)?;
            let is_data = test.canonicalize().is_ok_and(|test| self.data.canonicalize().is_ok_and(|data| data == test));
            if is_data || own.is_the_same {
                let help =
                    "set other test rows with `--test`, or omit it: then a part of the table becomes the test rows";
                let message =
                    format!("{shown} has the same rows as {name}, expected rows that the model was not trained on");
                return Err(exit::invalid(format!("{message}\n  help: {help}")));
            }
            return Ok(Sides {
                train: (self.take_in(&self.data, TRAIN, ready)?, rows),
                test: (self.take_in(test, TEST, ready)?, of_test),
                test_classes: own.classes,
                in_both: own.in_both,
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
        self.write_parts(name, &sides, ready)?;
        let (test_classes, in_both) = labels.test_rows(&sides);
        let test = test_classes.iter().sum::<usize>();
        Ok(Sides { train: (TRAIN.to_owned(), rows - test), test: (TEST.to_owned(), test), test_classes, in_both })
    }

    /// Stages a table: under its own path if that is below the model's folder, otherwise under the path of a part.
    fn take_in(&self, data: &Path, part: &str, ready: &mut Ready) -> Result<String, Failure> {
        let broken = |error: std::io::Error| exit::invalid(format!("{}: {error}", data.display()));
        let whole = data.canonicalize().map_err(broken)?;
        let inside =
            self.folder.canonicalize().ok().and_then(|folder| whole.strip_prefix(folder).ok().map(Path::to_owned));
        let path = match inside.as_ref().and_then(|inside| inside.to_str()) {
            Some(inside) => inside.to_owned(),
            None if whole.extension().is_some_and(|ending| ending == "gz") => format!("{part}.gz"),
            None => part.to_owned(),
        };
        let mut copy = ready.create(&path)?;
        std::fs::File::open(&whole).and_then(|mut file| std::io::copy(&mut file, &mut copy)).map_err(broken)?;
        Ok(path)
    }

    fn write_parts(&self, name: &str, sides: &[Side], ready: &mut Ready) -> Result<(), Failure> {
        let opened = table::open(&self.data, name).map_err(refused)?;
        let mut writers = [ready.create(TRAIN)?, ready.create(TEST)?].map(csv::Writer::from_writer);
        let broken = |error: csv::Error| error.to_string();
        for writer in &mut writers {
            writer.write_record(&opened.header).map_err(|error| exit::defect(broken(error)))?;
        }
        let mut sides = sides.iter();
        opened
            .each(|_, row| {
                let side = sides.next().ok_or("the table changed while it was read")?;
                writers[usize::from(*side == Side::Test)].write_record(row).map_err(broken)
            })
            .map_err(refused)?;
        writers.iter_mut().try_for_each(csv::Writer::flush).map_err(exit::defect)
    }
}
