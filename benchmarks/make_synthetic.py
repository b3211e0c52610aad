#!/usr/bin/python3
"""Writes a large random qwen3_moe checkpoint for measurements.

  make_synthetic.py OUT [--shape 2.7b] [--layers 16] [--experts 32] [--hidden 1024] ...

bfloat16 weights from N(0, 0.02), norms 1, and a byte-level tokenizer. Values
are made and written a few MiB at a time. The default has 0.91 G parameters,
1.8 GB, of which one token reads 0.55 GB, the head included. The shape 2.7b has
2.72 G parameters, 5.4 GB, of which one token reads 838 M. The shape olmoe has
6.74 G parameters, 13.5 GB, of which one token reads 1.04 G; it routes as trained
models do (synthetic_routing.py says how), and OUT/text.json is a text of token
ids that it writes. Options after a shape change it.
"""
import argparse
import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "utils"))
import make_checkpoint
import safetensors_io
import synthetic_routing

CHUNK = 1 << 22  # values
DEFAULTS = {"layers": 16, "hidden": 1024, "heads": 16, "kv_heads": 4, "head_dim": 64, "experts": 32,
            "top_k": 8, "expert_width": 512, "vocab": 32000, "context": 4096}
SHAPES = {"0.9b": {}, "2.7b": {"hidden": 2048, "head_dim": 128, "expert_width": 768},
          "olmoe": {"hidden": 2048, "head_dim": 128, "experts": 64, "expert_width": 1024}}
ROUTED = "olmoe"


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="0.9b")
    parser.add_argument("--seed", type=int, default=0)
    for name in DEFAULTS:
        parser.add_argument("--" + name.replace("_", "-"), type=int)
    a = parser.parse_args()
    for name, value in {**DEFAULTS, **SHAPES[a.shape]}.items():
        if getattr(a, name) is None:
            setattr(a, name, value)
    vars(a).update(family="qwen3_moe", dtype="bf16", rope="old", rope_type="default",
                   width=a.expert_width, shared_width=0, tie=False, set=[], fused=False)
    return a


def tensors(a):
    """[(name, shape)] of the whole model."""
    yield "model.embed_tokens.weight", (a.vocab, a.hidden)
    heads, kv = a.heads * a.head_dim, a.kv_heads * a.head_dim
    for layer in range(a.layers):
        p = "model.layers.%d." % layer
        yield p + "input_layernorm.weight", (a.hidden,)
        for part, shape in (("q", (heads, a.hidden)), ("k", (kv, a.hidden)),
                            ("v", (kv, a.hidden)), ("o", (a.hidden, heads))):
            yield "%sself_attn.%s_proj.weight" % (p, part), shape
        yield p + "self_attn.q_norm.weight", (a.head_dim,)
        yield p + "self_attn.k_norm.weight", (a.head_dim,)
        yield p + "post_attention_layernorm.weight", (a.hidden,)
        yield p + "mlp.gate.weight", (a.experts, a.hidden)
        for e in range(a.experts):
            yield "%smlp.experts.%d.gate_proj.weight" % (p, e), (a.expert_width, a.hidden)
            yield "%smlp.experts.%d.up_proj.weight" % (p, e), (a.expert_width, a.hidden)
            yield "%smlp.experts.%d.down_proj.weight" % (p, e), (a.hidden, a.expert_width)
    yield "model.norm.weight", (a.hidden,)
    yield "lm_head.weight", (a.vocab, a.hidden)


class NormalWeights:
    """Values of each tensor, part by part."""

    def __init__(self, options):
        self.random = np.random.Generator(np.random.SFC64(options.seed))
        self.buffer = np.empty(CHUNK, np.float32)

    def values(self, name, shape, chunk):
        left = int(np.prod(shape))
        while left:
            part = self.buffer[: min(left, chunk)]
            if len(shape) == 1:
                part.fill(1.0)
            else:
                self.random.standard_normal(out=part, dtype=np.float32)
                part *= 0.02
            yield part
            left -= part.size


def write_weights(path, entries, weights):
    with open(path + ".part", "wb") as file:
        file.write(safetensors_io.header_bytes(entries))
        for name, _, shape in entries:
            for part in weights.values(name, shape, CHUNK):
                for rows in np.array_split(part, -(-part.size // CHUNK)):
                    file.write(safetensors_io.bf16_bits(rows).data)
    os.rename(path + ".part", path)


def main():
    a = parse_arguments()
    os.makedirs(a.out, exist_ok=True)
    make_checkpoint.write_json(a.out, "config.json", make_checkpoint.make_config(a))
    make_checkpoint.write_json(a.out, "tokenizer.json", make_checkpoint.make_tokenizer())
    entries = [(name, "BF16", shape) for name, shape in tensors(a)]
    path = os.path.join(a.out, "model.safetensors")
    if a.shape == ROUTED:
        weights = synthetic_routing.RoutedWeights(a)
        with open(os.path.join(a.out, "text.json"), "w", encoding="utf-8") as file:
            json.dump(weights.text.ids.tolist(), file)
    else:
        weights = NormalWeights(a)
    write_weights(path, entries, weights)
    print("%s: %.2f GB" % (path, os.path.getsize(path) / 1e9))


if __name__ == "__main__":
    main()
