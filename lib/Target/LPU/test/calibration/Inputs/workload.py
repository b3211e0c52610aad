"""Prints an lpu program, level clusters, of a workload that has public figures.

  workload.py lstm HIDDEN BATCH     one step of an LSTM cell, int8
  workload.py gemm M K N            [M x K] x [K x N], int8, exact int32
  workload.py gemv K N [--trellis]  [1 x K] x [K x N], int8 with a scale for each output

--machine NAME, default tsp1. Matrices are cut into tiles of 320 x 320; where two
planes of a hemisphere can add up two tiles of one sum, they do.
"""

import argparse
from functools import partial

WIDTH = 320
BANK = 4096
SIDES = ("west", "east")


def tiles_of(size):
    return -(-size // WIDTH)


class Program:
    """Buffers come first in the text, then what uses them."""

    def __init__(self, machine):
        self.machine, self.buffers, self.steps, self.names = machine, [], [], 0

    def buffer(self, kind, name, side, count, element, values=None, slices=None, row=0):
        """The layout says where it lies, or first and number of its slices."""
        self.names += 1
        value = f"%b{self.names}"
        vectors = f"!lpu.vectors<{count} x {element}>"
        place = f" values {values}" if values else ""
        if slices:
            numbers = ", ".join(str(slices[0] + i) for i in range(slices[1]))
            place += f" at <{side}, slices = [{numbers}], row = {row}, step = 1>"
        self.buffers.append(f'  {value} = lpu.buffer {kind} "{name}" {side}{place} : {vectors}')
        return (value, vectors, element)

    def install(self, name, buffer, index, expand=False):
        self.names += 1
        value = f"%w{self.names}"
        word = " expand" if expand else ""
        self.steps.append(
            f'  {value} = lpu.install "{name}" {buffer[0]}[{index}]{word} : {buffer[1]} -> !lpu.weights<i8>'
        )
        return value

    def cluster(self, name, body, times=1, every=1):
        tree = Tree()
        body(tree)
        repeat = f" repeat {times} every {every}" if times > 1 else ""
        self.steps.append(f'  lpu.cluster "{name}"{repeat} {{')
        self.steps += tree.lines
        self.steps.append("  }")

    def text(self):
        body = "\n".join(self.buffers + self.steps)
        return f'lpu.program @step machine "{self.machine}" {{\n{body}\n}}'


class Tree:
    def __init__(self):
        self.lines = []

    def value(self, line, element):
        name = f"%{len(self.lines)}"
        self.lines.append(f"    {name} = {line}")
        return (name, element)

    def read(self, buffer, index=0, step=0):
        steps = f" step {step}" if step else ""
        return self.value(f"lpu.read {buffer[0]}[{index}{steps}] : {buffer[1]}", buffer[2])

    def multiply(self, value, weights):
        types = "!lpu.stream<i8>, !lpu.weights<i8> -> !lpu.stream<i32>"
        return self.value(f"lpu.multiply {value[0]} by {weights} : {types}", "i32")

    def alu(self, kind, *operands, element=None):
        element = element or operands[0][1]
        names = ", ".join(o[0] for o in operands)
        types = ", ".join(f"!lpu.stream<{o[1]}>" for o in operands)
        return self.value(f"lpu.alu {kind} {names} : {types} -> !lpu.stream<{element}>", element)

    def write(self, value, *places):
        for buffer, index, step in places:
            steps = f" step {step}" if step else ""
            self.lines.append(
                f"    lpu.write {value[0]} to {buffer[0]}[{index}{steps}]"
                f" : !lpu.stream<{value[1]}>, {buffer[1]}"
            )


def lstm(p, hidden, batch):
    """c' = f c + i g, h = o tanh(c'); sigmoid(z) = (1 + tanh(z / 2)) / 2, with the
    half in the scale. Gates i and f are in the west, g and o in the east; the two
    planes of a side take two tiles of inputs and add up."""
    tiles = tiles_of(hidden)
    pairs = tiles  # of x's and h's tiles
    vectors = tiles * batch
    gates = {"i": "west", "f": "west", "g": "east", "o": "east"}

    # What is read or written in one cycle of a loop lies in different slices, or
    # banks: weights take slices 12 to 43 in bank 0, all else the others, or bank 1.
    def place(slices, row=BANK + 1024):
        return {"slices": slices, "row": row} if batch > 1 else {}

    inputs = {
        side: [
            p.buffer("input", f"x{h}", side, pairs * batch, "i8", **place((8 + h, 1), 0))
            for h in range(2)
        ]
        for side in SIDES
    }
    sums, scales, weights = {}, {}, {}
    for number, (gate, side) in enumerate(gates.items()):
        for turn in range(2):
            row = BANK + number % 2 * vectors
            sums[gate, turn] = p.buffer(
                "temporary", f"sum.{gate}", side, vectors, "i32", **place((4 * turn, 4), row)
            )
            weights[gate, turn] = p.buffer(
                "parameter", f"w.{gate}", side, pairs * tiles * WIDTH, "i8"
            )
        # Scales come where no sums are read any more.
        free = place((4 * ((pairs - 1) % 2), 4), number % 2 * tiles)
        scales[gate] = p.buffer("parameter", f"scale.{gate}", side, tiles, "f32", **free)

    def make(kind, name, side, first):
        return p.buffer(kind, name, side, vectors, "f32", **place((first, 4)))

    # What is taken twice lies twice.
    opened = {
        "i": [make("temporary", "i", "west", 12)],
        "f": [make("temporary", "f", "west", 16)],
        "g": [make("temporary", "g", "east", first) for first in (12, 16)],
        "o": [make("temporary", "o", "east", 20)],
    }
    before = [make("input", "c", "east", first) for first in (24, 28)]
    kept = make("temporary", "kept", "east", 32)
    after = [make("output", "c'", "east", first) for first in (36, 40)]
    tops = [make("temporary", "tanh", "east", first) for first in (0, 4)]
    outputs = [p.buffer("output", "h", side, vectors, "i8", **place((10, 1))) for side in SIDES]
    half, top = (
        p.buffer(
            "constant",
            "factor",
            "west",
            1,
            "f32",
            f"dense<{value}> : tensor<1xf32>",
            **place((first, 4)),
        )
        for value, first in ((0.5, 24), (63.5, 28))
    )

    for pair in range(pairs):
        for tile in range(tiles):
            for gate, side in gates.items():
                index = (pair * tiles + tile) * WIDTH
                installed = [p.install(f"w.{gate}", weights[gate, h], index) for h in range(2)]

                def product(t):
                    x = [t.read(inputs[side][h], pair * batch, 1) for h in range(2)]
                    value = t.alu(
                        "add",
                        t.multiply(x[0], installed[0]),
                        t.multiply(x[1], installed[1]),
                    )
                    if pair:
                        value = t.alu(
                            "add", value, t.read(sums[gate, (pair - 1) % 2], tile * batch, 1)
                        )
                    if pair + 1 < pairs:
                        return t.write(value, (sums[gate, pair % 2], tile * batch, 1))
                    value = t.alu("cvt", value, element="f32")
                    value = t.alu("mul", value, t.read(scales[gate], tile))
                    value = t.alu("tanh", value)
                    t.write(value, *((b, tile * batch, 1) for b in opened[gate]))

                p.cluster(f"product.{gate}", product, batch)
    for tile in range(tiles):
        first = tile * batch

        def opened_by(t, gate, other):
            product = t.alu(
                "mul", t.read(opened[gate][0], first, 1), t.read(other[0], first, 1)
            )
            return t.alu("add", product, t.alu("pass", t.read(other[1], first, 1)))

        def keep(t):
            t.write(opened_by(t, "f", before), (kept, first, 1))

        def update(t):
            value = t.alu("add", opened_by(t, "i", opened["g"]), t.read(kept, first, 1))
            t.write(t.alu("mul", value, t.read(half)), *((b, first, 1) for b in after))

        def tanh(t):
            t.write(
                t.alu("tanh", t.read(after[0], first, 1)), *((b, first, 1) for b in tops)
            )

        p.cluster("keep", keep, batch)
        p.cluster("update", update, batch)
        p.cluster("tanh", tanh, batch)
        for output in outputs:

            def out(t):
                product = t.alu(
                    "mul", t.read(opened["o"][0], first, 1), t.read(tops[0], first, 1)
                )
                value = t.alu("add", product, t.alu("pass", t.read(tops[1], first, 1)))
                value = t.alu("mul", value, t.read(top))
                t.write(t.alu("cvt", value, element="i8"), (output, first, 1))

            p.cluster("output", out, batch)


def gemm_of_side(p, side, rows, inner, n):
    """Steps that make up to 4 tiles of rows of the result, of up to 14 tiles each."""
    # If tiles of x are odd, the last one meets two tiles of weights at once. What is
    # read or written in one cycle lies in different slices, or banks.
    x = [
        p.buffer("input", f"x{i}", side, n, "i8", slices=(32 + i % 7, 1), row=i // 7 * BANK)
        for i in range(inner + inner % 2)
    ]
    tiles = [rows * (inner // 2) + inner % 2 * ((rows + 1 - h) // 2) for h in range(2)]
    w = [
        p.buffer(
            "parameter", f"w{h}", side, tiles[h] * WIDTH, "i8", slices=(0, 16), row=h * BANK
        )
        for h in range(2)
    ]
    y = [
        p.buffer(
            "output", f"y{i}", side, n, "i32", slices=(24 + i % 2 * 4, 4), row=i // 2 * BANK
        )
        for i in range(rows)
    ]
    sums = [
        [
            p.buffer(
                "temporary", f"sum{i}", side, n, "i32", slices=(16 + 4 * i, 4), row=turn * BANK
            )
            for turn in range(2)
        ]
        for i in range(2)
    ]
    installs = [0, 0]

    def add_up(i, parts, step, last):
        """parts: of each plane in use, its number, and its x."""
        weights = []
        for half, _ in parts:
            weights.append(p.install(f"w{half}", w[half], installs[half] * WIDTH))
            installs[half] += 1

        def product(t):
            values = [
                t.multiply(t.read(buffer, 0, 1), installed)
                for (_, buffer), installed in zip(parts, weights)
            ]
            value = t.alu("add", *values) if len(values) > 1 else values[0]
            if step:
                value = t.alu("add", value, t.read(sums[i % 2][(step - 1) % 2], 0, 1))
            elif len(values) == 1:
                value = t.alu("pass", value)
            t.write(value, (y[i] if last else sums[i % 2][step % 2], 0, 1))

        p.cluster(f"y{i}", product, n)

    def single(group):
        for half, i in enumerate(group):
            add_up(i, [(half, x[inner - 1 + half])], 0, inner == 1)

    def pair(i, number):
        parts = [(half, x[2 * number + half]) for half in range(2)]
        add_up(i, parts, number + inner % 2, number + 1 == inner // 2)

    steps = []
    for first in range(0, rows, 2):
        group = range(first, min(first + 2, rows))
        if inner % 2:
            steps.append(partial(single, group))
        steps += [partial(pair, i, number) for number in range(inner // 2) for i in group]
    return steps


def gemm(p, m, k, n):
    """Columns of the right matrix are activations, tiles of the left one weights.
    A side has half of the left matrix's rows."""
    rows, inner = tiles_of(m), tiles_of(k)
    steps = [gemm_of_side(p, side, (rows + 1 - s) // 2, inner, n) for s, side in enumerate(SIDES)]
    for turn in range(max(map(len, steps))):
        for todo in steps:
            if turn < len(todo):
                todo[turn]()


def gemv(p, k, n, trellis):
    """Two tiles of inputs at once on the planes of one side, sides by turns; a sum
    waits in memory while the other outputs have their turn. If tiles of inputs are
    odd, the last one comes first and alone."""
    inner, outer = tiles_of(k), tiles_of(n)
    vectors = WIDTH // 16 * 7 if trellis else WIDTH
    steps = [[inner - 1]] * (inner % 2) + [[2 * i, 2 * i + 1] for i in range(inner // 2)]
    # Of each product, its outputs, its inputs, and on which sides they are multiplied.
    turns = [(step, tiles, output) for step, tiles in enumerate(steps) for output in range(outer)]
    halves = [turn // 2 % 2 if len(turns[turn][1]) == 1 else 0 for turn in range(len(turns))]
    count = {(side, half): 0 for side in SIDES for half in range(2)}
    places = []
    for turn, (_, tiles, _) in enumerate(turns):
        own = []
        for i in range(len(tiles)):
            place = (SIDES[turn % 2], (halves[turn] + i) % 2)
            own.append((place, count[place] * vectors))
            count[place] += 1
        places.append(own)
    x = {
        (side, half): p.buffer("input", "x", side, inner, "i8") for side in SIDES for half in range(2)
    }
    weights = {
        place: p.buffer("parameter", f"w{place[1]}", place[0], tiles * vectors, "i8")
        for place, tiles in count.items()
    }
    # Of each output, where it is and which one there.
    own = [(SIDES[o % 2], o // 2) for o in range(outer)]
    outputs = {side: sum(s == side for s, _ in own) for side in SIDES}
    scales = {side: p.buffer("parameter", "scale", side, outputs[side], "f32") for side in SIDES}
    sums = {
        (side, turn): p.buffer("temporary", "sum", side, outputs[side], "i32")
        for side in SIDES
        for turn in range(2)
    }
    y = {side: p.buffer("output", "y", side, outputs[side], "f32") for side in SIDES}
    for (step, tiles, output), parts in zip(turns, places):
        side, index = own[output]
        installed = [p.install("w", weights[place], first, trellis) for place, first in parts]

        def product(t):
            values = [
                t.multiply(t.read(x[place], tile), w)
                for (place, _), tile, w in zip(parts, tiles, installed)
            ]
            value = t.alu("add", *values) if len(values) > 1 else values[0]
            if step:
                value = t.alu("add", value, t.read(sums[side, (step - 1) % 2], index))
            elif len(values) == 1:
                value = t.alu("pass", value)
            if step + 1 < len(steps):
                return t.write(value, (sums[side, step % 2], index, 0))
            value = t.alu("cvt", value, element="f32")
            t.write(t.alu("mul", value, t.read(scales[side], index)), (y[side], index, 0))

        p.cluster("product", product)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workload", choices=("lstm", "gemm", "gemv"))
    parser.add_argument("sizes", type=int, nargs="+")
    parser.add_argument("--trellis", action="store_true")
    parser.add_argument("--machine", default="tsp1")
    options = parser.parse_args()
    program = Program(options.machine)
    if options.workload == "lstm":
        lstm(program, *options.sizes)
    elif options.workload == "gemm":
        gemm(program, *options.sizes)
    else:
        gemv(program, *options.sizes, options.trellis)
    print(program.text())


if __name__ == "__main__":
    main()
