//! The trees of a fitted model: their prediction, and their lists of numbers in an artifact.

/// A node of a tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Node {
    /// Sends a row to one of two nodes.
    Split {
        /// The index of the column.
        feature: u32,
        /// What the row's value is compared with.
        threshold: f64,
        /// How they are compared. If it holds, the row goes left.
        test: Test,
        /// Whether a row without a value goes left.
        missing_left: bool,
        /// The node on the left, behind this one.
        left: u32,
        /// The node on the right, behind this one.
        right: u32,
    },
    /// The value that the tree adds to its output.
    Leaf(f64),
}

/// How a value is compared with a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// The value is at most the threshold.
    AtMost,
    /// The value, which is the code of a category, is the threshold.
    Equal,
}

/// A tree. Its root is its first node, and every node stands behind its parent.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree(Vec<Node>);

impl Tree {
    pub(super) fn of(nodes: Vec<Node>) -> Self {
        Self(nodes)
    }

    /// The nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.0
    }

    /// The value of a leaf; zero for a split.
    pub(super) fn value(&self, node: usize) -> f64 {
        match self.0[node] {
            Node::Leaf(value) => value,
            Node::Split { .. } => 0.0,
        }
    }

    pub(super) fn set_value(&mut self, node: usize, value: f64) {
        self.0[node] = Node::Leaf(value);
    }

    fn predict(&self, row: &[f64]) -> f64 {
        let mut node = 0;
        loop {
            match self.0[node] {
                Node::Leaf(value) => return value,
                Node::Split { feature, threshold, test, missing_left, left, right } => {
                    let value = row[feature as usize];
                    let goes_left = match test {
                        _ if value.is_nan() => missing_left,
                        Test::AtMost => value <= threshold,
                        #[expect(clippy::float_cmp, reason = "codes are whole numbers")]
                        Test::Equal => value == threshold,
                    };
                    node = if goes_left { left } else { right } as usize;
                }
            }
        }
    }
}

/// The trees of all rounds, and the outputs without them.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    features: usize,
    base: Vec<f64>,
    /// A tree for each output, round by round.
    trees: Vec<Tree>,
}

/// A forest as lists of numbers, node by node, tree by tree.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parts {
    /// The outputs without trees.
    pub base: Vec<f64>,
    /// The number of nodes of each tree. The trees of a round, one for each output, stand together.
    pub sizes: Vec<u32>,
    /// The column of a split; -1 for a leaf.
    pub features: Vec<i32>,
    /// The threshold of a split, or the value of a leaf.
    pub numbers: Vec<f64>,
    /// The node on the left of a split, counted from the root of its tree; 0 for a leaf.
    pub left: Vec<u32>,
    /// The node on the right of a split; 0 for a leaf.
    pub right: Vec<u32>,
    /// For splits, 1 if a missing value goes left, plus 2 if the value must equal the threshold instead of being at most it.
    pub flags: Vec<u8>,
}

/// Lists that are not a forest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAForest(String);

const MISSING_LEFT: u8 = 1;
const EQUAL: u8 = 2;

impl Forest {
    pub(super) fn of(features: usize, base: Vec<f64>, trees: Vec<Tree>) -> Self {
        Self { features, base, trees }
    }

    /// The number of columns of a row.
    pub fn features(&self) -> usize {
        self.features
    }

    /// The outputs without trees, one for each output.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// The trees: one for each output, round by round.
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// Adds up the outputs of a row, tree after tree. `row` has a value for each column, and `outputs` a place for each output.
    pub fn predict(&self, row: &[f64], outputs: &mut [f64]) {
        outputs.copy_from_slice(&self.base);
        for (place, tree) in self.trees.iter().enumerate() {
            outputs[place % self.base.len()] += tree.predict(row);
        }
    }

    /// The lists of the forest.
    pub fn parts(&self) -> Parts {
        let mut parts = Parts { base: self.base.clone(), ..Parts::default() };
        for tree in &self.trees {
            parts.sizes.push(u32::try_from(tree.0.len()).unwrap_or(u32::MAX));
            for node in &tree.0 {
                let (column, number, sides, flags) = match *node {
                    Node::Leaf(value) => (-1, value, (0, 0), 0),
                    Node::Split { feature, threshold, test, missing_left, left, right } => {
                        let flags =
                            if missing_left { MISSING_LEFT } else { 0 } | if test == Test::Equal { EQUAL } else { 0 };
                        (i32::try_from(feature).unwrap_or(i32::MAX), threshold, (left, right), flags)
                    }
                };
                parts.features.push(column);
                parts.numbers.push(number);
                parts.left.push(sides.0);
                parts.right.push(sides.1);
                parts.flags.push(flags);
            }
        }
        parts
    }

    /// The forest of lists from outside. `features` is the number of columns, and `outputs` that of outputs. Every prediction of the
    /// result ends: each node but the root has one parent, which stands before it.
    pub fn from_parts(parts: &Parts, features: usize, outputs: usize) -> Result<Self, NotAForest> {
        let Parts { base, sizes, .. } = parts;
        let refuse = |message: String| Err(NotAForest(message));
        let nodes: u64 = sizes.iter().map(|size| u64::from(*size)).sum();
        let lists = [parts.features.len(), parts.numbers.len(), parts.left.len(), parts.right.len(), parts.flags.len()];
        if let Some(found) = lists.iter().find(|length| **length as u64 != nodes) {
            return refuse(format!("a list has {found} entries, expected one for each of {nodes} nodes"));
        }
        if outputs == 0 || base.len() != outputs || sizes.len() % outputs != 0 {
            let trees = sizes.len();
            return refuse(format!(
                "{trees} trees and {} bases, expected as many for each of {outputs} outputs",
                base.len()
            ));
        }
        if let Some(value) = base.iter().find(|value| !value.is_finite()) {
            return refuse(format!("a base is {value}, expected a finite number"));
        }
        let (mut trees, mut start) = (Vec::with_capacity(sizes.len()), 0);
        for (place, size) in sizes.iter().enumerate() {
            let end = start + *size as usize;
            let tree = tree_of(parts, start..end, features)
                .map_err(|NotAForest(message)| NotAForest(format!("tree {place}: {message}")))?;
            trees.push(tree);
            start = end;
        }
        Ok(Self { features, base: base.clone(), trees })
    }
}

/// Reads one tree, whose nodes are at `range` of the lists.
fn tree_of(parts: &Parts, range: std::ops::Range<usize>, features: usize) -> Result<Tree, NotAForest> {
    let (start, size) = (range.start, range.len());
    if size == 0 {
        return Err(NotAForest("it has no node".to_owned()));
    }
    let mut has_parent = vec![false; size];
    let mut nodes = Vec::with_capacity(size);
    for place in 0..size {
        let (feature, number) = (parts.features[start + place], parts.numbers[start + place]);
        let (left, right, flags) = (parts.left[start + place], parts.right[start + place], parts.flags[start + place]);
        let refuse = |message: String| Err(NotAForest(format!("node {place} {message}")));
        if !number.is_finite() {
            return refuse(format!("holds {number}, expected a finite number"));
        }
        if place > 0 && !has_parent[place] {
            return refuse("has no parent before it".to_owned());
        }
        if feature == -1 {
            if (left, right, flags) != (0, 0, 0) {
                return refuse("is a leaf with nodes behind it".to_owned());
            }
            nodes.push(Node::Leaf(number));
            continue;
        }
        let Some(feature) = u32::try_from(feature).ok().filter(|feature| (*feature as usize) < features) else {
            return refuse(format!("splits by column {feature}, expected 0 to {}", features.saturating_sub(1)));
        };
        for side in [left, right] {
            match has_parent.get_mut(side as usize).filter(|_| side as usize > place) {
                Some(taken) if !*taken => *taken = true,
                Some(_) => return refuse(format!("leads to node {side}, which has another parent")),
                None => return refuse(format!("leads to node {side}, expected one behind it, below {size}")),
            }
        }
        if flags > MISSING_LEFT | EQUAL {
            return refuse(format!("has the flags {flags}, expected 0 to 3"));
        }
        let test = if flags & EQUAL == 0 { Test::AtMost } else { Test::Equal };
        let missing_left = flags & MISSING_LEFT != 0;
        nodes.push(Node::Split { feature, threshold: number, test, missing_left, left, right });
    }
    Ok(Tree(nodes))
}
