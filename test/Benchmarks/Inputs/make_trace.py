"""Writes a routing trace of which all figures can be counted by hand.

  make_trace.py OUT
"""
import struct
import sys

HEADER = struct.Struct("<8s6I3Q64s32s")
EXPERTS, CHOSEN, GUESSES = 4, 2, 3
FIRST = [(0, 1), (0, 1), (0, 2), (0, 1), (3, 1), (0, 1)]


def layer(chosen, guessed):
    return struct.pack("<4f2i2f3i3f", *[0] * EXPERTS, *chosen, *[0] * CHOSEN, *guessed, *[0] * GUESSES)


rows = [struct.pack("<4i", 0, 0, i, i) + layer(chosen, (-1, -1, -1)) + layer((0, 1), (0, 2, 1))
        for i, chosen in enumerate(FIRST)]
with open(sys.argv[1], "wb") as file:
    file.write(HEADER.pack(b"MOEROUT\x1a", 1, 2, EXPERTS, CHOSEN, GUESSES, 0, len(rows), len(rows[0]), 0, b"toy", b"gate"))
    file.write(struct.pack("<2i", 0, 1) + b"".join(rows))
