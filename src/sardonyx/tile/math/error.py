"""erf: a polynomial near 0, and 1 - e**(...) further out."""

from __future__ import annotations

from sardonyx.tile.builder import Builder, select
from sardonyx.tile.expr import Expr
from sardonyx.tile.math.exponential import exp_normal
from sardonyx.tile.math.parts import clamp, copysign, fma, magnitude, poly

__all__ = ["erf"]

# float32: erf(x) / x - 1 in x**2 below 0.9277, and log(1 - erf(x)) in |x| above, by even and odd parts
_NEAR32 = (-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1)
_FAR32 = (-1.06777877e-1, -6.34846687e-1, -1.28717512e-1)
# float64: erf(x) / x - 1 in x**2 below 1, and erfc(x) e**(x**2) in (1 / (1 + x/2) - 11/24) * 24/5 up to 6
_NEAR64 = (
    5.957176147748911e-11, -1.1372848856791674e-09, 1.4659775274047436e-08, -1.6350312701054695e-07, 1.6461000484121368e-06,
    -1.4925595266831182e-05, 0.0001205533111164271, -0.000854832698083379, 0.0052239776248180145, -0.026866170645076792,
    0.11283791670954879, -0.3761263890318375, 0.1283791670955126,
)  # fmt: skip
_FAR64 = (
    -9.369456032869593e-13, 4.775776110782188e-13, 2.2135736614933752e-11, -7.468711818050684e-11, -2.68698518348558e-10,
    2.625007492297143e-09, -5.886053299221601e-10, -7.005371793736792e-08, 1.6349937383405805e-07, 1.9795619759276e-06,
    -7.340517938287998e-06, -8.07922042879663e-05, 0.00019713917772795885, 0.005588816281841403, 0.038560570425182426,
    0.16189356804102495, 0.2214295402299318,
)  # fmt: skip


def erf(k: Builder, x: Expr) -> Expr:
    size = magnitude(k, x)
    square = k.let("square", x * x)
    if x.type.kind == "f32":
        t = k.let("t", clamp(size, 0.0, 4.0))
        tt = k.let("tt", t * t)
        high = fma(fma(-1.72853470e-5, t, 3.83197126e-4), tt, fma(-3.88396438e-3, t, 2.42546219e-2))
        for c in _FAR32:
            high = fma(high, t, c)
        far = 1.0 - exp_normal(k, k.let("log_rest", fma(high, t, -t)))
        near = fma(poly(k, square, _NEAR32), x, x)
        return select(size > 0.927734375, copysign(far, x), near)
    t = k.let("t", clamp(size, 1.0, 6.0))
    u = k.let("u", (1.0 / (t * 0.5 + 1.0) - 11 / 24) * (24 / 5))
    far = 1.0 - exp_normal(k, k.let("minus_square", -(t * t))) * poly(k, u, _FAR64)
    near = fma(poly(k, square, _NEAR64), x, x)
    return select(size > 1.0, copysign(far, x), near)
