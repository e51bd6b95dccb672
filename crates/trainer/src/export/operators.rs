//! The operators of exported graphs, by their definitions in the ONNX specification (operators 17, `ai.onnx.ml` 3).

use std::collections::HashMap;

use slipway_onnx::{Attribute, FileNode, TreeEnsemble};
use tch::{Kind, Tensor};

use super::run::Value;

/// The output of a node, or why it has none.
pub(super) fn compute(node: &FileNode, inputs: &[&Value]) -> Result<Value, String> {
    if node.operator == "LabelEncoder" {
        return encoded(node, inputs);
    }
    let numbers: Option<Vec<&Tensor>> = inputs.iter().map(|value| numbers_of(value)).collect();
    let numbers = numbers.ok_or("it takes texts, expected numbers")?;
    Ok(Value::Numbers(match (node.operator.as_str(), numbers.as_slice()) {
        ("Concat", tensors) => Tensor::cat(tensors, int(node, "axis")?),
        ("TreeEnsembleRegressor", [x]) => trees(x, node)?,
        (operator, [x]) => unary(operator, x, node)?,
        (operator, [x, y]) => binary(operator, x, y, node)?,
        (operator, inputs) => layered(operator, inputs, node)?,
    }))
}

fn numbers_of(value: &Value) -> Option<&Tensor> {
    match value {
        Value::Numbers(tensor) => Some(tensor),
        Value::Texts { .. } => None,
    }
}

fn unary(operator: &str, x: &Tensor, node: &FileNode) -> Result<Tensor, String> {
    Ok(match operator {
        "Abs" => x.abs(),
        "ArgMax" => x.argmax(int(node, "axis")?, int(node, "keepdims")? == 1),
        "Cast" => x.to_kind(kind_of_number(int(node, "to")?)?),
        "Cos" => x.cos(),
        "Floor" => x.floor(),
        "Flatten" => x.flatten(int(node, "axis")?, -1),
        "IsNaN" => x.isnan(),
        "Log" => x.log(),
        "Not" => x.logical_not(),
        "MaxPool" => x.max_pool2d(ints(node, "kernel_shape")?, ints(node, "strides")?, [0, 0], [1, 1], false),
        "Relu" => x.relu(),
        "Selu" => x.selu(),
        "Sign" => x.sign(),
        "Sin" => x.sin(),
        "Softmax" => x.softmax(int(node, "axis")?, None::<Kind>),
        "Softplus" => x.softplus(),
        "Sqrt" => x.sqrt(),
        "Tanh" => x.tanh(),
        _ => return Err("it is not known with one input".to_owned()),
    })
}

fn binary(operator: &str, x: &Tensor, y: &Tensor, node: &FileNode) -> Result<Tensor, String> {
    // ONNX converts no type on its own.
    if !matches!(operator, "Gather" | "Reshape") && x.kind() != y.kind() {
        return Err(format!("its inputs are of the types {:?} and {:?}, expected one type", x.kind(), y.kind()));
    }
    Ok(match operator {
        "Add" => x + y,
        "Sub" => x - y,
        "Mul" => x * y,
        "Div" => x / y,
        "Equal" => x.eq_tensor(y),
        "MatMul" => x.matmul(y),
        "Less" => x.lt_tensor(y),
        // An index without dimensions removes the axis.
        "Gather" if y.dim() == 0 => x.select(int(node, "axis")?, y.int64_value(&[])),
        "Gather" => x.index_select(int(node, "axis")?, y),
        "Reshape" => {
            let mut sizes = whole(y)?;
            for (place, size) in sizes.iter_mut().enumerate().filter(|(_, size)| **size == 0) {
                *size = *x.size().get(place).ok_or("it keeps a size that its input does not have")?;
            }
            x.reshape(sizes.as_slice())
        }
        _ => return Err("it is not known with two inputs".to_owned()),
    })
}

fn layered(operator: &str, inputs: &[&Tensor], node: &FileNode) -> Result<Tensor, String> {
    Ok(match (operator, inputs) {
        ("Where", [condition, x, y]) if x.kind() == y.kind() => x.where_self(condition, y),
        ("Gemm", [x, weight, bias]) => {
            let weight = if int(node, "transB")? == 1 { weight.tr() } else { weight.shallow_clone() };
            match node.attributes.get("alpha") {
                Some(Attribute::Float(factor)) => x.matmul(&weight) * f64::from(*factor) + *bias,
                _ => x.matmul(&weight) + *bias,
            }
        }
        ("Clip", [x, least, most]) => x.clamp_tensor(Some(*least), Some(*most)),
        ("Conv", [x, weight, bias]) => {
            // The numbers of zeros at the begin of both sides, then at the end of both.
            let [top, left, ..] = ints(node, "pads")?[..] else { return Err("it has no padding".to_owned()) };
            x.conv2d(weight, Some(*bias), ints(node, "strides")?, [top, left], [1, 1], 1)
        }
        ("BatchNormalization", [x, scale, bias, mean, variance]) => {
            let Some(Attribute::Float(epsilon)) = node.attributes.get("epsilon") else {
                return Err("it has no epsilon".to_owned());
            };
            let epsilon = f64::from(*epsilon);
            x.batch_norm(Some(*scale), Some(*bias), Some(*mean), Some(*variance), false, 0.0, epsilon, false)
        }
        ("Slice", [x, starts, ends, axes]) => {
            let (starts, ends, axes) = (whole(starts)?, whole(ends)?, whole(axes)?);
            let parts = starts.into_iter().zip(ends).zip(axes);
            parts.fold(x.shallow_clone(), |x, ((start, end), axis)| x.slice(axis, start, end, 1))
        }
        (_, inputs) => return Err(format!("it is not known with {} inputs of these types", inputs.len())),
    })
}

/// `TreeEnsembleRegressor`: the sums of leaves for rows of 32-bit floats.
fn trees(rows: &Tensor, node: &FileNode) -> Result<Tensor, String> {
    let columns = rows.size().get(1).and_then(|columns| usize::try_from(*columns).ok()).filter(|columns| *columns > 0);
    let columns = columns.filter(|_| rows.kind() == Kind::Float).ok_or("it takes rows of 32-bit floats")?;
    let ensemble = TreeEnsemble::of_node(node, columns).map_err(|error| error.to_string())?;
    let values = Vec::<f32>::try_from(&rows.contiguous().view([-1])).map_err(|error| error.to_string())?;
    let sums: Vec<f32> = values.chunks_exact(columns).flat_map(|row| ensemble.outputs(row)).collect();
    Ok(Tensor::from_slice(&sums).reshape([rows.size()[0], -1]))
}

/// `LabelEncoder`: texts to numbers, or whole numbers to texts.
fn encoded(node: &FileNode, inputs: &[&Value]) -> Result<Value, String> {
    let attribute = |name: &str| node.attributes.get(name);
    match inputs {
        [Value::Texts { shape, texts }] => {
            let Some(Attribute::Texts(keys)) = attribute("keys_strings") else {
                return Err("it has no keys for texts".to_owned());
            };
            let places: HashMap<&str, usize> = keys.iter().map(String::as_str).zip(0..).collect();
            let places = texts.iter().map(|text| places.get(text.as_str()).copied());
            let tensor = match (attribute("values_floats"), attribute("values_int64s")) {
                (Some(Attribute::Floats(values)), None) => {
                    let Some(Attribute::Float(default)) = attribute("default_float") else {
                        return Err("it has no default".to_owned());
                    };
                    Tensor::from_slice(&values_at(places, values, default))
                }
                (None, Some(Attribute::Ints(values))) => {
                    let Some(Attribute::Int(default)) = attribute("default_int64") else {
                        return Err("it has no default".to_owned());
                    };
                    Tensor::from_slice(&values_at(places, values, default))
                }
                _ => return Err("it has no values for texts".to_owned()),
            };
            Ok(Value::Numbers(tensor.reshape(shape.as_slice())))
        }
        [Value::Numbers(codes)] => {
            let (Some(Attribute::Ints(keys)), Some(Attribute::Texts(values))) =
                (attribute("keys_int64s"), attribute("values_strings"))
            else {
                return Err("it has no texts for numbers".to_owned());
            };
            let place = |code: &i64| keys.iter().position(|key| key == code);
            let codes_of_rows = whole(&codes.contiguous().view([-1]))?;
            let texts = values_at(codes_of_rows.iter().map(place), values, &"_Unused".to_owned());
            Ok(Value::Texts { shape: codes.size(), texts })
        }
        _ => Err("it has several inputs".to_owned()),
    }
}

fn values_at<T: Clone>(places: impl Iterator<Item = Option<usize>>, values: &[T], default: &T) -> Vec<T> {
    places.map(|place| place.and_then(|place| values.get(place)).unwrap_or(default).clone()).collect()
}

/// The type of a number in the attribute `to` of `Cast`.
fn kind_of_number(number: i64) -> Result<Kind, String> {
    match number {
        1 => Ok(Kind::Float),
        7 => Ok(Kind::Int64),
        11 => Ok(Kind::Double),
        other => Err(format!("it makes values of the type {other}, which is not known")),
    }
}

fn int(node: &FileNode, name: &str) -> Result<i64, String> {
    match node.attributes.get(name) {
        Some(Attribute::Int(value)) => Ok(*value),
        _ => Err(format!("it has no whole number `{name}`")),
    }
}

fn ints<'node>(node: &'node FileNode, name: &str) -> Result<&'node [i64], String> {
    match node.attributes.get(name) {
        Some(Attribute::Ints(values)) => Ok(values),
        _ => Err(format!("it has no whole numbers `{name}`")),
    }
}

fn whole(tensor: &Tensor) -> Result<Vec<i64>, String> {
    Vec::<i64>::try_from(tensor).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use slipway_onnx::{Dimension, ElementType, File, Graph, Node, Rule, Tree, TreeNode};

    use super::super::run::run;
    use super::*;

    /// The output of one node that takes one input.
    fn output(kind: ElementType, node: impl Fn(slipway_onnx::Value) -> Node, input: Value) -> Result<Value, String> {
        let mut graph = Graph::new("one node");
        let rows = graph.input("rows", kind, &[Dimension::Batch, Dimension::Fixed(2)]);
        let answer = graph.node(node(rows));
        graph.output("answer", answer, ElementType::Float, &[Dimension::Batch]);
        let file = File::read(&graph.into_bytes().expect("a graph")).expect("it is read");
        run(&file, vec![input]).map(|mut outputs| outputs.remove(0))
    }

    #[test]
    fn trees_send_missing_values_where_their_branch_says() {
        let branch = |feature, missing_left| TreeNode::Branch {
            feature,
            threshold: 1.0,
            rule: Rule::AtMost,
            missing_left,
            left: 1,
            right: 2,
        };
        let leaves = [10.0, 20.0].map(|value| TreeNode::Leaf { value });
        let tree = |output, feature, missing_left| Tree {
            output,
            nodes: std::iter::once(branch(feature, missing_left)).chain(leaves).collect(),
        };
        let ensemble = TreeEnsemble { base: vec![0.5, -0.5], trees: vec![tree(0, 0, true), tree(1, 1, false)] };
        let rows = Tensor::from_slice2(&[[1.0_f32, 1.5], [f32::NAN, f32::NAN]]);
        let node = |rows| ensemble.node(rows, 2).expect("trees");
        let answer = output(ElementType::Float, node, Value::Numbers(rows)).expect("it runs");
        let Value::Numbers(answer) = answer else { panic!("texts") };
        assert_eq!(Vec::<f32>::try_from(&answer.view([-1])).expect("numbers"), [10.5, 19.5, 10.5, 19.5]);
    }

    #[test]
    fn what_is_not_known_is_named_and_computes_nothing() {
        let rows = || Value::Numbers(Tensor::from_slice2(&[[1.0_f32, 2.0]]));
        let unknown = output(ElementType::Float, |rows| Node::new("Gelu", &[rows]), rows());
        assert_eq!(unknown.err().as_deref(), Some("Gelu: it is not known with one input"));
        let without = output(ElementType::Float, |rows| Node::new("Cast", &[rows]), rows());
        assert_eq!(without.err().as_deref(), Some("Cast: it has no whole number `to`"));
        let texts = Value::Texts { shape: vec![1, 2], texts: vec!["a".to_owned(), "b".to_owned()] };
        let texts = output(ElementType::String, |rows| Node::new("Relu", &[rows]), texts);
        assert_eq!(texts.err().as_deref(), Some("Relu: it takes texts, expected numbers"));
    }
}
