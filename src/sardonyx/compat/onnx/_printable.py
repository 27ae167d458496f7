"""Graphs, nodes and types in the one-line form that logs show: `%y[FLOAT, 2xN]`, `%y = Conv[group = 1](%x, %w)`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from sardonyx.compat.onnx._dtypes import tensor_dtype_to_field
from sardonyx.compat.onnx.onnx_pb import (
    AttributeProto,
    GraphProto,
    NodeProto,
    TensorProto,
    TensorShapeProto,
    TypeProto,
    ValueInfoProto,
)

__all__ = [
    "printable_attribute",
    "printable_dim",
    "printable_graph",
    "printable_node",
    "printable_tensor_proto",
    "printable_type",
    "printable_value_info",
]

_LONGEST = 64  # letters of a text that are shown


def sanitize_str(s: str | bytes) -> str:
    """A text as it is shown: what is no UTF-8 is left out, what is long is cut."""
    text = s.decode("utf-8", errors="ignore") if isinstance(s, bytes) else str(s)
    return text if len(text) < _LONGEST else f"{text[:_LONGEST]}...<+len={len(text) - _LONGEST}>"


# --- attributes


def _float(value: float) -> str:
    return f"{value:.15g}"


def _tensor(tensor: TensorProto) -> str:
    if tensor.dims:
        return "<Tensor>"
    return f"<Scalar Tensor {getattr(tensor, tensor_dtype_to_field(tensor.data_type))}>"


def _list(show: Callable[[Any], str], items: Sequence[Any]) -> str:
    return f"[{', '.join(map(show, items))}]"


def _parts(show: Callable[[Any], str], items: Sequence[Any]) -> str:
    shown = [show(item) + ("," if i < len(items) - 1 else "") for i, item in enumerate(items)]
    return " ".join(["[", *shown, "]"])


# What an attribute holds, in the order in which it is looked for.
_SINGLE: dict[str, Callable[[Any], str]] = {
    "f": _float,
    "i": str,
    "s": lambda text: repr(sanitize_str(text)),
    "t": _tensor,
    "g": lambda graph: f"<graph {graph.name}>",
    "tp": lambda kind: f"<Type Proto {kind}>",
    "sparse_tensor": lambda _: "<Sparse Tensor>",
}
_MANY: dict[str, Callable[[Any], str]] = {
    "floats": lambda values: _list(_float, values),
    "ints": lambda values: _list(str, values),
    "strings": lambda values: str([sanitize_str(value) for value in values]),
    "tensors": lambda _: "[<Tensor>, ...]",
    "sparse_tensors": lambda _: "[<Sparse Tensor>, ...]",
    "type_protos": lambda kinds: _parts(_SINGLE["tp"], kinds),
    "graphs": lambda graphs: _parts(_SINGLE["g"], graphs),
}


def _content(attr: AttributeProto) -> str:
    for field, show in _SINGLE.items():
        if attr.HasField(field):
            return show(getattr(attr, field))
    for field, show in _MANY.items():
        if len(held := getattr(attr, field)):
            return show(held)
    return "<Unknown>"


def printable_attribute(attr: AttributeProto, subgraphs: bool = False) -> Any:
    """`name = value`; with `subgraphs`, also the graphs that are only named in it."""
    text = f"{attr.name} = {_content(attr)}"
    graphs = [attr.g] if attr.HasField("g") else list(attr.graphs)
    return (text, graphs) if subgraphs else text


# --- types and values


def printable_dim(dim: TensorShapeProto.Dimension) -> str:
    """A number, a name, or a question mark."""
    which = dim.WhichOneof("value")
    return "?" if which is None else str(getattr(dim, which))


def _shaped(code: int, extents: Sequence[str] | None) -> str:
    name = TensorProto.DataType.Name(code)
    return name if extents is None else f"{name}, {'x'.join(extents) or 'scalar'}"


def printable_type(t: TypeProto) -> str:
    """`FLOAT, 2xN`; types of other values are only named."""
    which = t.WhichOneof("value")
    if which is None:
        return ""
    if which != "tensor_type":
        return f"Unknown type {which}"
    shape = t.tensor_type.shape.dim if t.tensor_type.HasField("shape") else None
    return _shaped(t.tensor_type.elem_type, None if shape is None else [printable_dim(dim) for dim in shape])


def printable_value_info(v: ValueInfoProto) -> str:
    """`%name[FLOAT, 2xN]`"""
    return f"%{v.name}[{printable_type(v.type)}]"


def printable_tensor_proto(t: TensorProto) -> str:
    """`%name[FLOAT, 2x3]`"""
    return f"%{t.name}[{_shaped(t.data_type, [str(extent) for extent in t.dims])}]"


# --- nodes and graphs


def printable_node(node: NodeProto, prefix: str = "", subgraphs: bool = False) -> Any:
    """`%y = Conv[group = 1](%x, %w)`; with `subgraphs`, also the graphs inside."""
    found = [printable_attribute(attr, subgraphs=True) for attr in node.attribute]
    attributes = f"[{', '.join(sorted(text for text, _ in found))}]" if found else ""
    call = f"{node.op_type}{attributes}({', '.join(f'%{name}' for name in node.input)})"
    outputs = ", ".join(f"%{name}" for name in node.output)
    text = prefix + (f"{outputs} = {call}" if node.output else call)
    return (text, [graph for _, graphs in found for graph in graphs]) if subgraphs else text


def printable_graph(graph: GraphProto, prefix: str = "") -> str:
    """A graph in lines that begin with `prefix`; the graphs inside follow it."""
    warnings.warn(
        "Deprecated since 1.19. Consider using onnx.printer.to_text() instead.", DeprecationWarning, stacklevel=2
    )
    return _graph(graph, prefix)


def _graph(graph: GraphProto, prefix: str) -> str:
    lines, head = _head(graph, prefix)
    lines.append(prefix + " ".join([*head, "{"]))
    inner: list[GraphProto] = []
    for node in graph.node:
        text, graphs = printable_node(node, prefix + "  ", subgraphs=True)
        lines.append(text)
        inner += graphs
    returned = ", ".join(f"%{output.name}" for output in graph.output)
    lines += [f"{prefix}  return {returned}" if graph.output else f"{prefix}  return", f"{prefix}}}"]
    return "\n".join([*lines, *("\n" + _graph(sub, "") for sub in inner)])


def _head(graph: GraphProto, prefix: str) -> tuple[list[str], list[str]]:
    """The lines above the body, and what stands before its opening brace."""
    lines: list[str] = []
    head = ["graph", graph.name]
    if not graph.input:
        return lines, head
    constants, inputs = {t.name for t in graph.initializer}, {i.name for i in graph.input}
    required = [printable_value_info(i) for i in graph.input if i.name not in constants]
    optional = [printable_value_info(i) for i in graph.input if i.name in constants]
    own = [printable_tensor_proto(t) for t in graph.initializer if t.name not in inputs]
    head.append("(")
    if required:
        lines += [prefix + " ".join(head), *(f"{prefix}  {text}" for text in required)]
        head = []
    head.append(")")
    for label, values, shown in (
        ("optional inputs with matching initializers (", optional, bool(optional)),
        ("initializers (", own, len(optional) < len(constants)),
    ):
        if shown:
            lines += [prefix + " ".join([*head, label]), *(f"{prefix}  {text}" for text in values)]
            head = [")"]
    return lines, head
