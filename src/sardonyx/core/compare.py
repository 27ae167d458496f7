"""How far two results lie apart, and whether rounding explains it.

Two programs that add the same numbers in another order differ by a few units in the last place of the largest
intermediate result. So floats are judged by their error relative to the largest magnitude of the result; all else must be
equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np

__all__ = ["Difference", "compare", "tolerance_of"]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

# What rounding in another order explains, as a part of the largest magnitude.
_TOLERANCES = {
    "float64": 1e-9,
    "float32": 1e-4,
    "float16": 2e-2,
    "bfloat16": 1e-1,
    "complex64": 1e-4,
    "complex128": 1e-9,
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One result beside the one it should be.

    Attributes:
        name: what the result is called.
        type: its element type and shape, as in ``float32[2, 10]``.
        max_abs: the largest difference of two elements.
        max_rel: the largest difference relative to the element itself, of those that rounding does not drown.
        error: `max_abs` as a part of the largest magnitude; this is what the verdict goes by.
        cosine: of the angle between the two, as vectors; 1 where they point the same way.
        differing: how many elements are not the same.
        worst: where the largest difference is.
        tolerance: the `error` that rounding explains.
        fault: why the two do not agree; None if they do.
    """

    name: str
    type: str
    max_abs: float = 0.0
    max_rel: float = 0.0
    error: float = 0.0
    cosine: float = 1.0
    differing: int = 0
    worst: tuple[int, ...] = ()
    tolerance: float = 0.0
    fault: str | None = None

    @property
    def ok(self) -> bool:
        return self.fault is None

    @property
    def verdict(self) -> str:
        """``equal``, ``close`` (rounding explains it) or ``different``."""
        return "different" if self.fault else "close" if self.differing else "equal"


def tolerance_of(kind: np.dtype[Any]) -> float:
    """The error, relative to the largest magnitude, that rounding explains; 0 where results must be equal."""
    if kind.name in _TOLERANCES:
        return _TOLERANCES[kind.name]
    return 4 * float(ml_dtypes.finfo(kind).eps) if kind.name.startswith("float") else 0.0


def compare(name: str, actual: Any, expected: Any, tolerance: float | None = None) -> Difference:
    """`actual` beside `expected`: two arrays.

    Args:
        tolerance: instead of what `tolerance_of` the element type says.
    """
    a, b = np.asarray(actual), np.asarray(expected)
    shown = f"{a.dtype}{list(a.shape)}"
    if a.dtype != b.dtype or a.shape != b.shape:
        return Difference(name, shown, fault=f"it is {shown} where {b.dtype}{list(b.shape)} is expected")
    allowed = tolerance_of(a.dtype)
    if not allowed:
        return _exactly(name, shown, a, b)
    return _nearly(name, shown, a, b, allowed if tolerance is None else tolerance)


def _exactly(name: str, shown: str, a: Array, b: Array) -> Difference:
    wrong = np.asarray(a != b)
    count = int(wrong.sum())
    if not count:
        return Difference(name, shown)
    worst = _at(wrong, wrong.shape)
    fault = f"{count} of {a.size} elements differ; at {list(worst)} it is {a[worst]!s} where {b[worst]!s} is expected"
    return Difference(name, shown, differing=count, cosine=float("nan"), worst=worst, fault=fault)


def _nearly(name: str, shown: str, a: Array, b: Array, tolerance: float) -> Difference:
    wide = np.complex128 if a.dtype.kind == "c" else np.float64
    x, y = a.astype(wide), b.astype(wide)
    finite = np.isfinite(x) & np.isfinite(y)
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    strange = ~finite & ~same
    if strange.any():
        worst = _at(strange, strange.shape)
        fault = f"at {list(worst)} it is {a[worst]!s} where {b[worst]!s} is expected"
        return Difference(
            name, shown, float("inf"), float("inf"), float("inf"), float("nan"), int((~same).sum()), worst, tolerance, fault
        )  # fmt: skip
    x, y = np.where(finite, x, 0), np.where(finite, y, 0)
    apart = np.abs(x - y)
    if not apart.size or not same.size - int(same.sum()):
        return Difference(name, shown, tolerance=tolerance)
    size = np.abs(y)
    largest = float(size.max())
    max_abs = float(apart.max())
    error = max_abs / largest if largest else float("inf")
    heard = size > tolerance * largest
    max_rel = float((apart[heard] / size[heard]).max()) if heard.any() else error
    worst = _at(apart, apart.shape)
    fault = None
    if not error <= tolerance:
        fault = (
            f"it differs by {error:.1e} of its largest magnitude, where rounding explains {tolerance:.0e}; "
            f"at {list(worst)} it is {a[worst]!s} where {b[worst]!s} is expected"
        )
    differing = same.size - int(same.sum())
    return Difference(name, shown, max_abs, max_rel, error, _cosine(x, y), differing, worst, tolerance, fault)


def _cosine(x: Array, y: Array) -> float:
    """Computed from the distance of the two directions, which keeps the digits that 1 - x @ y loses."""
    lengths = float(np.linalg.norm(x)), float(np.linalg.norm(y))
    if not all(lengths):
        return float("nan")
    return 1 - 0.5 * float(np.linalg.norm(x / lengths[0] - y / lengths[1])) ** 2


def _at(x: Array, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(x)), shape)) if shape else ()
