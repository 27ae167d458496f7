"""Elementwise operators that change nothing, or say the same twice."""

from __future__ import annotations

import numpy as np

from sardonyx.core.dtypes import DType, dtype
from sardonyx.rewrite import Expr, Match, Rule, attribute, constants, one_of, rewrite, values
from sardonyx.rewrite.example import b8, f32, f64, i32, i64
from sardonyx.rewrite.op import (
    Abs,
    Add,
    And,
    Cast,
    Clip,
    Div,
    Dropout,
    Identity,
    Max,
    Mul,
    Neg,
    Not,
    Or,
    Pow,
    Relu,
    Sub,
    Where,
)

__all__ = ["NO_OPS"]

x, y = values("x y")
c, lo, hi = constants("c lo hi")
ratio, training = values("ratio? training?")
first, second, to = attribute("first"), attribute("second"), attribute("to")


@rewrite(Identity(x), shared=True)
def drop_identity(m: Match) -> Expr:
    """Identity(x) -> x"""
    return x


drop_identity.fires(Abs(Identity(x)), x=f32[2, 3])
drop_identity.refuses(x=f32[2, 3], because="cannot take its name")


@rewrite(Dropout.any(x, ratio, training), shared=True)
def drop_dropout(m: Match) -> Expr:
    """Dropout(x) -> x: in inference it does nothing."""
    mode = m.get(training)
    m.require(mode is None or (mode.array is not None and not mode.array.any()), "it drops elements when training")
    return x


drop_dropout.fires(Abs(Dropout(x)), x=f32[2, 3])
drop_dropout.fires(Abs(Dropout(x, ratio, training)), x=f32[4], ratio=np.float32(0.5), training=np.array(False))
drop_dropout.refuses(
    Abs(Dropout(x, ratio, training)), x=f32[4], ratio=np.float32(0.0), training=b8.scalar, because="when training"
)


def _neutral(m: Match, value: float) -> None:
    """Refuse unless c is `value` everywhere and does not widen x."""
    array = m.array(c)
    m.require(array.dtype != object and bool((array == value).all()), f"the constant is not {value}")
    small = array.size == 1 and array.ndim <= (m[x].rank or 0)
    m.require(small or m[c].broadcasts_to(*(m[x].shape or ())), "it widens")


@rewrite(forms=[Mul(x, c), Div(x, c), Pow(x, c)], shared=True)
def drop_one(m: Match) -> Expr:
    """x * 1 -> x, x / 1 -> x, x ** 1 -> x"""
    _neutral(m, 1)
    return x


drop_one.fires(Abs(Mul(c, x)), x=f32["n", 3], c=np.ones((1, 3), np.float32))
drop_one.fires(Abs(Div(x, c)), x=i64[4], c=np.int64(1))
drop_one.fires(Abs(Pow(x, c)), x=f32[4], c=np.float32(1))
drop_one.refuses(Abs(Mul(x, c)), x=f32["n", 1], c=np.ones((1, 3), np.float32), because="it widens")


@rewrite(forms=[Add(x, c), Sub(x, c)], shared=True)
def drop_zero(m: Match) -> Expr:
    """x + 0 -> x, x - 0 -> x: the sign of a zero may change, no other element."""
    _neutral(m, 0)
    return x


drop_zero.fires(Abs(Add(c, x)), x=f32["n", 3], c=np.zeros(3, np.float32))
drop_zero.fires(Abs(Sub(x, c)), x=i64[4], c=np.int64(0))
drop_zero.refuses(Abs(Add(x, c)), x=f32[3], c=np.zeros((2, 1), np.float32), because="it widens")


@rewrite(forms=[one_of("Sum", "Mean", "Max", "Min", "Concat").any(x)], shared=True)
def drop_lonely(m: Match) -> Expr:
    """Sum(x), Mean(x), Max(x), Min(x), Concat(x) -> x: there is nothing to join it with."""
    return x


drop_lonely.fires(Abs(Max(x)), x=f32[2, 3])
drop_lonely.refuses(Max(x), x=f32[2, 3], because="cannot take its name")


@rewrite(Cast.any(x, to=to), shared=True)
def drop_cast(m: Match) -> Expr:
    """Cast(x) -> x where x is of that type already."""
    m.require(m[x].dtype is not None and m[x].dtype is dtype(m[to]), "it changes the type")
    return x


drop_cast.fires(Abs(Cast(x, to=to)), x=f32[2, 3], to=1)
drop_cast.refuses(Abs(Cast(x, to=to)), x=f32[2, 3], to=11, because="changes the type")

# What holds every element of another type exactly. Only types of one kind: floats turn into integers by other rules.
_WIDER = {
    "bool": ("uint8", "int8", "int32", "int64", "float16", "bfloat16", "float", "double"),
    "uint8": ("int16", "uint16", "int32", "uint32", "int64", "uint64"),
    "int8": ("int16", "int32", "int64"),
    "int16": ("int32", "int64"),
    "uint16": ("int32", "uint32", "int64", "uint64"),
    "int32": ("int64",),
    "uint32": ("int64", "uint64"),
    "float16": ("float", "double"),
    "bfloat16": ("float", "double"),
    "float": ("double",),
}


def _holds(wide: DType, narrow: DType | None) -> bool:
    return narrow is not None and wide.text in _WIDER.get(narrow.text, ())


@rewrite(Cast.any(Cast.any(x, to=first), to=second), shared=True)
def join_casts(m: Match) -> Expr:
    """Cast(Cast(x)) -> Cast(x) where the type in between holds every element of x."""
    m.require(_holds(dtype(m[first]), m[x].dtype), "the type in between loses something")
    return x if m[x].dtype is dtype(m[second]) else Cast(x, to=second)


join_casts.fires(Abs(Cast(Cast(x, to=first), to=second)), x=f32[2, 3], first=11, second=1)
join_casts.fires(Cast(Cast(x, to=first), to=second), x=i32[5], first=7, second=1)
join_casts.refuses(Cast(Cast(x, to=first), to=second), x=f32[2, 3], first=10, second=1, because="loses something")


@rewrite(Neg(Neg(x)), shared=True)
def drop_neg_neg(m: Match) -> Expr:
    """-(-x) -> x"""
    return x


drop_neg_neg.fires(Abs(Neg(Neg(x))), x=f64[3])
drop_neg_neg.refuses(Neg(Neg(x)), x=f64[3], because="cannot take its name")


@rewrite(Not(Not(x)), shared=True)
def drop_not_not(m: Match) -> Expr:
    """not not x -> x"""
    return x


drop_not_not.fires(Cast(Not(Not(x)), to=to), x=b8[3], to=1)
drop_not_not.refuses(Not(Not(x)), x=b8[3], because="cannot take its name")


@rewrite(Clip(Relu(x), lo, hi))
def relu_into_clip(m: Match) -> Expr:
    """Clip(Relu(x), 0, hi) -> Clip(x, 0, hi)"""
    m.require(m.array(lo).size == 1 and float(m.array(lo)) >= 0, "the lower bound lets through what Relu stops")
    return Clip(x, lo, hi)


relu_into_clip.fires(x=f32[8], lo=np.float32(0), hi=np.float32(1))
relu_into_clip.refuses(x=f32[8], lo=np.float32(-1), hi=np.float32(1), because="lower bound")


@rewrite(Where(c, x, y), shared=True)
def drop_where(m: Match) -> Expr:
    """Where(c, x, y) -> x or y where c is the same everywhere"""
    array = m.array(c)
    m.require(array.size > 0 and bool(array.all() or not array.any()), "it takes from both")
    chosen = x if array.all() else y
    m.require(m[chosen].same_shape(m.operand(m.root.output)), "the result is wider")
    return chosen


drop_where.fires(Abs(Where(c, x, y)), c=np.array([True]), x=f32["n", 3], y=f32.scalar)
drop_where.fires(Abs(Where(c, x, y)), c=np.array([[False]]), x=f32.scalar, y=f32["n", 3])
drop_where.refuses(
    Abs(Where(c, x, y)), c=np.array([True, True, False]), x=f32["n", 3], y=f32.scalar, because="from both"
)


@rewrite(forms=[And(x, c), Or(x, c)], shared=True)
def drop_truth(m: Match) -> Expr:
    """x and True -> x, x or False -> x"""
    array = m.array(c)
    m.require(bool(array.all()) if m.root.op_type == "And" else not array.any(), "the constant decides")
    m.require(m[x].same_shape(m.operand(m.root.output)), "the result is wider")
    return x


drop_truth.fires(Not(And(c, x)), x=b8["n", 3], c=np.array([True]))
drop_truth.fires(Not(Or(x, c)), x=b8["n", 3], c=np.array(False))
drop_truth.refuses(Not(And(x, c)), x=b8["n", 3], c=np.array([True, False, True]), because="constant decides")

NO_OPS: list[Rule] = [
    drop_identity,
    drop_dropout,
    drop_one,
    drop_zero,
    drop_lonely,
    drop_cast,
    join_casts,
    drop_neg_neg,
    drop_not_not,
    relu_into_clip,
    drop_where,
    drop_truth,
]
