"""What differs between two models as they are written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sardonyx.core import dtypes
from sardonyx.ir import Model, SparseTensor, Tensor
from sardonyx.ir.text import print_function, print_node

__all__ = ["Difference", "differences"]


@dataclass(frozen=True)
class Difference:
    """One thing that the models state differently; None where a model does not have it."""

    what: str
    name: str
    first: str | None
    second: str | None


def differences(first: Model, second: Model) -> list[Difference]:
    """Every difference: facts of the model, interface, constants, nodes (by their first output), functions."""
    found: list[Difference] = []
    for (what, one), (_, other) in zip(_facts(first), _facts(second), strict=True):
        for name in dict.fromkeys((*one, *other)):
            if one.get(name) != other.get(name):
                found.append(Difference(what, name, one.get(name), other.get(name)))
    return found


def _facts(model: Model) -> Iterator[tuple[str, Mapping[str, str]]]:
    graph = model.graph
    yield "model", {"IR version": str(model.ir_version), "producer": model.producer, "graph": graph.name}
    yield "opset", {domain or "ai.onnx": str(version) for domain, version in model.opsets.items()}
    yield "metadata", model.metadata
    yield "input", {v.name: str(v.type) for v in graph.inputs}
    yield "output", {v.name: str(v.type) for v in graph.outputs}
    yield "order of inputs", {"": ", ".join(v.name for v in graph.inputs)}
    yield "order of outputs", {"": ", ".join(v.name for v in graph.outputs)}
    yield "constant", {name: _constant(value.const) for name, value in graph.initializers.items()}
    yield "node", {_label(n.outputs): print_node(n, elide=16).strip() for n in graph.nodes}
    yield "function", {f"{f.domain}.{f.name}": print_function(f, elide=16).strip() for f in model.functions.values()}


def _label(outputs: tuple[object, ...]) -> str:
    return next((str(getattr(v, "name", "")) for v in outputs if getattr(v, "name", "")), "")


def _constant(const: Tensor | SparseTensor | None) -> str:
    """The type of a constant and a digest of its bytes."""
    if const is None:
        return "none"
    if isinstance(const, SparseTensor):
        return f"sparse {list(const.shape)} {_constant(const.values)} {_constant(const.indices)}"
    text = const.dtype is dtypes.STRING
    data = repr(const.numpy().tolist()).encode() if text else const.raw()
    return f"{const.dtype}{list(const.shape)} #{hashlib.sha256(data).hexdigest()[:12]}"
