"""Writes exit_scores.txt: how sure tiny-moe was of each token of its answers to the
472 golden tasks, behind each layer, by the float64 reference at full depth.

  record_exits.py MODEL_DIR >exit_scores.txt

A line is a token: the number of its task, the largest probability behind layers 1
to 5 in 1/10000, rounded down, and for each of these 1 if the likeliest token is
that of the last layer.
"""
import json
import os
import sys

import numpy as np

folder = sys.argv[1]
sys.path.insert(0, os.path.join(folder, "scripts"))
import bpe
import reference

STEPS = 32
ref = reference.Reference(folder)
tokens = bpe.Tokenizer.load(os.path.join(folder, "tokenizer.json"))
with open(os.path.join(folder, "goldens", "eval_tasks.jsonl")) as file:
    items = [json.loads(line) for line in file]


def ends(token):
    return token == 0 or "\n" in tokens.strings[token].replace("\u010a", "\n")


decoder = reference.Decoder(ref, [item["prompt_ids"] for item in items], STEPS + 2)
decoder.k, decoder.v = decoder.k0, decoder.v0
rows = np.arange(len(items))
token = np.array([item["prompt_ids"][-1] for item in items])
position = np.array([len(item["prompt_ids"]) - 1 for item in items])
lines = [[] for _ in items]
for _ in range(STEPS):
    x = ref.embed[token]
    scores, best = [], []
    for layer in range(ref.n_layers):
        x = decoder.layer(layer, x, rows, position)
        p = reference.softmax(ref.logits(x))
        scores.append(p.max(-1))
        best.append(p.argmax(-1))
    for row, task in enumerate(rows):
        sure = " ".join("%d" % (s[row] * 10000) for s in scores[:-1])
        agrees = "".join("%d" % (b[row] == best[-1][row]) for b in best[:-1])
        lines[task].append("%d %s %s" % (task, sure, agrees))
    stays = np.array([not ends(t) for t in best[-1]])
    rows, token, position = rows[stays], best[-1][stays], position[stays] + 1
    if not len(rows):
        break
for task in lines:
    print("\n".join(task))
