"""Arithmetic and activations on each element."""

from __future__ import annotations

import math
from collections.abc import Callable

from sardonyx.core import dtypes as d
from sardonyx.core.errors import UnsupportedError
from sardonyx.frontends.torch.cast import cast
from sardonyx.frontends.torch.promotion import DEFAULT, INT_TO_FLOAT, Promotion
from sardonyx.frontends.torch.registry import aten
from sardonyx.ir import TensorType, Value
from sardonyx.ops.builder import Builder

__all__: list[str] = []

Number = bool | int | float
Operand = Value | Number


# -- functions of one tensor ---------------------------------------------------------------------------------------------

# fmt: off
_UNARY: dict[str, tuple[str, Promotion]] = {
    "abs": ("Abs", DEFAULT), "neg": ("Neg", DEFAULT), "sign": ("Sign", DEFAULT), "relu": ("Relu", DEFAULT),
    "erf": ("Erf", INT_TO_FLOAT), "exp": ("Exp", INT_TO_FLOAT), "log": ("Log", INT_TO_FLOAT), "sqrt": ("Sqrt", INT_TO_FLOAT),
    "reciprocal": ("Reciprocal", INT_TO_FLOAT), "sigmoid": ("Sigmoid", INT_TO_FLOAT),
    "sin": ("Sin", INT_TO_FLOAT), "cos": ("Cos", INT_TO_FLOAT), "tan": ("Tan", INT_TO_FLOAT),
    "asin": ("Asin", INT_TO_FLOAT), "acos": ("Acos", INT_TO_FLOAT), "atan": ("Atan", INT_TO_FLOAT),
    "sinh": ("Sinh", INT_TO_FLOAT), "cosh": ("Cosh", INT_TO_FLOAT), "tanh": ("Tanh", INT_TO_FLOAT),
    "asinh": ("Asinh", INT_TO_FLOAT), "acosh": ("Acosh", INT_TO_FLOAT), "atanh": ("Atanh", INT_TO_FLOAT),
}
_ROUNDING = {"floor": "Floor", "ceil": "Ceil", "round": "Round"}
# What the standard has no operator for, in terms of those it has.
_FORMULAS: dict[str, Callable[[Builder, Value], Value]] = {
    "rsqrt": lambda g, x: g.Reciprocal(g.Sqrt(x)),
    "exp2": lambda g, x: g.Exp(g.Mul(x, math.log(2))),
    "expm1": lambda g, x: g.Mul(g.Mul(g.Tanh(g.Mul(x, 0.5)), 0.5), g.Mul(g.Add(g.Exp(x), 1.0), 2.0)),
    "log2": lambda g, x: g.Mul(g.Log(x), 1 / math.log(2)),
    "log10": lambda g, x: g.Mul(g.Log(x), 1 / math.log(10)),
    "log1p": lambda g, x: _log1p(g, x),
    "erfc": lambda g, x: g.Sub(1.0, g.Erf(x)),
    "sinc": lambda g, x: g.Where(g.Equal(x, 0.0), 1.0, g.Div(g.Sin(g.Mul(x, math.pi)), g.Mul(x, math.pi))),
    "deg2rad": lambda g, x: g.Mul(x, math.pi / 180),
    "rad2deg": lambda g, x: g.Mul(x, 180 / math.pi),
    "angle": lambda g, x: g.Where(g.IsNaN(x), x, _chosen(g, g.Less(x, 0.0), math.pi, 0.0, x)),
    "log_sigmoid": lambda g, x: g.Neg(g.Softplus(g.Neg(x))),
}
# fmt: on


def _chosen(g: Builder, condition: Value, yes: float, no: float, like: Value) -> Value:
    """One of two numbers, of the type of `like`."""
    return g.Where(condition, g.value(yes, like.dtype), g.value(no, like.dtype))


def _log1p(g: Builder, x: Value) -> Value:
    """log(u) * x / (u - 1) with u = 1 + x: exact where 1 + x loses the digits of x."""
    u = g.Add(x, 1.0)
    lost = g.Equal(u, 1.0)
    finite = g.Where(g.Or(lost, g.IsInf(u)), 2.0, u)
    corrected = g.Mul(g.Log(finite), g.Div(x, g.Sub(finite, 1.0)))
    return g.Where(lost, x, g.Where(g.IsInf(u), u, corrected))


def _unary(name: str, operator: str, promote: Promotion) -> None:
    @aten(f"{name}(Tensor self) -> Tensor", promote=promote)
    def rule(g: Builder, self: Value) -> Value:
        return g.op(operator, self)


def _formula(name: str, formula: Callable[[Builder, Value], Value]) -> None:
    @aten(f"{name}(Tensor self) -> Tensor", promote=INT_TO_FLOAT)
    def rule(g: Builder, self: Value) -> Value:
        return formula(g, self)


def _rounding(name: str, operator: str) -> None:
    @aten(f"{name}(Tensor self) -> Tensor")
    def rule(g: Builder, self: Value) -> Value:
        return g.op(operator, self) if is_float(self) else g.Identity(self)


for _name, (_operator, _promote) in _UNARY.items():
    _unary(_name, _operator, _promote)
for _name, _function in _FORMULAS.items():
    _formula(_name, _function)
for _name, _operator in _ROUNDING.items():
    _rounding(_name, _operator)


def is_float(x: Value) -> bool:
    return x.dtype is not None and x.dtype.is_float


@aten("trunc(Tensor self) -> Tensor")
def trunc(g: Builder, self: Value) -> Value:
    if not is_float(self):
        return g.Identity(self)
    return g.Mul(g.Sign(self), g.Floor(g.Abs(self)))


@aten("frac(Tensor self) -> Tensor")
def frac(g: Builder, self: Value) -> Value:
    return g.Sub(self, trunc(g, self))


@aten("round.decimals(Tensor self, *, int decimals) -> Tensor")
def round_decimals(g: Builder, self: Value, *, decimals: int) -> Value:
    scale = float(10**decimals)
    return g.Div(g.Round(g.Mul(self, scale)), scale)


# -- functions of two tensors --------------------------------------------------------------------------------------------


@aten("add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", promote=DEFAULT)
@aten("add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", promote=DEFAULT)
def add(g: Builder, self: Operand, other: Operand, *, alpha: Number, out: TensorType) -> Value:
    if out.dtype is d.BOOL:
        return g.Or(self, _scaled(g, other, alpha, out))
    return g.Add(self, _scaled(g, other, alpha, out))


@aten("sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", promote=DEFAULT)
@aten("sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", promote=DEFAULT)
def sub(g: Builder, self: Operand, other: Operand, *, alpha: Number, out: TensorType) -> Value:
    return g.Sub(self, _scaled(g, other, alpha, out))


@aten("rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor", promote=DEFAULT)
@aten("rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", promote=DEFAULT)
def rsub(g: Builder, self: Operand, other: Operand, *, alpha: Number, out: TensorType) -> Value:
    return g.Sub(other, _scaled(g, self, alpha, out))


def _scaled(g: Builder, x: Operand, alpha: Number | Value, out: TensorType) -> Operand:
    """alpha * x in the type of the result."""
    if isinstance(alpha, Value):
        return g.Mul(x, cast(g, alpha, out.dtype))
    if alpha == 1:
        return x
    if not isinstance(x, Value):
        return x * alpha
    factor = float(alpha) if out.dtype is not None and out.dtype.is_float else int(alpha)
    return g.And(x, bool(alpha)) if out.dtype is d.BOOL else g.Mul(x, factor)


@aten("mul.Tensor(Tensor self, Tensor other) -> Tensor", promote=DEFAULT)
@aten("mul.Scalar(Tensor self, Scalar other) -> Tensor", promote=DEFAULT)
def mul(g: Builder, self: Operand, other: Operand, *, out: TensorType) -> Value:
    return g.op("And" if out.dtype is d.BOOL else "Mul", self, other)


@aten("div.Tensor(Tensor self, Tensor other) -> Tensor", promote=INT_TO_FLOAT)
@aten("div.Scalar(Tensor self, Scalar other) -> Tensor", promote=INT_TO_FLOAT)
def div(g: Builder, self: Operand, other: Operand) -> Value:
    return g.Div(self, other)


@aten("div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor", promote=DEFAULT)
@aten("div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor", promote=DEFAULT)
def div_mode(g: Builder, self: Operand, other: Operand, *, rounding_mode: str | None, out: TensorType) -> Value:
    if rounding_mode == "floor":
        return floor_divide(g, self, other, out=out)
    if out.dtype is not None and out.dtype.is_integer and rounding_mode == "trunc":
        return g.Div(self, other)  # integers are cut towards zero
    if rounding_mode is None:
        assert out.dtype is not None
        return g.Div(*(cast(g, x, out.dtype) if isinstance(x, Value) else float(x) for x in (self, other)))
    return trunc(g, g.Div(self, other))


@aten("floor_divide(Tensor self, Tensor other) -> Tensor", promote=DEFAULT)
@aten("floor_divide.Scalar(Tensor self, Scalar other) -> Tensor", promote=DEFAULT)
def floor_divide(g: Builder, self: Operand, other: Operand, *, out: TensorType) -> Value:
    if out.dtype is None or out.dtype.is_float:
        return g.Floor(g.Div(self, other))
    if out.dtype.kind == "uint":
        return g.Div(self, other)
    # Div cuts towards zero; what the remainder has too much is taken away first, so that the division is exact.
    return g.Div(g.Sub(self, g.Mod(self, other)), other)


@aten("remainder.Tensor(Tensor self, Tensor other) -> Tensor", promote=DEFAULT)
@aten("remainder.Scalar(Tensor self, Scalar other) -> Tensor", promote=DEFAULT)
def remainder(g: Builder, self: Operand, other: Operand, *, out: TensorType) -> Value:
    if out.dtype is not None and out.dtype.is_integer:
        return g.Mod(self, other)
    rest = g.Mod(self, other, fmod=1)  # has the sign of self; torch gives that of other
    wrong = g.And(g.Not(g.Equal(rest, 0.0)), g.Xor(g.Less(rest, 0.0), g.Less(_value(g, other, out), 0.0)))
    return g.Where(wrong, g.Add(rest, other), rest)


def _value(g: Builder, x: Operand, out: TensorType) -> Value:
    return g.value(x, out.dtype)


@aten("fmod.Tensor(Tensor self, Tensor other) -> Tensor", promote=DEFAULT)
@aten("fmod.Scalar(Tensor self, Scalar other) -> Tensor", promote=DEFAULT)
def fmod(g: Builder, self: Operand, other: Operand) -> Value:
    return g.Mod(self, other, fmod=1)


@aten("pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", promote=DEFAULT)
@aten("pow.Scalar(Scalar self, Tensor exponent) -> Tensor", promote=DEFAULT)
def pow_(g: Builder, self: Operand, exponent: Operand, *, out: TensorType) -> Value:
    if out.dtype is not None and out.dtype.is_integer and out.dtype not in (d.INT32, d.INT64):
        raise UnsupportedError(f"powers of {out.dtype}")
    return g.Pow(_value(g, self, out), exponent)


# The powers that cost a multiplication or two.
_POWERS: dict[float, Callable[[Builder, Value], Value]] = {
    1: lambda g, x: g.Identity(x),
    2: lambda g, x: g.Mul(x, x),
    0.5: lambda g, x: g.Sqrt(x),
    -1: lambda g, x: g.Reciprocal(x),
    -0.5: lambda g, x: g.Reciprocal(g.Sqrt(x)),
}


@aten("pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", promote=DEFAULT)
def pow_scalar(g: Builder, self: Value, exponent: Operand, *, out: TensorType) -> Value:
    cheap = None if isinstance(exponent, Value) else _POWERS.get(exponent)
    if cheap is not None and (is_float(self) or exponent in (1, 2)):
        return cheap(g, self)
    return pow_(g, self, exponent, out=out)


def _extreme(name: str, operator: str) -> None:
    @aten(f"{name}(Tensor self, Tensor other) -> Tensor", promote=DEFAULT)
    def rule(g: Builder, self: Value, other: Value, *, out: TensorType) -> Value:
        if out.dtype is d.BOOL:
            return g.op("Or" if operator == "Max" else "And", self, other)
        return g.op(operator, self, other)


def _known_extreme(name: str, operator: str) -> None:
    @aten(f"{name}(Tensor self, Tensor other) -> Tensor", promote=DEFAULT)
    def rule(g: Builder, self: Value, other: Value) -> Value:
        """Of a number and NaN, the number."""
        if not is_float(self):
            return g.op(operator, self, other)
        return g.Where(g.IsNaN(self), other, g.Where(g.IsNaN(other), self, g.op(operator, self, other)))


_known_extreme("fmax", "Max")
_known_extreme("fmin", "Min")


def _negative(g: Builder, x: Value) -> Value:
    """Whether the sign is set, that of a zero included."""
    below = g.Less(x, g.value(0, x.dtype))
    return g.Or(below, g.Less(g.Reciprocal(x), g.value(0, x.dtype))) if is_float(x) else below


@aten("signbit(Tensor self) -> Tensor")
def signbit(g: Builder, self: Value) -> Value:
    return g.Xor(self, self) if self.dtype is d.BOOL else _negative(g, self)


@aten("copysign.Tensor(Tensor self, Tensor other) -> Tensor", promote=INT_TO_FLOAT)
@aten("copysign.Scalar(Tensor self, Scalar other) -> Tensor", promote=INT_TO_FLOAT)
def copysign(g: Builder, self: Value, other: Operand, *, out: TensorType) -> Value:
    size = g.Abs(self)
    return g.Where(_negative(g, _value(g, other, out)), g.Neg(size), size)


@aten("ldexp.Tensor(Tensor self, Tensor other) -> Tensor", promote=INT_TO_FLOAT)
def ldexp(g: Builder, self: Value, other: Value, *, out: TensorType) -> Value:
    return g.Mul(self, g.Pow(_value(g, 2, out), other))


_extreme("maximum", "Max")
_extreme("minimum", "Min")


@aten("atan2(Tensor self, Tensor other) -> Tensor", promote=INT_TO_FLOAT)
def atan2(g: Builder, self: Value, other: Value) -> Value:
    """The angle of (other, self), by quadrant; only the sign of a zero in `other` is not seen."""
    slope = g.Atan(g.Div(self, g.Where(g.Equal(other, 0.0), 1.0, other)))
    half = _chosen(g, g.Less(self, 0.0), -math.pi, math.pi, self)
    left = g.Where(g.Less(other, 0.0), g.Add(slope, half), slope)
    upright = g.Where(g.Equal(self, 0.0), 0.0, g.Mul(half, 0.5))
    return g.Where(g.Equal(other, 0.0), upright, left)


@aten("hypot(Tensor self, Tensor other) -> Tensor", promote=DEFAULT)
def hypot(g: Builder, self: Value, other: Value) -> Value:
    return g.Sqrt(g.Add(g.Mul(self, self), g.Mul(other, other)))


@aten("lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor", promote=DEFAULT)
@aten("lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor", promote=DEFAULT)
def lerp(g: Builder, self: Value, end: Value, weight: Operand) -> Value:
    return g.Add(self, g.Mul(g.Sub(end, self), weight))


@aten(
    "addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
    promote=DEFAULT.of("self", "tensor1", "tensor2"),
)
def addcmul(g: Builder, self: Value, tensor1: Value, tensor2: Value, *, value: Number, out: TensorType) -> Value:
    return g.Add(self, _scaled(g, g.Mul(tensor1, tensor2), value, out))


@aten(
    "addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
    promote=INT_TO_FLOAT.of("self", "tensor1", "tensor2"),
)
def addcdiv(g: Builder, self: Value, tensor1: Value, tensor2: Value, *, value: Number, out: TensorType) -> Value:
    return g.Add(self, _scaled(g, g.Div(tensor1, tensor2), value, out))


# -- bounds and choices --------------------------------------------------------------------------------------------------


@aten("clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", promote=DEFAULT)
def clamp(g: Builder, self: Value, min: Operand | None, max: Operand | None) -> Value:
    return g.Clip(self, min, max)


@aten("clamp_min(Tensor self, Scalar min) -> Tensor", promote=DEFAULT)
def clamp_min(g: Builder, self: Value, min: Operand) -> Value:
    return g.Clip(self, min)


@aten("clamp_max(Tensor self, Scalar max) -> Tensor", promote=DEFAULT)
def clamp_max(g: Builder, self: Value, max: Operand) -> Value:
    return g.Clip(self, None, max)


@aten("clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor", promote=DEFAULT)
def clamp_tensor(g: Builder, self: Value, min: Value | None, max: Value | None) -> Value:
    above = self if min is None else g.Max(self, min)
    return above if max is None else g.Min(above, max)


@aten("where.self(Tensor condition, Tensor self, Tensor other) -> Tensor", promote=DEFAULT.of("self", "other"))
def where(g: Builder, condition: Value, self: Operand, other: Operand, *, out: TensorType) -> Value:
    return g.Where(cast(g, condition, d.BOOL), _value(g, self, out), _value(g, other, out))


# -- activations ---------------------------------------------------------------------------------------------------------


@aten('gelu(Tensor self, *, str approximate="none") -> Tensor')
def gelu(g: Builder, self: Value, *, approximate: str) -> Value:
    if g.opset >= 20:
        return g.Gelu(self, approximate=approximate)
    if approximate == "tanh":
        inner = g.Mul(g.Add(self, g.Mul(g.Mul(g.Mul(self, self), self), 0.044715)), math.sqrt(2 / math.pi))
        return g.Mul(g.Mul(self, 0.5), g.Add(g.Tanh(inner), 1.0))
    return g.Mul(g.Mul(self, 0.5), g.Add(g.Erf(g.Div(self, math.sqrt(2))), 1.0))


@aten("silu(Tensor self) -> Tensor", promote=INT_TO_FLOAT)
def silu(g: Builder, self: Value) -> Value:
    return g.Mul(self, g.Sigmoid(self))


@aten("hardswish(Tensor self) -> Tensor")
def hardswish(g: Builder, self: Value) -> Value:
    return g.HardSwish(self)


@aten("hardsigmoid(Tensor self) -> Tensor")
def hardsigmoid(g: Builder, self: Value) -> Value:
    return g.HardSigmoid(self, alpha=1 / 6, beta=0.5)


@aten("hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor", promote=DEFAULT)
def hardtanh(g: Builder, self: Value, min_val: Operand, max_val: Operand) -> Value:
    return g.Clip(self, min_val, max_val)


@aten("relu6(Tensor self) -> Tensor")
def relu6(g: Builder, self: Value) -> Value:
    return g.Clip(self, 0, 6)


@aten("leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor")
def leaky_relu(g: Builder, self: Value, negative_slope: float) -> Value:
    return g.LeakyRelu(self, alpha=negative_slope)


@aten("elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor")
def elu(g: Builder, self: Value, alpha: float, scale: float, input_scale: float) -> Value:
    if scale == input_scale == 1:
        return g.Elu(self, alpha=alpha)
    if input_scale == 1:
        return g.Selu(self, alpha=alpha, gamma=scale)
    negative = g.Mul(g.Sub(g.Exp(g.Mul(self, float(input_scale))), 1.0), float(alpha))
    return g.Mul(g.Where(g.Greater(self, 0.0), self, negative), float(scale))


@aten("celu(Tensor self, Scalar alpha=1.) -> Tensor")
def celu(g: Builder, self: Value, alpha: float) -> Value:
    return g.Celu(self, alpha=alpha)


@aten("softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor")
def softplus(g: Builder, self: Value, beta: float, threshold: float) -> Value:
    scaled = self if beta == 1 else g.Mul(self, float(beta))
    soft = g.Softplus(scaled)
    # The linear part beyond the threshold differs from softplus by less than exp(-threshold).
    linear_beyond = soft if threshold >= 15 else g.Where(g.Greater(scaled, float(threshold)), scaled, soft)
    return linear_beyond if beta == 1 else g.Div(linear_beyond, float(beta))


@aten("mish(Tensor self) -> Tensor")
def mish(g: Builder, self: Value) -> Value:
    return g.Mish(self) if g.opset >= 18 else g.Mul(self, g.Tanh(g.Softplus(self)))


@aten("softshrink(Tensor self, Scalar lambd=0.5) -> Tensor")
def softshrink(g: Builder, self: Value, lambd: float) -> Value:
    return g.Shrink(self, bias=lambd, lambd=lambd)


@aten("hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor")
def hardshrink(g: Builder, self: Value, lambd: float) -> Value:
    return g.Shrink(self, bias=0.0, lambd=lambd)


@aten("threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor", promote=DEFAULT.of("self"))
def threshold(g: Builder, self: Value, threshold: Number, value: Number) -> Value:
    return g.Where(g.Greater(self, threshold), self, value)


@aten("prelu(Tensor self, Tensor weight) -> Tensor")
def prelu(g: Builder, self: Value, weight: Value) -> Value:
    rank = self.rank or 0
    if weight.rank == 1 and rank > 2:  # one slope per channel: axis 1
        weight = g.Reshape(weight, [-1, *[1] * (rank - 2)])
    return g.PRelu(self, weight)


@aten("glu(Tensor self, int dim=-1) -> Tensor")
def glu(g: Builder, self: Value, dim: int) -> Value:
    a, b = g.Split(self, axis=dim, num_outputs=2, outputs=2) if g.opset >= 18 else g.Split(self, axis=dim, outputs=2)
    return g.Mul(a, g.Sigmoid(b))


@aten(
    "rrelu_with_noise_functional(Tensor self, Tensor noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> (Tensor, Tensor noise_out)"
)
def rrelu(g: Builder, self: Value, noise: Value, lower: float, upper: float, training: bool) -> tuple[Value, Value]:
    if training:
        raise UnsupportedError("rrelu in training", fix="call module.eval() before exporting")
    return g.LeakyRelu(self, alpha=(lower + upper) / 2), noise
