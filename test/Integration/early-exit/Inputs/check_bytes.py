"""Experts of layers that do not run are not read: check_bytes.py MODULE

With memory for so few experts that none stays until it is wanted again, bytes
read per token fall by the share of layers that did not run, within 5 points.
"""
import json
import subprocess
import sys

LAYERS, TOKENS = 6, 128
PROMPT = ("-p", "Story: Once upon a time there was", "--ignore-eos", "--memory-budget", "5%",
          "--prefetch", "off")


def check(condition, *message):
    if not condition:
        sys.exit(" ".join(map(str, message)))


def run(module, *arguments):
    command = ["moe-run", module, "--json", "--stats", "-t", "1", *PROMPT, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE)
    check(done.returncode == 0, "exit code", done.returncode, "of", *command)
    result = json.loads(done.stdout)
    stats, tokens = result["stats"], len(result["tokens"])
    return (stats["bytes_read"], stats["expert_hits"] + stats["expert_misses"],
            result["average_layers"] * tokens)


def behind_the_prompt(module, *arguments):
    """Bytes read, experts wanted and layers run of all tokens but the first."""
    few, many = run(module, "-n", "1", *arguments), run(module, "-n", str(TOKENS + 1), *arguments)
    return [b - a for a, b in zip(few, many)]


def main():
    module = sys.argv[1]
    full = behind_the_prompt(module, "--no-exit")
    check(full[2] == LAYERS * TOKENS and full[1] == 2 * full[2], "the full model:", full)
    for threshold in ("0.95", "0.6"):
        got = behind_the_prompt(module, "--exit-threshold", threshold)
        fall_of_bytes, fall_of_wants, fall_of_layers = (1 - b / a for a, b in zip(full, got))
        print("at %s: %.1f %% of the layers do not run, %.1f %% of the bytes are not read" % (
            threshold, 100 * fall_of_layers, 100 * fall_of_bytes))
        check(fall_of_layers > 0.2, "few tokens leave")
        check(abs(fall_of_wants - fall_of_layers) < 1e-9, "experts wanted:", fall_of_wants)
        check(abs(fall_of_bytes - fall_of_layers) <= 0.05, "bytes:", fall_of_bytes)


if __name__ == "__main__":
    main()
