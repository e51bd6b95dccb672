"""Computes the reference values of `crates/gate/src/policy/measure/tests/reference.rs` with SciPy and statsmodels.

Run `pip install scipy statsmodels` and `python tests/reference/statistics.py > crates/gate/src/policy/measure/tests/reference.rs`,
then `cargo fmt`.
"""

import numpy
import scipy
import statsmodels
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import bootstrap, norm
from statsmodels.stats.proportion import proportion_confint


def wilson(right, rows, confidence):
    """One-sided bounds at `confidence` are the two-sided ones at twice the error."""
    return proportion_confint(right, rows, alpha=2 * (1 - confidence), method="wilson")


def newcombe(both, candidate, champion, neither, confidence):
    """Newcombe 1998, method 10, from statsmodels' Wilson bounds and numpy's correlation of the rows."""
    rows = both + candidate + champion + neither
    first = numpy.repeat([1, 1, 0, 0], [both, candidate, champion, neither])
    second = numpy.repeat([1, 0, 1, 0], [both, candidate, champion, neither])
    deviations = first.std() * second.std()
    phi = 0.0
    if deviations > 0:
        covariance = numpy.mean(first * second) - first.mean() * second.mean()
        # Half a row off the numerator ad - bc is 1/2n off the covariance (ad - bc) / n².
        corrected = covariance if covariance <= 0 else max(covariance - 0.5 / rows, 0.0)
        phi = corrected / deviations
    p1, p2 = first.mean(), second.mean()
    (l1, u1), (l2, u2) = wilson(first.sum(), rows, confidence), wilson(second.sum(), rows, confidence)

    def reach(one, other):
        matrix = numpy.array([[1, -phi], [-phi, 1]])
        return numpy.sqrt(numpy.array([one, other]) @ matrix @ numpy.array([one, other]))

    return p1 - p2 - reach(p1 - l1, u2 - p2), p1 - p2 + reach(u1 - p1, p2 - l2)


def score(both, candidate, champion, neither, confidence):
    """Tango 1998: the differences that the score test does not reject. The likelihood of a difference is maximised as it is."""
    rows, z = both + candidate + champion + neither, norm.ppf(confidence)

    def statistic(difference):
        # The share of rows that only the champion gets right, which leaves at most one for all others.
        least, most = max(0.0, -difference), (1 - difference) / 2

        def surprise(share):
            cells = [(champion, share), (candidate, share + difference), (both + neither, 1 - 2 * share - difference)]
            return -sum(count * numpy.log(max(likely, 1e-300)) for count, likely in cells if count > 0)

        share = minimize_scalar(surprise, bounds=(least, most), method="bounded", options={"xatol": 1e-13}).x
        share = min([share, least, most], key=surprise)
        variance = rows * (2 * share + difference - difference**2)
        return (candidate - champion - rows * difference) / numpy.sqrt(max(variance, 1e-300))

    estimate = (candidate - champion) / rows
    lower = brentq(lambda difference: statistic(difference) - z, -1 + 1e-9, estimate - 1e-9, xtol=1e-12)
    upper = brentq(lambda difference: statistic(difference) + z, estimate + 1e-9, 1 - 1e-9, xtol=1e-12)
    return lower, upper


def sample(rows):
    """A lopsided sample that both languages can write down."""
    return numpy.array([((row * 37) % 101 / 10) ** 2 for row in range(rows)])


def acceleration(values, statistic):
    left_out = numpy.array([statistic(numpy.delete(values, row)) for row in range(len(values))])
    away = left_out.mean() - left_out
    return (away**3).sum() / (6 * (away**2).sum() ** 1.5)


def main():
    print("//! Reference values; written by `tests/reference/statistics.py`, not by hand.")
    print(f"//! SciPy {scipy.__version__}, statsmodels {statsmodels.__version__}, numpy {numpy.__version__}.\n")

    points = [-8, -5, -3.5, -1.96, -1, -0.3, 0, 0.1, 0.674, 1.5, 2.576, 4, 7]
    print("/// `(x, norm.cdf(x))`\npub(super) const SHARES_BELOW: &[(f64, f64)] = &[")
    for x in points:
        print(f"({float(x)}, {float(norm.cdf(x))!r}),")
    print("];\n\n/// `(share, norm.ppf(share))`\npub(super) const QUANTILES: &[(f64, f64)] = &[")
    for share in [1e-300, 1e-20, 1e-9, 1e-4, 0.01, 0.05, 0.074, 0.0751, 0.3, 0.5, 0.6, 0.925, 0.95, 0.975, 0.9999]:
        print(f"({share!r}, {float(norm.ppf(share))!r}),")
    print("];\n\n/// `((right, rows, confidence), (lower, upper))`: `proportion_confint(method=\"wilson\")`")
    print("pub(super) const WILSON: &[((f64, f64, f64), (f64, f64))] = &[")
    for right, rows, confidence in [
        (0, 10, 0.95), (1, 10, 0.95), (10, 10, 0.95), (81, 263, 0.975), (15, 148, 0.975), (0, 20, 0.975),
        (1, 29, 0.975), (880, 1000, 0.95), (9560, 10000, 0.99), (999999, 1000000, 0.9),
    ]:
        lower, upper = wilson(right, rows, confidence)
        print(f"(({right}.0, {rows}.0, {confidence}), ({float(lower)!r}, {float(upper)!r})),")
    print("];\n\n/// `([both, candidate, champion, neither], confidence, (lower, upper))`: Newcombe's method 10")
    print("pub(super) const NEWCOMBE: &[([f64; 4], f64, (f64, f64))] = &[")
    for cells in [
        (36, 12, 2, 0), (10, 15, 5, 20), (14, 5, 0, 22), (54, 0, 0, 0), (0, 30, 24, 0), (29, 1, 0, 24), (900, 40, 50, 10),
        (9400, 110, 90, 400), (0, 10, 20, 0), (950, 0, 0, 50),
    ]:
        for confidence in [0.975, 0.95]:
            lower, upper = newcombe(*cells, confidence)
            print(f"([{', '.join(f'{cell}.0' for cell in cells)}], {confidence}, ({float(lower)!r}, {float(upper)!r})),")
    print("];\n\n/// `([both, candidate, champion, neither], confidence, (lower, upper))`: Tango's score test")
    print("pub(super) const SCORES: &[([f64; 4], f64, (f64, f64))] = &[")
    for cells in [(36, 12, 2, 0), (10, 15, 5, 20), (14, 5, 0, 22), (29, 0, 1, 24), (150, 0, 4, 150), (900, 40, 50, 10)]:
        for confidence in [0.975, 0.95]:
            lower, upper = score(*cells, confidence)
            print(f"([{', '.join(f'{cell}.0' for cell in cells)}], {confidence}, ({float(lower)!r}, {float(upper)!r})),")
    print("];\n\n/// `(name, rows, acceleration, (lower, upper))` of the sample: `scipy.stats.bootstrap(method=\"BCa\")` at 0.95,")
    print("/// with 200,000 resamples.")
    print("pub(super) const BCA: &[(&str, u32, f64, (f64, f64))] = &[")
    for name, statistic in [("mean", numpy.mean), ("variance", numpy.var)]:
        for rows in [40, 150]:
            values = sample(rows)
            interval = bootstrap(
                (values,), statistic, confidence_level=0.9, n_resamples=200_000, method="BCa", batch=2_000, rng=7
            ).confidence_interval
            a = acceleration(values, statistic)
            print(f'("{name}", {rows}, {float(a)!r}, ({float(interval.low)!r}, {float(interval.high)!r})),')
    print("];")


main()
