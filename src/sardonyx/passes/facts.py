"""What rules may know of a model: operators from the standard, types and integers from inference."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from sardonyx.core.dims import Expr, symbol
from sardonyx.core.dtypes import dtype
from sardonyx.core.errors import InputError
from sardonyx.infer import infer
from sardonyx.ir import Array, Attr, AttrKind, Graph, Model, Node, Tensor, TensorType, Type, Value
from sardonyx.ops import Known, attributes, infer_outputs, lookup, schema_of
from sardonyx.ops.known import known_constant
from sardonyx.ops.promote import promote

__all__ = ["ModelFacts"]


class ModelFacts:
    """Facts about one model, inferred once and kept true while passes change it.

    A fact belongs to a value, and passes never change what a value is, only who reads it: facts grow old only by missing
    new values, and `settle` adds those.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.inference = infer(model)
        self._known = self.inference.known
        self._numbers = itertools.count()
        self._inputs = {v for g in model.graphs() for v in g.inputs}

    def commutative(self, node: Node) -> bool:
        op = lookup(node.domain, node.op_type)
        return op is not None and op.commutative

    def default(self, node: Node, name: str) -> Any:
        schema = schema_of(node.domain, node.op_type, self._opset(node.domain))
        spec = None if schema is None else schema.attributes.get(name)
        return None if spec is None else spec.default

    def attribute(self, domain: str, op_type: str, name: str, value: Any) -> Attr:
        if isinstance(value, Attr):
            return value if value.name == name else replace(value, name=name)
        schema = schema_of(domain, op_type, self._opset(domain))
        spec = None if schema is None else schema.attributes.get(name)
        if schema is not None and spec is None:
            raise InputError(f"{op_type} has no attribute '{name}' in opset {self._opset(domain)}")
        kind = None if spec is None or spec.kind == AttrKind.UNDEFINED else spec.kind
        return Attr.of(name, value, kind)

    def constant(self, value: Value) -> Array | None:
        const = value.const
        if not isinstance(const, Tensor) or value in self._inputs:
            return None  # an input's default value may be overridden
        return const.numpy()

    def is_input(self, value: Value) -> bool:
        """Whether a caller may give another value in place of this one."""
        return value in self._inputs

    def known(self, value: Value) -> Known:
        found = self._known.get(value)
        if found is None:
            const = value.const if isinstance(value.const, Tensor) else None
            found = known_constant(const, value.type if const is None else None)
            found = self._known[value] = self._named(found)
        return found

    def type(self, value: Value) -> Type | None:
        return self.known(value).type

    def ints(self, value: Value) -> Array | None:
        return self.known(value).value

    def settle(self, node: Node) -> None:
        schema = schema_of(node.domain, node.op_type, self._opset(node.domain))
        if schema is None:
            found: list[Known] = []
        else:
            inputs = [None if v is None else self.known(v) for v in node.inputs]
            attrs = attributes(schema, node, self._branch)
            found = infer_outputs(*promote(schema, inputs, attrs, symbolic=True), len(node.outputs))
        for i, value in enumerate(node.outputs):
            self._known[value] = self._named(found[i]) if i < len(found) else Known(None)

    def equate(self, old: Value, new: Value) -> None:
        before, now = self.known(old), self.known(new)
        kind, other = before.type, now.type
        if isinstance(kind, TensorType) and isinstance(other, TensorType):
            kind = _joined(kind, other)
        self._known[new] = Known(kind or other, before.value if before.value is not None else now.value)

    def add_constant(self, graph: Graph, name: str, array: Array) -> Value:
        """A new constant of `graph`."""
        value = graph.add_initializer(Tensor(np.asarray(array), dtype=dtype(array.dtype)), name)
        self.known(value)
        return value

    def _branch(self, graph: Graph) -> Any:
        return lambda *_: [self.known(v) for v in graph.outputs]

    def _opset(self, domain: str) -> int:
        return self.model.opsets.get(domain, 1)

    def _named(self, found: Known) -> Known:
        kind = found.type
        if isinstance(kind, TensorType) and kind.shape is not None and None in kind.shape:
            shape = tuple(symbol(f"_p{next(self._numbers)}") if d is None else d for d in kind.shape)
            return replace(found, type=replace(kind, shape=shape))
        return found


def _joined(old: TensorType, new: TensorType) -> TensorType:
    """What both types say, where they say it about the same value; a number beats a symbol."""
    if old.shape is None or new.shape is None or len(old.shape) != len(new.shape):
        shape = old.shape if old.shape is not None else new.shape
    else:
        shape = tuple(
            b if isinstance(b, int) and isinstance(a, Expr) else a for a, b in zip(old.shape, new.shape, strict=True)
        )
    return TensorType(old.dtype or new.dtype, shape, old.denotation)
