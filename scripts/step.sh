#!/usr/bin/env bash
# step.sh NAME COMMAND…: runs one step of a target, and prints how long it took.
set -euo pipefail
name=$1 begun=$SECONDS
shift
echo "-- $name"
"$@"
echo "-- $name: $((SECONDS - begun)) s"
