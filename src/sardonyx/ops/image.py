"""Images: sampling tensors on other grids."""

from __future__ import annotations

import numpy as np

from sardonyx.core import dims
from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.ir import Array
from sardonyx.ops.declare import Float, Floats, Input, Output, String, infers, operator, reference, types
from sardonyx.ops.known import Dims, Known
from sardonyx.ops.typesets import BOOL, CLASSIC, FLOATS


def scaled(extent: Dim, factor: float) -> Dim | None:
    """floor(extent * factor), as far as a symbol lets it be said."""
    if isinstance(extent, int):
        return int(np.floor(np.float32(extent) * np.float32(factor)))
    if factor == int(factor):
        return extent * int(factor)
    return dims.floordiv(extent, int(1 / factor)) if 0 < factor < 1 and 1 / factor == int(1 / factor) else None


@operator("Upsample", since=(1, 7, 9, 10), deprecated=10)
class Upsample:
    """Each axis scaled by a factor. Resize took its place in opset 10: a model that uses it is upgraded before it runs."""

    T = types({1: FLOATS | BOOL | {d.INT32, d.INT64}, 7: CLASSIC})
    X = Input(T)
    scales = Input("tensor(float)", since=9, was=Floats(required=True, since=7))
    Y = Output(T)
    mode = String("nearest")
    height_scale, width_scale = Float(required=True, until=7), Float(required=True, until=7)

    @infers
    def infer(X: Known, scales: Known | None) -> Dims:
        factors = None if scales is None else scales.reals()
        if factors is None:
            return (None,) * X.rank
        return tuple(scaled(extent, factor) for extent, factor in zip(X.shape, factors, strict=True))

    @reference
    def run(X: Array, scales: Array, *, mode: str) -> Array:
        y = X
        for axis, factor in enumerate(np.reshape(scales, -1)):
            count = y.shape[axis]
            at = np.arange(int(np.floor(count * factor))) / factor  # where each result lies on the old axis
            low = np.floor(at).astype(np.int64)
            near, far = np.take(y, low, axis), np.take(y, np.minimum(low + 1, count - 1), axis)
            share = (at - low).reshape(-1, *(1,) * (y.ndim - axis - 1))
            y = near if mode == "nearest" else near + (far - near) * share
        return y.astype(X.dtype)


__all__: list[str] = []
