"""Attention: both packages say the same of it, whole or contradictory, with caches and without."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

import sardonyx.compat.onnx as ours
from tests.compat import test_onnx_shape_refusals as refusals
from tests.compat.programs import same
from tests.compat.test_onnx_shape_refusals import model


def both(text: str, **modes: bool) -> Any:
    """What both packages say of a model, in which no attributes at all are no list of attributes."""
    return refusals.both(text.replace("<>", ""), **modes)


HEADS = (
    "",
    "q_num_heads = 2",
    "kv_num_heads = 2",
    "q_num_heads = 4, kv_num_heads = 2",
    "q_num_heads = 3, kv_num_heads = 3",
    "q_num_heads = 0, kv_num_heads = 1",
)
OPERANDS = ("[]", "[2, 5, 32]", "[B, L, D]", "[2, 3, 5, 8]", "[B, H, ?, D]", "[2, 5]")
OUTPUTS = ("y", "y, k1, v1", "y, k1, v1, s", "y, , , s", "y, k1", "y, , v1, s")


@pytest.mark.parametrize("version", [23, 24, 25])
@pytest.mark.parametrize("query", OPERANDS)
def test_queries_keys_and_values(query: str, version: int) -> None:
    for (key, value), heads in itertools.product(itertools.product(OPERANDS, repeat=2), HEADS):
        inputs = f"float{query} q, float{key} k, float{value} v"
        both(model(inputs, f"y, , , s = Attention<{heads}>(q, k, v)", version=version), strict=True)


@pytest.mark.parametrize("version", [23, 24, 25])
@pytest.mark.parametrize("outputs", OUTPUTS)
def test_caches(outputs: str, version: int) -> None:
    packed = ("[2, 5, 32]", "q_num_heads = 4, kv_num_heads = 2")
    for (query, heads), past in itertools.product(
        (packed, ("[2, 3, 5, 8]", ""), ("[B, H, L, D]", ""), ("[]", "")),
        ("[2, 3, 4, 8]", "[B, H, P, D]", "[2, 3, 4]", "[]"),
    ):
        inputs = f"float{query} q, float{past} p, float[2, 3, 9, 7] w, int64[2] n"
        for given in ("", ", , p, w", ", , p", ", , p, p", ", , , , n", ", , p, w, n"):
            if version == 23 and "n" in given:
                continue
            body = f"{outputs} = Attention<{heads}>(q, q, q{given})"
            both(model(inputs, body, version=version), strict=True)


def test_scores_over_a_cache() -> None:
    """The last axis of the scores is as long as the cache has become."""
    inputs = "float[2, 3, 5, 8] q, float[2, 3, 4, 8] p"
    said = ours.ModelProto.FromString(
        both(model(inputs, "y, k, v, s = Attention(q, q, q, , p, p)", version=24), strict=True)
    )
    shapes = {info.name: [d.dim_value for d in info.type.tensor_type.shape.dim] for info in said.graph.value_info}
    assert shapes == {"y": [2, 3, 5, 8], "k": [2, 3, 9, 8], "v": [2, 3, 9, 8], "s": [2, 3, 5, 9]}


@pytest.mark.parametrize("side", ["left", "right"])
def test_windows(side: str) -> None:
    for size, version in itertools.product((-2, -1, 0, 3), (24, 25)):
        body = f"y = Attention<{side}_window_size = {size}>(q, q, q)"
        both(model("float[2, 3, 5, 8] q", body, version=version), strict=True)


@pytest.mark.parametrize(
    "kind", ["seq(float[2, 3, 5, 8])", "optional(float[2, 3, 5, 8])", "seq(float[])", "optional(seq(float[2]))"]
)
def test_operands_that_are_no_tensors(kind: str) -> None:
    for inputs in (f"{kind} q, {{0}} k, {{0}} v", f"{{0}} q, {kind} k, {{0}} v", f"{{0}} q, {{0}} k, {kind} v"):
        both(model(inputs.format("float[2, 3, 5, 8]"), "y = Attention(q, k, v)", version=24), strict=True)


# -- attention between graphs ----------------------------------------------------------------------------------------------

PREVIEW = ', "ai.onnx.preview" : 1'
FLEX = "y = ai.onnx.preview.FlexAttention<{attrs}>(q, k, v)"


@pytest.mark.parametrize("kind", ["float", "double", "float16", "bfloat16", "int32"])
def test_flexible_operands(kind: str) -> None:
    shapes = ("[2, 4, 5, 8]", "[B, 2, S, 8]", "[?, H, S, D]", "[3, 2, 5, 6]", "[2, 4, 5]", "[]")
    for query, key, value in itertools.product(shapes, repeat=3):
        inputs = f"{kind}{query} q, {kind}{key} k, {kind}{value} v"
        both(model(inputs, FLEX.format(attrs=""), imports=PREVIEW), strict=True)
    for precision in (0, 1, 6, 10, 11, 16):
        inputs = f"{kind}[2, 4, 5, 8] q, {kind}[2, 4, 5, 8] k, {kind}[2, 4, 5, 8] v"
        both(model(inputs, FLEX.format(attrs=f"softmax_precision = {precision}"), imports=PREVIEW), strict=True)


def test_flexible_operands_of_two_types() -> None:
    both(model("float[2, 4, 5, 8] q", "y = ai.onnx.preview.FlexAttention(q, q)", imports=PREVIEW), strict=True)
    both(model("float[2, 4, 5, 8] q", "y = ai.onnx.preview.FlexAttention(q, q)", imports=PREVIEW))
    for kinds in itertools.product(("float", "double"), repeat=3):
        inputs = ", ".join(f"{kind}[2, 4, 5, 8] {name}" for kind, name in zip(kinds, "qkv", strict=True))
        both(model(inputs, FLEX.format(attrs=""), imports=PREVIEW), strict=True)


@pytest.mark.parametrize("name", ["score_mod", "prob_mod"])
def test_what_changes_scores(name: str) -> None:
    """It takes one tensor of four axes and gives one like it; what it does not state, nobody checks."""
    tensors = (
        "float[2, 4, 5, 5]",
        "float[B, H, L, S]",
        "float[]",
        "float[2, 4, 5, 6]",
        "float[2, 4]",
        "double[2, 4, 5, 5]",
    )
    for given, made in itertools.product(tensors, repeat=2):
        change = f"{name} = m ({given} a) => ({made} b) {{ b = Relu(a) }}"
        inputs = "float[2, 4, 5, 8] q, float[2, 4, 5, 8] k, float[2, 4, 5, 8] v"
        both(model(inputs, FLEX.format(attrs=change), imports=PREVIEW), strict=True)


@pytest.mark.parametrize(("n_inputs", "n_outputs"), [(0, 1), (2, 1), (1, 0), (1, 2)])
def test_what_changes_more_than_scores(n_inputs: int, n_outputs: int) -> None:
    def program(o: Any) -> Any:
        infos = [o.helper.make_tensor_value_info(n, 1, [2, 4, 5, 8]) for n in "qkv"]
        change = o.helper.make_graph(
            [], "m", [o.ValueInfoProto(name=f"a{i}") for i in range(n_inputs)], [o.ValueInfoProto(name="b")] * n_outputs
        )
        node = o.helper.make_node("FlexAttention", ["q", "k", "v"], ["y"], domain="ai.onnx.preview", score_mod=change)
        imports = [o.helper.make_opsetid("", 25), o.helper.make_opsetid("ai.onnx.preview", 1)]
        stated = o.helper.make_model(o.helper.make_graph([node], "g", infos, []), opset_imports=imports)
        return o.shape_inference.infer_shapes(stated, strict_mode=True)

    same(program)
