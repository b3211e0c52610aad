"""fill_storages.py CHECKPOINT HIDDEN WORK: how large the weights are that moe-fill
makes of each storage: the deviation of logits over the length of the features in
front of the head, which are as long as the root of their number."""
import subprocess
import sys

import numpy as np

checkpoint, hidden, work = sys.argv[1], int(sys.argv[2]), sys.argv[3]
for scheme in ("none", "q8", "q4-32", "q35", "q35-vq", "q35-4x3"):
    module, filled, logits = work + "/s.moe", work + "/s-filled.moe", work + "/s.npy"
    subprocess.run(["moe-compile", checkpoint, "--no-weights", "--quantize=head:" + scheme, "-o", module], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["moe-fill", module, "-o", filled], check=True)
    subprocess.run(["moe-run", filled, "--tokens", "5,6,7,8,9", "--logits", logits, "-t", "1"], check=True,
                   stdout=subprocess.DEVNULL)
    print(scheme, "%.3f" % (np.load(logits).std() / hidden ** 0.5))
