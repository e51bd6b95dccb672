//! The tables that programs of teams read and write: the test rows without their labels, and predictions.

use std::fs::File;
use std::path::Path;

use slipway_contract::table::{self, Records, first_of, number, shown};
use slipway_contract::{Decimal, Dialect, Fault, FaultKind, Model, Task};

use super::TableName;
use super::file::Source;
use super::opened::Tables;
use crate::failure;

/// Writes the test rows without the column of the label, and without the columns that are not used on purpose: such a column may tell
/// the label.
pub(crate) fn write_features(model: &Model, source: &Path, path: &Path) -> Result<(), Fault> {
    let Some(tables) = Tables::of(&model.spec.data, model.spec.task == Task::Classification) else {
        return Err(Fault::new(FaultKind::Specification, "a program gets tables").key("spec.data.format"));
    };
    let spec = tables.spec;
    let opened = tables.open_whole(&Source::open(source)?, TableName::Test)?;
    let header = opened.header().to_vec();
    let is_left_out = |name: &String| *name == spec.label || spec.ignore.contains(name);
    let kept: Vec<usize> = (0..header.len()).filter(|place| !is_left_out(&header[*place])).collect();
    let failed = |error: &csv::Error| Fault::new(FaultKind::Internal, format!("`{}`: {error}", path.display()));
    let mut writer = csv::Writer::from_path(path).map_err(|error| failed(&error))?;
    writer.write_record(kept.iter().map(|place| header[*place].as_str())).map_err(|error| failed(&error))?;
    opened.each(|_, row| {
        writer.write_record(kept.iter().map(|place| &row[*place])).map_err(|error| failed(&error).message)
    })?;
    writer.flush().map_err(|error| failure::of_file(path, &error))
}

/// Predictions of a program, in the order of the test rows.
pub(crate) struct ProgramPredictions {
    /// The predicted class or number of each row, as written.
    pub(crate) predictions: Vec<String>,
    /// The scores row by row, in the order of the classes, if there are any.
    pub(crate) scores: Option<Vec<f32>>,
}

/// Reads the predictions that a program wrote for `rows` rows. `classes` is empty if numbers are predicted.
pub(crate) fn read_predictions(path: &Path, rows: usize, classes: &[String]) -> Result<ProgramPredictions, Fault> {
    const NAME: &str = "the predictions";
    let fault = |message: String| Fault::new(FaultKind::Artifact, format!("{NAME}: {message}"));
    let file = File::open(path).map_err(|error| failure::of_file(path, &error))?;
    let table = Records::open(std::io::BufReader::new(file), NAME, &Dialect::default())?;
    let header = table.header.clone();
    let find = |name: &str| header.iter().position(|column| column == name);
    let needed = |name: &str| {
        find(name).ok_or_else(|| fault(format!("there is no column `{name}`; the columns are {}", first_of(&header))))
    };
    let (row_place, prediction_place) = (needed("row")?, needed("prediction")?);
    let score_places: Vec<Option<usize>> = classes.iter().map(|class| find(&format!("score_{class}"))).collect();
    let has_scores = score_places.iter().any(Option::is_some);
    if let Some(missing) = score_places.iter().position(Option::is_none).filter(|_| has_scores) {
        return Err(fault(format!(
            "there is no column `score_{}`, expected one for each class or none",
            classes[missing]
        )));
    }
    let score_places: Vec<usize> = score_places.into_iter().flatten().collect();
    let mut found: Vec<Option<String>> = vec![None; rows];
    let mut scores = vec![0.0_f32; if has_scores { rows * classes.len() } else { 0 }];
    table.each(|line, values| {
        let text = values[row_place].trim();
        let row = text.parse::<usize>().ok().filter(|row| *row < rows).ok_or_else(|| {
            format!(
                "line {line}: `row` is `{}`, expected a whole number from 0 to {}",
                shown(text),
                rows.saturating_sub(1)
            )
        })?;
        if found[row].replace(values[prediction_place].trim().to_owned()).is_some() {
            return Err(format!("line {line}: the row {row} is there twice"));
        }
        for (class, place) in score_places.iter().enumerate() {
            let text = values[*place].trim();
            let score = number::parse(text).filter(|score| (0.0..=1.0).contains(score)).ok_or_else(|| {
                format!("line {line}: `{}` is `{}`, expected a number from 0 to 1", header[*place], shown(text))
            })?;
            #[expect(clippy::cast_possible_truncation, reason = "scores are kept in 32 bits")]
            let score = score as f32;
            scores[row * classes.len() + class] = score;
        }
        Ok(())
    })?;
    let missing = found.iter().filter(|prediction| prediction.is_none()).count();
    if let Some(first) = found.iter().position(Option::is_none) {
        return Err(fault(format!("{missing} of {rows} test rows have no prediction; the first is the row {first}")));
    }
    let predictions = found.into_iter().flatten().collect();
    Ok(ProgramPredictions { predictions, scores: has_scores.then_some(scores) })
}

/// The classes of predictions, as indexes.
pub(crate) fn as_classes(predictions: &[String], classes: &[String]) -> Result<Vec<u32>, Fault> {
    let index = |(row, text): (usize, &String)| {
        let place = classes.iter().position(|class| class == text).and_then(|place| u32::try_from(place).ok());
        place.ok_or_else(|| {
            let message = format!(
                "the predictions: `{}` of the row {row} is no class; the classes are {}",
                shown(text),
                first_of(classes)
            );
            let known: Vec<&str> = classes.iter().map(String::as_str).collect();
            Fault { help: table::did_you_mean(text, &known), ..Fault::new(FaultKind::Artifact, message) }
        })
    };
    predictions.iter().enumerate().map(index).collect()
}

/// The numbers of predictions.
pub(crate) fn as_numbers(predictions: &[String]) -> Result<Vec<f64>, Fault> {
    let number = |(row, text): (usize, &String)| {
        number::parse(text).ok_or_else(|| {
            let (message, _) = number::not_a_number(text, Decimal::Point);
            Fault::new(FaultKind::Artifact, format!("the predictions: the row {row}: {message}"))
        })
    };
    predictions.iter().enumerate().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ProgramPredictions, Fault> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("predictions.csv");
        std::fs::write(&path, text).expect("written");
        read_predictions(&path, 2, &["a", "b"].map(str::to_owned))
    }

    #[test]
    fn predictions_are_read_in_the_order_of_the_rows() {
        let found = read("score_b,row,prediction,score_a\n0.25,1,a,0.75\n1,0,b,0\n").expect("predictions");
        assert_eq!(
            (found.predictions, found.scores),
            (vec!["b".to_owned(), "a".to_owned()], Some(vec![0.0, 1.0, 0.75, 0.25]))
        );
        assert_eq!(read("row,prediction\n1,a\n0,b\n").expect("predictions").scores, None);
    }

    #[test]
    fn predictions_that_cannot_be_used_are_refused_with_the_reason() {
        for (text, expected) in [
            ("prediction\na\n", "there is no column `row`"),
            ("row,prediction,score_a\n0,a,1\n1,a,1\n", "there is no column `score_b`"),
            ("row,prediction\n0,a\n", "1 of 2 test rows have no prediction; the first is the row 1"),
            ("row,prediction\n0,a\n0,b\n", "line 3: the row 0 is there twice"),
            ("row,prediction\n0,a\n2,b\n", "`row` is `2`, expected a whole number from 0 to 1"),
            (
                "row,prediction,score_a,score_b\n0,a,nan,1\n1,a,1,0\n",
                "`score_a` is `nan`, expected a number from 0 to 1",
            ),
            ("", "the predictions"),
        ] {
            let fault = read(text).err().unwrap_or_else(|| panic!("{text}"));
            assert!(fault.to_string().contains(expected), "{text}: {fault}");
        }
        let classes = ["cat", "dog"].map(str::to_owned);
        let fault = as_classes(&["dgo".to_owned()], &classes).expect_err("no class");
        assert!(fault.to_string().contains("`dgo` of the row 0 is no class"), "{fault}");
        assert!(as_numbers(&["1e400".to_owned()]).is_err() && as_numbers(&["nan".to_owned()]).is_err());
    }
}
