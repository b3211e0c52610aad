"""docs/LPU.md says what the LPU's headers and machine files say.

  lpu_page.py ROOT

Prints what is missing as `file: what` and exits with 1 if there is anything.
"""
import json
import os
import re
import sys


def read(root, *path):
    with open(os.path.join(root, *path), encoding="utf-8") as file:
        return file.read()


def rows(page):
    """Cells of all rows of tables."""
    for line in page.splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def opcodes(header):
    body = re.search(r"typedef enum \{([^}]*)\} moert_lpu_opcode_t;", header).group(1)
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    found = re.findall(r"MOERT_LPU_(\w+)\s*=\s*(\d+)", body)
    return [[number, "`%s`" % name] for name, number in found]


def hazards(header):
    # A text may go on in the next line of the macro.
    joined = re.sub(r'"\s*\\\s*"', "", header)
    found = re.findall(r'HAZARD\((\d+),\s*"([^"]*)"\)', joined)
    return [["H" + number, text] for number, text in found]


def members(machine):
    """Each member and, where it has one, its value as the page writes it."""
    for name, value in machine.items():
        if isinstance(value, dict):
            yield from (["`%s.%s`" % (name, inner), text(of)] for inner, of in value.items())
        elif isinstance(value, str):
            continue
        else:
            yield ["`%s`" % name, text(value)]


def text(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "%d" % value


def missing(root):
    page = read(root, "docs", "LPU.md")
    begins = {tuple(cells[:2]) for cells in rows(page)}
    folder = os.path.join(root, "runtime", "src", "lpu", "machines")
    wanted = [("opcode", opcodes(read(root, "runtime", "include", "moert", "abi", "lpu.h")), 48),
              ("hazard", hazards(read(root, "runtime", "drivers", "lpu", "Simulator", "Hazards.h")), 38),
              ("member", list(members(json.loads(read(folder, "tsp1.json")))), 53)]
    for kind, pairs, least in wanted:
        if len(pairs) < least:
            yield "this program: finds %d of kind %s, knows of %d" % (len(pairs), kind, least)
        for pair in pairs:
            if tuple(pair) not in begins:
                yield "docs/LPU.md: no row of a table begins with %s %s | %s" % (kind, *pair)
    named = {cells[0] for cells in rows(page)}
    for file in sorted(os.listdir(folder)):
        name = "`%s`" % file.removesuffix(".json")
        if name not in named:
            yield "docs/LPU.md: no row of a table begins with machine %s" % name


def main():
    offences = list(missing(sys.argv[1]))
    print("\n".join(offences) or "none")
    return bool(offences)


if __name__ == "__main__":
    sys.exit(main())
