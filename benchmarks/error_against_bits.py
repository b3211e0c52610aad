#!/usr/bin/python3
"""Squared error of each scheme on normally distributed weights, against its bits.

  error_against_bits.py [--schemes q8,q5,...] [--efforts normal] [--checkpoint DIR]
                        [--json] [--svg docs/images/error-against-bits.svg]

Compiles a small checkpoint of weights from N(0, 0.02), or the given one, with
each scheme, and reads the quantisation report. Bits count everything stored. The
table says how often the error is the least that any code of as many bits has,
2^(-2 bits); --svg draws both, and the formats of other projects as they were
measured with llama.cpp 3f545becc and ik_llama.cpp 8337e4c, without importance
matrices.
"""
import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile

import common

SCHEMES = "q8,q5,q4-32,q4,q35,q35-vq,q35-radix11,q35-4x3,q2"
# (name, bits per weight, squared error relative to N(0,1))
OTHERS = (("Q8_0", 8.5, 0.000029), ("Q6_K", 6.56, 0.00031), ("Q5_K", 5.5, 0.0013), ("Q4_K", 4.5, 0.0051),
          ("Q4_0", 4.5, 0.0074), ("IQ4_XS", 4.25, 0.0059), ("iq4_kt", 4.02, 0.0094), ("Q3_K", 3.44, 0.0227),
          ("IQ3_S", 3.44, 0.0275), ("iq3_k", 3.44, 0.0182), ("iq3_kt", 3.14, 0.0284), ("IQ3_XXS", 3.06, 0.0453),
          ("Q2_K", 2.63, 0.0877))


def parse_arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--schemes", default=SCHEMES)
    parser.add_argument("--efforts", default="normal")
    parser.add_argument("--checkpoint")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--svg")
    return parser.parse_args()


def make_checkpoint(folder):
    """6.3 M weights in rows of 512 and 1024."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "make_synthetic.py")
    subprocess.run([sys.executable, script, folder, "--layers", "1", "--experts", "2", "--top-k", "1", "--vocab",
                    "512"], check=True, stdout=subprocess.DEVNULL)
    return folder


def measure(checkpoint, scheme, effort, work):
    """Over the tensors that have that scheme: one may choose another for some."""
    report = os.path.join(work, "report.json")
    common.compile_module(checkpoint, os.path.join(work, "module.moe"),
                          ["--quantize=" + scheme, "--effort=" + effort, "--quant-report=" + report])
    with open(report, encoding="utf-8") as file:
        tensors = [t for t in json.load(file)["tensors"] if t["scheme"] == scheme]
    if not tensors:
        sys.exit("no tensor of %s has scheme '%s'" % (checkpoint, scheme))
    weights = sum(t["weights"] for t in tensors)
    bits = sum(t["bits_per_weight"] * t["weights"] for t in tensors) / weights
    error = sum(t["relative_mse"] * t["weights"] for t in tensors) / weights
    return {"scheme": scheme, "effort": effort, "bits_per_weight": bits, "relative_mse": error,
            "limit": 4.0 ** -bits, "relative_mse_to_limit": error * 4.0 ** bits}


#===-- The plot --------------------------------------------------------------===

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 900, 620, 70, 20, 20, 50
BITS, EXPONENTS = (1.5, 6), (-3, -0.5)  # of the axes; what lies outside is not drawn


def x_of(bits):
    return LEFT + (bits - BITS[0]) / (BITS[1] - BITS[0]) * (WIDTH - LEFT - RIGHT)


def y_of(error):
    part = (EXPONENTS[1] - math.log10(error)) / (EXPONENTS[1] - EXPONENTS[0])
    return TOP + part * (HEIGHT - TOP - BOTTOM)


def line(x1, y1, x2, y2, style):
    return '<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" %s/>' % (x1, y1, x2, y2, style)


def text(x, y, words, style=""):
    return '<text x="%.1f" y="%.1f" %s>%s</text>' % (x, y, style, words)


def axes():
    grid = 'stroke="#ddd"'
    for bits in range(math.ceil(BITS[0]), BITS[1] + 1):
        x = x_of(bits)
        yield line(x, TOP, x, HEIGHT - BOTTOM, grid)
        yield text(x, HEIGHT - BOTTOM + 18, bits, 'text-anchor="middle"')
    for exponent in range(EXPONENTS[0], math.floor(EXPONENTS[1]) + 1):
        y = y_of(10.0 ** exponent)
        yield line(LEFT, y, WIDTH - RIGHT, y, grid)
        yield text(LEFT - 8, y + 4, "%g" % 10.0 ** exponent, 'text-anchor="end"')
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "bits per weight, everything counted", 'text-anchor="middle"')
    y = (TOP + HEIGHT - BOTTOM) / 2
    yield text(18, y, "squared error relative to N(0,1)", 'text-anchor="middle" transform="rotate(-90 18 %.1f)"' % y)


def limit():
    low = BITS[0]
    high = min(BITS[1], -EXPONENTS[0] / math.log10(4))
    yield line(x_of(low), y_of(4.0 ** -low), x_of(high), y_of(4.0 ** -high), 'stroke="#c00" stroke-dasharray="6 4"')
    yield text(x_of(2.4), y_of(4.0 ** -2.4) + 30, "limit 2^(-2 bits)", 'fill="#c00" text-anchor="end"')


def place(points):
    """(x, y, name, y of the label): labels of neighbours are pushed apart."""
    placed = []
    for name, bits, error in sorted(points, key=lambda p: -p[2]):
        if not (BITS[0] <= bits <= BITS[1] and EXPONENTS[0] <= math.log10(error) <= EXPONENTS[1]):
            continue
        x, y = x_of(bits), y_of(error)
        label = y + 4
        for other_x, _, _, other in placed:
            if abs(x - other_x) < 90:
                label = max(label, other + 14)
        placed.append((x, y, name, label))
    return placed


def draw_points(points, color, side):
    """Labels stand to the left (-1) or right (1) of their points."""
    for x, y, name, label in place(points):
        yield '<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>' % (x, y, color)
        yield line(x, y, x + 10 * side, label - 4, 'stroke="%s" stroke-width="0.5"' % color)
        yield text(x + 12 * side, label, name, 'fill="%s" text-anchor="%s"' % (color, "start" if side > 0 else "end"))


def draw(results):
    yield ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">'
           % (WIDTH, HEIGHT))
    yield '<rect width="100%" height="100%" fill="#fff"/>'
    yield from axes()
    yield from limit()
    yield from draw_points(OTHERS, "#777", -1)
    yield from draw_points([(r["scheme"] if r["effort"] == "normal" else "%s %s" % (r["scheme"], r["effort"]),
                             r["bits_per_weight"], r["relative_mse"]) for r in results], "#06c", 1)
    yield "</svg>"


def main():
    options = parse_arguments()
    work = tempfile.mkdtemp(dir=os.environ.get("TMPDIR") or os.path.join(common.ROOT, "build"))
    try:
        checkpoint = options.checkpoint or make_checkpoint(os.path.join(work, "checkpoint"))
        results = [measure(checkpoint, scheme, effort, work)
                   for scheme in options.schemes.split(",") for effort in options.efforts.split(",")]
    finally:
        shutil.rmtree(work)
    if options.json:
        print(json.dumps(results, indent=1))
    else:
        rows = [[r["scheme"], r["effort"], "%.3f" % r["bits_per_weight"], "%.6f" % r["relative_mse"],
                 "%.2f" % r["relative_mse_to_limit"]] for r in results]
        print("\n".join(common.markdown(["scheme", "effort", "bits", "relative squared error", "/ limit"], rows)))
    if options.svg:
        os.makedirs(os.path.dirname(os.path.abspath(options.svg)), exist_ok=True)
        with open(options.svg, "w", encoding="utf-8") as file:
            file.write("\n".join(draw(results)) + "\n")


if __name__ == "__main__":
    main()
