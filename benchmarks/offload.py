#!/usr/bin/python3
"""Speed of decoding when a part of the model fits into memory, in turns.

  offload.py MODULE --text text.json [--plain MODULE] [--older MODULE]
             [--shares 50,25] [--subjects LIST] [-n 128] [--start 0] [--rounds 5]
             [-t 2] [--cache-policy NAME] [--dry] [--json FILE] [--gguf FILE --work FOLDER]

Each share is a limit, in percent of the module file, on the memory of the
process with all that it reads through the page cache: a control group, which
needs root. Under it decode, in turns,

  mmap     --memory-budget=all: the file is mapped, the page cache decides
  demand   experts are read when they are wanted, into a cache of our own
  auto     and guesses are read ahead as long as they are measured to pay
  on       and guesses are read ahead always

and with LLAMA_CPP=BUILD llama-bench, mapping a file of --format (Q3_K) made from
--gguf. A share of 100 has no limit: mmap there means all experts in memory, and
the others keep all of them in their cache. MODULE may have {share} in it: modules
that were compiled for a budget each. --plain names a module without guesses for
mmap and demand; --older one whose code fetches nothing, which runs as mmap does.

Each run continues one token of the text greedily for -n tokens, out of a cold
page cache; every run's tokens must be the same. Ratios are of one round. --dry sets
budgets without a limit, and drops no cache.
"""
import argparse
import json
import os
import statistics
import sys

import common
import control_group
import peers

SUBJECTS = {"older": ("--memory-budget=all",), "mmap": ("--memory-budget=all",), "demand": ("--prefetch=off",),
            "auto": ("--prefetch=auto",), "on": ("--prefetch=on",)}
MAPPED, UNGUESSED = ("older", "mmap"), ("mmap", "demand")
BASE = "demand"


def parse_arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("module")
    parser.add_argument("--plain")
    parser.add_argument("--older")
    parser.add_argument("--text", required=True)
    parser.add_argument("--shares", default="50,25")
    parser.add_argument("--subjects", default=",".join(SUBJECTS))
    parser.add_argument("-n", "--tokens", type=int, default=128)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--cache-policy")
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--checkpoint")
    parser.add_argument("--gguf")
    parser.add_argument("--format", default="Q3_K")
    parser.add_argument("--work", default=".")
    options = parser.parse_args()
    options.shares = [int(share) for share in options.shares.split(",")]
    options.subjects = [s for s in options.subjects.split(",") if options.older or s != "older"]
    unknown = set(options.subjects) - set(SUBJECTS)
    if unknown or min(options.shares) < 1:
        parser.error("subjects are %s; shares are at least 1" % ", ".join(SUBJECTS))
    with open(options.text, encoding="utf-8") as file:
        options.first = json.load(file)[options.start]
    return options


class Module:
    """One of our modules, run in one of the ways above."""

    def __init__(self, name, path, budget, options):
        self.name, self.path = name, path
        arguments = list(SUBJECTS[name])
        if name not in MAPPED:
            arguments += [budget] + (["--cache-policy=" + options.cache_policy] if options.cache_policy else [])
        self.command = [
            common.tool("moe-run"), path, "--tokens", str(options.first), "-n", str(options.tokens),
            "-c", str(options.tokens + 1), "-t", str(options.threads), "--ignore-eos", "--no-verify", "--json",
            "--stats", *arguments]

    def measure(self, limit):
        said, read = control_group.run(limit.limited(self.command))
        result = json.loads(said)
        stats, seconds = result["stats"], result["stats"]["forward_seconds"]
        measured = {
            "tokens_per_second": result["decode_tokens_per_second"],
            "tokens": result["tokens"],
            "megabytes_per_token": stats.get("bytes_read", read) / 1e6 / stats["rows"],
            "stats": stats,
        }
        if "expert_capacity" in stats:
            wanted = stats["expert_hits"] + stats["expert_misses"]
            guessed = stats["prefetch_useful"] + stats["prefetch_wasted"]
            measured.update(
                hit_rate=stats["expert_hits"] / wanted,
                useful_guesses=stats["prefetch_useful"] / guessed if guessed else None,
                stall_share=stats["stall_seconds"] / seconds,
                idle_link_share=1 - stats["link_seconds"] / seconds,
                stopped=stats["prefetch_stopped"])
        return measured


class Peer:
    """llama-bench, which makes up its tokens."""

    def __init__(self, peer, options):
        self.name, self.path, self.rows = peer.name, peer.path, options.tokens
        self.command = peer.decode_command(options.tokens, options.threads)

    def measure(self, limit):
        said, read = control_group.run(limit.limited(self.command))
        # It runs one token more, to warm up.
        return {"tokens_per_second": peers.decode_rate(said), "tokens": None,
                "megabytes_per_token": read / 1e6 / (self.rows + 1)}


def subjects_of(share, options, others):
    budget = "--memory-budget=" + ("auto" if share < 100 and not options.dry else "%d%%" % share)
    for name in options.subjects:
        path = options.older if name == "older" else options.plain if (
            options.plain and name in UNGUESSED) else options.module
        yield Module(name, path.replace("{share}", str(share)), budget, options)
    yield from others


def limit_of(share, options):
    if options.dry or share >= 100:
        return control_group.NoLimit()
    path = (options.plain or options.module).replace("{share}", str(share))
    return control_group.MemoryLimit(os.path.getsize(path) * share // 100)


def measure_share(share, options, others):
    """For each subject the results of all rounds."""
    subjects = list(subjects_of(share, options, others))
    rounds = {subject.name: [] for subject in subjects}
    with limit_of(share, options) as limit:
        for number in range(options.rounds):
            for subject in subjects if number % 2 == 0 else subjects[::-1]:
                print("%d %%, round %d of %d: %s" % (share, number + 1, options.rounds, subject.name), file=sys.stderr)
                if not options.dry:
                    control_group.forget_cached(subject.path)
                rounds[subject.name].append(subject.measure(limit))
    return rounds


def check_tokens(rounds, tokens):
    """Every run says what the first of all said, which is returned."""
    for name, results in rounds.items():
        for result in results:
            said = result.pop("tokens")
            tokens = tokens or said
            if said and said != tokens:
                at = next((i for i, (a, b) in enumerate(zip(said, tokens)) if a != b), min(len(said), len(tokens)))
                sys.exit("%s: token %d differs from the first run's" % (name, at))
    return tokens


def summarize(share, rounds):
    base = rounds.get(BASE)
    for name, results in rounds.items():
        rates = [r["tokens_per_second"] for r in results]
        row = {"share": share, "name": name, "tokens_per_second": rates, "runs": results}
        if base:
            row["ratio"] = [a / b["tokens_per_second"] for a, b in zip(rates, base)]
        yield row


def percent(row, key):
    values = [r[key] for r in row["runs"] if r.get(key) is not None]
    return "%.0f %%" % (100 * statistics.median(values)) if values else ""


def print_table(rows, options):
    print("%s: decode of %d tokens, %d threads, median (range) of %d; measured\n" % (
        os.path.basename(options.module), options.tokens, options.threads, options.rounds))
    header = ["in memory", "", "tokens/s", "/ " + BASE, "hits", "MB a token", "stall", "link idle", "useful guesses",
              "stopped"]
    table = []
    for row in rows:
        megabytes = [r["megabytes_per_token"] for r in row["runs"] if "megabytes_per_token" in r]
        stopped = sum(bool(r.get("stopped")) for r in row["runs"])
        table.append([
            "%d %%" % row["share"], row["name"], common.format_spread(row["tokens_per_second"], 2),
            common.format_spread(row["ratio"], 3) if "ratio" in row else "",
            percent(row, "hit_rate"), "%.0f" % statistics.median(megabytes) if megabytes else "",
            percent(row, "stall_share"), percent(row, "idle_link_share"), percent(row, "useful_guesses"),
            "%d of %d" % (stopped, len(row["runs"])) if row["name"] == "auto" else ""])
    print("\n".join(common.markdown(header, table)))


def main():
    options = parse_arguments()
    others = [Peer(p, options) for p in peers.prepare(options.checkpoint, options.gguf, options.work, options.threads,
                                                      (options.format,))]
    rows, tokens = [], None
    for share in options.shares:
        rounds = measure_share(share, options, others)
        tokens = check_tokens(rounds, tokens)
        rows += summarize(share, rounds)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"module": options.module, "threads": options.threads, "tokens": tokens, "results": rows}, file,
                      indent=1)
    print_table(rows, options)


if __name__ == "__main__":
    main()
