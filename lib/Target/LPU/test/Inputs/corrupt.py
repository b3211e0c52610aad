"""Writes broken copies of an assembled program: corrupt.py PROGRAM FOLDER."""
import pathlib
import struct
import sys

program = pathlib.Path(sys.argv[1]).read_bytes()
folder = pathlib.Path(sys.argv[2])


def replaced(old, new):
    assert len(old) == len(new) and old in program, old
    return program.replace(old, new)


# read row 17 -> s4.w, as it lies in memory
read = struct.pack("<BBBBBBHQ", 8, 0, 0xff, 0xff, 0xff, 0x24, 17, 0)
cases = {
    "empty": b"",
    "magic": program[:4] + b"LPU9" + program[8:],
    "half": program[: len(program) // 2],
    "machine": replaced(b"tsp1\0", b"tsp9\0"),
    "lanes": replaced(b'"superlanes": 20', b'"superlanes": -2'),
    "opcode": replaced(read, b"\7" + read[1:]),
    "row": replaced(read, read[:6] + b"\xff\xff" + read[8:]),
}
folder.mkdir(parents=True, exist_ok=True)
for name, content in cases.items():
    (folder / name).write_bytes(content)
