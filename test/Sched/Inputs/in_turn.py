"""Writes a trace for layers.mlir: its layers choose 2, 4 and 6 experts in turn, two at a time.

  in_turn.py OUT UTILS
"""
import sys

sys.path.insert(0, sys.argv[2])
import make_routing_trace as traces

trace = traces.make(layers=(0, 2, 3), model=traces.fingerprint("layers;null;32;8;4;8;2"))
layers = trace["records"]["layers"]
for row in range(len(layers)):
    for layer in range(3):
        first = 2 * (row % (layer + 1))
        layers["chosen"][row, layer] = [first, first + 1]
        layers["logits"][row, layer] = 0
        layers["logits"][row, layer, first : first + 2] = 2, 1
traces.write(sys.argv[1], trace)
