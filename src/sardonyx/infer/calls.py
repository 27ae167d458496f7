"""Calls of a model's functions, each combination of inputs inferred once: nested calls would otherwise double at each level."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sardonyx.core.dims import Dim, Expr, free_symbols, substitute
from sardonyx.infer.symbols import Symbols
from sardonyx.ir import Attr, Function, OptionalType, SequenceType, TensorType, Type
from sardonyx.ops import Known

__all__ = ["CallMemo"]


class CallMemo:
    def __init__(self, symbols: Symbols) -> None:
        self.symbols = symbols
        self.results: dict[Hashable, tuple[frozenset[str], list[Known]]] = {}

    def call(
        self,
        function: Function,
        inputs: Sequence[Known | None],
        bindings: Mapping[str, Attr],
        infer_body: Callable[[], list[Known]],
    ) -> list[Known]:
        """What `infer_body` gives, or gave for equal inputs: then under new names for the symbols that it made itself."""
        # Values of attributes compare by what they are or by identity; both are right here.
        attrs = tuple((name, _key(attr.value)) for name, attr in sorted(bindings.items()))
        key = (
            function.key,
            tuple(None if x is None else (x.type, _key(x.value), _key(x.floats)) for x in inputs),
            attrs,
        )
        found = self.results.get(key)
        if found is None:
            outputs = infer_body()
            given = frozenset[str]().union(*(_symbols(x) for x in inputs))
            own = frozenset[str]().union(*(_symbols(x) for x in outputs)) - given
            self.results[key] = own, outputs
            return outputs
        own, outputs = found
        renaming = {name: self.symbols.fresh() for name in sorted(own) if self.symbols.is_fresh(name)}
        return [_renamed(x, renaming) for x in outputs] if renaming else outputs


def _key(value: Any) -> Hashable:
    if hasattr(value, "shape") and hasattr(value, "flat"):
        return (tuple(value.shape), tuple(value.flat))
    return value if isinstance(value, Hashable) else id(value)


def _tensor(kind: Type | None) -> TensorType | None:
    while isinstance(kind, (SequenceType, OptionalType)):
        kind = kind.element
    return kind if isinstance(kind, TensorType) else None


def _symbols(x: Known | None) -> frozenset[str]:
    if x is None:
        return frozenset()
    tensor = _tensor(x.type)
    dims: list[Any] = [*((tensor.shape or ()) if tensor else ()), *(() if x.value is None else x.value.flat)]
    return frozenset[str]().union(*(free_symbols(d) for d in dims if isinstance(d, Expr)))


def _renamed(x: Known, renaming: Mapping[str, Dim]) -> Known:
    kind = x.type
    if isinstance(kind, TensorType) and kind.shape is not None:
        shape = tuple(substitute(d, renaming) if isinstance(d, Expr) else d for d in kind.shape)
        kind = TensorType(kind.dtype, shape, kind.denotation)
    value = x.value
    if value is not None:
        value = value.copy()
        value.reshape(-1)[:] = [substitute(d, renaming) if isinstance(d, Expr) else d for d in value.reshape(-1)]
    return replace(x, type=kind, value=value)
