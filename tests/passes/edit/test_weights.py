"""What is stripped can be put back."""

from __future__ import annotations

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.check import check
from sardonyx.core.errors import InputError
from sardonyx.ir.text import parse_model

WEIGHT = ", ".join(str(i) for i in range(300))
MODEL = parse_model(f"""
<ir_version: 10, opset_import: ["" : 21]>
g (float[N, 1] x) => (float[N, 300] y) <float[300] w = {{{WEIGHT}}}, int64[2] s = {{-1, 300}}> {{
  p = Add (x, w)
  y = Reshape (p, s)
}}
""")
X = np.ones((2, 1), np.float32)


def test_weights_come_off_and_go_back() -> None:
    stripped, weights = sx.strip_weights(MODEL)
    check(stripped)
    assert list(weights) == ["w"] and [v.name for v in stripped.graph.inputs] == ["x", "w"]
    assert len(sx.to_bytes(stripped)) < 400 < 1200 < len(sx.to_bytes(MODEL))
    for given in (weights, {"w": weights["w"].numpy()}):
        back = sx.restore_weights(stripped, given)
        check(back)
        assert [v.name for v in back.graph.inputs] == ["x"]
        np.testing.assert_array_equal(sx.evaluate(back, [X])[0], sx.evaluate(MODEL, [X])[0])


def test_other_weights_are_refused() -> None:
    stripped, _ = sx.strip_weights(MODEL)
    for given, says in (
        ({"w": np.zeros(3, np.float32)}, "does not fit"),
        ({"w": np.zeros(300)}, "does not fit"),
        ({"v": np.zeros(300, np.float32)}, "no input 'v'"),
    ):
        with pytest.raises(InputError, match=says):
            sx.restore_weights(stripped, given)
