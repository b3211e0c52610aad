"""Compares a model on the emulator of GPUs with the same on the CPU.

  check_gpu.py WORK INPUT [--tokens IDS | --prompts FILE...] [-n N] [--fast]
               [--compile=FLAG...] [--run=FLAG...]

Compiles INPUT for both with the same flags. With --exact on both, logits of the prompt have
the same bits and generated tokens are the same ones. With --fast the GPU runs without
--exact: logits may differ by 1e-4 of the largest, tokens are the same ones but where the
CPU's two best logits are closer than that, which is said. Prints what was alike.
"""
import argparse
import json
import os
import subprocess
import sys

import numpy as np


def run(*command):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit("exit code %d of %s" % (done.returncode, " ".join(map(str, command))[:600]))
    return done.stdout


def generate(module, ids, options, more):
    out = run("moe-run", module, "--tokens", ids, "-n", options.n, "--ignore-eos", "-t", 1,
              "--json", *options.run, *more)
    return json.loads(out)


def logits_of(module, ids, file, options, more):
    run("moe-run", module, "--tokens", ids, "-n", 0, "--logits", file, "-t", 1, *options.run, *more)
    return np.load(file)


def first_difference(a, b):
    return next(i for i in range(max(len(a), len(b))) if a[i:i + 1] != b[i:i + 1])


def is_tie(cpu, ids, tokens, place, file, options):
    """Whether the CPU's two best logits at this place are as close as --fast may be off."""
    so_far = ",".join([ids] + [str(t) for t in tokens[:place]])
    last = np.sort(logits_of(cpu, so_far, file, options, ["--exact"])[-1])
    return last[-1] - last[-2] <= 2e-4 * np.abs(last).max()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work")
    parser.add_argument("input")
    parser.add_argument("--tokens", default="1,17,4,33,8,2,25,9,30")
    parser.add_argument("--prompts", nargs="*", default=[], help=".npy files of ids")
    parser.add_argument("-n", type=int, default=8)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--compile", action="append", default=[])
    parser.add_argument("--run", action="append", default=[])
    parser.add_argument("--no-logits", action="store_true")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    cpu, gpu = (os.path.join(options.work, name + ".moe") for name in ("cpu", "gpu"))
    run("moe-compile", options.input, "-o", cpu, "--cpu=x86-64-v3", *options.compile)
    run("moe-compile", options.input, "-o", gpu, "--target=gpu", "--gpu-arch=emulator",
        *options.compile)
    prompts = [options.tokens]
    if options.prompts:
        prompts = [",".join(map(str, np.load(file))) for file in options.prompts]
    mode = [] if options.fast else ["--exact"]
    compared, farthest = 0, 0.0
    for ids in prompts:
        if not options.no_logits:
            a = logits_of(cpu, ids, cpu + ".npy", options, ["--exact"])
            b = logits_of(gpu, ids, gpu + ".npy", options, mode)
            if a.shape != b.shape or not np.isfinite(a).all():
                sys.exit("logits %s and %s" % (a.shape, b.shape))
            farthest = max(farthest, np.abs(a - b).max() / np.abs(a).max())
            if not options.fast and (a.view(np.uint32) != b.view(np.uint32)).any():
                sys.exit("logits differ, by up to %g of the largest" % farthest)
            if farthest > 1e-4:
                sys.exit("logits differ by %g of the largest" % farthest)
        a, b = generate(cpu, ids, options, ["--exact"]), generate(gpu, ids, options, mode)
        if a["tokens"] != b["tokens"]:
            place = first_difference(a["tokens"], b["tokens"])
            if not options.fast or not is_tie(cpu, ids, a["tokens"], place, cpu + ".npy", options):
                sys.exit("token %d: %s on the CPU, %s on the GPU" % (place, a["tokens"], b["tokens"]))
            print("a tie at token %d" % place)
            compared += place
            continue
        compared += len(a["tokens"])
        for key in ("average_layers", "exit_histogram"):
            if a.get(key) != b.get(key):
                sys.exit("%s: %s on the CPU, %s on the GPU" % (key, a.get(key), b.get(key)))
    print("%d tokens alike, logits differ by %.1e of the largest at most" % (compared, farthest))


main()
