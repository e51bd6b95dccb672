#!/usr/bin/env bash
# Makes sure that the tests find a server with the API of S3 (moto, licence: Apache-2.0) and DVC (Apache-2.0): in a virtual
# environment of their own in .peers/stores (250 MB).
set -euo pipefail
cd "$(dirname "$0")/.."

home=.peers/stores
versions="moto[server,s3]==5.2.5 dvc==3.67.1 dvc-s3==3.3.0"
if [ -x $home/bin/moto_server ] && $home/bin/python -c "import boto3, dvc, moto" 2>/dev/null; then
    exit 0
fi
echo "stores: installing $versions into $home"
python3 -m venv $home || { echo "stores: python3 makes no virtual environment: is python3-venv installed?" >&2; exit 1; }
$home/bin/python -m pip install --quiet $versions ||
    { echo "stores: pip could not install $versions" >&2; exit 1; }
