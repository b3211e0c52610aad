"""Whether the figures of a gpu-check.json follow from each other."""
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    result = json.load(file)
limits, speed = result["limits"], result["benchmarks"][0]
bench = speed["bench"]
wanted = bench["decode_tokens_per_second"] * bench["active_bytes_per_token"] / limits["copy_bytes_per_second"]
assert abs(speed["decode_of_copy_bandwidth"] / wanted - 1) < 1e-4, (speed, wanted)
wanted = (bench["prefill_tokens_per_second"] * bench["operations_per_prefill_token"]
          / limits["mma_bf16_operations_per_second"])
assert abs(speed["prefill_of_mma_peak"] / wanted - 1) < 1e-4, (speed, wanted)
assert (bench["prefill_tokens"], bench["decode_tokens"]) == (512, 256), bench
assert limits["launch_seconds"] > 0 and limits["graph_launch_seconds"] > 0, limits
