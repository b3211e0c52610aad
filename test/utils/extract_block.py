"""Prints the first block of a language in a document: extract_block.py FILE.md LANGUAGE"""
import re
import sys
import textwrap


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        block = re.search(r"^ *```%s\n(.*?)^ *```" % sys.argv[2], file.read(), re.S | re.M)
    if not block:
        sys.exit("%s has no block of %s" % (sys.argv[1], sys.argv[2]))
    print(textwrap.dedent(block.group(1)), end="")


if __name__ == "__main__":
    main()
