"""Finds the 128 pairs of levels of q35-vq and prints them as C++.

  train_codebook.py [STARTS [STEPS]]

Lloyd's algorithm (1982) on a grid of points weighed by the density of two
independent Gaussians, from several starts; the best codebook's largest
coordinate becomes 127, and all are rounded. Needs numpy.
"""
import sys

import numpy as np

CODES, OFFSET, LARGEST = 128, 128, 127


def make_grid(points=241, reach=5.0):
    axis = np.linspace(-reach, reach, points)
    weights = np.exp(-axis**2 / 2)
    x, y = np.meshgrid(axis, axis)
    density = np.outer(weights, weights).ravel()
    return np.stack([x.ravel(), y.ravel()], 1), density / density.sum()


def assign(grid, codebook):
    distance = (codebook**2).sum(1) - 2 * grid @ codebook.T
    return distance.argmin(1)


def get_error(grid, density, codebook):
    rest = grid - codebook[assign(grid, codebook)]
    return (density * (rest**2).sum(1)).sum() / 2


def improve(grid, density, codebook, steps):
    for _ in range(steps):
        nearest = assign(grid, codebook)
        mass = np.bincount(nearest, density, CODES)
        for axis in range(2):
            total = np.bincount(nearest, density * grid[:, axis], CODES)
            codebook[:, axis] = np.where(mass > 0, total / np.maximum(mass, 1e-300), codebook[:, axis])
    return codebook


def main():
    starts, steps = [int(a) for a in sys.argv[1:]] + [3, 150][len(sys.argv) - 1:]
    grid, density = make_grid()
    best = None
    for seed in range(starts):
        # Rings of a sunflower, spread like the cube root of the density.
        i = np.arange(CODES) + 0.5
        radius = np.sqrt(-6 * np.log(1 - i / CODES * 0.995)) * 0.8
        angle = i * np.pi * (3 - np.sqrt(5)) + seed
        codebook = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
        codebook += np.random.default_rng(seed).normal(0, 0.1, codebook.shape)
        codebook = improve(grid, density, codebook, steps)
        error = get_error(grid, density, codebook)
        if best is None or error < best[0]:
            best = error, codebook.copy()
        print("start %d: error %.5f" % (seed, error), file=sys.stderr)
    error, codebook = best
    scale = np.abs(codebook).max() / LARGEST
    levels = np.rint(codebook / scale).astype(int) + OFFSET
    levels = levels[np.lexsort((levels[:, 1], levels[:, 0]))]
    print("error %.5f, rounded %.5f" %
          (error, get_error(grid, density, (levels - OFFSET) * scale)), file=sys.stderr)
    for axis in range(2):
        for row in levels[:, axis].reshape(-1, 16):
            print("  " + " ".join("%d," % level for level in row))


main()
