#!/usr/bin/python3
"""What the kernels of a model cost on a GPU, on paper.

  gpu_roofline.py [--model olmoe|mixtral] [--phase decode|prefill] [--rows N]
      [--context N] [--device h200|h100]          the tables, or one
  gpu_roofline.py --page docs/GPU.md [--write]    whether the page has these tables
  gpu_roofline.py --report FILE...                moe-compile --gpu-report as a table,
      which --page docs/GPU.md writes into the page

For each kernel: bytes that have to come from or go to the device's memory at least
once, flops (a multiply-add is two; integer ones count as well), the time that each
of the two takes at the device's limits, and which is longer. Nothing is added for
launches, waves that do not fill the device, or instructions that are neither loads
nor products.
"""
import argparse
import json
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from gpu_shapes import SHAPES

# Copy bandwidth and bf16 products of a large matrix, measured with other programs;
# s8 has twice the rate of bf16 on the data sheet. `vector` is what 32-bit float units
# do, from the data sheet.
DEVICES = {"h200": {"bytes": 4.3e12, "bf16": 790e12, "s8": 1580e12, "vector": 60e12},
           "h100": {"bytes": 3.0e12, "bf16": 790e12, "s8": 1580e12, "vector": 60e12}}
# What a kernel is assumed to take at least, behind another one in a graph; what a good
# one reaches of bandwidth and issue slots; and what mma.sync gets out of sm_90.
LEAST_SECONDS, REACHED, MMA = 2.5e-6, 0.9, 0.62
# Of a weight, with its scales: 7 bits for two, and f16 for each row and 1024 columns
# or more of it.
STORAGES = {"q35": 3.5, "bf16": 16.0}
# Instructions of a lane for each weight, of which four schedulers of each
# multiprocessor issue 32 a cycle. q35: opcodes of the cubin's loop for sm_90,
# stored_vector_q35. bf16: the count in LinearVector.cpp.
DECODING = {"q35": 3.95, "bf16": 2.4}
# Rows for which a weight is decoded once: of the batch, and of an expert.
TOGETHER = 128, 64
ISSUED = 132 * 4 * 32 * 1.75e9
SCALE_WEIGHTS = 1024
F32, I8, BF16 = 4, 1, 2


class Model:
    def __init__(self, name, storage):
        self.__dict__.update(SHAPES[name])
        self.name, self.storage = name, storage
        self.query, self.key = self.heads * self.head_dim, self.kv_heads * self.head_dim

    def matrix(self, rows, columns):
        """Bytes of a matrix as it is stored."""
        bits = STORAGES[self.storage] * rows * columns
        if self.storage == "q35":
            together = 1
            while together < 16 and together * columns < SCALE_WEIGHTS:
                together *= 2
            bits += 16 * rows / together
        return bits / 8


class Table:
    """Kernels of one forward; a kernel of a layer counts `layers` times."""

    def __init__(self, model, rows, context, device):
        self.model, self.rows, self.context = model, rows, context
        self.device = DEVICES[device]
        self.lines = []

    def add(self, name, times, bytes_, flops, unit, instructions=0):
        self.lines.append((name, times, bytes_, flops, bytes_ / self.device["bytes"], flops / self.device[unit], unit,
                           instructions / ISSUED))

    # Products of `rows` rows and a matrix; few rows on the vector units.
    def linear(self, name, times, maps, columns, rows, matrices=1, dense=False):
        m = self.model
        stored = not dense and m.storage == "q35"
        weights = sum(m.matrix(n, columns) if not dense else BF16 * n * columns for n in maps) * matrices
        outputs = sum(maps)
        # Quantised rows: levels, and sums of each 32 of them.
        activations = rows * columns * (I8 + 4 / 32 if stored else F32) + rows * outputs * F32
        few = rows / matrices <= 8
        # A row of f32 is two of bf16 to a tensor core.
        products = 1 if stored or few else 2
        unit = ("vector" if not stored else "s8") if few else "s8" if stored else "bf16"
        tiles = 1 if few else -(-rows // matrices // TOGETHER[matrices > 1])
        decoding = DECODING[m.storage] * columns * outputs * matrices * tiles if few or stored else 0
        self.add(name, times, weights + activations, 2 * products * rows * columns * outputs, unit, decoding)

    def attention(self):
        m, r = self.model, self.rows
        seen = r * self.context if r == 1 else r * (r + 1) // 2
        kv = 2 * F32 * m.key * (self.context if r == 1 else r)
        flops = 4 * m.head_dim * m.heads * seen
        if r == 1:
            # Two blocks for each of 132 multiprocessors share the positions, if each has
            # 128 or more; longest positions are powers of two, at least 256.
            longest = max(256, 1 << (self.context - 1).bit_length())
            splits = min(-(-264 // m.kv_heads), longest // 128, max(8, min(32, 256 // m.kv_heads)))
            partial = F32 * m.heads * splits * (m.head_dim + 2)
            self.add("attention, splits", m.layers, kv + F32 * m.query + partial, flops, "vector")
            if splits > 1:
                self.add("attention, sum of splits", m.layers, partial + F32 * m.query, 0, "vector")
        else: # each of f32's products is three of bf16's
            self.add("attention, tiles", m.layers, kv + 2 * F32 * r * m.query, 3 * flops, "bf16")

    def build(self):
        m, r, layers = self.model, self.rows, self.model.layers
        h, w = m.hidden, m.expert_width
        quantised = m.storage == "q35"
        row = r * h * F32
        as_input = r * h * (I8 + 4 / 32) if quantised else row
        assigned = r * m.top_k
        # Experts that a batch meets, if each is as likely as the others.
        met = m.experts * (1 - (1 - m.top_k / m.experts) ** r)
        self.add("embedding", 1, r * h * BF16 + row, 0, "vector")
        # With the residual before it, which takes what experts made.
        self.add("norm before attention; residual; levels", layers, assigned * h * F32 + 2 * row + as_input,
                 (2 * m.top_k + 8) * r * h, "vector")
        self.linear("queries, keys, values", layers, [m.query, m.key, m.key], h, r)
        if m.family == "olmoe":
            self.add("norms of queries and keys", 2 * layers, 2 * r * m.query * F32, 8 * r * m.query, "vector")
        self.add("rotary positions; keys and values to the state", layers, r * (2 * m.query + 4 * m.key) * F32,
                 6 * r * (m.query + m.key), "vector")
        self.attention()
        self.add("levels of the heads' output", layers * quantised, r * m.query * (F32 + I8), 8 * r * m.query, "vector")
        self.linear("output of attention", layers, [h], m.query, r)
        self.add("norm before experts; residual; levels", layers, 4 * row + as_input, 10 * r * h, "vector")
        self.linear("router", layers, [m.experts], h, r, dense=True)
        self.add("choice of experts", layers, r * m.experts * F32 + assigned * 8, 20 * r * m.experts, "vector")
        self.add("assignments by expert", layers, assigned * 28, 0, "vector")
        self.linear("experts, gate and up", layers, [w, w], h, assigned, met)
        self.add("activation; levels", layers, assigned * w * (2 * F32 + (I8 if quantised else F32)),
                 20 * assigned * w, "vector")
        self.linear("experts, down", layers, [h], w, assigned, met)
        self.add("last experts; residual; rows that are wanted; norm", 4, (assigned + 3) * h * F32, 4 * r * h, "vector")
        self.linear("head", 1, [m.vocab], h, 1)
        return self

    def expected(self):
        """Seconds with what no roof has."""
        return sum(l[1] * max(l[4] / REACHED, l[5] / MMA, l[7] / REACHED, LEAST_SECONDS) for l in self.lines)

    def totals(self):
        """Bytes, flops, seconds."""
        return (sum(l[1] * l[2] for l in self.lines), sum(l[1] * l[3] for l in self.lines),
                sum(l[1] * max(l[4], l[5]) for l in self.lines))


def number(value):
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size * 0.9995:
            return "%.3g %s" % (value / size, unit)
    return "%.0f" % value


def micro(seconds):
    value = seconds * 1e6
    return "<0.01" if value < 0.005 else "%.2f" % value if value < 9.995 else "%.1f" % value if value < 99.95 else \
        "%.0f" % value


UNITS = {"vector": "f32 units", "s8": "s8 products", "bf16": "bf16 products"}


def bound_of(line):
    if line[7] > max(line[4], line[5]):
        return "issue slots, %s us" % micro(line[7])
    return "bytes" if line[4] >= line[5] else UNITS[line[6]]


def table(model, phase, rows, context, device):
    """Both storages side by side; flops are those of the model."""
    rows = rows or (1 if phase == "decode" else 512)
    tables = [Table(Model(model, s), rows, context, device).build() for s in STORAGES]
    yield "%s, %s:" % (model, "decode of one row at %d positions" % context if rows == 1 else
                       "prefill of %d rows" % rows)
    yield ""
    yield "| kernel | times | %s |" % " | ".join("%s: bytes | flops | us | bound" % s for s in STORAGES)
    yield "| --- | ---: |" + " ---: | ---: | ---: | --- |" * len(STORAGES)
    for lines in zip(*(t.lines for t in tables)):
        cells = ["%s | %s | %s | %s" % (number(l[2]), number(l[3]), micro(max(l[4], l[5])), bound_of(l)) if l[1]
                 else "| | |" for l in lines]
        yield "| %s | %d | %s |" % (lines[0][0], max(l[1] for l in lines), " | ".join(cells))
    cells = []
    for t in tables:
        bytes_, flops, seconds = t.totals()
        cells.append("%s | %s | **%s** | %s tokens/s" % (number(bytes_), number(flops), micro(seconds),
                                                        number(rows / seconds)))
    yield "| **all** | %d | %s |" % (max(sum(l[1] for l in t.lines) for t in tables), " | ".join(cells))
    cells = ["| | %s | %.0f %% of that" % (micro(t.expected()), 100 * t.totals()[2] / t.expected()) for t in tables]
    yield "| as expected | | %s |" % " | ".join(cells)


def family(name):
    """What a kernel's name says before it comes to shapes and types."""
    words = []
    for word in name.split("_"):
        if re.match(r"(\d{2,}|\d+x|f32|bf16|f16|i32|i8|[0-9a-f]{16}$)", word):
            break
        words.append(word)
    return "_".join(words)


def spread(values, form):
    low, high = form % min(values), form % max(values)
    return low if low == high else low + " - " + high


def occupancy(paths):
    """The tables of files of moe-compile --gpu-report as one, a row for each family of
    kernels."""
    families = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for kernel in json.load(file)["kernels"]:
                families.setdefault(family(kernel["name"]), {})[kernel["name"]] = kernel
    some = next(iter(next(iter(families.values())).values()))
    devices = [key for key in some if key.startswith("sm_")]
    yield "| kernels | threads | %s |" % " | ".join("%s: registers | shared bytes | warps" % d for d in devices)
    yield "| --- | ---: |" + " ---: | ---: | ---: |" * len(devices)
    for name in sorted(families):
        kernels = families[name].values()
        cells = [spread([k["threads"] for k in kernels], "%d")]
        for d in devices:
            use = [k[d] for k in kernels]
            cells += [spread([u["registers"] for u in use], "%d"), spread([u["shared_bytes"] for u in use], "%d"),
                      spread([100 * u["occupancy"] for u in use], "%.0f") + " %"]
        yield "| `%s` | %s |" % (name, " | ".join(cells))


CHOICES = [(m, p) for p in ("decode", "prefill") for m in SHAPES]


def page_tables():
    for model, phase in CHOICES:
        yield "\n".join(table(model, phase, None, 1024, "h200"))


BEGIN, END = "<!-- benchmarks/gpu_roofline.py -->", "<!-- end -->"
REPORT = "<!-- benchmarks/gpu_roofline.py --report -->"


def find_place(text, path, begin):
    found = re.search(re.escape(begin) + ".*?" + re.escape(END), text, re.S)
    if not found:
        sys.exit("%s: has no place '%s'" % (path, begin))
    return found


def write_reports(path, reports):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    place = "%s\n%s\n%s" % (REPORT, "\n".join(occupancy(reports)), END)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(find_place(text, path, REPORT).group(0), place))


def check_page(path, write):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    wanted = "%s\n%s\n%s" % (BEGIN, "\n\n".join(page_tables()), END)
    found = find_place(text, path, BEGIN)
    if found.group(0) == wanted:
        print("%s: %d tables are as computed" % (path, len(CHOICES)))
        return
    if not write:
        sys.exit("%s: tables are not as computed; gpu_roofline.py --page %s --write" % (path, path))
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(found.group(0), wanted))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=sorted(SHAPES))
    parser.add_argument("--phase", choices=["decode", "prefill"])
    parser.add_argument("--rows", type=int)
    parser.add_argument("--context", type=int, default=1024)
    parser.add_argument("--device", choices=sorted(DEVICES), default="h200")
    parser.add_argument("--report", nargs="+")
    parser.add_argument("--page")
    parser.add_argument("--write", action="store_true")
    a = parser.parse_args()
    if a.page and a.report:
        write_reports(a.page, a.report)
        return
    if a.page:
        check_page(a.page, a.write)
        return
    if a.report:
        print("\n".join(occupancy(a.report)))
        return
    for model, phase in CHOICES:
        if a.model in (None, model) and a.phase in (None, phase):
            print("\n".join(table(model, phase, a.rows, a.context, a.device)) + "\n")


if __name__ == "__main__":
    main()
