#!/usr/bin/env python3
"""The demo's network through `slipway train` and in PyTorch, in turns; and the idle memory of `slipway serve`.

Usage: bench_train.py [--rounds N] [--record]

Prints a table, writes target/bench/train.json, and with --record replaces the part of docs/benchmarks.md that it made.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEER = ROOT / ".peers/bin/python"
THREADS = 2
MARKS = ("<!-- bench-train: begin -->", "<!-- bench-train: end -->")

# The peer: the same network, data, optimizer, batch size and thread count, as a PyTorch user would write it.
PYTORCH = """
import gzip, json, sys, time
import numpy, torch
from torch import nn

folder, threads, epochs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(7)

def idx(name, header):
    return numpy.frombuffer(gzip.open(f"{folder}/{name}").read(), numpy.uint8, offset=header)

images = torch.tensor(idx("train-images-idx3-ubyte.gz", 16)).reshape(-1, 1, 28, 28)
labels = torch.tensor(idx("train-labels-idx1-ubyte.gz", 8)).long()
order = torch.randperm(len(labels))
aside = len(labels) // 10
training, validation = order[aside:], order[:aside]
network = nn.Sequential(
    nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(1600, 128), nn.ReLU(), nn.Linear(128, 10),
)
optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
begun = time.perf_counter()
for epoch in range(epochs):
    network.train()
    shuffled = training[torch.randperm(len(training))]
    for rows in shuffled.split(64):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(images[rows].float() / 255), labels[rows])
        loss.backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        (network(images[validation].float() / 255).argmax(1) == labels[validation]).float().mean().item()
seconds = time.perf_counter() - begun
test = torch.tensor(idx("t10k-images-idx3-ubyte.gz", 16)).reshape(-1, 1, 28, 28)
truth = torch.tensor(idx("t10k-labels-idx1-ubyte.gz", 8)).long()
with torch.no_grad():
    accuracy = (network(test.float() / 255).argmax(1) == truth).float().mean().item()
print(json.dumps({"seconds": seconds, "accuracy": accuracy, "version": torch.__version__}))
"""
EPOCHS = 4


# Runs one command and says its output, wall seconds, and the largest resident set of it and its children in MiB.
MEASURE = """
import json, resource, subprocess, sys, time
begun = time.perf_counter()
done = subprocess.run(sys.argv[2:], cwd=sys.argv[1], capture_output=True, text=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps({"code": done.returncode, "output": done.stdout, "errors": done.stderr,
                  "wall": time.perf_counter() - begun, "peak": peak}))
"""


def measure(command, folder):
    """One command in a process of its own, so that its children's memory is theirs alone."""
    command = [sys.executable, "-c", MEASURE, folder, *command]
    answer = json.loads(subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout)
    if answer["code"] != 0:
        sys.exit(f"bench: {command[4]} failed: {answer['errors']}")
    return answer


def ours(folder):
    answer = measure([folder / "slipway", "train", "--out", "out", "--threads", THREADS, "--device", "cpu"], folder)
    training = json.loads((folder / "out/training.json").read_text())
    report = json.loads((folder / "out/evaluation/report.json").read_text())
    return {
        "training s": training["seconds"],
        "whole process s": answer["wall"],
        "peak MiB": answer["peak"],
        "accuracy": report["metrics"]["accuracy"],
    }


def theirs(folder):
    answer = measure([PEER, "peer.py", "data", THREADS, EPOCHS], folder)
    figures = json.loads(answer["output"])
    return {
        "training s": figures["seconds"],
        "whole process s": answer["wall"],
        "peak MiB": answer["peak"],
        "accuracy": figures["accuracy"],
    }


def idle_memory(folder):
    """Resident MiB of a server that serves one source and has nothing to do."""
    (folder / "secret").write_text("a secret that is long enough")
    (folder / "server.yaml").write_text(
        "apiVersion: slipway.dev/v1alpha1\nkind: Server\nlisten: 127.0.0.1:0\nstate: ./state\n"
        "sources:\n- {name: x, forge: plain, url: 'http://127.0.0.1:1/x.git', secret: {file: ./secret}, environment: y}\n"
        "environments:\n- {name: y, url: 'http://127.0.0.1:1/y.git'}\n"
    )
    server = subprocess.Popen(
        [folder / "slipway", "serve", "--config", "server.yaml"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        server.stdout.readline()
        time.sleep(2)
        status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024
    finally:
        server.terminate()
        server.wait()


def prepare(folder):
    """A model repository with data, and the binaries as they are now: a build meanwhile must not change them."""
    example = ROOT / "examples/digits"
    shutil.copytree(example, folder, dirs_exist_ok=True)
    shutil.copytree(ROOT / ".data/digits", folder / "data")
    for binary in ("slipway", "slipway-trainer"):
        shutil.copy(ROOT / "target/debug" / binary, folder / binary)
    (folder / "peer.py").write_text(PYTORCH)
    if f"epochs: {EPOCHS}," not in (folder / "slipway.yaml").read_text():
        sys.exit(f"bench: examples/digits does not train {EPOCHS} epochs any more: change EPOCHS here")


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def table(us, them, idle):
    lines = ["| | slipway train | PyTorch 2.11.0 | PyTorch / slipway, pair by pair |", "| --- | --- | --- | --- |"]
    for key, form in (("training s", ".2f"), ("whole process s", ".2f"), ("peak MiB", ".0f"), ("accuracy", ".4f")):
        if them:
            ratios = sorted(their[key] / our[key] for our, their in zip(us, them))
            compared = f"{median(them, key):{form}}", f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        else:
            compared = "not installed (`make bench-peers`)", "–"
        lines.append(f"| {key} | {median(us, key):{form}} | {compared[0]} | {compared[1]} |")
    lines.append(f"| `slipway serve` idle, resident MiB | {idle:.1f} | – | – |")
    return lines


def commit():
    asked = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return asked.stdout.strip() or "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    installed = PEER.exists()
    if not installed:
        print("bench: PyTorch is missing: `make bench-peers` installs it; only our side is measured")
    us, them = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        prepare(folder)
        for number in range(arguments.rounds):
            us.append(ours(folder))
            if installed:
                them.append(theirs(folder))
            print(f"round {number + 1} of {arguments.rounds}: {us[-1]} {them[-1] if installed else ''}", flush=True)
        idle = idle_memory(folder)
    lines = table(us, them, idle)
    print("\n".join(lines))
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    record = {
        "commit": commit(),
        "date": today,
        "cpus": os.cpu_count(),
        "results": {"slipway": us, "pytorch": them},
        "bars": [{"name": "slipway serve idle", "value": idle, "unit": "MiB", "target": 30, "holds": idle < 30}],
    }
    target = ROOT / "target/bench/train.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(record, indent=2))
    if arguments.record:
        note = f"{arguments.rounds} rounds in turns, medians; {os.cpu_count()} processors, {THREADS} threads; commit {record['commit']}, {today}."
        page = ROOT / "docs/benchmarks.md"
        before, rest = page.read_text().split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        page.write_text("\n".join([before + MARKS[0], note, "", *lines, MARKS[1]]) + after)


main()
