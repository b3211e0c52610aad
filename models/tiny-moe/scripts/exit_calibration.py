#!/usr/bin/env python3
"""Writes exit-calibration.jsonl: prompts with answers, drawn like the evaluation
items of goldens/eval_tasks.jsonl (held out from training, too) and none of them.

  exit_calibration.py MODEL_DIR >MODEL_DIR/exit-calibration.jsonl
"""
import json
import os
import random
import sys

import corpus

SEEDS = (1, 2)  # 0 made the evaluation items

with open(os.path.join(sys.argv[1], "goldens", "eval_tasks.jsonl")) as file:
    seen = {json.loads(line)["prompt"] for line in file}
items = []
for seed in SEEDS:
    for item in corpus.eval_tasks(seed):
        if item["prompt"] not in seen:
            seen.add(item["prompt"])
            items.append(item)
# Whoever takes a part of the lines gets all tasks.
random.Random("tiny-moe/exit-calibration").shuffle(items)
for item in items:
    print(json.dumps(item))
