#!/usr/bin/env python3
"""Families for tables beside their peers on the data of the examples: gradient boosted trees and LightGBM, linear and scikit-learn.

Usage: bench_families.py [--trainer FILE] [--seeds N] [--python FILE]

Trains each with equal settings, without validation rows, and prints the metric on the test rows and the seconds of training. The peers
are installed from PyPI into .peers/families/ unless --python names an interpreter that has them. The data is that of
`make data DATA=credit` and the like.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / ".peers/families"
EXAMPLES = ("credit", "bikes", "breast-cancer")
ROUNDS = 200
TREES = {
    "rounds": ROUNDS, "learning_rate": 0.05, "max_leaves": 31, "min_child_rows": 20, "l2": 1.0,
    "subsample": 0.8, "column_subsample": 0.8,
}

# The peers, as their users would write it. LightGBM splits categories its own way: by subsets ordered by gradient.
PEER = """
import csv, json, sys, time
import numpy, lightgbm
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss

request = json.load(sys.stdin)

def read(name):
    with open(name, newline="") as file:
        return list(csv.DictReader(file))

train, test = read(request["train"]), read(request["test"])
columns, label = request["columns"], request["label"]
kinds = {name: kind if isinstance(kind, str) else kind["type"] for name, kind in columns.items()}
texts = {name: sorted({row[name] for row in train} - {""}) for name, kind in kinds.items() if kind != "number"}

def cell(name, text):
    if text == "":
        return numpy.nan
    return float(text) if kinds[name] == "number" else texts[name].index(text) if text in texts[name] else numpy.nan

def values(rows):
    return numpy.array([[cell(name, row[name]) for name in kinds] for row in rows])

X, V = values(train), values(test)
is_regression = request["task"] == "regression"
classes = sorted({row[label] for row in train})
target = lambda rows: numpy.array([float(row[label]) if is_regression else classes.index(row[label]) for row in rows])
y, z = target(train), target(test)
error = lambda found: float(numpy.sqrt(numpy.mean((found - z) ** 2))) if is_regression else float(log_loss(z, found))

trees = request["trees"]
settings = {
    "objective": "regression" if is_regression else "binary", "learning_rate": trees["learning_rate"],
    "num_leaves": trees["max_leaves"], "min_data_in_leaf": trees["min_child_rows"], "lambda_l2": trees["l2"],
    "bagging_fraction": trees["subsample"], "bagging_freq": 1, "feature_fraction": trees["column_subsample"],
    "seed": request["seed"], "num_threads": request["threads"], "verbosity": -1, "deterministic": True,
}
categories = [place for place, kind in enumerate(kinds.values()) if kind != "number"]
begun = time.perf_counter()
model = lightgbm.train(settings, lightgbm.Dataset(X, y, categorical_feature=categories), trees["rounds"])
seconds = time.perf_counter() - begun
result = {"trees": {"error": error(model.predict(V)), "seconds": seconds, "version": lightgbm.__version__}}

def encoded(rows):
    parts = []
    for place, (name, kind) in enumerate(kinds.items()):
        column, known = rows[:, place], X[:, place]
        gaps = numpy.isnan(known).any()
        if kind == "number":
            full = numpy.where(numpy.isnan(known), numpy.nanmean(known), known)
            column_full = numpy.where(numpy.isnan(column), numpy.nanmean(known), column)
            parts.append((column_full - full.mean()) / (full.std() or 1.0))
        elif kind == "binary":
            parts.append(numpy.where(numpy.isnan(column), 0.0, column * 2.0 - 1.0))
        else:
            parts.extend((column == code).astype(float) for code in range(len(texts[name])))
        if gaps and kind != "binary":
            parts.append(numpy.isnan(column).astype(float))
    return numpy.stack(parts, axis=1)

A, B = encoded(X), encoded(V)
begun = time.perf_counter()
if is_regression:
    # Slipway divides the label by its deviation, which changes nothing: the penalty is of the same form.
    linear = Ridge(alpha=1.0).fit(A, y)
    found = linear.predict(B)
else:
    linear = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(A, y)
    found = linear.predict_proba(B)[:, 1]
import sklearn
result["linear"] = {"error": error(found), "seconds": time.perf_counter() - begun, "version": sklearn.__version__}
print(json.dumps(result))
"""


def peer_python():
    """The interpreter of the peers, which are installed where they are missing."""
    python = PEERS / "bin/python"
    if not python.exists():
        venv.create(PEERS, with_pip=True)
        subprocess.run([PEERS / "bin/pip", "install", "--quiet", "lightgbm", "scikit-learn"], check=True)
    return python


def specification(name):
    """The data of an example's model, as its file says, read without a package for YAML."""
    text = (ROOT / "examples" / name / "slipway.yaml").read_text()
    task = re.search(r"task: (\w+)", text).group(1)
    label = re.search(r"label: (\w+)", text).group(1)
    block = re.search(r"columns:.*\n((?: {6}\w+: \w+.*\n)+)", text)
    if block:
        columns = dict(re.findall(r"^ {6}(\w+): (\w+)", block.group(1), re.MULTILINE))
    else:
        header = (ROOT / ".data" / name / "train.csv").read_text().split("\n", 1)[0].strip().split(",")
        columns = {column: "number" for column in header if column != label}
    return task, label, columns


def slipway(trainer, name, family, seed):
    """The error and the seconds of a model of Slipway."""
    task, label, columns = specification(name)
    model = {
        "apiVersion": "slipway.dev/v1alpha1", "kind": "Model", "metadata": {"name": "bench"},
        "spec": {
            "paths": ["data/**"], "task": task, "policy": "policy.yaml",
            "data": {
                "format": "csv", "train": {"file": "data/train.csv"}, "test": {"file": "data/test.csv"},
                "label": label, "columns": columns,
            },
            "model": family, "training": {"seed": seed},
            "evaluation": {"metrics": ["root_mean_squared_error" if task == "regression" else "log_loss"]},
        },
    }
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shutil.copytree(ROOT / ".data" / name, folder / "source/data")

        def run(work):
            (folder / "job.json").write_text(json.dumps({"work": work, "threads": 2, "device": "cpu"}))
            # The trainer ends when its standard input is closed.
            lifeline, kept_open = os.pipe()
            ended = subprocess.run([trainer, "--job", folder], stdin=lifeline, capture_output=True, text=True)
            os.close(lifeline)
            os.close(kept_open)
            if ended.returncode != 0:
                sys.exit(f"{name}: {ended.stdout.splitlines()[-1]}")

        run({"train": {"model": model, "source": "source"}})
        report = json.loads((folder / "out/training.json").read_text())
        (folder / "candidate").write_bytes((folder / "out/model.safetensors").read_bytes())
        run({"evaluate": {"model": model, "source": "source", "candidate": "candidate", "champion": None}})
        metrics = json.loads((folder / "out/candidate/report.json").read_text())["metrics"]
        return metrics[model["spec"]["evaluation"]["metrics"][0]], report["seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trainer", default=ROOT / "target/release/slipway-trainer", type=pathlib.Path)
    parser.add_argument("--seeds", default=3, type=int)
    parser.add_argument("--python", type=pathlib.Path)
    arguments = parser.parse_args()
    python = arguments.python or peer_python()
    print("| data | family | Slipway | s | peer | s |\n| --- | --- | --- | --- | --- | --- |")
    for name in EXAMPLES:
        task, label, columns = specification(name)
        ours, theirs = {"trees": [], "linear": []}, {"trees": [], "linear": []}
        for seed in range(1, arguments.seeds + 1):
            ours["trees"].append(slipway(arguments.trainer, name, {"gradient_boosted_trees": TREES}, seed))
            ours["linear"].append(slipway(arguments.trainer, name, {"linear": {"l2": 1.0}}, seed))
            request = {
                "train": str(ROOT / ".data" / name / "train.csv"), "test": str(ROOT / ".data" / name / "test.csv"),
                "columns": columns, "label": label, "task": task, "trees": TREES, "seed": seed, "threads": 2,
            }
            ended = subprocess.run([python, "-c", PEER], input=json.dumps(request), capture_output=True, text=True, check=True)
            for family, found in json.loads(ended.stdout).items():
                theirs[family].append((found["error"], found["seconds"]))
        for family in ("trees", "linear"):
            mean = lambda runs, place: statistics.mean(run[place] for run in runs)
            spread = lambda runs: max(run[0] for run in runs) - min(run[0] for run in runs)
            cells = [f"{mean(runs, 0):.4f} ± {spread(runs) / 2:.4f} | {mean(runs, 1):.2f}" for runs in (ours[family], theirs[family])]
            print(f"| {name} | {family} | {cells[0]} | {cells[1]} |", flush=True)


if __name__ == "__main__":
    main()
