"""Sigmoid and tanh as fractions: how far the quotients are from the truth, at every instruction-set level."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from sardonyx.engine.codegen import compile, detect
from sardonyx.tile import Builder, Expr, f32
from sardonyx.tile.math.fraction import sigmoid_fraction, tanh_fraction
from tests.engine.oracle import LEVELS
from tests.tile.math.test_accuracy import LEAST_NORMAL, samples


@pytest.mark.parametrize("level", LEVELS)
def test_quotients(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARDONYX_ISA", level)
    target = detect()
    k = Builder("fractions")
    x, n = k.ptr("x", f32), k.param("n")
    out = [k.ptr(name, f32) for name in ("sigmoid", "rest", "tanh")]
    lanes = target.lanes(f32)

    def body(i: Expr, mask: Expr | None) -> None:
        value = x.load(i, lanes, mask)
        part, rest, whole = sigmoid_fraction(k, value)
        bent, size = tanh_fraction(k, value)
        for place, quotient in zip(out, (part / whole, rest / whole, bent / size), strict=True):
            place.store(i, quotient, mask)

    k.strip("i", 0, n, lanes, body)
    (code,) = compile([k.build()], target)
    values = samples()
    results = [np.empty_like(values) for _ in out]
    args = np.array([values.ctypes.data, values.size, *(r.ctypes.data for r in results)], np.int64)
    call: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
    call(code.address)(args.ctypes.data, 0, 1, None)
    with np.errstate(all="ignore"):
        wide = values.astype(np.float64)
        truths = 1 / (1 + np.exp(-wide)), 1 / (1 + np.exp(wide)), np.tanh(wide)
    for result, truth, ulps in zip(results, truths, (2.6, 2.6, 2.6), strict=True):
        np.testing.assert_array_equal(np.isnan(result), np.isnan(wide))
        known = ~np.isnan(wide)
        error = np.abs(result[known] - truth[known])
        unit = np.spacing(np.abs(truth[known]).astype(np.float32)).astype(np.float64)
        assert (error <= np.maximum(ulps * unit, 2 * LEAST_NORMAL)).all()
