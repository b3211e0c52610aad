"""A module generates the text that its checkpoint was made to write.

  check_text.py TEXT.json MODULE
"""
import json
import subprocess
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    ids = json.load(file)
assert sorted(ids) == list(range(3, 600)), "each id but the specials once"
said = subprocess.run(["moe-run", sys.argv[2], "--tokens", str(ids[-2]), "-n", "8", "--json"],
                      stdout=subprocess.PIPE, check=True).stdout
assert json.loads(said)["tokens"] == ids[-1:] + ids[:7], said
