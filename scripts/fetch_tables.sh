#!/usr/bin/env bash
# Makes sure that the tests find pandas, pyarrow and polars, which write the predictions of an evaluation folder: in a virtual
# environment of their own in .peers/tables (540 MB).
set -euo pipefail
cd "$(dirname "$0")/.."

home=.peers/tables
versions="pandas==3.1.1 pyarrow==26.0.1 polars==2.1.0"
if [ -x $home/bin/python ] && $home/bin/python -c "import pandas, polars, pyarrow" 2>/dev/null; then
    exit 0
fi
echo "tables: installing $versions into $home"
python3 -m venv $home || { echo "tables: python3 makes no virtual environment: is python3-venv installed?" >&2; exit 1; }
$home/bin/python -m pip install --quiet $versions ||
    { echo "tables: pip could not install $versions" >&2; exit 1; }
