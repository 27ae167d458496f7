"""Inference on every official one-node case: never weaker than the official one, and right for symbolic extents."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import shape_inference
from onnx.shape_inference import InferenceError

from sardonyx.core.dims import evaluate, free_symbols
from sardonyx.infer import infer, infer_shapes
from sardonyx.io import from_bytes
from sardonyx.ir import TensorType
from tests.ops.test_backend_cases import cases, plain

WRONG = {  # what the official package says of these contradicts the case's own output
    "test_stft": "counts the bins of a onesided transform as if it were whole",
    "test_stft_with_window": "counts the bins of a onesided transform as if it were whole",
}
SHORT = 32  # elements of an input that is made a constant, for both to look into


def opened(case: Any) -> Any:
    """The case's model with its short numeric inputs made constants, and no shapes declared for its outputs."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph = model.graph
    for value, feed in zip(list(graph.input), case.data_sets[0][0], strict=True):
        plain = isinstance(feed, np.ndarray) and feed.dtype.kind in "iuf" and feed.dtype.itemsize >= 4
        if plain and feed.ndim <= 1 and feed.size <= SHORT:
            graph.initializer.append(onnx.numpy_helper.from_array(feed, value.name))
            graph.input.remove(value)
    for output in graph.output:
        if output.type.HasField("tensor_type"):
            output.type.tensor_type.ClearField("shape")
    return model


def official_shape(value: Any) -> list[int | None] | None:
    kind = value.type
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return None
    return [d.dim_value if d.HasField("dim_value") else None for d in kind.tensor_type.shape.dim]


@pytest.mark.parametrize("case", cases(), ids=lambda c: c.name)
def test_every_extent_the_official_package_knows_is_known(case: Any) -> None:
    model = opened(case)
    try:
        official = shape_inference.infer_shapes(model, data_prop=True, strict_mode=True)
    except InferenceError:
        return  # it refuses some cases of its own
    ours = infer_shapes(from_bytes(model.SerializeToString()))
    for theirs, mine, truth in zip(official.graph.output, ours.graph.outputs, plain(case.data_sets[0][1]), strict=True):
        wanted = official_shape(theirs)
        if wanted is None:
            continue
        assert isinstance(mine.type, TensorType) and mine.type.shape is not None and len(mine.type.shape) == len(wanted)
        for w, m, extent in zip(wanted, mine.type.shape, truth.shape, strict=True):
            assert w is None or w == m or w != extent  # it is wrong about STFT with one side


def named(model: Any) -> None:
    """Give every extent above 1 of the graph's inputs a name that says it: n3 for 3."""
    for value in model.graph.input:
        if value.type.HasField("tensor_type"):
            for d in value.type.tensor_type.shape.dim:
                if d.dim_value > 1:
                    d.dim_param = f"n{d.dim_value}"


@pytest.mark.parametrize("case", cases(), ids=lambda c: c.name)
def test_what_is_said_of_symbols_holds_for_their_numbers(case: Any) -> None:
    model = opened(case)
    named(model)
    ours = infer(from_bytes(model.SerializeToString()))
    for mine, truth in zip(ours.model.graph.outputs, plain(case.data_sets[0][1]), strict=True):
        shape = ours.shape(mine)
        if shape is None or not isinstance(truth, np.ndarray):
            continue
        assert len(shape) == truth.ndim
        for d, extent in zip(shape, truth.shape, strict=True):
            names = frozenset[str]() if d is None else free_symbols(d)
            if d is not None and all(re.fullmatch(r"n\d+", n) for n in names):
                assert evaluate(d, {n: int(n[1:]) for n in names}) == extent
