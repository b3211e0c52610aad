"""Writes text like that which tiny-moe was trained on: calibration_text.py FOLDER BYTES >FILE

FOLDER is models/tiny-moe/scripts. Nothing of it is in goldens/heldout.txt.
"""
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import corpus

text = ""
for _, document in corpus.documents("calibration"):
    if len(text) >= int(sys.argv[2]):
        break
    text += document + corpus.EOT
sys.stdout.write(text)
