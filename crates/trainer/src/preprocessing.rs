//! The steps that are applied to the numbers of a row, with the statistics that were fitted to the training rows.

use slipway_contract::{Fault, FaultKind, Preprocess, Shape};
use tch::{Kind, Tensor};

/// The shape of a row after the steps.
pub(crate) fn shape_after(steps: &[Preprocess], input: &Shape) -> Result<Shape, Fault> {
    steps.iter().enumerate().try_fold(input.clone(), |shape, (index, step)| {
        step.shape_after(&shape).map_err(|(message, help)| {
            Fault::new(FaultKind::Specification, message).key(format!("spec.preprocess[{index}]")).help(help)
        })
    })
}

/// Fitted steps.
pub(crate) struct Preprocessing {
    steps: Vec<Fitted>,
}

enum Fitted {
    /// An option of the encoding, which is applied before all steps.
    OfEncoding,
    Scale(f64),
    Standardize {
        mean: Tensor,
        deviation: Tensor,
    },
    RobustScale {
        median: Tensor,
        factor: Tensor,
    },
    SmoothClip,
    /// The logarithm of some columns: true for those.
    Log(Tensor),
    Reshape(Vec<i64>),
}

/// The name of a fitted step's tensor in an artifact.
fn tensor_name(index: usize, what: &str) -> String {
    format!("preprocess.{index}.{what}")
}

/// The names of the statistics of a step.
fn statistics(step: &Preprocess) -> &'static [&'static str] {
    match step {
        Preprocess::Standardize => &["mean", "deviation"],
        Preprocess::RobustScale => &["median", "factor"],
        _ => &[],
    }
}

impl Preprocessing {
    /// Fits the steps to the training rows. `rows` are floats, `[rows, …shape]`, and `columns` the names of their columns. The
    /// fitted statistics have the precision of the rows.
    pub(crate) fn fit(steps: &[Preprocess], rows: &Tensor, columns: &[String]) -> Self {
        let mut rows = rows.shallow_clone();
        let mut fitted = Vec::with_capacity(steps.len());
        for step in steps {
            let step = match step {
                Preprocess::Standardize => {
                    let mean = rows.mean_dim([0].as_slice(), false, rows.kind());
                    let deviation = rows.std_dim([0].as_slice(), false, false);
                    // A constant value contains no information. Dividing by one leaves it at zero. Rounding can give a constant
                    // a mean that differs from it, and a deviation above zero.
                    let (least, most) = (rows.amin([0_i64], false), rows.amax([0_i64], false));
                    let varies = least.not_equal_tensor(&most).logical_and(&deviation.gt(0.0));
                    let deviation = deviation.where_self(&varies, &Tensor::ones_like(&deviation));
                    let mean = mean.where_self(&varies, &least);
                    Fitted::Standardize { mean, deviation }
                }
                Preprocess::RobustScale => {
                    let (median, factor) = robust_scale_of(&rows);
                    Fitted::RobustScale { median, factor }
                }
                step => unfitted(step, columns),
            };
            rows = step.apply(&rows);
            fitted.push(step);
        }
        Self { steps: fitted }
    }

    /// The same from an artifact's tensors.
    pub(crate) fn from_tensors(
        steps: &[Preprocess],
        input: &Shape,
        columns: &[String],
        tensor: impl Fn(&str, &Shape) -> Result<Tensor, Fault>,
    ) -> Result<Self, Fault> {
        let mut shape = input.clone();
        let mut fitted = Vec::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            let statistic = |what: &str| tensor(&tensor_name(index, what), &shape);
            fitted.push(match step {
                Preprocess::Standardize => {
                    Fitted::Standardize { mean: statistic("mean")?, deviation: statistic("deviation")? }
                }
                Preprocess::RobustScale => {
                    Fitted::RobustScale { median: statistic("median")?, factor: statistic("factor")? }
                }
                step => unfitted(step, columns),
            });
            shape = shape_after(std::slice::from_ref(step), &shape)?;
        }
        Ok(Self { steps: fitted })
    }

    /// The names of the steps' tensors in an artifact.
    pub(crate) fn names(steps: &[Preprocess]) -> Vec<String> {
        let of_step = |(index, step)| statistics(step).iter().map(move |what| tensor_name(index, what));
        steps.iter().enumerate().flat_map(of_step).collect()
    }

    /// The fitted statistics, by their names in an artifact.
    pub(crate) fn tensors(&self) -> Vec<(String, Tensor)> {
        let of_step = |(index, step): (usize, &Fitted)| {
            let named = match step {
                Fitted::Standardize { mean, deviation } => vec![("mean", mean), ("deviation", deviation)],
                Fitted::RobustScale { median, factor } => vec![("median", median), ("factor", factor)],
                _ => Vec::new(),
            };
            let named = named.into_iter().map(|(what, tensor)| (tensor_name(index, what), tensor.shallow_clone()));
            named.collect::<Vec<_>>()
        };
        self.steps.iter().enumerate().flat_map(of_step).collect()
    }

    /// The rows after all steps, as 32-bit floats. The steps use the precision of `rows`.
    pub(crate) fn apply(&self, rows: &Tensor) -> Tensor {
        self.steps.iter().fold(rows.shallow_clone(), |rows, step| step.apply(&rows)).to_kind(Kind::Float)
    }

    /// The same steps with their tensors on another device.
    pub(crate) fn to_device(&self, device: tch::Device) -> Self {
        let moved = |step: &Fitted| match step {
            Fitted::OfEncoding => Fitted::OfEncoding,
            Fitted::Scale(divisor) => Fitted::Scale(*divisor),
            Fitted::Reshape(sizes) => Fitted::Reshape(sizes.clone()),
            Fitted::SmoothClip => Fitted::SmoothClip,
            Fitted::Log(chosen) => Fitted::Log(chosen.to_device(device)),
            Fitted::Standardize { mean, deviation } => {
                Fitted::Standardize { mean: mean.to_device(device), deviation: deviation.to_device(device) }
            }
            Fitted::RobustScale { median, factor } => {
                Fitted::RobustScale { median: median.to_device(device), factor: factor.to_device(device) }
            }
        };
        Self { steps: self.steps.iter().map(moved).collect() }
    }
}

/// A step without statistics.
fn unfitted(step: &Preprocess, columns: &[String]) -> Fitted {
    match step {
        Preprocess::Scale(options) => Fitted::Scale(options.divide_by),
        Preprocess::Reshape(sizes) => Fitted::Reshape(sizes.iter().map(|size| i64::from(*size)).collect()),
        Preprocess::SmoothClip => Fitted::SmoothClip,
        Preprocess::Log(log) => {
            let chosen: Vec<bool> = columns.iter().map(|column| log.columns.contains(column)).collect();
            Fitted::Log(Tensor::from_slice(&chosen))
        }
        // `auto` was written out before, and the others have statistics.
        Preprocess::Auto
        | Preprocess::Impute(_)
        | Preprocess::OneHot(_)
        | Preprocess::Standardize
        | Preprocess::RobustScale => Fitted::OfEncoding,
    }
}

/// Median and factor of each value over the rows. The factor is one divided by the distance of the quartiles; if that is zero, two
/// divided by the distance of the extremes; zero for a constant.
pub(crate) fn robust_scale_of(rows: &Tensor) -> (Tensor, Tensor) {
    let (sorted, _) = rows.sort(0, false);
    let (median, low, high) = (quantile(&sorted, 0.5), quantile(&sorted, 0.25), quantile(&sorted, 0.75));
    let quartiles = high - low;
    let extremes = quantile(&sorted, 1.0) - quantile(&sorted, 0.0);
    let zero = Tensor::zeros_like(&quartiles);
    let by_extremes = (extremes.reciprocal() * 2.0).where_self(&extremes.gt(0.0), &zero);
    let factor = quartiles.reciprocal().where_self(&quartiles.gt(0.0), &by_extremes);
    // Distances that no float can invert are those of values that hardly differ, or that differ beyond all use.
    let factor = factor.where_self(&factor.isfinite(), &zero);
    (median, factor)
}

/// A quantile of rows that are sorted along their first dimension, by linear interpolation (the default of `numpy.quantile`).
fn quantile(sorted: &Tensor, share: f64) -> Tensor {
    let last = sorted.size()[0] - 1;
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a row number far below 2^53")]
    let (place, below) = {
        let place = last as f64 * share;
        (place, place.floor() as i64)
    };
    let low = sorted.select(0, below);
    let high = sorted.select(0, (below + 1).min(last));
    let fraction = place.fract();
    // Not `low + (high - low) · fraction`: the difference of the largest floats overflows.
    low * (1.0 - fraction) + high * fraction
}

impl Fitted {
    fn apply(&self, rows: &Tensor) -> Tensor {
        match self {
            Self::OfEncoding => rows.shallow_clone(),
            Self::Scale(divisor) => rows / *divisor,
            Self::Standardize { mean, deviation } => (rows - mean) / deviation,
            Self::RobustScale { median, factor } => (rows - median) * factor,
            Self::SmoothClip => rows / (rows.square() / 9.0 + 1.0).sqrt(),
            Self::Log(chosen) => (rows.abs().log1p() * rows.sign()).where_self(chosen, rows),
            Self::Reshape(sizes) => {
                let whole: Vec<i64> = std::iter::once(rows.size()[0]).chain(sizes.iter().copied()).collect();
                rows.reshape(whole.as_slice())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use slipway_contract::LogOptions;

    use super::*;

    fn applied(steps: &[Preprocess], rows: &Tensor, columns: &[String]) -> Tensor {
        Preprocessing::fit(steps, rows, columns).apply(rows)
    }

    #[test]
    fn standardized_rows_have_mean_zero_and_deviation_one_and_constants_stay_finite() {
        let rows = Tensor::from_slice2(&[[1.0_f32, 5.0], [3.0, 5.0], [5.0, 5.0]]);
        let applied = applied(&[Preprocess::Standardize], &rows, &[]);
        assert!(applied.mean(Kind::Float).double_value(&[]).abs() < 1e-6);
        assert!((applied.select(1, 0).std(false).double_value(&[]) - 1.0).abs() < 1e-6);
        assert!(applied.select(1, 1).abs().max().double_value(&[]) < 1e-9);
        let tenths = Tensor::from_slice(&[0.1_f64; 1_000]).reshape([1_000, 1]);
        assert!(self::applied(&[Preprocess::Standardize], &tenths, &[]).abs().max().double_value(&[]) < 1e-9);
    }

    #[test]
    fn numbers_that_are_one_in_32_bits_stay_apart_when_they_are_standardized() {
        for (offset, step) in [(1.7e9, 1.0), (1.7e18, 6e10), (2e7, 1.0), (1e37, 1e22), (0.0, 1e-24)] {
            let rows: Vec<f64> = (0..100).map(|row| offset + step * f64::from(row % 2)).collect();
            let rows = Tensor::from_slice(&rows).reshape([100, 1]);
            let applied = applied(&[Preprocess::Standardize], &rows, &[]);
            assert_eq!(applied.kind(), Kind::Float);
            let (low, high) = (applied.double_value(&[0, 0]), applied.double_value(&[1, 0]));
            assert!((low + 1.0).abs() < 1e-3 && (high - 1.0).abs() < 1e-3, "{offset}, {step}: {low} {high}");
        }
    }

    #[test]
    fn robust_scaling_divides_by_quartiles_then_extremes_and_leaves_constants_at_zero() {
        // The quartiles of 1, 2, 3, 4, 100 are 2 and 4. The second column has equal quartiles and extremes 0 and 8.
        let rows = Tensor::from_slice2(&[
            [1.0_f64, 4.0, 7.0],
            [2.0, 4.0, 7.0],
            [3.0, 4.0, 7.0],
            [4.0, 0.0, 7.0],
            [100.0, 8.0, 7.0],
        ]);
        let applied = applied(&[Preprocess::RobustScale], &rows, &[]);
        let column = |place| Vec::<f32>::try_from(&applied.select(1, place).contiguous()).expect("numbers");
        assert_eq!(column(0), [-1.0, -0.5, 0.0, 0.5, 48.5]);
        assert_eq!(column(1), [0.0, 0.0, 0.0, -1.0, 1.0]);
        assert_eq!(column(2), [0.0; 5]);
    }

    #[test]
    fn clipping_is_smooth_and_logarithms_are_taken_of_the_named_columns() {
        let rows = Tensor::from_slice2(&[[4.0_f64, 3.0], [-1e9, -3.0]]);
        let clipped = applied(&[Preprocess::SmoothClip], &rows, &[]);
        assert!(
            (clipped.double_value(&[0, 0]) - 2.4).abs() < 1e-6 && (clipped.double_value(&[1, 0]) + 3.0).abs() < 1e-6
        );
        let columns = ["a", "b"].map(str::to_owned);
        let log = Preprocess::Log(LogOptions { columns: vec!["b".to_owned()] });
        let taken = applied(&[log], &rows, &columns);
        let expected = [4.0, 4.0_f64.ln(), -1e9, -(4.0_f64.ln())];
        for (found, expected) in Vec::<f32>::try_from(&taken.view([-1])).expect("numbers").into_iter().zip(expected) {
            assert!((f64::from(found) - expected).abs() <= 1e-6 * expected.abs(), "{found} is not {expected}");
        }
    }
}
