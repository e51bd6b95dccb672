//! Reads an ensemble back, and computes its outputs by the definition of the operator.

use std::collections::BTreeMap;

use super::{OPERATOR, Rule, Tree, TreeEnsemble, TreeNode};
use crate::{Attribute, FileNode, OnnxError};

impl TreeEnsemble {
    /// Reads the node of a file that [`Self::node`] made, for rows with so many columns.
    ///
    /// # Errors
    /// The node is of another form, or its trees are none.
    pub fn of_node(node: &FileNode, columns: usize) -> Result<Self, OnnxError> {
        let read = Self::of_attributes(&node.attributes)
            .ok_or_else(|| OnnxError::unreadable(format!("has a {OPERATOR} of a form that is not read here")))?;
        for (place, tree) in read.trees.iter().enumerate() {
            if let Some(problem) = tree.problem(columns, read.base.len()) {
                return Err(OnnxError::unreadable(format!("has in tree {place} a mistake: {problem}")));
            }
        }
        Ok(read)
    }

    fn of_attributes(attributes: &BTreeMap<String, Attribute>) -> Option<Self> {
        let ints = |name: &str| match attributes.get(name) {
            Some(Attribute::Ints(values)) => Some(values.as_slice()),
            _ => None,
        };
        let floats = |name: &str| match attributes.get(name) {
            Some(Attribute::Floats(values)) => Some(values.as_slice()),
            _ => None,
        };
        let Some(Attribute::Texts(modes)) = attributes.get("nodes_modes") else { return None };
        let index = |values: &[i64], place: usize| usize::try_from(*values.get(place)?).ok();
        let (base, values, weights) = (floats("base_values")?, floats("nodes_values")?, floats("target_weights")?);
        let (of_tree, outputs) = (ints("nodes_treeids")?, ints("target_ids")?);
        let (left, right) = (ints("nodes_truenodeids")?, ints("nodes_falsenodeids")?);
        let (features, missing_left) = (ints("nodes_featureids")?, ints("nodes_missing_value_tracks_true")?);
        let (mut trees, mut leaf): (Vec<Tree>, usize) = (Vec::new(), 0);
        for (place, mode) in modes.iter().enumerate() {
            if index(of_tree, place)? == trees.len() {
                trees.push(Tree { output: index(outputs, leaf)?, nodes: Vec::new() });
            }
            let rule = match mode.as_str() {
                "LEAF" => None,
                mode => Some(Rule::ALL.into_iter().find(|rule| rule.mode() == mode)?),
            };
            let node = if let Some(rule) = rule {
                TreeNode::Branch {
                    feature: index(features, place)?,
                    threshold: *values.get(place)?,
                    rule,
                    missing_left: *missing_left.get(place)? == 1,
                    left: index(left, place)?,
                    right: index(right, place)?,
                }
            } else {
                leaf += 1;
                TreeNode::Leaf { value: *weights.get(leaf - 1)? }
            };
            trees.last_mut()?.nodes.push(node);
        }
        Some(Self { base: base.to_vec(), trees })
    }

    /// The outputs for a row, by the definition of the operator. `row` has a value for each column that a tree reads.
    pub fn outputs(&self, row: &[f32]) -> Vec<f32> {
        let mut outputs = self.base.clone();
        for tree in &self.trees {
            if let Some(output) = outputs.get_mut(tree.output) {
                *output += tree.leaf_of(row);
            }
        }
        outputs
    }
}

impl Tree {
    /// The value of the leaf that a row ends in. A column that the row does not have is missing.
    fn leaf_of(&self, row: &[f32]) -> f32 {
        let mut place = 0;
        while let Some(TreeNode::Branch { feature, threshold, rule, missing_left, left, right }) = self.nodes.get(place)
        {
            let value = row.get(*feature).copied().unwrap_or(f32::NAN);
            let goes_left = match rule {
                _ if value.is_nan() => *missing_left,
                Rule::AtMost => value <= *threshold,
                Rule::Below => value < *threshold,
                #[expect(clippy::float_cmp, reason = "the operator compares the numbers themselves")]
                Rule::Equal => value == *threshold,
            };
            place = if goes_left { *left } else { *right };
        }
        match self.nodes.get(place) {
            Some(TreeNode::Leaf { value }) => *value,
            _ => 0.0,
        }
    }
}
