"""Nodes and their attributes, alone and against the schema of their operator."""

from __future__ import annotations

from sardonyx.compat.onnx._checking import graphs
from sardonyx.compat.onnx._checking.context import (
    CheckerContext,
    LexicalScopeContext,
    ValidationError,
    require,
    require_text,
)
from sardonyx.compat.onnx._checking.values import check_sparse_tensor, check_tensor
from sardonyx.compat.onnx._registry import find
from sardonyx.compat.onnx._schema_parts import FormalParameter, FormalParameterOption
from sardonyx.compat.onnx._schemas import OpSchema
from sardonyx.proto import AttributeProto, NodeProto

__all__ = ["check_attribute", "check_node", "verify"]

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


def check_attribute(attr: AttributeProto, ctx: CheckerContext, scope: LexicalScopeContext) -> None:
    """An attribute has a name, a kind, and at most one value, of that kind."""
    require_text(attr, "name", "attr")
    if ctx.ir_version >= 2:
        require(attr, "type", "attr")
    filled = [kind for field, kind in _SINGLE.items() if attr.HasField(field)]
    filled += [kind for field, kind in _LISTS.items() if len(getattr(attr, field))]
    if attr.HasField("type") and any(kind != attr.type for kind in filled):
        raise ValidationError(f"type field and data field mismatch in attribute {attr.name}.")
    if len(filled) > 1:
        raise ValidationError(f"Attribute (name: {attr.name}) should not contain more than one value field.")
    if not ctx.is_main_graph and attr.HasField("ref_attr_name") and filled:
        raise ValidationError(f"Attribute (name: {attr.name}) should refer to attribute in parent node.")
    for tensor in (*([attr.t] if attr.HasField("t") else ()), *attr.tensors):
        check_tensor(tensor, ctx)
    for sparse in (*([attr.sparse_tensor] if attr.HasField("sparse_tensor") else ()), *attr.sparse_tensors):
        check_sparse_tensor(sparse, ctx)
    for graph in (*([attr.g] if attr.HasField("g") else ()), *attr.graphs):
        graphs.check_graph(graph, ctx.but(is_main_graph=False), scope)


def check_node(node: NodeProto, ctx: CheckerContext, scope: LexicalScopeContext) -> None:
    """A node computes something, and is as its operator is in the imported version."""
    require_text(node, "op_type", "node")
    if not len(node.input) and not len(node.output):
        raise ValidationError(f"NodeProto (name: {node.name}, type: {node.op_type}) has zero input and zero output.")
    version = ctx.version_of(node.domain)
    if version is None:
        raise ValidationError(f"No opset import for domain '{node.domain}'")
    names = set[str]()
    for attr in node.attribute:
        if attr.name in names:
            raise ValidationError(f"Attribute '{attr.name}' appeared multiple times.")
        names.add(attr.name)
        check_attribute(attr, ctx, scope)
    if node.domain in ("", "ai.onnx") and node.op_type in EXPERIMENTAL:
        return
    schema = find(node.op_type, version, node.domain)
    if schema is not None:
        verify(schema, node)
    elif node.domain in MUST_EXIST or ctx.check_custom_domain:
        raise ValidationError(f"No Op registered for {node.op_type} with domain_version of {version}")


def verify(schema: OpSchema, node: NodeProto) -> None:
    """Refuse a node that is not as its schema says: inputs, outputs, attributes."""
    if schema.deprecated:
        raise ValidationError(
            f"Op registered for {node.op_type} is deprecated in domain_version of {schema.since_version}"
        )
    named = f"Node({node.name})" if node.name else "Node"
    where = f"{named} with schema({schema.domain}::{schema.name}:{schema.since_version})"
    _check_values("input", list(node.input), schema.inputs, schema.min_input, schema.max_input, where)
    _check_values("output", list(node.output), schema.outputs, schema.min_output, schema.max_output, where)
    declared = schema.attributes
    for attr in node.attribute:
        spec = declared.get(attr.name)
        if spec is None:
            if attr.name.startswith("__"):  # an implementation's own
                continue
            raise ValidationError(f"Unrecognized attribute: {attr.name} for operator {node.op_type}")
        if attr.type != spec.type:
            names = _KINDS.names_by_value
            found = f"Expected: '{names[int(spec.type)]}', actual: '{names.get(attr.type, attr.type)}'"
            raise ValidationError(f"Mismatched attribute type in '{node.name} : {attr.name}'. {found}")
        field = _MESSAGES.get(int(spec.type))
        if field is not None and not attr.ref_attr_name and not attr.HasField(field):
            raise ValidationError(f"Attribute '{attr.name}' is expected to have field '{field}'")
    given = {attr.name for attr in node.attribute}
    for name, spec in declared.items():
        if spec.required and name not in given:
            raise ValidationError(f"Required attribute '{name}' is missing.")


def _check_values(
    what: str, names: list[str], formals: list[FormalParameter], least: int, most: int, where: str
) -> None:
    if not least <= len(names) <= most:
        raise ValidationError(f"{where} has {what} size {len(names)} not in range [min={least}, max={most}].")
    for i, (name, formal) in enumerate(zip(names, formals, strict=False)):
        if not name and formal.option is FormalParameterOption.Single:
            raise ValidationError(f"{where}'s {what} {i} is marked single but has an empty string in the graph")
