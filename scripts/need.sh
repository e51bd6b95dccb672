#!/usr/bin/env bash
# need.sh PROGRAM…: ends with one line that says all that is missing and how to get it. `slipway doctor` says the same.
missing=""
for program in "$@"; do
    case $program in
        git) how="apt-get install git" ;;
        cargo-deny) how="cargo install --locked cargo-deny@0.20.2" ;;
        cargo) how="https://rustup.rs" ;;
        c++) how="apt-get install g++" ;;
        python3) how="apt-get install python3" ;;
        pip) how="apt-get install python3-pip" ;;
        *) how="install it" ;;
    esac
    if [ "$program" = pip ]; then
        python3 -m pip --version >/dev/null 2>&1 && continue
    elif command -v "$program" >/dev/null 2>&1; then
        continue
    fi
    missing+="${missing:+, }$program ($how)"
done
if [ -n "$missing" ]; then
    echo "missing: $missing" >&2
    exit 1
fi
