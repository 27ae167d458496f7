"""Attention put together from its pieces, in the forms of exporters, with rows that may look at nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sardonyx.core.dims import symbol
from sardonyx.core.dtypes import BOOL, FLOAT32
from sardonyx.evaluate import evaluate
from sardonyx.ir import Model, TensorType
from sardonyx.passes import optimize
from tests.passes.models import counts, model_of

N, S = symbol("n"), symbol("s")
HEADS, WIDTH = 2, 4
QKV = {name: TensorType(FLOAT32, (N, S, HEADS * WIDTH)) for name in "qkv"}
KEEP = TensorType(BOOL, (N, 1, S, S))
LOWEST = np.finfo(np.float32).min
SCALE = np.float32(1 / np.sqrt(WIDTH))


def heads(g: Any, x: Any) -> Any:
    return g.Transpose(g.Reshape(x, np.array([0, 0, HEADS, WIDTH])), perm=[0, 2, 1, 3])


def merged(g: Any, y: Any) -> Any:
    return g.Reshape(g.Transpose(y, perm=[0, 2, 1, 3]), np.array([0, 0, HEADS * WIDTH]))


def scores_divided(g: Any, q: Any, k: Any) -> Any:
    return g.Div(g.MatMul(heads(g, q), g.Transpose(heads(g, k), perm=[0, 1, 3, 2])), np.float32(np.sqrt(WIDTH)))


def scores_with_scaled_query(g: Any, q: Any, k: Any) -> Any:
    stored = g.Transpose(g.Reshape(k, np.array([0, 0, HEADS, WIDTH])), perm=[0, 2, 3, 1])
    return g.MatMul(g.Mul(heads(g, q), SCALE), stored)


def scores_with_roots(g: Any, q: Any, k: Any) -> Any:
    root = np.sqrt(SCALE)
    return g.MatMul(g.Mul(heads(g, q), root), g.Mul(g.Transpose(heads(g, k), perm=[0, 1, 3, 2]), root))


def scores_of_flattened_keys(g: Any, q: Any, k: Any) -> Any:
    """As torch.onnx writes them: the last two axes are swapped in rank 3."""
    flat = g.Reshape(
        heads(g, k), g.Concat(np.array([-1]), g.Gather(g.Shape(k), np.array([1])), np.array([WIDTH]), axis=0)
    )
    shape = g.Concat(
        g.Gather(g.Shape(k), np.array([0])), np.array([HEADS, WIDTH]), g.Gather(g.Shape(k), np.array([1])), axis=0
    )
    return g.MatMul(g.Mul(heads(g, q), SCALE), g.Reshape(g.Transpose(flat, perm=[0, 2, 1]), shape))


def unmasked(g: Any, scores: Any, keep: Any) -> Any:
    return g.Softmax(g.Add(scores, g.Mul(g.Cast(keep, to=1), np.float32(0))), axis=-1)


def guarded(g: Any, scores: Any, keep: Any) -> Any:
    weights = g.Softmax(g.Add(scores, g.Where(keep, np.float32(0), np.float32(-np.inf))), axis=-1)
    return g.Where(g.IsNaN(weights), np.float32(0), weights)


def lowest_added(g: Any, scores: Any, keep: Any) -> Any:
    return g.Softmax(g.Add(scores, g.Where(keep, np.float32(0), LOWEST)), axis=-1)


def lowest_chosen(g: Any, scores: Any, keep: Any) -> Any:
    return g.Softmax(g.Where(keep, scores, LOWEST), axis=-1)


def lowest_chosen_elsewhere(g: Any, scores: Any, keep: Any) -> Any:
    return g.Softmax(g.Where(g.Not(keep), LOWEST, scores), axis=-1)


SCORES = [scores_divided, scores_with_scaled_query, scores_with_roots, scores_of_flattened_keys]
MASKS = [unmasked, guarded, lowest_added, lowest_chosen, lowest_chosen_elsewhere]


def attending(scores: Callable[..., Any], mask: Callable[..., Any]) -> Model:
    return model_of(
        lambda g, q, k, v, keep: merged(g, g.MatMul(mask(g, scores(g, q, k), keep), heads(g, v))), **QKV, keep=KEEP
    )


def given(batch: int, length: int, keep: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    feeds = {n: rng.standard_normal((batch, length, HEADS * WIDTH)).astype(np.float32) for n in "qkv"}
    return {**feeds, "keep": np.broadcast_to(keep, (batch, 1, length, length)).copy()}


@pytest.mark.parametrize("scores", SCORES)
@pytest.mark.parametrize("mask", MASKS)
def test_forms_of_exporters(scores: Callable[..., Any], mask: Callable[..., Any]) -> None:
    model = attending(scores, mask)
    after = optimize(model)
    assert counts(after)["Attention"] == 1 and "Softmax" not in counts(after), counts(after)
    nobody = np.tril(np.ones((6, 6), bool), -1)  # the first query may look at nothing
    for keep in (np.ones((6, 6), bool), np.tril(np.ones((6, 6), bool)), nobody):
        feeds = given(3, 6, keep)
        for old, new in zip(evaluate(model, feeds), evaluate(after, feeds), strict=True):
            np.testing.assert_allclose(new, old, rtol=2e-5, atol=2e-5)


def test_a_row_that_may_look_at_nothing_is_defined_without_a_guard_too() -> None:
    def bare(g: Any, scores: Any, keep: Any) -> Any:
        return g.Softmax(g.Where(keep, scores, np.float32(-np.inf)), axis=-1)

    model = attending(scores_divided, bare)
    feeds = given(1, 4, np.tril(np.ones((4, 4), bool), -1))
    (old,), (new,) = evaluate(model, feeds), evaluate(optimize(model), feeds)
    assert np.isnan(old[0, 0]).all() and (new[0, 0] == 0).all()
    np.testing.assert_allclose(new[0, 1:], old[0, 1:], rtol=2e-5, atol=2e-5)


def test_a_large_but_finite_penalty_is_kept_as_a_choice_where_a_row_may_be_empty() -> None:
    def penalty(g: Any, scores: Any, keep: Any) -> Any:
        return g.Softmax(g.Where(keep, scores, np.float32(-1e4)), axis=-1)

    assert "Attention" not in counts(optimize(attending(scores_divided, penalty)))


def test_shared_heads_stay_shared() -> None:
    def build(g: Any, q: Any, k: Any, v: Any) -> Any:
        def repeated(x: Any) -> Any:
            one = g.Transpose(g.Reshape(x, np.array([0, 0, 1, 2 * WIDTH // 2])), perm=[0, 2, 1, 3])
            wide = g.Expand(g.Unsqueeze(one, np.array([2])), np.array([1, 1, HEADS, 1, 1]))
            shape = g.Concat(
                g.Gather(g.Shape(x), np.array([0])),
                np.array([HEADS]),
                g.Gather(g.Shape(x), np.array([1])),
                np.array([WIDTH]),
                axis=0,
            )
            return g.Reshape(wide, shape)

        scores = g.Mul(g.MatMul(heads(g, q), g.Transpose(repeated(k), perm=[0, 1, 3, 2])), SCALE)
        return g.MatMul(g.Softmax(scores, axis=-1), repeated(v))

    narrow = TensorType(FLOAT32, (N, S, WIDTH))
    model = model_of(build, q=QKV["q"], k=narrow, v=narrow)
    after = optimize(model)
    assert counts(after)["Attention"] == 1 and "Expand" not in counts(after), counts(after)
    rng = np.random.default_rng(0)
    feeds = {v.name: rng.standard_normal((2, 5, v.shape[-1])).astype(np.float32) for v in model.graph.inputs}
    for old, new in zip(evaluate(model, feeds), evaluate(after, feeds), strict=True):
        np.testing.assert_allclose(new, old, rtol=2e-5, atol=2e-5)


def test_a_causal_mask_made_of_ranges_becomes_the_attribute() -> None:
    def build(g: Any, q: Any, k: Any, v: Any) -> Any:
        length = g.Gather(g.Shape(q), np.int64(1))
        places = g.Range(np.int64(0), length, np.int64(1))
        keep = g.GreaterOrEqual(g.Unsqueeze(places, np.array([1])), places)
        bias = g.Where(keep, np.float32(0), np.float32(-np.inf))
        return g.MatMul(g.Softmax(g.Add(scores_divided(g, q, k), bias), axis=-1), heads(g, v))

    model = model_of(build, **QKV)
    after = optimize(model)
    (attention,) = [n for n in after.graph.nodes if n.op_type == "Attention"]
    assert attention.attr("is_causal") == 1 and len(attention.inputs) == 3
    assert "Range" not in counts(after)
    feeds = {k: v for k, v in given(2, 5, np.ones((5, 5), bool)).items() if k != "keep"}
    for old, new in zip(evaluate(model, feeds), evaluate(after, feeds), strict=True):
        np.testing.assert_allclose(new, old, rtol=2e-5, atol=2e-5)
