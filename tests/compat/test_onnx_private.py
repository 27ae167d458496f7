"""Names that begin with an underscore, but that programs lean on: they give what the official package's give."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx as official
import pytest

import sardonyx.compat.onnx as ours
from tests.compat.programs import parsed, same

TEXT = """<ir_version: 8, opset_import: ["": 15, "d": 1]> g (float[2] X, bool c) => (float[2] Y) <float[1] w = {1}> {
    Y = If (c) <
        then_branch = a () => (float[2] p) <float[2] u = {1, 2}> {
            q = Constant <value = float[1] {0.0}> ()
            p = If (c) <then_branch = i () => (float[2] r) { r = Neg (X) }, else_branch = j () => (float[2] r) { r = Abs (X) }> ()
        },
        else_branch = b () => (float[2] r) { r = d.f (X) }
    >
}
<opset_import: ["": 15], domain: "d"> f <alpha> (x) => (y) { z = LeakyRelu <alpha: float = @alpha> (x)  y = Neg (z) }"""


def module(o: Any, name: str) -> Any:
    return importlib.import_module(f"{o.__name__}.{name}")


def tensors(o: Any, which: str) -> Any:
    helper, graph = o.external_data_helper, parsed(o, TEXT).graph
    return list(getattr(helper, f"_get_{which}_tensors_from_graph")(graph))


def held(o: Any) -> Any:
    graph, helper = parsed(o, TEXT).graph, o.external_data_helper
    found = helper._get_initializer_tensors_from_graph
    return [list(helper._recursive_attribute_processor(a, found)) for a in graph.node[0].attribute]


def far(o: Any) -> Any:
    made = o.TensorProto(name="t")
    module(o, "model_container")._set_external_data(made, "#a", 0, 8, "sum", "base")
    return made


def inner(o: Any) -> Any:
    graph = parsed(o, TEXT).graph
    container = module(o, "model_container").make_large_model(graph)
    names = [g.name for g in module(o, "model_container")._enumerate_subgraphs(graph)]
    return names, [g.name for g in container.enumerate_graph_protos()]


def nodes_of_a_function(o: Any) -> Any:
    node = o.helper.make_node("f", ["a"], ["b"], domain="d", alpha=0.5)
    expand = module(o, "backend.test.case.node").function_expand_helper
    return expand(node, function_proto=parsed(o, TEXT).functions[0], op_prefix="p_")


def typed(o: Any) -> Any:
    kind = o.helper.make_tensor_type_proto(1, ["n"])
    return module(o, "backend.test.case.node")._extract_value_info(input=None, name="x", type_proto=kind)


def cases_of_a_function(o: Any) -> Any:
    node, kind = o.helper.make_node("Elu", ["a"], ["b"]), o.helper.make_tensor_type_proto(1, [2])
    found, since = module(o, "backend.test.case.node").function_testcase_helper(node, [kind], "case")
    return since, [([inner.op_type for inner in nodes], [p.version for p in opsets]) for nodes, opsets in found]


def subgraph(o: Any) -> Any:
    op_run, evaluator = module(o, "reference.op_run"), module(o, "reference").ReferenceEvaluator
    made = evaluator(parsed(o, TEXT).graph.node[0].attribute[0].g.node[1].attribute[0].g, opsets={"": 15})
    return op_run.OpRun._evaluate_subgraph({"X": np.array([1.0, -2.0], np.float32)}, made, None)


def serialized(o: Any, name: str) -> Any:
    serializer, model = getattr(o.serialization, name)(), parsed(o, TEXT)
    again = serializer.deserialize_proto(serializer.serialize_proto(model), o.ModelProto())
    assert serializer.supported_format == getattr(o.serialization, name).supported_format  # of the class already
    return serializer.supported_format, sorted(serializer.file_extensions), again


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "names of attribute types": lambda o: sorted(o.helper._ATTRIBUTE_TYPE_TO_STR.items()),
    "IR versions": lambda o: sorted(o.helper._create_op_set_id_version_map(o.helper.VERSION_TABLE[:9]).items()),
    "a right message": lambda o: o.checker._ensure_proto_type(o.NodeProto(), o.NodeProto),
    "a wrong message": lambda o: o.checker._ensure_proto_type(o.NodeProto(), o.GraphProto),
    "constants": lambda o: tensors(o, "initializer"),
    "attributes": lambda o: tensors(o, "attribute"),
    "what attributes hold": held,
    "a place": far,
    "graphs inside": inner,
    "element types": lambda o: sorted((k, v.name) for k, v in o._mapping.TENSOR_TYPE_MAP.items()),
    "nodes of a function": nodes_of_a_function,
    "cases of a function": cases_of_a_function,
    "a type given": typed,
    "numbers packed": lambda o: module(o, "numpy_helper")._pack_4bitx2(array=np.array([3, 7, 1], np.uint8)),
    "type of a value": lambda o: module(o, "backend.test.case.node")._extract_value_info(np.ones((2, 3), np.int8), "x"),
    "a subgraph": subgraph,
    **{name: lambda o, name=name: serialized(o, name) for name in ("_ProtobufSerializer", "_TextProtoSerializer")},
    **{name: lambda o, name=name: serialized(o, name) for name in ("_JsonSerializer", "_TextualSerializer")},
}


@pytest.mark.filterwarnings("ignore:.*experimental:UserWarning")
@pytest.mark.parametrize("name", PROGRAMS)
def test_private_names(name: str) -> None:
    same(PROGRAMS[name])


@pytest.mark.parametrize("name", ["onnx_ml_pb2", "onnx_data_pb2", "onnx_operators_ml_pb2"])
def test_descriptors_of_generated_modules(name: str) -> None:
    names = [key for key in vars(module(official, name)) if key[0] == "_" and key[1:].replace("_", "").isupper()]
    assert names

    def program(o: Any) -> Any:
        held = module(o, name)
        file = held.DESCRIPTOR
        kinds = [sorted(file.message_types_by_name), sorted(file.enum_types_by_name)]
        return (
            file.name,
            file.package,
            kinds,
            [(key, getattr(held, key).full_name) for key in sorted(names) if key != "_START_VERSION"],
        )

    same(program)
    with pytest.raises(AttributeError, match="_NOTHING"):
        _ = module(ours, name)._NOTHING
