#!/usr/bin/env bash
# Installs what a bare Debian or Ubuntu machine lacks for .ci/run.
set -euo pipefail
missing=() sudo=""
command -v git >/dev/null || missing+=(git)
command -v c++ >/dev/null || missing+=(g++)
command -v make >/dev/null || missing+=(make)
command -v curl >/dev/null || command -v cargo >/dev/null || missing+=(curl)
[ -x /usr/sbin/sshd ] || missing+=(openssh-server)
python3 -c 'import ensurepip' >/dev/null 2>&1 || missing+=(python3-venv)
command -v npm >/dev/null || missing+=(npm)
command -v go >/dev/null || missing+=(golang)
command -v unshare >/dev/null || missing+=(util-linux)
compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || missing+=(faketime)
python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
if [ ${#missing[@]} -gt 0 ]; then
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"
fi
# A test mounts a small disk for one process. Some systems allow that to root alone unless told otherwise.
restricted=/proc/sys/kernel/apparmor_restrict_unprivileged_userns
if [ "$(id -u)" -ne 0 ] && [ -e $restricted ]; then echo 0 | sudo tee $restricted >/dev/null; fi
if ! command -v cargo >/dev/null; then
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain none
fi
