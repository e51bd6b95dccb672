//! `signature.json`: what a model takes and what it answers, for those who call it.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{API_VERSION, Architecture, ColumnEncoding, ColumnType, Task};

/// The name of the dimension of rows in a shape.
const BATCH: &str = "N";

/// What a model takes and what it answers. `model.onnx` has inputs and outputs of these names, types and shapes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Signature {
    /// Always `slipway.dev/v1alpha1`.
    pub api_version: String,
    /// Always `Signature`.
    pub kind: String,
    /// The task of the model.
    pub task: Task,
    /// The inputs, in the order of the columns.
    pub inputs: Vec<SignatureInput>,
    /// The outputs: the predicted class and the probability of each class, or the predicted number.
    pub outputs: Vec<SignatureField>,
    /// The classes in the order of the probabilities. Empty for a regression model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
}

/// An input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignatureInput {
    /// Name, type and shape.
    #[serde(flatten)]
    pub field: SignatureField,
    /// The column of the table that the input takes, if columns have types. A missing number is NaN, and a missing text is empty. A date
    /// is the number of days since 1970-01-01T00:00, with the time of day as a fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<SignatureColumn>,
    /// The columns that the input takes side by side, if columns have no types. None of their values may be missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignatureColumn {
    /// Its name in the table. The name of the input differs only where two inputs or outputs would have one name, or none.
    pub name: String,
    /// Its type in `slipway.yaml`.
    #[serde(rename = "type")]
    pub kind: ColumnType,
}

/// A name with a type and a shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignatureField {
    /// The name.
    pub name: String,
    /// The type of the values.
    #[serde(rename = "type")]
    pub kind: SignatureType,
    /// The size of each dimension. `N` is the number of rows.
    pub shape: Vec<SignatureSize>,
}

/// The type of values, by its name in ONNX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureType {
    /// 64-bit floats.
    Double,
    /// 32-bit floats.
    Float,
    /// Texts in UTF-8.
    String,
    /// Bytes.
    Uint8,
}

impl SignatureType {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Double => "double",
            Self::Float => "float",
            Self::String => "string",
            Self::Uint8 => "uint8",
        }
    }
}

/// The size of a dimension: a number, or the text `N`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SignatureSize {
    /// A fixed size.
    Fixed(u32),
    /// The name of a size that each call decides.
    Named(String),
}

impl fmt::Display for SignatureSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{size}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl SignatureField {
    fn new(name: String, kind: SignatureType, sizes: &[u32]) -> Self {
        let batch = SignatureSize::Named(BATCH.to_owned());
        Self {
            name,
            kind,
            shape: std::iter::once(batch).chain(sizes.iter().copied().map(SignatureSize::Fixed)).collect(),
        }
    }
}

impl Architecture {
    /// What the model takes and what it answers. It follows from the architecture, so that artifacts of every release have one.
    pub fn signature(&self) -> Signature {
        let outputs: &[(&str, SignatureType, &[u32])] = match self.task {
            Task::Classification => {
                let classes = u32::try_from(self.classes.len()).unwrap_or(u32::MAX);
                &[("label", SignatureType::String, &[]), ("probabilities", SignatureType::Float, &[classes])]
            }
            Task::Regression => &[("prediction", SignatureType::Double, &[1])],
        };
        let mut names = Names::default();
        let inputs = self.inputs(&mut names);
        let outputs = outputs.iter().map(|(name, kind, sizes)| SignatureField::new(names.free(name), *kind, sizes));
        Signature {
            api_version: API_VERSION.to_owned(),
            kind: "Signature".to_owned(),
            task: self.task,
            inputs,
            outputs: outputs.collect(),
            classes: self.classes.clone(),
        }
    }

    fn inputs(&self, names: &mut Names) -> Vec<SignatureInput> {
        let columns = self.columns.as_deref().unwrap_or_default();
        let Some(encodings) = &self.encodings else {
            let kind = if self.columns.is_some() { SignatureType::Double } else { SignatureType::Uint8 };
            let field = SignatureField::new(names.free("input"), kind, &self.input.0);
            return vec![SignatureInput { field, column: None, columns: columns.to_vec() }];
        };
        let input = |(name, encoding): (&String, &ColumnEncoding)| {
            let (column, kind) = match encoding {
                ColumnEncoding::Number { .. } => (ColumnType::Number, SignatureType::Double),
                // No operator of ONNX reads dates in texts.
                ColumnEncoding::Date { .. } => (ColumnType::Date, SignatureType::Double),
                ColumnEncoding::Binary { .. } => (ColumnType::Binary, SignatureType::String),
                ColumnEncoding::Category { .. } => (ColumnType::Category, SignatureType::String),
            };
            let field = SignatureField::new(names.free(name), kind, &[1]);
            let column = SignatureColumn { name: name.clone(), kind: column };
            SignatureInput { field, column: Some(column), columns: Vec::new() }
        };
        columns.iter().zip(encodings).map(input).collect()
    }
}

/// The names of inputs and outputs, of which no two are equal.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    /// The name, with underscores behind it until it differs from the names before. No name is empty.
    fn free(&mut self, name: &str) -> String {
        let mut name = if name.is_empty() { "column".to_owned() } else { name.to_owned() };
        while !self.0.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    fn architecture(more: &serde_json::Value) -> Architecture {
        let mut whole = serde_json::json!({
            "api_version": API_VERSION, "task": "classification", "input": [3], "classes": ["bad", "good"],
            "preprocess": [], "model": {"sequential": [{"linear": 2}]},
        });
        whole.as_object_mut().expect("a mapping").extend(more.as_object().expect("a mapping").clone());
        serde_json::from_value(whole).expect("an architecture")
    }

    #[test]
    fn typed_columns_are_inputs_of_their_own_and_no_name_is_used_twice() {
        let more = serde_json::json!({
            "columns": ["label", "", "column"],
            "encodings": [
                {"type": "number"}, {"type": "binary", "values": ["no", "yes"]}, {"type": "category", "values": ["a"]},
            ],
        });
        let signature = serde_json::to_value(architecture(&more).signature()).expect("JSON");
        let input = |name: &str, kind: &str, column: &str, of: &str| {
            serde_json::json!({
                "name": name, "type": kind, "shape": ["N", 1], "column": {"name": column, "type": of}
            })
        };
        let expected = serde_json::json!({
            "apiVersion": API_VERSION, "kind": "Signature", "task": "classification", "classes": ["bad", "good"],
            "inputs": [
                input("label", "double", "label", "number"), input("column", "string", "", "binary"),
                input("column_", "string", "column", "category"),
            ],
            "outputs": [
                {"name": "label_", "type": "string", "shape": ["N"]},
                {"name": "probabilities", "type": "float", "shape": ["N", 2]},
            ],
        });
        assert_eq!(signature, expected);
        let read: Signature = serde_json::from_value(expected).expect("a signature");
        assert_eq!(read, architecture(&more).signature());
    }

    #[test]
    fn tables_without_types_and_images_are_one_tensor() {
        let table = architecture(&serde_json::json!({"columns": ["a", "b", "c"]})).signature();
        assert_eq!((table.inputs[0].field.kind, table.inputs[0].columns.len()), (SignatureType::Double, 3));
        let mut images = architecture(&serde_json::json!({"task": "regression", "classes": []}));
        images.input = Shape(vec![1, 28, 28]);
        let images = images.signature();
        assert_eq!(images.inputs[0].field.kind, SignatureType::Uint8);
        let sizes = [SignatureSize::Named("N".to_owned()), SignatureSize::Fixed(1)];
        assert_eq!(images.inputs[0].field.shape[..2], sizes);
        assert_eq!((images.outputs[0].name.as_str(), images.outputs[0].shape.as_slice()), ("prediction", &sizes[..]));
    }
}
