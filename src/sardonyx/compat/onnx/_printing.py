"""Messages in the text syntax, laid out as the official printer lays them out: programs compare such text.

It goes over the messages themselves, so that whatever a message holds is shown, valid or not. What the official printer
leaves out though the syntax has a place for it, is there: defaults of a function's attributes, and the types inside one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from sardonyx.compat.onnx._dtypes import tensor_dtype_to_field
from sardonyx.compat.onnx.onnx_pb import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    TypeProto,
    ValueInfoProto,
)
from sardonyx.core import dtypes
from sardonyx.io.tensors import read_tensor
from sardonyx.ir.entries import to_entries
from sardonyx.ir.text.words import IDENTIFIER, UNKNOWN, quote

__all__ = ["function", "graph", "model", "node", "number"]

STEP: Final = 3  # columns that each level is further in
_NAMES = {row.code: row.text for row in dtypes.ALL if row is not dtypes.UNDEFINED}
_ATTRIBUTES = {code: name.lower() for name, code in AttributeProto.AttributeType.items() if code}


def number(value: Any) -> str:
    """A number by the fewest characters that give it back: ``1e+05``, ``0.001``, ``1234567``; on a tie, without exponent."""
    if not isinstance(value, np.floating):
        return str(int(value))
    if not np.isfinite(value):
        return str(value)
    digits, _, exponent = np.format_float_scientific(value, trim="-", exp_digits=2).partition("e")
    plain = np.format_float_positional(value, trim="-")
    if int(exponent) > 0 and value == int(value):  # a whole number shows its own digits, not zeros for those left out
        plain = str(int(value))
    return plain if len(plain) <= len(digits) + 1 + len(exponent) else f"{digits}e{exponent}"


def _single(value: float) -> str:
    return number(np.float32(value))


def _word(name: str) -> str:
    return name if IDENTIFIER.fullmatch(name) else quote(name)


def _words(names: Iterable[str]) -> str:
    return ", ".join(map(_word, names))


# -- types and constants --------------------------------------------------------------------------------------------------


def _typed(kind: Any) -> str:
    """The type of a tensor, sparse or not."""
    return _NAMES.get(kind.elem_type, UNKNOWN) + (_shape(kind.shape) if kind.HasField("shape") else "[]")


def _shape(shape: Any) -> str:
    def one(dim: Any) -> str:
        which = dim.WhichOneof("value")
        return "?" if which is None else str(dim.dim_value) if which == "dim_value" else _word(dim.dim_param)

    return f"[{','.join(map(one, shape.dim))}]" if shape.dim else ""


def _opaque(kind: Any) -> str:
    return ",".join(part for part in (kind.domain, kind.name) if part)


_TYPES: dict[str, Callable[[Any], str]] = {
    "tensor_type": _typed,
    "sparse_tensor_type": lambda t: f"sparse_tensor({_typed(t)})",
    "sequence_type": lambda t: f"seq({_type(t.elem_type)})",
    "optional_type": lambda t: f"optional({_type(t.elem_type)})",
    "map_type": lambda t: f"map({_NAMES.get(t.key_type, UNKNOWN)}, {_type(t.value_type)})",
    "opaque_type": lambda t: f"opaque({_opaque(t)})",
}


def _type(kind: TypeProto) -> str:
    which = kind.WhichOneof("value")
    return "" if which is None else _TYPES[which](getattr(kind, which))


def _value(value: ValueInfoProto) -> str:
    return f"{_type(value.type)} {_word(value.name)}"


def _pairs(entries: Iterable[Any]) -> str:
    return "[" + ", ".join(f"{quote(e.key)}: {quote(e.value)}" for e in entries) + "]"


def _tensor(tensor: TensorProto, equals: str = "") -> str:
    head = _NAMES.get(tensor.data_type, UNKNOWN)
    head += f"[{','.join(map(str, tensor.dims))}]" if tensor.dims else ""
    head += f" {_word(tensor.name)}" if tensor.name else ""
    head += equals
    if tensor.data_location == TensorProto.EXTERNAL:
        return head + _pairs(tensor.external_data)
    if tensor.data_type not in _NAMES:
        return head + "..."
    if tensor.data_type == TensorProto.STRING:
        return head + "{" + ", ".join(map(quote, tensor.string_data)) + "}"
    return head + " {" + ",".join(map(number, _entries(tensor))) + "}"


def _entries(tensor: TensorProto) -> Iterable[Any]:
    """The elements as a typed field has them, wherever they are."""
    if tensor.HasField("raw_data"):
        return to_entries(read_tensor(tensor))
    field = tensor_dtype_to_field(tensor.data_type)
    entries = getattr(tensor, field)
    return np.array(entries, np.float32 if field == "float_data" else np.float64) if field in _FLOATS else entries


_FLOATS = ("float_data", "double_data")


# -- graphs ---------------------------------------------------------------------------------------------------------------


def _attribute(attribute: AttributeProto, indent: int) -> str:
    kind = _ATTRIBUTES.get(attribute.type)
    head = f"{attribute.name}{f': {kind}' if kind else ''} = "
    if attribute.HasField("ref_attr_name"):
        return f"{head}@{attribute.ref_attr_name}"
    field, write = _WRITERS.get(attribute.type, ("", None))
    if write is None:
        return head
    held = getattr(attribute, field)
    if not field.endswith("s") or field == "s":
        return head + write(held, indent)
    return head + "[" + ", ".join(write(item, indent) for item in held) + "]"


_WRITERS: dict[int, tuple[str, Callable[[Any, int], str]]] = {}
for _kind, _fields, _write in (
    ("FLOAT", ("f", "floats"), lambda v, _: _single(v)),
    ("INT", ("i", "ints"), lambda v, _: str(v)),
    ("STRING", ("s", "strings"), lambda v, _: quote(v)),
    ("TENSOR", ("t", "tensors"), lambda v, _: _tensor(v)),
    ("GRAPH", ("g", "graphs"), lambda v, indent: graph(v, indent + STEP)),
    ("TYPE_PROTO", ("tp", "type_protos"), lambda v, _: _type(v)),
):
    for _name, _field in zip((_kind, f"{_kind}S"), _fields, strict=True):
        _WRITERS[AttributeProto.AttributeType.Value(_name)] = (_field, _write)


def node(node: NodeProto, indent: int = STEP) -> str:
    """A node, on a line of its own unless it holds graphs."""
    label = f"[{_word(node.name)}] " if node.HasField("name") else ""
    operator = f"{node.domain}." if node.domain else ""
    operator += node.op_type + (f":{node.overload}" if node.overload else "")
    attributes = ", ".join(_attribute(a, indent) for a in node.attribute)
    facts = f" <{attributes}>" if attributes else ""
    inputs = f" ({_words(node.input)})"
    holds_graphs = any(a.HasField("g") or a.graphs for a in node.attribute)
    tail = inputs + facts if holds_graphs else facts + inputs
    return f"{' ' * indent}{label}{_words(node.output)} = {operator}{tail}\n"


def _nodes(nodes: Iterable[NodeProto], indent: int) -> str:
    return "{\n" + "".join(node(n, indent) for n in nodes) + " " * (indent - STEP) + "}"


def graph(graph: GraphProto, indent: int = STEP) -> str:
    """A graph whose nodes are `indent` columns in."""
    inputs, outputs = (", ".join(map(_value, values)) for values in (graph.input, graph.output))
    head = f"{_word(graph.name)} ({inputs}) => ({outputs}) "
    facts = [_tensor(t, " = ") for t in graph.initializer] + [_value(v) for v in graph.value_info]
    head += f"\n{' ' * indent}<{', '.join(facts)}>\n" if facts else ""
    return head + _nodes(graph.node, indent)


def _opsets(entries: Iterable[Any], comma: str) -> str:
    return f"[{comma.join(f'{quote(e.domain)} : {e.version}' for e in entries)}]"


def _header(facts: Iterable[tuple[str, str]], indent: int) -> str:
    return "<\n" + ",\n".join(f"{' ' * indent}{name}: {text}" for name, text in facts) + "\n>\n"


def function(function: FunctionProto) -> str:
    """A function."""
    facts = [("domain", quote(function.domain))]
    facts += [("overload", quote(function.overload))] if function.overload else []
    facts.append(("opset_import", _opsets(function.opset_import, ",")))
    attributes = [*function.attribute, *(_attribute(a, 0) for a in function.attribute_proto)]
    signature = f"<{','.join(attributes)}>" if attributes else ""
    text = f"{_header(facts, 2)}{_word(function.name)} {signature}"
    text += f"({_words(function.input)}) => ({_words(function.output)})\n"
    known = ", ".join(map(_value, function.value_info))
    return text + (f"<{known}>\n" if known else "") + _nodes(function.node, STEP)


def model(model: ModelProto) -> str:
    """A model, with its functions."""
    facts = [("ir_version", str(model.ir_version)), ("opset_import", _opsets(model.opset_import, ", "))]
    for name in ("producer_name", "producer_version", "domain", "model_version", "doc_string"):
        if model.HasField(name):
            value = getattr(model, name)
            facts.append((name, str(value) if name == "model_version" else quote(value)))
    facts += [("metadata_props", _pairs(model.metadata_props))] if model.metadata_props else []
    parts = [_header(facts, STEP) + graph(model.graph), *map(function, model.functions)]
    return "\n".join(parts)
