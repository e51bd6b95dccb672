//! Coefficients against those of scikit-learn, the gradient at the end, and parts from outside.

use super::objective::Objective;
use super::*;

/// The rows of the reference: three inputs of arithmetic, and the number that the targets follow from.
///
/// The reference figures are those of scikit-learn 1.9.1 in Python, for
/// `X[i, j] = (i * 37 + j * 101) * 73 % 97 / 97 * 2 - 1` and
/// `z[i] = 1.5 * X[i, 0] - X[i, 1] + 2 * (i * 61 % 53 / 53 - 0.5)` with 60 rows.
fn reference() -> (Vec<f64>, Vec<f64>) {
    let input = |row: u32, place: u32| f64::from((row * 37 + place * 101) * 73 % 97) / 97.0 * 2.0 - 1.0;
    let inputs: Vec<f64> = (0..60).flat_map(|row| (0..3).map(move |place| input(row, place))).collect();
    let noise = |row: u32| 2.0 * (f64::from(row * 61 % 53) / 53.0 - 0.5);
    let numbers = (0..60).map(|row| 1.5 * input(row, 0) - input(row, 1) + noise(row)).collect();
    (inputs, numbers)
}

fn fitted(targets: &[f64], weights: &[f64], loss: Loss, l2: f64) -> Fitted {
    let inputs = reference().0;
    Linear::fit(Rows { inputs: &inputs, width: 3, targets, weights }, loss, l2)
}

fn assert_near(found: &Fitted, coefficients: &[f64], intercepts: &[f64]) {
    assert!(found.has_converged, "{found:?}");
    let model = &found.model;
    let pairs = model.coefficients().iter().zip(coefficients).chain(model.intercepts().iter().zip(intercepts));
    for (found, expected) in pairs {
        assert!((found - expected).abs() < 1e-6, "{model:?}, expected {coefficients:?} {intercepts:?}");
    }
}

#[test]
fn two_classes_have_the_coefficients_of_scikit_learn() {
    let targets: Vec<f64> = reference().1.iter().map(|number| f64::from(u8::from(*number > 0.2))).collect();
    // LogisticRegression(C=2.0, tol=1e-12, solver="newton-cholesky").fit(X, z > 0.2)
    let expected = [1.427_940_995_879_673_8, 0.109_173_158_627_407_31, -1.032_677_365_596_858];
    assert_near(&fitted(&targets, &[1.0; 60], Loss::Logistic, 0.5), &expected, &[-1.591_132_196_588_884_3]);
    // The same with sample_weight=1 + i % 3
    let weights: Vec<f64> = (0..60).map(|row| f64::from(1 + row % 3)).collect();
    let expected = [1.844_370_725_333_004_8, 0.211_387_390_023_092_95, -1.531_124_929_923_826_5];
    assert_near(&fitted(&targets, &weights, Loss::Logistic, 0.5), &expected, &[-1.733_788_007_268_952_4]);
}

#[test]
fn three_classes_have_the_coefficients_of_scikit_learn() {
    let class = |number: &f64| if *number > 0.7 { 2.0 } else { f64::from(u8::from(*number > -0.3)) };
    let targets: Vec<f64> = reference().1.iter().map(class).collect();
    // LogisticRegression(C=2.0, tol=1e-14, solver="newton-cg").fit(X, where(z > 0.7, 2, where(z > -0.3, 1, 0)))
    let expected = [
        [-0.470_306_879_365_660_8, 0.166_391_308_899_676_3, 0.712_516_518_245_857_4],
        [-2.140_308_997_578_502_6, -0.693_485_328_699_990_2, -0.453_607_115_836_244_7],
        [2.610_615_876_944_164, 0.527_094_019_800_315_6, -0.258_909_402_409_611_1],
    ];
    let intercepts = [0.683_900_309_744_845_3, 1.138_343_027_081_335_7, -1.822_243_336_826_191_9];
    assert_near(&fitted(&targets, &[1.0; 60], Loss::Softmax(3), 0.5), &expected.concat(), &intercepts);
}

#[test]
fn numbers_have_the_coefficients_of_scikit_learn() {
    // Ridge(alpha=0.5, solver="cholesky").fit(X, z)
    let expected = [1.481_176_743_148_597_2, -0.753_994_028_241_845_8, -0.681_740_898_393_68];
    let found = fitted(&reference().1, &[1.0; 60], Loss::Squared, 0.5);
    assert_near(&found, &expected, &[-0.037_507_655_764_686_974]);
    let mut output = [0.0];
    found.model.predict(&[1.0, 0.0, 2.0], &mut output);
    let exact = found.model.intercepts()[0] + found.model.coefficients()[0] + 2.0 * found.model.coefficients()[2];
    assert!((output[0] - exact).abs() < 1e-15);
}

#[test]
fn the_gradient_is_that_of_the_value_and_vanishes_at_the_end() {
    let (inputs, numbers) = reference();
    let targets: Vec<f64> = numbers.iter().map(|number| f64::from(u8::from(*number > 0.2))).collect();
    let rows = Rows { inputs: &inputs, width: 3, targets: &targets, weights: &[2.0; 60] };
    for loss in [Loss::Logistic, Loss::Softmax(2), Loss::Squared] {
        let objective = Objective { rows, loss, l2: 0.3 };
        let mut place = objective.start();
        place.iter_mut().zip(1_u32..).for_each(|(entry, number)| *entry = f64::from(number) / 10.0);
        let (mut gradient, mut unused) = (vec![0.0; place.len()], vec![0.0; place.len()]);
        objective.value(&place, &mut gradient);
        for entry in 0..place.len() {
            let mut shifted = |by: f64| {
                let mut place = place.clone();
                place[entry] += by;
                objective.value(&place, &mut unused)
            };
            let slope = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
            assert!((gradient[entry] - slope).abs() < 1e-5, "{loss:?}: {} is not {slope}", gradient[entry]);
        }
        let model = Linear::fit(rows, loss, 0.3).model;
        let end = [model.coefficients(), model.intercepts()].concat();
        objective.value(&end, &mut gradient);
        assert!(gradient.iter().all(|slope| slope.abs() < 1e-6), "{loss:?}: {gradient:?}");
    }
}

#[test]
fn a_constant_input_and_separable_classes_do_not_harm() {
    let inputs = [0.0, -1.0, 0.0, -0.5, 0.0, 0.5, 0.0, 1.0];
    let rows = Rows { inputs: &inputs, width: 2, targets: &[0.0, 0.0, 1.0, 1.0], weights: &[1.0; 4] };
    let found = Linear::fit(rows, Loss::Logistic, 1.0);
    assert!(found.has_converged && found.model.coefficients()[0] == 0.0, "{found:?}");
    let endless = Linear::fit(rows, Loss::Logistic, 0.0);
    assert!(endless.model.coefficients().iter().all(|coefficient| coefficient.is_finite()), "{endless:?}");
    assert!(endless.loss < 1e-3, "{endless:?}");
}

#[test]
fn parts_from_outside_are_checked() {
    let model = Linear::from_parts(vec![1.0, 2.0], vec![0.5], 2).expect("a model");
    assert_eq!(model.width(), 2);
    for (coefficients, intercepts, width) in
        [(vec![1.0], vec![0.5], 2), (vec![], vec![], 1), (vec![], vec![0.5], 0), (vec![f64::NAN], vec![0.5], 1)]
    {
        assert!(Linear::from_parts(coefficients, intercepts, width).is_err());
    }
}
