#!/usr/bin/env python3
"""Holds a running server against docs/openapi.json, with schemathesis: no 5xx, every answer as described, no way in
without a token. Starts the server with a state of its own, and a git server for its environment, and ends both.
`make test-api`."""

import hashlib
import hmac
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request

from ignored import ignore

VERSION = "4.32.5"
ROOT = pathlib.Path(__file__).resolve().parent.parent
HOME = ROOT / ".peers-api"
SLIPWAY = ROOT / "target" / "debug" / "slipway"
GIT_SERVER = ROOT / "target" / "debug" / "slipway-git-server"
TOKEN = "a-token-for-one-machine-and-one-hour"
SECRET = "a secret that is long enough"
# The same examples every time: twenty seconds on two processors. Something hangs if it takes ten times as long.
EXAMPLES, MOST_SECONDS = 40, 200

SETTINGS = """apiVersion: slipway.dev/v1alpha1
kind: Server
listen: 127.0.0.1:0
state: ./state
sources:
- {name: digits, forge: plain, url: "GIT/digits.git", secret: {file: ./secret}, environment: staging}
environments:
- {name: staging, url: "GIT/staging.git"}
executor: {local: {trainer: /bin/true, threads: 1}}
web: {api_token: {file: ./token}, requests_per_second: 10000}
"""

DIGEST = "sha256:" + "5" * 64
RUNS = {
    "01a20cf5-81a7-743a-b9a9-2b00f57f7e61": {"state": "done"},
    "01a20cf5-81a7-743a-b9a9-2b00f57f7e62": {"state": "refused"},
    "01a20cf5-81a7-743a-b9a9-2b00f57f7e63": {"state": "training", "stalled": True},
    "01a20cf5-81a7-743a-b9a9-2b00f57f7e64": {"state": "promoting", "stalled": True},
}

MANIFEST = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: zero
  annotations:
    slipway.dev/digest: ARTIFACT # {"slipway": "zero:digest"}
"""
PROMOTION = """Promote zero to staging

Slipway-Promotion: RUN
Slipway-Model: zero
Slipway-Environment: staging
Slipway-Run: RUN
Slipway-Artifact: ARTIFACT
Slipway-Evidence: ARTIFACT
"""
HISTORY = ["2026-11-24T09:00:00Z", "2026-11-24T11:00:00Z", "2026-11-24T13:00:00Z"]


def install():
    """Installs schemathesis; says why not, if it cannot."""
    program = HOME / "bin" / "schemathesis"
    marker = HOME / VERSION
    if marker.exists() and program.exists():
        return program
    venv = [sys.executable, "-m", "venv", "--clear", str(HOME)]
    if subprocess.run(venv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
        return None
    pip = [str(HOME / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", f"schemathesis=={VERSION}"]
    if subprocess.run(pip).returncode != 0:
        return None
    marker.touch()
    return program


def make_repositories(folder):
    """Makes the environment's repository, where a promotion and then somebody's hand wrote, and a model's."""
    work = folder / "work"
    work.mkdir()
    identity = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for role in ("AUTHOR", "COMMITTER"):
        identity |= {f"GIT_{role}_NAME": "check", f"GIT_{role}_EMAIL": "check@example.org"}

    def git(*words, at=HISTORY[0]):
        dates = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
        subprocess.run(["git", *words], cwd=work, env=os.environ | identity | dates, check=True)

    git("init", "--quiet", "--initial-branch=main")
    promotion = PROMOTION.replace("RUN", next(iter(RUNS))).replace("ARTIFACT", DIGEST)
    for at, artifact, message in zip(HISTORY, ["none", DIGEST, "sha256:" + "6" * 64],
                                     ["Begin", promotion, "Try another by hand"]):
        (work / "zero.yaml").write_text(MANIFEST.replace("ARTIFACT", artifact))
        git("add", ".", at=at)
        git("commit", "--quiet", "--message", message, at=at)
    for name in ("staging", "digits"):
        git("clone", "--quiet", "--bare", ".", str(folder / "git" / f"{name}.git"))


def listening(command, **more):
    """Starts a program that says where it listens; answers it with the address."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True, **more)
    line = process.stdout.readline()
    if not line.startswith("listening on "):
        sys.exit(f"check_api: {command[0]} does not listen")
    return process, line.removeprefix("listening on ").strip()


def start(folder):
    """Starts a git server and Slipway; answers both, and where Slipway listens."""
    make_repositories(folder)
    git, git_address = listening([GIT_SERVER, folder / "git"], stdin=subprocess.PIPE)
    settings = SETTINGS.replace("GIT", git_address)
    for name, text in [("server.yaml", settings), ("secret", SECRET), ("token", TOKEN)]:
        (folder / name).write_text(text)
    server, address = listening([SLIPWAY, "serve", "--config", folder / "server.yaml", "--log", "error"])
    return git, server, address


def deliver(address):
    """Sends deliveries, so that there are some to be read."""
    for number, body in enumerate([b"{}", b"not JSON", b"\xff\x00"]):
        headers = {
            "content-type": "application/json",
            "x-slipway-event": "push",
            "x-slipway-delivery": f"d-{number}",
            "x-hub-signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
        }
        request = urllib.request.Request(f"{address}/webhooks/digits", data=body, headers=headers)
        urllib.request.urlopen(request).close()


def record_runs(folder):
    """Writes runs as an earlier server left them; what is written here has to be readable for ever."""
    listing = ["git", "-C", str(folder / "work"), "rev-list", "main"]
    commits = subprocess.run(listing, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    database = sqlite3.connect(folder / "state" / "slipway.db", timeout=10)
    verdict = {
        "outcome": "pass", "policy": "policy.yaml", "policy_digest": DIGEST, "confidence": 0.95, "candidate": DIGEST,
        "champion": None, "rows": 1000,
        "checks": [{
            "metric": "accuracy", "requirement": {"at_least": 0.9}, "outcome": "pass", "sentence": "well enough",
            "file": "policy.yaml", "line": 6, "estimate": 0.95, "lower": 0.94, "upper": 0.96, "method": "wilson",
            "rows": 1000,
        }],
    }
    for place, (run, more) in enumerate(RUNS.items()):
        at, head = f"2026-11-24T10:00:0{place}Z", commits[place % len(commits)]
        document = {
            "id": run, "source": "digits", "model": "zero", "file": "slipway.yaml", "branch": "main", "base": None,
            "head": head, "environment": "staging", "reason": None, "run_key": DIGEST,
            "run_key_parts": {"data": DIGEST}, "reuse": "the data differ", "artifact": DIGEST, "reused_from": None,
            "champion": None, "evaluation": None, "evidence": DIGEST, "verdict": verdict, "promotion_commit": None,
            "diagnostics": [{"file": "slipway.yaml", "position": {"line": 1, "column": 2}, "message": "m", "help": None}],
            "delivered_at": at, "created_at": at, "updated_at": at,
        } | more
        active = int(more["state"] in ("training", "promoting"))
        millis = 1_795_514_400_000 + place * 1000
        values = (run, "digits", f"digits refs/heads/main {place}", "zero", "main", head, more["state"],
                  active, int(more.get("stalled", False)), DIGEST, DIGEST, json.dumps(document), millis)
        columns = "id, source, lane, model, branch, head, state, active, stalled, run_key, artifact, document, created_at"
        database.execute(f"INSERT INTO runs ({columns}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", values)
        moves = "INSERT INTO transitions (run, number, from_state, to_state, at, cause, actor) VALUES (?,?,?,?,?,?,?)"
        database.execute(moves, (run, 1, None, "queued", millis, "a push", "controller"))
        database.execute(moves, (run, 2, "queued", more["state"], millis, "moved", "controller"))
        database.execute("INSERT INTO log_lines VALUES (?,?,?,?)", (run, 1, millis, "a line"))
    database.commit()
    database.close()


def check_known(address):
    """Asks for things that are there: what examples drawn at random never find. Run by schemathesis's own Python."""
    import schemathesis

    headers = {"Authorization": f"Bearer {TOKEN}"}
    schema = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json", headers=headers)
    asked = [("GET", path, {"id": run}) for run in RUNS for path in
             ("/api/v1/runs/{id}", "/api/v1/runs/{id}/log", "/api/v1/runs/{id}/explain")]
    asked += [("POST", f"/api/v1/runs/{{id}}/{action}", {"id": run}) for action in ("retry", "cancel") for run in RUNS]
    asked += [("GET", "/api/v1/deliveries/{source}/{id}", {"source": "digits", "id": f"d-{n}"}) for n in range(3)]
    asked += [("POST", "/api/v1/deliveries/{source}/{id}/replay", {"source": "digits", "id": "d-1"})]
    asked += [("GET", f"/api/v1/{name}", {}) for name in
              ("runs", "deliveries", "models", "environments", "audit", "tokens", "openapi.json")]
    here, there = {"environment": "staging"}, {"environment": "staging", "model": "zero"}
    asked += [("GET", "/api/v1/environments/{environment}", here),
              ("GET", "/api/v1/environments/{environment}/models/{model}/history", there)]
    asked += [("GET", "/api/v1/environments/{environment}/at", here, {"query": {"time": time}}) for time in HISTORY]
    asked += [("POST", f"/api/v1/environments/{{environment}}/models/{{model}}/{action}", there, {"body": body})
              for action, body in [("rollback", {"reason": "it is worse"}), ("promote", {}),
                                   ("hold", {"reason": "we look at it"})]]
    asked += [("POST", "/api/v1/environments/{environment}/models/{model}/release", there)]
    found = 0
    for method, path, parameters, *more in asked:
        case = schema[path][method].Case(path_parameters=parameters, **(more[0] if more else {}))
        response = case.call(headers=headers)
        case.validate_response(response)
        found += response.status_code == 200
    print(f"check_api: {len(asked)} calls for what is there, {found} answered with it, all as described")
    if found < len(asked) // 2:
        sys.exit("check_api: most of it was not there: is this script still right?")


def check_drawn(program, address):
    """Asks for everything in every way that the description allows, and in some that it does not."""
    # `/events` is told for as long as somebody listens. Cursors are texts that only the server can make: those that
    # are drawn are rightly refused, so `positive_data_acceptance`, which takes them for good ones, is left out.
    command = [
        str(program), "run", f"{address}/api/v1/openapi.json", "--header", f"Authorization: Bearer {TOKEN}",
        "--checks", "all", "--exclude-checks", "positive_data_acceptance", "--exclude-path", "/api/v1/events",
        "--max-examples", str(EXAMPLES), "--generation-deterministic", "--request-timeout", "10", "--no-color",
        "--phases", "examples,coverage,fuzzing", "--warnings", "off",
    ]
    try:
        return subprocess.run(command, timeout=MOST_SECONDS).returncode
    except subprocess.TimeoutExpired:
        print(f"check_api: schemathesis has not ended after {MOST_SECONDS} s")
        return 1


def main():
    if sys.argv[1:2] == ["--known"]:
        check_known(sys.argv[2])
        return 0
    program = install()
    if program is None:
        return ignore("test-api", "schemathesis cannot be installed", "apt-get install python3-venv")
    for built in (SLIPWAY, GIT_SERVER):
        if not built.exists():
            sys.exit(f"check_api: `{built.name}` is not built\n  help: make test-api")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        git, server, address = start(folder)
        try:
            deliver(address)
            record_runs(folder)
            known = subprocess.run([str(HOME / "bin" / "python"), __file__, "--known", address]).returncode
            drawn = check_drawn(program, address)
        finally:
            server.send_signal(signal.SIGTERM)
            ended = server.wait(timeout=30)
            git.stdin.close()
            ended = ended or git.wait(timeout=30)
    if ended != 0:
        print(f"check_api: the server ended with {ended}")
    return int(bool(known or drawn or ended))


if __name__ == "__main__":
    sys.exit(main())
