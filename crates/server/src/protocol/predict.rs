//! Rows by column name: what a person or a program writes without knowing tensors, and the answer by class name.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use slipway_contract::{Signature, SignatureInput, SignatureType, Task};

use super::check::cut;
use super::infer::Identified;
use super::{Answer, json_data};
use crate::artifact::Identity;
use crate::engine::Engine;
use crate::refusal::Refusal;
use crate::tensor::{DataType, Tensor, Values};

/// A request, in the form of KServe's protocol V1.
#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    instances: Vec<&'a RawValue>,
}

/// Answers one request, whose body is plain.
///
/// # Errors
/// The request is wrong, the model has no signature, or it failed.
pub fn predict(
    name: &str,
    identity: &Identity,
    signature: Option<&Signature>,
    engine: &mut Engine,
    body: &[u8],
) -> Result<Answer, Refusal> {
    let Some(signature) = signature else {
        return Err(Refusal::invalid(format!(
            "`{name}` has no signature with columns, because Slipway did not train it: call `/v2/models/{name}/infer`"
        )));
    };
    let request: Request = serde_json::from_slice(body)
        .map_err(|error| Refusal::invalid(format!("the body is not `{{\"instances\": [ROW, …]}}`: {error}")))?;
    if request.instances.is_empty() {
        return Err(Refusal::invalid("`instances` is empty, expected at least one row"));
    }
    let inputs = tensors(signature, engine, &request.instances)?;
    let outputs = engine.run(inputs).map_err(|error| Refusal::failed(error.to_string()))?;
    let predictions = predictions(signature, &outputs)?;
    let answer = json!({
        "predictions": predictions,
        "model_name": name,
        "model_version": identity.digest,
        "parameters": Identified::from(identity),
    });
    Ok(Answer { body: serde_json::to_vec(&answer).expect("predictions are JSON"), json_length: None, encoding: None })
}

fn tensors(signature: &Signature, engine: &Engine, rows: &[&RawValue]) -> Result<Vec<Tensor>, Refusal> {
    let images = |input: &&SignatureInput| input.column.is_none() && input.columns.is_empty();
    if let Some(input) = signature.inputs.iter().find(images) {
        return Ok(vec![of_images(input, engine, rows)?]);
    }
    let columns: Vec<Column> = signature.inputs.iter().flat_map(Column::of_input).collect();
    let mut table = Table::new(&columns, rows.len());
    for (index, row) in rows.iter().enumerate() {
        table.add(row).map_err(|problem| Refusal::invalid(format!("row {index}: {problem}")))?;
    }
    Ok(table.into_tensors(signature))
}

/// Images are lists in lists of bytes, of the shape of the training images.
fn of_images(input: &SignatureInput, engine: &Engine, rows: &[&RawValue]) -> Result<Tensor, Refusal> {
    let name = &input.field.name;
    let port = engine.inputs().iter().find(|port| port.name == *name);
    let port = port.ok_or_else(|| Refusal::failed(format!("the model has no input `{name}`")))?;
    let sizes = port.sizes();
    let shape: Vec<usize> = sizes[1..].iter().map(|size| usize::try_from(*size).unwrap_or(0)).collect();
    let each = shape.iter().product();
    let mut bytes = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        match json_data::read(row.get(), DataType::Uint8, &shape, each) {
            Ok(Values::Uint8(mut image)) => bytes.append(&mut image),
            Ok(_) => return Err(Refusal::failed("an image is bytes")),
            Err(problem) => return Err(Refusal::invalid(format!("row {index}: {problem}"))),
        }
    }
    let shape = std::iter::once(rows.len()).chain(shape).collect();
    Ok(Tensor { name: name.clone(), shape, values: Values::Uint8(bytes) })
}

/// A column that rows name.
struct Column<'a> {
    name: &'a str,
    is_text: bool,
    /// Whether a number may be missing.
    may_miss: bool,
}

impl<'a> Column<'a> {
    fn of_input(input: &'a SignatureInput) -> Vec<Self> {
        let is_text = input.field.kind == SignatureType::String;
        match &input.column {
            Some(column) => vec![Self { name: &column.name, is_text, may_miss: true }],
            None => input.columns.iter().map(|name| Self { name, is_text, may_miss: false }).collect(),
        }
    }
}

/// The values of rows, by column.
struct Table<'a> {
    columns: &'a [Column<'a>],
    cells: Vec<Cells>,
}

enum Cells {
    Numbers(Vec<f64>),
    Texts(Vec<String>),
}

impl<'a> Table<'a> {
    fn new(columns: &'a [Column<'a>], rows: usize) -> Self {
        let cells = |column: &Column<'_>| {
            if column.is_text {
                Cells::Texts(Vec::with_capacity(rows))
            } else {
                Cells::Numbers(Vec::with_capacity(rows))
            }
        };
        Self { columns, cells: columns.iter().map(cells).collect() }
    }

    fn add(&mut self, row: &RawValue) -> Result<(), String> {
        let row: Map<String, Value> = serde_json::from_str(row.get())
            .map_err(|_| "expected an object with a value for each column".to_owned())?;
        let known = |name: &str| self.columns.iter().any(|column| column.name == name);
        if let Some(unknown) = row.keys().find(|name| !known(name)) {
            return Err(format!("`{}` is no column of the model, expected {}", cut(unknown), self.names()));
        }
        for (column, cells) in self.columns.iter().zip(&mut self.cells) {
            let name = column.name;
            let value = row.get(name);
            let value =
                value.ok_or_else(|| format!("the column `{name}` is missing; give null for a missing value"))?;
            match (cells, value) {
                (Cells::Numbers(list), Value::Number(number)) => {
                    let number = number.as_f64().filter(|number| number.is_finite());
                    list.push(number.ok_or_else(|| format!("the column `{name}` is out of the range of numbers"))?);
                }
                (Cells::Numbers(list), Value::Null) if column.may_miss => list.push(f64::NAN),
                (Cells::Numbers(_), Value::Null) => {
                    return Err(format!("the column `{name}` is null, and the model takes no missing values"));
                }
                (Cells::Numbers(_), _) => return Err(format!("the column `{name}` expects a number or null")),
                (Cells::Texts(_), Value::String(text)) if text.contains('\0') => {
                    return Err(format!("the column `{name}` contains the character U+0000"));
                }
                // The reader of tables removes white space around a value, and a graph cannot.
                (Cells::Texts(list), Value::String(text)) => list.push(text.trim().to_owned()),
                (Cells::Texts(list), Value::Null) => list.push(String::new()),
                (Cells::Texts(_), _) => return Err(format!("the column `{name}` expects a text or null")),
            }
        }
        Ok(())
    }

    fn names(&self) -> String {
        let names: Vec<String> = self.columns.iter().take(20).map(|column| format!("`{}`", column.name)).collect();
        let more = if self.columns.len() > names.len() { ", …" } else { "" };
        format!("{}{more}", names.join(", "))
    }

    fn into_tensors(self, signature: &Signature) -> Vec<Tensor> {
        let mut cells = self.cells.into_iter();
        let mut tensors = Vec::with_capacity(signature.inputs.len());
        for input in &signature.inputs {
            let width = if input.column.is_some() { 1 } else { input.columns.len() };
            let lists: Vec<Cells> = cells.by_ref().take(width).collect();
            let rows = lists.first().map_or(0, Cells::len);
            let values = side_by_side(lists, rows);
            tensors.push(Tensor { name: input.field.name.clone(), shape: vec![rows, width], values });
        }
        tensors
    }
}

impl Cells {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(list) => list.len(),
            Self::Texts(list) => list.len(),
        }
    }
}

/// The columns of one input in row-major order. Texts are one column each.
fn side_by_side(mut lists: Vec<Cells>, rows: usize) -> Values {
    if let [Cells::Texts(texts)] = &mut lists[..] {
        return Values::Bytes(std::mem::take(texts));
    }
    let mut values = Vec::with_capacity(rows * lists.len());
    for row in 0..rows {
        for list in &lists {
            if let Cells::Numbers(list) = list {
                values.push(list[row]);
            }
        }
    }
    Values::Fp64(values)
}

fn predictions(signature: &Signature, outputs: &[Tensor]) -> Result<Vec<Value>, Refusal> {
    let output = |place: usize| {
        let name = signature.outputs.get(place).map(|field| &field.name);
        let found = outputs.iter().find(|tensor| Some(&tensor.name) == name);
        found.map(|tensor| &tensor.values).ok_or_else(|| Refusal::failed("the model gave no prediction"))
    };
    match (signature.task, output(0)?) {
        (Task::Classification, Values::Bytes(labels)) => {
            let Values::Fp32(probabilities) = output(1)? else {
                return Err(Refusal::failed("the model gave no probabilities"));
            };
            let classes = &signature.classes;
            let rows = labels.iter().zip(probabilities.chunks(classes.len().max(1)));
            let prediction = |(label, row): (&String, &[f32])| {
                let by_class: Map<String, Value> =
                    classes.iter().zip(row).map(|(class, share)| (class.clone(), json!(share))).collect();
                json!({"label": label, "probabilities": by_class})
            };
            Ok(rows.map(prediction).collect())
        }
        (Task::Regression, Values::Fp64(numbers)) => {
            Ok(numbers.iter().map(|number| json!({"prediction": number})).collect())
        }
        _ => Err(Refusal::failed("the model gave a prediction of another type than its signature says")),
    }
}
