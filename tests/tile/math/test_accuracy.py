"""How far elementary functions of float32 are from the truth, over all magnitudes, at every instruction-set level."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from sardonyx.engine.codegen import compile, detect
from sardonyx.tile import Builder, Expr, call, f32
from tests.engine.oracle import LEVELS

LEAST_NORMAL = 2.0**-126


@dataclass(frozen=True)
class Case:
    """A function in float64; the error allowed, in units of the last place, and beside it an absolute one."""

    truth: Callable[[Any], Any]
    ulps: float
    absolute: float = 0.0
    low: float = -math.inf
    high: float = math.inf


erf = np.vectorize(math.erf, otypes=[np.float64])
INNER = math.sqrt(2 / math.pi)
CASES: dict[str, Case] = {
    "exp": Case(np.exp, 1.2),
    "exp_down": Case(lambda x: np.where(x < -87.33654, 0.0, np.exp(x)), 1.2, high=0.0),
    "exp2": Case(np.exp2, 1.2),
    "expm1": Case(np.expm1, 1.7),
    "log": Case(np.log, 1.1),
    "log1p": Case(np.log1p, 1.6),
    "tanh": Case(np.tanh, 1.5),
    "erf": Case(erf, 1.1),
    "sigmoid": Case(lambda x: 1 / (1 + np.exp(-x)), 2.6, LEAST_NORMAL),
    "silu": Case(lambda x: x / (1 + np.exp(-x)), 3.5, 90 * LEAST_NORMAL),
    "gelu": Case(lambda x: x * 0.5 * (1 + erf(x * math.sqrt(0.5))), 3.0, 4e-7),
    "gelu_tanh": Case(lambda x: x / (1 + np.exp(-2 * INNER * (x + 0.044715 * x**3))), 3.0, 4e-7),
    "softplus": Case(lambda x: np.logaddexp(0, x), 2.2),
    "mish": Case(lambda x: x * np.tanh(np.logaddexp(0, x)), 3.8, 90 * LEAST_NORMAL),
    "rsqrt": Case(lambda x: 1 / np.sqrt(x), 1.6),
    "reciprocal": Case(lambda x: 1 / x, 0.51),
    "sin": Case(np.sin, 1.6, low=-1e6, high=1e6),
    "cos": Case(np.cos, 1.6, low=-1e6, high=1e6),
}


def samples() -> Any:
    """Bit patterns of every exponent and sign, numbers where functions bend, and NaN with every kind of payload."""
    patterns = np.arange(0, 2**32, 16411, dtype=np.uint64).astype(np.uint32).view(np.float32)
    bends = np.linspace(-12, 12, 60_001).astype(np.float32)
    ends = np.linspace(-110, 95, 60_001).astype(np.float32)
    special = np.array([0.0, -0.0, math.inf, -math.inf, math.nan, 1e-45, -1e-45], np.float32)
    return np.concatenate([patterns, bends, ends, special])


def native(name: str, level: str) -> Callable[[Any], Any]:
    """The function as machine code of a level."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SARDONYX_ISA", level)
        target = detect()
    k = Builder(f"math_{name}")
    x, y, n = k.ptr("x", f32), k.ptr("y", f32), k.param("n")
    lanes = target.lanes(f32)

    def body(i: Expr, mask: Expr | None) -> None:
        y.store(i, call(name, x.load(i, lanes, mask)), mask)

    k.strip("i", 0, n, lanes, body)
    (code,) = compile([k.build()], target)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)(code.address)

    def run(values: Any) -> Any:
        out = np.empty_like(values)
        args = np.array([values.ctypes.data, out.ctypes.data, values.size], np.int64)
        function(args.ctypes.data, 0, 1, None)
        return out

    return run


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", CASES)
def test_accuracy(name: str, level: str) -> None:
    case = CASES[name]
    x = samples()
    x = x[np.isnan(x) | ((x >= case.low) & (x <= case.high))]
    with np.errstate(all="ignore"):
        truth = case.truth(x.astype(np.float64))
        wanted = truth.astype(np.float32)
    result = native(name, level)(x)
    infinite = ~np.isfinite(wanted)
    np.testing.assert_array_equal(result[infinite], wanted[infinite])
    finite = ~infinite
    error = np.abs(result[finite].astype(np.float64) - truth[finite])
    unit = np.maximum(np.spacing(np.abs(wanted[finite])).astype(np.float64), 2.0**-149)
    allowed = np.maximum(case.ulps * unit, case.absolute)
    worst = int(np.argmax(error - allowed))
    assert error[worst] <= allowed[worst], f"{name}({x[finite][worst]!r}) = {result[finite][worst]!r}"
