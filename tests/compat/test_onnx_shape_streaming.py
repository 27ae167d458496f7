"""States carried from call to call, turned positions, written caches: both packages say the same of them."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.compat import test_onnx_shape_refusals as refusals
from tests.compat.test_onnx_shape_refusals import model

NEWEST = 28


def both(text: str, **modes: bool) -> Any:
    """What both packages say of a model, in which no attributes at all are no list of attributes."""
    return refusals.both(text.replace("<>", ""), **modes)


def strict(inputs: str, body: str) -> None:
    both(model(inputs, body, version=NEWEST), strict=True)


LINEAR = '{outputs} = LinearAttention<{heads}, update_rule = "{rule}">(q, k, v{more})'
TWO = "q_num_heads = 2, kv_num_heads = 2"
PACKED = ("[2, 3, 8]", "[B, T, D]", "[2, 4, 8]", "[2, 3, 9]", "[?, 3, 12]", "[2, 3]", "[]")


@pytest.mark.parametrize("query", PACKED)
def test_linear_operands(query: str) -> None:
    for key, value in itertools.product(PACKED, repeat=2):
        for heads in (TWO, "q_num_heads = 4, kv_num_heads = 2"):
            inputs = f"float{query} q, float{key} k, float{value} v"
            strict(inputs, LINEAR.format(outputs="y, s", heads=heads, rule="linear", more=""))


@pytest.mark.parametrize(
    "heads",
    [
        "scale = 1.0",
        "q_num_heads = 2",
        "kv_num_heads = 2",
        "q_num_heads = 3, kv_num_heads = 2",
        "q_num_heads = 0, kv_num_heads = 2",
        "q_num_heads = 2, kv_num_heads = -1",
    ],
)
def test_linear_heads(heads: str) -> None:
    for query, rule, outputs in itertools.product(("[2, 3, 8]", "[2, 3]"), ("linear", "gated", "other"), ("y, s", "y")):
        strict(
            f"float{query} q, float{query} k, float[] v",
            LINEAR.format(outputs=outputs, heads=heads, rule=rule, more=""),
        )


@pytest.mark.parametrize("rule", ["linear", "gated", "delta", "gated_delta"])
def test_linear_gates(rule: str) -> None:
    gates = ("[2, 3, 8]", "[2, 3, 2]", "[2, 3, 1]", "[3, 3, 2]", "[B, T, G]", "[2, 3]", "[]")
    for decay, beta, operands in itertools.product(gates, gates, ("[2, 3, 8]", "[]")):
        inputs = f"float{operands} q, float{operands} k, float{operands} v, float{decay} d, float{beta} b"
        for more in (", , d, b", ", , d", ", , , b"):
            if more == ", , d, b" or decay == beta:
                strict(inputs, LINEAR.format(outputs="y, s", heads=TWO, rule=rule, more=more))


@pytest.mark.parametrize("past", ["[2, 2, 4, 4]", "[3, 2, 4, 4]", "[B, H, K, V]", "[2, 3, 5, 6]", "[2, 2, 4]", "[]"])
def test_linear_states(past: str) -> None:
    for operands, kind, outputs in itertools.product(
        ("[2, 3, 8]", "[B, T, D]", "[]"), ("float", "double"), ("y, s", "y", ", s")
    ):
        inputs = f"float{operands} q, float{operands} k, float{operands} v, {kind}{past} p"
        strict(inputs, LINEAR.format(outputs=outputs, heads=TWO, rule="linear", more=", p"))


# -- convolution -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("images", ["[2, 4, 8]", "[B, C, L]", "[2, 4]", "[]"])
def test_causal_convolutions(images: str) -> None:
    kernels = ("[4, 1, 3]", "[D, 1, K]", "[4, 2, 3]", "[4, 1, 0]", "[5, ?, 1]", "[4, 1]", "[]")
    for kernel, bias, past in itertools.product(
        kernels, ("[4]", "[F]", "[]"), ("[2, 4, 2]", "[G, H, P]", "[2, 4]", "[]")
    ):
        inputs = f"float{images} x, float{kernel} w, float{bias} b, double{past} p"
        for operands in ("x, w", "x, w, b, p", "x, w, , p"):
            strict(inputs, f"y, s = CausalConvWithState({operands})")


@pytest.mark.parametrize("outputs", ["y, s", "y", ", s"])
def test_activations(outputs: str) -> None:
    for name in ("none", "silu", "swish", "relu"):
        strict("float[2, 4, 8] x, float[4, 1, 3] w", f'{outputs} = CausalConvWithState<activation = "{name}">(x, w)')


# -- positions and caches --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("x", ["[2, 6, 32]", "[2, 4, 6, 8]", "[B, S, D]", "[2, 6]", "[]"])
def test_turned(x: str) -> None:
    for flags in ("", "num_heads = 0", "num_heads = 5", "rotary_embedding_dim = 3"):
        for cache in ("[50, 4]", "[2, 6, 3]", "[]"):
            inputs = f"float{x} x, float{cache} c, int64[2, 6] p"
            strict(inputs, f"y = RotaryEmbedding<{flags}>(x, c, c, p)")


@pytest.mark.parametrize("cache", ["[2, 2, 8, 4]", "[B, H, S, D]", "[2, 8]", "[8]", "", "[]"])
def test_written(cache: str) -> None:
    updates = ("[2, 2, 1, 4]", "[3, 2, 9, 4]", "[X, Y, Z, W]", "[2, 1]", "[1]", "[]")
    for update, axis in itertools.product(updates, ("", "axis = -3", "axis = 0", "axis = 3", "axis = -9", "axis = 1")):
        inputs = f"float{cache} c, float{update} u"
        strict(inputs, f"y = TensorScatter<{axis}>(c, u)")
    for update, indices in itertools.product(updates, ("[2]", "[3]", "[N]", "[2, 1]", "[]")):
        strict(f"float{cache} c, float{update} u, int64{indices} i", "y = TensorScatter(c, u, i)")
