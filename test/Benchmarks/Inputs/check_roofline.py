"""check_roofline.py WORK LIBCUDA: compares gpu_roofline.py with modules of its shapes,
smaller: bytes of the matrices of a token with those that moe-run finds, and kernels of
a token with those that are launched, of which LIBCUDA, which runs none, keeps a log."""
import json
import os
import subprocess
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "..", "..", "benchmarks"))
import gpu_roofline
import gpu_shapes

work, library = sys.argv[1:]
MATRICES = ("queries, keys, values", "output of attention", "router", "experts, gate and up", "experts, down", "head")
# The library's device is so small that positions are not split.
ABSENT = "attention, sum of splits"
os.makedirs(work, exist_ok=True)


def run(*command, **variables):
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **variables})


for shape, small in (("olmoe", {"layers": 2, "experts": 16, "vocab": 1024}),
                     ("mixtral", {"layers": 2, "hidden": 1024, "expert_width": 512, "vocab": 1024})):
    gpu_shapes.SHAPES[shape].update(small)
    gpu_shapes.write_hollow(work + "/shape", shape)
    for storage, scheme in (("q35", "q35"), ("bf16", "none")):
        run("moe-compile", work + "/shape", "--target=gpu", "--ptxas=none", "--no-weights", "--quantize=" + scheme,
            "-o", work + "/h.moe")
        run("moe-fill", work + "/h.moe", "-o", work + "/f.moe")
        active = json.loads(run("moe-run", work + "/f.moe", "--inspect", "--json").stdout)["active_bytes_per_token"]
        log = run("moe-run", work + "/f.moe", "--tokens", "5", "-n", "1", "--json", MOERT_LIBCUDA=library,
                  FAKE_CUDA_LOG="1", FAKE_CUDA_MEMORY=str(1 << 30), MOERT_GPU_GRAPHS="0").stderr
        lines = gpu_roofline.Table(gpu_roofline.Model(shape, storage), 1, 1, "h200").build().lines
        computed = sum(l[1] * l[2] for l in lines if l[0] in MATRICES)
        kernels = sum(l[1] for l in lines if l[0] != ABSENT)
        print("%s %s: bytes %.2f, %d kernels, %d launched" % (
            shape, storage, active / computed, kernels, log.count("launch ")))
        os.remove(work + "/f.moe")
