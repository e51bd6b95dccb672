#!/usr/bin/env python3
"""Runs exported models in onnxruntime and compares their answers with Slipway's.

    .peers/onnxruntime/newest/bin/python scripts/check_onnx.py CASES.jsonl

Every line of the file is a case: the path of a model, its inputs (`name`, `type`, `shape`, `values`; null is NaN), and the answers of
Slipway's evaluation (`labels` or null, and `numbers` with `width` for each row). Each model runs on all rows at once, on single rows,
and on seven rows. Where the package `onnx` is installed, its checker reads every file first.

Numbers are equal if they differ by at most 1e-5 of their size, or by 1e-6 for probabilities. For numbers that are predicted, the size
is that of the largest one. Labels are equal, or their probabilities differ by at most 1e-6. The last line names what was compared.
"""

import json
import sys

import numpy as np
import onnxruntime

try:
    import onnx
except ImportError:
    onnx = None

TYPES = {"double": np.float64, "float": np.float32, "uint8": np.uint8, "string": object}
RELATIVE, ABSOLUTE = 1e-5, 1e-6


def tensor(field):
    values = [float("nan") if value is None else value for value in field["values"]]
    return np.array(values, dtype=TYPES[field["type"]]).reshape(field["shape"])


def check(case):
    """Returns the largest difference, as a share of what is allowed."""
    path = case["model"]
    if onnx is not None:
        onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = {field["name"]: tensor(field) for field in case["inputs"]}
    declared = {node.name: node.type for node in session.get_inputs()}
    expected_types = {field["name"]: f"tensor({field['type']})" for field in case["inputs"]}
    assert declared == expected_types, f"{path}: inputs {declared}, expected {expected_types}"
    expected = np.array(case["numbers"], dtype=np.float64).reshape(-1, case["width"])
    rows = len(expected)
    worst = 0.0
    batches = [(0, rows), (0, 7)] + [(row, row + 1) for row in range(min(rows, 3))] + [(rows - 1, rows)]
    for begin, end in batches:
        answers = session.run(None, {name: values[begin:end] for name, values in inputs.items()})
        found, wanted = np.asarray(answers[-1], dtype=np.float64), expected[begin:end]
        assert found.shape == wanted.shape, f"{path}: answers of shape {found.shape}, expected {wanted.shape}"
        if case["labels"] is None:
            allowed = RELATIVE * max(np.abs(expected).max(), 1e-12)
        else:
            allowed = ABSOLUTE + RELATIVE * np.abs(wanted)
        share = np.abs(found - wanted) / allowed
        # Not `share > 1`, which is false for NaN.
        if not (share <= 1).all():
            place = np.unravel_index(np.argmax(np.nan_to_num(share, nan=np.inf)), share.shape)
            raise AssertionError(f"{path}, rows {begin} to {end}: {found[place]} at {place}, expected {wanted[place]}")
        worst = max(worst, float(share.max()))
        if case["labels"] is not None:
            classes = case["classes"]
            for row, (label, right) in enumerate(zip(answers[0], case["labels"][begin:end])):
                tie = abs(wanted[row][classes.index(label)] - wanted[row][classes.index(right)]) <= ABSOLUTE
                assert label == right or tie, f"{path}, row {begin + row}: label {label!r}, expected {right!r}"
    return rows, worst


def main():
    rows, worst, models, failures = 0, 0.0, 0, []
    with open(sys.argv[1], encoding="utf-8") as cases:
        for line in cases:
            models += 1
            case = json.loads(line)
            try:
                compared, share = check(case)
                rows, worst = rows + compared, max(worst, share)
            except Exception as error:  # every model is tried, whatever is wrong with another
                failures.append(f"{case.get('about', case['model'])}\n  {type(error).__name__}: {error}")
    for failure in failures[:10]:
        print(failure)
    version = onnxruntime.__version__
    print(json.dumps({"onnxruntime": version, "models": models, "rows": rows, "failed": len(failures), "worst": worst}))
    sys.exit(1 if failures else 0)


main()
