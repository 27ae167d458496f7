"""Chance. Such a model gives other numbers at every run, and is not verified."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.errors import UnsupportedError
from sardonyx.frontends.torch.cast import cast
from sardonyx.frontends.torch.constant import FACTORY, LIKE, filled
from sardonyx.frontends.torch.registry import aten
from sardonyx.frontends.torch.shape import shape_of
from sardonyx.ir import TensorType, Value
from sardonyx.ops.builder import Builder

__all__: list[str] = []


def drawn(g: Builder, operator: str, type: TensorType) -> Value:
    """RandomUniform or RandomNormal of that type."""
    extents = shape_of(type)
    if all(isinstance(n, int) for n in extents):
        return g.op(operator, shape=list(extents), dtype=_code(type))
    return g.op(operator + "Like", filled(g, type, 0), dtype=_code(type))


def _code(type: TensorType) -> int:
    assert type.dtype is not None
    return type.dtype.code


def _random(name: str, operator: str) -> None:
    @aten(f"{name}_like(Tensor self, *, {LIKE}) -> Tensor")
    @aten(f"{name}(SymInt[] size, *, {FACTORY}) -> Tensor")
    def rule(g: Builder, *, out: TensorType, **facts: Any) -> Value:
        return drawn(g, operator, out)


_random("rand", "RandomUniform")
_random("randn", "RandomNormal")

_WHOLE = FACTORY.replace("dtype=None", "dtype=4")


@aten(f"randint(SymInt high, SymInt[] size, *, {_WHOLE}) -> Tensor")
@aten(f"randint.low(SymInt low, SymInt high, SymInt[] size, *, {_WHOLE}) -> Tensor")
@aten(f"randint_like(Tensor self, SymInt high, *, {LIKE}) -> Tensor")
@aten(f"randint_like.low_dtype(Tensor self, SymInt low, SymInt high, *, {LIKE}) -> Tensor")
def randint(g: Builder, high: Dim, low: Dim = 0, *, out: TensorType, **facts: Any) -> Value:
    """The whole part of a uniform number over the range."""
    uniform = drawn(g, "RandomUniform", TensorType(d.FLOAT32, out.shape))
    bounds = [cast(g, g.extents.scalar(n), d.FLOAT32) for n in (low, high - low)]
    return cast(g, g.Floor(g.Add(g.Mul(uniform, bounds[1]), bounds[0])), out.dtype)


@aten(f"randperm(SymInt n, *, {_WHOLE}) -> Tensor")
def randperm(g: Builder, n: Dim, *, out: TensorType, **facts: Any) -> Value:
    """The order of random numbers."""
    uniform = drawn(g, "RandomUniform", TensorType(d.FLOAT32, (n,)))
    return cast(g, g.TopK(uniform, g.extents.vector([n]), axis=0, outputs=2)[1], out.dtype)


@aten("bernoulli(Tensor self, *, Generator? generator=None) -> Tensor")
def bernoulli(g: Builder, self: Value) -> Value:
    return g.Bernoulli(self)


@aten("bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor")
def bernoulli_p(g: Builder, self: Value, p: float, *, out: TensorType) -> Value:
    return cast(g, g.Bernoulli(filled(g, TensorType(d.FLOAT32, out.shape), p)), out.dtype)


@aten("multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor")
def multinomial(g: Builder, self: Value, num_samples: Dim, replacement: bool) -> Value:
    """Without replacement: the largest of log p plus Gumbel noise."""
    odds = g.Log(self)
    if replacement:
        if not isinstance(num_samples, int):
            raise UnsupportedError("a dynamic number of samples")
        row = odds if self.rank == 2 else g.Unsqueeze(odds, [0])
        found = g.Multinomial(row, sample_size=num_samples, dtype=d.INT64.code)
        return found if self.rank == 2 else g.Squeeze(found, [0])
    assert self.dtype is not None
    tiny = float(np.finfo(np.float32).tiny)
    uniform = g.Max(drawn(g, "RandomUniform", TensorType(self.dtype, self.shape)), tiny)
    noisy = g.Sub(odds, g.Log(g.Max(g.Neg(g.Log(uniform)), tiny)))
    return g.TopK(noisy, g.extents.vector([num_samples]), axis=-1, outputs=2)[1]


@aten("normal.Tensor_float(Tensor mean, float std=1., *, Generator? generator=None) -> Tensor")
@aten("normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor")
@aten("normal.float_Tensor(float mean, Tensor std, *, Generator? generator=None) -> Tensor")
def normal(g: Builder, mean: Value | float, std: Value | float, *, out: TensorType) -> Value:
    return g.Add(g.Mul(drawn(g, "RandomNormal", out), std), mean)


@aten("native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)")
def native_dropout(g: Builder, input: Value, p: float, train: bool | None) -> tuple[Value, Value]:
    if train is not False and p:
        raise UnsupportedError("dropout in training", fix="call module.eval() before exporting")
    return input, filled(g, TensorType(d.BOOL, input.shape), True)
