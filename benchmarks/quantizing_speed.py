#!/usr/bin/python3
"""How fast weights are encoded: quantizing_speed.py CHECKPOINT
       [--schemes q35] [--efforts fast,normal,max] [--threads 2] [--rounds 1] [--json]

Weights per second and thread of moe-compile, less the time that the same
checkpoint takes with scheme none, so that reading, code and writing do not count;
and the peak of resident memory beside the largest tensor. Schemes and efforts
take turns.
"""
import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time

import common


def parse_arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("--schemes", default="q35")
    parser.add_argument("--efforts", default="fast,normal,max")
    parser.add_argument("-t", "--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def compile_once(checkpoint, work, arguments):
    """Seconds, and the peak of resident memory in bytes."""
    output = os.path.join(work, "module.moe")
    command = [common.tool("moe-compile"), checkpoint, "-o", output, *arguments]
    start = time.monotonic()
    process = os.spawnv(os.P_NOWAIT, command[0], command)
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit("failed: " + " ".join(command))
    os.unlink(output)
    return time.monotonic() - start, usage.ru_maxrss * 1024


def encoded_weights(checkpoint, work, scheme):
    report = os.path.join(work, "report.json")
    compile_once(checkpoint, work, ["--quantize=" + scheme, "--effort=fast", "--quant-report=" + report])
    with open(report, encoding="utf-8") as file:
        return sum(t["weights"] for t in json.load(file)["tensors"])


def largest_tensor(checkpoint):
    return max(shape[0] * (shape[1] if len(shape) > 1 else 1) for _, shape in common.tensors(checkpoint))


def measure(options, work):
    choices = [(s, e) for s in options.schemes.split(",") for e in options.efforts.split(",")]
    weights = {s: encoded_weights(options.checkpoint, work, s) for s in options.schemes.split(",")}
    speeds, peaks = {c: [] for c in choices}, {c: 0 for c in choices}
    threads = "--threads=%d" % options.threads
    for _ in range(options.rounds):
        without, _ = compile_once(options.checkpoint, work, ["--quantize=none", threads])
        for scheme, effort in choices:
            seconds, peak = compile_once(options.checkpoint, work,
                                         ["--quantize=" + scheme, "--effort=" + effort, threads])
            speeds[scheme, effort].append(weights[scheme] / max(seconds - without, 1e-3) / options.threads)
            peaks[scheme, effort] = max(peaks[scheme, effort], peak)
    return [{"scheme": s, "effort": e, "weights": weights[s],
             "weights_per_second_per_thread": common.spread(speeds[s, e]),
             "peak_resident_bytes": peaks[s, e]} for s, e in choices]


def main():
    options = parse_arguments()
    work = tempfile.mkdtemp(dir=os.environ.get("TMPDIR") or os.path.join(common.ROOT, "build"))
    try:
        results = measure(options, work)
    finally:
        shutil.rmtree(work)
    if options.json:
        print(json.dumps({"largest_tensor_weights": largest_tensor(options.checkpoint), "threads": options.threads,
                          "results": results}, indent=1))
        return
    rows = [[r["scheme"], r["effort"], "%.2f" % (r["weights_per_second_per_thread"]["median"] / 1e6),
             "%.0f" % (r["peak_resident_bytes"] / 1e6)] for r in results]
    print("\n".join(common.markdown(["scheme", "effort", "M weights/s/thread", "peak memory, MB"], rows)))
    print("\nThe largest tensor has %.1f M weights." % (largest_tensor(options.checkpoint) / 1e6))


if __name__ == "__main__":
    main()
