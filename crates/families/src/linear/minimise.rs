//! L-BFGS (Nocedal and Wright, "Numerical Optimization", 2006, algorithms 7.4 and 7.5) with a line search for the weak Wolfe
//! conditions by bisection (Lewis and Overton, 2013, algorithm 2.6).

use std::collections::VecDeque;

use super::objective::Objective;

/// The pairs of steps and changes of the gradient that are remembered.
const MEMORY: usize = 20;
/// The most steps.
const MAX_STEPS: u32 = 5_000;
/// The most trials of a line search.
const MAX_TRIALS: u32 = 60;
/// The share of the predicted decrease that a step must reach.
const DECREASE: f64 = 1e-4;
/// The share of the slope that may be left after a step.
const SLOPE: f64 = 0.9;
/// Differences of the objective below this share of it are rounding.
const ROUNDING: f64 = 1e-14;

/// Where a search ended.
pub(super) struct Found {
    pub(super) place: Vec<f64>,
    pub(super) steps: u32,
    pub(super) has_converged: bool,
}

/// A step and the change of the gradient that it made.
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// One divided by the product of both.
    scale: f64,
}

/// Searches the place where the gradient vanishes.
pub(super) fn minimise(objective: &Objective<'_>, start: Vec<f64>) -> Found {
    let tolerance = objective.tolerance();
    let (mut place, mut gradient) = (start, Vec::new());
    gradient.resize(place.len(), 0.0);
    let mut value = objective.value(&place, &mut gradient);
    let mut memory: VecDeque<Pair> = VecDeque::with_capacity(MEMORY);
    for steps in 0..MAX_STEPS {
        if largest(&gradient) <= tolerance {
            return Found { place, steps, has_converged: true };
        }
        let mut direction = direction_of(&memory, &gradient);
        if product(&direction, &gradient) >= 0.0 {
            memory.clear();
            direction = direction_of(&memory, &gradient);
        }
        let Some(next) = search(objective, &place, value, &gradient, &direction) else {
            // Rounding hides every further decrease.
            let is_small = largest(&gradient) <= tolerance.sqrt().max(tolerance * 1e4);
            return Found { place, steps, has_converged: is_small };
        };
        let step: Vec<f64> = next.place.iter().zip(&place).map(|(new, old)| new - old).collect();
        let change: Vec<f64> = next.gradient.iter().zip(&gradient).map(|(new, old)| new - old).collect();
        let curvature = product(&step, &change);
        if curvature > 0.0 {
            if memory.len() == MEMORY {
                memory.pop_front();
            }
            memory.push_back(Pair { step, change, scale: 1.0 / curvature });
        }
        (place, gradient, value) = (next.place, next.gradient, next.value);
    }
    Found { place, steps: MAX_STEPS, has_converged: false }
}

/// The direction of the next step, by the two loops of the algorithm.
fn direction_of(memory: &VecDeque<Pair>, gradient: &[f64]) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
    let Some(last) = memory.back() else {
        let size = product(gradient, gradient).sqrt().max(1.0);
        multiply(&mut direction, 1.0 / size);
        return direction;
    };
    let mut factors = Vec::with_capacity(memory.len());
    for pair in memory.iter().rev() {
        let factor = pair.scale * product(&pair.step, &direction);
        add(&mut direction, -factor, &pair.change);
        factors.push(factor);
    }
    let scale = 1.0 / (last.scale * product(&last.change, &last.change));
    multiply(&mut direction, scale);
    for (pair, factor) in memory.iter().zip(factors.into_iter().rev()) {
        let other = pair.scale * product(&pair.change, &direction);
        add(&mut direction, factor - other, &pair.step);
    }
    direction
}

/// A place with its value and gradient.
struct Next {
    place: Vec<f64>,
    gradient: Vec<f64>,
    value: f64,
}

/// A step along a direction that lowers the value enough; `None` if there is none.
fn search(objective: &Objective<'_>, place: &[f64], value: f64, gradient: &[f64], direction: &[f64]) -> Option<Next> {
    let slope = product(gradient, direction);
    let (mut low, mut high, mut length) = (0.0, f64::INFINITY, 1.0);
    let mut there = Next { place: place.to_vec(), gradient: vec![0.0; place.len()], value };
    for _ in 0..MAX_TRIALS {
        there.place.clone_from_slice(place);
        add(&mut there.place, length, direction);
        there.value = objective.value(&there.place, &mut there.gradient);
        let slope_there = product(&there.gradient, direction);
        let allowed = value + DECREASE * length * slope + ROUNDING * value.abs();
        if !there.value.is_finite() || there.value > allowed {
            high = length;
        } else if slope_there < SLOPE * slope {
            low = length;
        } else {
            return (there.place != place).then_some(there);
        }
        length = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * low };
    }
    None
}

fn product(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

fn multiply(values: &mut [f64], factor: f64) {
    for value in values {
        *value *= factor;
    }
}

fn add(sum: &mut [f64], factor: f64, other: &[f64]) {
    sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += factor * other);
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}
