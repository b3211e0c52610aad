#!/usr/bin/env python3
"""Every kernel of some models assembles for sm_80 and sm_90, without spills, in as
many registers and as much shared memory as its family may have.

usage: gpu_registers.py <folder for files> <source folder> <model> <scheme>"""
import json
import os
import re
import subprocess
import sys

# Family (a pattern of the whole kernel's name), most registers, most bytes of shared
# memory of a block. A kernel belongs to the first family that it matches.
FAMILIES = [
    # Rows.
    (r"(embed|pick|place|copy|zeros|add|clamp|combine|scale|rope|kv_append)_.*", 32, 0),
    (r"norm_.*", 72, 4096),
    (r"quantize_.*", 40, 2048),
    (r"activate_.*", 56, 1024),
    # Routes.
    (r"route_.*", 32, 1024),
    (r"(sort_assignments|note_ready)_.*", 56, 1024),
    # Attention. A block of splits keeps its part of the state.
    (r"attention_exact_.*", 56, 1024),
    (r"attention_tiles_.*", 128, 28672),
    (r"attention_split_.*", 96, 81920),
    (r"attention_combine_.*", 64, 0),
    # Products of elements: lines of the sum in the order of all targets; few rows;
    # many, three stages of both operands for tensor cores.
    (r"linear_exact_.*", 40, 25600),
    (r"linear_vector_1_.*", 48, 0),
    (r"linear_vector_[48]_.*", 80, 0),
    (r"linear_tensor_64_.*", 255, 49664),
    (r"linear_tensor_128_.*", 255, 74752),
    # Products of codes; those of q35 have a table.
    (r"stored_vector_.*_m1_.*", 128, 34816),
    (r"stored_vector_(experts_)?q35_.*_m4_.*", 128, 36864),
    (r"stored_vector_.*_m4_.*", 255, 36864),
    (r"stored_matrix_.*", 255, 66560),
]


def compile_model(folder, source, model, scheme, arch):
    report = os.path.join(folder, arch + ".json")
    subprocess.run(
        ["moe-compile", os.path.join(source, model), "--target=gpu", "--gpu-arch=" + arch,
         "--quantize=" + scheme, "--no-weights", "--gpu-report=" + report,
         "-o", os.path.join(folder, "model.moe")], check=True)
    with open(report) as file:
        return json.load(file)["kernels"]


def check(kernel, arch, use):
    name = kernel["name"]
    for pattern, registers, shared in FAMILIES:
        if re.fullmatch(pattern, name):
            break
    else:
        return ["%s: is of no family in %s" % (name, os.path.basename(__file__))]
    wrong = []
    for key in ("spill_stores", "spill_loads", "stack_bytes"):
        if use[key]:
            wrong.append("%s on %s: %s is %d, expected 0" % (name, arch, key, use[key]))
    if not 0 < use["registers"] <= registers:
        wrong.append("%s on %s: %d registers, the family has up to %d"
                     % (name, arch, use["registers"], registers))
    if use["shared_bytes"] > shared:
        wrong.append("%s on %s: %d bytes of shared memory, the family has up to %d"
                     % (name, arch, use["shared_bytes"], shared))
    if not use["occupancy"] > 0:
        wrong.append("%s on %s: no block fits" % (name, arch))
    return wrong


def main():
    folder, source, model, scheme = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    wrong, count = [], 0
    for built in ("sm_80", "sm_90"):
        for kernel in compile_model(folder, source, model, scheme, built):
            count += 1
            uses = [(key, value) for key, value in kernel.items() if key.startswith("sm_")]
            # Code for sm_80 runs on both.
            if len(uses) != (2 if built == "sm_80" else 1):
                wrong.append("%s: %d GPUs reported" % (kernel["name"], len(uses)))
            for arch, use in uses:
                wrong += check(kernel, arch, use)
    print("%d kernels" % count)
    for line in sorted(set(wrong)):
        print(line)
    sys.exit(1 if wrong or not count else 0)


if __name__ == "__main__":
    main()
