#!/usr/bin/env bash
# Installs the peers of `make bench-intake` into .peers/intake/: Debian's `webhook` (unpacked, not installed) and npm's
# `probot`. What cannot be had is said in one line; the benchmark names it as missing.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .peers/intake
cd .peers/intake

if ! command -v webhook >/dev/null && [ ! -x usr/bin/webhook ]; then
    if (apt-get download -qq webhook && dpkg-deb -x webhook_*.deb .) 2>/dev/null; then
        rm -f webhook_*.deb
    else
        echo "webhook: not to be had here (a package of Debian and Ubuntu)" >&2
    fi
fi
if [ ! -e node_modules/probot/package.json ]; then
    npm install --silent --no-fund --no-audit --no-save probot@14.3.2 || echo "probot: npm cannot install it" >&2
fi
