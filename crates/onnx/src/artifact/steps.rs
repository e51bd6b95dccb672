//! The steps of preprocessing as nodes.

use slipway_contract::{Preprocess, ScaleOptions, Shape};

use super::{Builder, ExportError, Precision};
use crate::{Node, Tensor, Value, Values};

impl Builder<'_> {
    /// The rows after one step, which is the step at `index`.
    pub(super) fn step(
        &mut self,
        rows: Value,
        index: usize,
        step: &Preprocess,
        shape: &Shape,
        columns: &[String],
        precision: Precision,
    ) -> Result<Value, ExportError> {
        let name = |what: &str| format!("preprocess.{index}.{what}");
        match step {
            // Options of the encoding, which is done before all steps.
            Preprocess::Impute(_) | Preprocess::OneHot(_) => Ok(rows),
            Preprocess::Auto => {
                Err(ExportError::artifact("has the step `auto`, expected the steps that it stands for"))
            }
            Preprocess::Scale(ScaleOptions { divide_by }) => {
                let divisor = self.graph.constant(&name("divisor"), precision.scalar(*divide_by));
                Ok(self.graph.node(Node::new("Div", &[rows, divisor])))
            }
            Preprocess::Standardize => {
                let mean = self.statistic(&name("mean"), &shape.0, precision)?;
                let deviation = self.statistic(&name("deviation"), &shape.0, precision)?;
                let centred = self.graph.node(Node::new("Sub", &[rows, mean]));
                Ok(self.graph.node(Node::new("Div", &[centred, deviation])))
            }
            Preprocess::RobustScale => {
                let median = self.statistic(&name("median"), &shape.0, precision)?;
                let factor = self.statistic(&name("factor"), &shape.0, precision)?;
                let centred = self.graph.node(Node::new("Sub", &[rows, median]));
                Ok(self.graph.node(Node::new("Mul", &[centred, factor])))
            }
            Preprocess::SmoothClip => Ok(self.clipped_smoothly(rows, &format!("preprocess.{index}"), precision)),
            Preprocess::Log(log) => {
                let chosen = columns.iter().map(|column| log.columns.contains(column)).collect();
                let chosen = self.graph.constant(&name("chosen"), Tensor::vector(Values::Bool(chosen)));
                let logarithm = self.signed_logarithm(rows, &name("one"), precision);
                Ok(self.graph.node(Node::new("Where", &[chosen, logarithm, rows])))
            }
            Preprocess::Reshape(sizes) => {
                // Zero keeps the number of rows.
                let sizes = std::iter::once(0).chain(sizes.iter().map(|size| i64::from(*size))).collect();
                let sizes = self.graph.constant(&name("sizes"), Tensor::vector(Values::Int64(sizes)));
                Ok(self.graph.node(Node::new("Reshape", &[rows, sizes])))
            }
        }
    }

    /// `x / sqrt(1 + (x/3)²)`. The constants get names that begin with `name`.
    pub(super) fn clipped_smoothly(&mut self, rows: Value, name: &str, precision: Precision) -> Value {
        let nine = self.graph.constant(&format!("{name}.nine"), precision.scalar(9.0));
        let one = self.graph.constant(&format!("{name}.one"), precision.scalar(1.0));
        let square = self.graph.node(Node::new("Mul", &[rows, rows]));
        let ninth = self.graph.node(Node::new("Div", &[square, nine]));
        let sum = self.graph.node(Node::new("Add", &[ninth, one]));
        let root = self.graph.node(Node::new("Sqrt", &[sum]));
        self.graph.node(Node::new("Div", &[rows, root]))
    }

    /// `sign(x) · ln(1 + |x|)`. The sum 1 + |x| loses the digits of a small |x|; the result is multiplied by what was lost: with
    /// u = 1 + |x|, it is ln(u) · |x| / (u - 1), or |x| where u is 1 (Goldberg, 1991, "What every computer scientist should know
    /// about floating-point arithmetic", theorem 4).
    fn signed_logarithm(&mut self, rows: Value, one: &str, precision: Precision) -> Value {
        let one = self.graph.constant(one, precision.scalar(1.0));
        let size = self.graph.node(Node::new("Abs", &[rows]));
        let sum = self.graph.node(Node::new("Add", &[size, one]));
        let kept = self.graph.node(Node::new("Sub", &[sum, one]));
        let nothing_kept = self.graph.node(Node::new("Equal", &[sum, one]));
        let divisor = self.graph.node(Node::new("Where", &[nothing_kept, one, kept]));
        let logarithm = self.graph.node(Node::new("Log", &[sum]));
        // Divided first: the product of the logarithm and the largest floats overflows.
        let ratio = self.graph.node(Node::new("Div", &[size, divisor]));
        let product = self.graph.node(Node::new("Mul", &[logarithm, ratio]));
        let logarithm = self.graph.node(Node::new("Where", &[nothing_kept, size, product]));
        let sign = self.graph.node(Node::new("Sign", &[rows]));
        self.graph.node(Node::new("Mul", &[logarithm, sign]))
    }
}
