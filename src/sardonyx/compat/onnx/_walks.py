"""Walks over messages that several modules share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from sardonyx.compat.onnx.onnx_pb import AttributeProto, GraphProto, NodeProto
from sardonyx.proto import Message

__all__ = ["copy_of", "outside_names", "subgraphs", "walk_nodes"]

M = TypeVar("M", bound=Message)


def copy_of(message: M) -> M:
    """Another message with the same contents."""
    made = type(message)()
    made.CopyFrom(message)
    return made


def subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    """The graphs in a node's attributes."""
    for attribute in node.attribute:
        yield from _graphs(attribute)


def _graphs(attribute: AttributeProto) -> Iterator[GraphProto]:
    if attribute.HasField("g"):
        yield attribute.g
    yield from attribute.graphs


def walk_nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """The nodes, and those of all graphs inside them."""
    for node in nodes:
        yield node
        for graph in subgraphs(node):
            yield from walk_nodes(graph.node)


def outside_names(node: NodeProto) -> set[str]:
    """The names that a node reads: its inputs, and what graphs inside it read from around."""
    names = {name for name in node.input if name}
    for graph in subgraphs(node):
        own = {info.name for info in graph.input} | {tensor.name for tensor in graph.initializer}
        own |= {sparse.values.name for sparse in graph.sparse_initializer}
        read = set[str]()
        for inner in graph.node:
            read |= outside_names(inner)
            own |= set(inner.output)
        names |= (read | {info.name for info in graph.output}) - own
    return names
