"""Tensors made from nothing: filled ones, ranges, random ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.frontends.torch.cast import cast
from sardonyx.frontends.torch.registry import aten
from sardonyx.frontends.torch.shape import expand_to, shape_of
from sardonyx.ir import TensorType, Value
from sardonyx.ops.builder import Builder

__all__ = ["FACTORY", "LIKE", "filled"]

Number = bool | int | float
FACTORY = "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"
LIKE = f"{FACTORY}, MemoryFormat? memory_format=None"
_STATED = 256  # elements up to which a filled tensor is stated outright


def filled(g: Builder, type: TensorType, value: Value | Number) -> Value:
    """A tensor of that type whose elements are all `value`."""
    assert type.dtype is not None and type.shape is not None
    if isinstance(value, Value):
        return expand_to(g, cast(g, value, type.dtype), type.shape)
    extents = [n for n in type.shape if isinstance(n, int)]
    array = np.asarray(value).astype(type.dtype.numpy)
    if len(extents) == len(type.shape) and math.prod(extents) <= _STATED:
        return g.value(np.full(extents, array, type.dtype.numpy))
    return g.ConstantOfShape(g.extents.vector(shape_of(type)), value=array.reshape(1))


@aten(f"full(SymInt[] size, Scalar fill_value, *, {FACTORY}) -> Tensor")
@aten(f"full_like(Tensor self, Scalar fill_value, *, {LIKE}) -> Tensor")
@aten(f"new_full(Tensor self, SymInt[] size, Scalar fill_value, *, {FACTORY}) -> Tensor")
def full(g: Builder, fill_value: Value | Number, *, out: TensorType, **facts: Any) -> Value:
    return filled(g, out, fill_value)


def _constant(name: str, value: int) -> None:
    names = f"SymInt[] size, *, {FACTORY}{', MemoryFormat? memory_format=None' if name == 'empty' else ''}"
    overload = ".memory_format" if name == "empty" else ""

    @aten(f"{name}{overload}({names}) -> Tensor")
    @aten(f"{name}_like(Tensor self, *, {LIKE}) -> Tensor")
    @aten(f"new_{name}(Tensor self, SymInt[] size, *, {FACTORY}) -> Tensor")
    def rule(g: Builder, *, out: TensorType, **facts: Any) -> Value:
        return filled(g, out, value)


for _name, _value in {"zeros": 0, "ones": 1, "empty": 0}.items():
    _constant(_name, _value)


@aten(
    "empty_permuted(SymInt[] size, int[] physical_layout, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor"
)
def empty_permuted(g: Builder, *, out: TensorType, **facts: Any) -> Value:
    return filled(g, out, 0)


@aten("fill.Scalar(Tensor self, Scalar value) -> Tensor")
@aten("fill.Tensor(Tensor self, Tensor value) -> Tensor")
def fill(g: Builder, value: Value | Number, *, out: TensorType, **facts: Any) -> Value:
    return filled(g, out, value)


@aten("copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor")
def copy(g: Builder, src: Value, *, out: TensorType, **facts: Any) -> Value:
    return filled(g, out, src)


@aten(f"scalar_tensor(Scalar s, *, {FACTORY}) -> Tensor")
def scalar_tensor(g: Builder, s: Value | Number, *, out: TensorType, **facts: Any) -> Value:
    return cast(g, s, out.dtype) if isinstance(s, Value) else filled(g, out, s)


# -- ranges ----------------------------------------------------------------------------------------------------------------


@aten(f"arange(Scalar end, *, {FACTORY}) -> Tensor")
@aten(f"arange.start(Scalar start, Scalar end, *, {FACTORY}) -> Tensor")
@aten(
    "arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor"
)
def arange(
    g: Builder,
    end: Value | Number,
    start: Value | Number = 0,
    step: Value | Number = 1,
    *,
    out: TensorType,
    **facts: Any,
) -> Value:
    assert out.dtype is not None
    if not isinstance(start, Value) and not isinstance(end, Value) and not isinstance(step, Value):
        count = max(0, math.ceil((end - start) / step))
        return g.value((start + np.arange(count) * step).astype(out.dtype.numpy))
    whole = all(isinstance(x, int) or (isinstance(x, Value) and x.dtype is d.INT64) for x in (start, end, step))
    kind = d.INT64 if whole else out.dtype
    bounds = [cast(g, x, kind) if isinstance(x, Value) else g.value(x, kind) for x in (start, end, step)]
    return cast(g, g.Range(*bounds), out.dtype)


@aten(f"linspace(Scalar start, Scalar end, int steps, *, {FACTORY}) -> Tensor")
def linspace(g: Builder, start: Number, end: Number, steps: int, *, out: TensorType, **facts: Any) -> Value:
    assert out.dtype is not None
    return g.value(np.linspace(start, end, steps).astype(out.dtype.numpy))


@aten(f"logspace(Scalar start, Scalar end, int steps, float base=10., *, {FACTORY}) -> Tensor")
def logspace(
    g: Builder, start: Number, end: Number, steps: int, base: float, *, out: TensorType, **facts: Any
) -> Value:
    assert out.dtype is not None
    return g.value(np.logspace(start, end, steps, base=base).astype(out.dtype.numpy))


_PLACES = FACTORY.replace("dtype=None", "dtype=4")


@aten(f"tril_indices(int row, int col, int offset=0, *, {_PLACES}) -> Tensor")
def tril_indices(g: Builder, row: int, col: int, offset: int, *, out: TensorType, **facts: Any) -> Value:
    assert out.dtype is not None
    return g.value(np.stack(np.tril_indices(row, offset, col)).astype(out.dtype.numpy))


@aten(f"triu_indices(int row, int col, int offset=0, *, {_PLACES}) -> Tensor")
def triu_indices(g: Builder, row: int, col: int, offset: int, *, out: TensorType, **facts: Any) -> Value:
    assert out.dtype is not None
    return g.value(np.stack(np.triu_indices(row, offset, col)).astype(out.dtype.numpy))


@aten(f"empty_strided(SymInt[] size, SymInt[] stride, *, {FACTORY}) -> Tensor")
@aten(f"new_empty_strided(Tensor self, SymInt[] size, SymInt[] stride, *, {FACTORY}) -> Tensor")
def empty_strided(g: Builder, *, out: TensorType, **facts: Any) -> Value:
    return filled(g, out, 0)


@aten(f"eye(SymInt n, *, {FACTORY}) -> Tensor")
@aten(f"eye.m(SymInt n, SymInt m, *, {FACTORY}) -> Tensor")
def eye(g: Builder, *, out: TensorType, **facts: Any) -> Value:
    assert out.dtype is not None
    return g.EyeLike(filled(g, out, 0), dtype=out.dtype)


# -- numbers taken out of tensors -------------------------------------------------------------------------------------------


@aten("_local_scalar_dense(Tensor self) -> Scalar")
@aten("item(Tensor self) -> Scalar")
def item(g: Builder, self: Value) -> Value:
    """An integer of the data: later sizes may depend on it."""
    return cast(g, g.Squeeze(self) if self.rank else self, d.INT64)
