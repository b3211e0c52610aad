"""Writes moe IR of a small model with random weights, of any shape.

make(**shape) returns the text. What a shape may say, with what it says by default, is
in DEFAULTS. The weights are `#moe.random`, so no file goes with it.
"""
import math

DEFAULTS = {
    "layers": 1, "hidden": 64, "vocabulary": 64, "context": 64,
    "heads": 4, "key_heads": 2, "size": 16,   # attention; size of a head
    "norm": "rms",        # rms or layer, of what enters a layer
    "head_norms": "none", # of queries and keys: none, head, row
    "bias": False,        # of queries, keys and values
    "clamp": None,        # of queries
    "rope": None,         # features of a head that turn; None: all; 0: none
    "rope_layout": "half",
    "window": None,
    "inner": 0,           # width of a dense network; 0: there is none
    "shared_gate": False, # its result is scaled by a gate
    "experts": 0, "chosen": 2, "expert_inner": 48,
    "route": "softmax renormalize scale 1.0",
    "activation": "silu",
    "element": "bf16",    # of matrices
    "tied": False,        # the head is the embedding
}


class Writer:
    def __init__(self, shape):
        unknown = set(shape) - set(DEFAULTS)
        assert not unknown, "no such key: %s" % unknown
        self.shape = {**DEFAULTS, **shape}
        self.weights, self.body = [], []

    def __getattr__(self, name):
        return self.shape[name]

    @staticmethod
    def rows(features, element="f32"):
        return "tensor<?x%dx%s>" % (features, element)

    def weight(self, name, *shape, element=None, scale=None):
        if scale is None:
            scale = 1.0 if len(shape) == 1 else 1.5 / math.sqrt(shape[-1])
        element = element or ("f32" if len(shape) == 1 else self.element)
        kind = "x".join(map(str, shape)) + "x" + element
        self.weights.append("moe.weight @%s : tensor<%s> from [#moe.random<%d, %s : f32>]"
                            % (name, kind, len(self.weights) + 1, scale))

    def op(self, text):
        self.body.append(text)

    def norm(self, value, name, features, kind="rms", groups=1):
        self.weight(name, features // groups)
        self.op("%%%s_ = moe.norm %s %s by @%s epsilon 1.0e-05 groups %d : %s"
                % (name, kind, value, name, groups, self.rows(features)))
        return "%%%s_" % name

    def linear(self, value, name, inputs, outputs, bias=False):
        self.weight(name, outputs, inputs)
        more = ""
        if bias:
            self.weight(name + "b", outputs, scale=0.5)
            more = " bias @%sb" % name
        self.op("%%%s_ = moe.linear %s by @%s%s : %s -> %s"
                % (name, value, name, more, self.rows(inputs), self.rows(outputs)))
        return "%%%s_" % name

    def add(self, a, b, name):
        self.op("%%%s = moe.add %s, %s : %s" % (name, a, b, self.rows(self.hidden)))
        return "%" + name

    def kv_type(self):
        return "!moe.kv<%d x %d x %d x f32>" % (self.layers, self.key_heads, self.size)

    def attention(self, x, kv, layer):
        p, size = "l%d" % layer, self.size
        h = self.norm(x, p + "n1", self.hidden, self.norm_kind())
        parts = {}
        for part, heads in (("q", self.heads), ("k", self.key_heads), ("v", self.key_heads)):
            parts[part] = self.linear(h, p + part, self.hidden, heads * size, self.bias)
        for part, heads in (("q", self.heads), ("k", self.key_heads)):
            features = heads * size
            if self.clamp and part == "q":
                self.op("%%%sc = moe.clamp %s to %s : %s"
                        % (p, parts[part], self.clamp, self.rows(features)))
                parts[part] = "%%%sc" % p
            if self.head_norms != "none":
                groups = heads if self.head_norms == "head" else 1
                parts[part] = self.norm(parts[part], p + part + "n", features, groups=groups)
            if self.rope != 0:
                self.op("%%%s%sr = moe.rope %s at %%positions by @rope heads %d : %s, tensor<?xi32>"
                        % (p, part, parts[part], heads, self.rows(features)))
                parts[part] = "%%%s%sr" % (p, part)
        keys = self.rows(self.key_heads * size)
        self.op("%%%skv = moe.kv_append %s, %s into %s layer %d at %%sequences, %%positions : "
                "%s, tensor<?xi32>, %s"
                % (p, parts["k"], parts["v"], kv, layer, keys, self.kv_type()))
        window = " window %d" % self.window if self.window else ""
        self.op("%%%sa = moe.attention %s over %%%skv layer %d at %%sequences, %%positions "
                "heads %d scale %r%s : %s, tensor<?xi32>, %s"
                % (p, parts["q"], p, layer, self.heads, 1 / math.sqrt(size), window,
                   self.rows(self.heads * size), self.kv_type()))
        o = self.linear("%%%sa" % p, p + "o", self.heads * size, self.hidden)
        return self.add(x, o, p + "y"), "%%%skv" % p

    def norm_kind(self):
        return self.shape["norm"]

    def feed_forward(self, x, layer):
        p, hidden = "l%d" % layer, self.hidden
        m = self.norm(x, p + "n2", hidden)
        if self.experts:
            pairs = self.rows(self.chosen, "i32"), self.rows(self.chosen)
            logits = self.linear(m, p + "r", hidden, self.experts)
            self.op("%%%sids, %%%sw = moe.route %s top %d %s : %s -> %s, %s"
                    % (p, p, logits, self.chosen, self.route, self.rows(self.experts), *pairs))
            inner = self.expert_inner
            self.weight(p + "eg", self.experts, inner, hidden)
            self.weight(p + "eu", self.experts, inner, hidden)
            self.weight(p + "ed", self.experts, hidden, inner)
            self.op("%%%se = moe.experts %s to %%%sids, %%%sw gate @%seg up @%seu down @%sed %s : "
                    "%s, %s, %s" % (p, m, p, p, p, p, p, self.activation, self.rows(hidden), *pairs))
            x = self.add(x, "%%%se" % p, p + "xe")
        if self.inner:
            self.weight(p + "mg", self.inner, hidden)
            self.weight(p + "mu", self.inner, hidden)
            self.weight(p + "md", hidden, self.inner)
            gate = ""
            if self.shared_gate:
                self.weight(p + "sg", 1, hidden)
                gate = " gated by @%ssg" % p
            self.op("%%%ss = moe.mlp %s gate @%smg up @%smu down @%smd %s%s : %s"
                    % (p, m, p, p, p, self.activation, gate, self.rows(hidden)))
            x = self.add(x, "%%%ss" % p, p + "xs")
        return x

    def text(self):
        hidden, vocabulary = self.hidden, self.vocabulary
        self.weight("embed", vocabulary, hidden, scale=0.7)
        self.op("%%x = moe.embed %%tokens by @embed : tensor<?xi32> -> %s" % self.rows(hidden))
        x, kv = "%x", "%kv"
        for layer in range(self.layers):
            x, kv = self.attention(x, kv, layer)
            x = self.feed_forward(x, layer)
        f = self.norm(x, "nf", hidden)
        self.op("%%p = moe.pick %s rows %%wanted : %s, tensor<?xi32> -> %s"
                % (f, self.rows(hidden), self.rows(hidden)))
        if self.tied:
            self.op("%%logits_ = moe.linear %%p by @embed : %s -> %s"
                    % (self.rows(hidden), self.rows(vocabulary)))
        else:
            self.op("%%logits_ = %s"
                    % self.head_map(hidden, vocabulary))
        turning = self.size if self.rope is None else self.rope
        table = []
        if turning:
            angles = ", ".join(repr(10000.0 ** (-2 * i / turning)) for i in range(turning // 2))
            table = ["moe.rope_table @rope %s frequencies [%s] gain 1.0"
                     % (self.rope_layout, angles)]
        arguments = ", ".join("%%%s: tensor<?xi32>" % name
                              for name in ("tokens", "sequences", "positions", "wanted"))
        result = "%s, %s" % (self.rows(vocabulary), self.kv_type())
        lines = ['moe.model @m family "null" context %d vocabulary %d from "." {'
                 % (self.context, vocabulary)]
        lines += ["  " + line for line in self.weights + table]
        lines.append("  func.func @forward(%s, %%kv: %s) -> (%s) {"
                     % (arguments, self.kv_type(), result))
        lines += ["    " + line for line in self.body]
        lines += ["    return %%logits_, %s : %s" % (kv, result), "  }", "}", ""]
        return "\n".join(lines)

    def head_map(self, hidden, vocabulary):
        self.weight("head", vocabulary, hidden)
        return ("moe.linear %%p by @head : %s -> %s"
                % (self.rows(hidden), self.rows(vocabulary)))


def make(**shape):
    return Writer(shape).text()
