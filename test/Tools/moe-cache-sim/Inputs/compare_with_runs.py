"""Compares hits of real runs with those of a simulation of the recorded trace.

  compare_with_runs.py MODULE TRACE [moe-run's arguments...]

Records the trace, then runs with every policy and several budgets, without guesses.
"""
import json
import subprocess
import sys


def run(*command):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout or "{}")


def main():
    module, trace, *arguments = sys.argv[1:]
    command = ["moe-run", module, "--json", "--stats", *arguments]
    tokens = run(*command, "--record-routing=" + trace)["tokens"]
    compared = hits = 0
    for policy in ("arc", "belady", "lfu", "lrfu", "lru", "priority"):
        for budget in ("11%", "25%", "40%"):
            name = policy + ":" + trace if policy == "belady" else policy
            real = run(*command, "--memory-budget=" + budget, "--cache-policy=" + name, "--prefetch=off")
            assert real["tokens"] == tokens, (policy, budget)
            stats = real["stats"]
            paper = run("moe-cache-sim", trace, "--json", "--policy=" + policy,
                        "--budget=%d" % stats["expert_capacity"])["traces"][0]["runs"][0]
            found = (stats["expert_hits"], stats["expert_misses"])
            expected = (paper["hits"], paper["misses"])
            if found != expected:
                sys.exit("%s at %s: (hits, misses) were %s, simulated %s" % (policy, budget, found, expected))
            compared, hits = compared + 1, hits + found[0]
    print("%d runs as simulated, %s hits" % (compared, "some" if hits else "no"))


if __name__ == "__main__":
    main()
