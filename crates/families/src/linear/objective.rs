//! The objective of a linear model, with its gradient.

use super::{Loss, Rows};

/// The weighted sum of the losses plus the penalty. A place is the coefficients, output by output, then the intercepts.
pub(super) struct Objective<'a> {
    pub(super) rows: Rows<'a>,
    pub(super) loss: Loss,
    pub(super) l2: f64,
}

impl Objective<'_> {
    /// No coefficients.
    pub(super) fn start(&self) -> Vec<f64> {
        vec![0.0; self.loss.outputs() * (self.rows.width + 1)]
    }

    /// The largest size of a gradient that is taken for zero.
    pub(super) fn tolerance(&self) -> f64 {
        1e-10 * self.rows.weights.iter().sum::<f64>().max(1.0)
    }

    /// The value at a place. Adds nothing to `gradient`, but overwrites it.
    pub(super) fn value(&self, place: &[f64], gradient: &mut [f64]) -> f64 {
        let Rows { width, .. } = self.rows;
        let all = self.loss.outputs() * width;
        gradient.fill(0.0);
        let mut errors = vec![0.0; self.loss.outputs()];
        let mut sum = 0.0;
        for (row, target, weight) in self.each() {
            outputs_of(&place[..all], &place[all..], row, &mut errors);
            sum += weight * to_errors(self.loss, &mut errors, target);
            for (output, error) in errors.iter().map(|error| error * weight).enumerate() {
                let of_output = &mut gradient[output * width..(output + 1) * width];
                of_output.iter_mut().zip(row).for_each(|(slope, input)| *slope += error * input);
                gradient[all + output] += error;
            }
        }
        let mut squares = 0.0;
        for (slope, coefficient) in gradient.iter_mut().zip(&place[..all]) {
            *slope += self.l2 * coefficient;
            squares += coefficient * coefficient;
        }
        sum + self.l2 / 2.0 * squares
    }

    /// The weighted mean of the losses, without the penalty.
    pub(super) fn mean_loss(&self, place: &[f64]) -> f64 {
        let all = self.loss.outputs() * self.rows.width;
        let mut outputs = vec![0.0; self.loss.outputs()];
        let (mut sum, mut weights) = (0.0, 0.0);
        for (row, target, weight) in self.each() {
            outputs_of(&place[..all], &place[all..], row, &mut outputs);
            sum += weight * to_errors(self.loss, &mut outputs, target);
            weights += weight;
        }
        sum / weights
    }

    fn each(&self) -> impl Iterator<Item = (&[f64], f64, f64)> {
        let Rows { inputs, width, targets, weights } = self.rows;
        inputs.chunks_exact(width).zip(targets).zip(weights).map(|((row, target), weight)| (row, *target, *weight))
    }
}

/// The outputs of a row.
pub(super) fn outputs_of(coefficients: &[f64], intercepts: &[f64], row: &[f64], outputs: &mut [f64]) {
    for ((output, intercept), of_output) in outputs.iter_mut().zip(intercepts).zip(coefficients.chunks_exact(row.len()))
    {
        *output = of_output.iter().zip(row).fold(*intercept, |sum, (coefficient, input)| sum + coefficient * input);
    }
}

/// The loss of a row, whose outputs are replaced by its derivatives.
fn to_errors(loss: Loss, outputs: &mut [f64], target: f64) -> f64 {
    match loss {
        Loss::Logistic => {
            let odds = outputs[0];
            outputs[0] = 1.0 / (1.0 + (-odds).exp()) - target;
            // ln(1 + e^x) without overflow.
            odds.max(0.0) - odds * target + (-odds.abs()).exp().ln_1p()
        }
        Loss::Softmax(_) => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "targets are indexes of classes"
            )]
            let label = target as usize;
            let largest = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let of_label = outputs[label] - largest;
            let mut sum = 0.0;
            for output in outputs.iter_mut() {
                *output = (*output - largest).exp();
                sum += *output;
            }
            for output in outputs.iter_mut() {
                *output /= sum;
            }
            outputs[label] -= 1.0;
            f64::ln(sum) - of_label
        }
        Loss::Squared => {
            let error = outputs[0] - target;
            outputs[0] = error;
            error * error / 2.0
        }
    }
}
