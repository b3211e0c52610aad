"""Logits of a light head are as good as those of the whole head.

  check_light.py same GOLDENS FULL LIGHT    where all tokens leave behind 1, 2, 4 layers
  check_light.py waiting GOLDENS FULL LIGHT  where rows wait behind 2; LIGHT's are drafts
"""
import json
import os
import random
import subprocess
import sys
import tempfile

import numpy as np


def check(condition, *message):
    if not condition:
        sys.exit(" ".join(map(str, message)))


def run(module, *arguments):
    command = ["moe-run", module, "--json", "--stats", "-t", "1", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE)
    check(done.returncode == 0, "exit code", done.returncode, "of", *command)
    return json.loads(done.stdout)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def leaving(folder, layers):
    """All tokens leave there, whatever their scores."""
    path = os.path.join(folder, "replay%d.json" % layers)
    with open(path, "w", encoding="utf-8") as file:
        json.dump([layers], file)
    return "--exit-replay=" + path


def compare_tasks(goldens, full, light, layers):
    """Greedy: each answer to each task, token by token."""
    tasks = os.path.join(goldens, "eval_tasks.jsonl")
    tokens, stats = [], []
    with tempfile.TemporaryDirectory() as folder:
        for module in (full, light):
            record = os.path.join(folder, "exits.jsonl")
            stats.append(run(module, "--eval", tasks, "--record-exits=" + record,
                             leaving(folder, layers))["stats"])
            with open(record, encoding="utf-8") as file:
                tokens.append([(line["request"], line["token"], line["layers"])
                               for line in map(json.loads, file)])
    check(tokens[0] == tokens[1], light, "has other tokens, the first are",
          [pair for pair in zip(*tokens) if pair[0] != pair[1]][:3])
    check(all(line[2] == layers for line in tokens[1]), "not all leave after", layers)
    left, certain, unsure = len(tokens[1]), stats[1]["exit_certain"], stats[1]["exit_unsure"]
    print("after %d: the same %d tokens, %d certain, %d not, %.2f of the bytes" % (
        layers, left, certain, unsure, stats[1]["exit_bytes"] / stats[0]["exit_bytes"]))
    check(certain + unsure == left, certain, "certain,", unsure, "not, of", left)
    check(certain > 0.9 * left, "only", certain, "of", left, "are certain")
    check(unsure > 0, "the whole head was never run")
    check(stats[1]["exit_bytes"] < 0.6 * stats[0]["exit_bytes"], "a light head reads", stats)


def prompts_of(goldens):
    """Of the goldens, and some that make no sense, which are unsure."""
    all = [np.load(os.path.join(goldens, "prompt%d_ids.npy" % i)).tolist() for i in range(8)]
    chance = random.Random(5)
    all += [[chance.randrange(3, 2048) for _ in range(chance.randint(1, 12))] for _ in range(20)]
    return [part for prompt in all for part in ("--tokens", ",".join(map(str, prompt)))]


def compare_prompts(goldens, full, light, *arguments, whole):
    with tempfile.TemporaryDirectory() as folder:
        results = [run(module, *prompts_of(goldens), "--ignore-eos", leaving(folder, 2), *arguments)
                   for module in (full, light)]
    tokens = [[one["tokens"] for one in result["results"]] for result in results]
    check(tokens[0] == tokens[1], light, *arguments, "gives other tokens")
    certain, unsure = (results[1]["stats"][key] for key in ("exit_certain", "exit_unsure"))
    print("%s: the same tokens, %d certain, %d not" % (" ".join(arguments), certain, unsure))
    check((certain == 0) == whole and unsure > 0, certain, "certain,", unsure, "not")


def compare_whole(goldens, full, light):
    """Whoever looks at more than the best word gets all of the head."""
    with tempfile.TemporaryDirectory() as folder:
        text = os.path.join(folder, "text.txt")
        with open(text, "wb") as file:
            file.write(read(os.path.join(goldens, "heldout.txt"))[:4000])
        results = [run(module, "--perplexity", text, "--exit-threshold", "0") for module in (full, light)]
        check(results[0]["perplexity"] == results[1]["perplexity"], "perplexities", results)
        check(results[1]["stats"]["exit_certain"] == 0, "not all words have logits:", results[1])
        logits = []
        for module in (full, light):
            path = os.path.join(folder, "logits.npy")
            run(module, "--tokens", "17,30,2000,5", "-n", "1", "--logits", path)
            logits.append(np.load(path))
        check(np.isfinite(logits[1]).all(), "logits are not finite")
        check((logits[0] == logits[1]).all(), "logits differ")


def same(goldens, full, light):
    for layers in (1, 2, 4):
        compare_tasks(goldens, full, light, layers)
    compare_prompts(goldens, full, light, "-n", "16", whole=False)
    compare_prompts(goldens, full, light, "-n", "16", "--temp", "0.7", "--seed", "11", whole=True)
    compare_whole(goldens, full, light)


def compare_drafts(goldens, light, *arguments):
    usual = [*prompts_of(goldens), "--ignore-eos", "-n", "24", *arguments]
    full = run(light, *usual, "--no-exit")
    drafted = run(light, *usual, "--verify-drafts", "4")
    tokens = [[one["tokens"] for one in result["results"]] for result in (full, drafted)]
    check(tokens[0] == tokens[1], "drafts are not checked", *arguments)
    stats = drafted["stats"]
    check(0 < stats["drafts_accepted"] < stats["drafts"], "drafts are all alike:", stats)
    check((stats["exit_certain"] > 0) == (not arguments), "rows that are certain:", stats)
    print("drafts %s: %d of %d accepted" % (" ".join(arguments), stats["drafts_accepted"], stats["drafts"]))


def waiting(goldens, full, light):
    compare_prompts(goldens, full, light, "-n", "24", "--verify-drafts", "0", whole=False)
    compare_drafts(goldens, light)
    compare_drafts(goldens, light, "--temp", "0.7", "--seed", "11")


if __name__ == "__main__":
    {"same": same, "waiting": waiting}[sys.argv[1]](*sys.argv[2:])
