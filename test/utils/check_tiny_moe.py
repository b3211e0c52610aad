"""Compares a compiled models/tiny-moe with its float64 goldens.

  check_tiny_moe.py WHAT MODULE GOLDENS [options]

WHAT is one of
  logits      every position of every prompt, within 2e-3
  greedy      64 tokens of every prompt; a first difference is excused only
              where the golden margin is below 1e-3
  batch       all prompts in one run give what each gives alone
  tokenizer   every string of goldens/tokenizer.json
  perplexity  of heldout.txt, within 0.1 %
  eval        per task within one item of the reference
"""
import argparse
import collections
import json
import math
import os
import subprocess
import sys
import tempfile

import numpy as np


class Goldens:
    def __init__(self, module, directory, options):
        self.module, self.directory, self.options = module, directory, options
        self.prompts = range(len(self.json("index.json")["prompts"]))

    def json(self, name):
        with open(os.path.join(self.directory, name), encoding="utf-8") as file:
            return json.load(file)

    def array(self, prompt, what):
        return np.load(os.path.join(self.directory, "prompt%d_%s.npy" % (prompt, what)))

    def ids(self, prompt):
        return ",".join(map(str, self.array(prompt, "ids")))

    def run(self, *arguments):
        command = ["moe-run", self.module, *arguments, *self.options]
        done = subprocess.run(command, stdout=subprocess.PIPE)
        if done.returncode != 0:
            sys.exit("exit code %d of %s" % (done.returncode, " ".join(command)[:500]))
        return done.stdout

    def run_json(self, *arguments):
        return json.loads(self.run(*arguments, "--json"))


def check(condition, *message):
    if not condition:
        sys.exit(" ".join(map(str, message)))


def logits(goldens):
    with tempfile.TemporaryDirectory() as folder:
        for prompt in goldens.prompts:
            file = os.path.join(folder, "logits.npy")
            goldens.run("--tokens", goldens.ids(prompt), "--logits", file)
            got, expected = np.load(file), goldens.array(prompt, "logits")
            check(got.dtype == np.float32, "elements of", got.dtype)
            check(got.shape == expected.shape, "shape", got.shape, "not", expected.shape)
            difference = np.abs(got - expected).max()
            print("prompt %d: %d tokens, largest difference %.2e" % (prompt, len(got), difference))
            check(difference <= 2e-3, "prompt", prompt, "differs by", difference)


def compare_greedy(prompt, got, goldens):
    expected, margin = goldens.array(prompt, "greedy64"), goldens.array(prompt, "greedy64_margin")
    check(len(got) == len(expected), "prompt", prompt, "has", len(got), "tokens")
    different = np.nonzero(np.array(got) != expected)[0]
    if len(different) == 0:
        print("prompt %d: the same 64 tokens" % prompt)
        return
    step = different[0]
    print("prompt %d: differs from token %d on, margin %.2e" % (prompt, step, margin[step]))
    check(margin[step] < 1e-3, "prompt", prompt, "differs at token", step)


GREEDY = ["-n", "64", "--temp", "0", "--ignore-eos"]


def greedy(goldens):
    for prompt in goldens.prompts:
        result = goldens.run_json("--tokens", goldens.ids(prompt), *GREEDY)
        check(result["prompt_tokens"] == list(goldens.array(prompt, "ids")), "prompt_tokens")
        compare_greedy(prompt, result["tokens"], goldens)


def batch(goldens):
    arguments = []
    for prompt in goldens.prompts:
        arguments += ["--tokens", goldens.ids(prompt)]
    together = goldens.run_json(*arguments, *GREEDY)["results"]
    check(len(together) == len(goldens.prompts), len(together), "results")
    for prompt, result in zip(goldens.prompts, together):
        alone = goldens.run_json("--tokens", goldens.ids(prompt), *GREEDY)
        check(result["tokens"] == alone["tokens"], "prompt", prompt, "is not what it is alone")
        check(result["text"] == alone["text"], "text of prompt", prompt)
    print("%d prompts: together as alone" % len(together))


def tokenizer(goldens):
    strings = [entry for entry in goldens.json("tokenizer.json") if entry["text"]]
    # A command line has no room for NUL: those come from a file.
    plain = [entry for entry in strings if "\0" not in entry["text"]]
    found = goldens.run_json("-n", "0", *("--prompt=" + e["text"] for e in plain))["results"]
    with tempfile.TemporaryDirectory() as folder:
        for entry in strings:
            if entry not in plain:
                file = os.path.join(folder, "text")
                with open(file, "w", encoding="utf-8", newline="") as out:
                    out.write(entry["text"])
                plain.append(entry)
                found.append(goldens.run_json("-n", "0", "--file", file))
    check(len(found) == len(strings), len(found), "results of", len(strings))
    for entry, result in zip(plain, found):
        check(result["prompt_tokens"] == entry["ids"], repr(entry["text"]), "gives",
              result["prompt_tokens"], "not", entry["ids"])
    print("%d strings: the same tokens" % len(strings))


def perplexity(goldens):
    expected = goldens.json("results.json")["perplexity"]
    result = goldens.run_json("--perplexity", os.path.join(goldens.directory, "heldout.txt"),
                              "--window", str(expected["window"]))
    reference = math.exp(expected["nll_per_token"][-1])
    print("perplexity %.5f, reference %.5f" % (result["perplexity"], reference))
    check(result["tokens"] == expected["tokens_scored"], result["tokens"], "tokens scored, not",
          expected["tokens_scored"])
    check(abs(result["perplexity"] / reference - 1) <= 1e-3, "differs by more than 0.1 %")


def evaluate(goldens):
    file = os.path.join(goldens.directory, "eval_tasks.jsonl")
    correct, total = collections.Counter(), collections.Counter()
    with open(file, encoding="utf-8") as lines:
        for item in map(json.loads, lines):
            correct[item["task"]] += item["correct"]
            total[item["task"]] += 1
    result = goldens.run_json("--eval", file)
    tasks = result["tasks"]
    check(set(tasks) == set(total), "tasks", sorted(tasks))
    for task in sorted(total):
        got = tasks[task]
        print("%-20s %3d of %3d, reference %3d" % (task, got["correct"], got["total"], correct[task]))
        check(got["total"] == total[task], task, "has", total[task], "items")
        check(abs(got["correct"] - correct[task]) <= 1, task, "is off by more than one item")
    mean = sum(t["correct"] for t in tasks.values()) / sum(total.values())
    check(abs(result["accuracy"] - mean) < 1e-6, "accuracy", result["accuracy"], "is not", mean)
    check(result["average_layers"] == 6, "average_layers", result["average_layers"])


def main():
    checks = {"logits": logits, "greedy": greedy, "batch": batch, "tokenizer": tokenizer,
              "perplexity": perplexity, "eval": evaluate}
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=checks)
    parser.add_argument("module")
    parser.add_argument("goldens")
    a, options = parser.parse_known_args()
    checks[a.what](Goldens(a.module, a.goldens, options))


if __name__ == "__main__":
    main()
