"""Symbolic extents as values: where a graph needs `2*batch + 1`, the nodes that compute it, each once.

The symbols come from the inputs. `bind` says that a symbol is an extent of a value (or a scalar); `vector` and `scalar`
give int64 values for any arithmetic on them. The nodes go to the end of the outermost graph, in front of their first use.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from sardonyx.core.dims import Atom, Dim, Expr, Symbol, free_symbols, symbol
from sardonyx.core.errors import UnsupportedError
from sardonyx.ir import Array, Value

if TYPE_CHECKING:
    from sardonyx.ops.builder import Builder

__all__ = ["Extents"]

Source = tuple[Value, int | None]  # an axis of a value; None: the value itself, a scalar


class Extents:
    """The symbols of a graph that grows at its end, and the values that hold what is computed from them."""

    def __init__(self, builder: Builder) -> None:
        self._g = builder
        self._sources: dict[str, Source] = {}
        self._elements: dict[Dim, Value] = {}  # int64[1] each
        self._scalars: dict[Dim, Value] = {}
        self._vectors: dict[tuple[Dim, ...], Value] = {}

    def bind(self, name: str, value: Value, axis: int | None) -> None:
        """The symbol is the extent of `value` along `axis`, or the integer scalar `value` itself. The first binding counts."""
        self._sources.setdefault(name, (value, axis))

    def bind_dim(self, d: Dim | None, value: Value, axis: int) -> None:
        """Learn the symbol of ``c * name + k``, if that is what the extent of `value` along `axis` is, and it is new."""
        if not isinstance(d, Expr):
            return
        if d.name is not None:
            self.bind(d.name, value, axis)
            return
        names = [n for n in free_symbols(d) if n not in self._sources]
        if len(names) != 1:
            return
        (name,) = names
        scale = d.terms.get((Symbol(name),), 0)
        rest = d - symbol(name) * scale
        if scale and name not in free_symbols(rest):
            extent = self._extent(value, axis, axis + 1)
            element = self._g.root.Div(self._minus(extent, rest), [scale]) if scale != 1 else self._minus(extent, rest)
            self._elements[symbol(name)] = element
            self._sources[name] = (element, None)

    def binds(self, name: str) -> bool:
        return name in self._sources

    def scalar(self, d: Dim) -> Value:
        """`d` as an int64 scalar."""
        if isinstance(d, int):
            return self._g.value(np.int64(d))
        found = self._scalars.get(d)
        if found is None:
            source = self._sources.get(d.name) if d.name is not None else None
            if source is not None and source[1] is None and source[0].rank == 0:
                found = source[0]
            else:
                with self._g.root.scope(hint="extent"):
                    found = self._g.root.Squeeze(self.element(d), [0])
            self._scalars[d] = found
        return found

    def vector(self, extents: Sequence[Dim]) -> Value | Array:
        """`extents` as an int64 vector: an array where all are numbers."""
        key = tuple(extents)
        if all(isinstance(d, int) for d in key):
            return np.array(key, np.int64)
        found = self._vectors.get(key)
        if found is None:
            pieces = self._pieces(key)
            with self._g.root.scope(hint="shape"):
                found = pieces[0] if len(pieces) == 1 else self._g.root.Concat(*pieces, axis=0)
            self._vectors[key] = found
        return found

    def element(self, d: Dim) -> Value:
        """`d` as an int64 vector of one element."""
        found = self._elements.get(d)
        if found is None:
            with self._g.root.scope(hint="extent"):
                found = self._elements[d] = self._computed(d)
        return found

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _pieces(self, extents: tuple[Dim, ...]) -> list[Any]:
        """Numbers stay together, and so do neighbouring axes of one value."""

        def kind(place: tuple[int, Dim]) -> Any:
            i, d = place
            if isinstance(d, int):
                return "numbers"
            source = self._sources.get(d.name) if d.name else None
            if source is None or source[1] is None:
                return i
            return id(source[0]), source[1] - i  # equal for neighbours

        pieces: list[Any] = []
        for which, group in groupby(enumerate(extents), kind):
            run = [d for _, d in group]
            if which == "numbers":
                pieces.append(np.array(run, np.int64))
            elif len(run) == 1:
                pieces.append(self.element(run[0]))
            else:
                assert isinstance(run[0], Expr) and run[0].name is not None
                value, axis = self._sources[run[0].name]
                assert axis is not None
                pieces.append(self._extent(value, axis, axis + len(run)))
        return pieces

    def _extent(self, value: Value, start: int, end: int) -> Value:
        g = self._g.root
        with g.scope(hint="shape"):
            if g.opset >= 15:
                return g.Shape(value, start=start, end=end if value.rank is None or end < value.rank else None)
            return g.Gather(g.Shape(value), list(range(start, end)))

    def _computed(self, d: Dim) -> Value:
        g = self._g.root
        if isinstance(d, int):
            return g.value(np.array([d], np.int64))
        if d.name is not None:
            return self._symbol(d.name)
        total: Value | None = None
        for monomial, coefficient in sorted(d.terms.items(), key=lambda t: (t[1] < 0, not t[0])):
            if not monomial:
                total = self._plus(total, coefficient)
                continue
            product = self._product(monomial)
            if total is not None and coefficient == -1:
                total = g.Sub(total, product)
                continue
            product = product if coefficient == 1 else g.Mul(product, [coefficient])
            total = product if total is None else g.Add(total, product)
        assert total is not None
        return total

    def _plus(self, total: Value | None, number: int) -> Value:
        g = self._g.root
        if total is None:
            return g.value(np.array([number], np.int64))
        return g.Sub(total, [-number]) if number < 0 else g.Add(total, [number])

    def _minus(self, value: Value, d: Dim) -> Value:
        return value if d == 0 else self._g.root.Sub(value, self.element(d))

    def _product(self, monomial: Sequence[Atom]) -> Value:
        product = self._atom(monomial[0])
        for atom in monomial[1:]:
            product = self._g.root.Mul(product, self._atom(atom))
        return product

    def _atom(self, atom: Atom) -> Value:
        if isinstance(atom, Symbol):
            return self.element(symbol(atom.name))
        g = self._g.root
        if atom.name in ("min", "max", "broadcast"):
            return g.op("Min" if atom.name == "min" else "Max", *(self.element(d) for d in atom.operands))
        a, b = atom.operands
        if atom.name == "mod":
            return g.Mod(self.element(a), self.element(b))
        if not _may_be_negative(a):
            return g.Div(self.element(a), self.element(b))
        # Div cuts towards zero; taking the remainder away first makes it exact, so that it floors.
        top, bottom = self.element(a), self.element(b)
        return g.Div(g.Sub(top, g.Mod(top, bottom)), bottom)

    def _symbol(self, name: str) -> Value:
        source = self._sources.get(name)
        if source is None:
            raise UnsupportedError(
                f"nothing in the graph gives the extent '{name}'",
                where=self._g.here.source,
                why="it is no extent of an input, nor of a value made so far",
                fix="export with that extent fixed, or make it an extent of an input",
            )
        value, axis = source
        if axis is not None:
            return self._extent(value, axis, axis + 1)
        return self._g.root.Reshape(value, [1]) if value.rank == 0 else value


def _may_be_negative(d: Dim) -> bool:
    terms = d.terms if isinstance(d, Expr) else {(): d}
    return any(c < 0 for c in terms.values())
