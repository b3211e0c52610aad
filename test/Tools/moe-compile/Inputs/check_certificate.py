"""Compares a report of --exit-report with what a module says, and with its prompts.

  check_certificate.py REPORT INSPECTED PROMPTS
"""
import json
import math
import sys

report, inspected = (json.load(open(path)) for path in sys.argv[1:3])
with open(sys.argv[3]) as file:
    prompts = [json.loads(line) for line in file]

risk = {True: "share of prompts whose greedy answer (first line, at most 32 tokens) is right by the full model and wrong by early exits",
        False: "share of prompts whose greedy answer (first line, at most 32 tokens) differs from the full model's"}
assert report["risk"] == risk["answer" in prompts[0]], report["risk"]
# About half are learned from, if any.
assert report["prompts"] in (range(40, 81) if report["fit"] else [len(prompts)]), report["prompts"]
assert 0.5 < report["full_model_correct"] < 1 if "answer" in prompts[0] else report["full_model_correct"] == 1, report
assert (report["policy"] == "learned") == bool(report["fit"]), report["fit"]

# The settings are tried from the careful to the bold one; the last that is accepted counts.
tested = report["tested"]
for careful, bold in zip(tested, tested[1:]):
    assert careful["threshold"] > bold["threshold"], (careful, bold)
    assert careful["average_layers"] >= bold["average_layers"], (careful, bold)
accepted = [t for t in tested if t["p_value"] <= report["epsilon"]]
assert accepted == tested[: len(accepted)] and len(accepted) >= len(tested) - 1, tested
best = accepted[-1]
assert set(report["thresholds"]) == {best["threshold"]} and len(report["thresholds"]) == len(report["layers"])
assert report["empirical_risk"] == best["risk"] and report["p_value"] == best["p_value"]
assert report["average_layers"] == best["average_layers"]


def p_value(mean, n, delta):
    """With terms that are small enough for doubles, as they are here."""
    a = min(mean, delta)
    h = (a * math.log(a / delta) if a else 0) + (1 - a) * math.log((1 - a) / (1 - delta))
    tail = sum(math.comb(n, i) * delta**i * (1 - delta) ** (n - i) for i in range(math.ceil(n * mean - 1e-9) + 1))
    return min(1, math.exp(-n * h), math.e * tail)


for t in tested:
    assert math.isclose(t["p_value"], p_value(t["risk"], report["prompts"], report["delta"]), rel_tol=1e-9), t

# Average layers follow from the shares that left.
here, came = 0, 1.0
for layers, taken in zip(report["layers"], report["taken"]):
    here += came * taken * layers
    came *= 1 - taken
here += came * inspected["model"]["layers"]
assert math.isclose(here, report["average_layers"], rel_tol=1e-6), (here, report["average_layers"])

exits = inspected["exits"]
assert [e["layers"] for e in exits["exits"]] == report["layers"], exits
assert [e["threshold"] for e in exits["exits"]] == report["thresholds"], exits
assert [e["taken"] for e in exits["exits"]] == report["taken"], exits
for key in ("policy", "state", "head", "weights_hash", "model_hash"):
    assert exits[key] == report[key], key
for key in ("prompts", "delta", "epsilon", "risk", "data_hash", "weights_hash", "model_hash", "thresholds", "empirical_risk", "p_value"):
    assert exits["certificate"][key] == report[key], (key, exits["certificate"][key], report[key])
