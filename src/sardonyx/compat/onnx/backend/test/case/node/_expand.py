"""A node as the nodes of its function."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sardonyx.compat.onnx.onnx_pb import AttributeProto, FunctionProto, NodeProto

__all__ = ["expanded"]

Rename = Callable[[str], str]


def expanded(node: NodeProto, function_proto: FunctionProto, op_prefix: str) -> list[NodeProto]:
    """The function's nodes, on the node's inputs and outputs; values inside get a prefix."""
    names = {name: node.input[i] if i < len(node.input) else "" for i, name in enumerate(function_proto.input)}
    # An output that the node leaves out may still be read inside: it is a value inside, then.
    names |= {
        name: node.output[i] for i, name in enumerate(function_proto.output) if i < len(node.output) and node.output[i]
    }
    attributes = {a.name: a for a in node.attribute}

    def rename(name: str) -> str:
        return names[name] if name in names else op_prefix + name if name else ""

    return [_copied(inner, rename, attributes, op_prefix) for inner in function_proto.node]


def _copied(node: NodeProto, rename: Rename, attributes: Mapping[str, AttributeProto], prefix: str) -> NodeProto:
    made = NodeProto()
    made.CopyFrom(node)
    for field in ("input", "output", "attribute"):
        made.ClearField(field)
    made.input.extend(map(rename, node.input))
    made.output.extend(map(rename, node.output))
    for attribute in node.attribute:
        held = attributes.get(attribute.ref_attr_name) if attribute.ref_attr_name else attribute
        if held is None:
            continue  # the node leaves it out
        added = made.attribute.add()
        added.CopyFrom(held)
        added.name = attribute.name
        if added.type == AttributeProto.GRAPH:
            _rename_graph(added, rename, attributes, prefix)
    return made


def _rename_graph(
    holder: AttributeProto, rename: Rename, attributes: Mapping[str, AttributeProto], prefix: str
) -> None:
    graph = holder.g
    own: dict[str, str] = {}
    for item in (*graph.input, *graph.output, *graph.initializer, *(s.values for s in graph.sparse_initializer)):
        own[item.name] = item.name = prefix + item.name

    def inside(name: str) -> str:
        return own[name] if name in own else rename(name)

    nodes = [_copied(node, inside, attributes, prefix) for node in graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
