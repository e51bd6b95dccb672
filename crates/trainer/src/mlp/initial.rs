//! The initial weights of an `mlp`, and what is fitted to the training rows before the first step.

use slipway_contract::MlpVariant;
use tch::{Kind, Tensor};

use super::{Layer, Mlp, extremes};
use crate::preprocessing::robust_scale_of;

/// The standard deviation of the initial frequencies.
const FREQUENCY_DEVIATION: f64 = 0.1;
/// The training rows of which a random mean is taken for an initial bias.
const ROWS_OF_BIAS: i64 = 5;
/// The most training rows that the initial weights are fitted to.
pub(crate) const MAX_ROWS: i64 = 1 << 16;

impl Mlp {
    /// Draws the initial weights from libtorch's generator. `rows` are encoded training rows, and `targets` their labels, in
    /// deviations from their mean if they are numbers.
    pub(crate) fn initialise(&mut self, variant: MlpVariant, rows: &Tensor, targets: &Tensor) {
        let _guard = tch::no_grad_guard();
        if let Some(periodic) = &mut self.periodic {
            #[expect(clippy::cast_precision_loss, reason = "a small constant")]
            let bound = 1.0 / (periodic.weight.size()[1] as f64).sqrt();
            let _ = periodic.frequencies.normal_(0.0, FREQUENCY_DEVIATION);
            let _ = periodic.phases.uniform_(-std::f64::consts::PI, std::f64::consts::PI);
            let _ = periodic.weight.uniform_(-bound, bound);
            let _ = periodic.bias.uniform_(-bound, bound);
        }
        for weight in &mut self.categories {
            let _ = weight.normal_(0.0, 1.0);
        }
        let plain = self.plain.is_some().then(|| robust_scale_of(&self.plain_of(rows)));
        if let (Some((center, factor)), Some((median, by))) = (&mut self.plain, plain) {
            center.copy_(&median);
            factor.copy_(&by);
        }
        if let Some(range) = &mut self.range {
            range.copy_(&extremes(targets));
        }
        let mut values = self.inputs(rows);
        for place in 0..self.layers.len() {
            match variant {
                MlpVariant::Td => self.layers[place].fit(&values),
                MlpVariant::TdS => self.layers[place].draw(),
            }
            let layer = &self.layers[place];
            values = self.activated(layer, &(layer.product(&values) + &layer.bias));
        }
    }
}

impl Layer {
    /// Normal weights and biases. The last layer begins with zeros.
    fn draw(&mut self) {
        if !self.is_last {
            let _ = self.weight.normal_(0.0, 1.0);
            let _ = self.bias.normal_(0.0, 1.0);
        }
    }

    /// Normal weights, scaled so that each output has the deviation one over the rows, and biases that put the zero of each output
    /// at a random convex combination of its values (`he+5`; Steinwart, 2019, "A sober look at neural network initializations").
    fn fit(&mut self, rows: &Tensor) {
        let _ = self.weight.normal_(0.0, 1.0);
        let deviation = self.product(rows).std_dim([0_i64].as_slice(), false, true);
        // An output that is the same for all rows has no deviation to divide by.
        let deviation = deviation.where_self(&deviation.gt(1e-12), &Tensor::ones_like(&deviation));
        let scaled = &self.weight / deviation;
        self.weight.copy_(&scaled);
        let outputs = self.product(rows);
        let width = outputs.size()[1];
        let chosen = Tensor::randint(rows.size()[0], [ROWS_OF_BIAS, width], (Kind::Int64, rows.device()));
        let shares = Tensor::empty([ROWS_OF_BIAS, width], (Kind::Float, rows.device())).exponential_(1.0);
        let shares = &shares / shares.sum_dim_intlist([0_i64].as_slice(), true, Kind::Float);
        let sums = (outputs.gather(0, &chosen, false) * shares).sum_dim_intlist([0_i64].as_slice(), false, Kind::Float);
        self.bias.copy_(&-sums);
    }
}
