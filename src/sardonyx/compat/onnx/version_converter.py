"""Models to any operator-set version."""

from __future__ import annotations

from collections.abc import Iterator

from sardonyx.compat.onnx._limits import reason_against
from sardonyx.compat.onnx._types import make_tensor_value_info
from sardonyx.compat.onnx.external_data_helper import uses_external_data
from sardonyx.compat.onnx.onnx_pb import (
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    TensorProto,
    ValueInfoProto,
)
from sardonyx.core.errors import SardonyxError
from sardonyx.infer import infer_shapes
from sardonyx.io import model_from_proto, model_to_proto
from sardonyx.passes import convert_version as convert

__all__ = ["ConvertError", "convert_version"]

DEFAULT = ("", "ai.onnx")  # the two spellings of the standard's own domain
INITIALIZERS = {("Pad", 2)}  # the inputs for which new constants stay initializers, as the official package has it


class ConvertError(RuntimeError):  # which is what the official package raises for most of what it cannot convert
    """The model cannot be expressed in the version; the message names the node and the reason."""


def convert_version(model: ModelProto, target_version: int) -> ModelProto:
    """A copy of `model` in operator-set version `target_version` of ai.onnx.

    As the official package has it: results without a shape get one, an initializer counts as a constant even where a caller
    might override it, and constants that come about are Constant nodes.
    """
    if not isinstance(model, ModelProto):  # pyright: ignore[reportUnnecessaryIsInstance]  # untyped programs call this
        raise TypeError(f"VersionConverter only accepts ModelProto as model, incorrect type: {type(model)}")
    if not isinstance(target_version, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"VersionConverter only accepts int as target_version, incorrect type: {type(target_version)}")
    _need_definitions(model.graph, frozenset())
    fixed = ModelProto()
    fixed.CopyFrom(model)
    _make_constant(fixed.graph)
    try:
        read = model_from_proto(fixed)
        reason = reason_against(read, target_version)
        if reason is not None:
            raise ConvertError(reason)
        made = model_to_proto(convert(read, target_version))
    except (ConvertError, SardonyxError) as error:
        raise ConvertError(str(error)) from error
    except Exception as error:  # a node that the checker would refuse breaks the rules that read it
        raise ConvertError(f"the model is malformed: {error}") from error
    if any(not _has_shape(info) for info in made.graph.output):
        _shape_outputs(made.graph, model_to_proto(infer_shapes(read)).graph)
    for before, after in _pairs(model.graph, made.graph):
        _keep_as_written(before, after)
    _keep_opsets(model, made)
    made.ir_version = model.ir_version
    return made


def _need_definitions(graph: GraphProto, outer: frozenset[str]) -> None:
    """Refuse a graph that reads or returns what nothing gives."""
    known = {"", *outer, *(value.name for value in (*graph.input, *graph.initializer))}
    known.update(sparse.values.name for sparse in graph.sparse_initializer)
    known.update(name for node in graph.node for name in node.output)
    for node in graph.node:
        for name in node.input:
            if name not in known:
                raise ConvertError(f"Input {name} is undefined!")
        for inner in _subgraphs(node):
            _need_definitions(inner, frozenset(known))
    for value in graph.output:
        if value.name not in known:
            raise ConvertError(f"Output {value.name} is undefined!")


def _make_constant(graph: GraphProto) -> None:
    """Take away the inputs that have a default value; but let constants that lie in other files be inputs."""
    held = {tensor.name for tensor in graph.initializer}
    for i in reversed(range(len(graph.input))):
        if graph.input[i].name in held:
            del graph.input[i]
    for i in reversed(range(len(graph.initializer))):
        tensor = graph.initializer[i]
        if uses_external_data(tensor):
            graph.input.append(make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
            del graph.initializer[i]


def _has_shape(info: ValueInfoProto) -> bool:
    return not info.type.HasField("tensor_type") or info.type.tensor_type.HasField("shape")


def _shape_outputs(graph: GraphProto, inferred: GraphProto) -> None:
    for info, known in zip(graph.output, inferred.output, strict=True):
        if not _has_shape(info):
            info.type.CopyFrom(known.type)


def _keep_opsets(before: ModelProto, after: ModelProto) -> None:
    """The imports in the order and spelling they had."""
    versions = {opset.domain: opset.version for opset in after.opset_import}
    kept: list[OperatorSetIdProto] = []
    for opset in before.opset_import:
        known = "" if opset.domain in DEFAULT else opset.domain
        if known in versions:
            kept.append(OperatorSetIdProto(domain=opset.domain, version=versions.pop(known)))
    kept += [OperatorSetIdProto(domain=domain, version=version) for domain, version in versions.items()]
    del after.opset_import[:]
    after.opset_import.extend(kept)


def _subgraphs(node: NodeProto) -> list[GraphProto]:
    return [graph for a in node.attribute for graph in ([a.g] if a.HasField("g") else a.graphs)]


def _pairs(before: GraphProto, after: GraphProto) -> Iterator[tuple[GraphProto, GraphProto]]:
    """The graphs of two models that belong together: those of nodes that give the same values."""
    yield before, after
    nodes = {tuple(node.output): node for node in before.node}
    for node in after.node:
        old = nodes.get(tuple(node.output))
        graphs = _subgraphs(node)
        others = [] if old is None else _subgraphs(old)
        for i, graph in enumerate(graphs):
            same = len(others) == len(graphs) and others[i].name == graph.name
            yield from _pairs(others[i] if same else GraphProto(), graph)


def _keep_as_written(before: GraphProto, after: GraphProto) -> None:
    """Tensors in the fields they were written in, inputs with their default values, new constants as nodes."""
    tensors = {tensor.name: tensor for tensor in before.initializer}
    new: list[TensorProto] = []
    for i in reversed(range(len(after.initializer))):
        tensor = after.initializer[i]
        if tensor.name in tensors:
            tensor.CopyFrom(tensors[tensor.name])
        else:
            new.insert(0, tensor)
            del after.initializer[i]
    elsewhere = [tensor for tensor in before.initializer if uses_external_data(tensor)]
    after.initializer.extend(elsewhere)
    held = {tensor.name for tensor in after.initializer}
    infos = {info.name: info for info in after.input}
    inputs = [infos.get(i.name, i) for i in before.input if i.name in infos or i.name in held]
    if len(before.input) or elsewhere:
        del after.input[:]
        after.input.extend(inputs)
    values = {node.output[0]: a for node in before.node if node.op_type == "Constant" for a in node.attribute}
    for node in after.node:
        for attribute in node.attribute:
            old = values.get(node.output[0]) if node.op_type == "Constant" else None
            if old is not None and old.name == attribute.name:
                attribute.CopyFrom(old)
    _insert_constants(after, new)


def _insert_constants(graph: GraphProto, tensors: list[TensorProto]) -> None:
    """Constant nodes, each right before the first node that reads it, here or in a subgraph."""
    waiting = {tensor.name: tensor for tensor in tensors}
    if not waiting:
        return
    nodes: list[NodeProto] = []
    for node in graph.node:
        for i, name in enumerate(_read(node)):
            if name in waiting and (node.op_type, i) in INITIALIZERS:
                graph.initializer.append(waiting.pop(name))
            elif name in waiting:
                nodes.append(_constant(waiting.pop(name)))
        nodes.append(node)
    nodes += [_constant(tensor) for tensor in waiting.values()]  # what the graph only returns
    made = GraphProto(node=nodes)
    del graph.node[:]
    graph.node.extend(made.node)


def _read(node: NodeProto) -> Iterator[str]:
    yield from node.input
    for graph in _subgraphs(node):
        for inner in graph.node:
            yield from _read(inner)
        for value in graph.output:
            yield value.name


def _constant(tensor: TensorProto) -> NodeProto:
    node = NodeProto(op_type="Constant", output=[tensor.name])
    node.attribute.add(name="value", type=4, t=tensor)
    node.attribute[0].t.ClearField("name")
    return node
