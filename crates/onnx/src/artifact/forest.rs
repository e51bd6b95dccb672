//! Gradient boosted trees as one node, on the values of the columns. Their thresholds and leaves become 32-bit floats.

use std::collections::BTreeMap;

use slipway_contract::{ColumnEncoding, Signature};
use slipway_families::stored::read_trees;
use slipway_families::trees::{Node as Split, Test};

use super::columns::{spellings, texts};
use super::{Builder, ExportError, rounded};
use crate::{Attribute, ElementType, Node, Rule, Tensor, Tree, TreeEnsemble, TreeNode, Value, Values};

impl Builder<'_> {
    /// The outputs of the trees and their number.
    pub(super) fn forest(&mut self, signature: &Signature) -> Result<(Value, u32), ExportError> {
        let rows = self.values_of_columns(signature)?;
        let columns = self.architecture.columns.as_ref().map_or(0, Vec::len);
        let forest = read_trees(self.weights.tensors, columns, self.architecture.family_outputs())
            .map_err(|error| ExportError::artifact(error.to_string()))?;
        let outputs = forest.base().len();
        let ensemble = TreeEnsemble {
            base: forest.base().iter().map(|value| rounded(*value)).collect(),
            trees: forest
                .trees()
                .iter()
                .enumerate()
                .map(|(place, tree)| tree_of(tree.nodes(), place % outputs))
                .collect(),
        };
        let rows = self.graph.node(ensemble.node(rows, forest.features())?);
        if !self.architecture.shares_one_output() {
            return Ok((rows, u32::try_from(outputs).unwrap_or(u32::MAX)));
        }
        let zero = self.graph.constant("trees.first", Tensor::new(&[1, 1], Values::Float(vec![0.0]))?);
        let first = self.graph.node(Node::new("Mul", &[rows, zero]));
        Ok((self.graph.node(Node::new("Concat", &[first, rows]).int("axis", 1)), 2))
    }

    /// The values of all columns side by side, as 32-bit floats: numbers, and the codes of texts. Missing ones are NaN.
    fn values_of_columns(&mut self, signature: &Signature) -> Result<Value, ExportError> {
        if self.architecture.encodings.is_none() {
            let rows = self.add_input(&signature.inputs[0].field);
            return Ok(self.cast(rows, ElementType::Float));
        }
        let (names, encodings) = self.columns()?;
        let mut columns = Vec::with_capacity(names.len());
        for ((name, encoding), input) in names.iter().zip(encodings).zip(&signature.inputs) {
            let column = self.add_input(&input.field);
            columns.push(match encoding {
                // Spellings of a missing date are no numbers.
                ColumnEncoding::Date { .. } => self.cast(column, ElementType::Float),
                ColumnEncoding::Number { missing, .. } => {
                    let column = self.without_missing_numbers(column, name, missing);
                    self.cast(column, ElementType::Float)
                }
                ColumnEncoding::Binary { missing, values } => self.codes(column, missing, values),
                ColumnEncoding::Category { missing, values, .. } => self.codes(column, missing, values),
            });
        }
        Ok(self.side_by_side(&columns))
    }

    /// The codes of texts: the place of a known one, NaN for a missing one and for one that no training row has.
    fn codes(&mut self, column: Value, missing: &[String], values: &[String]) -> Value {
        #[expect(clippy::cast_precision_loss, reason = "a table has far fewer categories than 2^24")]
        let mut codes: BTreeMap<&str, f32> =
            values.iter().enumerate().map(|(place, text)| (text.as_str(), place as f32)).collect();
        codes.extend(spellings(missing).into_iter().map(|text| (text, f32::NAN)));
        let encoder = Node::ml("LabelEncoder", &[column])
            .with("keys_strings", texts(codes.keys()))
            .with("values_floats", Attribute::Floats(codes.values().copied().collect()))
            .with("default_float", Attribute::Float(f32::NAN));
        self.graph.node(encoder)
    }
}

fn tree_of(nodes: &[Split], output: usize) -> Tree {
    let node = |node: &Split| match *node {
        Split::Leaf(value) => TreeNode::Leaf { value: rounded(value) },
        Split::Split { feature, threshold, test, missing_left, left, right } => TreeNode::Branch {
            feature: feature as usize,
            // A split of missing values from all others has the largest 64-bit float as its threshold.
            threshold: rounded(threshold).clamp(f32::MIN, f32::MAX),
            rule: match test {
                Test::AtMost => Rule::AtMost,
                Test::Equal => Rule::Equal,
            },
            missing_left,
            left: left as usize,
            right: right as usize,
        },
    };
    Tree { output, nodes: nodes.iter().map(node).collect() }
}
