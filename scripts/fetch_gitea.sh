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
# What its go.mod asks for.
toolchain=go1.26.2

[ "$(cat .gitea/version 2>/dev/null)" = $version ] && [ -x .gitea/gitea ] && exit 0
if ! command -v go >/dev/null; then
    echo "gitea: Go is missing (apt-get install golang), so the tests of a real Gitea are left out" >&2
    [ -z "${CI:-}" ] && exit 0 || exit 1
fi
scripts/need.sh git c++

# Versions differ in what they can: from 1.21 on Go fetches the toolchain that a module asks for by itself.
export GOTOOLCHAIN=auto GOFLAGS="-buildvcs=false -modcacherw"
go=go
minor=$(go version | sed -nE 's/.* go1\.([0-9]+).*/\1/p')
if [ "${minor:-0}" -lt 21 ]; then
    # Older ones fetch it as the module that it is: through the same proxy, held against the same checksum database.
    echo "gitea: $(go version | cut -d ' ' -f 3) is too old, fetching $toolchain (240 MB)"
    folder=$(cd / && GO111MODULE=on go mod download -json \
        "golang.org/toolchain@v0.0.1-$toolchain.$(go env GOOS)-$(go env GOARCH)" | sed -nE 's/.*"Dir": "(.*)",/\1/p')
    [ -n "$folder" ] || { echo "gitea: it cannot be fetched: Go 1.21 or newer is needed" >&2; exit 1; }
    # Archives of modules keep no permissions.
    chmod -R u+x "$folder/bin" "$folder/pkg/tool"
    go=$folder/bin/go
    export GOROOT=$folder GOTOOLCHAIN=local
fi

echo "gitea: building $version into .gitea/ (minutes the first time)"
said=$(cd / && "$go" mod download -json $module) || { echo "gitea: its module cannot be fetched: $said" >&2; exit 1; }
field() { sed -nE "s/.*\"$1\": \"(.*)\".*/\1/p" <<<"$said"; }
[ "$(field Sum)" = $sum ] || { echo "gitea: expected the checksum $sum, but $module has $(field Sum)" >&2; exit 1; }
rm -rf .gitea.new
mkdir .gitea.new
# A module replaces its dependencies only where it is the main one: it is built in a copy of its own.
cp -r "$(field Dir)" .gitea.new/source
chmod -R u+w .gitea.new/source
tags="sqlite sqlite_unlock_notify"
(
    cd .gitea.new/source
    GOWORK=off GOEXPERIMENT=jsonv2 CGO_ENABLED=1 CGO_CFLAGS="-O1 -g0 -DSQLITE_MAX_VARIABLE_NUMBER=32766" nice "$go" build -trimpath \
        -tags "$tags" -ldflags "-s -w -X main.Version=$version -X 'main.Tags=$tags'" -o ../gitea .
    mkdir ../share
    mv templates options public ../share
)
rm -rf .gitea.new/source
echo $version >.gitea.new/version
rm -rf .gitea
mv .gitea.new .gitea
