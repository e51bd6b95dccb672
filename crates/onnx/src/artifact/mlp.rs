//! The family `mlp` as nodes. It computes what the trainer's network computes outside training.

use slipway_contract::{MlpActivation, MlpLayout, MlpOptions, MlpVariant, Task};

use super::{Builder, ExportError, Precision};
use crate::{Attribute, Node, Tensor, Value, Values};

impl Builder<'_> {
    /// The outputs of the network and their number, for encoded inputs.
    pub(super) fn mlp(&mut self, options: &MlpOptions, inputs: Value) -> Result<(Value, u32), ExportError> {
        let architecture = self.architecture;
        let options = options.resolved(architecture.task, None);
        let columns = architecture.columns.as_ref().map_or(0, Vec::len);
        let layout = MlpLayout::of(options.variant, architecture.encodings.as_deref(), columns);
        let mut parts = Vec::new();
        if layout.numbers > 0 {
            let numbers = self.columns_of(inputs, 0, layout.numbers);
            parts.push(if layout.is_periodic() { self.periodic(numbers, layout.numbers)? } else { numbers });
        }
        if layout.plain_width() > 0 {
            parts.push(self.plain(inputs, &layout)?);
        }
        for (place, range) in layout.embedded.iter().enumerate() {
            let category = self.columns_of(inputs, range.start, range.end);
            let sizes = [range.end - range.start, MlpLayout::CATEGORY_WIDTH];
            let weight = self.single(&format!("categories.{place}.weight"), &sizes)?;
            parts.push(self.graph.node(Node::new("MatMul", &[category, weight])));
        }
        let rows = self.side_by_side(&parts);
        let scale = self.single("scale", &[layout.width()])?;
        let mut rows = self.graph.node(Node::new("Mul", &[rows, scale]));
        let mut width = layout.width();
        for (place, hidden) in options.hidden.iter().enumerate() {
            rows = self.weighted(rows, place, width, *hidden)?;
            rows = self.activated(rows, &options, place, *hidden)?;
            width = *hidden;
        }
        let outputs = match architecture.task {
            Task::Classification => u32::try_from(architecture.classes.len()).unwrap_or(u32::MAX),
            Task::Regression => 1,
        };
        rows = self.weighted(rows, options.hidden.len(), width, outputs)?;
        if architecture.task == Task::Regression {
            rows = self.within_range(rows)?;
        }
        Ok((rows, outputs))
    }

    /// A weight of the network as a constant.
    fn single(&mut self, name: &str, shape: &[u32]) -> Result<Value, ExportError> {
        self.statistic(&format!("mlp.{name}"), shape, Precision::Single)
    }

    /// The inputs from `start` up to `end`.
    fn columns_of(&mut self, inputs: Value, start: u32, end: u32) -> Value {
        let mut bound =
            |name: &str, value: u32| self.graph.constant(name, Tensor::vector(Values::Int64(vec![i64::from(value)])));
        let (start, end, axis) = (bound("mlp.start", start), bound("mlp.end", end), bound("mlp.axis", 1));
        self.graph.node(Node::new("Slice", &[inputs, start, end, axis]))
    }

    /// Each number with three sums of cosines of it: `[N, numbers]` becomes `[N, numbers · 4]`.
    fn periodic(&mut self, numbers: Value, count: u32) -> Result<Value, ExportError> {
        let (frequencies, sums) = (MlpLayout::FREQUENCIES, MlpLayout::NUMBER_WIDTH - 1);
        let frequency = self.single("periodic.frequencies", &[count, frequencies])?;
        let phase = self.single("periodic.phases", &[count, frequencies])?;
        let weight = self.single("periodic.weight", &[count, frequencies, sums])?;
        let bias = self.single("periodic.bias", &[count, sums])?;
        // Zero keeps the number of rows.
        let count = i64::from(count);
        let columns = self.reshaped(numbers, &[0, count, 1]);
        let turn = self.graph.constant("mlp.turn", Tensor::float(2.0 * std::f32::consts::PI));
        let frequency = self.graph.node(Node::new("Mul", &[frequency, turn]));
        let angle = self.graph.node(Node::new("Mul", &[columns, frequency]));
        let angle = self.graph.node(Node::new("Add", &[angle, phase]));
        let cosines = self.graph.node(Node::new("Cos", &[angle]));
        let cosines = self.reshaped(cosines, &[0, count, 1, i64::from(frequencies)]);
        let products = self.graph.node(Node::new("MatMul", &[cosines, weight]));
        let products = self.reshaped(products, &[0, count, i64::from(sums)]);
        let products = self.graph.node(Node::new("Add", &[products, bias]));
        let both = self.graph.node(Node::new("Concat", &[columns, products]).int("axis", 2));
        Ok(self.graph.node(Node::new("Flatten", &[both]).int("axis", 1)))
    }

    fn reshaped(&mut self, value: Value, sizes: &[i64]) -> Value {
        let sizes = self.graph.constant("mlp.sizes", Tensor::vector(Values::Int64(sizes.to_vec())));
        self.graph.node(Node::new("Reshape", &[value, sizes]))
    }

    /// The inputs that are used as they are, centred, scaled and smoothly clipped.
    fn plain(&mut self, inputs: Value, layout: &MlpLayout) -> Result<Value, ExportError> {
        let parts: Vec<Value> =
            layout.plain.iter().map(|range| self.columns_of(inputs, range.start, range.end)).collect();
        let rows = self.side_by_side(&parts);
        let center = self.single("plain.center", &[layout.plain_width()])?;
        let factor = self.single("plain.factor", &[layout.plain_width()])?;
        let rows = self.graph.node(Node::new("Sub", &[rows, center]));
        let rows = self.graph.node(Node::new("Mul", &[rows, factor]));
        Ok(self.clipped_smoothly(rows, "mlp.plain", Precision::Single))
    }

    /// The weighted sums of a layer. The products are divided by the root of the number of inputs.
    fn weighted(&mut self, rows: Value, place: usize, inputs: u32, outputs: u32) -> Result<Value, ExportError> {
        let weight = self.single(&format!("layers.{place}.weight"), &[inputs, outputs])?;
        let bias = self.single(&format!("layers.{place}.bias"), &[outputs])?;
        let factor = super::rounded(1.0 / f64::from(inputs).sqrt());
        let node = Node::new("Gemm", &[rows, weight, bias]).int("transB", 0);
        Ok(self.graph.node(node.with("alpha", Attribute::Float(factor))))
    }

    fn activated(&mut self, rows: Value, options: &MlpOptions, place: usize, width: u32) -> Result<Value, ExportError> {
        let activated = match options.activation {
            Some(MlpActivation::Mish) => {
                let softplus = self.graph.node(Node::new("Softplus", &[rows]));
                let tanh = self.graph.node(Node::new("Tanh", &[softplus]));
                self.graph.node(Node::new("Mul", &[rows, tanh]))
            }
            // The default constants of the operator are those of the paper.
            Some(MlpActivation::Selu) | None => self.graph.node(Node::new("Selu", &[rows])),
        };
        if options.variant == MlpVariant::TdS {
            return Ok(activated);
        }
        let share = self.single(&format!("layers.{place}.share"), &[width])?;
        let change = self.graph.node(Node::new("Sub", &[activated, rows]));
        let change = self.graph.node(Node::new("Mul", &[change, share]));
        Ok(self.graph.node(Node::new("Add", &[rows, change])))
    }

    /// The number within the range of the labels of the training rows.
    fn within_range(&mut self, rows: Value) -> Result<Value, ExportError> {
        let range = self.weights.numbers("mlp.range", &[2], Precision::Single)?;
        let Values::Float(bounds) = range.values() else {
            return Err(ExportError::artifact("holds no numbers as `mlp.range`"));
        };
        let bounds = [bounds[0], bounds[1]];
        let [least, most] = bounds.map(|bound| self.graph.constant("mlp.bound", Tensor::float(bound)));
        Ok(self.graph.node(Node::new("Clip", &[rows, least, most])))
    }
}
