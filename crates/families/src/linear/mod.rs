//! Linear models with an L2 penalty: logistic and multinomial regression, and least squares, fitted until the gradient vanishes.
//!
//! The objective is that of scikit-learn's `LogisticRegression(C=1/l2)` and `Ridge(alpha=l2)`: the weighted sum of the losses of all rows
//! plus `l2 / 2` times the sum of the squared coefficients, without the intercepts. The loss of a number is half its squared error.

mod minimise;
mod objective;

#[cfg(test)]
mod tests;

use objective::Objective;

/// What is minimised for each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The log loss of two classes. One output: the log-odds of class 1. Targets are 0 and 1.
    Logistic,
    /// The log loss of so many classes. An output for each: its score before the softmax. Targets are the classes' indexes.
    Softmax(usize),
    /// Half the squared error.
    Squared,
}

impl Loss {
    /// The number of outputs.
    pub fn outputs(self) -> usize {
        match self {
            Self::Softmax(classes) => classes,
            Self::Logistic | Self::Squared => 1,
        }
    }
}

/// The rows that a model is fitted to.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// The inputs, row by row.
    pub inputs: &'a [f64],
    /// The number of inputs of a row, at least one.
    pub width: usize,
    /// The target of each row, as its loss expects it.
    pub targets: &'a [f64],
    /// The weight of each row, above zero.
    pub weights: &'a [f64],
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    width: usize,
    /// The coefficients, output by output.
    coefficients: Vec<f64>,
    intercepts: Vec<f64>,
}

/// A fitted model, and how its search ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The model.
    pub model: Linear,
    /// The number of steps.
    pub steps: u32,
    /// The weighted mean of the losses, without the penalty.
    pub loss: f64,
    /// Whether the gradient vanished, apart from rounding. Otherwise the most steps were made.
    pub has_converged: bool,
}

/// Parts that are not a linear model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotLinear(String);

impl Linear {
    /// Fits a model. There is at least one row. Without a penalty the coefficients of separable classes have no limit; the search then
    /// ends after its most steps.
    pub fn fit(rows: Rows<'_>, loss: Loss, l2: f64) -> Fitted {
        let objective = Objective { rows, loss, l2 };
        let found = minimise::minimise(&objective, objective.start());
        let coefficients = found.place[..loss.outputs() * rows.width].to_vec();
        let intercepts = found.place[loss.outputs() * rows.width..].to_vec();
        let model = Self { width: rows.width, coefficients, intercepts };
        let loss = objective.mean_loss(&found.place);
        Fitted { model, steps: found.steps, loss, has_converged: found.has_converged }
    }

    /// The model of coefficients from outside, output by output.
    pub fn from_parts(coefficients: Vec<f64>, intercepts: Vec<f64>, width: usize) -> Result<Self, NotLinear> {
        if width == 0 || intercepts.is_empty() || coefficients.len() != width * intercepts.len() {
            let (found, outputs) = (coefficients.len(), intercepts.len());
            return Err(NotLinear(format!("{found} coefficients for {outputs} outputs of {width} inputs each")));
        }
        if let Some(value) = coefficients.iter().chain(&intercepts).find(|value| !value.is_finite()) {
            return Err(NotLinear(format!("a coefficient is {value}, expected a finite number")));
        }
        Ok(Self { width, coefficients, intercepts })
    }

    /// The coefficients, output by output.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The intercept of each output.
    pub fn intercepts(&self) -> &[f64] {
        &self.intercepts
    }

    /// The number of inputs of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The outputs of a row, added up in the order of its inputs. `outputs` has a place for each.
    pub fn predict(&self, row: &[f64], outputs: &mut [f64]) {
        objective::outputs_of(&self.coefficients, &self.intercepts, row, outputs);
    }
}
