#!/usr/bin/env bash
# Installs PyTorch, the peer of `make bench-train`, into a virtual environment in .peers/, once (4.7 GB). It has to be
# the version of .libtorch/: then both sides compute with the same library. The wheel does not import without the CUDA
# libraries it names, not even for use on the CPU, so all of them are installed.
set -euo pipefail
cd "$(dirname "$0")/.."

version=2.11.0
check="import numpy, torch; assert torch.__version__.split('+')[0] == '$version'"
if [ -x .peers/bin/python ] && .peers/bin/python -c "$check" 2>/dev/null; then
    exit 0
fi
echo "pytorch: installing version $version into .peers/ (4.7 GB, a few minutes)"
python3 -m venv .peers ||
    { echo "pytorch: python3 makes no virtual environment: is python3-venv installed?" >&2; exit 1; }
.peers/bin/python -m pip install --quiet --progress-bar on torch==$version numpy ||
    { echo "pytorch: pip could not install it: is a package index reachable, and are 10 GB free?" >&2; exit 1; }
.peers/bin/python -c "$check" ||
    { echo "pytorch: it is installed in .peers/, but does not work: see above" >&2; exit 1; }
