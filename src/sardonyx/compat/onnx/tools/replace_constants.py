"""Large constants replaced by nodes that make others of the same shape: small files that keep the structure of large models."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any, TypeVar

import numpy as np

from sardonyx.compat.onnx.helper import (
    make_attribute,
    make_function,
    make_graph,
    make_model,
    make_node,
    make_tensor,
    make_tensor_value_info,
    set_model_props,
    tensor_dtype_to_np_dtype,
)
from sardonyx.compat.onnx.numpy_helper import from_array
from sardonyx.compat.onnx.onnx_pb import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
)

__all__ = ["replace_initializer_by_constant_of_shape"]

Body = TypeVar("Body", GraphProto, FunctionProto)


def replace_initializer_by_constant_of_shape(
    onx: Any,
    threshold: int = 128,
    ir_version: int | None = None,
    use_range: bool = False,
    value_constant_of_shape: float = 0.5,
) -> Any:
    """A model, graph or function in which constants of more than `threshold` elements are made by nodes.

    Args:
        ir_version: of the format: up to 3, shapes are inputs as well; by default that of the model.
        use_range: make them with Range, so that their elements differ, where ConstantOfShape makes them equal.
        value_constant_of_shape: what the elements are.

    Raises:
        RuntimeError: the model's operator set is too old to have these operators.
        NotImplementedError: a constant is large and sparse, or no tensor.
        TypeError: `onx` is none of these.
    """
    if isinstance(onx, ModelProto):
        return _model(onx, threshold, ir_version or int(onx.ir_version), use_range, value_constant_of_shape)
    if isinstance(onx, FunctionProto):
        return _finish(_function(onx, threshold, value_constant_of_shape), use_range, value_constant_of_shape)
    if isinstance(onx, GraphProto):
        made = _graph(onx, threshold, ir_version, use_range, value_constant_of_shape)
        return _finish(made, use_range, value_constant_of_shape)
    raise TypeError(f"onx should be a GraphProto at this stage not {type(onx)}.")


def _finish(body: Body, use_range: bool, value: float) -> Body:
    if use_range:
        return _replace_constant_of_shape_with_range(body)
    return body if value == 1 else _replace_constant_of_shape_value(body, value)


def _model(model: ModelProto, threshold: int, ir_version: int, use_range: bool, value: float) -> ModelProto:
    ways: dict[str, Any] = {
        "threshold": threshold,
        "ir_version": ir_version,
        "use_range": use_range,
        "value_constant_of_shape": value,
    }
    made = make_model(
        replace_initializer_by_constant_of_shape(model.graph, **ways),
        functions=[replace_initializer_by_constant_of_shape(function, **ways) for function in model.functions],
        producer_name=model.producer_name,
        producer_version=model.producer_version,
        ir_version=ir_version,
        doc_string=model.doc_string,
        domain=model.domain,
        model_version=model.model_version,
    )
    if len(model.metadata_props):
        set_model_props(made, {entry.key: entry.value for entry in model.metadata_props})
    del made.opset_import[:]
    for entry in model.opset_import:
        for needed, came, kind in ((use_range, 11, "Range"), (True, 9, "ConstantOfShape")):
            if entry.domain == "" and needed and entry.version < came:
                raise RuntimeError(f"{kind} was introduced in opset {came} but opset is {entry.version}.")
        made.opset_import.add(domain=entry.domain, version=entry.version)
    return made


def _rebuilt(body: Body, nodes: Iterable[NodeProto], **parts: Any) -> Body:
    """A graph or function with other nodes (and, of a graph, other parts)."""
    if isinstance(body, FunctionProto):
        return make_function(body.domain, body.name, body.input, body.output, list(nodes), body.opset_import)
    return make_graph(
        list(nodes),
        body.name,
        parts.get("inputs", body.input),
        body.output,
        initializer=parts.get("initializers", body.initializer),
        sparse_initializer=body.sparse_initializer,
    )


def _function(function: FunctionProto, threshold: int, value: float) -> FunctionProto:
    nodes: list[NodeProto] = []
    for node in function.node:
        nodes += _replace_constant(node, threshold, value) if node.op_type == "Constant" else [node]
    return function if len(nodes) == len(function.node) else _rebuilt(function, nodes)


def _graph(graph: GraphProto, threshold: int, ir_version: int | None, use_range: bool, value: float) -> GraphProto:
    constants: list[TensorProto] = []
    nodes: list[NodeProto] = []
    shapes: list[ValueInfoProto] = []
    removed = set[str]()
    for tensor in graph.initializer:
        if prod(tensor.dims) <= threshold:
            constants.append(tensor)
            continue
        name = f"{tensor.name}__SHAPE"
        constants.append(from_array(np.array(list(tensor.dims), np.int64), name))
        nodes.append(_filled(name, [tensor.name], tensor.data_type, 0.5))
        removed.add(tensor.name)
        if ir_version is not None and ir_version <= 3:
            shapes.append(make_tensor_value_info(name, TensorProto.INT64, [len(tensor.dims)]))
    for sparse in graph.sparse_initializer:
        if prod(sparse.dims) > threshold:
            shown = f"(indices.name={sparse.indices.name!r}, values.name={sparse.values.name!r})"
            raise NotImplementedError(f"This feature is not yet implemented for a sparse initializer {shown}.")
    changed = len(nodes)
    for node in graph.node:
        if node.op_type == "Constant":
            made = _replace_constant(node, threshold, value)
            changed += len(made) - 1
            nodes += made
            continue
        rebuilt = _with_graphs(node, threshold, ir_version, use_range, value)
        changed += rebuilt is not node
        nodes.append(rebuilt)
    if not changed:
        return graph
    inputs = [info for info in graph.input if info.name not in removed]
    return _rebuilt(graph, nodes, inputs=inputs + shapes, initializers=constants)


def _with_graphs(node: NodeProto, threshold: int, ir_version: int | None, use_range: bool, value: float) -> NodeProto:
    """The node with its graphs treated alike; the node itself if nothing in them changed."""

    def treat(graph: GraphProto) -> GraphProto:
        return replace_initializer_by_constant_of_shape(graph, threshold, ir_version, use_range, value)

    attributes: list[AttributeProto] = []
    modified = False
    for attribute in node.attribute:
        made: Any = None
        if attribute.type == AttributeProto.GRAPH and attribute.HasField("g"):
            held = attribute.g
            graph = treat(held)
            made = graph if graph is not held else None
        elif attribute.type == AttributeProto.GRAPHS:
            held = list(attribute.graphs)
            graphs = [treat(graph) for graph in held]
            made = graphs if any(a is not b for a, b in zip(graphs, held, strict=True)) else None
        modified |= made is not None
        attributes.append(attribute if made is None else make_attribute(attribute.name, made))
    if not modified:
        return node
    rebuilt = make_node(node.op_type, node.input, node.output)
    rebuilt.attribute.extend(attributes)
    return rebuilt


def _filled(shape: str, outputs: Any, data_type: int, value: float) -> NodeProto:
    element = np.array([value], tensor_dtype_to_np_dtype(data_type))
    return make_node("ConstantOfShape", [shape], outputs, value=from_array(element))


def _replace_constant(node: NodeProto, threshold: int, value_constant_of_shape: float) -> list[NodeProto]:
    """The nodes that stand for a Constant: itself, or two that make a tensor of its shape."""
    if node.op_type != "Constant":
        raise TypeError(f"Node type must be 'Constant' not {node.op_type!r}.")
    for attribute in node.attribute:
        if attribute.name != "value":
            what = f"a sparse constant (node name={node.name!r})"
            if attribute.name == "sparse_value":
                raise NotImplementedError(f"This feature is not yet implemented for {what}.")
            raise NotImplementedError(f"Replacement of constant with attribute {attribute.name!r}")
        tensor = attribute.t
        if prod(tensor.dims) > threshold:
            name = f"{tensor.name}__SHAPE"
            shape = from_array(np.array(list(tensor.dims), np.int64), name)
            made = _filled(name, node.output, tensor.data_type, value_constant_of_shape)
            return [make_node("Constant", [], [name], value=shape), made]
    return [node]


def _replace_constant_of_shape_value(onx: Body, value_constant_of_shape: float) -> Body:
    """The same with another value in every ConstantOfShape."""

    def filled(node: NodeProto) -> NodeProto:
        if node.op_type != "ConstantOfShape":
            return node
        given = node.attribute[0]
        value = make_tensor(given.t.name, given.t.data_type, [1], [value_constant_of_shape])
        made = make_node("ConstantOfShape", node.input, node.output)
        made.attribute.append(make_attribute(given.name, value))
        return made

    _need_body(onx)
    return _rebuilt(onx, [filled(node) for node in onx.node])


def _need_body(onx: object) -> None:
    if not isinstance(onx, (GraphProto, FunctionProto)):
        raise TypeError(f"Not implemented for type {type(onx)}.")


def _replace_constant_of_shape_with_range(onx: Body) -> Body:
    """The same with numbers from 0 to 1 in the place of every ConstantOfShape; graphs inside are left as they are."""
    _need_body(onx)
    taken = {name for node in onx.node for name in (*node.input, *node.output)}

    def fresh(wanted: str) -> str:
        name, number = wanted, 2
        while name in taken:
            name, number = f"{wanted}_{number}", number + 1
        taken.add(name)
        return name

    zero, one = (make_node("Constant", [], [fresh(name)], value_int=i) for i, name in enumerate(("zero", "one")))
    nodes = [zero, one]
    for node in onx.node:
        if node.op_type != "ConstantOfShape":
            nodes.append(node)
            continue
        shape = node.input[0]
        to = node.attribute[0].t.data_type if len(node.attribute) == 1 else TensorProto.FLOAT
        count, steps, real, total, flat = (
            fresh(f"{shape}_{suffix}") for suffix in ("N", "RANGE", "RANGEf", "Nf", "FLAT")
        )
        nodes += [
            make_node("ReduceProd", [shape], [count]),
            make_node("Range", [zero.output[0], count, one.output[0]], [steps]),
            make_node("Cast", [steps], [real], to=to),
            make_node("Cast", [count], [total], to=to),
            make_node("Div", [real, total], [flat]),
            make_node("Reshape", [flat, shape], node.output),
        ]
    return _rebuilt(onx, nodes)
