"""Takes a tiny random checkpoint the whole way and compares at every station.

  check_family.py WORK [--only model] -- arguments of make_checkpoint.py

1. `moe-compile --compile-to=model | moe-opt --moe-evaluate`: the logits are
   those of reference_model.py, and so are the experts that every sparse layer
   chooses, in the same order, with the same weights.
2. `moe-compile` and `moe-run --tokens --logits`: the logits are within what
   float32 arithmetic costs.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
TOKENS = [3, 141, 59, 26, 53, 58, 97, 93, 238, 46, 26, 43, 38, 32, 79, 50, 28, 84, 197, 0]
ORACLE, COMPILED = 1e-6, 1e-5  # of the logits' largest magnitude


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=120, **options)
    if done.returncode != 0:
        sys.exit("exit code %d of %s" % (done.returncode, " ".join(command)))
    return done.stdout


def compare(what, got, expected, limit):
    if got.shape != expected.shape:
        sys.exit("%s: shape %s, not %s" % (what, got.shape, expected.shape))
    difference = np.abs(got.astype(np.float64) - expected).max()
    bound = limit * max(1.0, np.abs(expected).max())
    print("%s: largest difference %.2e, limit %.2e" % (what, difference, bound))
    if not difference <= bound:
        sys.exit("%s: differs" % what)


def routing_function(ir):
    """@routes: @forward on constant tokens, returning what every moe.route chose."""
    n = len(TOKENS)
    text = re.search(r"func\.func @forward\(.*?\n    }", ir, re.S).group(0)
    text = text.replace("tensor<?x", "tensor<%dx" % n)
    arguments = re.search(r"@forward\((.*?)\)\s*->", text, re.S).group(1)
    names = re.findall(r"(%[\w.$-]+):", arguments)
    kv = re.search(r"!moe\.kv<.*?>", arguments).group(0)
    body = text[text.index("{\n") + 2 : text.rindex("return ")].rstrip()
    values, types = [], []
    for a, b, k in re.findall(r"(%[\w.$-]+), (%[\w.$-]+) = moe\.route .*? top (\d+) ", body):
        values += [a, b]
        types += ["tensor<%dx%sxi32>" % (n, k), "tensor<%dx%sxf32>" % (n, k)]
    if not values:  # "%ids:2 = moe.route" names both results at once
        for a, k in re.findall(r"(%[\w.$-]+):2 = moe\.route .*? top (\d+) ", body):
            values += [a + "#0", a + "#1"]
            types += ["tensor<%dx%sxi32>" % (n, k), "tensor<%dx%sxf32>" % (n, k)]
    rows = list(range(n))
    constants = "".join(
        "%s = arith.constant dense<%s> : tensor<%dxi32>\n" % (name, v, n)
        for name, v in zip(names, (TOKENS, [0] * n, rows, rows)))
    function = "func.func @routes(%s: %s) -> (%s) {\n%s%s\nreturn %s : %s\n}\n" % (
        names[4], kv, ", ".join(types), constants, body, ", ".join(values), ", ".join(types))
    return ir.replace("func.func @forward(", function + "func.func @forward(", 1)


def check_routes(ir, model):
    out = run(["moe-opt", "--moe-evaluate=function=routes", "-o", os.devnull],
              input=routing_function(ir))
    lines = re.findall(r"^(i32|f32) (\d+)x(\d+): (.*)$", out, re.M)
    if len(lines) != 2 * len(model.chosen):
        sys.exit("%d results of %d routers" % (len(lines), len(model.chosen)))
    for layer, (ids, weights) in enumerate(zip(model.chosen, model.chosen_weights)):
        got = np.array(lines[2 * layer][3].split(), float).reshape(ids.shape)
        if not (got == ids).all():
            sys.exit("sparse layer %d: experts %s, not %s" % (layer, got, ids))
        got = np.array(lines[2 * layer + 1][3].split(), float).reshape(ids.shape)
        compare("weights of sparse layer %d" % layer, got, weights, 1e-6)
    print("experts: the same in %d choices" % sum(c.size for c in model.chosen))


def main():
    sys.path.insert(0, HERE)
    import reference_model

    split = sys.argv.index("--")
    parser = argparse.ArgumentParser()
    parser.add_argument("work")
    parser.add_argument("--only", choices=["model"], help="leave out the compiled module")
    a = parser.parse_args(sys.argv[1:split])
    shutil.rmtree(a.work, ignore_errors=True)
    checkpoint = os.path.join(a.work, "checkpoint")
    run([sys.executable, os.path.join(HERE, "make_checkpoint.py"), checkpoint] + sys.argv[split + 1:])

    model = reference_model.Model(checkpoint)
    expected = model.forward(TOKENS)
    tokens = ",".join(map(str, TOKENS))
    logits = os.path.join(a.work, "logits.npy")

    ir = run(["moe-compile", checkpoint, "--compile-to=model"])
    run(["moe-opt", "--moe-evaluate=tokens=%s logits=%s" % (tokens, logits), "-o", os.devnull],
        input=ir)
    compare("evaluated logits", np.load(logits), expected, ORACLE)
    if model.chosen:
        check_routes(ir, model)
    if a.only == "model":
        return

    os.remove(logits)
    module = os.path.join(a.work, "module.moe")
    run(["moe-compile", checkpoint, "-o", module])
    run(["moe-run", module, "--tokens", tokens, "--logits", logits])
    got = np.load(logits)
    if got.dtype != np.float32:
        sys.exit("logits are %s, not float32" % got.dtype)
    compare("logits of the module", got, expected, COMPILED)


if __name__ == "__main__":
    main()
