"""Compares a run with exits on the LPU with that on the CPU, and with one without."""
import json
import sys

cpu, lpu, full = (json.load(open(name)) for name in sys.argv[1:])
for key in ("tokens", "exit_histogram", "average_layers"):
    assert cpu[key] == lpu[key], (key, cpu[key], lpu[key])
assert sum(lpu["exit_histogram"][:-1]) > 0, "nobody left"
assert lpu["simulated_cycles"] == lpu["predicted_cycles"]
assert lpu["simulated_cycles"] < full["simulated_cycles"], (
    lpu["simulated_cycles"], full["simulated_cycles"])
