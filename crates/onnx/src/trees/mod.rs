//! Ensembles of decision trees as one node, `TreeEnsembleRegressor` of `ai.onnx.ml` 3.
//!
//! Classifiers use the same node: an output for each class, and a `Softmax` or `Sigmoid` behind it. The attribute
//! `post_transform` that ONNX has for this is not used, because onnxruntime does not apply all of its values to a regressor.

mod read;

use crate::{Attribute, Node, OnnxError, Value};

const OPERATOR: &str = "TreeEnsembleRegressor";

/// When a row goes to the left side of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Its value is at most the threshold.
    AtMost,
    /// Its value is below the threshold.
    Below,
    /// Its value is the threshold, such as the code of a category.
    Equal,
}

impl Rule {
    const ALL: [Self; 3] = [Self::AtMost, Self::Below, Self::Equal];

    /// Its name in the attribute `nodes_modes`.
    fn mode(self) -> &'static str {
        match self {
            Self::AtMost => "BRANCH_LEQ",
            Self::Below => "BRANCH_LT",
            Self::Equal => "BRANCH_EQ",
        }
    }
}

/// A node of a tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TreeNode {
    /// Sends a row to one of two later nodes of the same tree.
    Branch {
        /// The column of the value that decides.
        feature: usize,
        /// The value that it is compared with. Values and thresholds are 32-bit floats.
        threshold: f32,
        /// When the row goes to the left.
        rule: Rule,
        /// Whether a row whose value is NaN goes to the left.
        missing_left: bool,
        /// The place of the left node in its tree.
        left: usize,
        /// The place of the right node in its tree.
        right: usize,
    },
    /// Ends the way of a row.
    Leaf {
        /// What the tree adds to its output.
        value: f32,
    },
}

/// A tree. Its first node is the root, and the nodes of a branch stand behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The output that the tree adds to: the class, or zero.
    pub output: usize,
    /// The nodes. Every node but the first belongs to one branch.
    pub nodes: Vec<TreeNode>,
}

/// Trees whose leaves are added up: for each output its base value, and the leaf of each of its trees.
///
/// ```
/// use slipway_onnx::{Dimension, ElementType, Graph, Rule, Tree, TreeEnsemble, TreeNode};
///
/// let stump = Tree {
///     output: 0,
///     nodes: vec![
///         TreeNode::Branch { feature: 1, threshold: 2.5, rule: Rule::AtMost, missing_left: true, left: 1, right: 2 },
///         TreeNode::Leaf { value: -1.0 },
///         TreeNode::Leaf { value: 1.0 },
///     ],
/// };
/// let ensemble = TreeEnsemble { base: vec![0.5], trees: vec![stump] };
/// let mut graph = Graph::new("trees");
/// let rows = graph.input("rows", ElementType::Float, &[Dimension::Batch, Dimension::Fixed(2)]);
/// let sums = graph.node(ensemble.node(rows, 2).expect("a tree"));
/// graph.output("prediction", sums, ElementType::Float, &[Dimension::Batch, Dimension::Fixed(1)]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TreeEnsemble {
    /// The base value of each output.
    pub base: Vec<f32>,
    /// The trees.
    pub trees: Vec<Tree>,
}

/// The attributes of the node, a value for each node of a tree, then for each leaf.
#[derive(Default)]
struct Lists {
    trees: Vec<i64>,
    nodes: Vec<i64>,
    features: Vec<i64>,
    values: Vec<f32>,
    modes: Vec<String>,
    left: Vec<i64>,
    right: Vec<i64>,
    missing_left: Vec<i64>,
    leaf_trees: Vec<i64>,
    leaf_nodes: Vec<i64>,
    leaf_outputs: Vec<i64>,
    leaf_values: Vec<f32>,
}

impl TreeEnsemble {
    /// The node for rows of 32-bit floats, `[N, columns]`. Its output has 32-bit floats, `[N, outputs]`.
    ///
    /// # Errors
    /// There is no output or no tree, a number is not finite, a column or an output does not exist, or a tree is none: a node
    /// belongs to no branch, to several, or to one that stands behind it.
    pub fn node(&self, rows: Value, columns: usize) -> Result<Node, OnnxError> {
        let refused = |problem: String| OnnxError::Node { operator: OPERATOR, problem };
        if self.base.is_empty() || self.trees.is_empty() {
            let (outputs, trees) = (self.base.len(), self.trees.len());
            return Err(refused(format!("{trees} trees for {outputs} outputs, expected at least one of each")));
        }
        if self.base.iter().any(|value| !value.is_finite()) {
            return Err(refused("a base value is not finite".to_owned()));
        }
        let mut lists = Lists::default();
        for (place, tree) in self.trees.iter().enumerate() {
            let problem = tree.problem(columns, self.base.len());
            if let Some(problem) = problem {
                return Err(refused(format!("tree {place}: {problem}")));
            }
            lists.add(place, tree);
        }
        Ok(lists
            .into_node(rows)
            .int("n_targets", whole(self.base.len()))
            .with("base_values", Attribute::Floats(self.base.clone())))
    }
}

impl Tree {
    /// What is wrong with the tree.
    fn problem(&self, columns: usize, outputs: usize) -> Option<String> {
        if self.output >= outputs {
            return Some(format!("it adds to output {}, expected one below {outputs}", self.output));
        }
        let mut parents = vec![0_usize; self.nodes.len()];
        for (place, node) in self.nodes.iter().enumerate() {
            match *node {
                TreeNode::Leaf { value } if !value.is_finite() => return Some(format!("leaf {place} is not finite")),
                TreeNode::Leaf { .. } => {}
                TreeNode::Branch { feature, threshold, left, right, .. } => {
                    if !threshold.is_finite() {
                        return Some(format!("the threshold of node {place} is not finite"));
                    }
                    if feature >= columns {
                        return Some(format!("node {place} reads column {feature}, expected one below {columns}"));
                    }
                    for child in [left, right] {
                        match parents.get_mut(child) {
                            Some(parents) if child > place => *parents += 1,
                            _ => return Some(format!("node {place} leads to {child}, expected a node behind it")),
                        }
                    }
                }
            }
        }
        match parents.split_first() {
            None => Some("it has no node, expected at least a leaf".to_owned()),
            Some((_, others)) => {
                let place = others.iter().position(|parents| *parents != 1)?;
                Some(format!("node {} belongs to {} branches, expected one", place + 1, others[place]))
            }
        }
    }
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Lists {
    fn add(&mut self, tree: usize, of: &Tree) {
        for (place, node) in of.nodes.iter().enumerate() {
            let (feature, value, mode, left, right, missing_left) = match *node {
                TreeNode::Branch { feature, threshold, rule, missing_left, left, right } => {
                    (feature, threshold, rule.mode(), left, right, missing_left)
                }
                TreeNode::Leaf { value } => {
                    self.leaf_trees.push(whole(tree));
                    self.leaf_nodes.push(whole(place));
                    self.leaf_outputs.push(whole(of.output));
                    self.leaf_values.push(value);
                    (0, 0.0, "LEAF", 0, 0, false)
                }
            };
            self.trees.push(whole(tree));
            self.nodes.push(whole(place));
            self.features.push(whole(feature));
            self.values.push(value);
            self.modes.push(mode.to_owned());
            self.left.push(whole(left));
            self.right.push(whole(right));
            self.missing_left.push(i64::from(missing_left));
        }
    }

    fn into_node(self, rows: Value) -> Node {
        Node::ml(OPERATOR, &[rows])
            .with("nodes_treeids", Attribute::Ints(self.trees))
            .with("nodes_nodeids", Attribute::Ints(self.nodes))
            .with("nodes_featureids", Attribute::Ints(self.features))
            .with("nodes_values", Attribute::Floats(self.values))
            .with("nodes_modes", Attribute::Texts(self.modes))
            .with("nodes_truenodeids", Attribute::Ints(self.left))
            .with("nodes_falsenodeids", Attribute::Ints(self.right))
            .with("nodes_missing_value_tracks_true", Attribute::Ints(self.missing_left))
            .with("target_treeids", Attribute::Ints(self.leaf_trees))
            .with("target_nodeids", Attribute::Ints(self.leaf_nodes))
            .with("target_ids", Attribute::Ints(self.leaf_outputs))
            .with("target_weights", Attribute::Floats(self.leaf_values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dimension, ElementType, Graph};

    fn branch(feature: usize, left: usize, right: usize) -> TreeNode {
        TreeNode::Branch { feature, threshold: 1.0, rule: Rule::Below, missing_left: false, left, right }
    }

    #[test]
    fn trees_that_are_none_are_refused_with_what_is_wrong() {
        let mut graph = Graph::new("trees");
        let rows = graph.input("rows", ElementType::Float, &[Dimension::Batch, Dimension::Fixed(2)]);
        let leaf = TreeNode::Leaf { value: 1.0 };
        let problem = |output: usize, nodes: Vec<TreeNode>| {
            let ensemble = TreeEnsemble { base: vec![0.0], trees: vec![Tree { output, nodes }] };
            ensemble.node(rows, 2).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(problem(0, vec![branch(1, 1, 2), leaf, leaf]), Ok(()));
        let infinite = TreeNode::Leaf { value: f32::INFINITY };
        for (output, nodes, expected) in [
            (1, vec![leaf], "it adds to output 1, expected one below 1"),
            (0, vec![], "it has no node"),
            (0, vec![infinite], "leaf 0 is not finite"),
            (0, vec![branch(2, 1, 2), leaf, leaf], "node 0 reads column 2, expected one below 2"),
            (0, vec![branch(0, 1, 3), leaf, leaf], "node 0 leads to 3"),
            (0, vec![branch(0, 0, 1), leaf], "node 0 leads to 0"),
            (0, vec![branch(0, 1, 1), leaf, leaf], "node 1 belongs to 2 branches"),
            (0, vec![leaf, leaf], "node 1 belongs to 0 branches"),
        ] {
            let found = problem(output, nodes).expect_err(expected);
            assert!(found.contains(expected), "{found}");
        }
        let empty = TreeEnsemble { base: vec![], trees: vec![] };
        assert!(empty.node(rows, 2).expect_err("empty").to_string().contains("0 trees for 0 outputs"));
    }
}
