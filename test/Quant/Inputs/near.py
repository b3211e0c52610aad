"""near.py BOUND A B: whether the rows that moe-evaluate printed to two files differ
by at most BOUND, relative to their size, and by something."""

import sys

import numpy


def read(path):
    with open(path) as file:
        return numpy.array([float(x) for x in file.read().split(":")[1].split()])


a, b = read(sys.argv[2]), read(sys.argv[3])
difference = numpy.linalg.norm(a - b) / numpy.linalg.norm(a)
print("%d numbers differ by %.5f" % (a.size, difference))
assert 0 < difference <= float(sys.argv[1])
