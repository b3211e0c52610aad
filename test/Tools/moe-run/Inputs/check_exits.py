"""Checks what moe-run says of tokens that left early.

  check_exits.py generate FILE RECORD     --json --stats, and --record-exits of it
  check_exits.py eval FILE RECORD
  check_exits.py same FILE FILE...        the same tokens
  check_exits.py certificate FILE holds|null|absent
"""
import json
import math
import sys


def check(condition, *message):
    if not condition:
        raise SystemExit("check_exits.py: " + " ".join(map(str, message)))


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def close(a, b):
    return math.isclose(a, b, rel_tol=1e-9)


def figures(result, record):
    """Averages are those of the recorded tokens."""
    layers = [line["layers"] for line in record]
    stats = result["stats"]
    checks = sum(score is not None for line in record for score in line["scores"])
    check(min(layers) < max(layers), "all tokens ran through", layers[0], "layers")
    check(close(result["average_layers"], sum(layers) / len(layers)), "average_layers")
    check(result["exit_histogram"] == [layers.count(i + 1) for i in range(6)], "exit_histogram")
    check(stats["exit_checks"] == checks, stats["exit_checks"], "checks, recorded are", checks)
    check(stats["exit_tokens"] == len(layers) and stats["exit_layers"] == sum(layers), "stats")
    check(stats["exit_counts"] == result["exit_histogram"], "exit_counts")
    extra = (result["average_layers_with_heads"] - result["average_layers"]) * len(layers)
    check(close(extra / checks, 1049088 / 726144), "a head is", extra / checks, "layers")
    for line in record:  # it asked at each exit up to where it left
        asked = [score is not None for score in line["scores"]]
        check(asked == [i + 1 <= line["layers"] for i in range(5)], line)


def generate(path, recorded):
    result, record = load(path), lines(recorded)
    check([line["token"] for line in record] == result["tokens"], "tokens")
    figures(result, record)


def evaluate(path, recorded):
    result, record = load(path), lines(recorded)
    figures(result, record)
    last = {line["request"]: line["layers"] for line in record}
    check(len(last) == result["total"] == result["tokens_of_newline"], len(last), "answers")
    check(close(result["average_layers_of_newline"] * len(last), sum(last.values())), "of_newline")
    count = len(record) - len(last)
    check(result["tokens_before_newline"] == count, "tokens_before_newline")
    rest = result["average_layers"] * len(record) - sum(last.values())
    check(close(result["average_layers_before_newline"] * count, rest), "before_newline")


def same(first, *others):
    def tokens(path):
        result = load(path)
        return [one["tokens"] for one in result.get("results", [result])]
    for other in others:
        check(tokens(first) == tokens(other), first, "and", other, "differ")


def certificate(path, expected):
    result = load(path)
    found = "absent" if "certificate" not in result else "null" if not result["certificate"] else "holds"
    check(found == expected, "the certificate is", found)
    if found == "holds":
        check(result["certificate"]["prompts"] == 40, result["certificate"])


if __name__ == "__main__":
    modes = {"generate": generate, "eval": evaluate, "same": same, "certificate": certificate}
    modes[sys.argv[1]](*sys.argv[2:])
