"""Elementary functions written in the tile IR, at any number of lanes, for f32 and f64.

A meaning takes a builder, into which it may put `let`s, and its arguments, and returns the value. `MATH` is the table of
all of them by the name that `Call` uses. Infinities, NaN, overflow and gradual underflow come out as in NumPy.

Float32 functions that models spend time in have float32 code; the others compute in float64 and round once.
"""

from __future__ import annotations

from collections.abc import Callable

from sardonyx.tile.expr import Expr
from sardonyx.tile.functions import ARITY
from sardonyx.tile.math import activation, error, exponential, hyperbolic, logarithm, power, trigonometric

__all__ = ["MATH"]

MATH: dict[str, Callable[..., Expr]] = {
    "exp": exponential.exp,
    "exp2": exponential.exp2,
    "exp_down": exponential.exp_down,
    "expm1": exponential.expm1,
    "log": logarithm.log,
    "log2": logarithm.log2,
    "log10": logarithm.log10,
    "log1p": logarithm.log1p,
    "sin": trigonometric.sin,
    "cos": trigonometric.cos,
    "tan": trigonometric.tan,
    "asin": trigonometric.asin,
    "acos": trigonometric.acos,
    "atan": trigonometric.atan,
    "atan2": trigonometric.atan2,
    "sinh": hyperbolic.sinh,
    "cosh": hyperbolic.cosh,
    "tanh": hyperbolic.tanh,
    "asinh": hyperbolic.asinh,
    "acosh": hyperbolic.acosh,
    "atanh": hyperbolic.atanh,
    "erf": error.erf,
    "pow": power.pow_,
    "cbrt": power.cbrt,
    "rsqrt": power.rsqrt,
    "reciprocal": power.reciprocal,
    "sigmoid": activation.sigmoid,
    "silu": activation.silu,
    "softplus": activation.softplus,
    "mish": activation.mish,
    "gelu": activation.gelu,
    "gelu_tanh": activation.gelu_tanh,
}
assert set(MATH) == set(ARITY)
