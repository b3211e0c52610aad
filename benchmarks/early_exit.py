#!/usr/bin/python3
"""What it brings that tokens leave early, in turns with the full model.

  early_exit.py replay MODULE --text text.json [--plain MODULE] [--exits LIST]
                [--budgets all,25%] [--cache-policy NAME] [-n 128] [--start 0] [--rounds 5]
                [-t 2] [--json FILE]
  early_exit.py decode MODULE... --prompts FILE.jsonl [--full MODULE] [--most 16]
                [-n 128] [--rounds 5] [-t 1] [--json FILE]

`replay` measures time and bytes of a module whose exits mean nothing, such as that of
a synthetic model: tokens of the text are fed, and leave where a trace says.
--exits names traces: `4` is all behind 4 layers, `mixed` the depths of tiny-moe at
threshold 0.95, stretched to the module's layers, and anything else a file for
--exit-replay. What is measured stands beside what the bytes of the parts that run
let expect. With a budget below all, experts come from the disk, and how much less
is read than by the full model stands beside the share of layers that are skipped,
which is that of experts that nobody wants.

`decode` measures modules whose exits mean something: each continues at most --most
prompts, from all over the file, one after the other, greedily, for -n tokens, as it
is compiled; and the full model does (--full, or the first module with --no-exit).
Where drafts are checked, the tokens must be the same.

Ratios are of one round.
"""
import argparse
import json
import os
import random
import statistics
import sys
import tempfile

import common

# Tokens of tiny-moe's tasks that left behind 1 to 6 layers, at threshold 0.95
# (`threshold_0.95_propagate` of its goldens).
DEPTHS = [492, 673, 137, 77, 24, 214]


def parse_arguments():
    parser = argparse.ArgumentParser(usage=__doc__.replace("%", "%%"))
    modes = parser.add_subparsers(dest="mode", required=True)
    for name in ("replay", "decode"):
        mode = modes.add_parser(name, usage=__doc__.replace("%", "%%"))
        mode.add_argument("-n", "--tokens", type=int, default=128)
        mode.add_argument("--rounds", type=int, default=5)
        mode.add_argument("--json")
        if name == "replay":
            mode.add_argument("module")
            mode.add_argument("--plain")
            mode.add_argument("--text", required=True)
            mode.add_argument("--start", type=int, default=0)
            mode.add_argument("--exits", default="mixed")
            mode.add_argument("--budgets", default="all")
            mode.add_argument("--cache-policy")
            mode.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
        else:
            mode.add_argument("modules", nargs="+")
            mode.add_argument("--prompts", required=True)
            mode.add_argument("--full")
            mode.add_argument("--most", type=int, default=16)
            mode.add_argument("-t", "--threads", type=int, default=1)
    return parser.parse_args()


def in_turns(subjects, rounds, measure, title):
    """For each subject the results of all rounds; the order turns each time."""
    results = {subject.name: [] for subject in subjects}
    for number in range(rounds):
        for subject in subjects if number % 2 == 0 else subjects[::-1]:
            print("%s, round %d of %d: %s" % (title, number + 1, rounds, subject.name), file=sys.stderr)
            results[subject.name].append(measure(subject))
    return results


#===-- Bytes -----------------------------------------------------------------===


class Parts:
    """Bytes of what a token may run through, from what the module says of itself."""

    def __init__(self, module):
        about = json.loads(common.run([common.tool("moe-run"), module, "--inspect", "--json"]))
        model, kv, exits = about["model"], about["kv"], about["exits"]
        if exits is None:
            sys.exit("%s: has no exits" % module)
        self.exits = [exit["layers"] for exit in exits["exits"]]
        self.layers = model["layers"]
        self.propagates = exits["state"] == "propagate"
        self.head = exits["head_bytes"]
        # For logits of a token that leaves, where its best word is certain, and of others.
        self.leave = exits["leave_bytes"]
        self.last = exits["unsure_bytes"] or self.leave or self.head
        self.layer = exits["layer_bytes"]
        self.projection = sum(p["size"] for p in about["parameters"]
                              if p["name"].split(".")[-1] in ("k", "v")) / self.layers
        # Keys and values of one position, which attention reads.
        self.position = 2 * kv["heads"] * kv["head_dim"] * 4

    def of_token(self, depth, positions, asks=True):
        """That runs through so many layers, and attends to so many positions."""
        checks = sum(exit <= depth and exit < self.layers for exit in self.exits) if asks else 0
        heads = checks * self.head + (self.last if depth == self.layers else self.leave)
        skipped = (self.layers - depth) * self.projection if self.propagates else 0
        return depth * (self.layer + positions * self.position) + heads + skipped

    def expected(self, histogram, positions):
        """Speed-up over the full model, which asks nowhere."""
        tokens = sum(histogram)
        early = sum(count * self.of_token(depth, positions) for depth, count in enumerate(histogram, 1))
        return tokens * self.of_token(self.layers, positions, asks=False) / early

    def skipped(self, histogram):
        """Share of the experts that a full model wants."""
        run = sum(count * depth for depth, count in enumerate(histogram, 1))
        return 1 - run / (sum(histogram) * self.layers)


#===-- Replay ----------------------------------------------------------------===


def mixed_trace(layers, tokens):
    """Depths of tiny-moe, stretched, as often as there, in a random order that is
    the same every time."""
    depths = [-(-depth * layers // len(DEPTHS)) for depth, count in enumerate(DEPTHS, 1) for _ in range(count)]
    trace = [depths[(2 * i + 1) * len(depths) // (2 * tokens)] for i in range(tokens)]
    random.Random(1).shuffle(trace)
    return trace


class Replay:
    """A module fed with the text, whose tokens leave where a trace says."""

    def __init__(self, name, module, arguments, options, budget):
        self.name = name
        if budget != "all" and options.cache_policy:
            arguments = arguments + ["--cache-policy=" + options.cache_policy]
        self.command = [
            common.tool("moe-run"), module, "--bench", "--pp", "1", "--tg", str(options.tokens), "--reps", "1",
            "-c", str(options.tokens), "-t", str(options.threads), "--no-verify", "--json", "--stats",
            "--tokens", ",".join(map(str, options.fed)), "--memory-budget=" + budget, *arguments]

    def measure(self):
        result = json.loads(common.run(self.command))
        stats = result["stats"]
        measured = {"tokens_per_second": result["decode_tokens_per_second"],
                    "bandwidth": result["read_bandwidth_bytes_per_second"],
                    "layers": result.get("average_layers"),
                    "layers_with_heads": result.get("average_layers_with_heads"),
                    "histogram": result.get("exit_histogram")}
        if "expert_capacity" in stats:
            wanted = stats["expert_hits"] + stats["expert_misses"]
            measured.update(hit_rate=stats["expert_hits"] / wanted, wanted_per_token=wanted / stats["rows"],
                            megabytes_per_token=stats["bytes_read"] / 1e6 / stats["rows"])
        return measured


def traces(options, parts, folder):
    for name in options.exits.split(","):
        if name.isdigit() or name == "mixed":
            trace = [int(name)] if name.isdigit() else mixed_trace(parts.layers, options.tokens)
            path = os.path.join(folder, name + ".json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(trace, file)
            yield ("behind " + name if name.isdigit() else name), path
        else:
            yield os.path.basename(name), name


def replay(options):
    parts = Parts(options.module)
    with open(options.text, encoding="utf-8") as file:
        options.fed = json.load(file)[options.start:options.start + options.tokens]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for budget in options.budgets.split(","):
            subjects = [Replay("full", options.module, ["--no-exit"], options, budget)]
            if options.plain:
                subjects.append(Replay("without exits", options.plain, [], options, budget))
            subjects += [Replay(name, options.module, ["--exit-replay=" + path], options, budget)
                         for name, path in traces(options, parts, folder)]
            results = in_turns(subjects, options.rounds, Replay.measure, budget)
            rows += summarize_replay(budget, results, parts, options)
    return rows


def summarize_replay(budget, results, parts, options):
    full = results["full"]
    for name, runs in results.items():
        rates = [run["tokens_per_second"] for run in runs]
        row = {"budget": budget, "name": name, "tokens_per_second": rates, "runs": runs,
               "ratio": [a / b["tokens_per_second"] for a, b in zip(rates, full)]}
        histogram = runs[0]["histogram"]
        if name not in ("full", "without exits"):
            row["skipped"] = parts.skipped(histogram)
            if budget == "all":
                row["expected"] = parts.expected(histogram, (options.tokens + 1) / 2)
        if "megabytes_per_token" in runs[0]:
            for key in ("megabytes_per_token", "hit_rate", "wanted_per_token"):
                row[key] = statistics.median(run[key] for run in runs)
            row["fall"] = 1 - row["megabytes_per_token"] / statistics.median(
                run["megabytes_per_token"] for run in full)
        yield row


def print_replay(rows, options):
    print("%s: decode of %d tokens, %d threads, median (range) of %d; measured, except what is expected\n" % (
        os.path.basename(options.module), options.tokens, options.threads, options.rounds))
    table = []
    for row in rows:
        run = row["runs"][0]
        shown = run["layers"] is not None and row["name"] != "without exits"
        table.append([
            row["budget"], row["name"], "%.2f" % run["layers"] if shown else "",
            "%.2f" % run["layers_with_heads"] if shown else "", common.format_spread(row["tokens_per_second"], 2),
            common.format_spread(row["ratio"], 3), "%.3f" % row["expected"] if "expected" in row else "",
            "%+.1f %%" % (100 * (statistics.median(row["ratio"]) / row["expected"] - 1)) if "expected" in row else "",
            percent(row, "hit_rate"), "%.1f" % row["megabytes_per_token"] if "fall" in row else "",
            percent(row, "fall"), percent(row, "skipped")])
    header = ["experts in memory", "tokens leave", "layers", "with heads", "tokens/s", "/ full", "expected", "off by",
              "hits", "MB read a token", "less than full", "layers skipped"]
    print("\n".join(common.markdown(header, table)))


def percent(row, key):
    return "%.1f %%" % (100 * row[key]) if key in row else ""


#===-- Decode ----------------------------------------------------------------===


class Decoder:
    """A module that continues prompts, one after the other."""

    def __init__(self, name, module, arguments, options):
        self.name, self.prompts = name, options.texts
        self.command = [
            common.tool("moe-run"), module, "-n", str(options.tokens), "-t", str(options.threads), "--ignore-eos",
            "--no-verify", "--json", "--stats", *arguments]

    def measure(self):
        seconds, made, layers, heads = 0, 0, 0, 0
        said, drafts, accepted, stopped = [], 0, 0, 0
        for prompt in self.prompts:
            result = json.loads(common.run(self.command + ["--prompt", prompt]))
            stats = result["stats"]
            said.append(result["tokens"])
            seconds += stats["decode_seconds"]
            made += stats["decode_tokens"]
            layers += result["average_layers"] * len(result["tokens"])
            heads += result.get("average_layers_with_heads", result["average_layers"]) * len(result["tokens"])
            drafts += stats.get("drafts", 0)
            accepted += stats.get("drafts_accepted", 0)
            stopped += bool(stats.get("drafts_stopped"))
        tokens = sum(map(len, said))
        return {"tokens_per_second": made / seconds, "layers": layers / tokens, "layers_with_heads": heads / tokens,
                "drafts": drafts, "accepted": accepted, "stopped": stopped, "tokens": said}


def decode(options):
    with open(options.prompts, encoding="utf-8") as file:
        prompts = [json.loads(line)["prompt"] for line in file if line.strip()]
    # A file may have an order.
    options.texts = prompts[::-(-len(prompts) // options.most)]
    full = options.full or options.modules[0]
    subjects = [Decoder("full", full, [] if options.full else ["--no-exit"], options)]
    subjects += [Decoder(os.path.splitext(os.path.basename(m))[0], m, [], options) for m in options.modules]
    results = in_turns(subjects, options.rounds, Decoder.measure, "%d prompts" % len(options.texts))
    rows = []
    for name, runs in results.items():
        said = [run.pop("tokens") for run in runs]
        if any(other != said[0] for other in said):
            sys.exit("%s: says something else in another round" % name)
        reference = said[0] if name == "full" else reference
        rates = [run["tokens_per_second"] for run in runs]
        same = sum(one == other for one, other in zip(said[0], reference))
        if runs[0]["drafts"] and same < len(reference):
            sys.exit("%s: drafts are checked, and %d of %d texts differ" % (name, len(reference) - same, len(reference)))
        rows.append({"name": name, "tokens_per_second": rates, "runs": runs, "same": same,
                     "ratio": [a / b["tokens_per_second"] for a, b in zip(rates, results["full"])]})
    return rows


def print_decode(rows, options):
    print("decode of %d tokens behind each of %d prompts, %d threads, median (range) of %d; measured\n" % (
        options.tokens, len(options.texts), options.threads, options.rounds))
    table = []
    for row in rows:
        run = row["runs"][0]
        table.append([
            row["name"], "%.2f" % run["layers"], "%.2f" % run["layers_with_heads"],
            common.format_spread(row["tokens_per_second"], 0), common.format_spread(row["ratio"], 3),
            "%d of %d" % (row["same"], len(options.texts)),
            "%.1f %%" % (100 * run["accepted"] / run["drafts"]) if run["drafts"] else "",
            "%d of %d" % (run["stopped"], len(options.texts)) if run["drafts"] else ""])
    header = ["", "layers", "with heads", "tokens/s", "/ full", "texts of the full model", "drafts accepted", "stopped"]
    print("\n".join(common.markdown(header, table)))


def main():
    options = parse_arguments()
    measure, show = (replay, print_replay) if options.mode == "replay" else (decode, print_decode)
    rows = measure(options)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"threads": options.threads, "tokens": options.tokens, "results": rows}, file, indent=1)
    show(rows, options)


if __name__ == "__main__":
    main()
