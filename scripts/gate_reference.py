"""Writes crates/contract/src/metrics/reference.jsonl: figures of scikit-learn, SciPy and Fairlearn that our metrics are held to.

Run it in an environment with the versions named in VERSIONS:
    python3 -m venv .peers/gate && .peers/gate/bin/pip install scikit-learn==1.9.1 scipy==1.17.1 fairlearn
    .peers/gate/bin/python scripts/gate_reference.py

One line a table: integers for classes, scores in 64ths (exact as 32-bit floats), figures under the names of our metrics;
`null` where the library gives NaN or refuses. Metrics that no library has (calibration error, symmetric percentage error,
interval coverage, stability index) are computed here with NumPy by their published definition.
"""

import json
import math
import pathlib
import warnings

import numpy as np
import scipy.spatial.distance
import scipy.stats
import sklearn.metrics as sk
from fairlearn import metrics as fair

warnings.filterwarnings("ignore")
OUT = pathlib.Path(__file__).resolve().parent.parent / "crates/contract/src/metrics/reference.jsonl"
random = np.random.default_rng(20_240_607)


def figure(compute):
    """The figure, or None where the library says that there is none."""
    try:
        value = float(compute())
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def scores_of(rows, classes, style):
    """Whole 64ths a class that sum to 64 a row."""
    if style == "flat":
        base = np.full(classes, 64 // classes)
        base[0] += 64 - base.sum()
        return np.tile(base, (rows, 1))
    if style == "sure":
        picked = random.integers(0, classes, rows)
        return np.eye(classes, dtype=int)[picked] * 64
    if style == "coarse":
        return np.array([random.multinomial(4, np.full(classes, 1 / classes)) * 16 for _ in range(rows)])
    return np.array([random.multinomial(64, random.dirichlet(np.full(classes, 0.6))) for _ in range(rows)])


def calibration_error(labels, predictions, scores, weights, bins):
    top = scores[np.arange(len(labels)), predictions]
    place = np.maximum(np.ceil(top * bins), 1).astype(int) - 1
    gaps = [np.sum(weights * (place == b) * (top - (labels == predictions))) for b in range(bins)]
    return np.sum(np.abs(gaps)) / np.sum(weights)


def one_class(labels, predictions, scores, weights, target):
    truth, said = (labels == target).astype(int), (predictions == target).astype(int)
    name = json.dumps(str(target))
    kw = {"sample_weight": weights, "zero_division": 0}
    # scikit-learn 1.9 raises or gives NaN with one class only; the figure is absent then.
    both = 0 < truth.sum() < len(truth)
    return {
        f"precision(class={name})": figure(lambda: sk.precision_score(truth, said, **kw)),
        f"recall(class={name})": figure(lambda: sk.recall_score(truth, said, **kw)),
        f"f1(class={name})": figure(lambda: sk.f1_score(truth, said, **kw)),
        f"f_beta(beta=2.0, class={name})": figure(lambda: sk.fbeta_score(truth, said, beta=2, **kw)),
        f"roc_auc(class={name})": figure(lambda: sk.roc_auc_score(truth, scores[:, target], sample_weight=weights)) if both else None,
        f"pr_auc(class={name})": figure(lambda: sk.average_precision_score(truth, scores[:, target], sample_weight=weights)),
        f"brier_score(class={name})": figure(
            lambda: sk.brier_score_loss(truth, scores[:, target], sample_weight=weights, pos_label=1)),
    }


def classification(rows, classes, style, weighted, labels=None, predictions=None):
    labels = random.integers(0, classes, rows) if labels is None else np.array(labels)
    scores64 = scores_of(rows, classes, style)
    scores = scores64 / 64
    if predictions is None:
        predictions = np.where(random.random(rows) < 0.6, labels, random.integers(0, classes, rows))
    predictions = np.array(predictions)
    weights = random.integers(1, 6, rows) / 2 if weighted else None
    w = np.ones(rows) if weights is None else weights
    every = list(range(classes))
    kw = {"sample_weight": weights, "zero_division": 0}
    present = len(set(labels)) == classes
    values = {
        "accuracy": figure(lambda: sk.accuracy_score(labels, predictions, sample_weight=weights)),
        "balanced_accuracy": figure(lambda: sk.balanced_accuracy_score(labels, predictions, sample_weight=weights)),
        "matthews_correlation": figure(lambda: sk.matthews_corrcoef(labels, predictions, sample_weight=weights)),
        "cohen_kappa": figure(lambda: sk.cohen_kappa_score(labels, predictions, labels=every, sample_weight=weights)),
        "log_loss": figure(lambda: sk.log_loss(labels, scores, labels=every, sample_weight=weights)),
        "brier_score": figure(lambda: sk.brier_score_loss(
            labels, scores if classes > 2 else scores[:, 1], labels=every, sample_weight=weights,
            **({"pos_label": 1} if classes == 2 else {}))),
        "expected_calibration_error": figure(lambda: calibration_error(labels, predictions, scores, w, 15)),
        "expected_calibration_error(bins=5)": figure(lambda: calibration_error(labels, predictions, scores, w, 5)),
    }
    for average in ["micro", "macro", "weighted"]:
        a = {"average": average, **kw}
        values[f"{average}_precision"] = figure(lambda: sk.precision_score(labels, predictions, **a))
        values[f"{average}_recall"] = figure(lambda: sk.recall_score(labels, predictions, **a))
        values[f"{average}_f1"] = figure(lambda: sk.f1_score(labels, predictions, **a))
        values[f"{average}_f_beta(beta=0.5)"] = figure(lambda: sk.fbeta_score(labels, predictions, beta=0.5, **a))
    onehot = np.eye(classes, dtype=int)[labels]
    for average in ["macro", "weighted"]:
        # Classes without rows of their own leave the macro area undefined; weighted by labels they count for nothing.
        if present and classes > 1:
            values[f"{average}_roc_auc"] = figure(lambda: sk.roc_auc_score(
                onehot, scores, average=average, sample_weight=weights))
        if classes > 1:
            values[f"{average}_pr_auc"] = figure(lambda: sk.average_precision_score(
                onehot, scores, average=average, sample_weight=weights))
    if not present:
        values["macro_roc_auc"] = None
    if classes > 2:
        for k in [1, 2]:
            values[f"top_k_accuracy(k={k})"] = figure(lambda: sk.top_k_accuracy_score(
                labels, scores, k=k, labels=every, sample_weight=weights))
    for target in {0, classes - 1}:
        values.update(one_class(labels, predictions, scores, weights, target))
    groups = random.integers(0, 2, rows)
    case = {"labels": labels.tolist(), "predictions": predictions.tolist(), "classes": classes,
            "scores": scores64.ravel().tolist()}
    if weights is not None:
        case["weights"] = weights.tolist()
    truth, said = (labels == 0).astype(int), (predictions == 0).astype(int)
    per_group = [((groups == g) & (truth == t)).sum() for g in set(groups) for t in [0, 1]]
    if min(per_group) > 0:
        case["groups"] = groups.tolist()
        kw = {"sensitive_features": groups, "sample_weight": w}
        name = 'by="group", class="0"'
        values[f"selection_rate_ratio({name})"] = figure(lambda: fair.demographic_parity_ratio(truth, said, **kw))
        values[f"equal_opportunity_difference({name})"] = figure(
            lambda: fair.equal_opportunity_difference(truth, said, **kw))
        values[f"equalized_odds_difference({name})"] = figure(lambda: fair.equalized_odds_difference(truth, said, **kw))
    case["values"] = values
    return case


def regression(rows, labels, weighted, exact=False):
    noise = np.zeros(rows) if exact else np.round(random.normal(0, 1, rows), 2)
    predictions = labels + noise
    weights = random.integers(1, 5, rows) / 2 if weighted else None
    w = np.ones(rows) if weights is None else weights
    lower = predictions - np.round(random.random(rows) * 2, 1)
    upper = predictions + np.round(random.random(rows) * 2, 1)
    kw = {"sample_weight": weights}
    size = np.abs(labels) + np.abs(predictions)
    symmetric = np.where(size > 0, 2 * np.abs(labels - predictions) / np.where(size > 0, size, 1), 0)
    values = {
        "mean_absolute_error": figure(lambda: sk.mean_absolute_error(labels, predictions, **kw)),
        "root_mean_squared_error": figure(lambda: sk.root_mean_squared_error(labels, predictions, **kw)),
        "r2": figure(lambda: sk.r2_score(labels, predictions, **kw)) if rows > 1 else None,
        "mean_absolute_percentage_error": figure(lambda: sk.mean_absolute_percentage_error(labels, predictions, **kw)),
        "symmetric_mean_absolute_percentage_error": float(np.average(symmetric, weights=w)),
        "median_absolute_error": figure(lambda: sk.median_absolute_error(labels, predictions, **kw)),
        "pinball_loss(quantile=0.1)": figure(lambda: sk.mean_pinball_loss(labels, lower, alpha=0.1, **kw)),
        "pinball_loss(quantile=0.9)": figure(lambda: sk.mean_pinball_loss(labels, upper, alpha=0.9, **kw)),
        "interval_coverage(lower=0.1, upper=0.9)": float(np.average((lower <= labels) & (labels <= upper), weights=w)),
    }
    case = {"labels": labels.tolist(), "predictions": predictions.tolist(),
            "quantiles": {"quantile_0.1": lower.tolist(), "quantile_0.9": upper.tolist()}, "values": values}
    if weights is not None:
        case["weights"] = weights.tolist()
    return case


def stability(expected, actual):
    e, a = expected / expected.sum(), actual / actual.sum()
    e, a = np.maximum(e, 1e-4), np.maximum(a, 1e-4)
    return float(np.sum((a - e) * np.log(a / e)))


def counts_drift(one, other):
    table = np.array([one, other])
    kept = table[:, table.sum(axis=0) > 0]
    chi = figure(lambda: scipy.stats.chi2_contingency(kept, correction=False).statistic) if kept.shape[1] > 1 else 0.0
    return {"one": one.tolist(), "other": other.tolist(), "counts": True, "values": {
        "population_stability_index": stability(one, other),
        "jensen_shannon": figure(lambda: scipy.spatial.distance.jensenshannon(one, other)),
        "chi_squared": chi,
        "cramers_v": figure(lambda: scipy.stats.contingency.association(kept.astype(int), method="cramer")) if kept.shape[1] > 1 else 0.0,
    }}


def values_drift(one, other):
    edges = np.unique(np.quantile(one, np.arange(1, 10) / 10))
    binned = [np.bincount(np.searchsorted(edges, v), minlength=len(edges) + 1) for v in (one, other)]
    return {"one": one.tolist(), "other": other.tolist(), "counts": False, "values": {
        "kolmogorov_smirnov": float(scipy.stats.ks_2samp(one, other, method="asymp").statistic),
        "wasserstein": float(scipy.stats.wasserstein_distance(one, other)),
        "decile_population_stability_index": stability(*[b.astype(float) for b in binned]),
    }}


def cases():
    for style in ["plain", "coarse", "flat", "sure"]:
        for classes in [2, 3, 5]:
            for rows in [1, 2, 3, 7, 12, 20]:
                for weighted in [False, True]:
                    yield classification(rows, classes, style, weighted)
    for rows in [1, 5]:
        for classes in [2, 3]:
            for label, said in [(0, 0), (0, 1), (1, 0), (1, 1)]:
                yield classification(rows, classes, "plain", False, [label] * rows, [said] * rows)
    for _ in range(40):
        yield classification(int(random.integers(8, 24)), int(random.integers(2, 5)), "plain", bool(random.integers(2)))
    for rows in [1, 2, 3, 4, 9, 16]:
        for weighted in [False, True]:
            for _ in range(8):
                yield regression(rows, np.round(random.normal(10, 4, rows), 1), weighted)
            yield regression(rows, np.zeros(rows), weighted)
            yield regression(rows, np.zeros(rows), weighted, exact=True)
            yield regression(rows, np.full(rows, 7.25), weighted)
            yield regression(rows, np.round(random.normal(1e6, 2, rows), 1), weighted)
    for bins in [1, 2, 3, 6, 10]:
        for most in [3, 20, 400]:
            for _ in range(5):
                one, other = random.integers(0, most, bins), random.integers(0, most, bins)
                one[0], other[-1] = one[0] + 1, other[-1] + 1
                yield counts_drift(one.astype(float), other.astype(float))
    for rows in [1, 2, 5, 12, 25]:
        for spread in [0, 1, 5]:
            for _ in range(5):
                one = np.round(random.normal(0, 1, rows), 1)
                yield values_drift(one, np.round(random.normal(spread / 5, 1 + spread, rows + 3), 1))
        yield values_drift(np.zeros(rows), np.ones(rows))
        yield values_drift(np.ones(rows), np.ones(rows))


def main():
    lines = [json.dumps(case, separators=(",", ":")) for case in cases()]
    OUT.write_text("\n".join(lines) + "\n")
    figures = sum(len(json.loads(line)["values"]) for line in lines)
    print(f"{len(lines)} tables, {figures} figures, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
