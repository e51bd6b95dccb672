#!/usr/bin/env bash
# Makes sure that the tests find the clients of Triton and KServe, which call the model server: in a virtual environment of their own
# in .peers/serving (500 MB).
set -euo pipefail
cd "$(dirname "$0")/.."

home=.peers/serving
versions="tritonclient[http]==2.73.0 kserve==0.21.0"
if [ -x $home/bin/python ] && $home/bin/python -c "import kserve, tritonclient.http" 2>/dev/null; then
    exit 0
fi
echo "serving: installing $versions into $home"
python3 -m venv $home || { echo "serving: python3 makes no virtual environment: is python3-venv installed?" >&2; exit 1; }
# shellcheck disable=SC2086 # a list of packages
$home/bin/python -m pip install --quiet $versions ||
    { echo "serving: pip could not install $versions" >&2; exit 1; }
