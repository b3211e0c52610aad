#!/usr/bin/python3
"""What a routing trace says about a model: skew, locality, and its guesses.

  routing_statistics.py TRACE [--json]

TRACE is of moe-run --record-routing (runtime/include/moert/abi/routing.h). Each
figure is a mean over layers, with the least and the greatest; all are of decoding,
one row a forward. Lists of frequent experts are counted in the first half of the
trace and judged in the second.
"""
import argparse
import json
import statistics
import struct
import sys

import numpy as np

HEADER = struct.Struct("<8s6I3Q64s32s")
MAGIC = b"MOEROUT\x1a"


def read_trace(path):
    with open(path, "rb") as file:
        data = file.read()
    if len(data) < HEADER.size or data[:8] != MAGIC:
        sys.exit("%s: is no routing trace" % path)
    _, _, layers, experts, chosen, guesses, _, records, size, _, name, predictor = HEADER.unpack_from(data)
    layer = np.dtype([("logits", "<f4", experts), ("chosen", "<i4", chosen), ("weights", "<f4", chosen),
                      ("guessed", "<i4", guesses), ("confidence", "<f4", guesses)])
    record = np.dtype([("row", "<i4", 4), ("layers", layer, layers)])
    begin = HEADER.size + 4 * layers
    if record.itemsize != size or begin + records * size != len(data):
        sys.exit("%s: has %d bytes, its header speaks of %d" % (path, len(data), begin + records * size))
    return np.frombuffer(data, record, records, begin), experts, name.rstrip(b"\0").decode(), predictor.rstrip(
        b"\0").decode()


def overlap(a, b):
    """Share of the experts of b's rows that are in the same row of a."""
    return float((b[:, :, None] == a[:, None, :]).any(2).mean())


def statistics_of(rows, experts):
    half, names = len(rows) // 2, {}
    for layer in range(rows["layers"].shape[1]):
        data = rows["layers"][:, layer]
        chosen, guessed = data["chosen"], data["guessed"]
        width = chosen.shape[1]
        counts = np.bincount(chosen[:half].ravel(), minlength=experts)
        order = np.argsort(-counts, kind="stable")
        later = np.bincount(chosen[half:].ravel(), minlength=experts) / chosen[half:].size
        figures = {
            "chosen by the token before": overlap(chosen[:-1], chosen[1:]),
            "among the %d most frequent" % width: float(later[order[:width]].sum()),
            "of the most frequent tenth": float(later[order[: max(1, round(experts / 10))]].sum()),
        }
        if guessed.shape[1] and (guessed >= 0).all():
            for count in sorted({min(width, guessed.shape[1]), guessed.shape[1]}):
                figures["among the first %d guesses" % count] = overlap(guessed[:, :count], chosen)
        for name, value in figures.items():
            names.setdefault(name, []).append(value)
    return names


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("trace")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows, experts, model, predictor = read_trace(options.trace)
    forwards = rows["row"][:, 3]
    rows = rows[np.bincount(forwards)[forwards] == 1]
    if len(rows) < 4:
        sys.exit("%s: has %d forwards of one row, at least 4 are needed" % (options.trace, len(rows)))
    result = statistics_of(rows, experts)
    if options.json:
        print(json.dumps({"model": model, "predictor": predictor, "rows": len(rows), "layers": result}, indent=1))
        return
    print("%s: %d rows, %d of %d experts, guesses by %s" % (
        model, len(rows), rows["layers"]["chosen"].shape[2], experts, predictor or "nobody"))
    for name, values in result.items():
        print("%-32s %.3f (%.3f-%.3f)" % (name, statistics.mean(values), min(values), max(values)))


if __name__ == "__main__":
    main()
