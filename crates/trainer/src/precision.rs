//! What is lost between the numbers of a table and the 32-bit floats that a network computes with.

use std::collections::HashSet;

use slipway_contract::{Fault, FaultKind};
use tch::{Kind, Tensor};

use crate::data::Rows;
use crate::network::Preprocessing;

/// Rows that are looked at together.
const CHUNK: i64 = 65_536;
/// Rows whose values are compared: enough to see that a column loses its differences.
const MOST_COMPARED: i64 = 131_072;

/// Refuses values that are no finite 32-bit floats after preprocessing. Answers a warning for each column that has fewer
/// different values then than in the table.
pub(crate) fn check(rows: &Rows, preprocessing: &Preprocessing) -> Result<Vec<String>, Fault> {
    let Some(columns) = rows.columns.as_ref().filter(|_| rows.features.kind() == Kind::Double) else {
        return Ok(Vec::new());
    };
    let _guard = tch::no_grad_guard();
    let count = rows.features.size()[0];
    let mut different: Vec<[HashSet<u64>; 2]> = columns.iter().map(|_| Default::default()).collect();
    let mut start = 0;
    while start < count {
        let before = rows.features.narrow(0, start, CHUNK.min(count - start));
        let after = preprocessing.apply(&before).reshape([before.size()[0], -1]);
        every_value_is_finite(&before, &after, columns)?;
        // Steps that change the number of values leave no column to be compared.
        if start < MOST_COMPARED && after.size() == before.size() {
            for (index, [table, network]) in (0..).zip(&mut different) {
                table.extend(bits(&before.select(1, index))?);
                network.extend(bits(&after.select(1, index).to_kind(Kind::Double))?);
            }
        }
        start += CHUNK;
    }
    let lost = columns.iter().zip(&different).filter(|(_, [table, network])| network.len() < table.len());
    Ok(lost
        .map(|(column, [table, network])| {
            format!(
                "warning: column `{column}` has {} different values, of which 32-bit floats keep {} apart; \
                 add `standardize` to `preprocess`, or leave the column out",
                table.len(),
                network.len()
            )
        })
        .collect())
}

/// Values beyond this overflow 32-bit floats as soon as a network multiplies them with each other.
const LARGE: f64 = 1e18;

/// The column with the largest value after preprocessing, and that value, if it is so large that a network cannot compute with
/// it. Only the first rows are looked at.
pub(crate) fn too_large(rows: &Rows, preprocessing: &Preprocessing) -> Option<(String, f64)> {
    let columns = rows.columns.as_ref()?;
    let _guard = tch::no_grad_guard();
    let before = rows.features.narrow(0, 0, CHUNK.min(rows.features.size()[0]));
    let after = preprocessing.apply(&before).reshape([before.size()[0], -1]).to_kind(Kind::Double).abs();
    if after.size()[1] != before.size()[1] {
        return None;
    }
    let largest = Vec::<f64>::try_from(&after.amax([0_i64], false)).ok()?;
    let (value, column) = largest.into_iter().zip(columns).max_by(|one, other| one.0.total_cmp(&other.0))?;
    (value > LARGE).then(|| (column.clone(), value))
}

/// The values of a column as bits; both zeros are one.
fn bits(column: &Tensor) -> Result<Vec<u64>, Fault> {
    let values = Vec::<f64>::try_from(&column.contiguous()).map_err(|error| crate::failure::of_torch(&error))?;
    Ok(values.into_iter().map(|value| (value + 0.0).to_bits()).collect())
}

fn every_value_is_finite(before: &Tensor, after: &Tensor, columns: &[String]) -> Result<(), Fault> {
    let finite = after.isfinite();
    if finite.all().int64_value(&[]) == 1 {
        return Ok(());
    }
    let place = finite.reshape([-1]).to_kind(Kind::Int64).argmin(None, false).int64_value(&[]);
    let width = i64::try_from(columns.len()).unwrap_or(1).max(1);
    let last = before.size().iter().product::<i64>() - 1;
    let value = before.contiguous().view([-1]).double_value(&[place.min(last)]);
    let column = usize::try_from(place % width).ok().and_then(|place| columns.get(place));
    let message = format!(
        "column `{}`: {value} is beyond 32-bit floats, which end at 3.4e38",
        column.map_or("?", String::as_str)
    );
    Err(Fault::new(FaultKind::Data, message).key("spec.preprocess").help("add `standardize`, or scale the column"))
}
