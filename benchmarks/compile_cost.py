#!/usr/bin/python3
"""What moe-compile costs: compile_cost.py CHECKPOINT [arguments of moe-compile]

Prints JSON: wall time and peak resident memory of moe-compile, the time that
`cp` takes for the same bytes, and the largest tensor. The two take turns; the
checkpoint is in the page cache, neither waits for the disk, and what one wrote
is flushed before the other starts. Needs ./scripts/build.sh.
"""
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
REPETITIONS = 5


def largest_tensor(directory):
    largest = 0
    for name in os.listdir(directory):
        if name.endswith(".safetensors"):
            with open(os.path.join(directory, name), "rb") as file:
                length, = struct.unpack("<Q", file.read(8))
                for key, info in json.loads(file.read(length)).items():
                    if key != "__metadata__":
                        begin, end = info["data_offsets"]
                        largest = max(largest, end - begin)
    return largest


def run(command):
    """Wall time in seconds and peak resident memory in bytes."""
    start = time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit("failed: %s" % " ".join(command))
    return time.monotonic() - start, usage.ru_maxrss * 1024


def spread(values, digits):
    return {"median": round(statistics.median(values), digits),
            "min": round(min(values), digits), "max": round(max(values), digits)}


def main():
    checkpoint = sys.argv[1]
    files = [os.path.join(checkpoint, n) for n in os.listdir(checkpoint)]
    subprocess.run(["cat", *files], stdout=subprocess.DEVNULL, check=True)
    work = tempfile.mkdtemp(dir=os.environ.get("TMPDIR") or os.path.join(ROOT, "build"))
    copies, compiles, peaks = [], [], []
    try:
        output = os.path.join(work, "module.moe")
        for _ in range(REPETITIONS):
            copy = os.path.join(work, "copy")
            copies.append(run(["cp", "-r", checkpoint, copy])[0])
            shutil.rmtree(copy)
            subprocess.run(["sync", "-f", work], check=True)
            seconds, peak = run([os.path.join(ROOT, "build", "bin", "moe-compile"), checkpoint,
                                 "-o", output, *sys.argv[2:]])
            compiles.append(seconds)
            peaks.append(peak)
            size = os.path.getsize(output)
            os.unlink(output)
            subprocess.run(["sync", "-f", work], check=True)
    finally:
        shutil.rmtree(work)
    print(json.dumps({
        "copy_seconds": spread(copies, 2),
        "compile_seconds": spread(compiles, 2),
        "compile_over_copy": spread([a / b for a, b in zip(compiles, copies)], 2),
        "peak_resident_bytes": max(peaks),
        "largest_tensor_bytes": largest_tensor(checkpoint),
        "module_bytes": size,
    }, indent=1))


if __name__ == "__main__":
    main()
