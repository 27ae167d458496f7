"""Arithmetic and activations on each element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sardonyx.core import dims
from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.ir import Array
from sardonyx.ops.declare import Flag, Float, Input, Int, Ints, Output, String, infers, operator, reference, types
from sardonyx.ops.families import binary, unary
from sardonyx.ops.known import Dims, Known, broadcast
from sardonyx.ops.typesets import (
    BOOL,
    CLASSIC,
    CLASSIC_BF,
    FLOAT8,
    FLOATS,
    FLOATS_BF,
    NUMBERS,
    NUMBERS_BF,
    SIGNED,
    WIDE_INTS,
)

BF = frozenset({d.BFLOAT16})
GROWN = {1: FLOATS, 13: FLOATS_BF}
ARITHMETIC = {1: FLOATS, 6: WIDE_INTS | FLOATS, 13: WIDE_INTS | FLOATS_BF, 14: NUMBERS_BF}

_erf = np.vectorize(math.erf, otypes=[np.float64])


def wide(x: Array) -> Array:
    """`x` for computing: floats narrower than 32 bits are computed in float32 and rounded once."""
    return x.astype(np.float32) if x.dtype.itemsize < 4 and x.dtype.kind not in "iub" else x


def _cast(fn: Any) -> Any:
    """Compute in a wide type, give back the type that came."""

    def run(x: Array) -> Array:
        return np.asarray(fn(wide(x))).astype(x.dtype)

    return run


def erf(x: Array) -> Array:
    """The error function of each element, exact to the last bit of float64 and rounded from there."""
    return _erf(x.astype(np.float64)).reshape(x.shape).astype(x.dtype)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow on either side."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e)).astype(x.dtype)


# fmt: off
unary("Abs", (1, 6, 13), {1: FLOATS, 6: NUMBERS, 13: NUMBERS_BF}, np.abs, "The absolute value.")
unary("Neg", (1, 6, 13), {1: FLOATS, 6: FLOATS | SIGNED, 13: FLOATS_BF | SIGNED}, np.negative, "The negated value.", carries=True)
unary("Floor", (1, 6, 13), GROWN, _cast(np.floor), "The largest integer that is not above the value.")
unary("Ceil", (1, 6, 13), GROWN, _cast(np.ceil), "The smallest integer that is not below the value.")
unary("Sqrt", (1, 6, 13), GROWN, _cast(np.sqrt), "The square root; NaN below zero.")
unary("Exp", (1, 6, 13), GROWN, _cast(np.exp), "e to the power of the value.", formals=("input", "output"))
unary("Log", (1, 6, 13), GROWN, _cast(np.log), "The natural logarithm.", formals=("input", "output"))
unary("Reciprocal", (1, 6, 13), GROWN, _cast(lambda x: 1 / x), "One over the value.")
unary("Tanh", (1, 6, 13), GROWN, _cast(np.tanh), "The hyperbolic tangent.", formals=("input", "output"))
unary("Sigmoid", (1, 6, 13), GROWN, _cast(sigmoid), "1 / (1 + exp(-x)).")
unary("Erf", (9, 13), {9: NUMBERS, 13: FLOATS_BF}, _cast(erf), "The error function.", formals=("input", "output"))
unary("Relu", (1, 6, 13, 14), {1: FLOATS, 13: FLOATS_BF, 14: FLOATS_BF | SIGNED}, lambda x: np.maximum(x, x.dtype.type(0)), "The value, or zero where that is larger.")
unary("Softsign", (1, 22), {1: FLOATS, 22: FLOATS_BF}, _cast(lambda x: x / (1 + np.abs(x))), "x / (1 + |x|).", formals=("input", "output"))
unary("Softplus", (1, 22), {1: FLOATS, 22: FLOATS_BF}, _cast(lambda x: np.logaddexp(x, 0)), "log(1 + exp(x)).")
unary("Round", (11, 22), {11: FLOATS, 22: FLOATS_BF}, _cast(np.rint), "The nearest integer; of two, the even one.")
unary("Sign", (9, 13), {9: NUMBERS, 13: NUMBERS_BF}, _cast(np.sign), "-1, 0 or 1: the sign of the value.", formals=("input", "output"))
unary("IsNaN", (9, 13, 20), {9: FLOATS, 13: FLOATS_BF, 20: FLOATS_BF | FLOAT8}, lambda x: np.isnan(wide(x)), "True where the value is no number.", result=BOOL, variables=("T1", "T2"))
for _name, _fn, _since in (
    ("Sin", np.sin, 7), ("Cos", np.cos, 7), ("Tan", np.tan, 7), ("Asin", np.arcsin, 7), ("Acos", np.arccos, 7), ("Atan", np.arctan, 7),
    ("Sinh", np.sinh, 9), ("Cosh", np.cosh, 9), ("Asinh", np.arcsinh, 9), ("Acosh", np.arccosh, 9), ("Atanh", np.arctanh, 9),
):
    unary(_name, (_since, 22), {_since: FLOATS, 22: FLOATS_BF}, _cast(_fn), f"The function {_fn.__name__}.", formals=("input", "output"))

_BINARY: dict[str, Any] = {"commutative": True, "carries": True}
binary("Add", (1, 6, 7, 13, 14), ARITHMETIC, lambda a, b: np.add(a, b), "The sum.", **_BINARY)
binary("Mul", (1, 6, 7, 13, 14), ARITHMETIC, lambda a, b: np.multiply(a, b), "The product.", **_BINARY)
binary("Sub", (1, 6, 7, 13, 14), ARITHMETIC, lambda a, b: np.subtract(a, b), "The difference.", carries=True)
# fmt: on


def _cut(a: Dim, b: Dim) -> Dim:
    """a / b cut towards zero. What is symbolic is taken for an extent, not negative: there, flooring is cutting."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b if (a < 0) == (b < 0) else -(-a // b)
    return dims.floordiv(a, b)


def truncated(a: Array, b: Array) -> Array:
    """Integers are divided exactly and cut towards zero; an integer divided by zero gives zero."""
    if a.dtype == object:
        return np.asarray(np.frompyfunc(_cut, 2, 1)(a, b), object)
    if a.dtype.kind not in "iu":
        return np.divide(a, b).astype(a.dtype)
    quotient = np.floor_divide(a, b)
    return quotient + ((quotient < 0) & (quotient * b != a)).astype(a.dtype)


binary("Div", (1, 6, 7, 13, 14), ARITHMETIC, truncated, "The quotient.", carries=True)


def _modulo(a: Array, b: Array, *, fmod: bool) -> Array:
    """Floats obey IEEE's remainder with either sign; an integer modulo zero is zero."""
    if fmod and a.dtype == object:
        return np.subtract(a, np.multiply(truncated(a, b), b))
    return np.asarray((np.fmod if fmod else np.mod)(wide(a), wide(b)), a.dtype)


_FMOD = {"fmod": Flag(0)}
_MOD = {10: NUMBERS, 13: NUMBERS_BF}
binary(
    "Mod",
    (10, 13, 28),
    _MOD,
    _modulo,
    "The remainder with the sign of B, A - floor(A / B) * B; if fmod, with the sign of A, A - trunc(A / B) * B.",
    attributes=_FMOD,
    carries=True,
)


@operator("Pow", since=(1, 7, 12, 13, 15), elementwise=True)
class Pow:
    """Z = X to the power of Y, computed in the type of X."""

    T = types({1: FLOATS, 12: FLOATS | {d.INT32, d.INT64}, 13: FLOATS_BF | {d.INT32, d.INT64}})
    T1 = types({12: NUMBERS, 15: NUMBERS_BF})
    X = Input(T)
    Y = Input(T, until=12)
    Y12 = Input(T1, since=12, names={1: "Y"})
    Z = Output(T)
    broadcast, axis = Flag(0, until=7), Int(until=7)

    @infers
    def infer(X: Known, Y: Known, *, opset: int, axis: int | None = None) -> Dims:
        return X.shape if opset < 7 and axis is not None else broadcast(X.shape, Y.shape)

    @reference
    def run(X: Array, Y: Array) -> Array:
        return np.power(wide(X), wide(Y)).astype(X.dtype)


@operator("Clip", since=(1, 6, 11, 12, 13), elementwise=True)
class Clip:
    """Y = min(max(input, min), max); a bound left out does not bind."""

    T = types({1: FLOATS, 12: NUMBERS, 13: NUMBERS_BF})
    input = Input(T)
    min = Input(T, optional=True, since=11, was=Float(defaults={6: -3.4028234663852886e38}))
    max = Input(T, optional=True, since=11, was=Float(defaults={6: 3.4028234663852886e38}))
    output = Output(T)
    consumed_inputs = Ints(until=6)

    @infers
    def infer(input: Known, min: Known | None, max: Known | None) -> Dims:
        return input.shape

    @reference
    def run(input: Array, min: Array | None, max: Array | None) -> Array:
        above = input if min is None else np.maximum(input, min)
        return (above if max is None else np.minimum(above, max)).astype(input.dtype)


@operator("Gelu", since=(20,), elementwise=True)
class Gelu:
    """Y = x/2 * (1 + erf(x / sqrt(2))), or its tanh approximation."""

    T = types(FLOATS_BF)
    X = Input(T)
    Y = Output(T)
    approximate = String("none")

    @infers
    def infer(X: Known) -> Dims:
        return X.shape

    @reference
    def run(X: Array, *, approximate: str) -> Array:
        x = wide(X)
        if approximate == "tanh":
            inner = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
        else:
            inner = erf(x / x.dtype.type(math.sqrt(2)))
        return (x / 2 * (1 + inner)).astype(X.dtype)


@operator("HardSigmoid", since=(1, 6, 22), elementwise=True)
class HardSigmoid:
    """Y = max(0, min(1, alpha * x + beta))."""

    T = types({1: FLOATS, 22: FLOATS_BF})
    X = Input(T)
    Y = Output(T)
    alpha, beta = Float(0.2), Float(0.5)
    consumed_inputs = Ints(until=6)

    @infers
    def infer(X: Known) -> Dims:
        return X.shape

    @reference
    def run(X: Array, *, alpha: float, beta: float) -> Array:
        return np.clip(alpha * wide(X) + beta, 0, 1).astype(X.dtype)


@operator("HardSwish", since=(14, 22), elementwise=True)
class HardSwish:
    """Y = x * max(0, min(1, x / 6 + 1/2))."""

    T = types({14: FLOATS, 22: FLOATS_BF})
    X = Input(T)
    Y = Output(T)

    @infers
    def infer(X: Known) -> Dims:
        return X.shape

    @reference
    def run(X: Array) -> Array:
        x = wide(X)
        return (x * np.clip(x / 6 + 0.5, 0, 1)).astype(X.dtype)


@operator("LeakyRelu", since=(1, 6, 16), elementwise=True)
class LeakyRelu:
    """Y = x where x is not negative, alpha * x elsewhere."""

    T = types({1: FLOATS, 16: FLOATS_BF})
    X = Input(T)
    Y = Output(T)
    alpha = Float(0.01)
    consumed_inputs = Ints(until=6)

    @infers
    def infer(X: Known) -> Dims:
        return X.shape

    @reference
    def run(X: Array, *, alpha: float) -> Array:
        return np.where(X < 0, alpha * wide(X), wide(X)).astype(X.dtype)


@operator("IsInf", since=(10, 20), elementwise=True)
class IsInf:
    """True where the value is an infinity of a sign that is asked for."""

    T1 = types({10: frozenset({d.FLOAT32, d.FLOAT64}), 20: FLOATS_BF | FLOAT8})
    T2 = types(BOOL)
    X = Input(T1)
    Y = Output(T2)
    detect_negative, detect_positive = Flag(1), Flag(1)

    @infers
    def infer(X: Known) -> Dims:
        return X.shape

    @reference
    def run(X: Array, *, detect_negative: bool, detect_positive: bool) -> Array:
        x = wide(X)
        return (np.isposinf(x) & detect_positive) | (np.isneginf(x) & detect_negative)


@operator("Where", since=(9, 16), elementwise=True, carries=True)
class Where:
    """X where the condition holds, Y elsewhere."""

    B = types({9: frozenset({d.BOOL})})
    T = types({9: CLASSIC, 16: CLASSIC_BF})
    condition, X, Y = Input(B), Input(T), Input(T)
    output = Output(T)

    @infers
    def infer(condition: Known, X: Known, Y: Known) -> Dims:
        return broadcast(condition.shape, X.shape, Y.shape)

    @reference
    def run(condition: Array, X: Array, Y: Array) -> Array:
        return np.where(condition, X, Y)


def _extreme(name: str, since: tuple[int, ...], pick: Any, symbolic: Any, doc: str) -> None:
    """Min and Max: any number of tensors that broadcast."""

    def infer(*tensors: Known) -> Dims:
        return broadcast(*(t.shape for t in tensors))

    def run(*tensors: Array) -> Array:
        result = tensors[0]
        for other in tensors[1:]:
            result = np.frompyfunc(symbolic, 2, 1)(result, other) if result.dtype == object else pick(result, other)
        return result

    T = types({1: FLOATS, 12: NUMBERS, 13: NUMBERS_BF})
    block: dict[str, Any] = {"__doc__": doc, "T": T, "data_0": Input(T, variadic=True)}
    block[name.lower()] = Output(T)
    block |= {"consumed_inputs": Ints(until=6), "infer": infers(infer), "run": reference(run)}
    operator(name, since=since, elementwise=True, commutative=True, carries=True)(type(name, (), block))


_extreme("Max", (1, 6, 8, 12, 13), np.maximum, dims.dmax, "The largest of the values at each place.")
_extreme("Min", (1, 6, 8, 12, 13), np.minimum, dims.dmin, "The smallest of the values at each place.")


def _combined(name: str, combine: Any, doc: str) -> None:
    """Sum and Mean: any number of tensors that broadcast, added in a wide type from the first to the last."""

    def infer(*tensors: Known) -> Dims:
        return broadcast(*(t.shape for t in tensors))

    def run(*tensors: Array) -> Array:
        return np.asarray(combine(tensors)).astype(tensors[0].dtype)

    T = types({1: FLOATS, 13: FLOATS_BF})
    block: dict[str, Any] = {"__doc__": doc, "T": T, "data_0": Input(T, variadic=True), name.lower(): Output(T)}
    block |= {"consumed_inputs": Ints(until=6), "infer": infers(infer), "run": reference(run)}
    operator(name, since=(1, 6, 8, 13), elementwise=True, commutative=True)(type(name, (), block))


_combined("Sum", lambda tensors: sum(map(wide, tensors)), "The sum of the values at each place.")
_combined("Mean", lambda tensors: sum(map(wide, tensors)) / len(tensors), "The mean of the values at each place.")

__all__: list[str] = []
