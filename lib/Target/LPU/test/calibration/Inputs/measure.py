"""Schedules a workload, runs it on the simulator with random contents, and holds the
result against bounds: exits with 1 and says both numbers where one is not kept.

  measure.py [bounds] workload ...      as workload.py
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

WORKLOAD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "workload.py")
PASSES = ["--lpu-assign-layout", "--lpu-schedule", "--lpu-form-queues"]


def measure(workload, tools=""):
    """Cycles and shares in percent, of a workload given as words."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "program.lpu")
        text = subprocess.run(
            [sys.executable, WORKLOAD, *map(str, workload)], check=True, stdout=subprocess.PIPE
        ).stdout
        subprocess.run(
            [os.path.join(tools, "moe-opt"), "-", *PASSES, f"--lpu-assemble=output={program}"],
            input=text,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        out = subprocess.run(
            [os.path.join(tools, "moert_lpu_run"), program],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
    found = re.match(
        r"predicted (\d+), simulated (\d+) cycles\n"
        r"install ports ([\d.]+) % of \d+ cycles of loading\n"
        r"matrix planes ([\d.]+) % of \d+ cycles of feeding, ([\d.]+) % of all\n",
        out,
    )
    names = ("predicted", "cycles", "install", "feeding", "planes")
    return dict(zip(names, (float(g) if "." in g else int(g) for g in found.groups())))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--at-most", type=int, help="cycles")
    parser.add_argument("--install-at-least", type=float, help="percent, while weights stream")
    parser.add_argument("--useful-at-least", type=float, help="gemm: percent of multiplications")
    parser.add_argument("workload", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    try:
        found = measure(options.workload)
    except subprocess.CalledProcessError:
        return 1  # the tool has said why
    print(options.workload, found)
    wrong = []
    if found["predicted"] != found["cycles"]:
        wrong.append(f"predicted {found['predicted']} cycles, simulated {found['cycles']}")
    if options.at_most is not None and found["cycles"] > options.at_most:
        wrong.append(f"{found['cycles']} cycles, at most {options.at_most} are allowed")
    if options.install_at_least is not None and found["install"] < options.install_at_least:
        wrong.append(f"install ports {found['install']} %, below {options.install_at_least} %")
    if options.useful_at_least is not None:
        share = useful(options.workload, found["cycles"])
        if share < options.useful_at_least:
            wrong.append(f"{share:.1f} % useful, below {options.useful_at_least} %")
    for line in wrong:
        print(f"error: {' '.join(options.workload)}: {line}", file=sys.stderr)
    return 1 if wrong else 0


def useful(workload, cycles):
    """Percent of the 409,600 multipliers that were at work for the product itself, not
    for what fills tiles."""
    m, k, n = (int(word) for word in workload[1:4])
    return 100 * m * k * n / (409600 * cycles)


if __name__ == "__main__":
    sys.exit(main())
