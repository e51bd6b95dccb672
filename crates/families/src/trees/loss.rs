//! The losses, with their derivatives and the constants that minimise them.

use super::histogram::Derivatives;

/// What the trees minimise, as the weighted mean over the training rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// The log loss of two classes. One output: the log-odds of class 1. Targets are 0 and 1.
    Logistic,
    /// The log loss of so many classes. An output for each: its score before the softmax. Targets are the classes' indexes.
    Softmax(usize),
    /// The squared error.
    Squared,
    /// The absolute error. A leaf's value is the median of its rows' errors.
    Absolute,
    /// Half the squared error up to this limit, linear beyond it (Huber, 1964).
    Huber(f64),
}

impl Loss {
    /// The number of outputs, and of trees in a round.
    pub fn outputs(self) -> usize {
        match self {
            Self::Softmax(classes) => classes,
            _ => 1,
        }
    }

    /// The outputs of a model without trees: the constants that minimise the loss. For `Huber` it is the mean.
    pub(super) fn base(self, rows: &[u32], targets: &[f64], weights: &[f64]) -> Vec<f64> {
        let weight = |row: &u32| weights[*row as usize];
        let target = |row: &u32| targets[*row as usize];
        let total: f64 = rows.iter().map(weight).sum();
        match self {
            Self::Softmax(classes) => {
                let mut shares = vec![0.0; classes];
                for row in rows {
                    shares[class_of(target(row))] += weight(row) / total;
                }
                shares.into_iter().map(|share| f64::ln(share.max(LEAST_SHARE))).collect()
            }
            Self::Absolute => vec![median(rows.iter().map(|row| (target(row), weight(row))).collect())],
            Self::Logistic | Self::Squared | Self::Huber(_) => {
                let mean = rows.iter().map(|row| weight(row) * target(row)).sum::<f64>() / total;
                if self != Self::Logistic {
                    return vec![mean];
                }
                let share = mean.clamp(LEAST_SHARE, 1.0 - LEAST_SHARE);
                vec![(share / (1.0 - share)).ln()]
            }
        }
    }

    /// The derivatives of one row, for each output. `outputs` are those of the row.
    pub(super) fn derivatives(self, outputs: &[f64], target: f64, weight: f64, into: &mut [Derivatives]) {
        let weighted = |first: f64, second: f64| Derivatives { first: weight * first, second: weight * second };
        let error = outputs[0] - target;
        into[0] = match self {
            Self::Softmax(classes) => {
                let largest = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = outputs.iter().map(|value| (value - largest).exp()).sum();
                // The diagonal of the second derivatives ignores that shares add up to one; the factor makes up for it (Friedman,
                // 2001, algorithm 6).
                #[expect(clippy::cast_precision_loss, reason = "few classes")]
                let factor = classes as f64 / (classes as f64 - 1.0);
                for (output, derivatives) in into.iter_mut().enumerate() {
                    let share = (outputs[output] - largest).exp() / sum;
                    let is_label = if class_of(target) == output { 1.0 } else { 0.0 };
                    *derivatives = weighted(share - is_label, factor * share * (1.0 - share));
                }
                return;
            }
            Self::Logistic => {
                let share = 1.0 / (1.0 + (-outputs[0]).exp());
                weighted(share - target, share * (1.0 - share))
            }
            Self::Squared => weighted(error, 1.0),
            Self::Absolute => weighted(if error == 0.0 { 0.0 } else { error.signum() }, 1.0),
            Self::Huber(limit) => weighted(error.clamp(-limit, limit), 1.0),
        };
    }

    /// The loss of one row without its weight.
    pub(super) fn of(self, outputs: &[f64], target: f64) -> f64 {
        let error = outputs[0] - target;
        match self {
            // ln(1 + e^x) without overflow.
            Self::Logistic => outputs[0].max(0.0) - outputs[0] * target + (-outputs[0].abs()).exp().ln_1p(),
            Self::Softmax(_) => {
                let largest = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = outputs.iter().map(|value| (value - largest).exp()).sum();
                largest + sum.ln() - outputs[class_of(target)]
            }
            Self::Squared => error * error,
            Self::Absolute => error.abs(),
            Self::Huber(limit) if error.abs() > limit => limit * (error.abs() - limit / 2.0),
            Self::Huber(_) => error * error / 2.0,
        }
    }
}

/// The smallest share of a class, so that its logarithm is finite.
const LEAST_SHARE: f64 = 1e-15;

/// The index of a class from its target.
fn class_of(target: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "targets are indexes of classes")]
    let class = target as usize;
    class
}

/// The weighted median of values, each with its weight: the smallest value that at least half of the weight does not exceed; if it is
/// exactly half, the middle between it and the next.
pub(super) fn median(mut values: Vec<(f64, f64)>) -> f64 {
    values.sort_by(|one, other| one.0.total_cmp(&other.0));
    let half = values.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut seen = 0.0;
    for (place, (value, weight)) in values.iter().enumerate() {
        seen += weight;
        if seen > half {
            return *value;
        }
        if seen >= half {
            let next = values.get(place + 1).map_or(*value, |(next, _)| *next);
            return value / 2.0 + next / 2.0;
        }
    }
    values.last().map_or(0.0, |(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The derivatives against differences of the loss.
    #[test]
    fn derivatives_are_those_of_the_loss() {
        let step = 1e-5;
        let cases: [(Loss, Vec<f64>, f64); 6] = [
            (Loss::Logistic, vec![0.7], 1.0),
            (Loss::Logistic, vec![-3.0], 0.0),
            (Loss::Softmax(3), vec![0.2, -1.0, 0.9], 2.0),
            (Loss::Absolute, vec![1.5], 2.0),
            (Loss::Huber(1.0), vec![0.4], 1.0),
            (Loss::Huber(1.0), vec![4.0], 1.0),
        ];
        for (loss, outputs, target) in cases {
            let mut found = vec![Derivatives::default(); loss.outputs()];
            loss.derivatives(&outputs, target, 2.0, &mut found);
            for (output, found) in found.iter().map(|found| found.first).enumerate() {
                let shifted = |by: f64| {
                    let mut outputs = outputs.clone();
                    outputs[output] += by;
                    loss.of(&outputs, target)
                };
                let slope = (shifted(step) - shifted(-step)) / (2.0 * step);
                assert!((found - 2.0 * slope).abs() < 1e-8, "{loss:?}: {found} is not {slope}");
            }
        }
        let bend = |z: f64| {
            let mut found = [Derivatives::default()];
            Loss::Logistic.derivatives(&[z], 1.0, 1.0, &mut found);
            found[0]
        };
        let second = (bend(0.7 + step).first - bend(0.7 - step).first) / (2.0 * step);
        assert!((bend(0.7).second - second).abs() < 1e-8);
    }

    #[test]
    fn large_outputs_do_not_overflow() {
        assert!(Loss::Logistic.of(&[1000.0], 1.0) < 1e-300);
        assert!((Loss::Logistic.of(&[-1000.0], 1.0) - 1000.0).abs() < 1e-9);
        assert!((Loss::Softmax(2).of(&[1000.0, -1000.0], 1.0) - 2000.0).abs() < 1e-9);
        let mut found = [Derivatives::default(); 2];
        Loss::Softmax(2).derivatives(&[1000.0, -1000.0], 0.0, 1.0, &mut found);
        assert!(found.iter().all(|found| found.first.abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn the_base_minimises_the_loss() {
        let (rows, targets, weights) = ([0, 1, 2, 3], [0.0, 1.0, 1.0, 7.0], [1.0, 1.0, 2.0, 1.0]);
        assert_eq!(Loss::Squared.base(&rows, &targets, &weights), [2.0]);
        assert_eq!(Loss::Absolute.base(&rows, &targets, &weights), [1.0]);
        let odds = Loss::Logistic.base(&rows[..3], &targets, &weights)[0];
        assert!((odds - 3.0_f64.ln()).abs() < 1e-12);
        assert!((median(vec![(4.0, 1.0), (1.0, 1.0)]) - 2.5).abs() < 1e-15);
    }
}
