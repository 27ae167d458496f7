"""Convolutions and pools with what stands around them, or with channels last."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.ir import Array
from sardonyx.ops.contrib.activation import activated
from sardonyx.ops.contrib.shared import BYTES, contrib, shape_of, value_of
from sardonyx.ops.declare import Floats, Input, Int, Ints, Output, String, infers, reference, types
from sardonyx.ops.known import Dims, Known, known
from sardonyx.ops.nn import window_facts
from sardonyx.ops.typesets import FLOATS

__all__: list[str] = []


def _front(x: Known) -> Known:
    """A tensor with its channels brought to axis 1."""
    return known(x.dtype, (x.shape[0], x.shape[-1], *x.shape[1:-1]))


def _back(shape: Dims) -> Dims:
    return (shape[0], *shape[2:], shape[1])


@contrib("FusedConv")
class FusedConv:
    """activation(Conv(X, W, B) + Z)"""

    T = types(FLOATS)
    X, W, B, Z = Input(T), Input(T), Input(T, optional=True), Input(T, optional=True)
    Y = Output(T)
    activation, activation_params = String(), Floats()
    auto_pad, dilations, group, kernel_shape = String("NOTSET"), Ints(), Int(1), Ints()
    pads, strides = Ints(), Ints()

    @infers
    def infer(X: Known, W: Known, *others: Known | None, **facts: Any) -> Dims:
        return shape_of("Conv", X, W, **window_facts(facts))

    @reference
    def run(X: Array, W: Array, B: Array | None, Z: Array | None, **facts: Any) -> Array:
        return _activated(value_of("Conv", X, W, B, **window_facts(facts)), Z, facts)


def _conv(X: Array, W: Array, B: Array | None, facts: dict[str, Any]) -> Array:
    """The convolution of an image whose channels lie last."""
    return np.moveaxis(value_of("Conv", np.moveaxis(X, -1, 1), W, B, **window_facts(facts)), 1, -1)


def _activated(y: Array, Z: Array | None, facts: dict[str, Any]) -> Array:
    numbers: dict[str, Any] = dict(zip(("alpha", "beta"), facts["activation_params"] or (), strict=False))
    return activated(y if Z is None else y + Z, facts["activation"], numbers)


@contrib("NhwcConv")
class NhwcConv:
    """Conv of images whose channels lie last; the filters are as ever."""

    T = types(FLOATS)
    X, W, B = Input(T), Input(T), Input(T, optional=True)
    Y = Output(T)
    auto_pad, dilations, group, kernel_shape = String("NOTSET"), Ints(), Int(1), Ints()
    pads, strides = Ints(), Ints()

    @infers
    def infer(X: Known, W: Known, *others: Known | None, **facts: Any) -> Dims:
        return _back(shape_of("Conv", _front(X), W, **window_facts(facts)))

    @reference
    def run(X: Array, W: Array, B: Array | None, **facts: Any) -> Array:
        return _conv(X, W, B, facts)


@contrib("NhwcFusedConv")
class NhwcFusedConv:
    """FusedConv of images whose channels lie last."""

    T = types(frozenset({d.FLOAT32, d.FLOAT16}))
    X, W, B, Z = Input(T), Input(T), Input(T, optional=True), Input(T, optional=True)
    Y = Output(T)
    activation, activation_params = String(), Floats()
    auto_pad, dilations, group, kernel_shape = String("NOTSET"), Ints(), Int(1), Ints()
    pads, strides = Ints(), Ints()

    @infers
    def infer(X: Known, W: Known, *others: Known | None, **facts: Any) -> Dims:
        return _back(shape_of("Conv", _front(X), W, **window_facts(facts)))

    @reference
    def run(X: Array, W: Array, B: Array | None, Z: Array | None, **facts: Any) -> Array:
        return _activated(_conv(X, W, B, facts), Z, facts)


@contrib("ConvTransposeWithDynamicPads")
class ConvTransposeWithDynamicPads:
    """ConvTranspose whose padding is an input."""

    T = types(FLOATS)
    X, W, Pads, B = Input(T), Input(T), Input("tensor(int64)", optional=True), Input(T, optional=True)
    Y = Output(T)
    auto_pad, dilations, group, kernel_shape = String("NOTSET"), Ints(), Int(1), Ints()
    output_padding, strides = Ints(), Ints()

    @infers
    def infer(X: Known, W: Known, Pads: Known | None, B: Known | None, **facts: Any) -> Any:
        pads = None if Pads is None else Pads.numbers()
        if Pads is not None and pads is None:
            return (X.shape[0], *[None] * (X.rank - 1))
        return shape_of("ConvTranspose", X, W, **_transposed(facts), pads=pads)

    @reference
    def run(X: Array, W: Array, Pads: Array | None, B: Array | None, **facts: Any) -> Array:
        pads = None if Pads is None else tuple(int(p) for p in Pads.reshape(-1))
        return value_of("ConvTranspose", X, W, B, **_transposed(facts), pads=pads)


def _transposed(facts: dict[str, Any]) -> dict[str, Any]:
    return {n: facts[n] for n in ("auto_pad", "dilations", "group", "kernel_shape", "output_padding", "strides")}


@contrib("NhwcMaxPool")
class NhwcMaxPool:
    """MaxPool of images of bytes whose channels lie last."""

    T = types(BYTES)
    x = Input(T)
    y = Output(T)
    auto_pad, ceil_mode, dilations = String("NOTSET"), Int(0), Ints()
    kernel_shape, pads, strides = Ints(required=True), Ints(), Ints()

    @infers
    def infer(
        x: Known, *, auto_pad: str, ceil_mode: int, dilations: Any, kernel_shape: Any, pads: Any, strides: Any
    ) -> Dims:
        window = {"auto_pad": auto_pad, "ceil_mode": ceil_mode, "dilations": dilations}
        return _back(shape_of("MaxPool", _front(x), kernel_shape=kernel_shape, pads=pads, strides=strides, **window))

    @reference
    def run(
        x: Array, *, auto_pad: str, ceil_mode: int, dilations: Any, kernel_shape: Any, pads: Any, strides: Any
    ) -> Array:
        window = {"auto_pad": auto_pad, "ceil_mode": ceil_mode, "dilations": dilations}
        image = np.moveaxis(x, -1, 1)
        y = value_of("MaxPool", image, kernel_shape=kernel_shape, pads=pads, strides=strides, **window)
        return np.moveaxis(y, 1, -1)


@contrib("QLinearConv")
class QLinearConv:
    """QLinearConv, whose images (not the filters) may have their channels last."""

    T1, T2, T3, T4 = types(BYTES), types(BYTES), types(BYTES), types(frozenset({d.INT32}))
    x, x_scale, x_zero_point = Input(T1), Input("tensor(float)"), Input(T1)
    w, w_scale, w_zero_point = Input(T2), Input("tensor(float)"), Input(T2)
    y_scale, y_zero_point, B = Input("tensor(float)"), Input(T3), Input(T4, optional=True)
    y = Output(T3)
    auto_pad, channels_last, dilations, group = String("NOTSET"), Int(0), Ints(), Int(1)
    kernel_shape, pads, strides = Ints(), Ints(), Ints()

    @infers
    def infer(
        x: Known, x_scale: Known, x_zero: Known, w: Known, w_scale: Known, w_zero: Known, y_scale: Known, y_zero: Known,
        B: Known | None, *, channels_last: int, **facts: Any,
    ) -> Known:  # fmt: skip
        image = known(d.FLOAT32, (_front(x) if channels_last else x).shape)
        shape = shape_of("Conv", image, known(d.FLOAT32, w.shape), None, **window_facts(facts))
        return known(y_zero.dtype, _back(shape) if channels_last else shape)

    @reference
    def run(x: Array, x_scale: Array, x_zero: Array, w: Array, *others: Any, channels_last: int, **facts: Any) -> Array:
        image = np.moveaxis(x, -1, 1) if channels_last else x
        y = value_of("QLinearConv", image, x_scale, x_zero, w, *others, **window_facts(facts))
        return np.moveaxis(y, 1, -1) if channels_last else y
