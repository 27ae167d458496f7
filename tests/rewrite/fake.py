"""Facts about a small made-up world of operators, enough to test rewriting by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core.errors import ShapeError
from sardonyx.ir import Attr, Graph, Node, Tensor, TensorType, Type, Value

COMMUTATIVE = {"Add", "Mul"}
DEFAULTS = {("Softmax", "axis"): -1, ("Gemm", "alpha"): 1.0}


class FakeFacts:
    """Types follow the first input; Add refuses two different lengths."""

    def __init__(self) -> None:
        self.types: dict[Value, Type | None] = {}

    def commutative(self, node: Node) -> bool:
        return node.op_type in COMMUTATIVE

    def default(self, node: Node, name: str) -> Any:
        return DEFAULTS.get((node.op_type, name))

    def attribute(self, domain: str, op_type: str, name: str, value: Any) -> Attr:
        return value if isinstance(value, Attr) else Attr.of(name, value)

    def constant(self, value: Value) -> np.ndarray | None:
        return value.const.numpy() if isinstance(value.const, Tensor) else None

    def type(self, value: Value) -> Type | None:
        return self.types.get(value, value.type)

    def ints(self, value: Value) -> None:
        return None

    def settle(self, node: Node) -> None:
        kinds = [self.type(v) for v in node.inputs if v is not None]
        shapes = {k.shape for k in kinds if isinstance(k, TensorType) and k.shape}
        if node.op_type == "Add" and len(shapes) > 1:
            raise ShapeError("lengths differ")
        for value in node.outputs:
            self.types[value] = kinds[0] if kinds else None

    def equate(self, old: Value, new: Value) -> None:
        self.types[new] = self.type(old)


def text(graph: Graph) -> str:
    """The nodes of a graph, one a line."""
    lines: list[str] = []
    for n in graph.nodes:
        attrs = "".join(f" {k}={a.value}" for k, a in n.attrs.items())
        ins = ", ".join(
            "_" if v is None else v.name if v.const is None else str(v.const.numpy().tolist()) for v in n.inputs
        )
        lines.append(f"{','.join(v.name for v in n.outputs)} = {n.op_type}({ins}){attrs}")
    return "\n".join([*lines, "-> " + ", ".join(v.name for v in graph.outputs)])


def graph_of(lines: str, kind: TensorType) -> Graph:
    """The graph that `text` would print: unknown names are inputs, numbers are constants."""
    graph = Graph("g")
    known: dict[str, Value] = {}

    def value(name: str) -> Value | None:
        if name == "_":
            return None
        if name not in known:
            if name[0].isdigit() or name[0] in "-.":
                known[name] = graph.add_initializer(Tensor(np.array(name, np.float32)), f"c{name}")
            else:
                known[name] = graph.add_input(Value(name, kind))
        return known[name]

    for line in lines.strip().splitlines():
        left, right = (part.strip() for part in line.split(" = "))
        op, rest = right.split("(", 1)
        inside, tail = rest.rsplit(")", 1)
        inputs = [value(n.strip()) for n in inside.split(",") if n.strip()]
        attrs = {k: eval(v) for k, v in (pair.split("=") for pair in tail.split())}
        outputs = [Value(n, kind) for n in left.split(",")]
        known.update((v.name, v) for v in outputs)
        graph.append(Node(op, inputs, outputs, attrs, name=f"n_{outputs[0].name}"))
        last = outputs
    graph.outputs = list(last)
    return graph
