"""Truth values: connectives and comparisons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sardonyx.core import dims
from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.ops.declare import carries
from sardonyx.ops.families import binary, unary
from sardonyx.ops.known import CARRY_LIMIT, Known
from sardonyx.ops.typesets import BOOL, FLOATS, NUMBERS, NUMBERS_BF


def _followed(decide: Callable[[Dim, Dim], bool | None]) -> dict[str, Any]:
    """A comparison of followed integers: known where it is the same for all values of their symbols."""

    def carry(a: Known, b: Known) -> Any:
        if a.value is None or b.value is None or max(a.value.size, b.value.size) > CARRY_LIMIT:
            return None
        x, y = np.broadcast_arrays(a.value, b.value)
        found = [decide(i, j) for i, j in zip(x.reshape(-1), y.reshape(-1), strict=True)]
        return None if None in found else np.array(found, object).reshape(x.shape)

    return {"carry": carries(carry)}


def _same(a: Dim, b: Dim) -> bool | None:
    return True if a == b else False if dims.below(a, b) or dims.below(b, a) else None


def _not(found: bool | None) -> bool | None:
    return None if found is None else not found


_EQUAL = BOOL | {d.INT32, d.INT64}
_ORDER = {1: FLOATS, 9: NUMBERS, 13: NUMBERS_BF}
_FROM_12 = {12: NUMBERS, 16: NUMBERS_BF}
_TRUTH: dict[str, Any] = {"result": BOOL}
_EQUALS: dict[str, Any] = {**_TRUTH, "attributes": _followed(_same)}
_BELOW: dict[str, Any] = {**_TRUTH, "attributes": _followed(dims.below)}
_ABOVE: dict[str, Any] = {**_TRUTH, "attributes": _followed(lambda a, b: dims.below(b, a))}
_NOT_ABOVE: dict[str, Any] = {**_TRUTH, "attributes": _followed(lambda a, b: _not(dims.below(b, a)))}
_NOT_BELOW: dict[str, Any] = {**_TRUTH, "attributes": _followed(lambda a, b: _not(dims.below(a, b)))}

# fmt: off
unary("Not", (1,), BOOL, np.logical_not, "True where the value is false.", variables=("T", "T"), carries=True)
binary("And", (1, 7), BOOL, np.logical_and, "True where both are.", commutative=True, carries=True, **_TRUTH)
binary("Or", (1, 7), BOOL, np.logical_or, "True where either is.", commutative=True, carries=True, **_TRUTH)
binary("Xor", (1, 7), BOOL, np.logical_xor, "True where just one is.", commutative=True, carries=True, **_TRUTH)
binary("Equal", (1, 7, 11, 13, 19), {1: _EQUAL, 11: BOOL | NUMBERS, 13: BOOL | NUMBERS_BF, 19: BOOL | NUMBERS_BF | {d.STRING}}, np.equal, "True where both are the same.", commutative=True, **_EQUALS)
binary("Less", (1, 7, 9, 13), _ORDER, np.less, "True where A is below B.", **_BELOW)
binary("Greater", (1, 7, 9, 13), _ORDER, np.greater, "True where A is above B.", **_ABOVE)
binary("LessOrEqual", (12, 16), _FROM_12, np.less_equal, "True where A is not above B.", **_NOT_ABOVE)
binary("GreaterOrEqual", (12, 16), _FROM_12, np.greater_equal, "True where A is not below B.", **_NOT_BELOW)
# fmt: on

__all__: list[str] = []
