"""Writes evaluation folders with pandas for `make bench-gate`, once for each way of compression.

Usage: gate_tables.py FOLDER ROWS COMPRESSION...

FOLDER/COMPRESSION gets a policy and the folders of a candidate and a champion: two classes with scores, ROWS rows.
`uncompressed` is no compression.
"""

import hashlib
import json
import pathlib
import sys

import numpy as np
import pandas as pd

POLICY = """apiVersion: slipway.dev/v1alpha1
kind: Policy
metadata: {name: tables}
spec:
  checks:
    - {metric: accuracy, at_least: 0.8}
    - {metric: accuracy, no_worse_than_champion: {margin: 0.05}}
    - {metric: log_loss, no_worse_than_champion: {margin: 0.1}}
"""


def digest(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def predictions(rows, seed):
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % 2
    top = random.uniform(0.5, 1, rows).astype("float32")
    said = np.where(random.random(rows) < 0.9, labels, 1 - labels)
    scores = [np.where(said == one, top, 1 - top).astype("float32") for one in (0, 1)]
    names = [f"row-{row:08}" for row in range(rows)]
    return pd.DataFrame({"row": names, "label": labels, "prediction": said, "score_0": scores[0], "score_1": scores[1]})


def report(table, name):
    right = np.where(table.label == 0, table.score_0, table.score_1).astype("float64")
    metrics = {"accuracy": float((table.label == table.prediction).mean()), "log_loss": float(-np.log(right).mean())}
    return {
        "apiVersion": "slipway.dev/v1alpha1", "kind": "EvaluationReport", "artifact": digest(name), "data": digest("data"),
        "evaluator": "pandas", "rows": len(table), "classes": ["0", "1"], "metrics": metrics, "device": "cpu", "seconds": 1,
    }


def main():
    folder, rows, ways = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    for seed, name in enumerate(["candidate", "champion"]):
        table = predictions(rows, seed)
        for way in ways:
            place = folder / way / name
            place.mkdir(parents=True)
            (folder / way / "policy.yaml").write_text(POLICY)
            (place / "report.json").write_text(json.dumps(report(table, name)))
            table.to_parquet(place / "predictions.parquet", compression=None if way == "uncompressed" else way)
    print(json.dumps({"rows": rows, "versions": f"pandas {pd.__version__}"}))


main()
