"""damage_codes.py FILE: changes one bit in the last byte of codes that is not 0,
and one in the entry of the first matrix."""

import sys

with open(sys.argv[1], "r+b") as file:
    data = bytearray(file.read())
    last = max(i for i, byte in enumerate(data) if byte)
    assert last > 8192, last
    data[last] ^= 1
    data[80] ^= 1
    file.seek(0)
    file.write(data)
