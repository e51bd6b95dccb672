#!/usr/bin/env python3
"""Families for tables beside their peers on the data of the examples: gradient boosted trees and LightGBM, linear and scikit-learn,
mlp and pytabkit.

Usage: bench_families.py [--trainer FILE] [--seeds N] [--python FILE] [--mlp FILE] [--only-mlp] [--variants NAME …]

Trains each with equal settings, and prints the metric on the test rows and the seconds of training. Trees and linear models have no
validation rows. Both of mlp and RealMLP of pytabkit learn from the same four fifths of the training rows and keep the epoch that is the
best on the same fifth, by the log loss or the root mean squared error, without label smoothing. The peers are installed from PyPI into
.peers/families/ unless --python names an interpreter that has them. pytabkit needs PyTorch (5 GB), so that mlp is measured only if
--mlp names an interpreter that has it. The data is that of `make data DATA=credit` and the like.
"""

import argparse
import csv
import json
import os
import pathlib
import random
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


# RealMLP of pytabkit on the columns as pytabkit takes them: missing numbers are the mean, with a category that says so (the wrapper of
# AutoGluon does the same). Texts are categories.
PEER_MLP = """
import csv, json, sys, time, warnings
warnings.filterwarnings("ignore")
import numpy, pandas, torch
import pytabkit
from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor, RealMLP_TD_S_Classifier, RealMLP_TD_S_Regressor
from sklearn.metrics import log_loss

request = json.load(sys.stdin)
torch.set_num_threads(request["threads"])
columns, label = request["columns"], request["label"]

def read(name):
    frame = pandas.read_csv(name, dtype=str, keep_default_na=False)
    return frame

train, test = read(request["train"]), read(request["test"])
held = train[request["split"]] == "validation"
fit_rows = train[~held]
numbers = [name for name, kind in columns.items() if kind == "number"]
means = {name: pandas.to_numeric(fit_rows[name], errors="coerce").mean() for name in numbers}

def frame(rows):
    made = {}
    for name, kind in columns.items():
        if kind == "number":
            values = pandas.to_numeric(rows[name], errors="coerce")
            made[name] = values.fillna(means[name]).astype("float64")
            if pandas.to_numeric(fit_rows[name], errors="coerce").isna().any():
                made[name + " is missing"] = values.isna().map({True: "yes", False: "no"}).astype("category")
        else:
            made[name] = rows[name].where(rows[name] != "", "missing").astype("category")
    return pandas.DataFrame(made)

is_regression = request["task"] == "regression"
both = pandas.concat([train, test])
X = frame(both)
A, V = X.iloc[:len(train)], X.iloc[len(train):]
y = both[label].astype(float) if is_regression else both[label]
y, z = y.iloc[:len(train)].to_numpy(), y.iloc[len(train):].to_numpy()
options = {"random_state": request["seed"], "n_threads": request["threads"], "device": "cpu", "verbosity": 0, "n_cv": 1, "n_refit": 0}
if is_regression:
    kind = RealMLP_TD_S_Regressor if request["variant"] == "td_s" else RealMLP_TD_Regressor
else:
    kind = RealMLP_TD_S_Classifier if request["variant"] == "td_s" else RealMLP_TD_Classifier
    options.update(use_ls=False, val_metric_name="cross_entropy")
model = kind(**options)
begun = time.perf_counter()
model.fit(A, y, val_idxs=numpy.flatnonzero(held.to_numpy()))
seconds = time.perf_counter() - begun
if is_regression:
    error = float(numpy.sqrt(numpy.mean((model.predict(V).reshape(-1) - z) ** 2)))
else:
    error = float(log_loss(z, model.predict_proba(V), labels=model.classes_))
print(json.dumps({"error": error, "seconds": seconds}))
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


SPLIT = "part of the training rows"


def with_split(name, folder, seed):
    """The data of an example, with a column that holds a fifth of the training rows out."""
    shutil.copytree(ROOT / ".data" / name, folder / "source/data")
    file = folder / "source/data/train.csv"
    with open(file, newline="") as text:
        rows = list(csv.reader(text))
    draw = random.Random(seed)
    parts = ["validation" if draw.random() < 0.2 else "train" for _ in rows[1:]]
    test = folder / "source/data/test.csv"
    with open(test, newline="") as text:
        rows_of_test = list(csv.reader(text))
    with open(file, "w", newline="") as text:
        csv.writer(text).writerows([row + [part] for row, part in zip(rows, [SPLIT] + parts)])
    with open(folder / "source/data/rows.csv", "w", newline="") as text:
        writer = csv.writer(text)
        writer.writerows([row + [part] for row, part in zip(rows, [SPLIT] + parts)])
        writer.writerows([row + ["test"] for row in rows_of_test[1:]])


def slipway(trainer, name, family, seed, holds_out=False):
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
        if holds_out:
            with_split(name, folder, seed)
            data = model["spec"]["data"]
            del data["train"], data["test"]
            data["rows"], data["split"] = {"file": "data/rows.csv"}, {"by": {"column": SPLIT}}
        else:
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


def realmlp(python, name, variant, seed):
    """The error and the seconds of RealMLP of pytabkit."""
    task, label, columns = specification(name)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        with_split(name, folder, seed)
        request = {
            "train": str(folder / "source/data/train.csv"), "test": str(folder / "source/data/test.csv"), "split": SPLIT,
            "columns": columns, "label": label, "task": task, "variant": variant, "seed": seed, "threads": 2,
        }
        ended = subprocess.run([python, "-c", PEER_MLP], input=json.dumps(request), capture_output=True, text=True, cwd=folder)
        if ended.returncode != 0:
            sys.exit(ended.stderr)
        found = json.loads(ended.stdout.splitlines()[-1])
        return found["error"], found["seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trainer", default=ROOT / "target/release/slipway-trainer", type=pathlib.Path)
    parser.add_argument("--seeds", default=3, type=int)
    parser.add_argument("--python", type=pathlib.Path)
    parser.add_argument("--mlp", type=pathlib.Path, help="an interpreter that has pytabkit")
    parser.add_argument("--only-mlp", action="store_true", help="leave out trees and linear models")
    parser.add_argument("--variants", nargs="*", default=["td", "td_s"], help="of mlp")
    arguments = parser.parse_args()
    python = None if arguments.only_mlp else arguments.python or peer_python()
    mean = lambda runs, place: statistics.mean(run[place] for run in runs)
    spread = lambda runs: max(run[0] for run in runs) - min(run[0] for run in runs)
    print("| data | family | Slipway | s | peer | s |\n| --- | --- | --- | --- | --- | --- |")
    for name in EXAMPLES:
        task, label, columns = specification(name)
        for variant in arguments.variants if arguments.mlp else []:
            runs = [], []
            for seed in range(1, arguments.seeds + 1):
                runs[0].append(slipway(arguments.trainer, name, {"mlp": {"variant": variant}}, seed, holds_out=True))
                runs[1].append(realmlp(arguments.mlp, name, variant, seed))
            cells = [f"{mean(runs, 0):.4f} ± {spread(runs) / 2:.4f} | {mean(runs, 1):.2f}" for runs in runs]
            print(f"| {name} | mlp {variant} | {cells[0]} | {cells[1]} |", flush=True)
        if arguments.only_mlp:
            continue
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
            cells = [f"{mean(runs, 0):.4f} ± {spread(runs) / 2:.4f} | {mean(runs, 1):.2f}" for runs in (ours[family], theirs[family])]
            print(f"| {name} | {family} | {cells[0]} | {cells[1]} |", flush=True)


if __name__ == "__main__":
    main()
