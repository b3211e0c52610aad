#!/usr/bin/python3
"""Writes a checkpoint of make_synthetic.py as GGUF, for llama.cpp.

  synthetic_gguf.py CHECKPOINT OUT.gguf

The same bits of every weight. There is no vocabulary in it, as llama.cpp's own
converter takes known tokenizers only: enough for llama-bench and llama-quantize.
"""
import json
import os
import struct
import sys

import numpy as np

ALIGNMENT = 32
F32, BF16 = 0, 30  # types of tensors
UINT32, FLOAT32, STRING = 4, 6, 8  # types of values
NAMES = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
         "lm_head.weight": "output.weight"}
LAYER = {"input_layernorm.weight": "attn_norm.weight", "self_attn.q_proj.weight": "attn_q.weight",
         "self_attn.k_proj.weight": "attn_k.weight", "self_attn.v_proj.weight": "attn_v.weight",
         "self_attn.o_proj.weight": "attn_output.weight", "self_attn.q_norm.weight": "attn_q_norm.weight",
         "self_attn.k_norm.weight": "attn_k_norm.weight", "post_attention_layernorm.weight": "ffn_norm.weight",
         "mlp.gate.weight": "ffn_gate_inp.weight"}
# Norms and routers are float32 there.
WIDE = ("norm.weight", "ffn_gate_inp.weight")


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def pair(key, value):
    kind, data = (STRING, text(value)) if isinstance(value, str) else (
        FLOAT32, struct.pack("<f", value)) if isinstance(value, float) else (UINT32, struct.pack("<I", value))
    return text(key) + struct.pack("<I", kind) + data


def settings(config):
    arch = "qwen3moe"
    values = {
        "block_count": config["num_hidden_layers"], "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"], "feed_forward_length": config["intermediate_size"],
        "attention.head_count": config["num_attention_heads"],
        "attention.head_count_kv": config["num_key_value_heads"],
        "attention.key_length": config["head_dim"], "attention.value_length": config["head_dim"],
        "attention.layer_norm_rms_epsilon": float(config["rms_norm_eps"]),
        "rope.freq_base": float(config["rope_theta"]), "expert_count": config["num_experts"],
        "expert_used_count": config["num_experts_per_tok"],
        "expert_feed_forward_length": config["moe_intermediate_size"], "vocab_size": config["vocab_size"]}
    yield pair("general.architecture", arch)
    yield pair("general.name", "synthetic")
    for key, value in values.items():
        yield pair("%s.%s" % (arch, key), value)
    yield pair("tokenizer.ggml.model", "no_vocab")


def read_header(path):
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return header, 8 + length


def tensors(config, header):
    """(name there, shape, names here) of each; experts of a layer are one tensor."""
    for here, there in NAMES.items():
        yield there, header[here]["shape"], [here]
    for layer in range(config["num_hidden_layers"]):
        mine, theirs = "model.layers.%d." % layer, "blk.%d." % layer
        for here, there in LAYER.items():
            yield theirs + there, header[mine + here]["shape"], [mine + here]
        for part in ("gate", "up", "down"):
            names = ["%smlp.experts.%d.%s_proj.weight" % (mine, e, part) for e in range(config["num_experts"])]
            yield "%sffn_%s_exps.weight" % (theirs, part), [len(names)] + header[names[0]]["shape"], names


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    checkpoint, out = sys.argv[1:]
    with open(os.path.join(checkpoint, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    weights = os.path.join(checkpoint, "model.safetensors")
    header, begin = read_header(weights)
    kinds, infos, offset = [], [], 0
    entries = list(tensors(config, header))
    for name, shape, _ in entries:
        kind = F32 if name.endswith(WIDE) else BF16
        infos.append(text(name) + struct.pack("<I%dQIQ" % len(shape), len(shape), *shape[::-1], kind, offset))
        size = int(np.prod(shape, dtype=np.int64)) * (4 if kind == F32 else 2)
        kinds.append(kind)
        offset += size + -size % ALIGNMENT
    values = list(settings(config))
    with open(weights, "rb") as source, open(out + ".part", "wb") as file:
        file.write(struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(values)) + b"".join(values + infos))
        for (_, _, names), kind in zip(entries, kinds):
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            for name in names:
                first, last = header[name]["data_offsets"]
                source.seek(begin + first)
                data = source.read(last - first)
                file.write((np.frombuffer(data, "<u2").astype("<u4") << 16).data if kind == F32 else data)
    os.rename(out + ".part", out)


if __name__ == "__main__":
    main()
