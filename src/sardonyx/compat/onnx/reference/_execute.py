"""One application of an operator, at any version, on the references of the ops room."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from sardonyx.compat.onnx.reference import op_run
from sardonyx.core.dtypes import dtype
from sardonyx.core.errors import VersionError
from sardonyx.evaluate import evaluate
from sardonyx.io.read import Scope, read_graph
from sardonyx.io.types import read_type
from sardonyx.ir import Attr, AttrKind, Graph, Model, Node, SequenceType, SparseTensor, Tensor, TensorType, Type, Value
from sardonyx.ops import Schema, attributes, latest_opset, run_reference, schema_of
from sardonyx.ops.promote import promote
from sardonyx.passes.contract import Work
from sardonyx.passes.upgrade import upgrade
from sardonyx.passes.versions import UP

__all__ = ["Body", "apply", "one", "one_of"]


class Body:
    """A subgraph as references call it: `body(*arrays)` gives its outputs, and sees the values around it.

    Args:
        evaluator: runs the subgraph.
        context: the values around it.
        keywords: what `evaluator.run` gets besides.
        told: called before each run and after it, with whether it ends.
    """

    def __init__(
        self,
        evaluator: Any,
        context: Mapping[str, Any],
        keywords: Mapping[str, Any],
        told: Callable[[bool], None] = lambda ends: None,
    ) -> None:
        own = evaluator.rt_inits_
        self._around = {name: value for name, value in context.items() if name not in own}
        self._evaluator, self._keywords, self._told = evaluator, keywords, told

    def __call__(self, *arrays: Any) -> list[Any]:
        feeds = dict(zip(self._evaluator.input_names, arrays, strict=False))
        feeds |= {name: value for name, value in self._around.items() if name not in feeds}
        self._told(False)
        outputs = self._evaluator.run(None, feeds, **self._keywords)
        self._told(True)
        return outputs

    @functools.cached_property
    def graph(self) -> Graph:
        """What the subgraph declares."""
        return read_graph(self._evaluator.proto_, Scope(None, None))


def apply(
    op_type: str, inputs: Sequence[Any], attrs: Mapping[str, Any], n_outputs: int, *, domain: str = "", opset: int = 0
) -> list[Any]:
    """The outputs of an operator.

    Args:
        inputs: one per position, None for those left out.
        attrs: by name; None means not given.
        opset: the version of `domain`; 0 means the newest.

    Raises:
        TypeError: the operator has no such attribute.
    """
    opset = opset or latest_opset(domain)
    schema = schema_of(domain, op_type, opset)
    if schema is None:
        raise op_run.RuntimeImplementationError(f"operator '{op_type}' of domain '{domain}' is not known at {opset}")
    unknown = [name for name, value in attrs.items() if value is not None and name not in schema.attributes]
    if unknown:
        raise TypeError(f"{op_type} has no attribute '{unknown[0]}' at version {schema.version}")
    arrays = [_array(x) for x in inputs]
    values = {name: _value(value) for name, value in attrs.items() if value is not None}
    changes = any(schema.version < v and (domain, op_type, v) in UP for v in range(opset + 1, latest_opset(domain) + 1))
    has_body = any(isinstance(value, Body) for value in values.values())
    upgraded = _upgraded(schema, arrays, values, n_outputs, opset) if changes and not has_body else None
    if upgraded is not None:
        return evaluate(upgraded, [x for x in arrays if isinstance(x, list)])
    written = {name: Attr(name, AttrKind.UNDEFINED, value) for name, value in values.items()}
    complete = attributes(schema, SimpleNamespace(attrs=written))  # pyright: ignore[reportArgumentType]  # a node's attrs
    newest, arrays, complete = promote(schema, arrays, complete)
    return run_reference(newest, arrays, complete, n_outputs)


def one(op_type: str, *inputs: Any, **attrs: Any) -> Any:
    """The only output of an operator of the default domain, at its newest version."""
    return apply(op_type, inputs, attrs, 1)[0]


def one_of(domain: str, op_type: str, *inputs: Any, **attrs: Any) -> Any:
    """The only output of an operator of another domain, at its newest version."""
    return apply(op_type, inputs, attrs, 1, domain=domain)[0]


def _array(x: Any) -> Any:
    """An input as references take it: numbers as arrays, text as objects, in sequences too."""
    if isinstance(x, (list, tuple)):
        return [_array(item) for item in x]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(x, (np.generic, bool, int, float)):
        x = np.asarray(x)
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "US":
        return x
    return (x if x.dtype.kind == "U" else np.char.decode(x, "utf-8")).astype(object)


def _value(value: Any) -> Any:
    """An attribute as references take it: plain numbers, tuples, tensors, types."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return Tensor(value if value.dtype.kind != "U" else value.astype(object))
    if isinstance(value, op_run.SparseTensor):
        return SparseTensor(Tensor(value.values), Tensor(value.indices), value.shape)
    if isinstance(value, op_run.OnnxType):
        return read_type(value.type_proto)
    return tuple(_value(item) for item in value) if isinstance(value, (list, tuple)) else value  # pyright: ignore[reportUnknownVariableType]


def _type(x: Any) -> Type | None:
    if isinstance(x, list):
        return SequenceType(_type(x[0]) if x else None)  # pyright: ignore[reportUnknownArgumentType]
    return TensorType(dtype(x.dtype), tuple(x.shape))


def _upgraded(
    schema: Schema, arrays: Sequence[Any], values: Mapping[str, Any], n_outputs: int, opset: int
) -> Model | None:
    """The node alone in a model of the newest version; None where it cannot be expressed there."""
    op = schema.operator
    graph = Graph(op.name)

    def value(i: int, x: Any) -> Value | None:
        if x is None:
            return None
        if isinstance(x, np.ndarray):  # a constant, so that adapters may look at its elements
            return graph.add_initializer(Tensor(x), f"x{i}")
        return graph.add_input(Value(f"x{i}", _type(x)))

    attrs = [Attr.of(name, held, schema.attributes[name].kind) for name, held in values.items()]
    inputs = [value(i, x) for i, x in enumerate(arrays)]
    node = graph.append(Node(op.name, inputs, n_outputs, attrs, domain=op.domain))
    graph.outputs = list(node.outputs)
    work = Work(Model(graph, opsets={"": latest_opset(), op.domain: opset}))
    try:
        upgrade(work)
    except VersionError:  # the reference may still know what it meant
        return None
    return work.model
