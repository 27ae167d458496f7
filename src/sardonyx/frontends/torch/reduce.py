"""Reductions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import DType
from sardonyx.frontends.torch.cast import cast
from sardonyx.frontends.torch.registry import aten
from sardonyx.frontends.torch.shape import shape_of
from sardonyx.ir import TensorType, Value
from sardonyx.ops.builder import Builder

__all__: list[str] = []

Axes = Sequence[int] | int | None


def reduced(g: Builder, operator: str, x: Value, axes: Axes, keepdims: bool) -> Value:
    """Reduce over some axes; none, or an empty list, means all."""
    if x.rank == 0:
        return g.Identity(x)
    listed = [axes] if isinstance(axes, int) else list(axes or ())
    return g.op(operator, x, listed or None, keepdims=keepdims)


# -- sums and means --------------------------------------------------------------------------------------------------------


@aten("sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor")
def sum_dim(g: Builder, self: Value, dim: Axes, keepdim: bool, *, out: TensorType, dtype: DType | None) -> Value:
    return reduced(g, "ReduceSum", cast(g, self, out.dtype), dim, keepdim)


@aten("sum(Tensor self, *, ScalarType? dtype=None) -> Tensor")
def sum_all(g: Builder, self: Value, *, out: TensorType, dtype: DType | None) -> Value:
    return reduced(g, "ReduceSum", cast(g, self, out.dtype), None, False)


@aten("mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor")
def mean_dim(g: Builder, self: Value, dim: Axes, keepdim: bool, *, out: TensorType, dtype: DType | None) -> Value:
    return reduced(g, "ReduceMean", cast(g, self, out.dtype), dim, keepdim)


@aten("mean(Tensor self, *, ScalarType? dtype=None) -> Tensor")
def mean_all(g: Builder, self: Value, *, out: TensorType, dtype: DType | None) -> Value:
    return reduced(g, "ReduceMean", cast(g, self, out.dtype), None, False)


@aten("prod(Tensor self, *, ScalarType? dtype=None) -> Tensor")
def prod_all(g: Builder, self: Value, *, out: TensorType, dtype: DType | None) -> Value:
    return reduced(g, "ReduceProd", cast(g, self, out.dtype), None, False)


@aten("prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor")
def prod_dim(g: Builder, self: Value, dim: int, keepdim: bool, *, out: TensorType, dtype: DType | None) -> Value:
    return reduced(g, "ReduceProd", cast(g, self, out.dtype), dim, keepdim)


@aten("logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor")
def logsumexp(g: Builder, self: Value, dim: Axes, keepdim: bool, *, out: TensorType) -> Value:
    return reduced(g, "ReduceLogSumExp", cast(g, self, out.dtype), dim, keepdim)


# -- variance --------------------------------------------------------------------------------------------------------------


@aten("var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor")
def var(g: Builder, self: Value, dim: Axes, *, correction: float | None, keepdim: bool) -> Value:
    return variance(g, self, dim, correction, keepdim)[0]


@aten("std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor")
def std(g: Builder, self: Value, dim: Axes, *, correction: float | None, keepdim: bool) -> Value:
    return g.Sqrt(variance(g, self, dim, correction, keepdim)[0])


@aten("var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor")
def var_dim(g: Builder, self: Value, dim: Axes, unbiased: bool, keepdim: bool) -> Value:
    return variance(g, self, dim, int(unbiased), keepdim)[0]


@aten(
    "var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)"
)
def var_mean(g: Builder, self: Value, dim: Axes, *, correction: float | None, keepdim: bool) -> tuple[Value, Value]:
    return variance(g, self, dim, correction, keepdim)


def variance(g: Builder, x: Value, dim: Axes, correction: float | None, keepdim: bool) -> tuple[Value, Value]:
    """The sum of squared distances from the mean over n - correction, and the mean."""
    mean = reduced(g, "ReduceMean", x, dim, True)
    centred = g.Sub(x, mean)
    squares = g.Mul(centred, centred)
    correction = 1 if correction is None else correction
    result = reduced(g, "ReduceMean", squares, dim, keepdim)
    shape = shape_of(x)
    listed = [dim] if isinstance(dim, int) else list(dim or range(len(shape)))
    count: Dim = math.prod([shape[a] for a in listed])  # pyright: ignore[reportArgumentType, reportAssignmentType] dims multiply
    if correction != 0:
        if isinstance(count, int):
            assert x.dtype is not None
            with np.errstate(divide="ignore", invalid="ignore"):
                factor: Value | float = float(np.float64(count) / np.float64(max(0, count - correction)))
        else:
            n = g.Cast(g.extents.scalar(count), to=x.dtype)
            factor = g.Div(n, g.Sub(n, float(correction)))
        result = g.Mul(result, factor)
    return result, mean if keepdim else reduced(g, "ReduceMean", x, dim, False)


# -- norms ----------------------------------------------------------------------------------------------------------------


@aten(
    "linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor"
)
def vector_norm(g: Builder, self: Value, ord: float, dim: Axes, keepdim: bool, *, dtype: DType | None) -> Value:
    x = cast(g, self, dtype)
    if x.rank == 0:
        return g.Abs(x)
    match float(ord):
        case 1.0:
            return reduced(g, "ReduceL1", x, dim, keepdim)
        case 2.0:
            return reduced(g, "ReduceL2", x, dim, keepdim)
        case math.inf:
            return reduced(g, "ReduceMax", g.Abs(x), dim, keepdim)
        case value if value == -math.inf:
            return reduced(g, "ReduceMin", g.Abs(x), dim, keepdim)
        case 0.0:
            return reduced(g, "ReduceSum", g.Cast(g.Not(g.Equal(x, 0.0)), to=x.dtype), dim, keepdim)
        case value:
            return g.Pow(reduced(g, "ReduceSum", g.Pow(g.Abs(x), value), dim, keepdim), 1 / value)


# -- extremes ---------------------------------------------------------------------------------------------------------------


def extreme(g: Builder, operator: str, x: Value, dim: Axes, keepdim: bool) -> Value:
    """The largest or smallest element. Truth values are compared as numbers."""
    if x.dtype is d.BOOL and g.opset < 20:
        return cast(g, reduced(g, operator, cast(g, x, d.INT32), dim, keepdim), d.BOOL)
    return reduced(g, operator, x, dim, keepdim)


def _extreme(name: str, operator: str, which: str) -> None:
    @aten(f"a{name}(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor")
    def over(g: Builder, self: Value, dim: Axes, keepdim: bool) -> Value:
        return extreme(g, operator, self, dim, keepdim)

    @aten(f"{name}(Tensor self) -> Tensor")
    def over_all(g: Builder, self: Value) -> Value:
        return extreme(g, operator, self, None, False)

    @aten(f"{name}.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)")
    def with_place(g: Builder, self: Value, dim: int, keepdim: bool) -> tuple[Value, Value]:
        return extreme(g, operator, self, dim, keepdim), place(g, which, self, dim, keepdim)

    @aten(f"arg{name}(Tensor self, int? dim=None, bool keepdim=False) -> Tensor")
    def place_only(g: Builder, self: Value, dim: int | None, keepdim: bool, *, out: TensorType) -> Value:
        if dim is not None:
            return place(g, which, self, dim, keepdim)
        flat = g.Reshape(self, [-1])
        found = g.op(which, flat, axis=0, keepdims=False)
        return g.Reshape(found, [1] * len(shape_of(out))) if keepdim else found


def place(g: Builder, operator: str, x: Value, dim: int, keepdim: bool) -> Value:
    if x.rank == 0:
        return g.value(np.int64(0))
    return g.op(operator, cast(g, x, d.INT32) if x.dtype is d.BOOL else x, axis=dim, keepdims=keepdim)


_extreme("max", "ReduceMax", "ArgMax")
_extreme("min", "ReduceMin", "ArgMin")


def _truth(name: str, operator: str) -> None:
    def found(g: Builder, x: Value, dim: Axes, keepdim: bool) -> Value:
        return extreme(g, operator, cast(g, x, d.BOOL), dim, keepdim)

    @aten(f"{name}(Tensor self) -> Tensor")
    def over_all(g: Builder, self: Value) -> Value:
        return found(g, self, None, False)

    @aten(f"{name}.dim(Tensor self, int dim, bool keepdim=False) -> Tensor")
    def over(g: Builder, self: Value, dim: int, keepdim: bool) -> Value:
        return found(g, self, dim, keepdim)

    @aten(f"{name}.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor")
    def over_some(g: Builder, self: Value, dim: Axes, keepdim: bool) -> Value:
        return found(g, self, dim, keepdim)


_truth("any", "ReduceMax")
_truth("all", "ReduceMin")


@aten("aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)")
def aminmax(g: Builder, self: Value, *, dim: int | None, keepdim: bool) -> tuple[Value, Value]:
    return extreme(g, "ReduceMin", self, dim, keepdim), extreme(g, "ReduceMax", self, dim, keepdim)


# -- without NaN ------------------------------------------------------------------------------------------------------------


@aten("nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor")
def nansum(g: Builder, self: Value, dim: Axes, keepdim: bool, *, out: TensorType, dtype: DType | None) -> Value:
    x = cast(g, self, out.dtype)
    if out.dtype is not None and out.dtype.is_float:
        x = g.Where(g.IsNaN(x), np.zeros((), out.dtype.numpy), x)
    return reduced(g, "ReduceSum", x, dim, keepdim)
