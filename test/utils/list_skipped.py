"""Prints which tests of the last run were skipped, and why: list_skipped.py BUILD"""
import json
import os
import re
import sys


def lit_tests(build):
    """(name, reason) of lit tests, and what the machine lacks."""
    try:
        with open(os.path.join(build, "lit", "results.json")) as file:
            tests = json.load(file)["tests"]
    except (OSError, ValueError, KeyError):
        return
    for test in tests:
        if test["code"] in ("UNSUPPORTED", "SKIPPED", "EXCLUDED"):
            yield test["name"], " ".join(test["output"].split()) or "no reason given"


def program_tests(build):
    """Skipped tests of GoogleTest programs: the reason stands before the name."""
    try:
        with open(os.path.join(build, "Testing", "Temporary", "LastTest.log"),
                  errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return
    reason = ""
    for line in lines:
        match = re.match(r"\[  SKIPPED \] (\S+) \(", line)
        if match:
            yield match.group(1), reason or "no reason given"
        if re.match(r"\[ +(RUN|OK|FAILED|SKIPPED) +\]", line):
            reason = ""
        elif line.strip():
            reason = line.strip()


def main():
    build = sys.argv[1]
    skipped = sorted(set(lit_tests(build)) | set(program_tests(build)))
    print("\n%d tests skipped%s" % (len(skipped), ":" if skipped else ""))
    for name, reason in skipped:
        print("  %s: %s" % (name, reason))


if __name__ == "__main__":
    main()
