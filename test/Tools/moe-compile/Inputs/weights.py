"""weights.py make DIRECTORY: a model (model.mlir) whose weights lie in two files,
each weight in two pieces, not in the order of their use.
weights.py check DIRECTORY: whether module x.moe holds, at the places that x.json
(from moe-run --inspect --json) says, the bytes of those weights."""

import json
import os
import sys

import numpy

EXPERTS, WIDTH, FEATURES, VOCABULARY = 5, 48, 64, 40
SHAPES = {
    "down": (EXPERTS, FEATURES, WIDTH),
    "router": (EXPERTS, FEATURES),
    "up": (EXPERTS, WIDTH, FEATURES),
    "embed": (VOCABULARY, FEATURES),
    "gate": (EXPERTS, WIDTH, FEATURES),
}
FORWARD = """
  func.func @forward(%tokens: tensor<?xi32>, %sequences: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %kv: !moe.kv<1 x 1 x 64 x f32>) -> (tensor<?x40xf32>, !moe.kv<1 x 1 x 64 x f32>) {
    %x = moe.embed %tokens by @embed : tensor<?xi32> -> tensor<?x64xf32>
    %l = moe.linear %x by @router : tensor<?x64xf32> -> tensor<?x5xf32>
    %ids, %w = moe.route %l top 2 softmax scale 1.0 : tensor<?x5xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    %y = moe.experts %x to %ids, %w gate @gate up @up down @down silu : tensor<?x64xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    %p = moe.pick %y rows %wanted : tensor<?x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
    %o = moe.linear %p by @embed : tensor<?x64xf32> -> tensor<?x40xf32>
    return %o, %kv : tensor<?x40xf32>, !moe.kv<1 x 1 x 64 x f32>
  }
}
"""


def make_weights():
    random = numpy.random.default_rng(7)
    return {n: random.standard_normal(s, numpy.float32) for n, s in SHAPES.items()}


def make(directory):
    files = {"a.bin": b"a few bytes in front", "b.bin": b""}
    text = f'moe.model @two_files family "null" context 16 vocabulary {VOCABULARY} from "{directory}" {{\n'
    for name, values in make_weights().items():
        data = values.tobytes()
        cut = len(data) // 3 + 1  # in the middle of an element
        pieces = []
        for file, piece in (("b.bin", data[:cut]), ("a.bin", data[cut:])):
            pieces.append(f'#moe.extent<"{file}", {len(files[file])}, {len(piece)}>')
            files[file] += piece
        shape = "x".join(map(str, values.shape))
        text += f"  moe.weight @{name} : tensor<{shape}xf32> from [{', '.join(pieces)}]\n"
    for file, data in files.items():
        with open(os.path.join(directory, file), "wb") as out:
            out.write(data)
    with open(os.path.join(directory, "model.mlir"), "w") as out:
        out.write(text + FORWARD)


def check(directory):
    with open(os.path.join(directory, "x.moe"), "rb") as file:
        module = file.read()
    with open(os.path.join(directory, "x.json")) as file:
        description = json.load(file)
    (section,) = [s for s in description["sections"] if s["name"] == "WEIGHTS"]
    weights = make_weights()
    expected = {"embed": weights["embed"].tobytes(), "router": weights["router"].tobytes()}
    for e in range(EXPERTS):
        parts = (weights[part][e].tobytes() for part in ("gate", "up", "down"))
        expected[f"gate.{e}"] = b"".join(parts)
    for parameter in description["parameters"]:
        begin = section["offset"] + parameter["offset"]
        stored = module[begin : begin + parameter["size"]]
        assert stored == expected.pop(parameter["name"]), parameter["name"]
        alignment = 4096 if parameter["kind"] == "expert" else 64
        assert parameter["offset"] % alignment == 0, parameter
    assert not expected, f"missing: {sorted(expected)}"


{"make": make, "check": check}[sys.argv[1]](sys.argv[2])
