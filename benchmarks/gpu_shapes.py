"""Shapes of the models whose speed on a GPU is computed and measured."""
import json
import os
import sys
import types

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "utils"))
import make_checkpoint
import safetensors_io

SHAPES = {
    "olmoe": {"family": "olmoe", "hidden": 2048, "layers": 16, "heads": 16, "kv_heads": 16, "head_dim": 128,
              "experts": 64, "top_k": 8, "expert_width": 1024, "vocab": 50304, "context": 4096},
    "mixtral": {"family": "mixtral", "hidden": 4096, "layers": 32, "heads": 32, "kv_heads": 8, "head_dim": 128,
                "experts": 8, "top_k": 2, "expert_width": 14336, "vocab": 32000, "context": 32768},
}


class HollowWeights(make_checkpoint.Weights):
    """Names and shapes, as make_checkpoint asks for them; no values."""

    def __init__(self):
        super().__init__(0)

    def add(self, name, shape, scale, offset=0.0):
        self.tensors.append((name, "BF16", tuple(shape)))


def options(shape, **changes):
    """What make_checkpoint.py would be told for a shape."""
    rest = {"dtype": "bf16", "fused": False, "rope": "old", "rope_type": "default", "shared_width": 0,
            "width": 0, "tie": False, "set": [], "seed": 0}
    return types.SimpleNamespace(**{**SHAPES[shape], **rest, **changes})


def write_hollow(out, shape, **changes):
    """A checkpoint whose tensors are a hole in a file: for moe-compile
    --no-weights, which reads no values."""
    a = options(shape, **changes)
    config = make_checkpoint.make_config(a)
    weights = HollowWeights()
    h = config["hidden_size"]
    weights.add("model.embed_tokens.weight", (a.vocab, h), 0)
    for layer in range(a.layers):
        make_checkpoint.make_layer(weights, layer, a, config)
    weights.norm("model.norm.weight", h)
    weights.matrix("lm_head.weight", a.vocab, h)
    os.makedirs(out, exist_ok=True)
    make_checkpoint.write_json(out, "config.json", config)
    header = safetensors_io.header_bytes(weights.tensors)
    size = sum(int(np.prod(s, dtype=np.int64)) * safetensors_io.SIZES[d] for _, d, s in weights.tensors)
    with open(os.path.join(out, "model.safetensors"), "wb") as file:
        file.write(header)
        file.truncate(len(header) + size)
    return size


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[2] not in SHAPES:
        sys.exit("usage: gpu_shapes.py OUT %s [JSON of changes]" % "|".join(SHAPES))
    changes = json.loads(sys.argv[3]) if len(sys.argv) == 4 else {}
    size = write_hollow(sys.argv[1], sys.argv[2], **changes)
    print("%s: %.2f GB, all of them a hole" % (sys.argv[1], size / 1e9))


if __name__ == "__main__":
    main()
