#!/usr/bin/python3
"""Tokens a second of large models on many chips, from a schedule without data.

  lpu_many_chips.py [--shape mixtral-8x7b] [--context 256 2048] [--json FILE]
  lpu_many_chips.py --bounds

All chips of a stage do the same in the same cycles, so one of them is lowered and
scheduled as it is, with the vectors that it sends and gets, and stands for all: the
layers of a stage, with the way to the next one, and the head. A token goes through
all stages one after the other; many tokens follow one another, as many as there are
stages and room for keys and values. `--bounds` prints what no schedule of such a
machine can beat (below). A result above its bound ends the program with an error.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

import common

SHAPES = {
    "mixtral-8x7b": {"hidden": 4096, "heads": 32, "kv_heads": 8, "inner": 14336, "experts": 8,
                     "top_k": 2, "vocab": 32000, "layers": 32},
    "llama-2-70b": {"hidden": 8192, "heads": 64, "kv_heads": 8, "inner": 28672, "experts": 0,
                    "top_k": 1, "vocab": 32000, "layers": 80},
    "llama-3.1-8b": {"hidden": 4096, "heads": 32, "kv_heads": 8, "inner": 14336, "experts": 0,
                     "top_k": 1, "vocab": 128256, "layers": 32},
}
HEAD = 128  # features of a head, in all of them
# Shape, chips that are asked for, machine, scheme, and what is tried: chips of a stage,
# layers of a stage. The first that fits into SRAM counts.
PLANS = [
    ("mixtral-8x7b", 111, "lpu-plus", "q35", [(7, 2), (8, 2), (4, 1)]),
    ("mixtral-8x7b", 256, "lpu-plus", "q35", [(8, 1)]),
    ("llama-2-70b", 164, "lpu-plus", "q35", [(2, 1), (5, 2), (3, 1), (4, 1)]),
    ("llama-2-70b", 640, "lpu-plus", "q35", [(8, 1)]),
    ("llama-2-70b", 640, "tsp1", "q8", [(8, 1)]),
    ("llama-3.1-8b", 20, "lpu-plus", "q35", [(1, 2), (3, 4), (1, 1), (2, 1)]),
    ("llama-3.1-8b", 256, "lpu-plus", "q35", [(8, 1)]),
    ("llama-3.1-8b", 256, "tsp1", "q8", [(8, 1)]),
]
CLOCK = 0.9e9
# Weights a cycle of a chip: the install port without and with 12 cycles between two
# tiles, and what fits ten cycle counts that Groq published.
RATES = {"ideal": 19505, "overhead": 12800, "demonstrated": 7877}
CHAIN = 1200  # dependent cycles of a layer
ALL_REDUCE, HOP = 2.1e-6, 0.722e-6


# ---- Bounds -----------------------------------------------------------------------------

def active_of_layer(s):
    attention = s["hidden"] * HEAD * 2 * (s["heads"] + s["kv_heads"])
    return attention + 3 * s["hidden"] * s["inner"] * s["top_k"]


def bounds(s, chips, rate):
    """Tokens a second of one sequence, and of as many as there are layers: installing
    a layer's weights, its dependent chain, two all-reduces, a hop to the next."""
    share = chips / s["layers"]
    port = share * rate * CLOCK
    reduces = 2 * ALL_REDUCE if share > 1 else 0
    layer = active_of_layer(s) / port + CHAIN / CLOCK + reduces
    token = s["layers"] * layer + (s["layers"] - 1) * HOP + s["hidden"] * s["vocab"] / port
    return 1 / token, port / active_of_layer(s)


# ---- Models without weights -------------------------------------------------------------

class Model:
    """moe IR of some layers of a shape, whose weights are never made."""

    def __init__(self, shape, layers):
        self.s, self.layers, self.declared, self.body = shape, layers, [], []
        hidden, words = shape["hidden"], shape["vocab"]
        self.kv = "!moe.kv<%d x %d x %d x f32>" % (layers, shape["kv_heads"], HEAD)
        self.weight("embed", words, hidden)
        angles = ", ".join("%.12e" % 10000 ** (-2 * i / HEAD) for i in range(HEAD // 2))
        self.declared.append("moe.rope_table @rope half frequencies [%s] gain 1.0" % angles)
        self.emit("%%x0 = moe.embed %%tokens by @embed : tensor<?xi32> -> %s", hidden)
        for layer in range(layers):
            self.attention(layer)
            self.feed_forward(layer)
        last = "%%x%d" % layers
        self.weight("norm", hidden)
        self.weight("head", words, hidden)
        self.emit("%%picked = moe.pick " + last.replace("%", "%%") +
                  " rows %%wanted : %s, tensor<?xi32> -> %s", hidden, hidden)
        self.emit("%%final = moe.norm rms %%picked by @norm epsilon 1.0e-05 groups 1 : %s", hidden)
        self.emit("%%logits = moe.linear %%final by @head : %s -> %s", hidden, words)

    def weight(self, name, *sizes):
        self.declared.append("moe.weight @%s : tensor<%sxbf16> from [#moe.random<%d, 0.02 : f32>]" % (
            name, "x".join(map(str, sizes)), len(self.declared) + 1))

    def emit(self, text, *features):
        self.body.append(text % tuple("tensor<?x%dxf32>" % f for f in features))

    def linear(self, result, source, name, rows, columns):
        self.weight(name, rows, columns)
        self.emit("%%" + result + " = moe.linear %%" + source + " by @" + name + " : %s -> %s", columns, rows)

    def norm(self, result, source, name):
        self.weight(name, self.s["hidden"])
        self.emit("%%" + result + " = moe.norm rms %%" + source + " by @" + name +
                  " epsilon 1.0e-05 groups 1 : %s", self.s["hidden"])

    def attention(self, l):
        s, p = self.s, "layers.%d." % l
        hidden, queries, keys = s["hidden"], s["heads"] * HEAD, s["kv_heads"] * HEAD
        self.norm("n%d" % l, "x%d" % l, p + "attention_norm")
        for name, rows in (("q", queries), ("k", keys), ("v", keys)):
            self.linear("%s%d" % (name, l), "n%d" % l, p + name, rows, hidden)
        for name, heads, rows in (("q", s["heads"], queries), ("k", s["kv_heads"], keys)):
            self.emit("%%%%%sr%d = moe.rope %%%%%s%d at %%%%positions by @rope heads %d : %%s, tensor<?xi32>" % (
                name, l, name, l, heads), rows)
        self.body.append(
            "%%s%d = moe.kv_append %%kr%d, %%v%d into %s layer %d at %%sequences, %%positions"
            " : tensor<?x%dxf32>, tensor<?xi32>, %s" % (
                l, l, l, "%%s%d" % (l - 1) if l else "%kv", l, keys, self.kv))
        self.body.append(
            "%%a%d = moe.attention %%qr%d over %%s%d layer %d at %%sequences, %%positions heads %d scale %.9f"
            " : tensor<?x%dxf32>, tensor<?xi32>, %s" % (l, l, l, l, s["heads"], HEAD ** -0.5, queries, self.kv))
        self.linear("o%d" % l, "a%d" % l, p + "o", hidden, queries)
        self.emit("%%%%y%d = moe.add %%%%x%d, %%%%o%d : %%s" % (l, l, l), hidden)

    def feed_forward(self, l):
        s, p = self.s, "layers.%d." % l
        hidden, inner, experts = s["hidden"], s["inner"], s["experts"]
        self.norm("m%d" % l, "y%d" % l, p + "mlp_norm")
        bank = (experts,) if experts else ()
        for name, rows, columns in (("gate", inner, hidden), ("up", inner, hidden), ("down", hidden, inner)):
            self.weight(p + name, *bank, rows, columns)
        unit = "gate @%sgate up @%sup down @%sdown silu" % (p, p, p)
        if experts:
            self.linear("r%d" % l, "m%d" % l, p + "router", experts, hidden)
            chosen = "tensor<?x%dxi32>, tensor<?x%dxf32>" % (s["top_k"], s["top_k"])
            self.emit("%%%%c%d, %%%%w%d = moe.route %%%%r%d top %d softmax renormalize scale 1.0 : %%s -> %s" % (
                l, l, l, s["top_k"], chosen), experts)
            self.emit("%%%%f%d = moe.experts %%%%m%d to %%%%c%d, %%%%w%d %s : %%s, %s" % (
                l, l, l, l, unit, chosen), hidden)
        else:
            self.emit("%%%%f%d = moe.mlp %%%%m%d %s : %%s" % (l, l, unit), hidden)
        self.emit("%%%%x%d = moe.add %%%%y%d, %%%%f%d : %%s" % (l + 1, l, l), hidden)

    def text(self):
        words = "tensor<?x%dxf32>" % self.s["vocab"]
        last = "%%s%d" % (self.layers - 1)
        return "\n".join(
            ['moe.model @shape family "null" context 65536 vocabulary %d from "." {' % self.s["vocab"]] +
            self.declared +
            ["func.func @forward(%%tokens: tensor<?xi32>, %%sequences: tensor<?xi32>, %%positions: tensor<?xi32>,"
             " %%wanted: tensor<?xi32>, %%kv: %s) -> (%s, %s) {" % (self.kv, words, self.kv)] +
            self.body +
            ["return %%logits, %s : %s, %s" % (last, words, self.kv), "}", "}", ""])


# ---- Schedules --------------------------------------------------------------------------

def make_model(shape, layers, scheme, folder):
    """A file of moe IR with codes. Rotations are in blocks of 256, not of 1,024, so that 7
    and 8 chips share the features between up and down evenly."""
    plain, coded = os.path.join(folder, "plain.mlir"), os.path.join(folder, "coded.mlir")
    with open(plain, "w", encoding="utf-8") as file:
        file.write(Model(shape, layers).text())
    passes = "builtin.module(moe.model(moe-assign-codes{scheme=%s},moe-fold-rotations))" % scheme
    common.run([common.tool("moe-opt"), plain, "--pass-pipeline=" + passes, "-o", coded])
    with open(coded, encoding="utf-8") as file:
        text = file.read().replace("rotated 1024", "rotated 256")
    with open(coded, "w", encoding="utf-8") as file:
        file.write(text)
    return coded


def state_and_rest(placed):
    """Bytes of SRAM of the state, and of all else."""
    sizes = {"i8": 1, "i16": 2, "f16": 2, "i32": 4, "f32": 4, "vector<4xi8>": 4}
    state = rest = 0
    with open(placed, encoding="utf-8") as file:
        for line in file:
            found = re.search(r"= lpu\.buffer (\w+) .*<(\d+) x ([\w<>]+?)>$", line.rstrip())
            if found:
                size = int(found[2]) * sizes[found[3]] * 320
                if found[1] == "state":
                    state += size
                else:
                    rest += size
    return state, rest


def schedule(model, machine, part, chips, context, folder):
    """Cycles, and what is in SRAM; None if it does not fit, with the reason."""
    placed, scheduled = os.path.join(folder, "placed.mlir"), os.path.join(folder, "scheduled.mlir")
    options = "machine=%s context=%d chips=%d stages=2 mirrored part=%s" % (machine, context, chips, part)
    for source, passes, target in ((model, ["--lpu-lower-model=" + options, "--lpu-assign-layout"], placed),
                                   (placed, ["--lpu-schedule"], scheduled),
                                   (scheduled, ["--lpu-form-queues"], os.devnull)):
        done = subprocess.run([common.tool("moe-opt"), source, *passes, "-o", target],
                              stderr=subprocess.PIPE, text=True)
        if done.returncode:
            reason = re.search(r"error: (.*)", done.stderr)
            return None, reason[1] if reason else done.stderr[:200]
    cycles, experts = 0, []
    with open(scheduled, encoding="utf-8") as file:
        for line in file:
            found = re.search(r'lpu\.segment "step" cycles (\d+)', line)
            if found:
                cycles = int(found[1])
            found = re.search(r'lpu\.issue (\d+) mxm\S+load lwx? .*of "layers\.0\.(?:gate|up|down)"', line)
            if found:
                experts.append(int(found[1]))
    state, rest = state_and_rest(placed)
    return {"cycles": cycles, "state": state, "rest": rest,
            "unit": max(experts) + 20 - min(experts) if experts else 0}, ""


def measure(plan, chips, layers, context, folder):
    name, wanted, machine, scheme, _ = plan
    s = SHAPES[name]
    model = make_model(s, layers, scheme, folder)
    stage, reason = schedule(model, machine, "layers", chips, context, folder)
    result = {"shape": name, "asked": wanted, "machine": machine, "scheme": scheme, "context": context}
    if not stage:
        return {**result, "refused": reason}
    # The last stage has the head, too, or else a node of its own has it.
    sram = 88 * 8192 * 320
    free = sram - stage["state"] - stage["rest"]
    head, reason = schedule(model, machine, "head", chips, context, folder)
    apart = not head or head["rest"] > free
    if apart:
        head, reason = schedule(model, machine, "head", 8, context, folder)
    if not head:
        return {**result, "refused": reason}
    stages = s["layers"] // layers
    token = stages * stage["cycles"] + head["cycles"]
    sequences = 1 + max(0, free if apart else free - head["rest"]) // stage["state"]
    under_way = min(stages + apart, sequences)
    busiest = max(stage["cycles"], head["cycles"]) if apart else stage["cycles"] + head["cycles"]
    unit = 3 * s["hidden"] * s["inner"] * s["top_k"] / chips
    used = stages * chips + (8 if apart else 0)
    result.update(
        chips=used, stages=stages, under_way=int(under_way), chips_of_stage=chips, stage_cycles=stage["cycles"],
        head_cycles=head["cycles"], token_cycles=token, single=CLOCK / token,
        sequences=int(sequences), aggregate=min(CLOCK / busiest, under_way * CLOCK / token),
        sram_percent=100 * (stage["state"] + stage["rest"]) / sram,
        rate_unit=unit / stage["unit"], rate_all=active_of_layer(s) * layers / chips / stage["cycles"],
        bounds={rate: bounds(s, used, weights)[0] for rate, weights in RATES.items()},
        bound_aggregate=min(bounds(s, used, RATES["ideal"])[1],
                            under_way * bounds(s, used, RATES["ideal"])[0]))
    return result


def check(result):
    """A schedule that beats its bound is wrong."""
    for what, bound in (("single", result["bounds"]["ideal"]), ("aggregate", result["bound_aggregate"])):
        if result[what] > bound:
            sys.exit("error: %s on %d chips: %.0f tokens/s %s, the bound is %.0f" % (
                result["shape"], result["chips"], result[what], what, bound))


def print_bounds():
    print("shape,chips,ideal,overhead,demonstrated,aggregate")
    for name, chips in dict.fromkeys((plan[0], plan[1]) for plan in PLANS):
        values = [bounds(SHAPES[name], chips, rate) for rate in RATES.values()]
        print("%s,%d,%s,%.0f" % (name, chips, ",".join("%.0f" % v[0] for v in values), values[0][1]))


def with_more_rows(machine, folder):
    """A file of the machine with twice the rows, and all else as it is."""
    with open(os.path.join(common.ROOT, "runtime", "src", "lpu", "machines", machine + ".json"), encoding="utf-8") as file:
        text = json.load(file)
    text["mem"]["rows"] *= 2
    path = os.path.join(folder, "machine.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**text, "name": machine + "-rows"}, file)
    return path


def report(plan, context):
    """Prints and returns the first partition that fits; if none does, the time of the
    first one as if there were room for it."""
    print("%s, %d chips asked for, %s, %s, context %d:" % (*plan[:4], context), flush=True)
    tries = [(chips, layers, False) for chips, layers in plan[4]] + [(*plan[4][0], True)]
    for chips, layers, more in tries:
        with tempfile.TemporaryDirectory() as folder:
            machine = with_more_rows(plan[2], folder) if more else plan[2]
            result = measure((plan[0], plan[1], machine, *plan[3:]), chips, layers, context, folder)
        result["more_rows"] = more
        print("  stages of %d chips, layers of a stage: %d%s" % (
            chips, layers, "; slices with twice the rows, which the machine does not have" if more else ""))
        if "refused" in result:
            print("    refused: " + result["refused"], flush=True)
            continue
        check(result)
        for text in ("%(stages)d stages, %(chips)d chips, SRAM %(sram_percent).0f %%",
                     "%(stage_cycles)d cycles a stage, %(head_cycles)d the head, %(token_cycles)d a token",
                     "%(single).0f tokens/s of one sequence; bounds: %(ideal).0f with the whole install port,"
                     " %(overhead).0f with 12 cycles between tiles, %(demonstrated).0f with Groq's rate",
                     "%(aggregate).0f tokens/s of %(under_way)d sequences, room for %(sequences)d;"
                     " bound %(bound_aggregate).0f",
                     "weights a cycle and chip: %(rate_unit).0f in gated units, %(rate_all).0f over all;"
                     " 19505, 12800 and 7877 are the rates of the bounds"):
            print("    " + text % {**result, **result["bounds"]}, flush=True)
        return result
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=sorted(SHAPES))
    parser.add_argument("--chips", type=int, help="only the plan for so many")
    parser.add_argument("--context", type=int, nargs="+", default=[256, 2048])
    parser.add_argument("--json")
    parser.add_argument("--bounds", action="store_true")
    a = parser.parse_args()
    if a.bounds:
        return print_bounds()
    results = []
    for plan in PLANS:
        if (a.shape and plan[0] != a.shape) or (a.chips and plan[1] != a.chips):
            continue
        for context in a.context:
            results.append(report(plan, context))
    if a.json:
        with open(a.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
