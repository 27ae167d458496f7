"""Function bodies of operators, as messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sardonyx.compat.onnx.onnx_pb import FunctionProto, NodeProto, TypeProto
from sardonyx.core.errors import InputError
from sardonyx.io.read import model_from_proto
from sardonyx.io.types import read_type
from sardonyx.io.write import write_function
from sardonyx.ir import Function, Node
from sardonyx.ops import lookup
from sardonyx.ops.bodies import Body, Call, bodies_of

__all__ = ["call_of", "dependent", "dependent_body", "fixed", "fixed_body"]

Key = tuple[str, str, int]  # domain, operator, the version that brought its form


def fixed(key: Key) -> list[int]:
    """The operator-set versions of the bodies that hold for every node."""
    return [opset for opset, body in bodies_of(*key).items() if not body.depends]


def dependent(key: Key) -> list[int]:
    """The operator-set versions of the bodies that are written for a node."""
    return [opset for opset, body in bodies_of(*key).items() if body.depends]


def _newest(key: Key, opsets: Sequence[int], opset: int | None) -> Body | None:
    """The newest body that is not newer than `opset`; the newest of all if that is None."""
    begun = [v for v in opsets if opset is None or v <= opset]
    return bodies_of(*key)[max(begun)] if begun else None


def _written(function: Function) -> bytes:
    made = FunctionProto()
    write_function(function, made, {})
    return made.SerializeToString()


def fixed_body(key: Key, opset: int | None) -> bytes:
    """The body in that version of the operator set, or the newest; no bytes if there is none."""
    found = _newest(key, fixed(key), opset)
    return b"" if found is None else _written(found.function())


def dependent_body(key: Key, opset: int | None, node: bytes, input_types: Sequence[bytes]) -> bytes:
    """The body for a node, in that version of the operator set, or the newest; no bytes if there is none.

    Raises:
        ValueError: the body depends on a type that is not given.
    """
    found = _newest(key, dependent(key), opset)
    if found is None:
        return b""
    types = [TypeProto.FromString(held) for held in input_types]
    return _written(found.function(call_of(key, NodeProto.FromString(node), types)))


def call_of(key: Key, node: NodeProto, types: Sequence[TypeProto]) -> Call:
    """What a body is written for: the node's attributes over the defaults, its input types, what it gives and wants."""
    from sardonyx.compat.onnx.onnx_pb import GraphProto, ModelProto

    read: Node = next(iter(model_from_proto(ModelProto(graph=GraphProto(node=[node]))).graph.nodes))
    operator = lookup(key[0], key[1])
    if operator is None:
        raise InputError(f"operator {key[1]} is not known", fix="register it with its body")
    attributes: dict[str, Any] = {spec.name: spec.default for spec in operator.at(key[2]).attributes.values()}
    attributes |= {name: attr.value for name, attr in read.attrs.items()}
    return Call(
        attributes,
        [read_type(t) if t.WhichOneof("value") else None for t in types],
        [bool(name) for name in node.input],
        [bool(name) for name in node.output],
    )
