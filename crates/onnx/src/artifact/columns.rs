//! The typed columns of a table as inputs of their own, and their encodings as nodes.

use std::collections::{BTreeMap, BTreeSet};

use slipway_contract::table::number;
use slipway_contract::{ColumnEncoding, Shape, Signature};

use super::{Builder, ExportError, Precision};
use crate::{Attribute, ElementType, Node, Tensor, Value, Values};

/// The code of a text that no category has.
const UNSEEN: i64 = -1;

impl<'a> Builder<'a> {
    /// The names of typed columns with their encodings.
    pub(super) fn columns(&self) -> Result<(&'a [String], &'a [ColumnEncoding]), ExportError> {
        let encodings = self.architecture.encodings.as_deref().unwrap_or_default();
        let names = self.architecture.columns.as_deref().unwrap_or_default();
        if names.len() != encodings.len() || encodings.is_empty() {
            let (columns, encodings) = (names.len(), encodings.len());
            return Err(ExportError::artifact(format!(
                "has {encodings} encodings for {columns} columns, expected one for each"
            )));
        }
        Ok((names, encodings))
    }

    /// Adds an input for each column. Returns the inputs of the first layer, and the shape of a row of them: first the numbers
    /// after the steps, then the indicators, the places of dates, the binary columns and the categories.
    pub(super) fn typed_columns(&mut self, signature: &Signature) -> Result<(Value, Shape), ExportError> {
        let (names, encodings) = self.columns()?;
        let (mut numbers, mut number_names, mut indicated) = (Vec::new(), Vec::new(), Vec::new());
        let (mut places, mut binary, mut categories) = (Vec::new(), Vec::new(), Vec::new());
        for ((name, encoding), input) in names.iter().zip(encodings).zip(&signature.inputs) {
            let column = self.add_input(&input.field);
            match encoding {
                ColumnEncoding::Number { .. } | ColumnEncoding::Date { .. } => {
                    if encoding.has_indicator() {
                        indicated.push(i64::try_from(numbers.len()).unwrap_or(i64::MAX));
                    }
                    numbers.push(match encoding {
                        ColumnEncoding::Number { missing, .. } => self.without_missing_numbers(column, name, missing),
                        // Spellings of a missing date are no numbers.
                        _ => column,
                    });
                    number_names.push(name.clone());
                    places.extend(self.places_of_dates(column, encoding.periods()));
                }
                ColumnEncoding::Binary { missing, values } => binary.push(self.binary(column, missing, values)),
                ColumnEncoding::Category { missing, values, indicator } => {
                    categories.push(self.category(column, name, missing, values, *indicator));
                }
            }
        }
        let mut parts = Vec::new();
        if !numbers.is_empty() {
            parts.extend(self.numbers(&numbers, &number_names, &indicated)?);
        }
        parts.extend(places);
        parts.extend(binary);
        parts.extend(categories);
        let width = encodings.iter().map(ColumnEncoding::width).sum::<usize>();
        let shape = Shape(vec![u32::try_from(width).unwrap_or(u32::MAX)]);
        Ok((self.side_by_side(&parts), shape))
    }

    /// Values side by side.
    pub(super) fn side_by_side(&mut self, values: &[Value]) -> Value {
        match values {
            [one] => *one,
            _ => self.graph.node(Node::new("Concat", values).int("axis", 1)),
        }
    }

    /// A column of numbers in which the numbers that stand for a missing value are NaN. Other spellings of a missing value are no
    /// numbers, so that a caller has to give NaN for them.
    pub(super) fn without_missing_numbers(&mut self, column: Value, name: &str, missing: &[String]) -> Value {
        let mut spelt: Vec<f64> = missing.iter().filter_map(|text| number::parse(text)).collect();
        spelt.sort_by(f64::total_cmp);
        spelt.dedup();
        spelt.into_iter().fold(column, |column, value| {
            let value = self.graph.constant(&format!("columns.{name}.missing"), Tensor::double(value));
            let nan = self.graph.constant("nan", Tensor::double(f64::NAN));
            let is_missing = self.graph.node(Node::new("Equal", &[column, value]));
            self.graph.node(Node::new("Where", &[is_missing, nan, column]))
        })
    }

    /// The sine and the cosine of the place of dates in each period; 0 for a missing date.
    fn places_of_dates(&mut self, days: Value, periods: &[f64]) -> Vec<Value> {
        let mut places = Vec::new();
        for period in periods {
            let period = self.graph.constant("columns.period", Tensor::double(*period));
            let turns = self.graph.node(Node::new("Div", &[days, period]));
            let whole = self.graph.node(Node::new("Floor", &[turns]));
            let place = self.graph.node(Node::new("Sub", &[turns, whole]));
            let place = self.cast(place, ElementType::Float);
            let is_missing = self.graph.node(Node::new("IsNaN", &[place]));
            let turn = self.graph.constant("columns.turn", Tensor::float(2.0 * std::f32::consts::PI));
            let angle = self.graph.node(Node::new("Mul", &[place, turn]));
            let zero = self.graph.constant("columns.zero", Tensor::float(0.0));
            for operator in ["Sin", "Cos"] {
                let value = self.graph.node(Node::new(operator, &[angle]));
                places.push(self.graph.node(Node::new("Where", &[is_missing, zero, value])));
            }
        }
        places
    }

    /// The numbers after the steps, and the indicators if there are some. `indicated` has the places of the columns with one.
    fn numbers(&mut self, columns: &[Value], names: &[String], indicated: &[i64]) -> Result<Vec<Value>, ExportError> {
        let rows = self.side_by_side(columns);
        let width = u32::try_from(columns.len()).unwrap_or(u32::MAX);
        let fill = self.statistic("columns.fill", &[width], Precision::Double)?;
        let is_missing = self.graph.node(Node::new("IsNaN", &[rows]));
        let filled = self.graph.node(Node::new("Where", &[is_missing, fill, rows]));
        let (numbers, shape) = self.steps(filled, Shape(vec![width]), names, Precision::Double)?;
        if shape.0 != [width] {
            return Err(ExportError::artifact("has the step `reshape` for typed columns"));
        }
        let mut parts = vec![self.cast(numbers, ElementType::Float)];
        if !indicated.is_empty() {
            let places = Tensor::vector(Values::Int64(indicated.to_vec()));
            let places = self.graph.constant("columns.indicated", places);
            let missing = self.cast(is_missing, ElementType::Float);
            parts.push(self.graph.node(Node::new("Gather", &[missing, places]).int("axis", 1)));
        }
        Ok(parts)
    }

    /// -1 or 1 for the two texts, and 0 for a missing or an unseen one.
    fn binary(&mut self, column: Value, missing: &[String], values: &[String; 2]) -> Value {
        let missing = spellings(missing);
        let known = values.iter().map(String::as_str).zip([-1.0, 1.0]);
        let known: BTreeMap<&str, f32> = known.filter(|(text, _)| !missing.contains(text)).collect();
        let encoder = Node::ml("LabelEncoder", &[column])
            .with("keys_strings", texts(known.keys()))
            .with("values_floats", Attribute::Floats(known.values().copied().collect()))
            .with("default_float", Attribute::Float(0.0));
        self.graph.node(encoder)
    }

    /// A value for each category, and one more for a missing text if there is an indicator.
    fn category(&mut self, column: Value, name: &str, missing: &[String], values: &[String], indicator: bool) -> Value {
        let missing = spellings(missing);
        let mut codes: BTreeMap<&str, i64> = values.iter().map(String::as_str).zip(0..).collect();
        let count = i64::try_from(values.len()).unwrap_or(i64::MAX);
        codes.extend(missing.into_iter().map(|text| (text, if indicator { count } else { UNSEEN })));
        let encoder = Node::ml("LabelEncoder", &[column])
            .with("keys_strings", texts(codes.keys()))
            .ints("values_int64s", &codes.values().copied().collect::<Vec<i64>>())
            .int("default_int64", UNSEEN);
        let code = self.graph.node(encoder);
        let all = Values::Int64((0..count + i64::from(indicator)).collect());
        let all = self.graph.constant(&format!("columns.{name}.codes"), Tensor::vector(all));
        let is_of = self.graph.node(Node::new("Equal", &[code, all]));
        self.cast(is_of, ElementType::Float)
    }
}

/// The texts that stand for a missing value, as a reader of tables compares them: without white space around them.
pub(super) fn spellings(missing: &[String]) -> BTreeSet<&str> {
    missing.iter().map(|text| text.trim()).chain([""]).collect()
}

pub(super) fn texts<'a>(texts: impl Iterator<Item = &'a &'a str>) -> Attribute {
    Attribute::Texts(texts.map(|text| (*text).to_owned()).collect())
}
