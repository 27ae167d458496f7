"""What was inferred and what the model declares, brought together."""

from __future__ import annotations

from dataclasses import replace

from sardonyx.core.dims import Dim, Expr
from sardonyx.infer.symbols import Symbols
from sardonyx.ir import MapType, OptionalType, SequenceType, Shape, SparseTensorType, TensorType, Type, show_shape

__all__ = ["Contradiction", "agree", "merge"]


class Contradiction(Exception):
    """Two types that no value has both of."""

    def __init__(self, what: str, why: str, *, about_dtype: bool = False) -> None:
        super().__init__(what)
        self.what, self.why, self.about_dtype = what, why, about_dtype


def merge(inferred: Type | None, declared: Type | None, symbols: Symbols, *, learn: bool) -> Type | None:
    """The type that says all that both say. Where they name one extent differently, `agree` chooses.

    Args:
        learn: whether equal extents may rename symbols (not in loops, where a symbol means another number each time).

    Raises:
        Contradiction: they exclude each other.
    """
    if inferred is None or declared is None or inferred == declared:
        return inferred or declared
    if isinstance(inferred, TensorType) and isinstance(declared, TensorType):
        if inferred.dtype and declared.dtype and inferred.dtype is not declared.dtype:
            raise Contradiction(
                f"its element type is {inferred.dtype}, declared is {declared.dtype}",
                f"{inferred} is not {declared}",
                about_dtype=True,
            )
        shape = _merge_shapes(inferred.shape, declared.shape, symbols, learn=learn)
        return TensorType(inferred.dtype or declared.dtype, shape, declared.denotation or inferred.denotation)
    for container in (SequenceType, OptionalType):
        if isinstance(inferred, container) and isinstance(declared, container):
            return replace(inferred, element=merge(inferred.element, declared.element, symbols, learn=False))
    if isinstance(inferred, SparseTensorType) and isinstance(declared, SparseTensorType):
        return declared
    if isinstance(inferred, MapType) and isinstance(declared, MapType):
        return declared
    raise Contradiction(
        f"its type is {inferred}, declared is {declared}", f"{inferred} is not {declared}", about_dtype=True
    )


def _merge_shapes(inferred: Shape | None, declared: Shape | None, symbols: Symbols, *, learn: bool) -> Shape | None:
    if inferred is None or declared is None:
        return declared if inferred is None else inferred
    if len(inferred) != len(declared):
        raise Contradiction(
            f"its rank is {len(inferred)}, declared is {len(declared)}",
            f"the inferred shape is {show_shape(inferred)}, the declared one {show_shape(declared)}",
        )
    merged: list[Dim | None] = []
    for axis, (i, d) in enumerate(zip(inferred, declared, strict=True)):
        if isinstance(i, int) and isinstance(d, int) and i != d:
            raise Contradiction(
                f"axis {axis} is {i}, declared is {d}",
                f"the inferred shape is {show_shape(inferred)}, the declared one {show_shape(declared)}",
            )
        merged.append(i if d is None else d if i is None else agree(i, d, symbols, learn=learn))
    return tuple(merged)


def agree(inferred: Dim, declared: Dim, symbols: Symbols, *, learn: bool) -> Dim:
    """The better of two names for one extent: numbers before formulas, formulas before names that nothing explains."""
    i, d = symbols.resolve(inferred), symbols.resolve(declared)
    if i == d:
        return i
    i_name = i.name if isinstance(i, Expr) else None
    d_name = d.name if isinstance(d, Expr) else None
    if i_name is not None and symbols.is_fresh(i_name):
        if learn:
            symbols.bind(i_name, d)
        return d
    if d_name is not None and symbols.is_free(d_name):
        if learn:
            symbols.bind(d_name, i)
        return i
    if isinstance(i, int) or not isinstance(d, int):
        return d if isinstance(i, Expr) and "broadcast(" in str(i) else i
    return d
