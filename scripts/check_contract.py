#!/usr/bin/env python3
"""Holds what Slipway asks of GitHub, and what the double of GitHub answers, against GitHub's own description: the tests of
forges are run once more with Prism between the two. `make test-contract`."""

import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from ignored import ignore

PRISM, DESCRIPTION = "@stoplight/prism-cli@5.16.0", "@octokit/openapi@23.0.2"
ROOT = pathlib.Path(__file__).resolve().parent.parent
HOME = ROOT / ".peers-contract"
MARKER, CALLS = HOME / "installed", HOME / "calls"
# Prism needs ten seconds and 300 MB for all 811 paths. These are what Slipway could want of a repository and of an App.
KEPT = ("/app", "/app-manifests", "/rate_limit", "/repos/{owner}/{repo}", "/user", "/user/{account_id}")
PARTS = ("check-runs", "collaborators", "commits", "deployments", "hooks", "installation", "issues", "pulls", "statuses")
# An operation that no test calls any more is a hole in what this checks.
FEWEST_OPERATIONS, FEWEST_CALLS = 24, 200


def install():
    """Installs Prism and the description; answers whether it could."""
    wanted = f"{PRISM} {DESCRIPTION} {' '.join(KEPT + PARTS)}"
    if MARKER.exists() and MARKER.read_text() == wanted:
        return True
    if shutil.which("npm") is None or shutil.which("node") is None:
        return False
    print(f"test-contract: installing {PRISM} and one file of {DESCRIPTION} into {HOME.name}/ (120 MB)")
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    # Scripts of packages are not run: Prism works without them.
    quiet = ["--silent", "--no-fund", "--no-audit", "--ignore-scripts"]
    if subprocess.run(["npm", "install", *quiet, "--prefix", ".", PRISM], cwd=HOME).returncode != 0:
        return False
    packed = subprocess.run(["npm", "pack", *quiet, DESCRIPTION], cwd=HOME, stdout=subprocess.PIPE, text=True)
    if packed.returncode != 0:
        return False
    archive = HOME / packed.stdout.strip().splitlines()[-1]
    file = "package/generated/api.github.com.json"
    subprocess.run(["tar", "-xzf", archive.name, file], cwd=HOME, check=True)
    archive.unlink()
    description = json.loads((HOME / file).read_text())
    (HOME / "github.json").write_text(json.dumps(cut(description)))
    shutil.rmtree(HOME / "package")
    MARKER.write_text(wanted)
    return True


def is_kept(path):
    """Whether a path of the description is one of those that Prism is given."""
    rest = path.removeprefix("/repos/{owner}/{repo}/")
    if rest != path:
        return rest.split("/")[0] in PARTS
    return path in KEPT or path.startswith(("/app/", "/app-manifests/"))


def cut(description):
    """The kept paths of a description with what they refer to; nothing in them is changed."""
    description = {name: description[name] for name in ("openapi", "info", "servers", "paths", "components")}
    description["paths"] = {path: item for path, item in description["paths"].items() if is_kept(path)}
    components, needed, open_ends = description["components"], collections.defaultdict(dict), [description["paths"]]
    while open_ends:
        item = open_ends.pop()
        if isinstance(item, list):
            open_ends += item
        elif isinstance(item, dict):
            open_ends += item.values()
            kind, _, name = str(item.get("$ref", "")).removeprefix("#/components/").partition("/")
            if name and name not in needed[kind]:
                needed[kind][name] = components[kind][name]
                if kind != "examples":
                    open_ends.append(components[kind][name])
    return description | {"components": needed}


def told():
    """What was asked through Prism: how often, by method and path, whatever the names and numbers in it are."""
    lines = CALLS.read_text().splitlines() if CALLS.exists() else []
    names = re.compile(r"\?.*|/(?:\d|[0-9a-f]{40})[^/]*|(?<=collaborators)/[^/]*")
    return collections.Counter(names.sub(lambda found: "" if found[0].startswith("?") else "/{}", line) for line in lines)


def main():
    if not install():
        return ignore("test-contract", "Prism cannot be installed", "apt-get install npm")
    CALLS.unlink(missing_ok=True)
    # The whole workspace, as `make test` has built it: for a part of it everything would be built anew, with other features.
    tests = ["cargo", "test", "--workspace", "--test", "it", "--", "forge::", "--include-ignored", "--skip", "forge::gitea"]
    environment = os.environ | {"SLIPWAY_CONTRACT": str(HOME)}
    ended = subprocess.run(tests, cwd=ROOT, env=environment)
    if ended.returncode != 0:
        return 1
    operations = told()
    calls = operations.total()
    print(f"test-contract: {calls} calls of {len(operations)} operations, requests and answers all as GitHub describes them")
    if calls < FEWEST_CALLS or len(operations) < FEWEST_OPERATIONS:
        print(f"test-contract: expected at least {FEWEST_CALLS} calls of {FEWEST_OPERATIONS} operations: {operations}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
