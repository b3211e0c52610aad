"""What the measuring scripts share."""
import json
import os
import statistics
import struct
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
# Of the tools that are measured; MOE_BUILD names another build folder.
TOOLS = os.path.join(os.environ.get("MOE_BUILD") or os.path.join(ROOT, "build"), "bin")


def tool(name):
    return os.path.join(TOOLS, name)


def run(command, **options):
    """Standard output of a command; ends the program, naming it, if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, **options)
    if done.returncode:
        sys.exit("failed with exit code %d: %s" % (done.returncode, " ".join(command)))
    return done.stdout


def compile_module(checkpoint, output, arguments=()):
    run([tool("moe-compile"), checkpoint, "-o", output, *arguments])


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def format_spread(values, digits):
    return "%.*f (%.*f-%.*f)" % (digits, statistics.median(values), digits, min(values), digits, max(values))


def tensors(checkpoint):
    """(name, shape) of every tensor of a checkpoint."""
    for file in sorted(os.listdir(checkpoint)):
        if file.endswith(".safetensors"):
            with open(os.path.join(checkpoint, file), "rb") as data:
                length, = struct.unpack("<Q", data.read(8))
                for name, info in json.loads(data.read(length)).items():
                    if name != "__metadata__":
                        yield name, info["shape"]


def active_weights(checkpoint):
    """Elements of the matrices that one generated token multiplies with, the head
    included: of experts, the chosen ones."""
    with open(os.path.join(checkpoint, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    experts = next((config[k] for k in ("num_experts", "num_local_experts") if config.get(k)), 1)
    chosen = config.get("num_experts_per_tok", 1)
    total = 0
    tied = config.get("tie_word_embeddings", False)
    for name, shape in tensors(checkpoint):
        if len(shape) < 2 or ("embed" in name and not tied):
            continue
        size = 1
        for extent in shape:
            size *= extent
        total += size * chosen / experts if ".experts." in name else size
    return round(total)


def markdown(header, rows):
    """Lines of a table; the first column is text, the others are numbers."""
    yield "| " + " | ".join(header) + " |"
    yield "| --- |" + " ---: |" * (len(header) - 1)
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"
