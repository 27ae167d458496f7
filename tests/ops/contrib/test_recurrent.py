"""Recurrent layers with quantized weights, beside onnxruntime, which quantizes the rest as well."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.contrib.peer import compare, floats, whole


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
@pytest.mark.parametrize("by_column", [True, False])
def test_lstm(direction: str, by_column: bool) -> None:
    count, hidden = 2 if direction == "bidirectional" else 1, 4
    x, w, r = floats(5, 2, 3), whole("int8", count, 3, 4 * hidden), whole("int8", count, hidden, 4 * hidden, seed=1)
    shape = (count, 4 * hidden) if by_column else (count,)
    scales = [np.full(shape, s, np.float32) * np.linspace(1, 1.5, shape[-1], dtype=np.float32) for s in (0.005, 0.004)]
    zero = np.zeros(shape, np.int8)
    given = [x, w, r, floats(count, 8 * hidden, scale=0.1), None, None, None, None, scales[0], zero, scales[1], zero]
    compare("DynamicQuantizeLSTM", given, 3, hidden_size=hidden, direction=direction, rtol=0.05, atol=0.02)
