"""check_calibration.py PLAIN CALIBRATED: whether the second report is of codes that
were chosen for a text."""

import json
import sys

plain, calibrated = (json.load(open(path)) for path in sys.argv[1:])
for before, after in zip(plain["tensors"], calibrated["tensors"], strict=True):
    name = after["name"]
    assert before["output_relative_mse"] is None, name
    assert after["relative_mse"] > before["relative_mse"], name
    assert after["output_relative_mse"] < before["relative_mse"], name
    rows = after["expert_calibration_rows"]
    assert len(rows) == 8 and sum(rows) > 0, name
    assert after["experts_never_reached"] == [e for e in range(8) if rows[e] == 0], name
    for count, error in zip(rows, after["expert_output_relative_mse"], strict=True):
        assert (error is None) == (count == 0), name
