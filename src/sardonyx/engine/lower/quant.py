"""Quantized models: products of bytes, and the steps between bytes and floats."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim, ceildiv
from sardonyx.core.dtypes import FLOAT32, INT32, UINT8
from sardonyx.engine.contract import Axes
from sardonyx.engine.formula import Formula, Step
from sardonyx.engine.fuse import Steps, fuse, low_value
from sardonyx.engine.integer import BYTES, IntegerHead, centered, integer_head, pack_integers, zero_of
from sardonyx.engine.kernels.span import CHUNK, range_kernel, scale_kernel
from sardonyx.engine.lower.conv import by_channel, sliding
from sardonyx.engine.lower.depthwise import DepthwiseHead, one_each
from sardonyx.engine.lower.elementwise import WHOLE_NUMBER, literal
from sardonyx.engine.lower.linalg import as_matrices, give_squeezed, left_of
from sardonyx.engine.lower.pool import Windows
from sardonyx.engine.lowering import Deferred, Lowering, NotNative, kind_of, lower
from sardonyx.engine.program import Address, Argument, Call
from sardonyx.engine.space import memory_order
from sardonyx.engine.views import View, product
from sardonyx.ir import Node, Value
from sardonyx.ops import run_reference, schema_of
from sardonyx.tile import Type

__all__ = ["byte_convolution", "byte_product"]


def _bytes(low: Lowering, *values: Value | None) -> None:
    for value in values:
        if value is not None and low.dtype(value) not in BYTES:
            raise NotNative(f"a product of {low.dtype(value)}")


def byte_product(low: Lowering, node: Node, values: Sequence[Value | None]) -> tuple[Deferred, list[int]]:
    """The deferred product of A and B less their zero points, `values` all four, in i32; and the axes of it that go again."""
    left, right, left_zero, right_zero = values
    assert left is not None and right is not None
    _bytes(low, left, right)
    a, b, shape, gone = as_matrices(low.view(left), low.view(right), low.shape(node.output))
    za, zb = zero_of(low, left_zero, a.dtype), zero_of(low, right_zero, b.dtype)
    if za.rank == 1 and za.size != 1:  # one for each row
        low.claim(za.shape[0], shape[-2], f"{node!r} has a zero point for each row")
        za = za.unsqueezed([1])
    if zb.rank > 1:
        raise NotNative("zero points of B by matrix")
    if zb.size != 1:
        low.claim(zb.shape[0], shape[-1], f"{node!r} has a zero point for each column")
    low.claim(a.shape[-1], b.shape[-2], f"{node!r} multiplies rows by columns of one length")
    return _product(low, node, (a, za), (b, zb), shape), gone


def _product(
    low: Lowering, node: Node, left: tuple[View, View], right: tuple[View, View], shape: tuple[Dim, ...]
) -> Deferred:
    (a, za), (b, zb) = left, right
    name = node.name or node.op_type
    if a.strides[-1] != 1 and a.shape[-1] != 1:
        a = low.contiguous(a)
    rank = len(shape)
    shared = all(d == 1 for d in b.shape[:-2])
    axes = Axes((), tuple(range(rank - 1)), rank - 1) if shared else Axes(tuple(range(rank - 2)), (rank - 2,), rank - 1)
    a = a.broadcast_to((*shape[:-1], a.shape[-1]))
    rows = left_of(a, axes.outer, axes.rows)
    count, outer = product([shape[i] for i in axes.rows]), [shape[i] for i in axes.outer]
    packed = pack_integers(low, rows, b.squeezed(range(b.rank - 2)) if shared else b, zb, outer, name, rows=count)
    head = integer_head(shape, range(rank), axes, rows, packed, zero_of(low, None, a.dtype))
    if not head.fits:
        wide = low.contiguous(b.broadcast_to((*shape[:-2], *b.shape[-2:])))
        return _product(low, node, (low.contiguous(a), za), (wide, zb), shape)
    return centered(low, head, za, packed.sums, lambda v: v.broadcast_to(shape), name)


def byte_convolution(low: Lowering, node: Node, attrs: dict[str, Any], values: Sequence[Value | None]) -> Deferred:
    """The deferred convolution of x and w less their zero points, `values` all four, in i32."""
    source, filters, source_zero, filter_zero = values
    assert source is not None and filters is not None
    _bytes(low, source, filters)
    if low.const(filters) is None or (filter_zero is not None and low.const(filter_zero) is None):
        raise NotNative("filters that are computed")
    zero = zero_of(low, source_zero, low.dtype(source))
    if zero.size != 1:
        raise NotNative("zero points by channel of the image")
    zero = View(zero.buffer, (), (), zero.offset)
    if (windows := one_each(low, attrs, source, filters)) is not None and math.prod(windows.kernel) <= MOST_EXACT:
        return _each_its_own(low, node, values, zero, windows)
    found = sliding(low, node, attrs, source, filters, zero)
    points = zero_of(low, filter_zero, low.dtype(filters)).const
    assert points is not None
    if points.size != 1:  # one for each filter
        points = points.reshape(*found.outer, 1, -1)
    places = product((found.shape[0], *found.shape[2:]))
    packed = pack_integers(low, found.left, found.right, low.constant(points), found.outer, found.nodes[0], rows=places)
    head = integer_head(found.shape, found.order, found.axes, found.left, packed, zero, found.groups)
    totals = packed.sums.const
    assert totals is not None
    line = low.constant(np.ascontiguousarray(totals.reshape(-1)), "sums")
    return centered(low, head, zero, line, lambda v: by_channel(v, found.shape), found.nodes[0])


MOST_EXACT = 256  # taps whose products of bytes float32 adds up exactly


def _each_its_own(low: Lowering, node: Node, values: Sequence[Value | None], zero: View, windows: Windows) -> Deferred:
    """A convolution with a filter for each channel, in float32, whose sums are whole numbers below 2**24 and so exact."""
    source, filters, _, filter_zero = values
    assert source is not None and filters is not None
    order = (0, *range(2, len(windows.kernel) + 2), 1)
    x, array = low.view(source), low.const(filters)
    points = low.const(filter_zero) if filter_zero is not None else None
    assert array is not None
    if points is not None:
        array = array.astype(np.float32) - points.reshape(-1, *[1] * (array.ndim - 1)).astype(np.float32)
    weights = low.constant(np.ascontiguousarray(np.moveaxis(array[:, 0], 0, -1), np.float32), filters.name)
    if x.strides[1] != 1:
        x = low.contiguous(x, order)
    head = DepthwiseHead(x, weights, None, windows, zero)
    formula = Formula(("f32",), (Step("cast", (0,), "i32", WHOLE_NUMBER),))
    return Deferred(low.shape(node.output), INT32, formula, [], head, order, (node.name or node.op_type,))


@lower("MatMulInteger")
def matmul_integer(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    found, gone = byte_product(low, node, [*node.inputs, None, None][:4])
    give_squeezed(low, node.output, found, gone)


@lower("ConvInteger")
def conv_integer(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    low.give(node.output, byte_convolution(low, node, attrs, [*node.inputs, None, None][:4]))


# -- between bytes and floats -------------------------------------------------------------------------------------------

WHOLE = ("i8", "u8", "i16", "u16")  # kinds that are quantized to


def _factors(low: Lowering, node: Node, x: Value, factors: Value, axis: int, what: str) -> Value:
    """Scales or zero points as they broadcast to x: one, or one for each index of the axis.

    They are operands, and no part of the kernel, which serves every layer.
    """
    shape, own = low.shape(x), low.shape(factors)
    known = low.const(factors)
    if known is not None and known.size == 1 and known.reshape(()) in (0, 1):
        return factors  # nothing to subtract, or to divide by
    if len(own) == 0 or own == (1,):
        view = low.view(factors)
        return low_value(low, View(view.buffer, (), (), view.offset))
    if len(own) != 1:
        raise NotNative(f"{node.op_type} by blocks")
    at = axis % len(shape) if len(shape) > 1 else 0
    low.claim(own[0], shape[at], f"{node!r} has a {what} for each index of axis {at}")
    return low_value(low, low.view(factors).unsqueezed(range(1, len(shape) - at)))


def dequantized(s: Steps, x: list[int], _: dict[str, Any], kind: str) -> int:
    """(x - zero point) * scale"""
    value = _widened(s, x[0])
    if len(x) > 2 and literal(s, x[2]) != 0:
        value = s.step("sub", value, s.step("cast", x[2], kind="i32"))
    return s.step("mul", s.step("cast", value, kind=kind), x[1])


def _widened(s: Steps, number: int) -> int:
    """A value in 32 bits: as it was before it was made narrow, if that was just now."""
    at = number - (len(s.kinds) - len(s.steps))
    narrowed = s.steps[at] if at >= 0 and s.steps[at].op == "cast" else None
    source = None if narrowed is None else narrowed.inputs[0] - (len(s.kinds) - len(s.steps))
    if narrowed is not None and source is not None and source >= 0 and s.steps[source].op.startswith("to_integer"):
        return narrowed.inputs[0]
    return s.step("cast", number, kind="i32")


@lower("DequantizeLinear")
def dequantize(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """What is constant is computed here and now."""
    x, scale, zero = [*node.inputs, None][:3]
    assert x is not None and scale is not None
    given = [low.const(v) for v in node.inputs if v is not None]
    schema = schema_of(node.domain, node.op_type, low.opsets.get(node.domain, 1))
    if all(array is not None for array in given) and schema is not None:
        [array] = run_reference(schema, [None if v is None else low.const(v) for v in node.inputs], attrs, 1)
        low.give(node.output, low.constant(array, node.output.name))
        return
    if kind_of(low.dtype(x)) not in (*WHOLE, "i32") or kind_of(low.dtype(node.output)) != "f32":
        raise NotNative(f"DequantizeLinear of {low.dtype(x)}")
    if low.dtype(x) is INT32 and zero is not None and np.any(low.const(zero) != 0):
        raise NotNative("a zero point of 32 bits")
    inputs = [x, *(_factors(low, node, x, v, attrs["axis"], "scale") for v in (scale, zero) if v is not None)]
    low.give(node.output, fuse(low, node, attrs, dequantized, inputs))


def quantized(s: Steps, x: list[int], attrs: dict[str, Any], kind: str) -> int:
    """saturate(round(x / scale) + zero point), or with `inverse` round(x * scale); with `one`, one scale divides many x."""
    value = s.step("cast", x[0], kind="f32") if s.kinds[x[0]] != "f32" else x[0]
    if literal(s, x[1]) != 1:
        value = s.step("mul" if attrs["inverse"] else "quotient" if attrs.get("one") else "div", value, x[1])
    limits = np.iinfo(Type(kind).numpy.name)
    facts = (float(limits.min), float(limits.max), not attrs["inverse"])
    if len(x) > 2 and literal(s, x[2]) != 0:
        value = s.step("to_integer_from", value, s.step("cast", x[2], kind="i32"), kind="i32", attrs=facts)
    else:
        value = s.step("to_integer", value, kind="i32", attrs=facts)
    return s.step("cast", value, kind=kind)


def _divides_slowly(low: Lowering) -> bool:
    """Whether a division by the same number is better done by multiplications: cores with the matrix unit take sixteen cycles to
    divide a vector, other cores of as wide vectors about five."""
    return low.target.at_least("amx")


@lower("QuantizeLinear")
def quantize(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    x, scale, zero = [*node.inputs, None][:3]
    assert x is not None and scale is not None
    if (
        kind_of(low.dtype(x)) not in ("f32", "i32")
        or low.dtype(scale) is not FLOAT32
        or attrs["precision"] not in (0, 1)
    ):
        raise NotNative(f"QuantizeLinear of {low.dtype(x)} by {low.dtype(scale)}")
    if kind_of(low.dtype(node.output)) not in WHOLE:
        raise NotNative(f"QuantizeLinear to {low.dtype(node.output)}")
    inputs = [x, *(_factors(low, node, x, v, attrs["axis"], "scale") for v in (scale, zero) if v is not None)]
    joined, known = low.join(x), low.const(scale)
    inverse = (
        joined is not None
        and isinstance(joined.head, (IntegerHead, DepthwiseHead))
        and known is not None
        and known.size == 1
    )
    if known is not None and inverse and known.reshape(()) != 1:  # it is scaled and rounded as it is
        inverted = np.asarray(np.float32(1) / known.reshape(()))
        inputs[1] = low_value(low, low.constant(inverted, f"1 / {scale.name}"))
    one = _divides_slowly(low) and low.shape(inputs[1]) == ()
    low.give(node.output, fuse(low, node, {**attrs, "inverse": inverse, "one": one}, quantized, inputs))


@lower("DynamicQuantizeLinear")
def dynamic_quantize(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """The range of all, the scale and zero point that follow, and an elementwise step, which joins what it can."""
    source = node.inputs[0]
    assert source is not None
    if low.dtype(source) is not FLOAT32:
        raise NotNative(f"DynamicQuantizeLinear of {low.dtype(source)}")
    x = low.view(source)
    if not x.is_contiguous(memory_order(x)):
        x = low.contiguous(x)
    name = node.name or node.op_type
    chunks = ceildiv(x.size, CHUNK)
    ends = low.temp(FLOAT32, (2, chunks), name=f"range of {source.name}")
    args: list[Argument | None] = [Address(ends.buffer, 0, True), Address(x.buffer, x.offset), x.size, chunks]
    low.call(Call(range_kernel(low.target), args, chunks, (name,), flops=x.size * 2))
    scale, zero = (
        low.temp(FLOAT32, (), name=f"scale of {source.name}"),
        low.temp(UINT8, (), name=f"zero of {source.name}"),
    )
    args = [Address(scale.buffer, 0, True), Address(zero.buffer, 0, True), Address(ends.buffer), chunks]
    low.call(Call(scale_kernel(low.target), args, 1, (name,)))
    steps = Steps(3, ["f32", "f32", "u8"])
    quantized(steps, [0, 1, 2], {"inverse": False, "one": _divides_slowly(low)}, "u8")
    operands = [x, scale.broadcast_to(x.shape), zero.broadcast_to(x.shape)]
    formula = Formula(("f32", "f32", "u8"), tuple(steps.steps))
    order = memory_order(x)
    low.give(node.outputs[0], Deferred(x.shape, UINT8, formula, operands, None, order, (name,)))
    low.give(node.outputs[1], scale)
    low.give(node.outputs[2], zero)


# -- quantized products ---------------------------------------------------------------------------------------------------


def _vector(view: View) -> View:
    """Scales or zero points as a vector, or as a scalar if there is one."""
    if view.size == 1:
        return View(view.buffer, (), (), view.offset)
    if view.rank != 1:
        raise NotNative("scales by row and column at once")
    return view


def _factor(low: Lowering, scales: Sequence[Value]) -> View:
    """Scale of x * scale of w / scale of y, as a vector if w has one."""
    sx, sw, sy = (_vector(low.view(v)) for v in scales)
    if sx.rank or sy.rank:
        raise NotNative("scales by row, or several of the result")
    known = [v.const for v in (sx, sw, sy)]
    if all(array is not None for array in known):
        return low.constant(np.asarray(known[0] * known[1] / known[2], np.float32), "scale")  # pyright: ignore[reportOptionalOperand] see above
    out = low.temp(FLOAT32, sw.shape, name="scale")
    steps = (Step("mul", (0, 1), "f32"), Step("div", (3, 2), "f32"))
    views = [v.broadcast_to(sw.shape) for v in (sx, sw, sy)]
    low.map(Formula(("f32",) * 3, steps), views, out, range(sw.rank), ("scale",))
    return out


def _requantized(
    low: Lowering,
    node: Node,
    total: Deferred,
    scales: tuple[Value, Value, Value],
    zero: Value,
    spread: Callable[[View], View],
    bias: View | None = None,
) -> Deferred:
    """total * (scale of x * scale of w / scale of y), rounded, + zero point, saturated; `spread` broadcasts a vector over w."""
    kind = kind_of(low.dtype(zero))
    if kind not in WHOLE or any(low.dtype(v) is not FLOAT32 for v in scales):
        raise NotNative(f"{node.op_type} to {low.dtype(zero)}")
    factor, point = _factor(low, scales), _vector(low.view(zero))
    if point.rank:
        raise NotNative(f"{node.op_type} with several zero points of the result")
    operands = [*total.operands, *([] if bias is None else [bias]), spread(factor) if factor.rank else factor]
    kinds = [*total.formula.args, *([] if bias is None else ["i32"]), "f32"]
    some = point.const is None or bool(point.const.any())
    if some:
        operands.append(point)
        kinds.append(kind)
    operands = [View(v.buffer, (), (), v.offset).broadcast_to(total.shape) if v.size == 1 else v for v in operands]
    steps = Steps(len(kinds), list(kinds))
    value = steps.graft(total.formula, range(len(total.formula.args)))
    at = len(total.formula.args)
    if bias is not None:
        value = steps.step("add", value, at)
        at += 1
    value = steps.step("mul", steps.step("cast", value, kind="f32"), at)
    quantized(steps, [value, steps.number(1, "f32"), *([at + 1] if some else [])], {"inverse": True}, kind)
    formula = Formula(tuple(kinds), tuple(steps.steps))
    return Deferred(total.shape, low.dtype(zero), formula, operands, total.head, total.order, total.nodes)


@lower("QLinearConv")
def qlinear_conv(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    x, sx, zx, w, sw, zw, sy, zy, bias = [*node.inputs, None][:9]
    assert sx is not None and sw is not None and sy is not None and zy is not None
    total = byte_convolution(low, node, attrs, [x, w, zx, zw])
    added = None
    if bias is not None:
        low.claim_all(low.shape(bias), total.shape[1:2], f"{node!r} has a bias per filter")
        added = by_channel(low.contiguous(low.view(bias)), total.shape)
    low.give(node.output, _requantized(low, node, total, (sx, sw, sy), zy, lambda v: by_channel(v, total.shape), added))


@lower("QLinearMatMul")
def qlinear_matmul(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    a, sa, za, b, sb, zb, sy, zy = node.inputs
    assert sa is not None and sb is not None and sy is not None and zy is not None
    total, gone = byte_product(low, node, [a, b, za, zb])
    found = _requantized(low, node, total, (sa, sb, sy), zy, lambda v: v.broadcast_to(total.shape))
    give_squeezed(low, node.output, found, gone)
