//! Runs a written graph on rows of the training, and compares its answers with those of the artifact.

use slipway_contract::table::shown;
use slipway_contract::{Architecture, ColumnEncoding, Fault, FaultKind, Task};
use slipway_onnx::File;
use tch::{Device, Kind, Tensor};

use super::run::{self, Value};
use crate::artifact::Loaded;
use crate::data::{Rows, code_of};
use crate::evaluation::answers_of;

/// The most rows of the training that are compared.
const MAX_ROWS: i64 = 256;
/// The largest difference, relative to the largest answer, and to one for probabilities.
const TOLERANCE: f64 = 1e-5;
/// A text that no column has: readers of tables remove the white space around a text.
const UNSEEN: &str = " ";

/// What was compared.
pub(super) struct Compared {
    /// The number of rows.
    pub(super) rows: u64,
    /// The largest difference.
    pub(super) largest_difference: f64,
}

/// Compares the answers of a graph with those of its artifact.
pub(super) fn compare(bytes: &[u8], loaded: &Loaded, rows: &Rows) -> Result<Compared, Fault> {
    let _guard = tch::no_grad_guard();
    let file = File::read(bytes).map_err(|error| defect(&error.to_string()))?;
    let batch = batch_of(loaded, rows);
    let count = batch.size()[0];
    let expected = answers_of(loaded, &batch, Device::Cpu)?;
    let mut outputs =
        run::run(&file, inputs_of(&file, loaded, &batch)).map_err(|problem| defect(&problem))?.into_iter();
    if loaded.architecture.task == Task::Classification {
        compare_labels(outputs.next(), &loaded.architecture, &expected)?;
    }
    let Some(Value::Numbers(found)) = outputs.next() else { return Err(defect("it gives no numbers")) };
    if found.size() != expected.size() || found.kind() != expected.kind() {
        return Err(defect(&format!("it gives numbers of shape {:?}, expected {:?}", found.size(), expected.size())));
    }
    let largest = |tensor: &Tensor| tensor.to_kind(Kind::Double).abs().max().double_value(&[]);
    let difference = largest(&(found - &expected));
    let limit =
        TOLERANCE * largest(&expected).max(if loaded.architecture.task == Task::Regression { 0.0 } else { 1.0 });
    // Not `difference > limit`, which is false for NaN.
    if difference <= limit {
        return Ok(Compared { rows: u64::try_from(count).unwrap_or(0), largest_difference: difference });
    }
    Err(defect(&format!("its answers differ from the artifact's by up to {difference:e}, expected at most {limit:e}")))
}

/// Labels are equal, or their probabilities are, or that of the second class equals the threshold.
fn compare_labels(labels: Option<Value>, architecture: &Architecture, expected: &Tensor) -> Result<(), Fault> {
    let Some(Value::Texts { texts, .. }) = labels else { return Err(defect("it gives no labels")) };
    let classes = &architecture.classes;
    if let Some(threshold) = architecture.threshold {
        return compare_with_threshold(&texts, classes, expected, f64::from(threshold));
    }
    let (most, _) = expected.max_dim(1, false);
    for (row, label) in (0..).zip(&texts) {
        let place = classes.iter().position(|class| class == label).and_then(|place| i64::try_from(place).ok());
        let lower = place.map(|place| most.double_value(&[row]) - expected.double_value(&[row, place]));
        if lower.is_none_or(|lower| lower > TOLERANCE) {
            return Err(defect(&format!("it gives the label `{}` where another is more probable", shown(label))));
        }
    }
    if i64::try_from(texts.len()) == Ok(expected.size()[0]) { Ok(()) } else { Err(defect("it gives too few labels")) }
}

fn compare_with_threshold(
    texts: &[String],
    classes: &[String],
    expected: &Tensor,
    threshold: f64,
) -> Result<(), Fault> {
    for (row, label) in (0..).zip(texts) {
        let above = expected.double_value(&[row, 1]) - threshold;
        let class = classes.get(usize::from(above >= 0.0));
        if class != Some(label) && above.abs() > TOLERANCE {
            return Err(defect(&format!("it gives the label `{}` on the other side of the threshold", shown(label))));
        }
    }
    if i64::try_from(texts.len()) == Ok(expected.size()[0]) { Ok(()) } else { Err(defect("it gives too few labels")) }
}

fn defect(problem: &str) -> Fault {
    Fault::new(FaultKind::Internal, format!("it does not compute what the artifact computes: {problem}"))
}

/// The first rows of the training. In tables with typed columns a row without any value and one with unseen texts are added.
fn batch_of(loaded: &Loaded, rows: &Rows) -> Tensor {
    let count = MAX_ROWS.min(i64::try_from(rows.len()).unwrap_or(i64::MAX));
    let batch = rows.batch(&Tensor::arange(count, (Kind::Int64, Device::Cpu)));
    let Some(encodings) = &loaded.architecture.encodings else { return batch };
    // The numbers of the first row, which no step takes beyond what floats hold.
    let has_texts: Vec<bool> = encodings.iter().map(|encoding| encoding.values().is_some()).collect();
    let first = batch.narrow(0, 0, 1);
    let unseen = Tensor::full_like(&first, -1.0).where_self(&Tensor::from_slice(&has_texts), &first);
    let missing = Tensor::full_like(&first, f64::NAN);
    Tensor::cat(&[batch, missing, unseen], 0)
}

/// The rows as the inputs of a graph.
fn inputs_of(file: &File, loaded: &Loaded, batch: &Tensor) -> Vec<Value> {
    let Some(encodings) = &loaded.architecture.encodings else {
        let kind = file.inputs.first().map_or(Kind::Double, |field| run::kind_of(field.kind));
        return vec![Value::Numbers(batch.to_kind(kind))];
    };
    let column = |(place, encoding): (i64, &ColumnEncoding)| {
        let column = batch.select(1, place).unsqueeze(1).contiguous();
        let Some(known) = encoding.values() else { return Value::Numbers(column) };
        let text = |row: i64| {
            let code = column.double_value(&[row, 0]);
            if code.is_nan() {
                return String::new();
            }
            known.get(code_of(code)).filter(|_| code >= 0.0).map_or_else(|| UNSEEN.to_owned(), String::clone)
        };
        let count = column.size()[0];
        Value::Texts { shape: vec![count, 1], texts: (0..count).map(text).collect() }
    };
    (0..).zip(encodings).map(column).collect()
}
