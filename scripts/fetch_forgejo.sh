#!/usr/bin/env bash
# Makes sure that the tests find a Forgejo (licence: GPL-3.0-or-later; it is run, and nothing of it is linked or shipped):
# built from its Go module, whose checksum is held here, into .forgejo/ (110 MB; the first time minutes, and some 2.5 GB in
# Go's own caches, most of which it shares with Gitea). Where Go is missing, the tests of a real Forgejo are ignored, and one
# line says so; in CI that is a failure.
#
# It is what Forgejo was on 2024-12-20, shortly before 10.0: its releases have no module path that a proxy serves. Its own
# copies of some libraries cannot be had as modules, so those that they were copied from stand in for them, in the newest
# version that fits; F3, which moves whole forges and has no such origin, is left out. None of them is asked by the tests:
# avatars, captchas, replies by mail, sessions in the browser, archives, Actions, the SSH server.
set -euo pipefail
cd "$(dirname "$0")/.."

version=v1.21.0-rc0.0.20241219112042-456d05998231
module=codeberg.org/forgejo/forgejo@$version
sum=h1:4WZLTrLFz7xwr6WOa5aLhCQ9io09GTShFM6ujs4nxtA=

[ "$(cat .forgejo/version 2>/dev/null)" = $version ] && [ -x .forgejo/forgejo ] && exit 0
. scripts/go.sh
go_is_here forgejo || { [ -z "${CI:-}" ] && exit 0 || exit 1; }

echo "forgejo: building $version into .forgejo/ (minutes the first time)"
dir=$(module_dir forgejo $module $sum)
unpack forgejo "$dir"
(
    cd .forgejo.new/source
    rm -rf services/f3 cmd/forgejo/f3.go
    sed -i '/CmdF3(/d' cmd/forgejo/forgejo.go cmd/main.go
    # Of the key that a connection was made with; the origin of the SSH library has one for the session alone.
    sed -i 's/session\.ConnPermissions()/session.Permissions()/' modules/ssh/ssh.go
    stand_ins=(
        code.forgejo.org/forgejo-contrib/go-libravatar strk.kbt.io/projects/go/libravatar v0.0.0-20191008002943-06d1c002b251
        code.forgejo.org/forgejo/reply github.com/dimiro1/reply v0.0.0-20200315094148-d0136a4c9e21
        code.forgejo.org/go-chi/binding gitea.com/go-chi/binding v0.0.0-20240430071103-39a851e106ed
        code.forgejo.org/go-chi/cache gitea.com/go-chi/cache v0.2.1
        code.forgejo.org/go-chi/captcha github.com/dchest/captcha v1.0.0
        code.forgejo.org/go-chi/session gitea.com/go-chi/session v0.0.0-20240316035857-16768d98ec96
    )
    export GOFLAGS="$GOFLAGS -mod=mod" GOWORK=off
    "$go" mod edit -droprequire=code.forgejo.org/f3/gof3/v3 -dropreplace=github.com/mholt/archiver/v3 \
        -dropreplace=github.com/gliderlabs/ssh -replace=github.com/nektos/act=gitea.com/gitea/act@v0.261.3
    for ((at = 0; at < ${#stand_ins[@]}; at += 3)); do
        copy=${stand_ins[at]} origin=${stand_ins[at + 1]}
        "$go" mod edit -droprequire="$copy" -require="$origin@${stand_ins[at + 2]}"
        { grep -rl --include='*.go' "\"$copy" . || true; } | xargs -r sed -i "s#\"$copy#\"$origin#"
    done
    build forgejo "-X main.Version=10.0.0-dev -X main.ForgejoVersion=10.0.0-dev"
)
keep forgejo $version
