#!/usr/bin/env bash
# Makes sure that the tests find a Gitea (licence: MIT): built from its Go module, whose checksum is held here, into .gitea/
# (130 MB; the first time minutes, and some 2.5 GB in Go's own caches). Where Go is missing, the tests of a real Gitea are
# left out, and one line says so; in CI that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

# The last version whose module path is this one.
version=1.26.0
module=code.gitea.io/gitea@v$version
sum=h1:fJP9dqLbzKrKWUVnCVTfVersZdVDuyJQLEDzCAOmKKA=

[ "$(cat .gitea/version 2>/dev/null)" = $version ] && [ -x .gitea/gitea ] && exit 0
. scripts/go.sh
go_is_here gitea || { [ -z "${CI:-}" ] && exit 0 || exit 1; }

echo "gitea: building $version into .gitea/ (minutes the first time)"
dir=$(module_dir gitea $module $sum)
unpack gitea "$dir"
(
    cd .gitea.new/source
    export GOEXPERIMENT=jsonv2
    build gitea "-X main.Version=$version"
)
keep gitea $version
