"""Whether the LPU gave the CPU's tokens, in the cycles that moe-compile printed:

  compare-lpu.py CPU.json LPU.json LOG
"""
import json
import re
import sys

cpu, lpu = (json.load(open(path)) for path in sys.argv[1:3])
printed = int(re.search("([0-9]+) cycles a token", open(sys.argv[3]).read())[1])
assert cpu["tokens"] == lpu["tokens"], (cpu["tokens"], lpu["tokens"])
rows = len(lpu["prompt_tokens"]) + len(lpu["tokens"]) - 1
assert lpu["cycles_per_token"] == printed, (lpu["cycles_per_token"], printed)
assert lpu["simulated_cycles"] == lpu["predicted_cycles"] == rows * printed, lpu
