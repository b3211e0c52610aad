"""Holds the misses that moe-compile expects of a trace against those of a run.

  model_agrees.py CHECKPOINT MODULE ENTRIES...

Records what MODULE chooses for a sampled text, compiles CHECKPOINT for caches of so
many entries with that trace, and runs the results on the same text.
"""
import json
import subprocess
import sys

TOKENS = 64  # rows of the trace; the first half is learned from
TEXT = ["--tokens", "5", "--temp", "1", "--seed", "5", "-t", "1", "--json", "--stats", "--prefetch=off"]


def run(module, tokens, *more):
    command = ["moe-run", module, "-n", str(tokens), *TEXT, *more]
    result = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    assert len(result["tokens"]) == tokens, "the text ends after %d tokens" % len(result["tokens"])
    return result


def check(checkpoint, module, trace, text, entries, entry_bytes):
    budget = str(entries * entry_bytes)
    compiled, report = "%s.%d" % (module, entries), "%s.%d.json" % (module, entries)
    subprocess.run(["moe-compile", checkpoint, "-o", compiled, "--trace", trace, "--memory-budget", budget, "--cache-policy=lru",
                    "--schedule-report", report], stderr=subprocess.DEVNULL, check=True)
    with open(report, encoding="utf-8") as file:
        expected = json.load(file)
    assert expected["kind"] == "simulated" and expected["entries"] == entries
    whole, half = (run(compiled, tokens, "--memory-budget", budget) for tokens in (TOKENS, TOKENS // 2))
    assert whole["tokens"] == text, "the budget changes tokens"
    counted = whole["stats"]["expert_misses"] - half["stats"]["expert_misses"]
    misses = round(expected["misses_per_token"] * expected["rows"])
    shares = len(expected["partition"])
    print("%d entries, %s: %d misses expected, %d counted" %
          (entries, "%d shares" % shares if shares else "shared", misses, counted))
    assert counted <= misses <= counted + entries, "they disagree"


def main():
    checkpoint, module, *all_entries = sys.argv[1:]
    trace = module + ".routing"
    recorded = run(module, TOKENS, "--memory-budget", "50%", "--record-routing", trace)
    stats = recorded["stats"]
    entry_bytes = stats["expert_bytes"] // stats["expert_capacity"]
    for entries in all_entries:
        check(checkpoint, module, trace, recorded["tokens"], int(entries), entry_bytes)


if __name__ == "__main__":
    main()
