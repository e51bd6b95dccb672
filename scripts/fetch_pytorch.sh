#!/usr/bin/env bash
# Installs PyTorch, the peer of `make bench-train`, into a virtual environment in .peers/, once (5 GB).
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -x .peers/bin/python ] && .peers/bin/python -c 'import torch' 2>/dev/null; then
    exit 0
fi
echo "pytorch: installing into .peers/ (5 GB, a few minutes)"
python3 -m venv .peers
.peers/bin/python -m pip install --quiet --progress-bar on torch==2.11.0 numpy
