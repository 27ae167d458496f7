"""Comparisons, truth values and bits."""

from __future__ import annotations

from sardonyx.core import dtypes as d
from sardonyx.frontends.torch.cast import cast
from sardonyx.frontends.torch.promotion import COMMON, DEFAULT
from sardonyx.frontends.torch.registry import aten
from sardonyx.ir import TensorType, Value
from sardonyx.ops.builder import Builder

__all__: list[str] = []

Operand = Value | bool | int | float

_COMPARISONS = {
    "eq": "Equal",
    "ne": "Equal",
    "lt": "Less",
    "le": "LessOrEqual",
    "gt": "Greater",
    "ge": "GreaterOrEqual",
}
_ORDERED = {"Less", "LessOrEqual", "Greater", "GreaterOrEqual"}


def _comparison(name: str, operator: str) -> None:
    @aten(f"{name}.Tensor(Tensor self, Tensor other) -> Tensor", promote=COMMON)
    @aten(f"{name}.Scalar(Tensor self, Scalar other) -> Tensor", promote=COMMON)
    def rule(g: Builder, self: Value, other: Operand) -> Value:
        left, right = self, other
        if left.dtype is d.BOOL and operator in _ORDERED:  # the standard orders numbers only
            left = cast(g, left, d.INT32)
            right = cast(g, right, d.INT32) if isinstance(right, Value) else int(right)
        result = g.op(operator, left, right)
        return g.Not(result) if name == "ne" else result


for _name, _operator in _COMPARISONS.items():
    _comparison(_name, _operator)


def _logical(name: str, operator: str) -> None:
    @aten(f"logical_{name}(Tensor self, Tensor other) -> Tensor")
    def rule(g: Builder, self: Value, other: Value) -> Value:
        return g.op(operator, truth(g, self), truth(g, other))


def _bitwise(name: str, logical: str, bits: str) -> None:
    @aten(f"bitwise_{name}.Tensor(Tensor self, Tensor other) -> Tensor", promote=DEFAULT)
    @aten(f"bitwise_{name}.Scalar(Tensor self, Scalar other) -> Tensor", promote=DEFAULT)
    def rule(g: Builder, self: Value, other: Operand, *, out: TensorType) -> Value:
        return g.op(logical if out.dtype is d.BOOL else bits, self, other)


for _name, _operator in {"and": "And", "or": "Or", "xor": "Xor"}.items():
    _logical(_name, _operator)
    _bitwise(_name, _operator, f"Bitwise{_operator}")


def truth(g: Builder, x: Value) -> Value:
    """Which elements are not zero. (A cast to bool is exactly that.)"""
    return cast(g, x, d.BOOL)


@aten("logical_not(Tensor self) -> Tensor")
def logical_not(g: Builder, self: Value) -> Value:
    return g.Not(truth(g, self))


@aten("bitwise_not(Tensor self) -> Tensor")
def bitwise_not(g: Builder, self: Value) -> Value:
    return g.Not(self) if self.dtype is d.BOOL else g.BitwiseNot(self)


@aten("isnan(Tensor self) -> Tensor")
def isnan(g: Builder, self: Value) -> Value:
    return g.IsNaN(self) if _is_float(self) else _never(g, self)


@aten("isinf(Tensor self) -> Tensor")
def isinf(g: Builder, self: Value) -> Value:
    return g.IsInf(self) if _is_float(self) else _never(g, self)


def _is_float(x: Value) -> bool:
    return x.dtype is not None and x.dtype.is_float


def _never(g: Builder, x: Value) -> Value:
    return g.Xor(truth(g, x), truth(g, x))


# -- shifts ----------------------------------------------------------------------------------------------------------------

_UNSIGNED = {d.INT8: d.UINT8, d.INT16: d.UINT16, d.INT32: d.UINT32, d.INT64: d.UINT64}


def _shift(name: str, direction: str) -> None:
    @aten(f"bitwise_{name}_shift.Tensor(Tensor self, Tensor other) -> Tensor", promote=DEFAULT)
    @aten(f"bitwise_{name}_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor", promote=DEFAULT)
    @aten(f"__{name[0]}shift__.Tensor(Tensor self, Tensor other) -> Tensor", promote=DEFAULT)
    @aten(f"__{name[0]}shift__.Scalar(Tensor self, Scalar other) -> Tensor", promote=DEFAULT)
    def rule(g: Builder, self: Value, other: Operand, *, out: TensorType) -> Value:
        """The standard shifts unsigned numbers. To the right, the complement of a negative number is shifted."""
        by = g.value(other, out.dtype)
        unsigned = _UNSIGNED.get(self.dtype) if self.dtype is not None else None
        if unsigned is None:
            return g.BitShift(self, by, direction=direction)
        if direction == "LEFT":
            return cast(g, g.BitShift(cast(g, self, unsigned), cast(g, by, unsigned), direction=direction), self.dtype)
        negative = g.Less(self, 0)
        bits = cast(g, g.Where(negative, g.BitwiseNot(self), self), unsigned)
        shifted = cast(g, g.BitShift(bits, cast(g, by, unsigned), direction=direction), self.dtype)
        return g.Where(negative, g.BitwiseNot(shifted), shifted)


_shift("left", "LEFT")
_shift("right", "RIGHT")
