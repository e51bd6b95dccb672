#!/usr/bin/env bash
# step.sh NAME COMMAND…: runs one step, and prints how long it took and its processor time (user and system). With STEP_TIMES=FILE
# it also adds that line to the file; steps within a step carry its name.
set -uo pipefail
name=${STEP_NAME:+$STEP_NAME / }$1 begun=$SECONDS
shift
echo "-- $name"
STEP_NAME=$name "$@"
code=$?
took="$((SECONDS - begun)) s"
# Fields 16 and 17 of proc_pid_stat(5): processor time of ended children, in ticks.
if read -r -a stat </proc/self/stat && ticks=$(getconf CLK_TCK); then
    took+=", processor $(((stat[15] + stat[16]) / ticks)) s"
fi 2>/dev/null
[ $code -eq 0 ] || took+=", failed with $code"
echo "-- $name: $took"
[ -z "${STEP_TIMES:-}" ] || echo "$name: $took" >>"$STEP_TIMES"
exit $code
