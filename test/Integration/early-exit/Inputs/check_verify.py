"""Tokens that were drafted and verified are those of the full model.

  check_verify.py MODULE GOLDENS

On all golden prompts and 500 random ones, greedy and sampled with the same seed,
all together and one alone, at thresholds that are often wrong.
"""
import json
import os
import random
import subprocess
import sys

import numpy as np


def check(condition, *message):
    if not condition:
        sys.exit(" ".join(map(str, message)))


def run(module, prompts, *arguments):
    command = ["moe-run", module, "--json", "--stats", "-t", "1", "--ignore-eos"]
    for prompt in prompts:
        command += ["--tokens", ",".join(map(str, prompt))]
    done = subprocess.run(command + list(arguments), stdout=subprocess.PIPE)
    check(done.returncode == 0, "exit code", done.returncode, "of moe-run", *arguments)
    result = json.loads(done.stdout)
    return [one["tokens"] for one in result.get("results", [result])], result


def compare(module, prompts, *arguments, threshold, drafts="4"):
    expected, full = run(module, prompts, *arguments, "--no-exit")
    got, result = run(module, prompts, *arguments, "--exit-threshold", threshold, "--verify-drafts", drafts)
    check(len(got) == len(expected) == len(prompts), len(got), "results")
    for number, (one, other) in enumerate(zip(got, expected)):
        check(one == other, "prompt", number, prompts[number], "at", threshold, *arguments, "gives",
              one, "not", other)
    stats = result["stats"]
    check(full["average_layers"] == result["average_layers"] == 6, "layers", full, result)
    check(full["stats"].get("drafts", 0) == 0, "drafts without exits:", full["stats"])
    check(stats["drafts_accepted"] > 0, "no draft is right:", stats)
    wrong = stats["drafts"] - stats["drafts_accepted"]
    check(wrong > 0 or float(threshold) > 0.3, "no draft is wrong:", stats)
    print("%3d prompts, %s at %s: the same tokens, %d of %d drafts accepted in %d checks" % (
        len(prompts), " ".join(arguments), threshold, stats["drafts_accepted"], stats["drafts"],
        stats["draft_checks"]), flush=True)
    return expected


def main():
    module, goldens = sys.argv[1:]
    golden = [np.load(os.path.join(goldens, "prompt%d_ids.npy" % i)).tolist() for i in range(8)]
    chance = random.Random(5)
    others = [[chance.randrange(3, 2048) for _ in range(chance.randint(1, 12))] for _ in range(500)]
    sampled = ("--temp", "0.8", "--top-k", "40", "--seed", "11")
    for threshold in ("0.6", "0.3"):
        compare(module, golden, "-n", "64", threshold=threshold)
        compare(module, golden, "-n", "48", *sampled, threshold=threshold)
        compare(module, golden, "-n", "24", threshold=threshold, drafts="1")
    compare(module, golden, "-n", "24", threshold="0.3", drafts="16")
    compare(module, others, "-n", "10", threshold="0.4")
    compare(module, others, "-n", "10", *sampled, threshold="0.4")
    # Where it is left to measurements whether drafts pay, which begin after 72 tokens.
    expected, _ = run(module, golden[3:4], "-n", "160", "--no-exit")
    alone, result = run(module, golden[3:4], "-n", "160", "--exit-threshold", "0.3")
    check(alone == expected, "alone:", alone[0], "not", expected[0])
    check(result["stats"]["drafts"] > 0, "nothing was drafted:", result["stats"])


if __name__ == "__main__":
    main()
