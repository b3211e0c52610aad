"""What a quantised module loses against the one that it was made from.

  check_quality.py REFERENCE MODULE --goldens DIR --ratio X --kl X --accuracy X [--below MODULE]

Perplexity of the start of the held-out text: at most X times the reference's,
and less than that of the module behind --below, as is the KL divergence, in nats
per token, which is at most X. Exact-match accuracy: at least X of that which the
goldens have.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

WINDOW = "256"


def run(module, *arguments):
    # One thread: other tests have the other processors.
    command = ["moe-run", module, "--json", "-t", "1", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit("exit code %d of moe-run %s %s" % (done.returncode, module, arguments))
    return json.loads(done.stdout)


def check(condition, *message):
    if not condition:
        sys.exit(" ".join(map(str, message)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("reference")
    parser.add_argument("module")
    parser.add_argument("--goldens", required=True)
    for limit in ("ratio", "kl", "accuracy"):
        parser.add_argument("--" + limit, type=float, required=True)
    parser.add_argument("--below")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text, logits = (os.path.join(folder, name) for name in ("text", "logits.npy"))
        with open(os.path.join(a.goldens, "heldout.txt"), "rb") as file:
            start = file.read(60000)
        with open(text, "wb") as file:
            file.write(start)
        perplexity = ["--perplexity", text, "--window", WINDOW]
        reference = run(a.reference, *perplexity, "--save-logits", logits)
        result = run(a.module, *perplexity, "--kl-reference", logits)
        other = run(a.below, *perplexity, "--kl-reference", logits) if a.below else None
    tasks = os.path.join(a.goldens, "eval_tasks.jsonl")
    exact = run(a.module, "--eval", tasks)
    with open(tasks, encoding="utf-8") as lines:
        expected = sum(json.loads(line)["correct"] for line in lines)

    ratio = result["perplexity"] / reference["perplexity"]
    accuracy = exact["correct"] / expected
    print("perplexity %.4f = %.4f times; KL %.5f +- %.5f; top-1 %.2f %%; exact %d of %d = %.4f times"
          % (result["perplexity"], ratio, result["kl_divergence"],
             result["kl_divergence_standard_error"], 100 * result["top1_agreement"],
             exact["correct"], exact["total"], accuracy))
    check(result["tokens"] == reference["tokens"], result["tokens"], "tokens")
    check(ratio <= a.ratio, "perplexity is", ratio, "times the reference's, at most", a.ratio)
    # Another model than the reference, and not by much.
    check(0 < result["kl_divergence"] <= a.kl, "KL is", result["kl_divergence"], "at most", a.kl)
    check(accuracy >= a.accuracy, "accuracy is", accuracy, "times the reference's, at least",
          a.accuracy)
    if other:
        for key in ("perplexity", "kl_divergence"):
            print("the other module: %s %.5f" % (key, other[key]))
            check(result[key] < other[key], key, result[key], "is not below", other[key])


if __name__ == "__main__":
    main()
