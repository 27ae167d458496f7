"""Models as text, in the syntax that `onnx.parser` reads.

The syntax has no place for documentation strings, for metadata other than the model's, for quantization annotations and
denotations: these are left out. It has none either for sparse constants and training information, which change what a model
means: these are refused. Names that are no identifiers are quoted everywhere; the official parser takes quoted names only
for values, nodes, dims and graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np

from sardonyx.core.dtypes import DType
from sardonyx.core.errors import UnsupportedError
from sardonyx.ir.attr import Attr, AttrKind
from sardonyx.ir.entries import count_entries, to_entries
from sardonyx.ir.graph import Graph, Node, Value
from sardonyx.ir.model import Function, Model
from sardonyx.ir.tensor import ExternalLocation, Tensor
from sardonyx.ir.text.words import UNKNOWN, quote, word
from sardonyx.ir.types import (
    MapType,
    OpaqueType,
    OptionalType,
    SequenceType,
    Shape,
    SparseTensorType,
    TensorType,
    Type,
)

__all__ = ["print_function", "print_graph", "print_model", "print_node", "print_tensor", "print_type"]

INDENT: Final = "  "


def print_model(
    model: Model, *, elide: int | None = None, placement: Mapping[int, ExternalLocation] | None = None
) -> str:
    """The model as text.

    Args:
        elide: show a constant of more entries than this as ``...``: for reading, such text does not parse. None shows all.
        placement: where the bytes of a tensor lie, by its id; such tensors name the place instead of their numbers.

    Raises:
        UnsupportedError: the model holds something that changes its meaning and that the syntax cannot say; not raised
            when text is elided.
    """
    printer = _Printer(elide, placement or {})
    if model.extras.get("training_info"):
        printer.refuse("training information")
    parts = [_header(_model_facts(model)), printer.graph(model.graph, "")]
    for function in model.functions.values():
        parts += ["", printer.function(function)]
    printer.finish()
    return "\n".join(parts) + "\n"


def print_graph(graph: Graph, *, elide: int | None = None) -> str:
    """One graph as text."""
    return _alone(elide, lambda p: p.graph(graph, ""))


def print_function(function: Function, *, elide: int | None = None) -> str:
    """One function as text."""
    return _alone(elide, lambda p: p.function(function))


def print_node(node: Node, *, elide: int | None = None) -> str:
    """One node as text."""
    return _alone(elide, lambda p: p.node(node, ""))


def print_tensor(tensor: Tensor, *, elide: int | None = None) -> str:
    """One constant as text: type, name, entries."""
    return _alone(elide, lambda p: p.tensor(tensor))


def _alone(elide: int | None, write: Callable[[_Printer], str]) -> str:
    printer = _Printer(elide, {})
    text = write(printer)
    printer.finish()
    return text


# -- types ----------------------------------------------------------------------------------------------------------------


def print_type(type: Type | None) -> str:
    """``float[batch,3,?]``; ``float`` is a scalar and ``float[]`` a tensor of unknown rank."""
    match type:
        case TensorType(None, None, _) | None:
            return ""
        case TensorType(dtype, shape, _):
            return _element(dtype) + _shape(shape)
        case SparseTensorType(dtype, shape):
            return f"sparse_tensor({_element(dtype)}{_shape(shape)})"
        case SequenceType(element):
            return f"seq({print_type(element)})"
        case OptionalType(element):
            return f"optional({print_type(element)})"
        case MapType(key, value):
            return f"map({_element(key)}, {print_type(value)})"
        case OpaqueType(domain, name):
            return f"opaque({dotted(domain) + ',' if domain else ''}{dotted(name)})"


def _element(dtype: DType | None) -> str:
    return UNKNOWN if dtype is None else dtype.text


def _shape(shape: Shape | None) -> str:
    if shape is None:
        return "[]"
    dims = ["?" if d is None else str(d) if isinstance(d, int) else _name(str(d)) for d in shape]
    return f"[{','.join(dims)}]" if dims else ""


def _name(name: str) -> str:
    """A name where no type could stand: only what is no identifier needs quotes."""
    return name if name.isascii() and name.isidentifier() else quote(name)


def dotted(name: str) -> str:
    """A domain: identifiers joined by dots, quoted where one is none."""
    return ".".join(_name(part) for part in name.split(".")) if name else ""


# -- headers --------------------------------------------------------------------------------------------------------------


def _opsets(opsets: Mapping[str, int]) -> str:
    return "[" + ", ".join(f"{quote(domain)} : {version}" for domain, version in opsets.items()) + "]"


def _model_facts(model: Model) -> dict[str, str]:
    texts = {
        "producer_name": model.producer,
        "producer_version": model.producer_version,
        "domain": model.domain,
    }
    facts = {"ir_version": str(model.ir_version), "opset_import": _opsets(model.opsets)}
    facts |= {key: quote(text) for key, text in texts.items() if text}
    if model.model_version:
        facts["model_version"] = str(model.model_version)
    if model.doc:
        facts["doc_string"] = quote(model.doc)
    if model.metadata:
        pairs = [f"{quote(k)}: {quote(v)}" for k, v in model.metadata.items()]
        facts["metadata_props"] = f"[{', '.join(pairs)}]"
    return facts


def _header(facts: Mapping[str, str]) -> str:
    return "<\n" + ",\n".join(f"{INDENT}{key}: {text}" for key, text in facts.items()) + "\n>"


# -- graphs ---------------------------------------------------------------------------------------------------------------


class _Printer:
    """Writes graphs, and collects what the syntax cannot say."""

    def __init__(self, elide: int | None, placement: Mapping[int, ExternalLocation]) -> None:
        self.elide, self.placement = elide, placement
        self.refused: dict[str, None] = {}

    def refuse(self, what: str) -> str:
        self.refused[what] = None
        return "..."

    def finish(self) -> None:
        """Raise if something was refused, unless the text is for reading only."""
        if self.refused and self.elide is None:
            raise UnsupportedError(
                "the ONNX text syntax has no place for something in this model",
                missing=list(self.refused),
                why=f"it cannot say: {', '.join(self.refused)}",
                fix="save it as .onnx or .json",
            )

    def graph(self, graph: Graph, indent: str) -> str:
        inner = indent + INDENT
        facts = [self._initializer(name, value) for name, value in graph.initializers.items()]
        facts += [_typed(v) for v in _inner_values(graph) if v.type is not None]
        header = f"{word(graph.name or 'graph')} ({_list(graph.inputs)}) => ({_list(graph.outputs)})"
        if facts:
            header += f"\n{indent}<\n" + ",\n".join(inner + fact for fact in facts) + f"\n{indent}>"
        return header + f"\n{indent}" + self.body(graph, indent)

    def body(self, graph: Graph, indent: str) -> str:
        nodes = [indent + INDENT + self.node(node, indent + INDENT) + "\n" for node in graph.nodes]
        return "{\n" + "".join(nodes) + indent + "}"

    def function(self, function: Function) -> str:
        facts = {"domain": quote(function.domain)}
        if function.overload:
            facts["overload"] = quote(function.overload)
        facts["opset_import"] = _opsets(function.opsets)
        if function.doc:
            facts["doc_string"] = quote(function.doc)
        attributes = [_name(a) for a in function.attributes]
        attributes += [self.attr(a, "") for a in function.defaults.values()]
        graph = function.graph
        text = f"{_header(facts)}\n{_name(function.name)} "
        text += f"<{', '.join(attributes)}> " if attributes else ""
        text += f"({_list(graph.inputs)}) => ({', '.join(word(v.name) for v in graph.outputs)})\n"
        known = [f"{INDENT}{_typed(n)}" for n in (*_outputs_of(graph), *graph.loose) if n.type is not None]
        text += "<\n" + ",\n".join(known) + "\n>\n" if known else ""
        return text + self.body(graph, "")

    def node(self, node: Node, indent: str) -> str:
        label = f"[{_name(node.name)}] " if node.name else ""
        outputs = ", ".join(_name(v.name) for v in node.outputs)
        operator = (dotted(node.domain) + "." if node.domain else "") + _name(node.op_type)
        operator += f":{_name(node.overload)}" if node.overload else ""
        inputs = ", ".join('""' if v is None else _name(v.name) for v in node.inputs)
        inner = indent + INDENT
        attrs = [self.attr(a, inner) for a in node.attrs.values()]
        if node.subgraphs:  # these read better behind the inputs, one to a line
            return f"{label}{outputs} = {operator} ({inputs}) <\n{inner}" + f",\n{inner}".join(attrs) + f"\n{indent}>"
        facts = f" <{', '.join(attrs)}>" if attrs else ""
        return f"{label}{outputs} = {operator}{facts} ({inputs})"

    def _initializer(self, name: str, value: Value) -> str:
        const = value.const
        if isinstance(const, Tensor):
            return self.tensor(const, name, " =")
        return f"{print_type(value.type)} {word(name)} = {self.refuse(f'the sparse constant {name!r}')}"

    # -- attributes and constants -------------------------------------------------------------------------------------

    def attr(self, attr: Attr, indent: str) -> str:
        kind = f": {attr.kind.name.lower()}" if attr.kind is not AttrKind.UNDEFINED else ""
        head = f"{_name(attr.name)}{kind} = "
        if attr.ref:
            return f"{head}@{_name(attr.ref)}"
        one = _WRITERS.get(attr.kind)
        if one is not None:
            return head + one(self, attr.value, indent)
        several = _LIST_WRITERS.get(attr.kind)
        if several is not None:
            return head + "[" + ", ".join(several(self, v, indent) for v in attr.value) + "]"
        return head + self.refuse(f"{attr.kind.name.lower()} attribute {attr.name!r}")

    def tensor(self, tensor: Tensor, name: str | None = None, equals: str = "") -> str:
        name = tensor.name if name is None else name
        shape = f"[{','.join(map(str, tensor.shape))}]" if tensor.shape else ""
        return f"{tensor.dtype.text}{shape}{' ' + word(name) if name else ''}{equals} {self._entries(tensor)}"

    def _entries(self, tensor: Tensor) -> str:
        external = self.placement.get(id(tensor))
        if self.elide is not None and count_entries(tensor.dtype, tensor.shape) > self.elide:
            external = external or tensor.external
            if external is None:
                return "{...}"
        if external is not None:
            length = tensor.nbytes if external.length is None else external.length
            entries = {"location": external.location, "offset": str(external.offset), "length": str(length)}
            return "[" + ", ".join(f"{quote(k)}: {quote(v)}" for k, v in entries.items()) + "]"
        return "{" + ", ".join(_numbers(to_entries(tensor))) + "}"


def _numbers(entries: Any) -> Iterable[str]:
    if entries.dtype.kind == "O":
        return (quote(text) for text in entries)
    if entries.dtype.kind == "f":
        return map(str, entries)  # NumPy's shortest digits that read back, for the width at hand
    return map(str, entries.tolist())


def _outputs_of(graph: Graph) -> Iterable[Value]:
    return (v for node in graph.nodes for v in node.outputs if v.name)


def _inner_values(graph: Graph) -> Iterable[Value]:
    results = set(graph.outputs)
    return (*(v for v in _outputs_of(graph) if v not in results), *graph.loose)


def _typed(value: Value) -> str:
    return f"{print_type(value.type)} {word(value.name)}".lstrip()


def _list(values: Iterable[Value]) -> str:
    return ", ".join(_typed(v) for v in values)


def _float(value: float) -> str:
    return str(np.float32(value))


_WRITERS: dict[AttrKind, Callable[[_Printer, Any, str], str]] = {
    AttrKind.FLOAT: lambda p, v, _: _float(v),
    AttrKind.INT: lambda p, v, _: str(int(v)),
    AttrKind.STRING: lambda p, v, _: quote(v),
    AttrKind.TENSOR: lambda p, v, _: p.tensor(v),
    AttrKind.GRAPH: lambda p, v, indent: p.graph(v, indent),
    AttrKind.TYPE_PROTO: lambda p, v, _: print_type(v),
}
_LIST_WRITERS = {AttrKind[f"{kind.name}S"]: write for kind, write in _WRITERS.items()}
