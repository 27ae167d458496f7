"""Programs for the evaluators of both packages, and what it takes to compare their outcomes."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx as official

import sardonyx.compat.onnx as ours
import sardonyx.compat.onnx.reference  # noqa: F401

__all__ = [
    "BOOL",
    "COUNT",
    "ERRORS",
    "FEEDS",
    "I64",
    "STRING",
    "F",
    "Program",
    "X",
    "agree",
    "branch",
    "calling",
    "chain",
    "evaluate",
    "floats",
    "infos",
    "linked",
    "model",
    "near",
    "official_name",
    "outcome",
    "plain",
    "raises",
]


Program = Callable[[Any], Any]

F, I64, BOOL, STRING = 1, 7, 9, 8

ERRORS = {
    "RuntimeTypeError",
    "RuntimeContextError",
    "RuntimeImplementationError",
    "ShapeAnnotationError",
    "SchemaError",
}


def official_name(error: Exception) -> str:
    """The type of an error there; ours may derive from it."""
    kinds = type(error).__mro__
    return next(kind.__name__ for kind in kinds if kind.__module__ == "builtins" or kind.__name__ in ERRORS)


def plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value.SerializeToString() if hasattr(value, "SerializeToString") else value


def near(a: Any, b: Any) -> bool:
    """Equal types, shapes and, up to rounding, elements; text is text, whichever way it is held."""
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(near, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(near(a[k], b[k]) for k in a)
    if not isinstance(a, (np.ndarray, np.generic)):
        return a == b
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.kind in "OU":
        return b.dtype.kind in "OU" and a.tolist() == b.tolist()
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind in "iub":
        return np.array_equal(a, b)
    return np.allclose(a.astype(np.complex128), b.astype(np.complex128), rtol=1e-4, atol=1e-6, equal_nan=True)


def outcome(program: Program, o: Any) -> tuple[Any, str]:
    """What a program gives, or the type of what it raises, and what it prints."""
    for name in ("reference", "reference.op_run", "reference.ops", "reference.ops._op_list"):
        importlib.import_module(f"{o.__name__}.{name}")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            result = plain(program(o))
        except Exception as error:
            result = ["raises", official_name(error)]
    return result, printed.getvalue()


def agree(program: Program) -> Any:
    (found, said), (wanted, should_say) = outcome(program, ours), outcome(program, official)
    assert near(wanted, found), f"{found} is not {wanted}"
    assert said == should_say
    return found


def raises(found: Any) -> bool:
    return isinstance(found, list) and len(found) == 2 and isinstance(found[0], str) and found[0] == "raises"


def infos(o: Any, names: str, kind: int = F) -> list[Any]:
    return [o.helper.make_tensor_value_info(name, kind, None) for name in names.split()]


def model(
    o: Any,
    nodes: Any,
    inputs: str,
    outputs: str,
    *,
    opset: int = 18,
    opsets: Mapping[str, int] | None = None,
    inits: Any = (),
    **kwargs: Any,
) -> Any:
    h = o.helper
    graph = h.make_graph(nodes, "g", infos(o, inputs), infos(o, outputs), list(inits))
    imports = [h.make_opsetid(d, v) for d, v in {"": opset, **(opsets or {})}.items()]
    return h.make_model(graph, opset_imports=imports, ir_version=9, **kwargs)


def evaluate(o: Any, proto: Any, feeds: Mapping[str, Any], wanted: Any = None, **kwargs: Any) -> Any:
    return o.reference.ReferenceEvaluator(proto, **kwargs).run(wanted, dict(feeds))


def floats(*shape: int, seed: int = 0) -> Any:
    return np.random.RandomState(seed).randn(*shape).astype(np.float32)


X = floats(2, 3)

COUNT = np.arange(6, dtype=np.float32).reshape(2, 3)


def chain(o: Any, **kwargs: Any) -> Any:
    h = o.helper
    nodes = [
        h.make_node("Add", ["a", "b"], ["c"]),
        h.make_node("Sub", ["b", "w"], ["d"]),
        h.make_node("Mul", ["c", "d"], ["e"]),
    ]
    return model(o, nodes, "a b", "e", inits=[h.make_tensor("w", F, [3], [1, 2, 3])], **kwargs)


FEEDS = {"a": COUNT, "b": COUNT + 1}


def linked(o: Any, node: Any, name: str, kind: int, ref: str | None = None) -> Any:
    node.attribute.append(
        o.helper.make_attribute_ref(name, kind)
        if ref is None
        else o.AttributeProto(name=name, type=kind, ref_attr_name=ref)
    )
    return node


def calling(o: Any) -> Any:
    """y = |f(x)| where f calls g: a linear map whose bias is the call's."""
    h = o.helper
    constant = linked(o, h.make_node("Constant", [], ["b"]), "value", o.AttributeProto.TENSOR, "bias")
    opsets = [h.make_opsetid("", 18), h.make_opsetid("custom", 1)]
    g = h.make_function(
        "custom", "plus", ["x"], ["y"], [constant, h.make_node("Add", ["x", "b"], ["y"])], opsets, ["bias"]
    )
    call = linked(o, h.make_node("plus", ["xa"], ["y"], domain="custom"), "bias", o.AttributeProto.TENSOR)
    f = h.make_function(
        "custom", "line", ["x", "a"], ["y"], [h.make_node("MatMul", ["x", "a"], ["xa"]), call], opsets, ["bias"]
    )
    nodes = [
        h.make_node("line", ["x", "a"], ["z"], domain="custom", bias=h.make_tensor("t", F, [1], [0.67])),
        h.make_node("Abs", ["z"], ["y"]),
    ]
    return model(o, nodes, "x a", "y", opsets={"custom": 1}, functions=[g, f])


def branch(o: Any, output: str, op: str, inputs: list[str], **attrs: Any) -> Any:
    return o.helper.make_graph([o.helper.make_node(op, inputs, [output], **attrs)], output, [], infos(o, output))
