"""The peer of `make bench-gate`: the same ten metrics over all rows and in every slice, resampled, in NumPy and scikit-learn.

Usage: gate_peer.py ROWS SLICES ROUNDS SECONDS

Times single resamples, as a user would write them: draw rows with replacement, take them, call scikit-learn. Two thousand of
each would take hours, so a few rounds are timed and multiplied; the two processors are taken to halve that without loss, which
is more than Python gives. Prints one JSON document.
"""

import json
import sys
import time
import warnings

import numpy as np
import sklearn
import sklearn.metrics as sk

warnings.filterwarnings("ignore")
CLASSES = 5


def calibration_error(labels, predictions, scores):
    top = scores[np.arange(len(labels)), predictions]
    place = np.minimum((top * 15).astype(int), 14)
    gaps = np.bincount(place, weights=top - (labels == predictions), minlength=15)
    return np.abs(gaps).sum() / len(labels)


METRICS = {
    "accuracy": lambda y, p, s: sk.accuracy_score(y, p),
    "balanced_accuracy": lambda y, p, s: sk.balanced_accuracy_score(y, p),
    "macro_f1": lambda y, p, s: sk.f1_score(y, p, average="macro"),
    "weighted_f1": lambda y, p, s: sk.f1_score(y, p, average="weighted"),
    "matthews_correlation": lambda y, p, s: sk.matthews_corrcoef(y, p),
    "log_loss": lambda y, p, s: sk.log_loss(y, s),
    "brier_score": lambda y, p, s: sk.brier_score_loss(y, s, labels=range(CLASSES)),
    "expected_calibration_error": calibration_error,
    "roc_auc": lambda y, p, s: sk.roc_auc_score(y == 1, s[:, 1]),
    "pr_auc": lambda y, p, s: sk.average_precision_score(y == 1, s[:, 1]),
}


def main():
    rows, slices, rounds, most = (int(word) for word in sys.argv[1:5])
    random = np.random.default_rng(5)
    labels = random.integers(0, CLASSES, rows)
    predictions = np.where(random.random(rows) < 0.8, labels, random.integers(0, CLASSES, rows))
    top = 0.3 + 0.7 * random.random(rows)
    scores = np.repeat(((1 - top) / (CLASSES - 1))[:, None], CLASSES, axis=1)
    scores[np.arange(rows), predictions] = top
    scores /= scores.sum(axis=1, keepdims=True)
    seconds = {}
    begun = time.perf_counter()
    for name, metric in METRICS.items():
        # One resample of all rows, and one of a slice that stands for all slices.
        for part, count in (("all", rows), ("slice", rows // slices)):
            times = []
            for _ in range(rounds):
                start = time.perf_counter()
                drawn = random.integers(0, count, count)
                metric(labels[drawn], predictions[drawn], scores[drawn])
                times.append(time.perf_counter() - start)
                if time.perf_counter() - begun > most:
                    break
            seconds[f"{name}, {part}"] = min(times)
    one = sum(value * (slices if name.endswith("slice") else 1) for name, value in seconds.items())
    print(json.dumps({
        "seconds_a_resample": one, "resamples": 2000, "seconds": one * 2000 / 2,
        "versions": f"NumPy {np.__version__}, scikit-learn {sklearn.__version__}", "parts": seconds,
    }))


if __name__ == "__main__":
    main()
