"""Holds what a schedule computed against numpy: compute.py gemm M K N | gemv K N |
lstm HIDDEN BATCH. Contents are random; numbers must be equal in every bit."""

import glob
import os
import subprocess
import sys
import tempfile

import numpy as np

from measure import PASSES, WORKLOAD
from workload import WIDTH, tiles_of


def run(workload, folder):
    program = os.path.join(folder, "program.lpu")
    text = subprocess.run(
        [sys.executable, WORKLOAD, *workload], check=True, stdout=subprocess.PIPE
    ).stdout
    subprocess.run(
        ["moe-opt", "-", *PASSES, f"--lpu-assemble=output={program}"],
        input=text,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    subprocess.run(["moert_lpu_run", program, "--dump", folder], check=True)


def read(folder, name, element):
    """All buffers of a name, in order of their numbers: [vector, lane]."""
    paths = glob.glob(os.path.join(folder, f"*-{glob.escape(name)}.bin"))
    assert paths, name
    planes = np.dtype(element).itemsize
    result = []
    for path in sorted(paths, key=lambda p: int(os.path.basename(p).split("-")[0])):
        raw = np.fromfile(path, np.uint8).reshape(-1, planes, WIDTH)
        result.append(np.ascontiguousarray(raw.transpose(0, 2, 1)).view(element)[..., 0])
    return result


def tile(weights, index):
    """[lane of the result, lane of the activation]"""
    return weights[index * WIDTH : (index + 1) * WIDTH].astype(np.int32)


def gemm(folder, m, k, n):
    rows, inner = tiles_of(m), tiles_of(k)
    pairs = inner // 2
    x = [read(folder, f"x{i}", np.int8) for i in range(inner + inner % 2)]
    w = [read(folder, f"w{half}", np.int8) for half in range(2)]
    for side in range(2):
        used = [0, 0]
        count = (rows + 1 - side) // 2
        sums = [np.zeros((n, WIDTH), np.int32) for _ in range(count)]

        def add(i, half, part):
            sums[i] += x[part][side].astype(np.int32) @ tile(w[half][side], used[half]).T
            used[half] += 1

        for first in range(0, count, 2):
            group = range(first, min(first + 2, count))
            if inner % 2:
                for half, i in enumerate(group):
                    add(i, half, inner - 1 + half)
            for number in range(pairs):
                for i in group:
                    add(i, 0, 2 * number)
                    add(i, 1, 2 * number + 1)
        for i in range(count):
            yield read(folder, f"y{i}", np.int32)[side], sums[i]


def gemv(folder, k, n):
    """Even tiles of inputs: then no tile is alone, and plane 0 has the first of two."""
    inner, outer = tiles_of(k), tiles_of(n)
    assert inner % 2 == 0
    x = read(folder, "x", np.int8)  # side by side, plane by plane
    w = [read(folder, f"w{half}", np.int8) for half in range(2)]
    sums = np.zeros((outer, WIDTH), np.int32)
    for turn in range(inner // 2 * outer):
        step, output = divmod(turn, outer)
        side = turn % 2
        for half in range(2):
            vector = x[2 * side + half][2 * step + half].astype(np.int32)
            sums[output] += tile(w[half][side], turn // 2) @ vector
    scales, y = read(folder, "scale", np.float32), read(folder, "y", np.float32)
    for output in range(outer):
        side, index = output % 2, output // 2
        yield y[side][index], sums[output].astype(np.float32) * scales[side][index]


def lstm(folder, hidden, batch):
    tiles = tiles_of(hidden)
    x = [read(folder, f"x{half}", np.int8) for half in range(2)]
    gate = {}
    for name, side in (("i", 0), ("f", 0), ("g", 1), ("o", 1)):
        w = read(folder, f"w.{name}", np.int8)
        scale = read(folder, f"scale.{name}", np.float32)[0]
        sums = np.zeros((tiles, batch, WIDTH), np.int32)
        for pair in range(tiles):
            for t in range(tiles):
                for half in range(2):
                    rows = x[half][side][pair * batch : (pair + 1) * batch].astype(np.int32)
                    sums[t] += rows @ tile(w[half], pair * tiles + t).T
        z = sums.astype(np.float32) * scale[:, None, :]
        gate[name] = np.tanh(z.astype(np.float64)).astype(np.float32).reshape(-1, WIDTH)
    c = read(folder, "c", np.float32)
    kept = gate["f"] * c[0] + c[1]
    after = ((gate["i"] * gate["g"] + gate["g"]) + kept) * np.float32(0.5)
    top = np.tanh(after.astype(np.float64)).astype(np.float32)
    h = np.rint((gate["o"] * top + top) * np.float32(63.5)).astype(np.int8)
    for found in read(folder, "c'", np.float32):
        yield found, after
    for found in read(folder, "h", np.int8):
        yield found, h


def main():
    workload = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        run(workload, folder)
        expected = globals()[workload[0]](folder, *map(int, workload[1:]))
        for number, (found, wanted) in enumerate(expected):
            wrong = np.count_nonzero(found != wanted)
            print(f"result {number}: {wrong} of {wanted.size} differ")
            if wrong:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
