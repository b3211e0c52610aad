"""Runs the examples of a document: run_examples.py FILE.md

In ```console blocks, `$ ` starts a command; the lines up to the next one are what
it must print, standard output and error together. `...` stands for any text in
a line, and alone on a line for any lines. Commands share one folder, the
current one. In ```sh blocks only the programs' existence is checked: they install.
"""
import os
import re
import shlex
import shutil
import subprocess
import sys


def blocks(text, language):
    for match in re.finditer(r"^```%s\n(.*?)^```" % language, text, re.S | re.M):
        yield text.count("\n", 0, match.start()) + 1, match.group(1)


def pattern(expected):
    parts = []
    for line in expected.splitlines():
        if line == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(p) for p in line.split("...")) + r"\n")
    return "".join(parts)


def examples(block):
    """(command, expected output)"""
    for chunk in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, expected = chunk.partition("\n")
        yield command, expected


def check_programs(root, line, block):
    for command in block.splitlines():
        words = shlex.split(command, comments=True)
        if words and "=" in words[0]:
            continue
        if words and words[0] not in ("export", "cd"):
            there = os.access(os.path.join(root, words[0]), os.X_OK) if "/" in words[0] else shutil.which(words[0])
            if not there:
                sys.exit("line %d: %s does not exist" % (line, words[0]))


def main():
    path = sys.argv[1]
    root = os.path.dirname(os.path.abspath(path))
    with open(path, encoding="utf-8") as file:
        text = file.read()
    run = 0
    for line, block in blocks(text, "console"):
        for command, expected in examples(block):
            done = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
            run += 1
            output = done.stdout
            if output and not output.endswith("\n"):
                output += "\n"
            if not re.fullmatch(pattern(expected), output):
                sys.exit("line %d: $ %s\nprinted:\n%sexpected:\n%s" % (line, command, output, expected))
    for line, block in blocks(text, "sh"):
        check_programs(root, line, block)
    print("%d examples" % run)
    sys.exit(0 if run else "no example found")


if __name__ == "__main__":
    main()
