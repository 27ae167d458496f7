"""What inference knows of a value, and the arithmetic on shapes that operators share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sardonyx.core import dims
from sardonyx.core.dims import Dim, Expr
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import ShapeError
from sardonyx.ir import SparseTensor, Tensor, TensorType, Type, show_shape

__all__ = [
    "CARRY_LIMIT",
    "Dims",
    "Known",
    "UnknownRank",
    "axes_of",
    "axis_of",
    "broadcast",
    "known",
    "known_constant",
    "ones",
    "same",
    "unified",
]

Dims: TypeAlias = tuple[Dim | None, ...]

CARRY_LIMIT = 1024  # elements: shapes and indices are short; anything longer is data
FLOATS_LIMIT = 64


class UnknownRank(Exception):
    """A rule has asked for a shape of which not even the rank is known: what follows from it cannot be said."""


@dataclass(frozen=True, slots=True)
class Known:
    """The type of a value and, where it can be followed, the integers in it.

    `value` is an object array whose elements are ints or symbolic dims: what Shape, Gather, Concat and arithmetic carry
    from one shape to another. Dims of an input are never None here: inference gives each unknown one a symbol.
    `floats` are the elements of a short constant of floats, such as scales; they are followed no further.
    """

    type: Type | None
    value: npt.NDArray[Any] | None = None
    floats: npt.NDArray[np.float64] | None = None

    @property
    def dtype(self) -> DType | None:
        return self.type.dtype if isinstance(self.type, TensorType) else None

    @property
    def shape(self) -> tuple[Dim, ...]:
        """The shape.

        Raises:
            UnknownRank: not even the rank is known (see `has_shape`). The rule need not catch it.
        """
        if not isinstance(self.type, TensorType) or self.type.shape is None:
            raise UnknownRank
        return self.type.shape  # pyright: ignore[reportReturnType] inference has named every unknown dim

    @property
    def dims(self) -> tuple[Dim, ...] | None:
        """The shape, or None."""
        return self.shape if self.has_shape else None

    @property
    def has_shape(self) -> bool:
        return isinstance(self.type, TensorType) and self.type.shape is not None

    @property
    def rank(self) -> int:
        return len(self.shape)

    def ints(self) -> list[Dim] | None:
        """The elements of a known integer vector or scalar, flattened; None when they are not known."""
        return None if self.value is None else list(self.value.reshape(-1))

    def numbers(self) -> list[int] | None:
        """Like `ints`, but None unless every element is a plain number."""
        found = self.ints()
        return None if found is None or any(isinstance(x, Expr) for x in found) else [int(x) for x in found]  # pyright: ignore[reportArgumentType]

    def reals(self) -> Sequence[float] | None:
        """The elements of a known constant, floats or integers, flattened."""
        return self.numbers() if self.floats is None else self.floats.reshape(-1).tolist()

    def scalar(self) -> Dim | None:
        """The only element, when it is known."""
        found = self.ints()
        return found[0] if found is not None and len(found) == 1 else None


def known_constant(const: Tensor | SparseTensor | None, kind: Type | None = None) -> Known:
    """What is known of a constant (of type `kind`, which may say more): short ones are followed."""
    if not isinstance(const, Tensor):
        return Known(kind)
    kind = kind or TensorType(const.dtype, const.shape)
    if const.dtype.is_float and const.size <= FLOATS_LIMIT:
        return Known(kind, floats=const.numpy().astype(np.float64))
    if const.size > CARRY_LIMIT or not (const.dtype.is_integer or const.dtype.kind == "bool"):
        return Known(kind)
    value = np.empty(const.shape, object)
    value.reshape(-1)[:] = [int(x) for x in const.numpy().reshape(-1)]
    return Known(kind, value)


def known(dtype: DType | None, shape: Iterable[Dim | None] | None, value: Any = None) -> Known:
    """A `Known` tensor."""
    carried = None if value is None else np.asarray(value, dtype=object)
    return Known(TensorType(dtype, None if shape is None else tuple(shape)), carried)


def same(a: Dim, b: Dim, what: str) -> Dim:
    """The extent that `a` and `b` share, in its plainest form; refuses two different numbers."""
    if isinstance(a, int) and isinstance(b, int) and a != b:
        raise ShapeError(f"{what} differ: {a} and {b}", why=f"{a} is not {b}")
    if isinstance(a, int) or isinstance(b, int):
        return a if isinstance(a, int) else b
    return b if b.name is not None and a.name is None else a


def unified(a: Sequence[Dim], b: Sequence[Dim], what: str) -> tuple[Dim, ...]:
    """The shape that `a` and `b` share."""
    if len(a) != len(b):
        raise ShapeError(f"the ranks of {what} differ: {show_shape(a)} and {show_shape(b)}")
    return tuple(same(x, y, f"dim {i} of {what}") for i, (x, y) in enumerate(zip(a, b, strict=True)))


def broadcast(*shapes: Sequence[Dim]) -> tuple[Dim, ...]:
    """The shape that multidirectional broadcasting gives.

    Raises:
        ShapeError: two extents differ and neither is 1.
    """
    rank = max((len(s) for s in shapes), default=0)
    result: list[Dim] = [1] * rank
    for shape in shapes:
        for i, d in enumerate(shape, rank - len(shape)):
            r = result[i]
            if isinstance(d, int) and isinstance(r, int) and d != r and 1 not in (d, r):
                shown = " and ".join(show_shape(s) for s in shapes)
                raise ShapeError(
                    f"shapes {shown} do not broadcast", why=f"on axis {i}, {r} meets {d}, and neither is 1"
                )
            result[i] = dims.broadcast(r, d)
    return tuple(result)


def axis_of(axis: int, rank: int) -> int:
    """`axis` counted from the front."""
    if not -rank <= axis < max(rank, 1):
        raise ShapeError(
            f"axis {axis} is out of range", why=f"the rank is {rank}", fix=f"use an axis from {-rank} to {rank - 1}"
        )
    return axis % rank if rank else 0


def axes_of(axes: Iterable[int], rank: int) -> tuple[int, ...]:
    """`axes` counted from the front; refuses repeated ones."""
    found = tuple(axis_of(int(a), rank) for a in axes)
    if len(set(found)) != len(found):
        raise ShapeError(f"axes {list(found)} name one axis twice")
    return found


def ones(rank: int) -> tuple[Dim, ...]:
    return (1,) * rank
