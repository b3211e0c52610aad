"""What reviewers would otherwise have to remember, one check per name.

  house.py CHECK ROOT [llvm-tblgen [LLVM include directory]]

Prints every offence as `file:line: what` and exits with 1 if there is any.
"""
import collections
import json
import os
import re
import subprocess
import sys

COMPILER = ("include", "lib", "tools")
SOURCES = (".cpp", ".h", ".c", ".td", ".inc", ".fbs")


def walk(root, *folders):
    """Paths of all files below the folders, without build folders and data."""
    for folder in folders or (".",):
        for here, below, files in os.walk(os.path.join(root, folder)):
            below[:] = sorted(
                d for d in below
                if not d.startswith(("build", ".git", "__pycache__")) and d not in ("shared", "goldens", "Inputs"))
            for file in sorted(files):
                yield os.path.normpath(os.path.join(here, file))


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


#===-- Layers ----------------------------------------------------------------===

# A component includes its own headers and those of lower rank. Passes that place
# fetches ask predictors and the cost model, so they stand above the dialect.
SCHEDULING = "Dialect/Sched/Transforms"
RANK = {"Support": 0, "Interfaces": 0, "Dialect": 1, "Analysis": 2, "Conversion": 3, "HostCode": 3, "Model": 4,
        "Quant": 4, "Calibration": 4, "Prefetch": 4, "Exit": 4, "Reference": 4, "Target": 4,
        "Container": 4, SCHEDULING: 5, "Pipelines": 6, "Driver": 7, "tools": 8}
# Within one rank these arrows are meant: the container holds what a backend made,
# what a scheme encoded and what was certified of exits; evaluating, writing and calibrating read weights,
# evaluating encodes them too, kernels rotate with the signs of the encoder, and
# calibrating serves it. Predictors are judged by evaluating their IR.
SIDEWAYS = {("Container", "Target"), ("Container", "Model"), ("Container", "Quant"), ("Container", "Exit"),
            ("Exit", "Quant"), ("Exit", "Model"),
            ("Target", "Quant"),
            ("Reference", "Model"), ("Reference", "Quant"), ("Calibration", "Model"),
            ("Calibration", "Quant"), ("Prefetch", "Reference")}
# Within the runtime: what sits in a folder of runtime/src includes these others.
BELOW = {"base": (), "container": ("base",), "cache": ("base",), "experts": ("base", "cache", "container"),
         "gpu": ("base", "cache", "experts", "native"), "native": ("base",),
         "measure": ("base", "container", "experts"), "sampler": ("base",), "tokenizer": ("base",)}
# The registry is the door that plug-ins come through.
DOOR = "moe/Driver/Registry.h"
# What of the runtime the compiler may see: the treaty, the schema, the writer of
# the format, and the policies that the simulator shares with the expert store.
SHARED = re.compile(r"moert/abi/|moert/status\.h$|module_generated\.h$|container/Writer\.h$|cache/CachePolicy\.h$")
RUNTIME = ("moert/", "base/", "cache/", "container/", "experts/", "gpu/", "measure/", "native/", "sampler/", "session/",
           "tokenizer/")
# The importer asks the runtime's tokenizer, through its C API, whether it would
# take the checkpoint's tokenizer.json; calibration asks it for tokens, and the
# driver has it run modules whose exits are calibrated.
API_USERS, API = ("lib/Model/Import/", "lib/Calibration/", "lib/Driver/"), "moert/moert.h"
KINDS = {"lib/Model/Families", "lib/Quant", "lib/Target", "lib/Prefetch/Predictors", "lib/Exit/Policies"}


def component(path):
    parts = path.split("/")
    if parts[0] == "tools":
        return "tools"
    if SCHEDULING in path:
        return SCHEDULING
    if parts[:2] == ["include", "moe"]:
        return parts[2]
    return parts[1] if parts[0] == "lib" and len(parts) > 2 else None


def member(path):
    """The folder of a kind that the file belongs to, or None."""
    for kind in KINDS:
        if path.startswith(kind + "/") and path.count("/") > kind.count("/") + 1:
            return "/".join(path.split("/")[: kind.count("/") + 2])
    return None


def includes_of(path):
    text = read(path)
    for match in re.finditer(r'^\s*#\s*include\s*["<]([^">]+)[">]', text, re.M):
        yield line_of(text, match.start()), match.group(1)


def check_layers(root):
    for path in walk(root, *COMPILER):
        if not path.endswith((".cpp", ".h")):
            continue
        name = os.path.relpath(path, root)
        mine = component(name)
        if name.startswith("tools/moe-run/"):
            mine = None
        for line, header in includes_of(path):
            where = "%s:%d" % (name, line)
            if header.startswith("moe/") and header != DOOR and mine:
                other = component("include/" + header)
                if other not in RANK or mine not in RANK:
                    yield "%s: %s is in no layer" % (where, other)
                elif other != mine and RANK[other] >= RANK[mine] and (
                        mine, other) not in SIDEWAYS:
                    yield "%s: %s must not include %s" % (where, mine, header)
            elif header.startswith(RUNTIME) and mine and not SHARED.search(header) and not (
                    name.startswith(API_USERS) and header == API):
                yield "%s: the compiler must not include %s" % (where, header)
            if header.startswith("..") or "/../" in header:
                yield "%s: %s climbs out of its folder" % (where, header)
            mine_member = member(name)
            other_member = member("lib/" + header[4:]) if header.startswith("moe/") else None
            if mine_member and other_member and mine_member != other_member:
                yield "%s: %s must not know %s" % (where, mine_member, other_member)


def check_runtime_alone(root):
    for path in walk(root, "runtime", "tools/moe-run"):
        if not path.endswith((".cpp", ".h", ".c")):
            continue
        for line, header in includes_of(path):
            if header.startswith(("llvm/", "llvm-c/", "mlir/", "mlir-c/", "moe/", "lld/", "clang/")):
                yield "%s:%d: the runtime must not include %s" % (
                    os.path.relpath(path, root), line, header)


def check_runtime_layers(root):
    """Sessions know stores and policies, which know neither sessions nor modules."""
    for path in walk(root, "runtime/src"):
        name = os.path.relpath(path, root)
        mine = name.split("/")[2]
        if mine not in BELOW or not path.endswith((".cpp", ".h")):
            continue
        for line, header in includes_of(path):
            other = header.split("/")[0]
            if header.startswith(RUNTIME[1:]) and other != mine and other not in BELOW[mine]:
                yield "%s:%d: %s must not include %s" % (name, line, mine, header)


#===-- Words -----------------------------------------------------------------===

UNFINISHED = re.compile(
    r"\b(TODO|FIXME|XXX|HACK)\b|\bfor now\b|\bnot implemented yet\b|\bplaceholder implementation\b")
MACHINE = re.compile(r"/(work|root|home|Users|mnt)/\w|/tmp/(?!\w*\$|moe-)\w")


def check_words(root):
    for path in walk(root):
        name = os.path.relpath(path, root)
        if not path.endswith(SOURCES + (".py", ".sh", ".cmake", ".txt", ".md", ".mlir", ".test", ".json")):
            continue
        if name.startswith(("models/", "test/Guards/")) or "/corpus/" in name:
            continue
        text = read(path)
        for pattern, what in ((UNFINISHED, "unfinished work"), (MACHINE, "a path of one machine")):
            for match in pattern.finditer(text):
                yield "%s:%d: %s: %s" % (name, line_of(text, match.start()), what, match.group(0))


def check_size(root):
    """No source file over 60 KB."""
    for path in walk(root):
        name = os.path.relpath(path, root)
        if path.endswith(SOURCES + (".py", ".sh", ".cmake", ".md", ".mlir", ".test")):
            size = os.path.getsize(path)
            if size > 60 * 1024 and not name.startswith("models/"):
                yield "%s:1: %d bytes, at most 61440" % (name, size)


#===-- C++ -------------------------------------------------------------------===


def check_options(root):
    """Global options only in the driver."""
    for path in walk(root, *COMPILER):
        name = os.path.relpath(path, root)
        if name.startswith(("lib/Driver/", "include/moe/Driver/")) or not path.endswith((".cpp", ".h")):
            continue
        text = read(path)
        for match in re.finditer(r"\bcl::(opt|list|bits|alias)\b", text):
            yield "%s:%d: %s outside lib/Driver" % (name, line_of(text, match.start()), match.group(0))


def body_after(text, offset):
    """The {...} that starts behind the offset; empty for a declaration."""
    start = text.find("{", offset)
    stop = text.find(";", offset)
    if start < 0 or 0 <= stop < start:
        return ""
    depth = 0
    for i in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return text[start : i + 1]
    return text[start:]


def check_patterns(root):
    """Patterns decline (notifyMatchFailure), passes complain."""
    for path in walk(root, "lib"):
        if not path.endswith((".cpp", ".h")):
            continue
        text = read(path)
        for match in re.finditer(r"\bmatchAndRewrite\s*\(", text):
            body = body_after(text, match.end())
            for error in re.finditer(r"\bemit(Op)?Error\b", body):
                yield "%s:%d: %s in a rewrite pattern" % (
                    os.path.relpath(path, root), line_of(text, match.start()), error.group(0))


def check_diagnostics(root):
    """At least one negative test per place that rejects IR."""
    sites = collections.Counter()
    for path in walk(root, "lib"):
        if path.endswith((".cpp", ".h")):
            count = len(re.findall(r"\bemit(?:Op)?Error\s*\(", read(path)))
            if count:
                sites[component(os.path.relpath(path, root))] += count
    tests = sum(len(re.findall(r"expected-error", read(path)))
                for path in walk(root, "test", "lib") if path.endswith(".mlir"))
    total = sum(sites.values())
    print("%d expected errors for %d places that reject IR (%s): %.2f"
          % (tests, total, ", ".join("%s %d" % s for s in sites.most_common()), tests / max(total, 1)))
    if tests < total:
        yield "test:1: fewer expected errors than places that reject IR"


#===-- TableGen --------------------------------------------------------------===


def records(root, tblgen, include, path):
    done = subprocess.run(
        [tblgen, "--dump-json", "-I", root, "-I", os.path.join(root, "include"), "-I", include, path],
        capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def definitions(root, tblgen, include, base, suffix):
    """(file, record) of every def of a class in our .td files."""
    for path in walk(root, "include", "lib"):
        if not path.endswith(suffix):
            continue
        dump = records(root, tblgen, include, path)
        for name in dump["!instanceof"].get(base, []):
            if re.search(r"\bdef\s+%s\b" % re.escape(name), read(path)):
                yield os.path.relpath(path, root), dump[name]


def check_descriptions(root, tblgen, include):
    """Every operation and pass has a summary, a description and an example."""
    for base, suffix in (("Op", "Ops.td"), ("PassBase", "Passes.td")):
        found = 0
        for path, record in definitions(root, tblgen, include, base, suffix):
            found += 1
            text = record.get("description") or ""
            for condition, what in ((record.get("summary"), "summary"), (text.strip(), "description"),
                                    ("```mlir" in text, "example (```mlir)")):
                if not condition:
                    yield "%s:1: %s has no %s" % (path, record["!name"], what)
        print("%d of class %s" % (found, base))
        if not found:
            yield "include:1: no definition of class %s found" % base


def check_passes(root, tblgen, include):
    """Every pass is run by two test files at least."""
    tests = {path: read(path) for path in walk(root, "test", "lib") if path.endswith((".mlir", ".test"))}
    for path, record in definitions(root, tblgen, include, "PassBase", "Passes.td"):
        argument = record["argument"]
        users = [t for t, text in tests.items() if re.search(r"(?<!\w)(?<!\w-)%s(?![\w-])" % re.escape(argument), text)]
        print("%s: %d tests" % (argument, len(users)))
        if len(users) < 2:
            yield "%s:1: pass %s has %d tests, at least 2 are wanted" % (path, argument, len(users))


#===-- Documents -------------------------------------------------------------===


def anchors(text):
    for title in re.findall(r"^#+\s+(.*?)\s*$", re.sub(r"```.*?```", "", text, flags=re.S), re.M):
        yield re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def check_links(root):
    """Relative links of documents lead somewhere."""
    for path in walk(root):
        if not path.endswith(".md"):
            continue
        text = re.sub(r"```.*?```", lambda m: "\n" * m.group(0).count("\n"), read(path), flags=re.S)
        for match in re.finditer(r"\]\(([^)\s]+)\)", text):
            link, _, anchor = match.group(1).partition("#")
            if re.match(r"[a-z]+:", link):
                continue
            target = os.path.normpath(os.path.join(os.path.dirname(path), link)) if link else path
            where = "%s:%d" % (os.path.relpath(path, root), line_of(text, match.start()))
            if not os.path.exists(target):
                yield "%s: %s does not exist" % (where, link)
            elif anchor and target.endswith(".md") and anchor not in anchors(read(target)):
                yield "%s: %s has no section %s" % (where, link or "the page", anchor)


def check_howto(root):
    """Every HowTo page is in the list of them."""
    folder = os.path.join(root, "docs", "HowTo")
    listed = read(os.path.join(folder, "README.md"))
    for file in sorted(os.listdir(folder)):
        if file.endswith(".md") and file != "README.md" and "(%s)" % file not in listed:
            yield "docs/HowTo/%s:1: is not in docs/HowTo/README.md" % file


def main():
    checks = {name[6:].replace("_", "-"): function
              for name, function in globals().items() if name.startswith("check_")}
    if len(sys.argv) < 3 or sys.argv[1] not in checks:
        sys.exit("checks: " + " ".join(sorted(checks)))
    offences = list(checks[sys.argv[1]](*sys.argv[2:]))
    for offence in offences:
        print(offence)
    sys.exit(1 if offences else 0)


if __name__ == "__main__":
    main()
