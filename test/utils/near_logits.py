"""Holds the logits of golden prompts against those of the model itself.

  near_logits.py GOLDENS RMS MODULE...   the largest root mean square of differences
"""
import os
import subprocess
import sys
import tempfile

import numpy as np


def logits_of(module, ids, folder):
    out = os.path.join(folder, "logits.npy")
    subprocess.run(["moe-run", module, "--tokens", ",".join(map(str, ids)), "-t", "1", "--logits", out],
                   check=True, stdout=subprocess.DEVNULL)
    return np.load(out)


def main():
    goldens, most, modules = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
    for prompt in (0, 1):
        ids = np.load(os.path.join(goldens, "prompt%d_ids.npy" % prompt))
        wanted = np.load(os.path.join(goldens, "prompt%d_logits.npy" % prompt))
        for module in modules:
            with tempfile.TemporaryDirectory() as folder:
                error = logits_of(module, ids, folder) - wanted
            rms = float(np.sqrt((error ** 2).mean()))
            if not rms <= most:
                sys.exit("prompt %d, %s: logits are %.4f off, %.4f are allowed" % (prompt, module, rms, most))


if __name__ == "__main__":
    main()
