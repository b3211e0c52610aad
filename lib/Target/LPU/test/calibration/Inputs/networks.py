"""Estimates cycles of whole networks from their matrix products, for orders of
magnitude: `networks.py` prints them beside published ones, and exits with 1 where
they differ by more than a factor of three; with --measure also where the rate of the
estimate is not that of a schedule.

A product of [outputs x inputs] by [inputs x columns] is cut into tiles; the four
planes take a tile each, and a round of four takes `columns + 20` cycles, as measured
for long rounds (an activation is 20 cycles in the array), or 22, as measured for short
ones. Fewer than four tiles are installed again in the planes that are left, which
share the columns. After each product, or step between products, what comes next waits
for CHAIN cycles: from memory through a unit and back, 46 as Groq's LSTM counts have
it. All int8.
"""

import sys

from measure import measure

WIDTH, PLANES, CHAIN = 320, 4, 46


def product(outputs, inputs, columns):
    tiles = -(-outputs // WIDTH) * -(-inputs // WIDTH)
    if tiles < PLANES:
        columns = -(-columns // (PLANES // tiles))
    rounds = -(-tiles // PLANES)
    return rounds * max(columns + 20, 22) + CHAIN


def resnet50():
    """Convolutions as products, batch 1, 224 x 224; each with one step after it."""
    cycles = [product(64, 147, 112 * 112)]
    inputs = 64
    for stage, (blocks, side) in enumerate([(3, 56), (4, 28), (6, 14), (3, 7)]):
        inner, outputs, area = 64 << stage, 256 << stage, side * side
        for block in range(blocks):
            # The first block of a stage halves the sides in its 3 x 3.
            before = area * 4 if stage and not block else area
            cycles.append(product(inner, inputs, before))
            cycles.append(product(inner, 9 * inner, area))
            cycles.append(product(outputs, inner, area))
            if not block:
                cycles.append(product(outputs, inputs, area))
            inputs = outputs
    cycles.append(product(1000, 2048, 1))
    return sum(c + CHAIN for c in cycles)


def bert_base(tokens=128, width=768, layers=12, heads=12):
    """Each layer: four matrices, two products a head, and steps of softmax and norms."""
    head = width // heads
    layer = product(3 * width, width, tokens) + product(width, width, tokens)
    layer += product(4 * width, width, tokens) + product(width, 4 * width, tokens)
    # Tiles of the heads are smaller than the array; each is one of four in a round.
    layer += 2 * (heads // PLANES * (tokens + 20) + CHAIN)
    assert head <= WIDTH and tokens <= WIDTH
    steps = 20
    return layers * (layer + steps * CHAIN)


def main():
    failed = False
    for name, cycles, published in (
        ("ResNet-50", resnet50(), 44100),
        ("BERT-base", bert_base(), 117000),
    ):
        ratio = cycles / published
        print(f"{name}: {cycles} cycles, published {published}, ratio {ratio:.2f}")
        failed |= not 1 / 3 < ratio < 3
    if "--measure" in sys.argv:
        # The estimate's rate against that of a schedule.
        estimate, found = product(2304, 4096, 1376), measure(["gemm", 2304, 4096, 1376])["cycles"]
        print(f"104 tiles by 1376 columns: estimated {estimate}, simulated {found} cycles")
        failed |= not 0.9 < estimate / found < 1.1
    return failed


if __name__ == "__main__":
    sys.exit(main())
