"""What scripts/build-runtime.sh compiles includes nothing that a C++ compiler, its
C library or a bundle of gpu-check.sh does not have.

  minimal_runtime.py ROOT

Prints every offence as `file:line: what` and exits with 1 if there is any.
"""
import os
import re
import sys

CARRIED = re.compile(r"(flatbuffers|nlohmann|CLI|gtest)/|(xxhash|module_generated)\.h$")
SYSTEM = set("""dlfcn.h elf.h fcntl.h link.h immintrin.h cpuid.h poll.h pthread.h sched.h signal.h time.h ucontext.h unistd.h
                assert.h errno.h limits.h math.h stddef.h stdint.h stdio.h stdlib.h string.h omp.h""".split())
# Read where the build found the library, which this one does not look for, and by
# compilers with sanitizers.
OPTIONAL = {"runtime/src/experts/UringReader.cpp": {"liburing.h"},
            "runtime/drivers/gpu-emulator/Emulator/Fibre.cpp":
                {"sanitizer/asan_interface.h", "sanitizer/common_interface_defs.h"}}
GENERATED = {"CachePolicies.def", "ConformanceCode.def", "Drivers.def", "ExitReportPage.inc", "Expectations.def"}


def sources(root):
    """What the script compiles, and the headers beside it."""
    folders = ["runtime/include", "runtime/src", "runtime/cli", "runtime/cts", "runtime/fill", "runtime/drivers",
               "tools/moe-run", "tools/moe-fill"]
    for folder in folders:
        for here, below, files in os.walk(os.path.join(root, folder)):
            below[:] = sorted(d for d in below if d not in ("test", "lpu"))
            for file in sorted(files):
                name = os.path.relpath(os.path.join(here, file), root)
                if name.startswith("runtime/src/tokenizer/") and file != "None.cpp" and not file.endswith(".h"):
                    continue
                if file.endswith((".cpp", ".h", ".inc")):
                    yield name
    yield "benchmarks/gpu_limits.cpp"


def is_allowed(name, header, isOurs):
    if header in OPTIONAL.get(name, ()) or CARRIED.match(header) or header in GENERATED:
        return True
    if isOurs:
        return True  # a compiler finds it, or says so
    return re.match(r"[a-z_0-9]+$", header) or header in SYSTEM or header.startswith(("sys/", "linux/"))


def offences(root):
    count = 0
    for name in sources(root):
        with open(os.path.join(root, name), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
                if not match:
                    continue
                count += 1
                header = match.group(2)
                if header.startswith(("lpu/", "lpu_generated")):
                    yield "%s:%d: %s belongs to the driver of the LPU, which is left out" % (name, number, header)
                elif not is_allowed(name, header, match.group(1) == '"'):
                    yield "%s:%d: %s is no header of a C++ compiler, its C library or a bundle" % (name, number, header)
    if count < 300:
        yield "this program: finds %d includes, knows of 300" % count


def main():
    found = list(offences(sys.argv[1]))
    print("\n".join(found) or "none")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
