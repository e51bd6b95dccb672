//! Finds the losses of precision between the numbers of a table, the 64-bit floats that they are read as, and the 32-bit floats
//! that a network computes with.

use std::collections::HashSet;

use slipway_contract::table::{fault_at, shown};
use slipway_contract::{Fault, FaultKind, Preprocess, counted, counted_are};
use tch::{Kind, Tensor};

use crate::data::{Faults, Rows};
use crate::pipeline::Pipeline;

/// Rows that are processed together.
const CHUNK: i64 = 65_536;
/// The most rows whose values are compared. They suffice to show that distinct values of a column become equal.
const MAX_COMPARED: i64 = 131_072;
/// Larger values overflow 32-bit floats when a network multiplies them with each other: the square of this limit is 1e36.
const LARGE: f64 = 1e18;

/// A fault for every value that is not a finite 32-bit float after preprocessing, with its position.
pub(crate) fn every_value_fits(rows: &Rows, pipeline: &Pipeline) -> Vec<Fault> {
    let Some(columns) = columns_of(rows, pipeline) else { return Vec::new() };
    let (file, key) = rows.origin.as_ref().map_or(("", ""), |origin| (origin.file.as_str(), origin.key.as_str()));
    let mut faults = Faults::of(file, key);
    let _guard = tch::no_grad_guard();
    for (start, before, after) in chunks(rows, pipeline) {
        let beyond = after.isfinite().logical_not();
        if beyond.any().int64_value(&[]) == 0 {
            continue;
        }
        let width = i64::try_from(columns.len()).unwrap_or(1).max(1);
        let values = before.contiguous().view([-1]);
        let Ok(places) = Vec::<i64>::try_from(&beyond.view([-1]).nonzero().view([-1])) else { continue };
        for place in places {
            let place = place.min(values.size()[0] - 1);
            faults.add(|| {
                beyond_floats(rows, &columns, start + place / width, place % width, values.double_value(&[place]))
            });
        }
    }
    if faults.is_empty() { Vec::new() } else { faults.into_all() }
}

fn beyond_floats(rows: &Rows, columns: &[String], row: i64, column: i64, value: f64) -> Fault {
    let column = usize::try_from(column).ok().and_then(|column| columns.get(column)).map_or("?", String::as_str);
    let what = format!("column `{}`: {value:e} is beyond 32-bit floats, which end at 3.4e38", shown(column));
    let fault = match &rows.origin {
        Some(origin) => {
            let (place, file) = origin.place(usize::try_from(row).unwrap_or(0));
            fault_at(file, place, format!("{place}, {what}"))
        }
        None => Fault::new(FaultKind::Data, what),
    };
    fault.help(
        "add `standardize` to `preprocess`, or divide the column; a value that stands for a missing one is no number",
    )
}

/// The warnings about columns whose distinct numbers become equal as floats, or whose numbers are too large for the computation.
pub(crate) fn warnings(rows: &Rows, steps: &[Preprocess], pipeline: &Pipeline) -> Result<Vec<Fault>, Fault> {
    let Some(columns) = columns_of(rows, pipeline) else { return Ok(Vec::new()) };
    let mut warnings = lost_digits(rows)?;
    // Clipping makes the largest values nearly equal, as it is meant to.
    let clips = steps.contains(&Preprocess::SmoothClip);
    warnings.extend(if clips { Vec::new() } else { lost_differences(rows, &columns, steps, pipeline)? });
    if let Some((column, value)) = too_large(rows, pipeline) {
        let message = format!(
            "column `{}` holds values up to {value:.1e}, which overflow 32-bit floats when they are computed with",
            shown(&column)
        );
        warnings.push(at_key(rows, message).help(scaled(steps)));
    }
    Ok(warnings)
}

fn at_key(rows: &Rows, message: String) -> Fault {
    let fault = Fault::new(FaultKind::Data, message);
    match &rows.origin {
        Some(origin) => fault.file(origin.file.clone()).key(origin.key.clone()),
        None => fault.key("spec.data.train"),
    }
}

fn standardizes(steps: &[Preprocess]) -> bool {
    steps.iter().any(Preprocess::is_fitted)
}

/// The help text for values that are too large for the computation.
pub(crate) fn scaled(steps: &[Preprocess]) -> &'static str {
    if standardizes(steps) {
        "scale the column in the table"
    } else {
        "add `standardize` to `preprocess`, or scale the column"
    }
}

/// The warnings about whole numbers with more digits than 64-bit floats keep. Most are identifiers.
pub(crate) fn lost_digits(rows: &Rows) -> Result<Vec<Fault>, Fault> {
    let (Some(origin), Some(columns)) = (&rows.origin, &rows.columns) else { return Ok(Vec::new()) };
    let mut warnings = Vec::new();
    for (column, lost) in &origin.lost {
        let values = rows.features.select(1, i64::from(*column));
        let values = match lost.noted_rows() {
            Some(rows) => values.narrow(0, 0, i64::try_from(rows).unwrap_or(0)),
            None => values,
        };
        let read = bits(&values)?;
        let kept = read.iter().collect::<HashSet<_>>().len();
        // A number is identified by its digits if they are lost, otherwise by its float.
        let mut noted = lost.noted.iter().peekable();
        let written = (0..).zip(&read).map(|(row, bits)| match noted.next_if(|(noted, _)| *noted == row) {
            Some((_, digits)) => (true, *digits),
            None => (false, *bits),
        });
        let written = written.collect::<HashSet<_>>().len();
        let name = shown(columns.get(*column as usize).map_or("?", String::as_str));
        let what = if kept < written {
            let first =
                lost.noted_rows().map(|rows| format!(" in its first {}", counted(rows, "row"))).unwrap_or_default();
            format!("has {written} different values{first}, of which 64-bit floats keep {kept} apart")
        } else {
            format!("holds {} rounded to 64-bit floats", counted_are(lost.count, "number"))
        };
        let (place, _) = origin.lost_place(lost);
        let message = format!("column `{name}` {what}: `{}` on {place} has more digits than they hold", lost.text);
        let help = "leave the column out if it is an identifier, or subtract an offset from it in the table";
        warnings.push(at_key(rows, message).help(help));
    }
    Ok(warnings)
}

fn lost_differences(
    rows: &Rows,
    columns: &[String],
    steps: &[Preprocess],
    pipeline: &Pipeline,
) -> Result<Vec<Fault>, Fault> {
    let _guard = tch::no_grad_guard();
    let mut different: Vec<[HashSet<u64>; 2]> = columns.iter().map(|_| Default::default()).collect();
    for (start, before, after) in chunks(rows, pipeline) {
        // After steps that change the number of values there are no columns to compare.
        if start >= MAX_COMPARED || after.size() != before.size() {
            break;
        }
        for (index, [table, network]) in (0..).zip(&mut different) {
            table.extend(bits(&before.select(1, index))?);
            network.extend(bits(&after.select(1, index).to_kind(Kind::Double))?);
        }
    }
    let lost = columns.iter().zip(&different).filter(|(_, [table, network])| network.len() < table.len());
    let help = if standardizes(steps) {
        "subtract an offset from the column in the table, or leave it out"
    } else {
        "add `standardize` to `preprocess`, or leave the column out"
    };
    let warning = |(column, [table, network]): (&String, &[HashSet<u64>; 2])| {
        let message = format!(
            "column `{}` has {} different values, of which 32-bit floats keep {} apart",
            shown(column),
            table.len(),
            network.len()
        );
        at_key(rows, message).help(help)
    };
    Ok(lost.map(warning).collect())
}

/// The column with the largest value after preprocessing, and that value, if it is too large for the computation.
pub(crate) fn too_large(rows: &Rows, pipeline: &Pipeline) -> Option<(String, f64)> {
    let columns = columns_of(rows, pipeline)?;
    let _guard = tch::no_grad_guard();
    let mut largest: Vec<f64> = vec![0.0; columns.len()];
    for (_, before, after) in chunks(rows, pipeline) {
        if after.size() != before.size() {
            return None;
        }
        let of_chunk = Vec::<f64>::try_from(&after.to_kind(Kind::Double).abs().amax([0_i64], false)).ok()?;
        largest.iter_mut().zip(of_chunk).for_each(|(largest, value)| *largest = largest.max(value));
    }
    let (value, column) = largest.into_iter().zip(&columns).max_by(|one, other| one.0.total_cmp(&other.0))?;
    (value > LARGE).then(|| (column.clone(), value))
}

/// The columns of numbers of a table.
fn columns_of(rows: &Rows, pipeline: &Pipeline) -> Option<Vec<String>> {
    pipeline.number_names(rows).filter(|_| rows.features.kind() == Kind::Double)
}

/// The rows in chunks: the first row of each, and its numbers before and after the steps of preprocessing.
fn chunks<'rows>(rows: &'rows Rows, pipeline: &'rows Pipeline) -> impl Iterator<Item = (i64, Tensor, Tensor)> + 'rows {
    let count = rows.features.size()[0];
    (0..count).step_by(usize::try_from(CHUNK).unwrap_or(1)).map(move |start| {
        let before = pipeline.numbers(&rows.features.narrow(0, start, CHUNK.min(count - start)));
        let after = pipeline.after_steps(&before).reshape([before.size()[0], -1]);
        (start, before, after)
    })
}

/// The values of a column as bits. Both zeros are equal.
fn bits(column: &Tensor) -> Result<Vec<u64>, Fault> {
    let values = Vec::<f64>::try_from(&column.contiguous()).map_err(|error| crate::failure::of_torch(&error))?;
    Ok(values.into_iter().map(|value| (value + 0.0).to_bits()).collect())
}
