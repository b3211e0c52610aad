"""check_roofline.py WORK: bytes of the matrices of one token in gpu_roofline.py, over
those that moe-run finds in a module of the same shape."""
import json
import os
import subprocess
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "..", "..", "benchmarks"))
import gpu_roofline
import gpu_shapes

work = sys.argv[1]
os.makedirs(work, exist_ok=True)
# Fewer and smaller layers, so that a file may be filled; the head's share is small.
SMALL = {"layers": 2, "experts": 16, "vocab": 1024}
gpu_shapes.SHAPES["olmoe"].update(SMALL)
gpu_shapes.write_hollow(work + "/shape", "olmoe")
for storage, scheme in (("q35", "q35"), ("bf16", "none")):
    subprocess.run(["moe-compile", work + "/shape", "--no-weights", "--quantize=" + scheme, "-o", work + "/h.moe"],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["moe-fill", work + "/h.moe", "-o", work + "/f.moe"], check=True)
    said = subprocess.run(["moe-run", work + "/f.moe", "--inspect", "--json"], check=True, capture_output=True)
    active = json.loads(said.stdout)["active_bytes_per_token"]
    table = gpu_roofline.Table(gpu_roofline.Model("olmoe", storage), 1, 1, "h200").build()
    names = ("queries, keys, values", "output of attention", "router", "experts, gate and up", "experts, down", "head")
    bytes_ = sum(l[1] * l[2] for l in table.lines if l[0] in names)
    print("olmoe %s %.2f" % (storage, active / bytes_))
    os.remove(work + "/f.moe")
