#!/usr/bin/python3
"""Speed of one checkpoint in several schemes, on the same machine in turns.

  quantized.py CHECKPOINT [--schemes none,q35,q4,q8] [-t 2] [--pp 512] [--tg 64]
               [--rounds 5] [--work FOLDER] [--gguf FILE] [--json]
               [-- arguments of moe-compile]

Every round measures each module once, forwards in one round and backwards in the
next, and the read bandwidth beside it; ratios are of one round. The first scheme
is what the others are compared with. With LLAMA_CPP=BUILD and
IK_LLAMA_CPP=BUILD the peers' formats of the nearest bits take their turns, too,
made from --gguf or by their own converter. --work keeps the files, and takes
those that are there.
"""
import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile

import common
import peers


class Module:
    def __init__(self, name, path):
        self.name, self.path = name, path

    def measure(self, options):
        return json.loads(common.run(
            [common.tool("moe-run"), self.path, "--bench", "--json", "--reps", "1", "--pp", str(options.pp),
             "--tg", str(options.tg), "-t", str(options.threads)]))


def parse_arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("--schemes", default="none,q35,q4,q8")
    parser.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    for name, value in (("pp", 512), ("tg", 64), ("rounds", 5)):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--work")
    parser.add_argument("--gguf")
    parser.add_argument("--json", action="store_true")
    arguments, compiler = sys.argv[1:], []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, compiler = arguments[:at], arguments[at + 1 :]
    options = parser.parse_args(arguments)
    options.compiler = compiler
    return options


def compile_all(options, work):
    result = []
    for scheme in options.schemes.split(","):
        path = os.path.join(work, scheme.replace(":", "-") + ".moe")
        if not os.path.exists(path):
            print("compiling " + scheme, file=sys.stderr)
            common.compile_module(options.checkpoint, path, ["--quantize=" + scheme, *options.compiler])
        result.append(Module(scheme, path))
    return result


def measure(subjects, options):
    """For each subject the results of all rounds."""
    rounds = {subject.name: [] for subject in subjects}
    for number in range(options.rounds):
        print("round %d of %d" % (number + 1, options.rounds), file=sys.stderr)
        for subject in subjects if number % 2 == 0 else subjects[::-1]:
            rounds[subject.name].append(subject.measure(options))
        share_bandwidth([rounds[s.name][-1] for s in subjects])
    return rounds


def share_bandwidth(results):
    """Peers do not measure it: theirs is the median of the round."""
    key = "read_bandwidth_bytes_per_second"
    known = [r[key] for r in results if key in r]
    for result in results:
        result.setdefault(key, statistics.median(known))


def summarize(name, results, first, weights, threads):
    decode = [r["decode_tokens_per_second"] for r in results]
    bits = results[0]["bits_per_weight"]
    # A peer's file is in one format, so its active bytes follow from its bits.
    active = results[0].get("active_bytes_per_token", weights * bits / 8)
    return {
        "name": name,
        "bits_per_weight": bits,
        "active_bytes_per_token": round(active),
        "decode_tokens_per_second": decode,
        "prefill_tokens_per_second": [r["prefill_tokens_per_second"] for r in results],
        "decode_ratio": [a / b["decode_tokens_per_second"] for a, b in zip(decode, first)],
        "prefill_ratio": [a["prefill_tokens_per_second"] / b["prefill_tokens_per_second"]
                          for a, b in zip(results, first)],
        "weights_per_second_per_thread": [d * weights / threads for d in decode],
        "bandwidth_fraction": [d * active / r["read_bandwidth_bytes_per_second"] for d, r in zip(decode, results)],
        "read_bandwidth_bytes_per_second": [r["read_bandwidth_bytes_per_second"] for r in results],
    }


def print_table(rows, options, weights):
    first = rows[0]["name"]
    print("%s: %.1f M weights per token, %d threads, prefill of %d, decode of %d, median (range) of %d\n" % (
        os.path.basename(os.path.normpath(options.checkpoint)), weights / 1e6, options.threads, options.pp,
        options.tg, options.rounds))
    header = ["", "bits", "decode, tokens/s", "/ " + first, "of bandwidth", "G weights/s/thread",
              "prefill, tokens/s", "/ " + first]
    table = [[r["name"], "%.2f" % r["bits_per_weight"],
              common.format_spread(r["decode_tokens_per_second"], 1),
              "%.2f" % statistics.median(r["decode_ratio"]),
              common.format_spread(r["bandwidth_fraction"], 2),
              "%.1f" % (statistics.median(r["weights_per_second_per_thread"]) / 1e9),
              common.format_spread(r["prefill_tokens_per_second"], 0),
              "%.2f" % statistics.median(r["prefill_ratio"])] for r in rows]
    print("\n".join(common.markdown(header, table)))
    bandwidth = [b for r in rows for b in r["read_bandwidth_bytes_per_second"]]
    print("\nRead bandwidth meanwhile: %s GB/s" % common.format_spread([b / 1e9 for b in bandwidth], 1))


def main():
    options = parse_arguments()
    work = options.work or tempfile.mkdtemp(dir=os.environ.get("TMPDIR") or os.path.join(common.ROOT, "build"))
    os.makedirs(work, exist_ok=True)
    try:
        others = peers.prepare(options.checkpoint, options.gguf, work, options.threads)
        subjects = compile_all(options, work) + others
        rounds = measure(subjects, options)
    finally:
        if not options.work:
            shutil.rmtree(work)
    weights = common.active_weights(options.checkpoint)
    first = rounds[subjects[0].name]
    rows = [summarize(s.name, rounds[s.name], first, weights, options.threads) for s in subjects]
    if options.json:
        print(json.dumps({"active_weights_per_token": weights, "threads": options.threads, "results": rows}, indent=1))
    else:
        print_table(rows, options, weights)


if __name__ == "__main__":
    main()
