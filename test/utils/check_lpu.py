"""Compares a module for the LPU with one of the same weights for the CPU.

  check_lpu.py CPU.moe LPU.moe GOLDENS [--prompts 0,1,2] [--tokens 50] [--most-cycles N]
               [--leaving]

Greedy tokens of golden prompts must be the same ones. Every run must take the cycles
that the compiler predicted, each token as many as any other; or, where tokens leave
early, they must leave behind as many layers in both.
"""
import argparse
import json
import os
import subprocess
import sys

import numpy as np


def run(module, ids, tokens):
    command = ["moe-run", module, "--tokens", ids, "-n", str(tokens),
               "--ignore-eos", "-t", "1", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit("exit code %d of %s" % (done.returncode, " ".join(command)[:500]))
    return json.loads(done.stdout)


def check(condition, *message):
    if not condition:
        sys.exit(" ".join(map(str, message)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("cpu")
    parser.add_argument("lpu")
    parser.add_argument("goldens")
    parser.add_argument("--prompts", default="0,1,2,3")
    parser.add_argument("--tokens", type=int, default=50)
    parser.add_argument("--most-cycles", type=float, default=float("inf"),
                        help="that a token may take")
    parser.add_argument("--leaving", action="store_true",
                        help="tokens may leave early")
    options = parser.parse_args()
    compared, perToken = 0, set()
    for prompt in options.prompts.split(","):
        path = os.path.join(options.goldens, "prompt%s_ids.npy" % prompt)
        ids = ",".join(map(str, np.load(path)))
        cpu = run(options.cpu, ids, options.tokens)
        lpu = run(options.lpu, ids, options.tokens)
        check(len(cpu["tokens"]) == options.tokens, "prompt", prompt, "gives",
              len(cpu["tokens"]), "tokens")
        same = [a == b for a, b in zip(cpu["tokens"], lpu["tokens"])]
        check(cpu["tokens"] == lpu["tokens"], "prompt", prompt,
              "differs from token", (same + [False]).index(False), "on:", cpu["tokens"],
              "on the CPU,", lpu["tokens"], "on the LPU")
        check(lpu["simulated_cycles"] == lpu["predicted_cycles"] > 0, "prompt", prompt,
              "took", lpu["simulated_cycles"], "cycles, predicted were",
              lpu["predicted_cycles"])
        perToken.add(lpu["cycles_per_token"])
        check(cpu["average_layers"] == lpu["average_layers"], "prompt", prompt, "runs",
              cpu["average_layers"], "layers a token on the CPU,",
              lpu["average_layers"], "on the LPU")
        compared += len(same)
    check(options.leaving or len(perToken) == 1, "tokens take different cycles:",
          sorted(perToken))
    cycles = max(perToken)
    check(cycles <= options.most_cycles, "a token takes", cycles, "cycles, at most",
          options.most_cycles, "are allowed")
    print("%d tokens alike, %g cycles each at most, %.0f tokens/s" %
          (compared, cycles, lpu["device_decode_tokens_per_second"]))


main()
