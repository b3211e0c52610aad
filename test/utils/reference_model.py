"""A float64 forward pass of every family, written from the definitions.

  reference_model.py CHECKPOINT --tokens 1,2,3 --logits OUT.npy
      [--experts OUT.npy] [--weights OUT.npy]

Shares nothing with the toolchain: it reads config.json and the safetensors
files by itself. Writes float64 logits [tokens, vocabulary] and, for the sparse
layers, the chosen experts (int32 [tokens, layers, k], best first) and their
weights.
"""
import argparse
import json
import math
import os

import numpy as np

import safetensors_io


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def silu(x):
    return x / (1.0 + np.exp(-x))


def rms(x, weight, epsilon):
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon) * weight


def yarn(inverse, dim, base, p):
    """Frequencies between interpolated and kept ones, and the gain of cos and sin."""
    factor, length = p["factor"], p["original_max_position_embeddings"]

    def dimension(rotations):
        return dim * math.log(length / (rotations * 2 * math.pi)) / (2 * math.log(base))

    low, high = dimension(p.get("beta_fast") or 32), dimension(p.get("beta_slow") or 1)
    if p.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    if low == high:
        high += 0.001
    ramp = np.clip((np.arange(dim // 2) - low) / (high - low), 0, 1)

    def gain(m):
        return 1.0 if factor <= 1 else 0.1 * m * math.log(factor) + 1.0

    attention_factor = p.get("attention_factor")
    if attention_factor is None:
        if p.get("mscale") and p.get("mscale_all_dim"):
            attention_factor = gain(p["mscale"]) / gain(p["mscale_all_dim"])
        else:
            attention_factor = gain(1)
    return inverse / factor * ramp + inverse * (1 - ramp), attention_factor


def llama3(inverse, p):
    """Long wavelengths slowed down, short ones kept, a blend between them."""
    length, factor = p["original_max_position_embeddings"], p["factor"]
    low, high = p["low_freq_factor"], p["high_freq_factor"]
    wavelength = 2 * math.pi / inverse
    blend = (length / wavelength - low) / (high - low)
    smooth = (1 - blend) * inverse / factor + blend * inverse
    return np.where(wavelength > length / low, inverse / factor,
                    np.where(wavelength < length / high, inverse, smooth))


def rope_frequencies(c, dim):
    p = c.get("rope_parameters") or dict(
        c.get("rope_scaling") or {},
        rope_theta=c.get("rope_theta", 1e6 if c["model_type"] == "mixtral" else 1e4))
    kind = p.get("rope_type", p.get("type", "default"))
    base = p["rope_theta"]
    inverse = base ** (-np.arange(0, dim, 2) / dim)
    if kind == "linear":
        return inverse / p["factor"], 1.0
    if kind == "llama3":
        return llama3(inverse, p), 1.0
    if kind == "yarn":
        return yarn(inverse, dim, base, p)
    assert kind == "default", kind
    return inverse, 1.0


def sliding_window(c, layer):
    """Width of the window of this layer, or None."""
    family, window = c["model_type"], c.get("sliding_window")
    if family in ("mistral", "mixtral"):
        return window
    if not c.get("use_sliding_window", False):
        return None
    if c.get("layer_types"):
        return window if c["layer_types"][layer] == "sliding_attention" else None
    if family == "qwen3_moe":
        return window
    if family == "qwen3":
        return window if layer >= c.get("max_window_layers", 28) else None
    if family == "qwen2_moe":
        return window if layer % 2 == 0 and layer < c.get("max_window_layers", 28) else None
    return None


class Model:
    def __init__(self, directory):
        with open(os.path.join(directory, "config.json")) as file:
            self.c = json.load(file)
        self.w = safetensors_io.read_checkpoint(directory)
        c = self.c
        if c["model_type"] == "null":
            self.chosen = []
            return
        self.heads = c["num_attention_heads"]
        self.kv_heads = c.get("num_key_value_heads") or self.heads
        self.head_dim = c.get("head_dim") or c["hidden_size"] // self.heads
        self.epsilon = c["rms_norm_eps"]
        self.frequencies, self.gain = rope_frequencies(c, self.head_dim)
        self.chosen, self.chosen_weights = [], []

    def linear(self, x, name):
        y = x @ self.w[name + ".weight"].T
        bias = self.w.get(name + ".bias")
        return y if bias is None else y + bias

    def rope(self, x):
        """x: [tokens, heads, head_dim]; feature i turns with i + head_dim/2."""
        angle = np.arange(len(x))[:, None] * self.frequencies
        cos, sin = self.gain * np.cos(angle)[:, None], self.gain * np.sin(angle)[:, None]
        a, b = np.split(x, 2, axis=-1)
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)

    def attention(self, x, layer):
        prefix, n = "model.layers.%d.self_attn." % layer, len(x)
        q, k, v = (self.linear(x, prefix + p + "_proj") for p in "qkv")
        family = self.c["model_type"]
        if family == "olmoe":  # norms over the full width, then the clip
            q = rms(q, self.w[prefix + "q_norm.weight"], self.epsilon)
            k = rms(k, self.w[prefix + "k_norm.weight"], self.epsilon)
            clip = self.c.get("clip_qkv")
            if clip is not None:
                q, k, v = (np.clip(t, -clip, clip) for t in (q, k, v))
        q, k, v = (t.reshape(n, -1, self.head_dim) for t in (q, k, v))
        if family in ("qwen3", "qwen3_moe"):  # norms per head
            q = rms(q, self.w[prefix + "q_norm.weight"], self.epsilon)
            k = rms(k, self.w[prefix + "k_norm.weight"], self.epsilon)
        q, k = self.rope(q), self.rope(k)
        distance = np.arange(n)[:, None] - np.arange(n)[None, :]
        seen = distance >= 0
        window = sliding_window(self.c, layer)
        if window is not None:
            seen &= distance < window
        out = np.empty_like(q)
        for head in range(self.heads):
            other = head // (self.heads // self.kv_heads)
            scores = q[:, head] @ k[:, other].T / math.sqrt(self.head_dim)
            out[:, head] = softmax(np.where(seen, scores, -np.inf)) @ v[:, other]
        return self.linear(out.reshape(n, -1), prefix + "o_proj")

    def mlp(self, x, prefix):
        gate = self.linear(x, prefix + "gate_proj")
        return self.linear(silu(gate) * self.linear(x, prefix + "up_proj"), prefix + "down_proj")

    def expert(self, block, e):
        """gate, up and down of one expert, from either layout."""
        fused = self.w.get(block + "experts.gate_up_proj")
        if fused is not None:
            gate, up = np.split(fused[e], 2)
            return gate, up, self.w[block + "experts.down_proj"][e]
        names = ("w1", "w3", "w2") if "block_sparse" in block else (
            "gate_proj", "up_proj", "down_proj")
        return [self.w["%sexperts.%d.%s.weight" % (block, e, n)] for n in names]

    def route(self, x, block):
        scores = softmax(x @ self.w[block + "gate.weight"].T)
        k = self.c["num_experts_per_tok"]
        ids = np.argsort(-scores, axis=-1, kind="stable")[:, :k]  # ties: lower expert
        weights = np.take_along_axis(scores, ids, axis=-1)
        if self.c["model_type"] == "mixtral" or self.c.get("norm_topk_prob", False):
            weights = weights / weights.sum(axis=-1, keepdims=True)
        return ids, weights

    def sparse(self, x, block):
        ids, weights = self.route(x, block)
        self.chosen.append(ids)
        self.chosen_weights.append(weights)
        out = np.zeros_like(x)
        for e in np.unique(ids):
            gate, up, down = self.expert(block, e)
            row, slot = np.nonzero(ids == e)
            hidden = silu(x[row] @ gate.T) * (x[row] @ up.T)
            out[row] += (hidden @ down.T) * weights[row, slot][:, None]
        if self.c["model_type"] == "qwen2_moe":
            share = 1 / (1 + np.exp(-(x @ self.w[block + "shared_expert_gate.weight"].T)))
            out += share * self.mlp(x, block + "shared_expert.")
        return out

    def feed_forward(self, x, layer):
        prefix = "model.layers.%d." % layer
        for block in (prefix + "block_sparse_moe.", prefix + "mlp."):
            if block + "gate.weight" in self.w:
                return self.sparse(x, block)
        return self.mlp(x, prefix + "mlp.")

    def forward(self, tokens):
        self.chosen, self.chosen_weights = [], []
        embedding = self.w["model.embed_tokens.weight"]
        x = embedding[tokens]
        if self.c["model_type"] == "null":  # no layers at all
            return x @ self.w["lm_head.weight"].T
        for layer in range(self.c["num_hidden_layers"]):
            prefix = "model.layers.%d." % layer
            h = rms(x, self.w[prefix + "input_layernorm.weight"], self.epsilon)
            x = x + self.attention(h, layer)
            h = rms(x, self.w[prefix + "post_attention_layernorm.weight"], self.epsilon)
            x = x + self.feed_forward(h, layer)
        x = rms(x, self.w["model.norm.weight"], self.epsilon)
        return x @ self.w.get("lm_head.weight", embedding).T


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("--tokens", required=True)
    parser.add_argument("--logits", required=True)
    parser.add_argument("--experts")
    parser.add_argument("--weights")
    a = parser.parse_args()
    model = Model(a.checkpoint)
    tokens = [int(t) for t in a.tokens.split(",")]
    np.save(a.logits, model.forward(tokens))
    if a.experts:
        np.save(a.experts, np.stack(model.chosen, axis=1).astype(np.int32))
    if a.weights:
        np.save(a.weights, np.stack(model.chosen_weights, axis=1))


if __name__ == "__main__":
    main()
