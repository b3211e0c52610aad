"""check_bench.py Q8.json BF16.json: what --bench --json says of the same model twice."""
import json
import sys


def main():
    q8, bf16 = (json.load(open(file, encoding="utf-8")) for file in sys.argv[1:])
    assert bf16["bits_per_weight"] == 16, bf16["bits_per_weight"]
    assert 8 < q8["bits_per_weight"] < 10, q8["bits_per_weight"]
    # The norms and routers that stay as they are are a small part.
    assert 0.5 < q8["active_bytes_per_token"] / bf16["active_bytes_per_token"] < 0.55
    assert "int8_peak_operations_per_second" not in bf16
    for key in ("int8_peak_operations_per_second", "prefill_int8_peak_fraction"):
        assert 0 < q8[key + "_min"] <= q8[key + "_max"], key
    share = (q8["prefill_tokens_per_second"] * q8["operations_per_prefill_token"]
             / q8["int8_peak_operations_per_second"])
    assert abs(q8["prefill_int8_peak_fraction"] / share - 1) < 1e-9, share


main()
