"""Writes a tiny random checkpoint in Hugging Face layout.

  make_checkpoint.py OUT --family mixtral [--seed 1] [--dtype bf16] [--shards 2]
      [--fused] [--rope new] [--rope-type yarn] [--hidden 48] ... [--set KEY=JSON]

Every family gets the keys of config.json and the tensor names that its released
checkpoints have. `--fused` writes the experts as transformers 5 holds them in
memory: gate_up_proj [experts, 2*width, hidden] and down_proj [experts, hidden,
width]. Values are as large as in a trained model, so that routing, norms and
biases all show in the logits. `--set` overrides or adds a key of config.json
(null removes nothing: it is written as null).
"""
import argparse
import json
import os

import numpy as np

import safetensors_io

MOE = ("qwen3_moe", "mixtral", "olmoe", "qwen2_moe")
DENSE = ("llama", "mistral", "qwen3")
ARCHITECTURES = {
    "qwen3_moe": "Qwen3MoeForCausalLM",
    "mixtral": "MixtralForCausalLM",
    "olmoe": "OlmoeForCausalLM",
    "qwen2_moe": "Qwen2MoeForCausalLM",
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
SPECIALS = ["<|endoftext|>", "<|pad|>", "<|mask|>"]


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--family", choices=MOE + DENSE + ("null",), required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", choices=sorted(safetensors_io.DTYPES), default="bf16")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--fused", action="store_true")
    parser.add_argument("--rope", choices=["old", "new"], default="old")
    parser.add_argument("--rope-type", default="default",
                        choices=["default", "linear", "llama3", "yarn"])
    parser.add_argument("--hidden", type=int, default=48)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--kv-heads", type=int, default=2)
    parser.add_argument("--head-dim", type=int, default=12)
    parser.add_argument("--experts", type=int, default=6)
    parser.add_argument("--top-k", type=int, default=2)
    parser.add_argument("--expert-width", type=int, default=40)
    parser.add_argument("--shared-width", type=int, default=56)
    parser.add_argument("--width", type=int, default=72, help="of dense layers")
    parser.add_argument("--vocab", type=int, default=256 + len(SPECIALS))
    parser.add_argument("--context", type=int, default=64)
    parser.add_argument("--tie", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON")
    return parser.parse_args()


def rope_scaling(a):
    if a.rope_type == "default":
        return None
    scaling = {"rope_type": a.rope_type, "factor": 4.0}
    if a.rope_type in ("llama3", "yarn"):
        scaling["original_max_position_embeddings"] = max(1, a.context // 4)
    if a.rope_type == "llama3":
        scaling.update(low_freq_factor=1.0, high_freq_factor=4.0)
    return scaling


def make_config(a):
    """config.json as this family's checkpoints have it."""
    if a.family == "null":
        return override(a, {"model_type": "null", "hidden_size": a.hidden, "vocab_size": a.vocab,
                            "max_position_embeddings": a.context, "eos_token_id": 0})
    config = {
        "architectures": [ARCHITECTURES[a.family]],
        "attention_dropout": 0.0,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "hidden_act": "silu",
        "hidden_size": a.hidden,
        "initializer_range": 0.02,
        "max_position_embeddings": a.context,
        "model_type": a.family,
        "num_attention_heads": a.heads,
        "num_hidden_layers": a.layers,
        "num_key_value_heads": a.kv_heads,
        "rms_norm_eps": 1e-5 if a.family in ("mixtral", "olmoe", "llama") else 1e-6,
        "tie_word_embeddings": a.tie,
        "torch_dtype": {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}[a.dtype],
        "transformers_version": "4.51.0",
        "use_cache": True,
        "vocab_size": a.vocab,
    }
    theta, scaling = 10000.0, rope_scaling(a)
    if a.rope == "old":
        config.update(rope_theta=theta, rope_scaling=scaling)
    else:
        config["rope_parameters"] = dict(scaling or {"rope_type": "default"}, rope_theta=theta)
    # Where the head size is not hidden/heads, only these families can say so.
    if a.family in ("qwen3_moe", "qwen3") or a.head_dim * a.heads != a.hidden:
        config["head_dim"] = a.head_dim
    if a.family == "mixtral":
        config.update(intermediate_size=a.expert_width, num_local_experts=a.experts,
                      num_experts_per_tok=a.top_k, router_jitter_noise=0.0,
                      output_router_logits=False, router_aux_loss_coef=0.02,
                      sliding_window=None)
    elif a.family == "olmoe":
        config.update(intermediate_size=a.expert_width, num_experts=a.experts,
                      num_experts_per_tok=a.top_k, norm_topk_prob=False, clip_qkv=None,
                      attention_bias=False, output_router_logits=False,
                      router_aux_loss_coef=0.01)
    elif a.family in ("qwen2_moe", "qwen3_moe"):
        config.update(intermediate_size=a.width, moe_intermediate_size=a.expert_width,
                      num_experts=a.experts, num_experts_per_tok=a.top_k,
                      norm_topk_prob=a.family == "qwen3_moe", decoder_sparse_step=1,
                      mlp_only_layers=[], max_window_layers=a.layers,
                      output_router_logits=False, router_aux_loss_coef=0.001,
                      sliding_window=None, use_sliding_window=False)
        if a.family == "qwen2_moe":
            config.update(shared_expert_intermediate_size=a.shared_width, qkv_bias=True)
        else:
            config.update(attention_bias=False)
    elif a.family == "qwen3":
        config.update(intermediate_size=a.width, attention_bias=False,
                      max_window_layers=a.layers, sliding_window=None,
                      use_sliding_window=False)
    elif a.family == "mistral":
        config.update(intermediate_size=a.width, sliding_window=None)
    else:
        config.update(intermediate_size=a.width, attention_bias=False, mlp_bias=False,
                      pretraining_tp=1)
    return override(a, config)


def override(a, config):
    for assignment in a.set:
        key, _, value = assignment.partition("=")
        config[key] = json.loads(value)
    return config


def is_sparse(config, layer):
    if config["model_type"] not in MOE:
        return False
    step = config.get("decoder_sparse_step", 1)
    return layer not in config.get("mlp_only_layers", []) and (layer + 1) % step == 0


class Weights:
    """Random tensors in the order in which they are asked for."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.tensors = []

    def add(self, name, shape, scale, offset=0.0):
        values = offset + scale * self.random.standard_normal(shape)
        self.tensors.append((name, values.astype(np.float32)))

    def matrix(self, name, *shape):
        self.add(name, shape, shape[-1] ** -0.5)

    def norm(self, name, size):
        self.add(name, (size,), 0.2, 1.0)


def make_experts(w, prefix, a, config):
    h, width = config["hidden_size"], a.expert_width
    mixtral = a.family == "mixtral"
    block = prefix + ("block_sparse_moe." if mixtral and not a.fused else "mlp.")
    w.add(block + "gate.weight", (a.experts, h), 2.0 * h ** -0.5)
    if a.fused:
        w.matrix(block + "experts.gate_up_proj", a.experts, 2 * width, h)
        w.matrix(block + "experts.down_proj", a.experts, h, width)
        return
    gate, up, down = ("w1", "w3", "w2") if mixtral else ("gate_proj", "up_proj", "down_proj")
    for expert in range(a.experts):
        name = "%sexperts.%d." % (block, expert)
        w.matrix(name + gate + ".weight", width, h)
        w.matrix(name + up + ".weight", width, h)
        w.matrix(name + down + ".weight", h, width)


def make_mlp(w, prefix, width, h, bias=False):
    for part, shape in (("gate", (width, h)), ("up", (width, h)), ("down", (h, width))):
        w.matrix("%s%s_proj.weight" % (prefix, part), *shape)
        if bias:
            w.add("%s%s_proj.bias" % (prefix, part), (shape[0],), 0.2)


def make_layer(w, layer, a, config):
    h, prefix = config["hidden_size"], "model.layers.%d." % layer
    heads, kv = a.heads * a.head_dim, a.kv_heads * a.head_dim
    w.norm(prefix + "input_layernorm.weight", h)
    everywhere = config.get("attention_bias", False)
    for part, shape in (("q", (heads, h)), ("k", (kv, h)), ("v", (kv, h)), ("o", (h, heads))):
        name = "%sself_attn.%s_proj" % (prefix, part)
        w.matrix(name + ".weight", *shape)
        if everywhere or (config.get("qkv_bias", False) and part != "o"):
            w.add(name + ".bias", (shape[0],), 0.2)
    if a.family == "olmoe":
        w.norm(prefix + "self_attn.q_norm.weight", heads)
        w.norm(prefix + "self_attn.k_norm.weight", kv)
    elif a.family in ("qwen3", "qwen3_moe"):
        w.norm(prefix + "self_attn.q_norm.weight", a.head_dim)
        w.norm(prefix + "self_attn.k_norm.weight", a.head_dim)
    w.norm(prefix + "post_attention_layernorm.weight", h)
    if not is_sparse(config, layer):
        make_mlp(w, prefix + "mlp.", a.width, h, config.get("mlp_bias", False))
        return
    make_experts(w, prefix, a, config)
    if a.family == "qwen2_moe":
        make_mlp(w, prefix + "mlp.shared_expert.", a.shared_width, h)
        w.matrix(prefix + "mlp.shared_expert_gate.weight", 1, h)


def make_weights(a, config):
    w = Weights(a.seed)
    h = config["hidden_size"]
    w.add("model.embed_tokens.weight", (a.vocab, h), 1.0 if not a.tie else h ** -0.5)
    if a.family != "null":
        for layer in range(config["num_hidden_layers"]):
            make_layer(w, layer, a, config)
        w.norm("model.norm.weight", h)
    if not config.get("tie_word_embeddings", False):
        w.matrix("lm_head.weight", a.vocab, h)
    return w.tensors


def byte_characters():
    """The printable character that stands for each byte in byte-level BPE."""
    printable = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b]
    names, extra = {}, 256
    for byte in range(256):
        if byte in printable:
            names[byte] = chr(byte)
        else:
            names[byte], extra = chr(extra), extra + 1
    return names


def make_tokenizer():
    """Ids 0..2 are special, byte b is 3 + b; nothing is merged."""
    vocabulary = {text: i for i, text in enumerate(SPECIALS)}
    for byte, character in byte_characters().items():
        vocabulary[character] = len(SPECIALS) + byte
    flags = {"single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                  "use_regex": True}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [dict(flags, id=i, content=t) for i, t in enumerate(SPECIALS)],
        "normalizer": None, "pre_tokenizer": byte_level,
        "post_processor": byte_level, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": vocabulary, "merges": []},
    }


def write_json(directory, name, value):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, sort_keys=True)
        file.write("\n")


def main():
    a = parse_arguments()
    os.makedirs(a.out, exist_ok=True)
    config = make_config(a)
    write_json(a.out, "config.json", config)
    write_json(a.out, "tokenizer.json", make_tokenizer())
    write_json(a.out, "tokenizer_config.json",
               {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": SPECIALS[0]})
    safetensors_io.write_checkpoint(a.out, make_weights(a, config),
                                    safetensors_io.DTYPES[a.dtype], a.shards)


if __name__ == "__main__":
    main()
