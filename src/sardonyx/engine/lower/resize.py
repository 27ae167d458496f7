"""Resizing, axis by axis, by tables of where each new element comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim, dmax, floordiv
from sardonyx.core.dtypes import FLOAT32, FLOAT64
from sardonyx.engine.kernels.resample import ResampleSpec, resample_kernel
from sardonyx.engine.lowering import Lowering, NotNative, kind_of, lower
from sardonyx.engine.program import Address, Argument, Call, Table
from sardonyx.engine.space import collapse, physical_order
from sardonyx.engine.tables import Given
from sardonyx.engine.views import View, product
from sardonyx.ir import Array, Node
from sardonyx.ops.resize import Axis, Interpolation, nearest

_MOST_TAPS = 64  # beyond which a kernel would be all unrolled sums


@dataclass(frozen=True)
class _Places:
    """The table [tap][new place] of old places, from the extents: the same numbers that the reference uses."""

    mode: str
    coordinates: str
    rounding: str
    coefficient: float
    antialias: bool
    exclude: bool
    scale: float | None  # None: the extents say it

    def __call__(self, old: int, new: int) -> Array:
        axis = self.axis(old, new)
        if self.mode == "nearest":
            return nearest(axis, self.coordinates, self.rounding)
        return self._taps(axis)[0].T.astype(np.int64)

    def axis(self, old: int, new: int) -> Axis:
        return Axis(old, new, (new / old if old else 1.0) if self.scale is None else self.scale)

    def weights(self, old: int, new: int) -> Array:
        return self._taps(self.axis(old, new))[1].T

    def _taps(self, axis: Axis) -> tuple[Array, Array]:
        how = Interpolation.of(self.mode, self.coefficient, antialias=self.antialias, exclude=self.exclude)
        at = axis.origins(self.coordinates) if axis.old and axis.new else np.zeros(axis.new)
        return how.taps(axis, at)


@dataclass(frozen=True)
class _Weights:
    """The table of weights that belongs to a table of places."""

    places: _Places
    double: bool

    def __call__(self, old: int, new: int) -> Array:
        return self.places.weights(old, new).astype(np.float64 if self.double else np.float32)


@lower("Resize")
def resize(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    source = node.inputs[0]
    assert source is not None
    scales, sizes = [*node.inputs, None, None, None][2:4]
    mode, coordinates = attrs["mode"], attrs["coordinate_transformation_mode"]
    x, shape = low.view(source), low.shape(node.output)
    if coordinates == "tf_crop_and_resize":
        raise NotNative("Resize of a part")
    if mode != "nearest" and x.dtype not in (FLOAT32, FLOAT64):
        raise NotNative(f"Resize of {x.dtype}")
    if attrs["keep_aspect_ratio_policy"] != "stretch":
        raise NotNative("Resize that keeps the aspect ratio")
    axes = [a % x.rank for a in attrs["axes"]] if attrs["axes"] else list(range(x.rank))
    given = low.const(scales)
    factors: Sequence[float | None] = [None] * len(axes)
    if given is not None and given.size:
        factors = [float(f) for f in given.reshape(-1)]
    elif sizes is None:
        raise NotNative("Resize by scales that are data")
    for axis, factor in sorted(zip(axes, factors, strict=True), key=lambda pair: _growth(x, shape, pair[0])):
        if x.shape[axis] == shape[axis] and factor in (None, 1.0) and mode != "cubic":
            continue
        how = _Places(
            mode, coordinates, attrs["nearest_mode"], attrs["cubic_coeff_a"], bool(attrs["antialias"]),
            bool(attrs["exclude_outside"]), factor,
        )  # fmt: skip
        x = _resampled(low, node, x, axis, shape[axis], how)
    low.give(node.output, x)


def _growth(x: View, shape: Sequence[Dim], axis: int) -> float:
    """What shrinks comes first: the other axes have less to do then."""
    old, new = x.shape[axis], shape[axis]
    return new / old if isinstance(old, int) and isinstance(new, int) and old else 1.0


def _resampled(low: Lowering, node: Node, x: View, axis: int, new: Dim, how: _Places) -> View:
    old, order = x.shape[axis], physical_order(x.shape, [x])
    taps = 0
    if how.mode != "nearest":
        known = isinstance(old, int) and isinstance(new, int)
        if how.antialias and how.scale is None and not known:
            raise NotNative("Resize that smooths by a scale that depends on extents")
        taps = len(how(old, new)) if known else len(how(4, max(1, round(4 * (how.scale or 1)))))  # pyright: ignore[reportArgumentType] ints
        if taps > _MOST_TAPS:
            raise NotNative(f"Resize that makes an element of {taps}")
    low.at_least(old, 1, f"{node!r} has something to take from")
    inner = order[order.index(axis) + 1 :]
    if not _is_line(x, inner):
        x = low.contiguous(x, order)
    shape = tuple(new if i == axis else d for i, d in enumerate(x.shape))
    out = low.temp(x.dtype, shape, order, node.output.name)
    across = product([shape[i] for i in inner])
    outer = collapse(shape, [out, x], order[: order.index(axis)])
    rows = [(n, *(s[i] for s in outer.strides)) for i, n in enumerate(outer.extents)]
    along = across == 1
    kind = kind_of(x.dtype) if taps else f"u{8 * x.dtype.itemsize}"
    args: list[Argument | None] = [Address(out.buffer, out.offset, True), Address(x.buffer, x.offset)]
    args.append(_table(how, old, new))
    if taps:
        args.append(_table(_Weights(how, x.dtype is FLOAT64), old, new))
    args += [new, out.strides[axis], x.strides[axis], across, *(number for row in rows for number in row)]
    kernel = resample_kernel(ResampleSpec(kind, taps, len(rows), along), low.target)
    tasks = product(outer.extents) * (1 if along else new)
    grain = dmax(floordiv(4096, dmax(new if along else across, 1)), 1)
    flops = out.size * 2 * taps
    low.call(Call(kernel, args, tasks, (node.name or node.op_type,), grain, flops=flops))
    return out


def _table(make: _Places | _Weights, old: Dim, new: Dim) -> Table:
    """Made now if it can be: a program that is kept then needs no operator to be read."""
    if isinstance(old, int) and isinstance(new, int):
        return Table(Given(np.ascontiguousarray(make(old, new))), ())
    return Table(make, (old, new))


def _is_line(x: View, axes: Sequence[int]) -> bool:
    """Whether the axes, in order, lie densely."""
    step: Dim = 1
    for axis in reversed(axes):
        if x.shape[axis] != 1 and x.strides[axis] != step:
            return False
        step = step * x.shape[axis]
    return True
