"""Pooling: over everything, and over windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import FLOAT32, FLOAT64, INT8, UINT8
from sardonyx.engine.kernels.pool import PoolSpec, pool_kernel
from sardonyx.engine.lower.reduce import reduced
from sardonyx.engine.lowering import Lowering, NotNative, kind_of, lower
from sardonyx.engine.program import Address, Argument, Call
from sardonyx.engine.space import physical_order
from sardonyx.engine.views import View, product
from sardonyx.ir import Node

__all__ = ["Windows", "spatial_arguments"]


@dataclass(frozen=True)
class Windows:
    """How a window slides over each spatial axis."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    fronts: tuple[int, ...]
    backs: tuple[int, ...]

    @staticmethod
    def of(attrs: dict[str, Any], kernel: Sequence[int], spatial: Sequence[Dim]) -> Windows:
        """The attributes of a pooling or a convolution; `auto_pad` is resolved, which takes known extents for SAME."""
        rank = len(kernel)
        strides = tuple(attrs["strides"] or (1,) * rank)
        dilations = tuple(attrs.get("dilations") or (1,) * rank)
        auto = attrs["auto_pad"]
        if auto == "VALID" or (auto == "NOTSET" and not attrs["pads"]):
            return Windows(tuple(kernel), strides, dilations, (0,) * rank, (0,) * rank)
        if auto == "NOTSET":
            pads = tuple(attrs["pads"])
            return Windows(tuple(kernel), strides, dilations, pads[:rank], pads[rank:])
        fronts: list[int] = []
        backs: list[int] = []
        for extent, k, s, d in zip(spatial, kernel, strides, dilations, strict=True):
            if not isinstance(extent, int):
                raise NotNative(f"auto_pad {auto} of a symbolic extent")
            total = max((-(-extent // s) - 1) * s + d * (k - 1) + 1 - extent, 0)
            small, large = total // 2, total - total // 2
            fronts.append(small if auto == "SAME_UPPER" else large)
            backs.append(large if auto == "SAME_UPPER" else small)
        return Windows(tuple(kernel), strides, dilations, tuple(fronts), tuple(backs))


def spatial_arguments(x: View, out: View, w: Windows) -> list[Argument | None]:
    """The arguments of `kernels.pool.Spatial` for every spatial axis."""
    args: list[Argument | None] = []
    for i, facts in enumerate(zip(w.kernel, w.strides, w.dilations, w.fronts, w.backs, strict=True)):
        axis = 2 + i
        args += [x.shape[axis], x.strides[axis], out.shape[axis], out.strides[axis], *facts]
    return args


@lower("GlobalAveragePool", "GlobalMaxPool")
def global_pool(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    source = node.inputs[0]
    assert source is not None
    axes = list(range(2, len(low.shape(source))))
    if not axes:
        raise NotNative(f"{node.op_type} of an image without extents")
    reduced(low, node, source, "mean" if node.op_type == "GlobalAveragePool" else "max", axes, True)


def _many(channels: Dim) -> bool:
    return isinstance(channels, int) and channels >= MANY


MANY = 8  # channels that fill lanes well enough


@lower("MaxPool", "AveragePool")
def pool(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """The result lies as the input does: channels innermost, or windows."""
    source = node.inputs[0]
    assert source is not None
    if len(node.outputs) > 1 and node.outputs[1].uses:
        raise NotNative("MaxPool whose indices are read")
    narrow = low.dtype(source) in (INT8, UINT8) and node.op_type == "MaxPool"
    if low.dtype(source) not in (FLOAT32, FLOAT64) and not narrow:
        raise NotNative(f"{node.op_type} of {low.dtype(source)}")
    x, shape = low.view(source), low.shape(node.output)
    rank = x.rank - 2
    jumps = (attrs["strides"] or (1,))[-1] != 1 and _many(x.shape[1])
    if x.strides[1] != 1 and (jumps or narrow):
        x = low.contiguous(x, (0, *range(2, x.rank), 1))  # lanes of windows that jump would gather element by element
    w = Windows.of(attrs, attrs["kernel_shape"], x.shape[2:])
    out = low.temp(x.dtype, shape, physical_order(x.shape, [x]), node.output.name)
    channels = x.strides[1] == 1 and out.strides[1] == 1
    if not channels and out.strides[-1] != 1:
        out = low.temp(x.dtype, shape, name=node.output.name)
    unit = not channels and x.strides[-1] == 1 and w.strides[-1] == 1
    kind = "max" if node.op_type == "MaxPool" else "average"
    spec = PoolSpec(kind, kind_of(x.dtype), rank, channels, unit, bool(attrs.get("count_include_pad")))
    args: list[Argument | None] = [Address(out.buffer, out.offset, True), Address(x.buffer, x.offset)]
    for axis in (0, 1):
        args += [x.shape[axis], x.strides[axis], out.strides[axis]]
    args += spatial_arguments(x, out, w)
    rows = product(shape[2:-1]) * shape[0]
    tasks = rows if channels else rows * shape[1]
    taps = product(w.kernel)
    low.call(Call(pool_kernel(spec, low.target), args, tasks, (node.name or node.op_type,), flops=out.size * taps))
    low.give(node.output, out)
