"""What a calibrated module keeps, and saves, on tasks that it was not calibrated on.

  check_calibrated.py MODULE CERTIFICATE GOLDENS
"""
import json
import os
import sys

from check_tasks import check, evaluate

LAYERS = 6


def main():
    module, certificate, goldens = sys.argv[1:]
    tasks = os.path.join(goldens, "eval_tasks.jsonl")
    with open(certificate, encoding="utf-8") as file:
        certificate = json.load(file)
    full, got = evaluate(module, tasks, "--no-exit"), evaluate(module, tasks)
    print("certificate: thresholds %s, risk %.4f of %d prompts" % (
        certificate["thresholds"], certificate["empirical_risk"], certificate["prompts"]))
    print("%d of %d right, full model %d; %.3f layers, %.3f with heads, %.3f before newlines" % (
        got["correct"], got["total"], full["correct"], got["average_layers"],
        got["average_layers_with_heads"], got["average_layers_before_newline"]))
    check(full["average_layers"] == LAYERS, full["average_layers"])
    check(got["accuracy"] >= 0.99 * full["accuracy"], "accuracy", got["accuracy"], "of", full["accuracy"])
    check(got["average_layers"] <= 0.45 * LAYERS, got["average_layers"], "layers")
    # The cost of heads is not hidden, nor are tokens that are easy for anyone.
    check(got["average_layers_with_heads"] > got["average_layers"], got["average_layers_with_heads"])
    newlines, others = got["tokens_of_newline"], got["tokens_before_newline"]
    check(newlines > 0.9 * got["total"] and others > got["total"], newlines, others)
    check(got["average_layers_before_newline"] > got["average_layers"], "newlines are not easier")
    mean = (newlines * got["average_layers_of_newline"]
            + others * got["average_layers_before_newline"]) / (newlines + others)
    check(abs(mean - got["average_layers"]) < 1e-9, mean, got["average_layers"])


if __name__ == "__main__":
    main()
