//! Encodes the typed columns of a table: missing numbers are replaced, and texts become inputs of their own. Everything is fitted
//! to the training rows.

use std::collections::HashMap;

use slipway_contract::table::{Counted, shown};
use slipway_contract::{
    Column, ColumnEncoding, ColumnType, Fault, FaultKind, ImputeOptions, ImputeStrategy, OneHotOptions, counted,
};
use tch::{Device, Kind, Tensor};

use crate::data::{Rows, code_of};

/// The most inputs of a row, whatever its columns.
pub(crate) const MAX_INPUTS: usize = 20_000;
/// The most bytes of the categories of one column. An artifact names them in its header.
const MAX_TEXT_BYTES: usize = 4 << 20;
/// The code of a text that no training row has. Codes of the others count from zero, and a missing text is NaN.
const UNSEEN: f64 = -1.0;
/// The help text for too many categories.
const FEWER: &str =
    "raise `one_hot: {min_frequency: …}` in `spec.preprocess`, or list the column in `spec.data.ignore`";
/// The name of the tensor with the values that replace missing numbers.
pub(crate) const FILL: &str = "columns.fill";

/// Fitted encodings, in the order of the columns.
pub(crate) struct Encoder {
    names: Vec<String>,
    encodings: Vec<ColumnEncoding>,
    /// The value that replaces a missing number, for each column of numbers.
    fill: Tensor,
    device: Device,
}

/// The options of an encoder.
#[derive(Clone, Copy, Default)]
pub(crate) struct EncoderOptions {
    pub(crate) impute: ImputeOptions,
    pub(crate) one_hot: OneHotOptions,
}

/// Encoded rows.
pub(crate) struct Encoded {
    /// The numbers, `[rows, columns of numbers]`, 64-bit floats without missing values.
    pub(crate) numbers: Tensor,
    /// The other inputs, `[rows, inputs]`, 32-bit floats.
    pub(crate) others: Tensor,
}

impl Encoder {
    /// Fits the encodings of a table's columns to the training rows, or returns a fault for every column that has none.
    /// `columns` are the types by name, and `training` the indexes of the training rows.
    pub(crate) fn fit(
        columns: &[(String, Column)],
        options: EncoderOptions,
        rows: &Rows,
        training: &[i64],
    ) -> Result<Self, Vec<Fault>> {
        let (mut encodings, mut fill, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        for (place, (name, column)) in columns.iter().enumerate() {
            let all = rows.column(place);
            let values = training.iter().filter_map(|row| all.get(usize::try_from(*row).ok()?).copied());
            let texts = rows.texts.get(place).and_then(Option::as_deref).unwrap_or_default();
            let fitted = match column.kind {
                ColumnType::Number => number(values.collect(), options.impute).map(|(value, indicator)| {
                    fill.push(value);
                    ColumnEncoding::Number { missing: column.missing.clone(), indicator }
                }),
                ColumnType::Date => {
                    let values: Vec<f64> = values.collect();
                    let has_time = values.iter().any(|value| value.fract() != 0.0 && !value.is_nan());
                    number(values, options.impute).map(|(value, indicator)| {
                        fill.push(value);
                        let (missing, format) = (column.missing.clone(), column.format.clone());
                        ColumnEncoding::Date { missing, format, indicator, has_time }
                    })
                }
                ColumnType::Binary => binary(column, &count_texts(values, texts).0),
                ColumnType::Category => category(column, count_texts(values, texts), options.one_hot),
            };
            match fitted {
                Ok(encoding) => encodings.push(encoding),
                Err(message) => {
                    let fault = Fault::new(FaultKind::Data, format!("column `{}`: {message}", shown(name)));
                    faults.push(fault.key(format!("spec.data.columns.{name}")));
                }
            }
        }
        let inputs = width_of(&encodings);
        if faults.is_empty() && inputs > MAX_INPUTS {
            let of_columns =
                columns.iter().zip(&encodings).map(|((name, _), encoding)| (encoding.width(), name.as_str()));
            let (widest, name) = of_columns.max().unwrap_or_default();
            let message = format!(
                "the columns become {}, of which `{}` has {widest}; expected at most {MAX_INPUTS}",
                counted(inputs, "input"),
                shown(name)
            );
            let fault = Fault::new(FaultKind::Data, message).key(format!("spec.data.columns.{name}"));
            faults.push(fault.help(FEWER));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let names = columns.iter().map(|(name, _)| name.clone()).collect();
        Ok(Self { names, encodings, fill: Tensor::from_slice(&fill), device: Device::Cpu })
    }

    /// The encoder of an artifact. `fill` has a value for each column of numbers.
    pub(crate) fn from_parts(names: &[String], encodings: &[ColumnEncoding], fill: Tensor) -> Self {
        let device = fill.device();
        Self { names: names.to_vec(), encodings: encodings.to_vec(), fill, device }
    }

    /// The encodings, in the order of the columns.
    pub(crate) fn encodings(&self) -> &[ColumnEncoding] {
        &self.encodings
    }

    /// The encodings, to be changed before the texts of rows get their codes.
    pub(crate) fn encodings_mut(&mut self) -> &mut [ColumnEncoding] {
        &mut self.encodings
    }

    /// The values that replace missing numbers.
    pub(crate) fn fill(&self) -> &Tensor {
        &self.fill
    }

    /// The names of the columns of numbers.
    pub(crate) fn number_names(&self) -> Vec<String> {
        let numbers = self.names.iter().zip(&self.encodings).filter(|(_, encoding)| encoding.values().is_none());
        numbers.map(|(name, _)| name.clone()).collect()
    }

    /// The number of inputs of a row.
    pub(crate) fn width(&self) -> usize {
        width_of(&self.encodings)
    }

    /// Gives the texts of rows the codes of the encodings. Returns for each column the texts that no encoding has, with their
    /// numbers of rows.
    pub(crate) fn recode(&self, rows: &mut Rows) -> Vec<(String, Vec<Counted>)> {
        let mut unseen = Vec::new();
        for (place, (name, encoding)) in self.names.iter().zip(&self.encodings).enumerate() {
            let Some(known) = encoding.values() else { continue };
            let Some(texts) = rows.texts.get_mut(place).and_then(Option::take) else { continue };
            let codes: HashMap<&str, f64> = known.iter().map(String::as_str).zip((0_u32..).map(f64::from)).collect();
            let of_text: Vec<f64> =
                texts.iter().map(|text| codes.get(text.as_str()).copied().unwrap_or(UNSEEN)).collect();
            let mut column = rows.column(place);
            let mut counts = vec![0_u64; texts.len()];
            for value in column.iter_mut().filter(|value| !value.is_nan()) {
                let code = code_of(*value);
                *value = of_text.get(code).copied().unwrap_or(UNSEEN);
                if let Some(count) = counts.get_mut(code).filter(|_| *value < 0.0) {
                    *count += 1;
                }
            }
            rows.texts[place] = Some(known.to_vec());
            rows.features.select(1, i64::try_from(place).unwrap_or(0)).copy_(&Tensor::from_slice(&column));
            let strange = texts.into_iter().zip(counts).filter(|(_, rows)| *rows > 0).collect::<Vec<Counted>>();
            if !strange.is_empty() {
                unseen.push((name.clone(), strange));
            }
        }
        unseen
    }

    /// The numbers of rows, `[rows, columns of numbers]`, with missing ones replaced.
    pub(crate) fn numbers(&self, raw: &Tensor) -> Tensor {
        let raw = raw.to_device(self.device);
        let places = (0..).zip(&self.encodings).filter(|(_, encoding)| encoding.values().is_none());
        let places: Vec<i64> = places.map(|(place, _)| place).collect();
        let numbers = raw.index_select(1, &Tensor::from_slice(&places).to_device(self.device));
        self.fill.where_self(&numbers.isnan(), &numbers)
    }

    /// Encodes rows whose texts have the codes of the encodings, `[rows, columns]`.
    pub(crate) fn encode(&self, raw: &Tensor) -> Encoded {
        let raw = raw.to_device(self.device);
        let column = |place: usize| raw.select(1, i64::try_from(place).unwrap_or(0)).unsqueeze(1);
        let (mut indicators, mut places, mut binary, mut categories) = (vec![], vec![], vec![], vec![]);
        for (place, encoding) in self.encodings.iter().enumerate() {
            let values = column(place);
            match encoding {
                ColumnEncoding::Number { .. } | ColumnEncoding::Date { .. } => {
                    if encoding.has_indicator() {
                        indicators.push(values.isnan().to_kind(Kind::Float));
                    }
                    for period in encoding.periods() {
                        places.extend(places_in(&values, *period));
                    }
                }
                ColumnEncoding::Binary { .. } => {
                    let known = values.ge(0.0);
                    binary.push(
                        (&values * 2.0 - 1.0).where_self(&known, &Tensor::zeros_like(&values)).to_kind(Kind::Float),
                    );
                }
                ColumnEncoding::Category { values: known, indicator, .. } => {
                    let count = i64::try_from(known.len()).unwrap_or(i64::MAX);
                    let codes = Tensor::arange(count, (Kind::Double, self.device)).unsqueeze(0);
                    categories.push(values.eq_tensor(&codes).to_kind(Kind::Float));
                    if *indicator {
                        categories.push(values.isnan().to_kind(Kind::Float));
                    }
                }
            }
        }
        let others: Vec<Tensor> = [indicators, places, binary, categories].into_iter().flatten().collect();
        let others = match others.as_slice() {
            [] => Tensor::zeros([raw.size()[0], 0], (Kind::Float, self.device)),
            others => Tensor::cat(others, 1),
        };
        Encoded { numbers: self.numbers(&raw), others }
    }

    /// The same encoder on another device.
    pub(crate) fn to_device(&self, device: Device) -> Self {
        let (names, encodings) = (self.names.clone(), self.encodings.clone());
        Self { names, encodings, fill: self.fill.to_device(device), device }
    }
}

/// The sine and the cosine of the place of dates in a period of so many days; 0 for a missing date.
fn places_in(days: &Tensor, period: f64) -> [Tensor; 2] {
    let periods = days / period;
    // The fraction is taken in 64-bit floats, so that 32 bits suffice for it.
    let angle = (&periods - periods.floor()).to_kind(Kind::Float) * (2.0 * std::f64::consts::PI);
    [angle.sin(), angle.cos()].map(|place| Tensor::zeros_like(&place).where_self(&days.isnan(), &place))
}

/// The number of inputs of a row.
pub(crate) fn width_of(encodings: &[ColumnEncoding]) -> usize {
    encodings.iter().map(ColumnEncoding::width).sum()
}

/// The number of columns of numbers.
pub(crate) fn numbers_of(encodings: &[ColumnEncoding]) -> usize {
    encodings.iter().filter(|encoding| encoding.values().is_none()).count()
}

/// The texts of rows with the number of rows of each, and the number of rows without one.
fn count_texts(values: impl Iterator<Item = f64>, texts: &[String]) -> (Vec<Counted>, u64) {
    let (mut counts, mut missing) = (vec![0_u64; texts.len()], 0);
    for value in values {
        match counts.get_mut(code_of(value)).filter(|_| !value.is_nan()) {
            Some(count) => *count += 1,
            None => missing += 1,
        }
    }
    (texts.iter().cloned().zip(counts).filter(|(_, rows)| *rows > 0).collect(), missing)
}

/// The value that replaces missing ones, and whether an indicator tells which were missing.
fn number(values: Vec<f64>, options: ImputeOptions) -> Result<(f64, bool), String> {
    let rows = values.len();
    let mut known: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
    if known.is_empty() {
        return Err("all training rows lack a value, expected at least one".to_owned());
    }
    let indicator = options.add_indicator && known.len() < rows;
    #[expect(clippy::cast_precision_loss, reason = "a row count")]
    let count = known.len() as f64;
    let value = match options.strategy {
        // The exact mean lies between the extremes; rounding must not make a constant differ from itself.
        ImputeStrategy::Mean => {
            let extremes = |pick: fn(f64, f64) -> f64| known.iter().copied().reduce(pick).unwrap_or_default();
            (sum_of(known.iter().map(|value| value / count))).clamp(extremes(f64::min), extremes(f64::max))
        }
        ImputeStrategy::Median => {
            known.sort_by(f64::total_cmp);
            let (low, high) = (known[(known.len() - 1) / 2], known[known.len() / 2]);
            low / 2.0 + high / 2.0
        }
    };
    Ok((value, indicator))
}

/// A sum whose rounding errors are added up and corrected (Neumaier, 1974).
fn sum_of(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
        sum = next;
    }
    sum + lost
}

fn binary(column: &Column, found: &[Counted]) -> Result<ColumnEncoding, String> {
    let missing = column.missing.clone();
    let mut texts: Vec<String> = found.iter().map(|(text, _)| text.clone()).collect();
    let listed = column.values.as_deref().map(|values| values.iter().map(|value| value.trim()).collect::<Vec<_>>());
    if let Some([one, other]) = listed.as_deref() {
        if texts.is_empty() {
            return Err(format!("no training row has a value, expected `{}` or `{}`", shown(one), shown(other)));
        }
        if let Some(text) = texts.iter().find(|text| text != one && text != other) {
            return Err(format!("a training row has the value `{}`, expected `{one}` or `{other}`", shown(text)));
        }
        return Ok(ColumnEncoding::Binary { missing, values: [(*one).to_owned(), (*other).to_owned()] });
    }
    texts.sort();
    match <[String; 2]>::try_from(texts) {
        Ok(values) => Ok(ColumnEncoding::Binary { missing, values }),
        Err(texts) => {
            let some: Vec<String> = texts.iter().take(5).map(|text| format!("`{}`", shown(text))).collect();
            let more = if texts.len() > some.len() { ", …" } else { "" };
            let list = if some.is_empty() { String::new() } else { format!(" ({}{more})", some.join(", ")) };
            Err(format!(
                "the training rows have {}{list}, and a binary column has two: list both, `{{type: binary, values: [no, yes]}}`",
                counted(texts.len(), "value")
            ))
        }
    }
}

fn category(column: &Column, found: (Vec<Counted>, u64), options: OneHotOptions) -> Result<ColumnEncoding, String> {
    let (mut found, without) = found;
    found.retain(|(_, rows)| *rows >= options.min_frequency);
    if found.is_empty() {
        return Err(format!("no value has {}", counted(options.min_frequency, "training row")));
    }
    let bytes: usize = found.iter().map(|(text, _)| text.len()).sum();
    if bytes > MAX_TEXT_BYTES {
        let texts = counted(found.len(), "value");
        return Err(format!("the {texts} have {bytes} bytes, expected at most {MAX_TEXT_BYTES}: {FEWER}"));
    }
    found.sort_by(|(one, one_rows), (other, other_rows)| other_rows.cmp(one_rows).then_with(|| one.cmp(other)));
    let values = found.into_iter().map(|(text, _)| text).collect();
    Ok(ColumnEncoding::Category { missing: column.missing.clone(), values, indicator: without > 0 })
}

#[cfg(test)]
#[path = "encoder_tests.rs"]
mod tests;
