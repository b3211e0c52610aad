"""Models of many shapes: on a GPU their logits have the bits of the CPU's.

usage: gpu_shapes.py FOLDER [--all | NAME...]

Runs each on the emulator with --exact, at one row, at a few and at many, with the
detector of races at work; compares logits bit by bit and tokens one by one.
"""
import json
import os
import pathlib
import subprocess
import sys

import numpy as np

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "utils"))
from random_model import make

EXPERTS = {"experts": 5, "layers": 2}
SHAPES = {
    # name: (scheme or None, shape)
    "plain": (None, {"inner": 96}),
    "elements-f32": (None, {"element": "f32", "inner": 40, "tied": True}),
    "elements-f16": (None, {"element": "f16", "inner": 40, "hidden": 72}),
    "experts": (None, EXPERTS),
    "experts-odd": (None, {**EXPERTS, "hidden": 36, "size": 10, "heads": 6, "key_heads": 3,
                           "expert_inner": 20, "vocabulary": 37}),
    "norms-of-heads": (None, {"head_norms": "head", "inner": 64, "size": 80, "heads": 2}),
    "norms-of-rows": (None, {"head_norms": "row", "inner": 64, "norm": "layer", "bias": True}),
    "window-and-clamp": (None, {"window": 5, "clamp": 0.75, "inner": 32}),
    "interleaved-rope": (None, {"rope_layout": "interleaved", "rope": 8, "inner": 32}),
    "shared-gate": (None, {**EXPERTS, "inner": 64, "shared_gate": True,
                           "activation": "gelu_tanh"}),
    "sigmoid-routes": (None, {**EXPERTS, "route": "sigmoid renormalize scale 2.5", "chosen": 3}),
    "chosen-softmax": (None, {**EXPERTS, "route": "softmax_selected scale 1.0"}),
    "q8": ("q8", {**EXPERTS, "inner": 96}),
    "q8-odd": ("q8", {**EXPERTS, "hidden": 100, "inner": 70, "expert_inner": 40,
                      "size": 20, "heads": 5, "key_heads": 1, "vocabulary": 70}),
    "q5": ("q5", {"inner": 128}),
    "q4": ("q4", {**EXPERTS, "hidden": 128, "expert_inner": 192}),
    "q4-32": ("q4-32", {**EXPERTS, "hidden": 96}),
    "q2": ("q2", {"inner": 128, "hidden": 128}),
    "q35": ("q35", {**EXPERTS, "hidden": 128, "expert_inner": 64}),
    "q35-odd": ("q35", {**EXPERTS, "hidden": 80, "inner": 200, "bias": True, "vocabulary": 90}),
    "q35-vq": ("q35-vq", {**EXPERTS, "hidden": 128}),
    "q35-radix11": ("q35-radix11", {"inner": 128, "hidden": 64}),
    "q35-4x3": ("q35-4x3", {**EXPERTS, "hidden": 128, "expert_inner": 128}),
    "mixed": ("experts:q4,attention:q8,mlp:q35", {**EXPERTS, "inner": 64}),
}
# What the tests of single kernels have as well.
COVERED = {"plain", "elements-f32", "elements-f16", "experts", "norms-of-heads", "q8", "q5", "q4",
           "q4-32", "q2", "q35", "q35-vq", "q35-radix11"}
PROMPTS = {"one": 1, "few": 3, "many": 41}


def run(*command, **environment):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          env={**os.environ, **environment})
    if done.returncode != 0:
        sys.exit("exit code %d of %s" % (done.returncode, " ".join(map(str, command))))
    return done.stdout


def check(folder, name, scheme, shape):
    source = folder / (name + ".mlir")
    source.write_text(make(**shape))
    modules = {}
    for target, flags in (("cpu", ["--cpu=x86-64-v3"]), ("gpu", ["--gpu-arch=emulator"])):
        modules[target] = folder / ("%s.%s.moe" % (name, target))
        quantize = ["--quantize=" + scheme] if scheme else []
        run("moe-compile", source, "--target=" + target, "-o", modules[target], *flags, *quantize)
    vocabulary = shape.get("vocabulary", 64)
    for kind, count in PROMPTS.items():
        tokens = ",".join(str((7 * i * i + 3 * i + 1) % vocabulary) for i in range(count))
        common = ["--tokens", tokens, "--exact", "-t", 1]
        logits, ids = {}, {}
        for target, module in modules.items():
            file = folder / ("%s.%s.%s.npy" % (name, target, kind))
            run("moe-run", module, *common, "--logits", file, MOERT_GPU_RACES="1")
            logits[target] = np.load(file)
            if kind == "few":
                text = run("moe-run", module, *common, "-n", 6, "--ignore-eos", "--json")
                ids[target] = json.loads(text)["tokens"]
        a, b = logits["cpu"], logits["gpu"]
        if a.shape != b.shape or not np.isfinite(a).all():
            sys.exit("%s, %s: logits %s and %s" % (name, kind, a.shape, b.shape))
        different = a.view(np.uint32) != b.view(np.uint32)
        if different.any():
            sys.exit("%s, %s rows: %d of %d logits differ, by up to %g of %g, first in row %d"
                     % (name, kind, different.sum(), different.size, np.abs(a - b).max(),
                        np.abs(a).max(), np.argwhere(different)[0][0]))
        if ids and ids["cpu"] != ids["gpu"]:
            sys.exit("%s: tokens %s on the CPU, %s on the GPU" % (name, ids["cpu"], ids["gpu"]))
    print(name, "ok", flush=True)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    names = sys.argv[2:] or [name for name in SHAPES if name not in COVERED]
    for name in SHAPES if names == ["--all"] else names:
        check(folder, name, *SHAPES[name])


main()
