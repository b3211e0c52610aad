"""Compares accuracy and depth with those of an independent float64 decoder.

  check_tasks.py GOLDENS NAME=MODULE[:ARGUMENT...]...

NAME is a key of results.json, as threshold_0.90_full. Accuracy within one task,
depth within 0.01 layers; of fixed exits it is exact.
"""
import json
import os
import subprocess
import sys


def check(condition, *message):
    if not condition:
        sys.exit(" ".join(map(str, message)))


def evaluate(module, tasks, *arguments):
    command = ["moe-run", module, "--eval", tasks, "--json", "-t", "1", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE)
    check(done.returncode == 0, "exit code", done.returncode, "of", *command)
    return json.loads(done.stdout)


def main():
    goldens, pairs = sys.argv[1], sys.argv[2:]
    with open(os.path.join(goldens, "results.json"), encoding="utf-8") as file:
        expected = json.load(file)["tasks"]
    tasks = os.path.join(goldens, "eval_tasks.jsonl")
    for pair in pairs:
        name, run = pair.split("=")
        golden, got = expected[name], evaluate(*run.split(":")[:1], tasks, *run.split(":")[1:])
        print("%-26s %d of %d, golden %d; %.4f layers, golden %.4f" % (
            name, got["correct"], got["total"], golden["correct"], got["average_layers"],
            golden["average_layers"]), flush=True)
        check(got["total"] == golden["items"], got["total"], "items")
        check(abs(got["correct"] - golden["correct"]) <= 1, name, "is off by more than one item")
        allowed = 0 if name.startswith("exit_") else 0.01
        check(abs(got["average_layers"] - golden["average_layers"]) <= allowed, name, "is off by",
              got["average_layers"] - golden["average_layers"], "layers")
        heads = got["average_layers_with_heads"]
        check(heads > got["average_layers"], name, "heads cost nothing:", heads)


if __name__ == "__main__":
    main()
