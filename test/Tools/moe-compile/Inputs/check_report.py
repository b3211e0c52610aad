"""check_report.py REPORT INSPECT OUTPUT: whether the report of the codes is right
about what it can be told from elsewhere."""

import json
import re
import sys

report, inspect = (json.load(open(path)) for path in sys.argv[1:3])
with open(sys.argv[3]) as file:
    quantized, whole = map(float, re.findall(r"([\d.]+) bits", file.read()))
tensors = {t["name"]: t for t in report["tensors"]}
parameters = {p["name"]: p for p in inspect["parameters"]}

assert abs(report["bits_per_weight"] - quantized) < 1e-3
assert abs(report["file_bits_per_weight"] - whole) < 1e-3
assert abs(inspect["weight_bits"] / report["file_weights"] - whole) < 1e-3
assert len(tensors) == 6 * 7 + 1
assert report["bytes"] == sum(t["bytes"] for t in tensors.values())
assert report["weights"] == sum(t["weights"] for t in tensors.values())

errors = {"q8": 2e-4, "q4": 0.02, "q35-vq": 0.025}
for name, tensor in tensors.items():
    weights = 1
    for size in tensor["shape"]:
        weights *= size
    assert tensor["weights"] == weights, name
    assert abs(tensor["bits_per_weight"] - 8 * tensor["bytes"] / weights) < 1e-9, name
    assert 0 < tensor["relative_mse"] <= errors[tensor["scheme"]], (name, tensor)
    limit = 4 ** -tensor["bits_per_weight"]
    assert abs(tensor["relative_mse_to_limit"] * limit / tensor["relative_mse"] - 1) < 1e-9, name
    assert tensor["relative_mse_to_limit"] > 1, name
    assert tensor["output_relative_mse"] is None, name
    experts = tensor.get("expert_relative_mse", [])
    assert len(experts) == (8 if ".experts." in name else 0), name
    # What the module holds has the size and scheme that the report says.
    if not experts:
        assert parameters[name]["size"] == tensor["bytes"], name
        assert parameters[name]["scheme"] == tensor["scheme"], name
banks = {}
for name in parameters:
    if ".experts." in name:
        layer = name.split(".experts.")[0]
        banks[layer] = banks.get(layer, 0) + parameters[name]["size"]
for layer, size in banks.items():
    assert size == sum(tensors[f"{layer}.experts.{m}"]["bytes"] for m in ("gate", "up", "down")), layer
