"""Follows the names of the dialects' constraints, `<op>_c<N>`, through the tree.

  check_constraints.py ROOT

A constraint is written once in a description (include/moe/Dialect/**.td, of a
backend lib/Target/*/IR/*.td) and, in the same words, in docs/Spec*.md; its name
stands in a comment of the verifier (lib/Dialect, lib/Target/*/IR) and in the name
of a model, program or function that a test expects to be refused (test/Dialect,
lib/Target/*/test: **invalid.mlir). Every operation has an example, and a section
in the specification. Prints each gap and exits with 1 if there is one.
"""
import pathlib
import re
import sys

NAME = r"[a-z][a-z_]*_c[0-9]+"


def files(root, folder, pattern):
    return sorted((root / folder).rglob(pattern))


def names(paths, pattern):
    """Names that occur behind the pattern."""
    found = set()
    for path in paths:
        found.update(re.findall(pattern + "(" + NAME + ")", path.read_text()))
    return found


def sentences(paths):
    """Name to sentence of each `* (name) sentence`, and the names given twice."""
    found, twice = {}, set()
    for path in paths:
        item = r"^ *\* \((" + NAME + r")\) ((?:.+\n)(?:(?! *\*| *\}\]).+\n)*)"
        for name, sentence in re.findall(item, path.read_text(), re.M):
            twice |= {name} & found.keys()
            found[name] = " ".join(sentence.split())
    return found, twice


def operations(paths):
    """Mnemonic to the text of each operation's record."""
    found = {}
    for path in paths:
        records = re.split(r"^(?=def )", path.read_text(), flags=re.M)
        for record in records:
            match = re.match(r'def ([A-Za-z]+)_\w+Op : \w+<"(\w+)"', record)
            if match:
                found["%s.%s" % (match.group(1).lower(), match.group(2))] = record
    return found


def gaps(root):
    described = files(root, "include/moe/Dialect", "*.td") + files(root, "lib/Target", "IR/*.td")
    specification = files(root, "docs", "Spec*.md")
    verifiers = files(root, "lib/Dialect", "*.cpp") + files(root, "lib/Target", "IR/*.cpp")
    broken = files(root, "test/Dialect", "*invalid.mlir") + files(root, "lib/Target", "*invalid.mlir")
    stated, twice = sentences(described)
    specified, twice_specified = sentences(specification)
    if not stated:
        yield "no constraint at all in include/moe/Dialect"
    for name in sorted(twice | twice_specified):
        yield "%s is stated twice" % name

    places = {
        "a .td description": stated.keys(),
        "docs/Spec*.md": specified.keys(),
        "a verifier's comment in lib/Dialect or lib/Target": names(verifiers, r"// \(?"),
        "a name in a test **invalid.mlir": names(broken, "@"),
    }
    for name in sorted(set().union(*places.values())):
        for place, there in places.items():
            if name not in there:
                yield "%s does not occur in %s" % (name, place)
    for name in sorted(stated.keys() & specified.keys()):
        if stated[name] != specified[name]:
            yield "%s reads '%s' in a .td but '%s' in docs/Spec*.md" % (
                name, stated[name], specified[name])

    headings = [heading for page in specification
                for heading in re.findall(r"^### `(\S+)`", page.read_text(), re.M)]
    for operation, record in operations(described).items():
        if "Example:" not in record:
            yield "%s has no example" % operation
        if operation not in headings:
            yield "%s has no section in docs/Spec*.md" % operation


def main():
    found = list(gaps(pathlib.Path(sys.argv[1])))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
