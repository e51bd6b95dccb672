//! Random trees in onnxruntime: every row ends in the leaf that the rules of its tree lead to.

use std::path::Path;
use std::process::Command;

use serde_json::{Value as Json, json};
use slipway_onnx::{Dimension, ElementType, File, Graph, Rule, Tree, TreeEnsemble, TreeNode};
use slipway_testkit::onnxruntimes;

/// Numbers that look random and are the same for the same seed (Knuth's MMIX generator).
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % limit as u64).expect("below the limit")
    }

    /// A multiple of a quarter between -4 and 4, so that values often equal thresholds.
    fn quarter(&mut self) -> f32 {
        f32::from(u8::try_from(self.below(33)).expect("small")) / 4.0 - 4.0
    }
}

const COLUMNS: usize = 3;
const ROWS: usize = 80;

/// A tree that is grown by turning leaves into branches. Children stand behind their branch.
fn tree(draw: &mut Draw, output: usize) -> Tree {
    let mut nodes = vec![TreeNode::Leaf { value: draw.quarter() / 3.0 }];
    for _ in 0..draw.below(7) {
        let leaves: Vec<usize> =
            (0..nodes.len()).filter(|place| matches!(nodes[*place], TreeNode::Leaf { .. })).collect();
        let place = leaves[draw.below(leaves.len())];
        let (left, right) = (nodes.len(), nodes.len() + 1);
        nodes[place] = TreeNode::Branch {
            feature: draw.below(COLUMNS),
            threshold: draw.quarter(),
            rule: [Rule::AtMost, Rule::Below, Rule::Equal][draw.below(3)],
            missing_left: draw.below(2) == 0,
            left,
            right,
        };
        nodes.extend([draw.quarter(), draw.quarter()].map(|value| TreeNode::Leaf { value: value / 3.0 }));
    }
    Tree { output, nodes }
}

fn case(number: u64, folder: &Path) -> Json {
    let mut draw = Draw(number);
    let outputs = draw.below(4) + 1;
    let trees: Vec<Tree> = (0..outputs * (draw.below(6) + 1)).map(|place| tree(&mut draw, place % outputs)).collect();
    let ensemble = TreeEnsemble { base: (0..outputs).map(|_| draw.quarter()).collect(), trees };
    let value = |draw: &mut Draw| if draw.below(6) == 0 { f32::NAN } else { draw.quarter() };
    let rows: Vec<Vec<f32>> = (0..ROWS).map(|_| (0..COLUMNS).map(|_| value(&mut draw)).collect()).collect();
    let mut graph = Graph::new("trees");
    let input = graph.input("rows", ElementType::Float, &[Dimension::Batch, Dimension::Fixed(COLUMNS)]);
    let sums = graph.node(ensemble.node(input, COLUMNS).expect("trees"));
    graph.output("sums", sums, ElementType::Float, &[Dimension::Batch, Dimension::Fixed(outputs)]);
    let file = folder.join(format!("{number}.onnx"));
    std::fs::write(&file, graph.into_bytes().expect("a graph")).expect("written");
    let bytes = std::fs::read(&file).expect("a file");
    let read = TreeEnsemble::of_node(&File::read(&bytes).expect("a graph").nodes[0], COLUMNS).expect("trees");
    assert_eq!(read, ensemble, "{number}: trees are read back as they were written");
    let sums: Vec<f32> = rows.iter().flat_map(|row| ensemble.outputs(row)).collect();
    let values: Vec<Option<f32>> = rows.concat().into_iter().map(|value| (!value.is_nan()).then_some(value)).collect();
    json!({
        "about": format!("{number}: {ensemble:?}"), "model": file, "labels": null, "numbers": sums, "width": outputs,
        "inputs": [{"name": "rows", "type": "float", "shape": [ROWS, COLUMNS], "values": values}],
    })
}

#[test]
fn onnxruntime_adds_up_the_leaves_that_the_rules_lead_to() {
    let Some(pythons) = onnxruntimes() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let cases: Vec<String> = (0..100).map(|number| case(number, folder.path()).to_string()).collect();
    let file = folder.path().join("cases.jsonl");
    std::fs::write(&file, cases.join("\n")).expect("written");
    for python in pythons {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/check_onnx.py");
        let ran = Command::new(python).arg(script).arg(&file).output().expect("it ran");
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
        println!("{said}");
    }
}
