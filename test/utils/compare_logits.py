"""Compares logits that two runs of `moe-run --perplexity --save-logits` wrote.

  compare_logits.py REFERENCE OTHER [--result FILE.json]

Prints KL(reference || other) in nats per token, its standard error and how
often both find the same token likeliest. With --result, the file is what
`moe-run --kl-reference=REFERENCE --json` printed for the other module, and its
figures must be these.
"""
import argparse
import json
import sys

import numpy as np


def log_softmax(logits):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def figures(reference, other, rows_at_a_time=256):
    divergences, same = [], 0
    for begin in range(0, len(reference), rows_at_a_time):
        rows = slice(begin, begin + rows_at_a_time)
        p = log_softmax(reference[rows].astype(np.float64))
        q = log_softmax(other[rows].astype(np.float64))
        divergences.append((np.exp(p) * (p - q)).sum(axis=1))
        same += int((reference[rows].argmax(axis=1) == other[rows].argmax(axis=1)).sum())
    each = np.concatenate(divergences)
    return {"kl_divergence": each.mean(),
            "kl_divergence_standard_error": each.std(ddof=1) / np.sqrt(len(each)),
            "top1_agreement": same / len(each)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("reference")
    parser.add_argument("other")
    parser.add_argument("--result")
    a = parser.parse_args()
    reference, other = (np.load(file, mmap_mode="r") for file in (a.reference, a.other))
    if reference.shape != other.shape:
        sys.exit("shapes differ: %s and %s" % (reference.shape, other.shape))
    expected = figures(reference, other)
    print(json.dumps(expected))
    if a.result is None:
        return
    with open(a.result, encoding="utf-8") as file:
        result = json.load(file)
    for key, value in expected.items():
        if abs(result[key] - value) > 1e-9 + 1e-6 * abs(value):
            sys.exit("%s is %r in %s, %r by the files" % (key, result[key], a.result, value))


if __name__ == "__main__":
    main()
