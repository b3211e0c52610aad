#!/usr/bin/python3
"""What moe-compile costs: compile_cost.py CHECKPOINT [arguments of moe-compile]

Prints JSON: wall time and peak resident memory of moe-compile, the time that
`cp` takes for the same bytes (each file synced, both after one warming read),
and the largest tensor. Needs ./scripts/build.sh.
"""
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


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


def timed(command):
    start = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - start


def main():
    checkpoint = sys.argv[1]
    files = [os.path.join(checkpoint, n) for n in os.listdir(checkpoint)]
    subprocess.run(["cat", *files], stdout=subprocess.DEVNULL, check=True)
    work = tempfile.mkdtemp(dir=os.environ.get("TMPDIR") or os.path.join(ROOT, "build"))
    try:
        copy = timed(["sh", "-c", 'cp -r "$1" "$2" && sync -f "$2"', "sh", checkpoint,
                      os.path.join(work, "copy")])
        shutil.rmtree(os.path.join(work, "copy"))
        output = os.path.join(work, "module.moe")
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        seconds = timed([os.path.join(ROOT, "build", "bin", "moe-compile"), checkpoint, "-o", output,
                         *sys.argv[2:]])
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        print(json.dumps({
            "compile_seconds": round(seconds, 2),
            "copy_seconds": round(copy, 2),
            "compile_over_copy": round(seconds / copy, 2),
            "peak_resident_bytes": peak * 1024 if peak > before else None,
            "largest_tensor_bytes": largest_tensor(checkpoint),
            "module_bytes": os.path.getsize(output),
        }, indent=1))
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
