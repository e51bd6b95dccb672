//! Grows one tree: of all leaves the one is split whose split lowers the loss most (Ke et al., 2017, section 2; "leaf-wise").

use super::bins::Binned;
use super::forest::{Node, Tree};
use super::histogram::{Derivatives, Histogram, Sums};
use super::split::{Limits, Split};
use super::{Options, Test};

/// The most bytes of histograms that are kept, so that a sibling's histogram is a difference. Beyond it both are summed.
const MAX_KEPT_BYTES: usize = 512 << 20;

/// The columns, rows and derivatives that a tree is grown from.
pub(super) struct Ground<'a> {
    /// All columns.
    pub(super) columns: &'a [Binned],
    /// The indexes of the columns that the tree may use, rising.
    pub(super) used: &'a [u32],
    /// The derivatives of each row.
    pub(super) derivatives: &'a [Derivatives],
    pub(super) options: &'a Options,
}

/// A grown tree.
pub(super) struct Grown {
    /// The tree. The values of its leaves are not multiplied by the learning rate.
    pub(super) tree: Tree,
    /// The tree's splits in terms of bins: for each node the index among all columns and the split, if it has one.
    pub(super) splits: Vec<Option<(usize, Split)>>,
    /// For each leaf its node and its rows.
    pub(super) leaves: Vec<(u32, Vec<u32>)>,
}

struct Leaf {
    node: u32,
    depth: u32,
    rows: Vec<u32>,
    total: Sums,
    histogram: Option<Histogram>,
    split: Option<Split>,
}

impl Ground<'_> {
    /// Grows a tree from some rows.
    pub(super) fn grow(&self, rows: Vec<u32>) -> Grown {
        let columns: Vec<&Binned> = self.used.iter().map(|column| &self.columns[*column as usize]).collect();
        let bins: usize = columns.iter().map(|column| column.bins).sum();
        let most_leaves = self.options.max_leaves as usize;
        let keeps = bins.saturating_mul(size_of::<Sums>()).saturating_mul(most_leaves) <= MAX_KEPT_BYTES;
        let growth = Growth { ground: self, columns: &columns, limits: self.options.limits(), keeps };
        let mut nodes = vec![Node::Leaf(0.0)];
        let mut splits = vec![None];
        let mut leaves = vec![growth.leaf(0, 0, rows, None)];
        while leaves.len() < most_leaves {
            let Some(place) = best_of(&leaves) else { break };
            let mut parent = leaves.swap_remove(place);
            let Some(split) = parent.split else { break };
            let column = self.used[split.column];
            let binned = &self.columns[column as usize];
            let (left, right) = (next_node(&nodes, 0), next_node(&nodes, 1));
            nodes[parent.node as usize] = Node::Split {
                feature: column,
                threshold: threshold_of(&split, binned),
                test: split.test,
                missing_left: split.missing_left,
                left,
                right,
            };
            splits[parent.node as usize] = Some((column as usize, split));
            nodes.extend([Node::Leaf(0.0), Node::Leaf(0.0)]);
            splits.extend([None, None]);
            leaves.extend(growth.children(&mut parent, &split, binned, [left, right]));
        }
        leaves.sort_by_key(|leaf| leaf.node);
        for leaf in &leaves {
            nodes[leaf.node as usize] = Node::Leaf(growth.limits.value(leaf.total));
        }
        let leaves = leaves.into_iter().map(|leaf| (leaf.node, leaf.rows)).collect();
        Grown { tree: Tree::of(nodes), splits, leaves }
    }
}

impl Grown {
    /// The leaf of a row, as its node.
    pub(super) fn leaf(&self, columns: &[Binned], row: u32) -> usize {
        let mut node = 0;
        while let (Some((column, split)), Node::Split { left, right, .. }) =
            (&self.splits[node], self.tree.nodes()[node])
        {
            let column = &columns[*column];
            node = if split.goes_left(column.bin(row), column.missing()) { left } else { right } as usize;
        }
        node
    }
}

/// What a value is compared with.
fn threshold_of(split: &Split, column: &Binned) -> f64 {
    match split.test {
        Test::AtMost => column.limit(split.bin),
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        Test::Equal => split.bin as f64,
    }
}

fn next_node(nodes: &[Node], further: usize) -> u32 {
    u32::try_from(nodes.len() + further).unwrap_or(u32::MAX)
}

/// The leaf whose split lowers the loss most; of equal ones that of the lowest node.
fn best_of(leaves: &[Leaf]) -> Option<usize> {
    let gains = leaves.iter().enumerate().filter_map(|(place, leaf)| Some((place, leaf.node, leaf.split?.gain)));
    gains.max_by(|one, other| one.2.total_cmp(&other.2).then(other.1.cmp(&one.1))).map(|(place, _, _)| place)
}

struct Growth<'a> {
    ground: &'a Ground<'a>,
    columns: &'a [&'a Binned],
    limits: Limits,
    keeps: bool,
}

impl Growth<'_> {
    fn leaf(&self, node: u32, depth: u32, rows: Vec<u32>, histogram: Option<Histogram>) -> Leaf {
        let mut total = Sums::default();
        for row in &rows {
            total.add(self.ground.derivatives[*row as usize]);
        }
        let options = self.ground.options;
        let can_split = options.max_depth.is_none_or(|most| depth < most)
            && rows.len() >= 2 * options.min_child_rows.max(1) as usize;
        if !can_split {
            return Leaf { node, depth, rows, total, histogram: None, split: None };
        }
        let histogram = histogram.unwrap_or_else(|| self.histogram(&rows));
        let split = self.limits.best(&histogram, self.columns, total);
        Leaf { node, depth, rows, total, histogram: Some(histogram).filter(|_| self.keeps && split.is_some()), split }
    }

    fn histogram(&self, rows: &[u32]) -> Histogram {
        Histogram::of(self.columns, rows, self.ground.derivatives, self.ground.options.threads)
    }

    /// The two leaves that a leaf is split into. The histogram of the larger one is what the smaller one leaves of the parent's.
    fn children(&self, parent: &mut Leaf, split: &Split, column: &Binned, nodes: [u32; 2]) -> [Leaf; 2] {
        let missing = column.missing();
        let (left, right): (Vec<u32>, Vec<u32>) =
            std::mem::take(&mut parent.rows).into_iter().partition(|row| split.goes_left(column.bin(*row), missing));
        let depth = parent.depth + 1;
        let Some(whole) = parent.histogram.take() else {
            return [self.leaf(nodes[0], depth, left, None), self.leaf(nodes[1], depth, right, None)];
        };
        if left.len() <= right.len() {
            let small = self.histogram(&left);
            let large = whole.without(&small);
            [self.leaf(nodes[0], depth, left, Some(small)), self.leaf(nodes[1], depth, right, Some(large))]
        } else {
            let small = self.histogram(&right);
            let large = whole.without(&small);
            [self.leaf(nodes[0], depth, left, Some(large)), self.leaf(nodes[1], depth, right, Some(small))]
        }
    }
}
