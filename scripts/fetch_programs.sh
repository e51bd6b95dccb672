#!/usr/bin/env bash
# Makes sure that the tests find scikit-learn and XGBoost, which the documented programs train with: in a virtual environment of
# their own in .peers/programs (500 MB).
set -euo pipefail
cd "$(dirname "$0")/.."

home=.peers/programs
versions="scikit-learn==1.9.1 xgboost-cpu==3.2.0 pandas==3.1.1"
if [ -x $home/bin/python ] && $home/bin/python -c "import pandas, sklearn, xgboost" 2>/dev/null; then
    exit 0
fi
echo "programs: installing $versions into $home"
python3 -m venv $home || { echo "programs: python3 makes no virtual environment: is python3-venv installed?" >&2; exit 1; }
$home/bin/python -m pip install --quiet $versions ||
    { echo "programs: pip could not install $versions" >&2; exit 1; }
