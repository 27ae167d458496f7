"""Where the elements of a value lie: a buffer, a shape, strides and an offset, all symbolic.

Transpose, Reshape, Slice, Expand and their like make views and move nothing. Layout is a matter of strides: a convolution
gives a value of logical shape [N, C, H, W] whose strides are those of [N, H, W, C], and whoever reads it next follows. So
no pass has to choose layouts, and nobody has to undo the choice.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from sardonyx.core import dims
from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import DType
from sardonyx.ir import Array

__all__ = ["Buffer", "View", "contiguous_strides", "product"]


def product(extents: Sequence[Dim]) -> Dim:
    result: Dim = 1
    for extent in extents:
        result = result * extent
    return result


def contiguous_strides(shape: Sequence[Dim]) -> tuple[Dim, ...]:
    """The strides, in elements, of a C-contiguous array."""
    strides: list[Dim] = []
    step: Dim = 1
    for extent in reversed(shape):
        strides.append(step)
        step = step * extent
    return tuple(reversed(strides))


def _numbers(extents: Sequence[Dim]) -> tuple[int, ...] | None:
    found = [d for d in extents if isinstance(d, int)]
    return tuple(found) if len(found) == len(extents) else None


@dataclass(eq=False)
class Buffer:
    """A run of memory.

    `kind`: an input or output array of the call, a constant, a temporary in the arena, or integers that follow from the
    extents (`dims`). `size` counts elements. `spread` holds the extents that were broadcast to others while both were symbols:
    whether each is 1, or as large, is checked when they are known.
    """

    kind: Literal["input", "output", "const", "temp", "dims"]
    dtype: DType
    size: Dim
    name: str = ""
    array: Array | None = None  # of a constant
    dims: tuple[Dim, ...] = ()
    spread: dict[tuple[Dim, Dim], None] = field(
        default_factory=dict["tuple[Dim, Dim]", None]
    )  # (extent, what it fills)


@dataclass(frozen=True, eq=False)
class View:
    """Element [i, j, ...] lies at offset + i * strides[0] + j * strides[1] + ... elements into the buffer."""

    buffer: Buffer
    shape: tuple[Dim, ...]
    strides: tuple[Dim, ...]
    offset: Dim = 0

    @property
    def dtype(self) -> DType:
        return self.buffer.dtype

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Dim:
        return product(self.shape)

    @property
    def const(self) -> Array | None:
        """The elements, when they are constant."""
        array = self.buffer.array
        shape, strides, (offset,) = _numbers(self.shape), _numbers(self.strides), _numbers([self.offset]) or (None,)
        if array is None or shape is None or strides is None or offset is None:
            return None
        line = array.reshape(-1)
        start = line[offset:] if array.size else line
        return np.lib.stride_tricks.as_strided(start, shape, [s * array.itemsize for s in strides], writeable=False)

    def same_place(self, other: View) -> bool:
        """Whether both name the same elements in the same order."""
        mine = (self.shape, self.strides, self.offset)
        return self.buffer is other.buffer and mine == (other.shape, other.strides, other.offset)

    # -- asking -------------------------------------------------------------------------------------------------------

    def is_contiguous(self, order: Sequence[int] | None = None) -> bool:
        """Whether the axes, taken in `order`, lie densely (extents of 1 have no say)."""
        order = range(self.rank) if order is None else order
        step: Dim = 1
        for axis in reversed(order):
            if self.shape[axis] == 1:
                continue
            if self.strides[axis] != step:
                return False
            step = step * self.shape[axis]
        return True

    # -- moving nothing -----------------------------------------------------------------------------------------------

    def permuted(self, order: Sequence[int]) -> View:
        """The axes in another order."""
        return replace(self, shape=tuple(self.shape[i] for i in order), strides=tuple(self.strides[i] for i in order))

    def squeezed(self, axes: Sequence[int]) -> View:
        kept = [i for i in range(self.rank) if i not in axes]
        return self.permuted(kept)

    def unsqueezed(self, axes: Sequence[int]) -> View:
        """New axes of extent 1, at these positions of the result."""
        rank = self.rank + len(axes)
        old = iter(range(self.rank))
        source = [None if i in axes else next(old) for i in range(rank)]
        shape = tuple(1 if i is None else self.shape[i] for i in source)
        return replace(self, shape=shape, strides=tuple(0 if i is None else self.strides[i] for i in source))

    def broadcast_to(self, shape: Sequence[Dim]) -> View:
        """The view repeated (stride 0) to fill `shape`, by NumPy's rules."""
        wide = self.unsqueezed(range(len(shape) - self.rank))
        strides = [
            step if have == want else 0 if have == 1 else self._spread(have, want, step)
            for have, want, step in zip(wide.shape, shape, wide.strides, strict=True)
        ]
        return replace(wide, shape=tuple(shape), strides=tuple(strides))

    def _spread(self, have: Dim, want: Dim, step: Dim) -> Dim:
        """The stride along an axis that turns out to be 1, and is repeated, or as large as what it fills."""
        self.buffer.spread[have, want] = None
        return step * dims.dmin(
            have - 1, 1
        )  # no step if `have` is 1, and what it is if there are no elements is all one

    def narrowed(self, axis: int, start: Dim, extent: Dim, step: int = 1) -> View:
        """The elements start, start + step, ... of one axis."""
        shape, strides = list(self.shape), list(self.strides)
        shape[axis], strides[axis] = extent, strides[axis] * step
        return replace(
            self, shape=tuple(shape), strides=tuple(strides), offset=self.offset + start * self.strides[axis]
        )

    def reshaped(self, shape: Sequence[Dim]) -> View | None:
        """The same elements in another shape, or None where that would need a copy."""
        groups = _matching_groups(self.shape, shape)
        if groups is None:
            return None
        strides: list[Dim] = []
        for old, new in groups:
            step = _merged(self, old)
            if step is None:
                return None
            inner: list[Dim] = []
            for axis in reversed(new):
                inner.append(step)
                step = step * shape[axis]
            strides += reversed(inner)
        return replace(self, shape=tuple(shape), strides=tuple(strides))


def _merged(view: View, axes: Sequence[int]) -> Dim | None:
    """The stride of `axes` taken as one axis, or None if they do not lie in one line."""
    real = [a for a in axes if view.shape[a] != 1]
    for outer, inner in itertools.pairwise(real):
        if view.strides[outer] != view.strides[inner] * view.shape[inner]:
            return None
    return view.strides[real[-1]] if real else 1


def _matching_groups(old: Sequence[Dim], new: Sequence[Dim]) -> list[tuple[list[int], list[int]]] | None:
    """Runs of axes of `old` and `new` with equal products, as short as possible."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        left: list[int] = []
        right: list[int] = []
        a: Dim = 1
        b: Dim = 1
        while True:
            if a == b and left and right:
                break
            if i < len(old) and (not left or (j >= len(new) and a != b) or _smaller(a, b)):
                a = a * old[i]
                left.append(i)
                i += 1
            elif j < len(new):
                b = b * new[j]
                right.append(j)
                j += 1
            elif i < len(old):
                a = a * old[i]
                left.append(i)
                i += 1
            elif a == b:
                break
            else:
                return None
        groups.append((left, right))
    return groups


def _smaller(a: Dim, b: Dim) -> bool:
    """Whether `a` should take the next axis first: it divides `b`, as far as one can see."""
    if a == b:
        return False
    if isinstance(a, int) and isinstance(b, int):
        return a < b
    return dims.mod(b, a) == 0 if a != 0 else False
