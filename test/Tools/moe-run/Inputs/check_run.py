"""Checks the shape of the one JSON object that moe-run wrote.

  check_run.py generate FILE [--stop REASON] [--tokens N] [--stats]
  check_run.py bench|perplexity|eval FILE
"""
import argparse
import json


def check(condition, *message):
    if not condition:
        raise SystemExit("check_run.py: " + " ".join(map(str, message)))


def number(result, key):
    value = result.get(key)
    check(isinstance(value, (int, float)) and value > 0, key, "is", value)
    return value


def generate(result, a):
    check(isinstance(result["text"], str), "text is", result["text"])
    for key in ("prompt_tokens", "tokens"):
        check(all(isinstance(i, int) for i in result[key]), key, "is", result[key])
    check(a.stop is None or result["stop_reason"] == a.stop, "stopped by", result["stop_reason"])
    count = len(result["tokens"])
    check(a.tokens is None or count == a.tokens, count, "tokens")
    number(result, "prefill_tokens_per_second")
    if count > 1:
        number(result, "decode_tokens_per_second")
    if count > 0:
        check(result["average_layers"] == 6, "average_layers is", result["average_layers"])
    if a.stats:
        for key in ("rows", "forward_seconds", "weight_bytes", "kv_bytes", "threads"):
            number(result["stats"], key)


def bench(result, a):
    measured = ["decode_tokens_per_second", "prefill_tokens_per_second",
                "read_bandwidth_bytes_per_second", "roofline_fraction",
                "fma_peak_operations_per_second", "prefill_peak_fraction"]
    for key in measured:
        least, middle, most = (number(result, key + end) for end in ("_min", "", "_max"))
        check(least <= most, key, "ranges from", least, "to", most)
        if not key.endswith("_fraction"):
            check(least <= middle <= most, key, "is", middle, "of", least, "to", most)
    expected = (result["decode_tokens_per_second"] * number(result, "active_bytes_per_token")
                / result["read_bandwidth_bytes_per_second"])
    check(abs(result["roofline_fraction"] / expected - 1) < 1e-9, "roofline_fraction")
    check(result["bits_per_weight"] == 16, "bits_per_weight is", result["bits_per_weight"])


def perplexity(result, a):
    number(result, "perplexity")
    number(result, "tokens")


def evaluate(result, a):
    tasks = result["tasks"].values()
    correct, total = (sum(task[key] for task in tasks) for key in ("correct", "total"))
    check(abs(result["accuracy"] - correct / total) < 1e-9, "accuracy is", result["accuracy"])
    number(result, "average_layers")


def main():
    kinds = {"generate": generate, "bench": bench, "perplexity": perplexity, "eval": evaluate}
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=kinds)
    parser.add_argument("file")
    parser.add_argument("--stop")
    parser.add_argument("--tokens", type=int)
    parser.add_argument("--stats", action="store_true")
    a = parser.parse_args()
    with open(a.file, encoding="utf-8") as file:
        lines = file.read().splitlines()
    check(len(lines) == 1, len(lines), "lines, not 1")
    kinds[a.kind](json.loads(lines[0]), a)


if __name__ == "__main__":
    main()
