"""Writes a routing trace of a made-up router (runtime/include/moert/abi/routing.h).

  make_routing_trace.py OUT [--layers N|0,2,5] [--experts N] [--chosen K] [--rows N]
      [--rows-per-forward N] [--sequences N] [--seed S] [--skew X] [--locality X]
      [--coupling X] [--guesses N] [--predictor NAME] [--name NAME] [--model TEXT]

--skew X       experts of a layer are liked unequally: by -X * log(1 + rank) in their logits
--locality X   share of a row's logits that the row before has, in [0, 1)
--coupling X   share of a layer's logits that the layer before determines, in [0, 1)
--guesses N    each row has N guesses, the chosen experts seen through noise
--model TEXT   what the fingerprint is of: "name;family;vocabulary;hidden;layers;experts;experts per token"

As a module: make(...), write(path, trace), read(path), fingerprint(text).
"""
import argparse
import struct
import sys

import numpy as np

MAGIC = b"MOEROUT\x1a"
HEADER = struct.Struct("<8s6I3Q64s32s")

#===-- XXH3-64 of short texts ------------------------------------------------===

SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364")
MASK = (1 << 64) - 1


def word(data, at):
    return int.from_bytes(data[at : at + 8], "little")


def fold(a, b):
    product = a * b
    return (product ^ product >> 64) & MASK


def fingerprint(text):
    """XXH3-64 of a text of 9 to 128 bytes."""
    data = text.encode()
    size = len(data)
    if not 9 <= size <= 128:
        raise ValueError("text has %d bytes, must be between 9 and 128" % size)
    if size <= 16:
        low = word(data, 0) ^ word(SECRET, 24) ^ word(SECRET, 32)
        high = word(data, size - 8) ^ word(SECRET, 40) ^ word(SECRET, 48)
        total = size + int.from_bytes(low.to_bytes(8, "little"), "big") + high + fold(low, high)
    else:
        total = size * 0x9E3779B185EBCA87
        for i in range((size - 1) // 32 + 1):
            for at, secret in ((16 * i, 32 * i), (size - 16 * (i + 1), 32 * i + 16)):
                total += fold(word(data, at) ^ word(SECRET, secret), word(data, at + 8) ^ word(SECRET, secret + 8))
    total &= MASK
    total = (total ^ total >> 37) * 0x165667919E3779F9 & MASK
    return total ^ total >> 32


#===-- Files -----------------------------------------------------------------===


def record_type(layers, experts, chosen, guesses):
    layer = [("logits", "<f4", (experts,)), ("chosen", "<i4", (chosen,)), ("weights", "<f4", (chosen,)),
             ("guessed", "<i4", (guesses,)), ("confidence", "<f4", (guesses,))]
    return np.dtype([("token", "<i4"), ("sequence", "<i4"), ("position", "<i4"), ("forward", "<i4"),
                     ("layers", layer, (layers,))])


def write(path, trace):
    """trace: what make() and read() give."""
    records = trace["records"]
    layer = records.dtype["layers"].subdtype[0]
    with open(path, "wb") as file:
        file.write(HEADER.pack(MAGIC, 1, len(trace["layers"]), layer["logits"].shape[0], layer["chosen"].shape[0],
                               layer["guessed"].shape[0], 0, len(records), records.dtype.itemsize, trace["model"],
                               trace["name"].encode()[:63], trace["predictor"].encode()[:31]))
        file.write(np.asarray(trace["layers"], "<i4").tobytes())
        file.write(records.tobytes())


def read(path):
    with open(path, "rb") as file:
        magic, version, layers, experts, chosen, guesses, _, records, size, model, name, predictor = HEADER.unpack(
            file.read(HEADER.size))
        kind = record_type(layers, experts, chosen, guesses)
        if magic != MAGIC or version != 1 or size != kind.itemsize:
            raise ValueError("%s: is no routing trace of version 1" % path)
        numbers = np.frombuffer(file.read(4 * layers), "<i4")
        rows = np.frombuffer(file.read(), kind)
    if len(rows) != records:
        raise ValueError("%s: has %d rows, its header says %d" % (path, len(rows), records))
    return {"layers": numbers.tolist(), "model": model, "name": name.split(b"\0")[0].decode(),
            "predictor": predictor.split(b"\0")[0].decode(), "records": rows}


#===-- A router --------------------------------------------------------------===


def make(layers=(0, 1, 2, 3), experts=8, chosen=2, rows=256, rows_per_forward=1, sequences=1, seed=1, skew=0.0,
         locality=0.0, coupling=0.0, guesses=0, predictor="", name="made-up", model=0):
    random = np.random.default_rng(seed)
    count = len(layers)
    rank = np.argsort(random.random((count, experts)), axis=1)
    liked = -skew * np.log1p(rank)
    follow = random.normal(size=(count, experts, experts)) / np.sqrt(experts)
    records = np.zeros(rows, record_type(count, experts, chosen, guesses))
    number = np.arange(rows)
    records["token"] = random.integers(0, 97, rows)
    records["sequence"] = number % sequences
    records["position"] = number // sequences
    records["forward"] = number // rows_per_forward
    state = np.zeros((sequences, count, experts))
    for row in range(rows):
        mine = state[row % sequences]
        keep = locality if row >= sequences else 0.0
        for layer in range(count):
            share = coupling if layer else 0.0
            now = share * (follow[layer] @ mine[layer - 1]) + np.sqrt(1 - share**2) * random.normal(size=experts)
            mine[layer] = keep * mine[layer] + np.sqrt(1 - keep**2) * now
        records["layers"]["logits"][row] = mine + liked
    logits = records["layers"]["logits"]
    order = np.argsort(-logits, axis=-1, kind="stable")
    records["layers"]["chosen"] = order[..., :chosen]
    best = np.take_along_axis(logits, order[..., :chosen], -1)
    weights = np.exp(best - best[..., :1])
    records["layers"]["weights"] = weights / weights.sum(-1, keepdims=True)
    if guesses:
        noisy = np.argsort(-(logits + random.normal(size=logits.shape)), axis=-1, kind="stable")
        records["layers"]["guessed"] = noisy[..., :guesses]
        records["layers"]["confidence"] = 1 / np.arange(2, guesses + 2)
    return {"layers": list(layers), "model": model, "name": name, "predictor": predictor, "records": records}


def layer_list(text):
    return [int(part) for part in text.split(",")] if "," in text else list(range(int(text)))


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--layers", type=layer_list, default=layer_list("4"))
    parser.add_argument("--model", type=fingerprint, default=0)
    for option, value in (("experts", 8), ("chosen", 2), ("rows", 256), ("rows-per-forward", 1), ("sequences", 1),
                          ("seed", 1), ("guesses", 0)):
        parser.add_argument("--" + option, type=int, default=value)
    for option in ("skew", "locality", "coupling"):
        parser.add_argument("--" + option, type=float, default=0.0)
    parser.add_argument("--predictor", default="")
    parser.add_argument("--name", default="made-up")
    options = vars(parser.parse_args(arguments))
    out = options.pop("out")
    write(out, make(**options))


if __name__ == "__main__":
    main(sys.argv[1:])
