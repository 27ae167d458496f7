"""Conversions between f32 and the 16-bit storage kinds, bit by bit, for CPUs that have no instruction for them.

Narrowing rounds to nearest even, overflows to infinity and keeps a NaN a (quiet) NaN.
"""

from __future__ import annotations

from collections.abc import Callable

from sardonyx.tile.builder import Builder, select
from sardonyx.tile.expr import Bin, Const, Expr
from sardonyx.tile.types import bf16, f16, f32, u16, u32

__all__ = ["CONVERSIONS"]


def bf16_widen(_: Builder, x: Expr) -> Expr:
    """A bf16 is the upper half of an f32."""
    return (x.bits(u16).to(u32) << 16).bits(f32)


def bf16_narrow(k: Builder, x: Expr) -> Expr:
    """Half of the last kept bit is added before the lower half is cut; a carry out of the mantissa is right as it is."""
    bits = k.let("bits", x.bits(u32))
    high = k.let("high", bits >> 16)
    rounded = (bits + 0x7FFF + (high & 1)) >> 16
    return select(x.ne(x), high | 0x40, rounded).to(u16).bits(bf16)


def f16_widen(k: Builder, x: Expr) -> Expr:
    """The exponent is rebiased by an exact multiplication, which normalises denormals too; inf and NaN are patched."""
    half = k.let("half", x.bits(u16).to(u32))
    magnitude = k.let("magnitude", (half & 0x7FFF) << 13)
    scaled = (magnitude.bits(f32) * 2.0**112).bits(u32)
    special = magnitude >= (0x7C00 << 13)
    return (select(special, magnitude | 0x7F800000, scaled) | ((half & 0x8000) << 16)).bits(f32)


def f16_narrow(k: Builder, x: Expr) -> Expr:
    """Adding a power of two that has its last bit where the half's is lets the adder round; then the fields are moved."""
    bits = k.let("bits", x.bits(u32))
    twice = k.let("twice", bits << 1)
    magnitude = abs(x) * 2.0**112 * 2.0**-110  # overflows to infinity where a half does
    exponent = twice & 0xFF000000
    bias = Bin("max", exponent, Const(0x71000000, exponent.type))
    sum_ = k.let("sum", (((bias >> 1) + 0x07800000).bits(f32) + magnitude).bits(u32))
    field = ((sum_ >> 13) & 0x7C00) + (sum_ & 0x0FFF)
    return (((bits >> 16) & 0x8000) | select(twice > 0xFF000000, 0x7E00, field)).to(u16).bits(f16)


CONVERSIONS: dict[str, Callable[[Builder, Expr], Expr]] = {
    "bf16_widen": bf16_widen,
    "bf16_narrow": bf16_narrow,
    "f16_widen": f16_widen,
    "f16_narrow": f16_narrow,
}
