#!/usr/bin/env python3
"""The gate: whether it keeps its promise, its power, its speed beside NumPy and scikit-learn, and hostile input.

Usage: bench_gate.py --gate PROGRAM --slipway PROGRAM [--rounds N] [--rows N] [--record]

Prints a table, writes target/bench/gate.json, and with --record replaces the part of docs/benchmarks.md that it made.
Python's standard library is enough; the peer is needed only in .peers/gate, and named as missing when it is not there.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEER = ROOT / ".peers/gate/bin/python"
TABLES = ROOT / ".peers/tables/bin/python"
MARKS = ("<!-- bench-gate: begin -->", "<!-- bench-gate: end -->")
SLICES = 50


def run(*words):
    """Runs a program to its end and reads the JSON it prints."""
    child = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    if child.returncode != 0:
        sys.exit(f"bench: {words[0]} {words[1]} ended with {child.returncode}")
    return json.loads(child.stdout)


def seconds_of_gate(slipway, folder):
    """The wall seconds of one `slipway gate` in a folder."""
    command = [slipway, "gate", "--policy", "policy.yaml", "--candidate", "candidate", "--champion", "champion"]
    begun = time.perf_counter()
    child = subprocess.run([str(word) for word in command], cwd=folder, stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - begun
    if child.returncode not in (0, 1, 3):
        sys.exit(f"bench: slipway gate ended with {child.returncode}")
    return seconds


def whole_process(gate, slipway, rounds):
    """The wall seconds of `slipway gate` on 10,000 rows and five checks: the median of some rounds, the first thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        run(gate, "folder", folder, 10_000)
        times = [seconds_of_gate(slipway, folder) for _ in range(rounds + 1)]
        return sorted(times[1:])[rounds // 2]


def compressed(slipway, rows, rounds):
    """The wall seconds of `slipway gate` on what pandas writes, without compression and with snappy: medians of rounds in turns,
    the first thrown away. None without pandas."""
    if not TABLES.exists():
        return None
    ways = ["uncompressed", "snappy"]
    with tempfile.TemporaryDirectory() as folder:
        written = run(TABLES, ROOT / "scripts/gate_tables.py", folder, rows, *ways)
        times = {way: [] for way in ways}
        for turn in range(rounds + 1):
            for way in ways if turn % 2 == 0 else reversed(ways):
                times[way].append(seconds_of_gate(slipway, pathlib.Path(folder) / way))
        return written | {way: sorted(times[way][1:])[rounds // 2] for way in ways}


def bar(name, value, unit, target, holds):
    return {"name": name, "value": value, "unit": unit, "target": target, "holds": bool(holds)}


def bars_of(results):
    bars = []
    for world in results["calibration"]["worlds"]:
        limit = round(world["limit"], 4)
        name = f"wrong passes at the margin: {world['name']}"
        bars.append(bar(name, world["wrong_passes"], "share", f"at most {limit}", world["wrong_passes"] <= world["limit"]))
    for campaign in results["adaptive"]["campaigns"]:
        if campaign["promised"]:
            limit, rate = round(campaign["limit"], 4), campaign["wrong_promotions"]
            name = f"wrong promotions in 50 gates, {campaign['author']}: {campaign['gate']}"
            bars.append(bar(name, rate, "share", f"at most {limit}", rate <= campaign["limit"]))
    speed, peer = results["speed"], results["peer"]
    if peer:
        ratio = peer["seconds"] / speed["seconds"]
        bars.append(bar("faster than NumPy and scikit-learn", ratio, "times", "at least 20", ratio >= 20))
    else:
        bars.append(bar("faster than NumPy and scikit-learn", None, "times", "at least 20 (peer missing)", False))
    gigabytes = speed["peak_bytes"] / 1e9
    bars.append(bar("peak memory of that", gigabytes, "GB", "under 1", gigabytes < 1))
    seconds = results["whole_process_seconds"]
    bars.append(bar("10,000 rows, 5 checks, whole process", seconds, "s", "under 0.2", seconds < 0.2))
    tables = results["compressed"]
    name = "1,000,000 rows written by pandas with snappy, beside uncompressed"
    if tables:
        ratio = tables["snappy"] / tables["uncompressed"]
        bars.append(bar(name.replace("1,000,000", f"{tables['rows']:,}"), ratio, "times", "at most 1.3", ratio <= 1.3))
    else:
        bars.append(bar(name, None, "times", "at most 1.3 (pandas missing)", False))
    hostile = results["hostile"]
    wrong = len(hostile["wrongly_passed"])
    enough = hostile["cases"] >= 1000
    bars.append(bar(f"wrong passes of {hostile['cases']} hostile folders and policies", wrong, "passes", "none of at least 1,000", wrong == 0 and enough))
    bars.append(bar("longest of them", hostile["longest_seconds"], "s", "at most 10", hostile["longest_seconds"] <= 10))
    peak = hostile["peak_bytes"] / 1e9
    bars.append(bar("peak memory of them", peak, "GB", "at most 1", peak <= 1))
    return bars


def table(document):
    results = document["results"][0]
    calibration, speed, peer, power = (results[key] for key in ("calibration", "speed", "peer", "power"))
    lines = [
        f"{document['cpus']} processors, load {document['load']:.1f} at the start; commit {document['commit']}, {document['date']}.",
        "",
        f"Wrong passes with the true difference exactly at the margin, {calibration['rounds']} simulated evaluations each "
        "(5 % is allowed; the other column is a gate that holds the bare estimate against the margin):",
        "",
        "| simulated | wrong passes | by the estimate alone |",
        "| --- | --- | --- |",
    ]
    lines += [f"| {w['name']} | {w['wrong_passes']:.4f} | {w['naive']:.4f} |" for w in calibration["worlds"]]
    lines += [
        "",
        f"Power: passes of a candidate whose accuracy truly differs from the champion's by so much; margin {power['margin']}, "
        f"{power['rounds']} evaluations each:",
        "",
        "| rows | true difference | passes | by the estimate alone |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| {c['rows']} | {c['difference']:+.3f} | {c['ours']:.3f} | {c['naive']:.3f} |" for c in power["curves"]]
    adaptive = results["adaptive"]
    lines += [
        "",
        f"Adaptive authors: campaigns of {adaptive['gates']} candidates on {adaptive['rows']:,} rows whose labels nothing foretells, "
        f"so that no candidate is truly better than the champion; the share of {adaptive['rounds']:,} campaigns in which one was "
        "promoted (5 % is allowed where the rule fits the author):",
        "",
        "| gate | author | wrong promotions | |",
        "| --- | --- | --- | --- |",
    ]
    for one in adaptive["campaigns"]:
        promised = "promised" if one["promised"] else "not promised"
        lines.append(f"| {one['gate']} | {one['author']} | {one['wrong_promotions']:.4f} | {promised} |")
    lines += ["", "| measured | value | asked | |", "| --- | --- | --- | --- |"]
    for one in document["bars"]:
        if one["name"].startswith(("wrong passes at the margin", "wrong promotions")):
            continue
        value = "missing" if one["value"] is None else f"{one['value']:.3g} {one['unit']}"
        lines.append(f"| {one['name']} | {value} | {one['target']} | {'held' if one['holds'] else '**missed**'} |")
    theirs = f"; {peer['versions']}: {peer['seconds']:.0f} s, from {peer['seconds_a_resample']:.1f} s a resample" if peer else ""
    lines += [
        "",
        f"- Speed: {speed['rows']:,} rows, {speed['metrics']} metrics, {speed['slices']} slices, {speed['resamples']} resamples: "
        f"{speed['intervals']} intervals in {speed['seconds']:.1f} s{theirs}.",
    ]
    if tables := results["compressed"]:
        lines.append(
            f"- Predictions of {tables['rows']:,} rows and two classes by {tables['versions']}: `slipway gate` takes "
            f"{tables['uncompressed']:.1f} s uncompressed, {tables['snappy']:.1f} s with snappy (medians of 7 in turns)."
        )
    return "\n".join(lines) + "\n"


def record(text):
    path = ROOT / "docs/benchmarks.md"
    page = path.read_text()
    before, rest = page.split(MARKS[0], 1)
    _, after = rest.split(MARKS[1], 1)
    path.write_text(f"{before}{MARKS[0]}\n{text}{MARKS[1]}{after}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gate", required=True)
    parser.add_argument("--slipway", required=True)
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--calibration", help="a calibration that was measured before, as JSON")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    gate, slipway = pathlib.Path(options.gate).resolve(), pathlib.Path(options.slipway).resolve()
    load = os.getloadavg()[0]
    results = {
        "hostile": run(gate, "hostile", 1000),
        "whole_process_seconds": whole_process(gate, slipway, 9),
        "compressed": compressed(slipway, options.rows, 7),
        "speed": run(gate, "speed", options.rows, SLICES),
        "peer": run(PEER, ROOT / "scripts/gate_peer.py", options.rows, SLICES, 3, 180) if PEER.exists() else None,
        "power": run(gate, "power", max(200, options.rounds // 5)),
        "adaptive": run(gate, "adaptive", max(200, options.rounds // 5)),
    }
    if options.calibration:
        results["calibration"] = json.loads(pathlib.Path(options.calibration).read_text())
    else:
        results["calibration"] = run(gate, "calibration", options.rounds)
    if results["compressed"] is None:
        print("bench: pandas is missing in .peers/tables; scripts/fetch_tables.sh installs it", file=sys.stderr)
    if results["peer"] is None:
        print("bench: NumPy and scikit-learn are missing in .peers/gate; `make bench-peers` installs them", file=sys.stderr)
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    document = {
        "commit": commit.stdout.strip(),
        "date": datetime.date.today().isoformat(),
        "cpus": os.cpu_count(),
        "load": load,
        "results": [results],
        "bars": bars_of(results),
    }
    out = ROOT / "target/bench/gate.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=1) + "\n")
    text = table(document)
    print(text)
    if options.record:
        record(text)
    missed = [one["name"] for one in document["bars"] if not one["holds"]]
    if missed:
        sys.exit("bench: missed: " + "; ".join(missed))


if __name__ == "__main__":
    main()
