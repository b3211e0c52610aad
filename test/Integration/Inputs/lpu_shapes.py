"""Models of odd shapes: their logits on the LPU are those of the CPU.

usage: lpu_shapes.py FOLDER

One layer without experts, whose choice would turn a last bit into another row:
what is left are bits of f32, and now and then a level that rounds the other way.
"""
import math
import pathlib
import subprocess
import sys

import numpy as np

SHAPES = {
    # name: (scheme, hidden, heads, key heads, size of a head, inner, norms of q and k)
    "hidden-over-a-vector": ("q8", 384, 4, 2, 32, 96, "head"),
    "heads-over-a-vector": ("q8", 64, 6, 2, 80, 64, "none"),
    "head-of-20": ("q8", 64, 4, 1, 20, 64, "head"),
    "norm-of-shared-keys": ("q8", 64, 4, 2, 16, 64, "row"),
    "groups-over-vectors": ("q35-4x3", 64, 4, 4, 16, 512, "none"),
    "odd-width": ("q4", 100, 3, 3, 24, 330, "none"),
}
TOKENS = "3,1,4,1,5,9,2,6,5,3,5,8,9,7"


def rows(features):
    return f"tensor<?x{features}xf32>"


def model(hidden, heads, key_heads, size, inner, norms, vocabulary=40):
    weights, body = [], []

    def weight(name, *shape, scale=None):
        scale = scale or 1.5 / math.sqrt(shape[-1])
        kind = "x".join(map(str, shape)) + ("xf32" if len(shape) == 1 else "xbf16")
        weights.append(f"  moe.weight @{name} : tensor<{kind}> from "
                       f"[#moe.random<{len(weights) + 1}, {scale} : f32>]")

    q, k = heads * size, key_heads * size
    kv = f"!moe.kv<1 x {key_heads} x {size} x f32>"
    weight("embed", vocabulary, hidden, scale=0.7)
    for name, *shape in [("n1", hidden), ("q", q, hidden), ("k", k, hidden),
                         ("v", k, hidden), ("o", hidden, q), ("n2", hidden),
                         ("g", inner, hidden), ("u", inner, hidden),
                         ("d", hidden, inner), ("n3", hidden),
                         ("head", vocabulary, hidden)]:
        weight(name, *shape, scale=1.0 if len(shape) == 1 else None)
    body.append(f"%x = moe.embed %tokens by @embed : tensor<?xi32> -> {rows(hidden)}")
    body.append(f"%h = moe.norm rms %x by @n1 epsilon 1.0e-05 groups 1 : {rows(hidden)}")
    for name, features, count in (("q", q, heads), ("k", k, key_heads), ("v", k, 0)):
        body.append(f"%{name}0 = moe.linear %h by @{name} : {rows(hidden)} -> {rows(features)}")
        if count and norms != "none":
            groups = count if norms == "head" else 1
            weight(f"{name}n", features // groups, scale=1.0)
            body.append(f"%{name}1 = moe.norm rms %{name}0 by @{name}n epsilon 1.0e-06 "
                        f"groups {groups} : {rows(features)}")
    last = "0" if norms == "none" else "1"
    body += [
        f"%s = moe.kv_append %k{last}, %v0 into %kv layer 0 at %sequences, %positions"
        f" : {rows(k)}, tensor<?xi32>, {kv}",
        f"%a = moe.attention %q{last} over %s layer 0 at %sequences, %positions heads {heads}"
        f" scale {1 / math.sqrt(size)} : {rows(q)}, tensor<?xi32>, {kv}",
        f"%o = moe.linear %a by @o : {rows(q)} -> {rows(hidden)}",
        f"%c = moe.clamp %o to 0.5 : {rows(hidden)}",
        f"%y = moe.add %x, %c : {rows(hidden)}",
        f"%m = moe.norm rms %y by @n2 epsilon 1.0e-05 groups 1 : {rows(hidden)}",
        f"%e = moe.mlp %m gate @g up @u down @d silu : {rows(hidden)}",
        f"%z = moe.add %y, %e : {rows(hidden)}",
        f"%f = moe.norm rms %z by @n3 epsilon 1.0e-05 groups 1 : {rows(hidden)}",
        f"%w = moe.pick %f rows %wanted : {rows(hidden)}, tensor<?xi32> -> {rows(hidden)}",
        f"%logits = moe.linear %w by @head : {rows(hidden)} -> {rows(vocabulary)}",
        f"return %logits, %s : {rows(vocabulary)}, {kv}"]
    sides = ", ".join(f"%{n}: tensor<?xi32>"
                      for n in ("tokens", "sequences", "positions", "wanted"))
    return "\n".join(
        [f'moe.model @m family "null" context 16 vocabulary {vocabulary} from "." {{', *weights,
         f"  func.func @forward({sides}, %kv: {kv}) -> ({rows(vocabulary)}, {kv}) {{",
         *body, "  }", "}", ""])


def logits(folder, name, scheme, *flags):
    module, result = folder / f"{name}.moe", folder / f"{name}.npy"
    subprocess.run(["moe-compile", folder / "model.mlir", f"--quantize={scheme}", "-o", module,
                    *flags], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["moe-run", module, "--tokens", TOKENS, "-n", "1", "--temp", "0", "--logits",
                    result, "--json"], check=True, stdout=subprocess.DEVNULL)
    return np.load(result)


def main():
    for name, (scheme, *shape) in SHAPES.items():
        folder = pathlib.Path(sys.argv[1]) / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.mlir").write_text(model(*shape))
        cpu = logits(folder, "cpu", scheme, "--cpu=x86-64-v3")
        lpu = logits(folder, "lpu", scheme, "--target=lpu")
        off = np.abs(cpu - lpu).max(axis=1) / np.abs(cpu).max()
        # Most rows have no level that rounds the other way.
        assert np.median(off) < 1e-5 and off.max() < 0.05, (name, off)
        print(f"{name}: {off.max():.1e}")


main()
