"""One node of com.microsoft, by its reference and by onnxruntime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from sardonyx import io
from sardonyx.check import check
from sardonyx.evaluate import evaluate
from sardonyx.infer import infer
from sardonyx.ir import Model

__all__ = ["both", "compare", "evaluated", "floats", "node", "whole"]


def floats(*shape: int, seed: int = 0, scale: float = 1.0) -> Any:
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def whole(kind: str, *shape: int, seed: int = 0) -> Any:
    """Random integers over the whole range of a type."""
    limits = np.iinfo(kind)
    return np.random.default_rng(seed).integers(limits.min, limits.max, shape, kind, endpoint=True)


def node(
    op: str, inputs: Sequence[Any], outputs: int | Sequence[bool] = 1, domain: str = "com.microsoft", **attrs: Any
) -> tuple[Model, bytes, dict[str, Any]]:
    """A model of one node, its bytes, and what it takes. None stands for an absent input, False for an absent output."""
    names = [f"x{i}" if x is not None else "" for i, x in enumerate(inputs)]
    feeds = {n: np.asarray(x) for n, x in zip(names, inputs, strict=True) if n}
    wanted = [True] * outputs if isinstance(outputs, int) else list(outputs)
    results = [f"y{i}" if use else "" for i, use in enumerate(wanted)]
    infos = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in feeds.items()
    ]
    graph = helper.make_graph(
        [helper.make_node(op, names, results, domain=domain, **attrs)], "g", infos,
        [onnx.ValueInfoProto(name=n) for n in results if n],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    data = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    return io.from_bytes(data), data, feeds


def evaluated(op: str, inputs: Sequence[Any], outputs: int | Sequence[bool] = 1, **attrs: Any) -> list[Any]:
    """What the reference gives, for operators that onnxruntime knows and has no kernel of on CPUs."""
    model, _, feeds = node(op, inputs, outputs, **attrs)
    return evaluate(model, feeds)


def both(op: str, inputs: Sequence[Any], outputs: int | Sequence[bool] = 1, **attrs: Any) -> list[tuple[Any, Any]]:
    """What the reference gives and what onnxruntime gives; shapes and types are as inference says."""
    ort = pytest.importorskip("onnxruntime", reason="its results are what is compared with")
    model, data, feeds = node(op, inputs, outputs, **attrs)
    facts = infer(model)
    facts.annotate()
    check(model)
    ours = evaluate(model, feeds)
    for value, found in zip(model.graph.outputs, ours, strict=True):
        kind: Any = facts.type(value)
        assert kind.dtype.numpy == found.dtype
        if kind.shape is not None:
            assert all(not isinstance(d, int) or d == e for d, e in zip(kind.shape, found.shape, strict=True))
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    theirs = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"]).run(None, feeds)
    return list(zip(ours, theirs, strict=True))


def compare(
    op: str, inputs: Sequence[Any], outputs: int | Sequence[bool] = 1, *, rtol: float = 1e-5, atol: float = 1e-5,
    steps: int = 0, **attrs: Any,
) -> None:  # fmt: skip
    """The same types and shapes, and values that differ by rounding; `steps`: by how much integers may."""
    for ours, theirs in both(op, inputs, outputs, **attrs):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        if ours.dtype.kind == "f":
            np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)
        elif steps:
            difference = np.abs(ours.astype(int) - theirs.astype(int))
            assert difference.max(initial=0) <= steps
            assert (difference != 0).mean() < 0.05
        else:
            np.testing.assert_array_equal(ours, theirs)
