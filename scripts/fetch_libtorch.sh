#!/usr/bin/env bash
# Installs libtorch (CPU use; the CUDA libraries are loaded only where they are) into .libtorch/, once.
set -euo pipefail
cd "$(dirname "$0")/.."

version=2.11.0
stamp=.libtorch/.complete-$version
if [ -e "$stamp" ] && [ -e .libtorch/torch/lib/libtorch_cpu.so ]; then
    exit 0
fi
echo "libtorch: installing version $version into .libtorch/ (1.3 GB, about half a minute)"
mkdir -p .libtorch
python3 -m pip install --quiet --progress-bar on --no-deps --upgrade --target .libtorch \
    torch==$version nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85 ||
    { echo "libtorch: pip could not install it: is a package index reachable, and are 3 GB free?" >&2; exit 1; }
touch "$stamp"
