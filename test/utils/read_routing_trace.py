"""Reads a routing trace (runtime/include/moert/abi/routing.h).

  read_routing_trace.py FILE     prints what the trace is of, and its sizes

read(FILE) gives an object with `model`, `model_name`, `predictor`, `layers` and,
by row, `rows` (token, sequence, position, forward), and by row and layer
`logits`, `chosen`, `weights`, `guessed` and `confidence` as arrays.
"""
import struct
import sys
import types

import numpy as np

HEADER = struct.Struct("<8s6I3Q64s32s")


def read(path):
    with open(path, "rb") as file:
        data = file.read()
    (magic, version, layers, experts, chosen, guesses, _, records, size, model, name,
     predictor) = HEADER.unpack_from(data)
    if magic != b"MOEROUT\x1a" or version != 1:
        raise ValueError("%s: is not a routing trace of version 1" % path)
    layer = np.dtype([("logits", "<f4", experts), ("chosen", "<i4", chosen),
                      ("weights", "<f4", chosen), ("guessed", "<i4", guesses),
                      ("confidence", "<f4", guesses)])
    record = np.dtype([("row", "<i4", 4), ("layers", layer, layers)])
    begin = HEADER.size + 4 * layers
    if record.itemsize != size or begin + records * size != len(data):
        raise ValueError("%s: has %d bytes, %d records of %d are wanted" % (
            path, len(data), records, size))
    rows = np.frombuffer(data, record, records, begin)
    trace = types.SimpleNamespace(
        model=model, model_name=name.rstrip(b"\0").decode(),
        predictor=predictor.rstrip(b"\0").decode(), experts=experts, guesses=guesses,
        layers=np.frombuffer(data, "<i4", layers, HEADER.size), rows=rows["row"])
    for field in layer.names:
        setattr(trace, field, rows["layers"][field])
    return trace


def main():
    trace = read(sys.argv[1])
    print("%s: %d rows, layers %s, %d of %d experts, %d guesses%s" % (
        trace.model_name, len(trace.rows), list(map(int, trace.layers)),
        trace.chosen.shape[2], trace.experts, trace.guesses,
        " by " + trace.predictor if trace.predictor else ""))


if __name__ == "__main__":
    main()
