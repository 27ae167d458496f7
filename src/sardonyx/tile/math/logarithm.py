"""log, log2, log10, log1p: x = m 2**e with m around 1, then a polynomial in m - 1 or in (m - 1) / (m + 1)."""

from __future__ import annotations

import math

from sardonyx.tile.builder import Builder, select
from sardonyx.tile.expr import Const, Expr
from sardonyx.tile.math.parts import fma, integer_value, poly
from sardonyx.tile.types import f32, f64, i32, u64

__all__ = ["log", "log1p", "log2", "log10", "split"]

_LN2_HIGH, _LN2_LOW = (
    6.93147180369123816490e-01,
    1.90821492927058770002e-10,
)  # the high part times any exponent is exact
# R of log(1 + f) = f - f**2/2 + s (f**2/2 + R(s**2)), s = f / (2 + f), without its factor s**2
_SERIES = (
    1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
    2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01,
)  # fmt: skip

# (log(1 + f) - f) / f**2 on |f| <= 1/3, float32
_QUOTIENT = (
    -0.12422200575409693, 0.13748309139532636, -0.12288721609296725, 0.14055812653133343, -0.1667331625320225,
    0.20007233984917233, -0.24999944186243983, 0.33333272619719945, -0.5,
)  # fmt: skip


def split(k: Builder, x: Expr) -> tuple[Expr, Expr]:
    """f and e with x = (1 + f) 2**e and 1 + f in about [2/3, 4/3] (f32) or [0.71, 1.42] (f64), for positive finite x."""
    if x.type.kind == "f32":
        tiny = k.let("tiny", x < 2.0**-126)
        i = k.let("i", select(tiny, x * 2.0**23, x).bits(i32))
        steps = k.let("steps", (i - 0x3F2AAAAB) >> 23)
        f = k.let("f", (i - (steps << 23)).bits(f32) - 1.0)
        return f, k.let("e", integer_value(steps, f32) - tiny.to(f32) * 23.0)
    tiny = k.let("tiny", x < 2.0**-1022)
    i = k.let("i", select(tiny, x * 2.0**54, x).bits(u64) + (0x3FF0000000000000 - 0x3FE6A09E667F3BCD))
    f = k.let("f", ((i & 0x000FFFFFFFFFFFFF) + 0x3FE6A09E667F3BCD).bits(f64) - 1.0)
    return f, k.let("e", integer_value(i >> 52, f64) - (tiny.to(f64) * 54.0 + 1023.0))


def _of_mantissa(k: Builder, f: Expr) -> Expr:
    """log(1 + f)."""
    ff = k.let("ff", f * f)
    if f.type.kind == "f32":
        return k.let("log_m", fma(poly(k, f, _QUOTIENT), ff, f))
    s = k.let("s", f / (f + 2.0))
    z = k.let("z", s * s)
    return k.let("log_m", f - (ff * 0.5 - s * (ff * 0.5 + z * poly(k, z, _SERIES))))


def _specials(x: Expr, value: Expr) -> Expr:
    """-inf at 0, NaN below, inf and NaN as they are."""
    value = select(x < math.inf, value, x)
    return select(x > 0.0, value, select(x.eq(0.0), Const(-math.inf, x.type), Const(math.nan, x.type)))


def log(k: Builder, x: Expr) -> Expr:
    f, e = split(k, x)
    m = _of_mantissa(k, f)
    value = fma(0.693147182, e, m) if x.type.kind == "f32" else e * _LN2_HIGH + (e * _LN2_LOW + m)
    return _specials(x, value)


def log2(k: Builder, x: Expr) -> Expr:
    f, e = split(k, x)
    return _specials(x, fma(1.4426950408889634, _of_mantissa(k, f), e))


def log10(k: Builder, x: Expr) -> Expr:
    if x.type.kind == "f32":
        return log10(k, k.let("wide", x.to(f64))).to(f32)
    f, e = split(k, x)
    m = _of_mantissa(k, f)
    return _specials(x, e * 3.01029995663611771306e-01 + (e * 3.69423907715893078616e-13 + m * 0.4342944819032518))


def log1p(k: Builder, x: Expr) -> Expr:
    """log(u) for u = 1 + x, plus what the addition rounded away."""
    u = k.let("u", x + 1.0)
    lost = k.let("lost", (x - (u - 1.0)) / u)
    value = log(k, u)
    return select((u > 0.0) & (u < math.inf), select(u.eq(1.0), x, value + lost), value)
