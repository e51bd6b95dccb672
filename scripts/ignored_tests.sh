#!/usr/bin/env bash
# Prints which tests could not run on this machine, by what is missing, and their number. The tests write the list
# SLIPWAY_IGNORED_TESTS: lines of a test, a tab, and what is missing.
set -euo pipefail
list=${SLIPWAY_IGNORED_TESTS:?the file with the list of ignored tests}
if [ ! -s "$list" ]; then
    echo "ignored: 0 tests"
    exit 0
fi
sort -u "$list" | awk -F '\t' '
    { tests[$2] = tests[$2] "\n    " $1; count[$2]++; all++ }
    END {
        for (missing in tests) printf "ignored: %s (%d):%s\n", missing, count[missing], tests[missing]
        printf "ignored: %d %s\n", all, all == 1 ? "test" : "tests"
    }'
