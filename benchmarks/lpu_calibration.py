#!/usr/bin/python3
"""Cycles of the LPU simulator beside published ones, as tables of Markdown.

    benchmarks/lpu_calibration.py --build build

Runs the workloads of lib/Target/LPU/test/calibration through the scheduler and the
simulator (about ten seconds), and the hand-made schedules by their test program.
"""

import argparse
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "lib/Target/LPU/test/calibration/Inputs"))
import networks
from measure import measure, useful

LSTM = {
    (512, 1): 670, (512, 3): 718, (512, 6): 790, (512, 8): 838, (512, 32): 1413,
    (1024, 1): 1958, (1024, 3): 2086, (1024, 6): 2278, (1024, 8): 2406, (1024, 32): 3941,
}
# Weights a cycle of four planes, demonstrated by Groq's LSTM or derived from it.
RATES = (
    ("Groq, demonstrated: 52 cycles a round", 7877),
    ("full ports, a pause of 12 cycles", 12800),
    ("ideal: 21 cycles a round", 19505),
)
TILE = 320 * 320
PORTS = 4 * 16 * 320


def table(*rows):
    head, *rest = rows
    print("| " + " | ".join(map(str, head)) + " |")
    print("| --- |" + " ---: |" * (len(head) - 1))
    for row in rest:
        print("| " + " | ".join(map(str, row)) + " |")
    print()


def by_hand(tools):
    """Cycles of CalibrationLstmTest, as it records them."""
    out = os.path.join(tools, "moert_lpu_tests")
    report = subprocess.run(
        [out, "--gtest_filter=Calibration/Lstm*", "--gtest_output=json:/dev/stderr"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True,
    ).stderr
    found = re.findall(r'H(\d+)B(\d+)".*?"cycles": "?(\d+)', report, re.DOTALL)
    return {(int(h), int(b)): int(cycles) for h, b, cycles in found}


def lstm(tools):
    hand = by_hand(tools)
    rows = [("H, batch", "Groq", "Groq's layout, simulated", "off", "our schedule", "of Groq's")]
    for (hidden, batch), published in LSTM.items():
        ours = measure(["lstm", hidden, batch], tools)["cycles"]
        copy = hand[hidden, batch]
        rows.append((
            f"{hidden}, {batch}", f"{published:,}", f"{copy:,}", f"{100 * copy / published - 100:+.1f} %",
            f"{ours:,}", f"{100 * ours / published:.0f} %",
        ))
    table(*rows)


def gemv(tools):
    rows = [("[1 x 4096] by [4096 x 4096]", "weights a cycle", "of the port")]
    for name, rate in RATES:
        rows.append((name, f"{rate:,}", f"{100 * rate / PORTS:.1f} %"))
    for name, words in (
        ("ours, int8, `tsp1-groq`", ["--machine", "tsp1-groq"]),
        ("ours, int8, `tsp1`", []),
        ("ours, 3.5 bits, `lpu-plus`", ["--trellis", "--machine", "lpu-plus"]),
    ):
        found = measure(["gemv", 4096, 4096, *words], tools)
        whole = 13 * 13 * TILE / found["cycles"]
        rows.append((
            f"{name}: {found['cycles']:,} cycles, {whole:,.0f} a cycle from start to end",
            f"{found['install'] / 100 * PORTS:,.0f}", f"{found['install']:.1f} %",
        ))
    table(*rows)


def gemm(tools):
    rows = [("[2304 x 4096] by [4096 x N]", "cycles", "planes busy", "useful")]
    for n in (1376, 2048, 3500):
        words = ["gemm", 2304, 4096, n]
        found = measure(words, tools)
        rows.append((
            f"N = {n:,}", f"{found['cycles']:,}", f"{found['planes']} %",
            f"{useful(words, found['cycles']):.1f} %",
        ))
    table(*rows)


def whole_networks():
    rows = [("estimate from products", "cycles", "published", "ratio")]
    for name, cycles, published in (
        ("ResNet-50", networks.resnet50(), 44100),
        ("BERT-base", networks.bert_base(), 117000),
    ):
        rows.append((name, f"{cycles:,}", f"{published:,}", f"{cycles / published:.2f}"))
    table(*rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="build folder")
    tools = os.path.join(parser.parse_args().build, "bin")
    lstm(tools)
    gemv(tools)
    gemm(tools)
    whole_networks()


if __name__ == "__main__":
    main()
