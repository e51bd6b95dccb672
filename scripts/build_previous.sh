#!/usr/bin/env bash
# Builds the release before this one into target/previous/slipway, for the test of rolling updates. Kept between runs.
# It shares the builds of dependencies in target/; only the two packages of that release are compiled anew. They get a version
# of their own: by name and version alone Cargo would take them for the packages of this commit, and these for them.
set -euo pipefail
cd "$(dirname "$0")/.."

# The release that is updated from: the newest commit whose server may still run beside one of this commit.
commit=20eaa5cda53932efe3ffb89fa4215f3ba15486b9
target=${CARGO_TARGET_DIR:-$PWD/target}
previous=$PWD/target/previous

# Servers look for the trainer beside them; jobs have kept their form since that release.
mkdir -p "$previous"
ln -sfn "$target/debug/slipway-trainer" "$previous/slipway-trainer"

[ "$(cat "$previous/commit" 2>/dev/null)" = $commit ] && [ -x "$previous/slipway" ] && exit 0
git cat-file -e "$commit^{commit}" 2>/dev/null || {
    echo "previous: the commit $commit is not in this clone; fetch the whole history: git fetch --unshallow" >&2
    exit 1
}
echo "previous: building the release before this one ($commit)"
rm -rf "$previous/source"
mkdir -p "$previous/source"
git archive "$commit" | tar -x -C "$previous/source"
sed -i '/^\[workspace.package\]/,/^$/ s/^version = .*/version = "0.0.0-previous"/' "$previous/source/Cargo.toml"
# Cargo puts the program where this commit's own is. That one goes back to its place, however this ends.
built=$target/debug/slipway
if [ -e "$built" ]; then
    mv "$built" "$previous/own"
    trap 'mv -f "$previous/own" "$built"' EXIT
fi
# The whole workspace, so that dependencies have the features they have here; of it only the one program.
# Not optimised: it is compiled once and used by two tests.
CARGO_TARGET_DIR=$target cargo --config 'profile.dev.package.slipway.opt-level=0' build --quiet \
    --manifest-path "$previous/source/Cargo.toml" --workspace --bin slipway
cp "$built" "$previous/slipway"
rm -rf "$previous/source"
echo $commit >"$previous/commit"
