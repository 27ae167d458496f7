"""Truth values: connectives and comparisons."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.ops.families import binary, unary
from sardonyx.ops.typesets import BOOL, FLOATS, NUMBERS, NUMBERS_BF

_EQUAL = BOOL | {d.INT32, d.INT64}
_ORDER = {1: FLOATS, 9: NUMBERS, 13: NUMBERS_BF}
_FROM_12 = {12: NUMBERS, 16: NUMBERS_BF}
_TRUTH: dict[str, Any] = {"result": BOOL}

# fmt: off
unary("Not", (1,), BOOL, np.logical_not, "True where the value is false.", variables=("T", "T"))
binary("And", (1, 7), BOOL, np.logical_and, "True where both are.", commutative=True, **_TRUTH)
binary("Or", (1, 7), BOOL, np.logical_or, "True where either is.", commutative=True, **_TRUTH)
binary("Xor", (1, 7), BOOL, np.logical_xor, "True where just one is.", commutative=True, **_TRUTH)
binary("Equal", (1, 7, 11, 13, 19), {1: _EQUAL, 11: BOOL | NUMBERS, 13: BOOL | NUMBERS_BF, 19: BOOL | NUMBERS_BF | {d.STRING}}, np.equal, "True where both are the same.", commutative=True, **_TRUTH)
binary("Less", (1, 7, 9, 13), _ORDER, np.less, "True where A is below B.", **_TRUTH)
binary("Greater", (1, 7, 9, 13), _ORDER, np.greater, "True where A is above B.", **_TRUTH)
binary("LessOrEqual", (12, 16), _FROM_12, np.less_equal, "True where A is not above B.", **_TRUTH)
binary("GreaterOrEqual", (12, 16), _FROM_12, np.greater_equal, "True where A is not below B.", **_TRUTH)
# fmt: on

__all__: list[str] = []
