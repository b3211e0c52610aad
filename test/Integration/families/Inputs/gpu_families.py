"""A tiny random checkpoint of each family, on the CPU and on the emulator of GPUs.

usage: gpu_families.py FOLDER [FAMILY...]
"""
import pathlib
import subprocess
import sys

UTILS = pathlib.Path(__file__).resolve().parents[3] / "utils"
FAMILIES = {
    "llama": ["--rope-type", "llama3"],
    "mistral": ["--set", "sliding_window=5"],
    "mixtral": ["--experts", "9", "--top-k", "3", "--expert-width", "41", "--dtype", "f16"],
    "olmoe": ["--set", "clip_qkv=0.8", "--dtype", "f32"],
    "qwen2_moe": ["--layers", "4", "--set", "decoder_sparse_step=2", "--shared-width", "33"],
    "qwen3_moe": ["--layers", "3", "--set", "mlp_only_layers=[1]"],
    "qwen3": ["--tie"],
}
TOKENS = "3,141,59,26,53,58,97,93,238,46,26,43"


def main():
    folder = pathlib.Path(sys.argv[1])
    for family in sys.argv[2:] or FAMILIES:
        checkpoint = folder / family
        for script, *arguments in (
                ["make_checkpoint.py", checkpoint, "--family", family, *FAMILIES[family]],
                ["check_gpu.py", folder / (family + ".out"), checkpoint, "--tokens", TOKENS,
                 "-n", "4"]):
            done = subprocess.run([sys.executable, UTILS / script, *arguments])
            if done.returncode != 0:
                sys.exit("%s: %s failed" % (family, script))
        print(family, "ok", flush=True)


main()
