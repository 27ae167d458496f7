"""Nodes and their attributes, alone and against the schema of their operator."""

from __future__ import annotations

from collections.abc import Sequence

from sardonyx.check.messages import graphs
from sardonyx.check.messages.breach import AtTensor, Breach, Breaches, within
from sardonyx.check.messages.context import Context, Names, Signature, state, state_text
from sardonyx.check.messages.values import check_sparse_tensor, check_tensor
from sardonyx.proto import AttributeProto, NodeProto

__all__ = ["check_attribute", "check_node", "compare"]

# Removed before the standard was one: nodes of these are let through.
EXPERIMENTAL = frozenset(
    [
        "ATen",
        "Affine",
        "ConstantFill",
        "Crop",
        "DynamicSlice",
        "GRUUnit",
        "GivenTensorFill",
        "ImageScaler",
        "ParametricSoftplus",
        "Scale",
        "ScaledTanh",
    ]
)
MUST_EXIST = ("", "ai.onnx", "ai.onnx.ml", "ai.onnx.training")

_KINDS = AttributeProto.AttributeType
_SINGLE = {
    "f": _KINDS.Value("FLOAT"),
    "i": _KINDS.Value("INT"),
    "s": _KINDS.Value("STRING"),
    "t": _KINDS.Value("TENSOR"),
    "g": _KINDS.Value("GRAPH"),
    "tp": _KINDS.Value("TYPE_PROTO"),
    "sparse_tensor": _KINDS.Value("SPARSE_TENSOR"),
}
_LISTS = {
    "floats": _KINDS.Value("FLOATS"),
    "ints": _KINDS.Value("INTS"),
    "strings": _KINDS.Value("STRINGS"),
    "tensors": _KINDS.Value("TENSORS"),
    "graphs": _KINDS.Value("GRAPHS"),
    "sparse_tensors": _KINDS.Value("SPARSE_TENSORS"),
    "type_protos": _KINDS.Value("TYPE_PROTOS"),
}
# Kinds whose value is a message: absent, it has no default that could stand for it.
_MESSAGES = {kind: field for field, kind in _SINGLE.items() if field in ("t", "g", "tp", "sparse_tensor")}


def check_attribute(attr: AttributeProto, ctx: Context, names: Names) -> Breaches:
    """An attribute has a name, a kind, and at most one value, of that kind."""
    yield from state_text("SDX-C135", attr, "name", "attr")
    if ctx.ir_version >= 2:
        yield from state("SDX-C135", attr, "type", "attr")
    filled = [kind for field, kind in _SINGLE.items() if attr.HasField(field)]
    filled += [kind for field, kind in _LISTS.items() if len(attr.entries(field))]
    if attr.HasField("type") and any(kind != attr.type for kind in filled):
        yield Breach("SDX-C136", f"type field and data field mismatch in attribute {attr.name}.")
    if len(filled) > 1:
        yield Breach("SDX-C136", f"Attribute (name: {attr.name}) should not contain more than one value field.")
    if not ctx.is_main_graph and attr.HasField("ref_attr_name") and filled:
        yield Breach("SDX-C136", f"Attribute (name: {attr.name}) should refer to attribute in parent node.")
    if filled:
        yield from _check_messages(attr, ctx, names)


def _check_messages(attr: AttributeProto, ctx: Context, names: Names) -> Breaches:
    """The values that are messages are legal themselves."""
    at = AtTensor(attr.name)
    for tensor in (*([attr.t] if attr.HasField("t") else ()), *attr.entries("tensors")):
        yield from within(at, check_tensor(tensor, ctx))
    sparse_tensors = attr.entries("sparse_tensors")
    for sparse in (*([attr.sparse_tensor] if attr.HasField("sparse_tensor") else ()), *sparse_tensors):
        yield from within(at, check_sparse_tensor(sparse, ctx))
    for graph in (*([attr.g] if attr.HasField("g") else ()), *attr.entries("graphs")):
        yield from graphs.check_graph(graph, ctx.but(is_main_graph=False), names)


def check_node(node: NodeProto, ctx: Context, names: Names) -> Breaches:
    """A node computes something, and is as its operator is in the imported version."""
    yield from state_text("SDX-C116", node, "op_type", "node")
    if not node.entries("input") and not node.entries("output"):
        what = f"NodeProto (name: {node.name}, type: {node.op_type}) has zero input and zero output."
        yield Breach("SDX-C121", what)
    version = ctx.version_of(node.domain)
    if version is None:
        yield Breach("SDX-C115", f"No opset import for domain '{node.domain}'")
    if node.entries("attribute"):
        given = set[str]()
        for attr in node.attribute:
            if attr.name in given:
                yield Breach("SDX-C137", f"Attribute '{attr.name}' appeared multiple times.")
            given.add(attr.name)
            yield from check_attribute(attr, ctx, names)
    if version is None or not node.op_type or (node.domain in ("", "ai.onnx") and node.op_type in EXPERIMENTAL):
        return
    signature = ctx.find(node.op_type, version, node.domain)
    if signature is not None:
        yield from compare(node, signature)
    elif node.domain in MUST_EXIST or ctx.check_custom_domain:
        yield Breach("SDX-C116", f"No Op registered for {node.op_type} with domain_version of {version}")


def compare(node: NodeProto, signature: Signature) -> Breaches:
    """A node is as its operator's schema says: inputs, outputs, attributes."""
    if signature.deprecated:
        at = f"is deprecated in domain_version of {signature.version}"
        yield Breach("SDX-C117", f"Op registered for {node.op_type} {at}")
    inputs, outputs = node.entries("input"), node.entries("output")
    yield from _compare_values(
        ("input", "SDX-C122", "SDX-C124"), inputs, signature.inputs, signature.input_range, node, signature
    )
    yield from _compare_values(
        ("output", "SDX-C123", "SDX-C125"), outputs, signature.outputs, signature.output_range, node, signature
    )
    if signature.outputs_together and signature.output_range[0] < len(outputs) < signature.output_range[1]:
        what = f"{_named(node, signature)} has output size {len(outputs)} not in allowed output sizes."
        yield Breach("SDX-C123", what)
    declared, attributes = signature.attributes, node.entries("attribute")
    for attr in attributes:
        kind, _ = declared.get(attr.name, (None, False))
        if kind is None:
            if not attr.name.startswith("__"):  # those are an implementation's own
                yield Breach("SDX-C131", f"Unrecognized attribute: {attr.name} for operator {node.op_type}")
            continue
        if attr.type != kind:
            shown = _KINDS.names_by_value
            found = f"Expected: '{shown[kind]}', actual: '{shown.get(attr.type, attr.type)}'"
            yield Breach("SDX-C132", f"Mismatched attribute type in '{node.name} : {attr.name}'. {found}")
        field = _MESSAGES.get(kind)
        if field is not None and not attr.ref_attr_name and not attr.HasField(field):
            yield Breach("SDX-C136", f"Attribute '{attr.name}' is expected to have field '{field}'")
    given = {attr.name for attr in attributes}
    for name, (_, required) in declared.items():
        if required and name not in given:
            yield Breach("SDX-C133", f"Required attribute '{name}' is missing.")


def _compare_values(
    words: tuple[str, str, str],
    given: Sequence[str],
    formals: tuple[bool, ...],
    numbers: tuple[int, int],
    node: NodeProto,
    signature: Signature,
) -> Breaches:
    what, number, absent = words
    if not numbers[0] <= len(given) <= numbers[1]:
        found = f"{what} size {len(given)} not in range [min={numbers[0]}, max={numbers[1]}]"
        yield Breach(number, f"{_named(node, signature)} has {found}.")
    for i, (name, must) in enumerate(zip(given, formals, strict=False)):
        if must and not name:
            shown = f"{what} {i} is marked single but has an empty string in the graph"
            yield Breach(absent, f"{_named(node, signature)}'s {shown}")


def _named(node: NodeProto, signature: Signature) -> str:
    schema = f"{signature.domain}::{signature.name}:{signature.version}"
    return (f"Node({node.name})" if node.name else "Node") + f" with schema({schema})"
