"""Evaluating many symbolic dims at once: they become one Python function, compiled when the program is lowered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sardonyx.core.dims import Dim, Expr, Symbol, free_symbols

__all__ = ["Extents"]


def _broadcast(a: int, b: int) -> int:
    return b if a == 1 else a


def _div(a: int, b: int) -> int:
    """Division where there may be no elements to divide."""
    return a // b if b else 0


class Extents:
    """Distinct dims, numbered; `evaluate` gives all their values for one binding of the symbols."""

    def __init__(self) -> None:
        self._numbers: dict[Dim, int] = {}
        self._function: Any = None

    def add(self, dims: Iterable[Dim]) -> None:
        for d in dims:
            self._numbers.setdefault(d, len(self._numbers))

    @property
    def dims(self) -> list[Dim]:
        """All dims, in the order in which `evaluate` gives their values."""
        return list(self._numbers)

    @property
    def symbols(self) -> list[str]:
        """The symbols that must have a number, in the order of their names."""
        return sorted({s for d in self._numbers for s in free_symbols(d)})

    def evaluate(self, bindings: Mapping[str, int]) -> dict[Dim, int]:
        """The value of every dim.

        Raises:
            KeyError: a symbol has no value.
        """
        if self._function is None:
            self._function = self._compile()
        return dict(zip(self._numbers, self._function(bindings), strict=True))

    def _compile(self) -> Any:
        names = {s: f"s{i}" for i, s in enumerate(self.symbols)}
        lines = ["def evaluate(bindings):"]
        lines += [f"    {name} = bindings[{symbol!r}]" for symbol, name in names.items()]
        shown = ", ".join(_source(d, names) for d in self._numbers)
        lines.append(f"    return ({shown}{',' if self._numbers else ''})")
        scope: dict[str, Any] = {"_broadcast": _broadcast, "_div": _div}
        exec("\n".join(lines), scope)  # the text is made of integers and names of our own
        return scope["evaluate"]


def _source(d: Dim, names: Mapping[str, str]) -> str:
    if not isinstance(d, Expr):
        return repr(int(d))
    terms: list[str] = []
    for monomial, coefficient in d.terms.items():
        factors = [repr(coefficient)] if coefficient != 1 or not monomial else []
        for atom in monomial:
            if isinstance(atom, Symbol):
                factors.append(names[atom.name])
                continue
            operands = [_source(x, names) for x in atom.operands]
            factors.append(_FORM[atom.name](operands))
        terms.append("*".join(factors))
    return f"({' + '.join(terms)})"


_FORM: dict[str, Any] = {
    "floordiv": lambda a: f"({a[0]}//{a[1]})" if a[1].isdecimal() else f"_div({a[0]}, {a[1]})",
    "mod": lambda a: f"({a[0]}%{a[1]})",
    "min": lambda a: f"min({', '.join(a)})",
    "max": lambda a: f"max({', '.join(a)})",
    "broadcast": lambda a: f"_broadcast({a[0]}, {a[1]})",
}
