"""Models for the checker's tests, built with the official helper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from sardonyx import io
from sardonyx.ir import Model

FLOAT = TensorProto.FLOAT
node = helper.make_node
relu = node("Relu", ["x"], ["y"])


def info(name: str, shape: Sequence[Any] | None = (2, 3), kind: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def tensor(name: str, values: Any, kind: int = FLOAT, shape: Sequence[int] | None = None) -> onnx.TensorProto:
    array = np.asarray(values)
    return helper.make_tensor(name, kind, array.shape if shape is None else shape, array.reshape(-1))


def subgraph(
    nodes: Sequence[onnx.NodeProto], outputs: Sequence[str] = ("s",), inputs: Sequence[str] = (), name: str = "b"
) -> onnx.GraphProto:
    return helper.make_graph(nodes, name, [info(i) for i in inputs], [info(o) for o in outputs])


def model(
    *nodes: onnx.NodeProto,
    inputs: Sequence[Any] = ("x",),
    outputs: Sequence[Any] = ("y",),
    init: Sequence[onnx.TensorProto] = (),
    opsets: dict[str, int] | None = None,
    ir: int = 10,
    name: str = "g",
    functions: Sequence[onnx.FunctionProto] = (),
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        name,
        [info(i) if isinstance(i, str) else i for i in inputs],
        [info(o) if isinstance(o, str) else o for o in outputs],
        list(init),
    )
    imports = [helper.make_opsetid(d, v) for d, v in ({"": 20} if opsets is None else opsets).items()]
    return helper.make_model(graph, opset_imports=imports, ir_version=ir, functions=functions)


def function(
    *nodes: onnx.NodeProto,
    inputs: Sequence[str] = ("a",),
    outputs: Sequence[str] = ("b",),
    attributes: Sequence[str] = (),
    opsets: dict[str, int] | None = None,
    name: str = "F",
) -> onnx.FunctionProto:
    imports = [helper.make_opsetid(d, v) for d, v in ({"": 20, "f": 1} if opsets is None else opsets).items()]
    return helper.make_function("f", name, list(inputs), list(outputs), list(nodes), imports, list(attributes))


def referring(node: onnx.NodeProto, attribute: str, to: str) -> onnx.NodeProto:
    """`node` with a float attribute that refers to an attribute of the function around it."""
    node.attribute.append(onnx.AttributeProto(name=attribute, type=onnx.AttributeProto.FLOAT, ref_attr_name=to))
    return node


def read(proto: onnx.ModelProto) -> Model:
    return io.from_bytes(proto.SerializeToString())
