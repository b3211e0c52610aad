"""Compares the guesses that a routing trace recorded with figures of the goldens.

  check_recall.py TRACE RESULTS.json KEY [TOLERANCE]

RESULTS.json["routing"][KEY] is, for each layer but the first, the share of chosen experts
among the best 2, 3, 4 guesses. The trace has guesses one layer ahead, four for each row.
"""
import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import make_routing_trace


def main(trace, results, key, tolerance="0.005"):
    with open(results, encoding="utf-8") as file:
        expected = np.array(json.load(file)["routing"][key])
    layers = make_routing_trace.read(trace)["records"]["layers"][:, 1:]
    found = layers["chosen"][..., :, None] == layers["guessed"][..., None, :]
    measured = np.stack([found[..., :count].any(-1).mean((0, 2)) for count in (2, 3, 4)], 1)
    if measured.shape != expected.shape:
        sys.exit("figures of %s layers and counts, %s expected" % (measured.shape, expected.shape))
    print(len(layers), "rows,", key)
    print(measured.round(4))
    worst = np.abs(measured - expected).max()
    print("largest difference: %.4f" % worst)
    if not worst <= float(tolerance):
        sys.exit("differs by %.4f, at most %s may be" % (worst, tolerance))


if __name__ == "__main__":
    main(*sys.argv[1:])
