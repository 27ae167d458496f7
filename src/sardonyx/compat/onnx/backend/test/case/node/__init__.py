"""The cases of single operators, and of their functions expanded into nodes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict
from typing import Any

from sardonyx.compat.onnx import defs, helper
from sardonyx.compat.onnx.backend.test import _official
from sardonyx.compat.onnx.backend.test.case.node._expand import expanded
from sardonyx.compat.onnx.backend.test.case.test_case import TestCase
from sardonyx.compat.onnx.backend.test.case.utils import import_recursive
from sardonyx.compat.onnx.onnx_pb import (
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    TensorProto,
    TypeProto,
    ValueInfoProto,
)

__all__ = ["collect_testcases", "expect"]

_NodeTestCases: list[TestCase] = []
_TargetOpType: str | None = None
_existing_names: dict[str, NodeProto] = {}

# The files of the cases are found in the official package, as if they were here.
_found = _official.folder()
if _found is not None:
    __path__.append(str(_found / "case" / "node"))
else:
    from sardonyx.compat.onnx.backend.test.case.node import _boxes

    sys.modules[f"{__name__}.roialign"] = _boxes  # whose inputs other tests use


def _extract_value_info(input: Any, name: str, type_proto: TypeProto | None = None) -> ValueInfoProto:
    value, kind = input, type_proto
    if kind is None:
        if value is None:
            raise NotImplementedError(f"'{name}' has neither a value nor a type")
        if isinstance(value, TensorProto):
            kind = helper.make_tensor_type_proto(value.data_type, tuple(value.dims))
        elif isinstance(value, list):
            first: Any = value[0]  # pyright: ignore[reportUnknownVariableType]
            element = helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(first.dtype), None)
            kind = helper.make_sequence_type_proto(element)
        else:
            kind = helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
    return helper.make_value_info(name, kind)


def _model(graph: GraphProto, **kwargs: Any) -> ModelProto:
    """A model of the IR version that came with its opsets; of the newest one, where these are not released yet."""
    domains = ("", "ai.onnx.ml", "ai.onnx.preview.training")
    unreleased = {(d, v + 1) for d, v in zip(domains, helper.VERSION_TABLE[-1][2:5], strict=True)}
    opsets = kwargs.get("opset_imports") or ()
    if any(("" if o.domain == "ai.onnx" else o.domain, o.version) in unreleased for o in opsets):
        return helper.make_model(graph, **kwargs)
    return helper.make_model_gen_version(graph, **kwargs)


# Programs use these too, under their official names.
_make_test_model_gen_version, function_expand_helper = _model, expanded


def _add(name: str, model: ModelProto, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    data: list[tuple[Sequence[Any], Sequence[Any]]] = [(inputs, outputs)]
    _NodeTestCases.append(TestCase(name, name, None, None, model, data, "node", 1e-3, 1e-7))


def expect(node_op: NodeProto, inputs: Sequence[Any], outputs: Sequence[Any], name: str, **kwargs: Any) -> None:
    """Add the case that a node, with these inputs, gives these outputs; and one for each function it can be expanded to.

    Args:
        inputs: the values of those inputs that the node does not leave out; `outputs` likewise.
        kwargs: `input_type_protos` and `output_type_protos`, where values do not tell; the rest is for the model.
    """
    if _TargetOpType and node_op.op_type != _TargetOpType:
        return
    if name in _existing_names:
        raise ValueError(f"two cases have the name '{name}'")
    _existing_names[name] = node_op
    node = deepcopy(node_op)
    input_infos, output_infos = (
        [
            _extract_value_info(value, value_name, kind)
            for value, value_name, kind in zip(values, filter(None, names), kinds or [None] * len(values), strict=False)
        ]
        for values, names, kinds in (
            (inputs, node.input, kwargs.pop("input_type_protos", None)),
            (outputs, node.output, kwargs.pop("output_type_protos", None)),
        )
    )
    kwargs["producer_name"] = "backend-test"
    if "opset_imports" not in kwargs:  # the version that changed the operator last, so that later ones change no model
        since = defs.get_schema(node.op_type, domain=node.domain).since_version
        kwargs["opset_imports"] = [helper.make_operatorsetid(node.domain, since)]
    _add(name, _model(helper.make_graph([node], name, input_infos, output_infos), **kwargs), inputs, outputs)
    types = iter(input_infos)
    by_position = [next(types).type if given else TypeProto() for given in node.input]
    expansions, since = function_testcase_helper(node, by_position, name, kwargs["opset_imports"])
    for nodes, opsets in expansions:
        for opset in opsets:
            same = next((o for o in kwargs["opset_imports"] if o.domain == opset.domain), None)
            if same is None:
                kwargs["opset_imports"].append(opset)
            else:
                same.version = opset.version
        main = [o.version for o in kwargs["opset_imports"] if o.domain in ("", "ai.onnx")]
        version = f"_ver{main[0]}" if len(main) == 1 and main[0] != since else ""
        graph = helper.make_graph(nodes, f"{name}_expanded{version}", input_infos, output_infos)
        _add(graph.name, _model(graph, **kwargs), inputs, outputs)


def function_testcase_helper(
    node: NodeProto,
    input_types: Sequence[TypeProto],
    name: str,
    opset_imports: Sequence[OperatorSetIdProto] | None = None,
) -> tuple[list[tuple[list[NodeProto], Sequence[OperatorSetIdProto]]], int]:
    """For each function that defines the node's operator, the nodes it becomes and their opsets; and since when it is.

    Without opsets, the newest version of the operator counts.
    """
    domain = "" if node.domain == "ai.onnx" else node.domain
    if opset_imports is None:
        schema = defs.get_schema(node.op_type, domain=domain)
    else:
        versions = [o.version for o in opset_imports if ("" if o.domain == "ai.onnx" else o.domain) == domain]
        if not versions:
            raise ValueError(f"the model of case '{name}' imports no version of '{domain}'")
        schema = defs.get_schema(node.op_type, versions[0], domain)
    types = [t.SerializeToString() for t in input_types]
    bodies = [schema.get_function_with_opset_version(v) for v in schema.function_opset_versions]
    bodies += [
        schema.get_context_dependent_function_with_opset_version(v, node.SerializeToString(), types)
        for v in schema.context_dependent_function_opset_versions
    ]
    found: list[tuple[list[NodeProto], Sequence[OperatorSetIdProto]]] = []
    for body in bodies:
        function = FunctionProto.FromString(body)
        written = {a.name for a in node.attribute}
        defaults = [(key, spec.default_value) for key, spec in schema.attributes.items()]
        node.attribute.extend(value for key, value in defaults if key not in written and value.type)
        nodes = expanded(node, function, f"{node.op_type}_{name}_expanded_function_")
        found.append((nodes, function.opset_import))
    return found, schema.since_version


def _ours(case: Any) -> TestCase:
    """A case of the official package, with messages of ours."""

    def message(value: Any) -> Any:
        return TensorProto.FromString(value.SerializeToString()) if hasattr(value, "SerializeToString") else value

    fields = {name: getattr(case, name) for name in asdict(TestCase("", "", None, None, None, None, "", 0, 0))}
    fields["model"] = ModelProto.FromString(case.model.SerializeToString())
    fields["data_sets"] = [tuple([message(v) for v in values] for values in pair) for pair in case.data_sets]
    return TestCase(**fields)


def collect_testcases(op_type: str | None = None) -> list[TestCase]:
    """The cases of one operator, or of all.

    Raises:
        ImportError: the official package, which has the cases, is not installed.
    """
    _official.needed()
    if not _official.stands_in():
        theirs: Any = importlib.import_module("onnx.backend.test.case.node")
        return [_ours(case) for case in theirs.collect_testcases(op_type)]
    global _TargetOpType
    _TargetOpType = op_type
    import_recursive(sys.modules[__name__])
    return _NodeTestCases
