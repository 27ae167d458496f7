"""sin, cos, tan and their inverses.

The argument is reduced by a multiple of pi/2 in float64 with a three-part pi/2: exact enough for |x| < 2**30 in float64 and
for |x| < 2**50 in float32. Beyond that a result lies in the right range and means nothing.
"""

from __future__ import annotations

import math

from sardonyx.tile.builder import Builder, select
from sardonyx.tile.expr import Bin, Expr
from sardonyx.tile.math.parts import by_f64, clamp, copysign, fma, magnitude, poly, round_even, sqrt
from sardonyx.tile.types import f64, i64

__all__ = ["acos", "asin", "atan", "atan2", "cos", "sin", "tan"]

_PIO2 = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
_MAGIC = 1.5 * 2.0**52
# (sin(x) / x - 1) / x**2 and (cos(x) - 1 + x**2 / 2) / x**4 in x**2, on |x| <= pi/4
_SIN = {
    "f32": (-0.00019587865702101875, 0.008332748154085032, -0.16666664661714697),
    "f64": (1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
            -1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01),
}  # fmt: skip
_COS = {
    "f32": (2.4547916853691016e-05, -0.0013888302919113633, 0.041666664658901405),
    "f64": (-1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
            2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02),
}  # fmt: skip
# (atan(x) / x - 1) / x**2 in x**2 on |x| <= 7/16
_ATAN = (
    1.62858201153657823623e-02, -3.65315727442169155270e-02, 4.97687799461593236017e-02, -5.83357013379057348645e-02,
    6.66107313738753120669e-02, -7.69187620504482999495e-02, 9.09088713343650656196e-02, -1.11111104054623557880e-01,
    1.42857142725034663711e-01, -1.99999999998764832476e-01, 3.33333333333329318027e-01,
)  # fmt: skip


def _reduce(k: Builder, x: Expr) -> tuple[Expr, Expr]:
    """r of x's own type with x = n pi/2 + r, and the float64 whose low bits are n."""
    wide = k.let("wide", x.to(f64))
    shifted = k.let("shifted", round_even(wide * (2.0 / math.pi)) + _MAGIC)
    n = k.let("n", shifted - _MAGIC)
    r = fma(-_PIO2[0], n, wide)
    for part in _PIO2[1 : 2 if x.type.kind == "f32" else 3]:
        r = fma(-part, n, r)
    return k.let("r", clamp(r, -1.0, 1.0).to(x.type.scalar)), shifted


def _sin_kernel(k: Builder, r: Expr, z: Expr) -> Expr:
    return k.let("sin_r", fma(poly(k, z, _SIN[r.type.kind]), z * r, r))


def _cos_kernel(k: Builder, z: Expr) -> Expr:
    return k.let("cos_r", fma(poly(k, z, _COS[z.type.kind]), z * z, fma(-0.5, z, 1.0)))


def _both(k: Builder, x: Expr) -> tuple[Expr, Expr, Expr]:
    """sin r, cos r and the number of quarter turns (its low two bits count)."""
    r, shifted = _reduce(k, x)
    z = k.let("z", r * r)
    return _sin_kernel(k, r, z), _cos_kernel(k, z), k.let("quarter", shifted.bits(i64))


def _turned(k: Builder, x: Expr, ahead: int) -> Expr:
    """sin(x + ahead pi/2)."""
    sin_r, cos_r, quarter = _both(k, x)
    quarter = k.let("turn", quarter + ahead)
    value = k.let("value", select((quarter & 1).eq(0), sin_r, cos_r))
    return select((quarter & 2).eq(0), value, -value)


def sin(k: Builder, x: Expr) -> Expr:
    value = _turned(k, x, 0)
    return select(x.eq(0.0), x, value)  # -0


def cos(k: Builder, x: Expr) -> Expr:
    return _turned(k, x, 1)


@by_f64
def tan(k: Builder, x: Expr) -> Expr:
    sin_r, cos_r, quarter = _both(k, x)
    even = k.let("even", (quarter & 1).eq(0))
    value = select(even, sin_r, -cos_r) / select(even, cos_r, sin_r)
    return select(x.eq(0.0), x, value)


def _atan_ratio(k: Builder, y: Expr, x: Expr) -> Expr:
    """atan(y / x) for 0 <= y <= x: above tan(pi/8), turned back by pi/4."""
    turn = k.let("turn", y > x * 0.41421356237309503)
    q = k.let("q", select(turn, y - x, y) / select(turn, y + x, x))
    z = k.let("z", q * q)
    a = k.let("a", q - q * z * poly(k, z, _ATAN))
    return k.let("angle", select(turn, a + 3.061616997868383e-17 + math.pi / 4, a))


@by_f64
def atan(k: Builder, x: Expr) -> Expr:
    size = magnitude(k, x)
    flip = k.let("flip", size > 1.0)
    angle = _atan_ratio(k, k.let("y", select(flip, 1.0, size)), k.let("x", select(flip, size, 1.0)))
    angle = select(flip, math.pi / 2 - (angle - 6.123233995736766e-17), angle)
    return copysign(angle, x)


@by_f64
def atan2(k: Builder, y: Expr, x: Expr) -> Expr:
    ay, ax = k.let("ay", abs(y)), k.let("ax", abs(x))
    both = k.let("both", (ay.eq(math.inf)) & (ax.eq(math.inf)))
    none = k.let("none", (ay.eq(0.0)) & (ax.eq(0.0)))
    far = k.let("far", (ay.eq(math.inf)) | (ax.eq(math.inf)))
    flip = k.let("flip", ay > ax)
    ratio_y = k.let("small", select(none | far, 0.0, Bin("min", ay, ax)))
    ratio_x = k.let("large", select(none | far, 1.0, Bin("max", ay, ax)))
    angle = _atan_ratio(k, ratio_y, ratio_x)
    angle = k.let("first", select(both, math.pi / 4, select(flip, math.pi / 2 - angle, angle)))
    negative = k.let("negative", x.bits(i64) < 0)
    angle = select(negative, math.pi - (angle - 1.2246467991473532e-16), angle)
    return select((x.eq(x)) & (y.eq(y)), copysign(angle, y), x + y)


@by_f64
def asin(k: Builder, x: Expr) -> Expr:
    """2 atan(x / (1 + sqrt(1 - x**2))), which is exact at both ends."""
    size = magnitude(k, x)
    root = sqrt((1.0 - size) * (1.0 + size))
    angle = _atan_ratio(k, size, k.let("base", root + 1.0)) * 2.0
    return copysign(angle, x)


@by_f64
def acos(k: Builder, x: Expr) -> Expr:
    """2 atan(sqrt((1 - x) / (1 + x))), from the nearer end."""
    size = magnitude(k, x)
    half = _atan_ratio(k, k.let("up", sqrt(1.0 - size)), k.let("over", sqrt(1.0 + size)))
    return select(x < 0.0, math.pi - (half * 2.0 - 1.2246467991473532e-16), half * 2.0)
