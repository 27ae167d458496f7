"""float16 and bfloat16: native, rounded where the references round, and joined with what comes before and after."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from sardonyx.engine.prepare import prepare
from sardonyx.engine.session import Session
from sardonyx.evaluate import evaluate
from tests.engine.oracle import LEVELS, calls, floats, parse, run

KINDS: dict[str, Any] = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
MODELS: dict[str, tuple[str, list[tuple[int, ...]]]] = {
    "a dense layer": ("({k}[N,8] x, {k}[8,5] w, {k}[5] b) => (y) { a = MatMul(x, w) c = Add(a, b) y = Gelu(c) }",
                      [(3, 8), (8, 5), (5,)]),
    "softmax, moved": ("({k}[N,8] x) => (y) { a = Softmax(x) b = Tanh(a) y = Transpose(b) }", [(3, 8)]),
    "a normalization": ("({k}[N,8] x, {k}[8] s, {k}[8] b) => (y) { y = LayerNormalization(x, s, b) }", [(3, 8), (8,), (8,)]),
    "a convolution": ("({k}[1,4,6,6] x, {k}[5,4,3,3] w) => (y, z) "
                      "{ c = Conv<pads = [1, 1, 1, 1]>(x, w) y = Relu(c) z = ReduceMean<keepdims = 0>(y) }",
                      [(1, 4, 6, 6), (5, 4, 3, 3)]),
    "attention": ("({k}[2,3,4,8] q, {k}[2,3,5,8] p, {k}[2,3,5,8] v) => (y) { y = Attention(q, p, v) }",
                  [(2, 3, 4, 8), (2, 3, 5, 8), (2, 3, 5, 8)]),
    "reductions": ("({k}[4,6] x) => (y) { a = Mul(x, x) b = ReduceSum(a) c = Sqrt(b) y = Div(x, c) }", [(4, 6)]),
    "read twice": ("({k}[4,6] x) => (y, z) { a = Exp(x) y = Neg(a) z = Concat<axis = 0>(a, x) }", [(4, 6)]),
    "windows": ("({k}[1,4,6,6] x) => (y) { y = MaxPool<kernel_shape = [2, 2]>(x) }", [(1, 4, 6, 6)]),
    "casts": ("({k}[4,6] x) => (y, z) { y = Cast<to = 1>(x) e = Exp(y) z = CastLike(e, x) }", [(4, 6)]),
}  # fmt: skip


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", MODELS.values(), ids=MODELS)
def test_it_is_native(case: tuple[str, list[tuple[int, ...]]], kind: str, level: str) -> None:
    """Up to one step of the type from the reference, which rounds in other places inside attention and normalizations."""
    body, shapes = case
    model = parse(body.replace("{k}", kind))
    feeds = [floats(*shape, seed=i).astype(KINDS[kind]) for i, shape in enumerate(shapes)]
    step = float(ml_dtypes.finfo(KINDS[kind]).eps)
    native = not (
        kind == "bfloat16" and "Attention" in body
    )  # what rounds inside by such steps is left to its reference
    for got, wanted in zip(run(model, feeds, level, native=native), evaluate(model, feeds), strict=True):
        assert got.dtype == wanted.dtype and got.shape == wanted.shape
        got, wanted = got.astype(np.float64), wanted.astype(np.float64)
        np.testing.assert_allclose(got, wanted, rtol=1.5 * step, atol=1.5 * step * np.abs(wanted).max())


def _error(got: Any, truth: Any) -> float:
    return float(np.abs(got.astype(np.float64) - truth).max())


@pytest.mark.parametrize("written", ["as pieces", "as one"])
def test_attention_of_many_keys_is_native_and_no_worse(written: str) -> None:
    """A sum of shares in bfloat16 would stand still."""
    pieces = "f = Constant<value_float = 0.125>() c = Cast<to = 16>(f) t = Transpose<perm = [0, 1, 3, 2]>(p) s = MatMul(q, t) m = Mul(s, c) w = Softmax(m) y = MatMul(w, v)"
    body = {"as pieces": pieces, "as one": "y = Attention<scale = 0.125>(q, p, v)"}[written]
    kind = "bfloat16[1,2,300,64]"
    model = parse(f"({kind} q, {kind} p, {kind} v) => (y) {{ {body} }}")
    feeds = [floats(1, 2, 300, 64, seed=i).astype(ml_dtypes.bfloat16) for i in range(3)]
    wide = parse(
        f"({kind} q, {kind} p, {kind} v) => (y) {{ y = Attention<scale = 0.125>(q, p, v) }}".replace(
            "bfloat16", "double"
        )
    )
    (truth,) = evaluate(wide, [x.astype(np.float64) for x in feeds])
    ((got,), (rounded,)) = run(model, feeds, LEVELS[-1]), evaluate(model, feeds)
    assert _error(got, truth) <= 1.1 * _error(rounded, truth)
    assert _error(got, truth) <= float(ml_dtypes.finfo(ml_dtypes.bfloat16).eps) * np.abs(truth).max()


def test_every_operator_rounds_its_result() -> None:
    """1 + 2**-11 is 1 in float16, so that the difference is 0: sums are not carried on in float32."""
    model = parse("(float16[1] x, float16[1] y) => (z) { a = Add(x, y) z = Sub(a, x) }")
    [z] = Session(model)(np.array([1], np.float16), np.array([2**-11], np.float16))
    assert z.tolist() == [0.0]


def test_casts_join_what_they_are_between() -> None:
    body = "({k}[4,6] x) => (y) { a = Exp(x) b = Neg(a) c = Add(b, x) y = Tanh(c) }"
    assert calls(parse(body.replace("{k}", "float16"))) == calls(parse(body.replace("{k}", "float")))


def test_constants_are_cast_once_and_before() -> None:
    model = parse("(float16[4] x) => (y, z) <float16[4] w = {1, 2, 3, 4}> { y = Mul(x, w) z = Exp(w) }")
    casts = [n for n in prepare(model).graph.nodes if n.op_type == "Cast" and n.inputs[0].const is not None]  # pyright: ignore
    assert casts == []


def test_a_float32_model_is_left_alone() -> None:
    model = parse("(float[4] x) => (y) { y = Exp(x) }")
    assert [n.op_type for n in prepare(model).graph.nodes] == ["Exp"]
