#!/usr/bin/env bash
# fuzz.sh SECONDS [TARGET…]: fuzzes every target (or those named) with libFuzzer, in turn, for so many seconds in all.
# Works on the stable compiler: coverage comes from LLVM's own pass, and no sanitizer is used, because all of our code
# is safe Rust. Finds go to target/fuzz/found/TARGET, and end the script with 1.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=$1
shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for folder in fuzz/corpus/*/; do targets+=("$(basename "$folder")"); done
fi
host=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
coverage+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
coverage+=" -Cllvm-args=-sanitizer-coverage-trace-compares"
echo "fuzz: cargo build (several minutes the first time)"
# `--target` keeps the flags away from build scripts.
RUSTFLAGS="$coverage" cargo build --quiet --package slipway-fuzz --features libfuzzer --target "$host" --target-dir target/fuzz

each=$((seconds / ${#targets[@]}))
[ "$each" -ge 1 ] || each=1
failed=0
for target in "${targets[@]}"; do
    mkdir -p "target/fuzz/corpus/$target" "target/fuzz/found/$target"
    log="target/fuzz/$target.log"
    if SLIPWAY_FUZZ=$target "target/fuzz/$host/debug/slipway-fuzz" -seed=1 -max_total_time="$each" -max_len=16384 \
        -timeout=60 -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="target/fuzz/found/$target/" \
        "target/fuzz/corpus/$target" "fuzz/corpus/$target" >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        echo "fuzz: $target: $runs inputs in $each s, nothing found"
    else
        echo "fuzz: $target FAILED: see $log; the input is in target/fuzz/found/$target" >&2
        tail -n 30 "$log" >&2
        failed=1
    fi
done
exit $failed
