"""Prompts like the tasks of the goldens, and none of them.

  calibration_prompts.py SCRIPTS GOLDENS NUMBER >FILE.jsonl

SCRIPTS is models/tiny-moe/scripts.
"""
import json
import os
import random
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import corpus

with open(os.path.join(sys.argv[2], "eval_tasks.jsonl"), encoding="utf-8") as tasks:
    held_out = {json.loads(line)["prompt"] for line in tasks}
items = [item for item in corpus.eval_tasks(seed="calibration", per_task=64)
         if item["prompt"] not in held_out]
random.Random(1).shuffle(items)
assert len(items) >= int(sys.argv[3]), len(items)
for item in items[:int(sys.argv[3])]:
    print(json.dumps({"prompt": item["prompt"]}))
