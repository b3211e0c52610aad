"""moe-run refuses damaged copies of a module in one line: check_damage.py MODULE WORK

Truncated at a sample of page boundaries and beside them; with one flipped bit in
the header and in every section; with bytes behind its end; from a newer format.
"""
import json
import os
import random
import subprocess
import sys

PAGE = 4096


def refused(path, data, *words):
    with open(path, "wb") as file:
        file.write(data)
    done = subprocess.run(["moe-run", path, "--tokens", "1", "-n", "1"], capture_output=True, text=True)
    lines = done.stderr.splitlines()
    if (done.returncode != 1 or done.stdout or len(lines) != 1
            or not lines[0].startswith("error: %s: " % path)
            or not all(word in lines[0] for word in words)):
        sys.exit("%s: exit code %d, %r, %r" % (words, done.returncode, done.stdout, done.stderr))
    return lines[0]


def main():
    module, work = sys.argv[1:]
    with open(module, "rb") as file:
        whole = file.read()
    inspected = subprocess.run(["moe-run", module, "--inspect", "--json"], check=True, capture_output=True)
    sections = json.loads(inspected.stdout)["sections"]
    path = os.path.join(work, "damaged.moe")
    chance = random.Random(1)
    pages = range(len(whole) // PAGE)
    for page in [0, 1, 2, pages[-1]] + chance.sample(pages, 12):
        for size in (page * PAGE, page * PAGE + 1):
            refused(path, whole[:size])
    print(refused(path, whole[: PAGE * 3]))
    print(refused(path, whole + b"x"))
    for section in [{"name": "header", "offset": 0, "size": 100}] + sections:
        at = section["offset"] + chance.randrange(section["size"])
        damaged = bytearray(whole)
        damaged[at] ^= 1 << chance.randrange(8)
        print(section["name"], refused(path, bytes(damaged)))
    newer = bytearray(whole)
    newer[8] += 1  # the major version
    print(refused(path, bytes(newer)))


if __name__ == "__main__":
    main()
