"""check_gaussian.py REPORT BITS ERROR: whether the one tensor of a report takes at most
so many bits of a weight and has at most that error, and not less than any code can."""

import json
import sys

bits, error = map(float, sys.argv[2:])
with open(sys.argv[1]) as file:
    (tensor,) = json.load(file)["tensors"]
print(tensor["scheme"], tensor["bits_per_weight"], tensor["relative_mse"])
assert tensor["bits_per_weight"] <= bits
assert 4 ** -tensor["bits_per_weight"] < tensor["relative_mse"] <= error
