#!/usr/bin/env bash
# Fetches GitHub's example deliveries (npm `@octokit/webhooks-examples`, MIT) into .data/webhooks/, once. Without npm it
# says so and goes on, except in CI, where the test that reads them must not be left out.
set -euo pipefail
cd "$(dirname "$0")/.."

version=7.6.1
folder=.data/webhooks
[ -f "$folder/$version" ] && exit 0
if ! command -v npm >/dev/null; then
    echo "webhooks: npm is missing (apt-get install npm): GitHub's example deliveries are not fetched" >&2
    [ -z "${CI:-}" ] || exit 1
    exit 0
fi
echo "webhooks: fetching @octokit/webhooks-examples $version"
mkdir -p .data
scratch=$(mktemp -d .data/webhooks.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
(cd "$scratch" && npm pack --silent "@octokit/webhooks-examples@$version" >/dev/null && tar -xzf ./*.tgz)
# Filled aside and renamed, so that a folder that is there is whole.
mkdir "$scratch/whole"
for examples in "$scratch"/package/*/index.json; do
    mv "$examples" "$scratch/whole/$(basename "$(dirname "$examples")").json"
done
touch "$scratch/whole/$version"
rm -rf "$folder"
mv "$scratch/whole" "$folder"
echo "webhooks: GitHub's example deliveries are in $folder"
