"""Commands under a limit of memory, by control groups of Linux, version 1 or 2.

Needs root, and a memory controller that groups may be made in. The limit covers
what a process allocates and the page cache that its reads fill.
"""
import os
import subprocess
import sys


def mounts(kind):
    """(mount point, options) of the file systems of a kind."""
    with open("/proc/mounts", encoding="utf-8") as file:
        for line in file:
            _, place, name, options = line.split()[:4]
            if name == kind:
                yield place, options.split(",")


def find_parent():
    """(folder to make groups in, version). In version 1 the own group if it is to
    be seen; in version 2 the root, whose processes do not stand in the way."""
    for place, options in mounts("cgroup"):
        if "memory" in options:
            with open("/proc/self/cgroup", encoding="utf-8") as file:
                own = next((l.strip().split(":", 2)[2] for l in file if ":memory:" in l), "/")
            folder = os.path.join(place, own.lstrip("/"))
            return (folder if os.path.isdir(folder) else place), 1
    for place, _ in mounts("cgroup2"):
        with open(os.path.join(place, "cgroup.controllers"), encoding="utf-8") as file:
            if "memory" in file.read().split():
                return place, 2
    sys.exit("no control groups for memory are mounted")


def write(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(str(value))


class MemoryLimit:
    """A group of its own; `limited` in front of a command puts it there."""

    def __init__(self, limit):
        if os.geteuid():
            sys.exit("limiting memory needs root")
        parent, version = find_parent()
        self.folder = os.path.join(parent, "moe-benchmark-%d" % os.getpid())
        if version == 2:
            write(parent, "cgroup.subtree_control", "+memory")
        os.mkdir(self.folder)
        try:
            self.set_limits(limit, version)
        except OSError:
            os.rmdir(self.folder)
            raise

    def set_limits(self, limit, version):
        write(self.folder, "memory.max" if version == 2 else "memory.limit_in_bytes", limit)
        swap, value = ("memory.swap.max", 0) if version == 2 else ("memory.memsw.limit_in_bytes", limit)
        if os.path.exists(os.path.join(self.folder, swap)):
            write(self.folder, swap, value)

    def limited(self, command):
        return ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', os.path.join(self.folder, "cgroup.procs"), *command]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.rmdir(self.folder)


class NoLimit:
    def limited(self, command):
        return command

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def forget_cached(path):
    """Drops a file from the page cache, so that each run begins alike."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def run(command):
    """(standard output, bytes that it had read from disks)."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit("failed with exit code %d: %s" % (process.returncode, " ".join(command)))
    return said, usage.ru_inblock * 512
