"""Suites that cannot run on a machine are listed beside single tests, in the file SLIPWAY_IGNORED_TESTS."""

import os


def ignore(suite, missing, remedy):
    """Reports that a suite did not run; returns the exit code of the script: a failure in CI, where every suite has to run."""
    print(f"ignored: {suite}: {missing}: {remedy}")
    path = os.environ.get("SLIPWAY_IGNORED_TESTS")
    if path:
        with open(path, "a", encoding="utf-8") as list_of_tests:
            list_of_tests.write(f"{suite}\t{missing}: {remedy}\n")
    return 1 if os.environ.get("CI") else 0
