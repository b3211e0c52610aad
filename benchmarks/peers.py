"""llama.cpp and ik_llama.cpp beside our modules, where a build of them is there.

LLAMA_CPP and IK_LLAMA_CPP name build folders (with llama-bench and llama-quantize
in them or in bin/). A peer is one file in one format, all of whose matrices have
that format (--pure).
"""
import json
import os
import sys

import common

# Environment variable, name in tables, formats nearest to ours in bits.
PROJECTS = (("LLAMA_CPP", "llama.cpp", ("IQ3_S", "Q3_K", "Q4_0", "Q8_0")),
            ("IK_LLAMA_CPP", "ik_llama.cpp", ("IQ3_K",)))


def find(folder, program):
    for place in (os.path.join(folder, "bin", program), os.path.join(folder, program)):
        if os.access(place, os.X_OK):
            return place
    sys.exit("%s is neither in %s nor in its bin/" % (program, folder))


def convert(folder, checkpoint, output):
    """Makes a GGUF file with the converter of a source tree around the build."""
    for parent in (folder, os.path.join(folder, ".."), os.path.join(folder, "..", "..")):
        script = os.path.join(parent, "convert_hf_to_gguf.py")
        if os.path.exists(script):
            common.run([sys.executable, script, checkpoint, "--outfile", output, "--outtype", "bf16"])
            return output
    sys.exit("no convert_hf_to_gguf.py near %s: give a GGUF file with --gguf" % folder)


class Peer:
    def __init__(self, bench, name, path):
        self.bench, self.name, self.path = bench, name, path

    def decode_command(self, tokens, threads):
        return [self.bench, "-m", self.path, "-p", "0", "-n", str(tokens), "-t", str(threads), "-r", "1", "-o", "json"]

    def measure(self, options):
        """Tokens per second of prefill and decode, and bits per weight of the file."""
        said = common.run([self.bench, "-m", self.path, "-p", str(options.pp), "-n", str(options.tg),
                           "-t", str(options.threads), "-r", "1", "-o", "json"])
        result = {}
        for entry in json.loads(said):
            key = "prefill" if entry["n_prompt"] else "decode"
            result[key + "_tokens_per_second"] = entry["avg_ts"]
            result["bits_per_weight"] = 8 * entry["model_size"] / entry["model_n_params"]
        missing = {"prefill_tokens_per_second", "decode_tokens_per_second"} - set(result)
        if missing:
            sys.exit("%s did not print %s" % (self.bench, ", ".join(sorted(missing))))
        return result


def decode_rate(said):
    """Tokens per second of what decode_command printed."""
    rates = [entry["avg_ts"] for entry in json.loads(said) if entry["n_gen"]]
    if not rates:
        sys.exit("llama-bench did not print the rate of decoding")
    return rates[0]


def prepare(checkpoint, gguf, work, threads, only=None):
    """All peers that the environment offers, their files in the folder `work`; of
    formats, `only` those, if given."""
    result = []
    for variable, project, formats in PROJECTS:
        folder = os.environ.get(variable)
        if not folder:
            continue
        bench, quantize = find(folder, "llama-bench"), find(folder, "llama-quantize")
        gguf = gguf or convert(folder, checkpoint, os.path.join(work, "model.gguf"))
        for name in formats if only is None else [f for f in formats if f in only]:
            path = os.path.join(work, "%s-%s.gguf" % (project, name))
            if not os.path.exists(path):
                common.run([quantize, "--pure", gguf, path + ".part", name, str(threads)])
                os.rename(path + ".part", path)
            result.append(Peer(bench, "%s %s" % (project, name), path))
    return result
