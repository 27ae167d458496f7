"""Torch's symbolic sizes as dims: sympy expressions over symbols that carry the user's names."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import sympy
import torch
from torch.utils._sympy import functions as f

from sardonyx.core import dims
from sardonyx.core.dims import Dim
from sardonyx.core.errors import UnsupportedError
from sardonyx.frontends.torch.dtypes import dtype_of
from sardonyx.ir import TensorType

__all__ = ["Symbols"]

_EXACT = 1 << 16  # fractions with a smaller denominator times a size are exact in floats


def _power(base: Dim, exponent: Dim) -> Dim:
    if not isinstance(exponent, int) or exponent < 0:
        raise _NoDim
    return math.prod([base] * exponent)  # pyright: ignore[reportArgumentType, reportReturnType] dims multiply


class _NoDim(Exception):
    """The expression is no integer arithmetic."""


_FUNCTIONS: dict[Any, Callable[..., Dim]] = {
    sympy.Add: lambda *a: sum(a),
    sympy.Mul: lambda *a: math.prod(a),
    sympy.Pow: _power,
    f.PowByNatural: _power,
    f.FloorDiv: dims.floordiv,
    f.CleanDiv: dims.floordiv,
    f.Mod: dims.mod,
    f.PythonMod: dims.mod,
    f.Max: dims.dmax,
    f.Min: dims.dmin,
    sympy.Max: dims.dmax,
    sympy.Min: dims.dmin,
}


class Symbols:
    """What torch's symbols are called, and the dims that its expressions over them are."""

    def __init__(self) -> None:
        self.names: dict[sympy.Symbol, str] = {}

    def name(self, symbol: sympy.Symbol, name: str) -> None:
        """Call `symbol` by `name`; the first name counts."""
        self.names.setdefault(symbol, name)

    def dim(self, size: int | torch.SymInt) -> Dim:
        """A size of a fake tensor as a dim.

        Raises:
            UnsupportedError: it is computed with more than integer arithmetic.
        """
        if not isinstance(size, torch.SymInt):
            return int(size)
        expression = size.node.expr
        try:
            return self._dim(expression)
        except _NoDim:
            raise UnsupportedError(
                f"the size {expression} is no integer arithmetic on the inputs' sizes",
                fix="compute it with //, %, +, * instead of float arithmetic, or export that size as fixed",
            ) from None

    def _dim(self, expression: Any) -> Dim:
        if isinstance(expression, (int, sympy.Integer)):
            return int(expression)
        if isinstance(expression, sympy.Symbol):
            return dims.symbol(self.names.get(expression, str(expression)))
        if isinstance(expression, (f.CeilToInt, f.FloorToInt, f.TruncToInt)) and isinstance(
            quotient := expression.args[0], f.IntTrueDiv
        ):
            divide = dims.ceildiv if isinstance(expression, f.CeilToInt) else dims.floordiv
            return divide(*(self._dim(a) for a in quotient.args))
        if isinstance(expression, (f.CeilToInt, f.FloorToInt, f.TruncToInt)):
            return self._scaled(expression)
        compute = _FUNCTIONS.get(expression.func)
        if compute is None:
            raise _NoDim
        return compute(*(self._dim(a) for a in expression.args))

    def _scaled(self, expression: Any) -> Dim:
        """A size times a number that is an exact fraction, as 1.5 is, rounded to an integer."""
        product = expression.args[0]
        factor = Fraction(1)
        size: Any = None
        for part in product.args if product.is_Mul else (product,):
            if part.is_Number:
                factor *= Fraction(float(part))
            elif isinstance(part, f.ToFloat) and size is None:
                size = part.args[0]
            else:
                raise _NoDim
        if size is None or factor < 0 or factor.denominator > _EXACT:
            raise _NoDim
        divide = dims.ceildiv if isinstance(expression, f.CeilToInt) else dims.floordiv
        return divide(self._dim(size) * factor.numerator, factor.denominator)

    def type(self, fake: torch.Tensor) -> TensorType:
        """The type of a fake tensor."""
        return TensorType(dtype_of(fake.dtype), tuple(self.dim(d) for d in fake.shape))
