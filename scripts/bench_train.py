#!/usr/bin/env python3
"""The demo's network through `slipway train` and in PyTorch, in turns; and the idle memory of `slipway serve`.

Usage: bench_train.py [--rounds N] [--patience SECONDS] [--binaries FOLDER] [--record]

Prints a table, writes target/bench/train.json, and with --record replaces the part of docs/benchmarks.md that it made.
Python's standard library is enough; PyTorch is needed only in .peers/, and named as missing when it is not there.
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
# A run counts as undisturbed if other programs had less than this share of all processors while it lasted.
DISTURBED = 0.10
# Fewer undisturbed rounds than this are no basis for a median: then all rounds are taken, and the table says so.
FEWEST = 5
# 30 MB, in MiB.
IDLE_TARGET = 30e6 / 2**20

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
print(json.dumps({
    "seconds": seconds, "accuracy": accuracy, "version": torch.__version__,
    "same": [len(training), len(validation), sum(weights.numel() for weights in network.parameters()), epochs],
}))
"""

# How Slipway runs its trainer: freed memory is kept (the trainer asks with mallopt(3)), and threads that wait sleep.
# A PyTorch user can have the same; that side tells these settings apart from everything else.
OUR_SETTINGS = {
    "OMP_WAIT_POLICY": "passive",
    "MALLOC_MMAP_THRESHOLD_": str(512 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
    "MALLOC_TOP_PAD_": str(64 << 20),
}

# What is compared: key, heading, format.
FIGURES = (
    ("training", "training, s", ".2f"),
    ("wall", "whole process, s", ".2f"),
    ("processor", "processor time, s", ".2f"),
    ("peak", "peak memory, MiB", ".0f"),
    ("accuracy", "test accuracy", ".4f"),
)


def busy_seconds():
    """Processor seconds that everything on this machine, and its host in our place, has used since it started."""
    ticks = [int(word) for word in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = ticks
    return (user + nice + system + interrupts + soft_interrupts + stolen) / os.sysconf("SC_CLK_TCK")


def wait_for_quiet(until):
    """Waits while other programs compute, but not beyond `until`."""
    while time.monotonic() < until:
        before = busy_seconds()
        time.sleep(1)
        if (busy_seconds() - before) / os.cpu_count() < DISTURBED:
            return


def measure(command, folder, environment=None):
    """Runs one command; wall and processor seconds, the largest resident set of it or a child, and what others used."""
    words = [str(word) for word in command]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        busy, begun = busy_seconds(), time.perf_counter()
        child = subprocess.Popen(
            words, cwd=folder, stdout=output, stderr=errors, env={**os.environ, **(environment or {})}
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall, busy = time.perf_counter() - begun, busy_seconds() - busy
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0), errors.seek(0)
        if child.returncode != 0:
            sys.exit(f"bench: {pathlib.Path(words[0]).name} ended with {child.returncode}: {errors.read()}")
        processor = usage.ru_utime + usage.ru_stime
        figures = {
            "wall": wall,
            "processor": processor,
            "peak": usage.ru_maxrss / 1024,
            "others": max(0.0, busy - processor) / (wall * os.cpu_count()),
        }
        return figures, output.read()


def ours(folder):
    command = [folder / "slipway", "train", "--out", "out", "--threads", THREADS, "--device", "cpu"]
    figures, _ = measure(command, folder)
    training = json.loads((folder / "out/training.json").read_text())
    report = json.loads((folder / "out/evaluation/report.json").read_text())
    same = [training[key] for key in ("trainingRows", "validationRows", "parameters", "epochs")]
    return {
        "training": training["seconds"],
        **figures,
        "accuracy": report["metrics"]["accuracy"],
        "version": training["libtorch"],
        "same": same,
    }


def theirs(folder, epochs, environment=None):
    figures, output = measure([PEER, "peer.py", "data", THREADS, epochs], folder, environment)
    said = json.loads(output)
    return {"training": said.pop("seconds"), **figures, **said}


def idle_memory(folder):
    """Resident MiB of a server that has one source and one environment, and nothing to do."""
    shutil.rmtree(folder / "state", ignore_errors=True)
    (folder / "secret").write_text("a secret that is long enough")
    (folder / "server.yaml").write_text(
        "apiVersion: slipway.dev/v1alpha1\nkind: Server\nlisten: 127.0.0.1:0\nstate: ./state\n"
        "sources:\n"
        "- {name: x, forge: plain, url: 'http://127.0.0.1:1/x.git', secret: {file: ./secret}, environment: y}\n"
        "environments:\n- {name: y, url: 'http://127.0.0.1:1/y.git'}\n"
    )
    command = [folder / "slipway", "serve", "--config", "server.yaml"]
    with tempfile.TemporaryFile("w+") as errors:
        server = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            if not server.stdout.readline().startswith("listening on"):
                errors.seek(0)
                sys.exit(f"bench: `slipway serve` did not start: {errors.read()}")
            time.sleep(2)
            status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
            return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024
        finally:
            server.terminate()
            server.wait()


def prepare(folder, binaries):
    """A model repository with data, and the binaries as they are now: a build meanwhile must not change them."""
    shutil.copytree(ROOT / "examples/digits", folder, dirs_exist_ok=True)
    shutil.copytree(ROOT / ".data/digits", folder / "data")
    for binary in ("slipway", "slipway-trainer"):
        shutil.copy(binaries / binary, folder / binary)
    (folder / "peer.py").write_text(PYTORCH)
    epochs = re.search(r"\bepochs: (\d+)", (folder / "slipway.yaml").read_text())
    return int(epochs[1]) if epochs else sys.exit("bench: examples/digits does not say how many epochs it trains")


def sides(folder, epochs):
    """What takes turns, ours first."""
    turns = {"slipway": lambda: ours(folder)}
    if PEER.exists():
        turns["pytorch"] = lambda: theirs(folder, epochs)
        turns["pytorch, our settings"] = lambda: theirs(folder, epochs, OUR_SETTINGS)
    return turns


def check(round_):
    """The two sides must do the same work with the same library, or their figures say nothing."""
    for name, run in round_.items():
        for key in ("same", "version"):
            if run[key] != round_["slipway"][key]:
                sys.exit(f"bench: {key} differs: slipway has {round_['slipway'][key]}, {name} has {run[key]}")


def undisturbed(round_):
    return all(run["others"] < DISTURBED for run in round_.values())


def measure_rounds(turns, wanted, patience):
    """Rounds until enough were undisturbed or patience is at its end; all of them, and the first is thrown away."""
    check({name: turn() for name, turn in turns.items()})
    until = time.monotonic() + patience
    rounds = []
    while sum(map(undisturbed, rounds)) < wanted and (time.monotonic() < until or len(rounds) < FEWEST):
        round_ = {}
        for name, turn in turns.items():
            wait_for_quiet(until)
            round_[name] = turn()
        check(round_)
        rounds.append(round_)
        brief = ", ".join(f"{name} {run['training']:.2f} s of {run['wall']:.2f} s" for name, run in round_.items())
        print(f"round {len(rounds)}: {brief}{'' if undisturbed(round_) else ' (disturbed)'}", flush=True)
    return rounds


def table(rounds):
    peers = [name for name in rounds[0] if name != "slipway"]
    version = rounds[0]["slipway"]["version"].split("+")[0]
    headings = [f"PyTorch {version}{name.removeprefix('pytorch')}" for name in peers]
    if peers:
        cells = ["", "slipway train", *headings, *(f"{heading} / slipway" for heading in headings)]
    else:
        cells = ["", "slipway train", f"PyTorch {version}"]
    lines = [cells, ["---"] * len(cells)]
    for key, heading, form in FIGURES:
        cells = [heading] + [f"{statistics.median(run[name][key] for run in rounds):{form}}" for name in rounds[0]]
        for name in peers:
            ratios = sorted(run[name][key] / run["slipway"][key] for run in rounds)
            cells.append(f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
        lines.append(cells if peers else [*cells, "not installed"])
    return ["| " + " | ".join(cells) + " |" for cells in lines]


def commit():
    asked = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return asked.stdout.strip() or "unknown"


def note(rounds, counted, record):
    words = f"{len(counted)} rounds in turns, medians (ratios: median, least to most, round by round); "
    words += f"{record['cpus']} processors, {THREADS} threads; commit {record['commit']}, {record['date']}."
    if len(counted) < len(rounds):
        left_out = len(rounds) - len(counted)
        words += f" {left_out} of {len(rounds)} rounds do not count: other programs had {DISTURBED:.0%} or more of the processors."
    elif not all(map(undisturbed, rounds)):
        words += f" Other programs had {DISTURBED:.0%} or more of the processors in most rounds: read these figures with care."
    return words


def bar_line(bar):
    held = "held" if bar["holds"] else "missed"
    return f"- {bar['name']}: {bar['value']:.1f} {bar['unit']}, under {bar['target']} {bar['unit']} (30 MB) is asked: {held}."


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="undisturbed rounds that are wanted")
    parser.add_argument("--patience", type=float, default=300, help="seconds after which fewer have to do")
    parser.add_argument("--binaries", type=pathlib.Path, default=ROOT / "target/debug", help="where slipway lies")
    parser.add_argument("--record", action="store_true", help="write the table into docs/benchmarks.md")
    arguments = parser.parse_args()
    missing = "" if PEER.exists() else "PyTorch is missing (`make bench-peers` installs it): only our side was measured."
    if missing:
        print(f"bench: {missing}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        epochs = prepare(folder, arguments.binaries)
        rounds = measure_rounds(sides(folder, epochs), arguments.rounds, arguments.patience)
        idle = max(idle_memory(folder) for _ in range(3))
    counted = [round_ for round_ in rounds if undisturbed(round_)]
    if len(counted) < FEWEST:
        counted = rounds
    bar = {
        "name": "`slipway serve` idle, resident",
        "value": round(idle, 1),
        "unit": "MiB",
        "target": round(IDLE_TARGET, 1),
        "holds": idle < IDLE_TARGET,
    }
    record = {
        "commit": commit(),
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "cpus": os.cpu_count(),
        "missing": ["PyTorch"] if missing else [],
        "results": [
            {"round": number, "counts": round_ in counted, "side": name, **run}
            for number, round_ in enumerate(rounds, 1)
            for name, run in round_.items()
        ],
        "bars": [bar],
    }
    target = ROOT / "target/bench/train.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(record, indent=2) + "\n")
    lines = [note(rounds, counted, record), *([missing] if missing else []), "", *table(counted), "", bar_line(bar)]
    print("\n".join(lines))
    if arguments.record:
        page = ROOT / "docs/benchmarks.md"
        before, rest = page.read_text().split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        page.write_text("\n".join([before + MARKS[0], *lines, MARKS[1]]) + after)


main()
