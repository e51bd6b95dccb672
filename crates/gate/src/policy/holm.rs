//! Holm's step-down decides several slices together, so that a wrong decision about any of them is no more likely than for a
//! single slice.

/// For each error probability: whether it is small enough among all of them, and the level that it was compared with. The
/// smallest is compared with α/k, the next with α/(k−1), and so on until the first that is too large (Holm, "A Simple
/// Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6, 1979).
pub(super) fn step_down(errors: &[f64], level: f64) -> Vec<(bool, f64)> {
    let mut order: Vec<usize> = (0..errors.len()).collect();
    order.sort_by(|one, other| errors[*one].total_cmp(&errors[*other]));
    let mut decided = vec![(false, level); errors.len()];
    let mut left: f64 = errors.iter().map(|_| 1.0).sum();
    let mut stopped = false;
    for place in order {
        let held = level / left;
        // The errors are found by bisection and are exact to twelve digits.
        let small = !stopped && errors[place] <= held * (1.0 + 1e-9);
        decided[place] = (small, held);
        if small {
            left -= 1.0;
        } else {
            stopped = true;
        }
    }
    decided
}

#[cfg(test)]
mod tests {
    use super::step_down;

    #[test]
    fn each_error_is_held_against_the_level_over_those_left() {
        let decided = step_down(&[0.03, 0.001, 0.02, 0.5], 0.05);
        let expected = [(false, 0.05 / 3.0), (true, 0.05 / 4.0), (false, 0.05 / 3.0), (false, 0.05 / 3.0)];
        assert_eq!(decided, expected);
        assert_eq!(step_down(&[0.0124, 0.016, 0.024, 0.049], 0.05).iter().filter(|(small, _)| *small).count(), 4);
        assert_eq!(step_down(&[], 0.05), []);
    }
}
