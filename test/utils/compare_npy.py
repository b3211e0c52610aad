"""Compares two .npy files: compare_npy.py A B [--atol X] [--rtol X] [--dtype T]

The largest difference may be `atol` + `rtol` * the largest magnitude in B; with
neither, the files must be equal. Prints the figures, exits with 1 otherwise.
"""
import argparse
import sys

import numpy as np


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("--atol", type=float, default=0.0)
    parser.add_argument("--rtol", type=float, default=0.0)
    parser.add_argument("--dtype", help="that A must have, like float32")
    options = parser.parse_args()
    a, b = np.load(options.a), np.load(options.b)
    if options.dtype and a.dtype != np.dtype(options.dtype):
        sys.exit("%s has elements of %s, not %s" % (options.a, a.dtype, options.dtype))
    if a.shape != b.shape:
        sys.exit("shapes differ: %s and %s" % (a.shape, b.shape))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        sys.exit("there are values that are not finite")
    x, y = a.astype(np.float64), b.astype(np.float64)
    difference = np.abs(x - y)
    limit = options.atol + options.rtol * (np.abs(y).max() if y.size else 0.0)
    largest = difference.max() if difference.size else 0.0
    where = np.unravel_index(difference.argmax(), difference.shape) if y.size else ()
    print("largest difference %.3g at %s, limit %.3g, shape %s"
          % (largest, tuple(int(i) for i in where), limit, a.shape))
    sys.exit(0 if largest <= limit else 1)


if __name__ == "__main__":
    main()
