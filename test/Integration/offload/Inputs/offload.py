"""Runs one module under many budgets of memory, and compares.

  offload.py sweep MODULE [few]  tokens are the same under every budget, policy,
                                 mode of guessing and number of threads; `few`:
                                 each value of each, but not all combinations
  offload.py prefill MODULE TEXT logits of a prompt and the perplexity of a text
                                 have the same bits
  offload.py routing MODULE GOLDENS
                                 a recorded trace has the routers' choices
  offload.py timeline MODULE     waits end with reads, nothing in use is read
  offload.py deleted MODULE      whose file is deleted goes on
  offload.py truncated MODULE    whose file gets shorter ends in one line
"""
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../utils"))
import read_routing_trace

PROMPTS = ["--tokens", "52,324,287,273", "--tokens", "7,8"]
EXPERTS = 48


def check(condition, *message):
    if not condition:
        sys.exit(" ".join(map(str, message)))


def run(module, *arguments):
    command = ["moe-run", module, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE)
    check(done.returncode == 0, "exit code", done.returncode, "of", *command)
    return done.stdout


def budget_of(module, experts):
    description = json.loads(run(module, "--inspect", "--json"))["schedule"]
    check(description["all_expert_bytes"] == EXPERTS * description["expert_bytes"], description)
    return experts * description["expert_bytes"]


def tokens_of(module, *arguments):
    result = json.loads(run(module, *PROMPTS, "-n", 6, "--ignore-eos", "--json", "--stats",
                            *arguments))
    return [one["tokens"] for one in result["results"]], result["stats"]


def policy_names():
    """All that this build has, from the message about one that it has not."""
    done = subprocess.run(["moe-run", sys.argv[2], *PROMPTS, "--cache-policy", "none"],
                          stderr=subprocess.PIPE, text=True)
    names = done.stderr.strip().split(" has ")[-1].split(", ")
    check(len(names) >= 5 and "lru" in names and "belady" in names, done.stderr)
    return names


def combinations(few):
    budgets, threads = (2, 5, 12, 48), (1, 2)
    policies = policy_names()
    prefetch = ("auto", "on", "off")
    if not few:
        return [(*one, t) for i, one in enumerate(itertools.product(budgets, policies, prefetch))
                for t in (threads if one[0] == 5 else threads[i % 2:][:1])]
    return [(budgets[i % 4], policies[i % len(policies)], prefetch[i % 3], threads[i // 3 % 2])
            for i in range(20)]


def sweep(module, folder, few=None):
    trace = os.path.join(folder, "routing")
    expected, stats = tokens_of(module, "--record-routing", trace, "--memory-budget", "all")
    check("expert_capacity" not in stats, "experts were fetched:", stats)
    one = budget_of(module, 1)
    for experts, policy, prefetch, threads in combinations(few):
        arguments = ["--memory-budget", experts * one, "--cache-policy",
                     "belady:" + trace if policy == "belady" else policy,
                     "--prefetch", prefetch, "-t", threads]
        tokens, stats = tokens_of(module, *arguments)
        check(tokens == expected, "under", arguments, tokens, "instead of", expected)
        check(stats["expert_capacity"] == experts, stats)
        check(stats["bytes_read"] >= min(experts, 12) * one / 2, stats)
        if experts == EXPERTS:
            check(stats["bytes_read"] <= EXPERTS * one, stats)
        if prefetch == "off":
            check(stats["prefetch_useful"] + stats["prefetch_wasted"] == 0, stats)
        if prefetch == "on" and experts == 12:
            check(stats["prefetch_useful"] > 0, arguments, stats)


def prefill(module, folder, text):
    prompt = ",".join(str(i * i % 1999) for i in range(70))
    expected = {}
    for experts in (None, 2, 5, 12, 48):
        budget = ["--memory-budget", budget_of(module, experts) if experts else "all"]
        file = os.path.join(folder, "logits.npy")
        run(module, "--tokens", prompt, "--logits", file, *budget)
        with open(file, "rb") as logits:
            got = logits.read()
        scored = json.loads(run(module, "--perplexity", text, "--window", 32, "--json", *budget))
        result = got, scored["perplexity"]
        expected = expected or result
        check(result == expected, "other bits with", experts, "experts")


def routing(module, folder, goldens):
    file = os.path.join(folder, "routing")
    for prompt, budget in ((2, "all"), (3, budget_of(module, 5)), (4, "25%")):
        def golden(what):
            return np.load(os.path.join(goldens, "prompt%d_%s.npy" % (prompt, what)))
        ids = golden("ids")
        run(module, "--tokens", ",".join(map(str, ids)), "-n", 0, "--record-routing", file,
            "--memory-budget", budget)
        trace = read_routing_trace.read(file)
        check((trace.rows[:, 0] == ids).all(), "tokens", trace.rows)
        check((trace.rows[:, 2] == np.arange(len(ids))).all(), "positions", trace.rows)
        check(list(trace.layers) == list(range(6)), trace.layers)
        wanted = golden("router_ids")  # row, layer, choice
        check(wanted.shape == trace.chosen.shape, wanted.shape, trace.chosen.shape)
        check((np.sort(trace.chosen) == np.sort(wanted)).all(), "prompt", prompt, "chooses others")
        check(np.abs(np.sort(trace.weights) - np.sort(golden("router_weights"))).max() < 2e-3,
              "weights of prompt", prompt)
        # What is chosen has the greatest logits.
        least = np.take_along_axis(trace.logits, trace.chosen, 2).min(2)
        check(((trace.logits >= least[..., None]).sum(2) == 2).all(), "logits")
    # Every mode records; decoding, too.
    for mode in (["-p", "1 + 1 =", "-n", 4], ["--bench", "--pp", 4, "--tg", 3, "--reps", 1],
                 ["--eval", os.path.join(goldens, "eval_tasks.jsonl")]):
        if mode[0] == "--eval":
            short = os.path.join(folder, "tasks.jsonl")
            with open(mode[1], encoding="utf-8") as tasks, open(short, "w", encoding="utf-8") as out:
                out.write(tasks.readline())
            mode[1] = short
        run(module, *mode, "--json", "--record-routing", file)
        trace = read_routing_trace.read(file)
        check(len(trace.rows) > 4 and (np.diff(trace.rows[:, 3]) >= 0).all(), mode, trace.rows)


def timeline(module, folder):
    file = os.path.join(folder, "trace.json")
    run(module, "--tokens", "52,324,287,273", "-n", 6, "--ignore-eos", "--memory-budget",
        budget_of(module, 5), "--prefetch", "on", "--trace", file)
    with open(file, encoding="utf-8") as trace:
        spans = [event for event in json.load(trace)["traceEvents"] if event["ph"] == "X"]
    for span in spans:
        span["end"] = span["ts"] + span["dur"]
    reads = [s for s in spans if s["cat"] in ("wanted", "guessed")]
    waits = [s for s in spans if s["cat"] == "wait"]
    uses = [s for s in spans if s["cat"] == "experts"]
    check(len(reads) > 12 and waits and len(uses) >= 36, len(reads), len(waits), len(uses))
    check({s["cat"] for s in reads} == {"wanted", "guessed"}, "nothing is guessed or wanted")
    check(all(s["tid"] == 1 for s in waits + uses) and all(s["tid"] > 1 for s in reads), "tracks")
    for wait in waits:
        check(any(wait["ts"] <= r["end"] <= wait["end"] + 0.002 for r in reads), wait)
    for use in uses:
        for read in reads:
            same = (read["args"]["layer"] == use["args"]["layer"]
                    and read["args"]["expert"] in use["args"]["experts"])
            check(not same or read["end"] <= use["ts"] + 0.002 or read["ts"] >= use["end"] - 0.002,
                  read, "while", use)


def change_while_running(module, folder, change):
    """Exit code, both outputs, and what an undisturbed run writes."""
    copy = os.path.join(folder, "m.moe")
    shutil.copy(module, copy)
    arguments = ["--tokens", "52,324,287", "-n", "300", "--ignore-eos"]
    expected = run(module, *arguments)
    budget = str(budget_of(module, 2))
    process = subprocess.Popen(["moe-run", copy, *arguments, "--memory-budget", budget],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first = os.read(process.stdout.fileno(), 1)
    process.send_signal(signal.SIGSTOP)
    change(copy)
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=120)
    return process.returncode, first + out, err.decode(), expected


def deleted(module, folder):
    code, out, err, expected = change_while_running(module, folder, os.remove)
    check((code, out, err) == (0, expected, ""), code, err, out, expected)


def truncated(module, folder):
    size = os.path.getsize(module)
    for left in (0, size // 4):
        code, out, err, expected = change_while_running(
            module, folder, lambda path: os.truncate(path, left))
        check(code == 1, "exit code", code, err)
        check(err.startswith("error: " + os.path.join(folder, "m.moe") + ": layer "), err)
        check(err.count("\n") == 1 and err.endswith("\n"), err)
        check(len(out) < len(expected) and expected.startswith(out), out, "before", expected)


def main():
    what, module, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    with tempfile.TemporaryDirectory() as folder:
        {"sweep": sweep, "prefill": prefill, "routing": routing, "timeline": timeline,
         "deleted": deleted, "truncated": truncated}[what](module, folder, *rest)


if __name__ == "__main__":
    main()
