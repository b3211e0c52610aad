"""Prints the table in LearnThenTestTest.cpp: p-values of Hoeffding and Bentkus,
by rational numbers and decimals of 60 digits instead of logarithms of doubles.

  p_values.py
"""
from decimal import Decimal, getcontext
from fractions import Fraction
from math import comb

getcontext().prec = 60
CASES = ((59, 0, "0.05"), (58, 0, "0.05"), (100, 1, "0.05"), (100, 2, "0.05"), (100, 5, "0.05"), (100, 50, "0.05"),
         (100, 100, "0.05"), (472, 9, "0.05"), (472, 1, "0.02"), (899, 8, "0.02"), (1, 0, "0.5"), (1, 1, "0.5"),
         (10, 3, "0.9"), (20000, 100, "0.01"), (20000, 900, "0.05"), (5000, 0, "0.2"))


def decimal(x):
    return Decimal(x.numerator) / Decimal(x.denominator)


def weigh(a, b):
    return decimal(a) * (decimal(a) / decimal(b)).ln() if a else Decimal(0)


def p_value(n, losses, delta):
    mean = min(Fraction(losses, n), delta)
    divergence = weigh(mean, delta) + weigh(1 - mean, 1 - delta)
    hoeffding = (-n * divergence).exp()
    hits, misses = delta.numerator, delta.denominator - delta.numerator
    tail = sum(comb(n, i) * hits**i * misses ** (n - i) for i in range(losses + 1))
    bentkus = Decimal(1).exp() * Decimal(tail) / Decimal(delta.denominator**n)
    return min(Decimal(1), hoeffding, bentkus)


for n, losses, delta in CASES:
    print("    {%d, %d, %s, %.17g}," % (n, losses, delta, p_value(n, losses, Fraction(delta))))
