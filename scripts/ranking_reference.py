"""Writes crates/contract/src/metrics/ranking_reference.jsonl: figures of scikit-learn, ranx and sktime that our metrics of
rankings, of forecasts and of confused classes are held to.

Run it in an environment with these versions:
    python3 -m venv .peers/ranking && .peers/ranking/bin/pip install scikit-learn==1.9.1 ranx==0.3.21 sktime==1.2.0
    .peers/ranking/bin/python scripts/ranking_reference.py

One line a table, figures under the names of our metrics. Rankings: NDCG is scikit-learn's `ndcg_score`, ties of scores included.
ranx breaks ties by the order of rows, so its figures of tied scores are their mean over all orders of the tied rows. Queries
without a relevant row count zero in both libraries; those figures are named `without_relevant="zero"`, and the others leave such
queries out before they ask. MASE is the mean over the series of sktime's; WAPE is the sum of scikit-learn's absolute errors over
that of the labels (GluonTS's `ND`).
"""

import itertools
import json
import pathlib
import warnings

import numpy as np
import sklearn.metrics as sk
from ranx import Qrels, Run, evaluate
from sktime.performance_metrics.forecasting import mean_absolute_scaled_error

warnings.filterwarnings("ignore")
OUT = pathlib.Path(__file__).resolve().parent.parent / "crates/contract/src/metrics/ranking_reference.jsonl"
random = np.random.default_rng(20_261_129)
RANX = {"mean_average_precision": "map", "mean_reciprocal_rank": "mrr", "hit_rate": "hit_rate"}


def orders(scores):
    """Every order of the rows that the scores allow, as scores without ties."""
    ties = [np.flatnonzero(scores == score) for score in sorted(set(scores), reverse=True)]
    for order in itertools.product(*[itertools.permutations(tie) for tie in ties]):
        ranked = list(itertools.chain(*order))
        untied = np.empty(len(scores))
        untied[ranked] = np.arange(len(scores), 0, -1)
        yield untied


def by_ranx(name, k, relevance, scores):
    """The figure of one query, over all orders of its ties."""
    docs = [f"d{place}" for place in range(len(scores))]
    relevant = {doc: int(value) for doc, value in zip(docs, relevance) if value > 0}
    if not relevant:
        return 0.0
    metric = RANX[name] if k is None else f"{RANX[name]}@{k}"
    figures = [
        evaluate(Qrels({"q": relevant}), Run({"q": dict(zip(docs, map(float, untied)))}), metric) for untied in orders(scores)
    ]
    return float(np.mean(figures))


def ranking(queries):
    """The figures of some queries, each a pair of relevances and scores."""
    values = {}
    for k in [None, 1, 3, 10]:
        for name in ["ndcg", *RANX]:
            if name == "hit_rate" and k is None:
                continue
            def figure(relevance, scores):
                if name == "ndcg":
                    return float(sk.ndcg_score([relevance], [scores], k=k)) if len(scores) > 1 else float(relevance[0] > 0)
                return by_ranx(name, k, relevance, scores)
            every = [(figure(relevance, scores), max(relevance) > 0) for relevance, scores in queries]
            at = "" if k is None else f"k={k}, "
            relevant = [value for value, has_relevant in every if has_relevant]
            if relevant:
                values[f'{name}({at}query="q")'] = float(np.mean(relevant))
                values[f'{name}({at}query="q", without_relevant="zero")'] = float(np.mean([value for value, _ in every]))
    rows = [(query, r, s) for query, (relevance, scores) in enumerate(queries) for r, s in zip(relevance, scores)]
    return {
        "queries": [row[0] for row in rows],
        "relevance": [float(row[1]) for row in rows],
        "scores": [float(row[2]) for row in rows],
        "values": values,
    }


def query(length, ties, grades):
    relevance = random.choice([0, *range(grades + 1)], length)
    scores = random.integers(0, 3, length) if ties else random.permutation(length)
    return relevance, scores.astype(float)


def forecast(series, horizon):
    tables = []
    for number in range(series):
        season, length = int(random.integers(1, 5)), int(random.integers(12, 30))
        train = np.round(random.normal(20, 5, length), 3)
        rows = int(random.integers(1, horizon + 1))
        labels, predictions = np.round(random.normal(20, 5, rows), 3), np.round(random.normal(20, 5, rows), 3)
        scale = float(np.mean(np.abs(train[season:] - train[:-season])))
        mase = mean_absolute_scaled_error(labels, predictions, y_train=train, sp=season)
        tables.append((number, labels, predictions, scale, mase))
    labels, predictions = (np.concatenate([table[at] for table in tables]) for at in (1, 2))
    values = {'mase(series="s")': float(np.mean([table[4] for table in tables]))}
    values["wape"] = float(sk.mean_absolute_error(labels, predictions) * len(labels) / np.sum(np.abs(labels)))
    return {
        "series": [table[0] for table in tables for _ in table[1]],
        "scales": [table[3] for table in tables for _ in table[1]],
        "labels": labels.tolist(),
        "predictions": predictions.tolist(),
        "values": values,
    }


def confusion(rows, classes):
    labels, predictions = random.integers(0, classes, rows), random.integers(0, classes, rows)
    values = {}
    for key, normalize in [("", "true"), (', of="all"', "all")]:
        matrix = sk.confusion_matrix(labels, predictions, labels=range(classes), normalize=normalize)
        for actual, predicted in itertools.permutations(range(classes), 2):
            if (labels == actual).any():
                sorted_key = f'actual="{actual}"{key}, predicted="{predicted}"'
                values[f"confusion({sorted_key})"] = float(matrix[actual, predicted])
    return {"classes": classes, "labels": labels.tolist(), "predictions": predictions.tolist(), "values": values}


def main():
    cases = []
    for number in range(60):
        count, ties = int(random.integers(1, 5)), number % 2 == 0
        lengths = random.integers(1, 6 if ties else 16, count)
        cases.append(ranking([query(int(length), ties, 1 + number % 4) for length in lengths]))
    cases = [case for case in cases if case["values"]]
    cases += [forecast(int(random.integers(1, 8)), 6) for _ in range(40)]
    cases += [confusion(int(random.integers(2, 60)), int(random.integers(2, 5))) for _ in range(40)]
    OUT.write_text("".join(json.dumps(case) + "\n" for case in cases))
    print(len(cases), "tables,", sum(len(case["values"]) for case in cases), "figures")


main()
