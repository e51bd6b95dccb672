#!/usr/bin/env bash
# Makes sure that the tests find onnxruntime, which runs the exported models: the oldest supported version and the newest one, each
# in a virtual environment of its own in .peers/onnxruntime (360 MB). The newest also has `onnx`, whose checker reads the files.
set -euo pipefail
cd "$(dirname "$0")/.."

home=.peers/onnxruntime
# Each Python has wheels of its own years of onnxruntime.
case "$(python3 -c 'import sys; print(sys.version_info.minor)')" in
    9 | 10 | 11 | 12) oldest="onnxruntime==1.17.0 numpy==1.26.4" ;;
    13) oldest="onnxruntime==1.20.0 numpy==2.2.6" ;;
    *) oldest="onnxruntime==1.24.1 numpy==2.4.6" ;;
esac
newest="onnxruntime==1.32.0 numpy==2.4.6 onnx==1.23.2"

install() {
    local folder=$home/$1 versions=$2 modules=$3
    if [ -x "$folder/bin/python" ] && "$folder/bin/python" -c "import $modules" 2>/dev/null; then
        return
    fi
    echo "onnxruntime: installing $versions into $folder"
    python3 -m venv "$folder" ||
        { echo "onnxruntime: python3 makes no virtual environment: is python3-venv installed?" >&2; exit 1; }
    # shellcheck disable=SC2086 # a list of packages
    "$folder/bin/python" -m pip install --quiet $versions ||
        { echo "onnxruntime: pip could not install $versions" >&2; exit 1; }
}

install oldest "$oldest" onnxruntime
install newest "$newest" "onnxruntime, onnx"
