"""New nodes say the same in the words of older versions, or refuse: onnxruntime runs what became of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sardonyx.core.dtypes import BFLOAT16, BOOL, INT4, UINT4
from sardonyx.core.errors import VersionError
from sardonyx.ir import Model, TensorType
from sardonyx.passes import convert_version
from tests.passes.downgrades import c, f, rng, same_in_onnxruntime
from tests.passes.models import model_of, same_results

X = f(2, 3, 4)
QKV = {"q": f(2, 2, 5, 4), "k": f(2, 2, 7, 4), "v": f(2, 2, 7, 3)}
MASK = np.tril(np.ones((5, 7), bool), -1)  # the first query may look at nothing


# what is built, in the newest version; the opset it goes down to; the inputs
CASES: dict[str, tuple[Callable[..., Any], int, dict[str, TensorType]]] = {
    "Gelu": (lambda g, x: g.Gelu(x), 13, {"x": X}),
    "Gelu by tanh": (lambda g, x: g.Gelu(x, approximate="tanh"), 19, {"x": X}),
    "Swish": (lambda g, x: g.Swish(x), 23, {"x": X}),
    "Swish with a slope": (lambda g, x: g.Swish(x, alpha=1.702), 13, {"x": X}),
    "Mish": (lambda g, x: g.Mish(x), 17, {"x": X}),
    "HardSwish": (lambda g, x: g.HardSwish(x), 13, {"x": X}),
    "CastLike": (lambda g, x: g.CastLike(x, np.int32([1])), 14, {"x": X}),
    "LayerNormalization": (lambda g, x: g.LayerNormalization(x, c(4), c(4)), 16, {"x": X}),
    "LayerNormalization of two axes": (
        lambda g, x: g.LayerNormalization(x, c(3, 4), axis=1, epsilon=1e-3),
        13,
        {"x": X},
    ),
    "RMSNormalization": (lambda g, x: g.RMSNormalization(x, c(4)), 22, {"x": X}),
    "RMSNormalization, far": (lambda g, x: g.RMSNormalization(x, c(3, 4), axis=-2), 13, {"x": X}),
    "GroupNormalization": (lambda g, x: g.GroupNormalization(x, c(4), c(4), num_groups=2), 17, {"x": f(2, 4, 3, 3)}),
    "Attention": (lambda g, q, k, v: g.Attention(q, k, v), 22, QKV),
    "Attention, far": (lambda g, q, k, v: g.Attention(q, k, v, scale=0.3), 13, QKV),
    "causal Attention": (lambda g, q, k, v: g.Attention(q, k, v, is_causal=1), 20, QKV),
    "Attention with an empty row": (lambda g, q, k, v: g.Attention(q, k, v, MASK), 17, QKV),
    "Attention with a sum": (lambda g, q, k, v: g.Attention(q, k, v, c(2, 1, 5, 7), is_causal=1), 20, QKV),
    "Attention of rank 3": (
        lambda g, q, k, v: g.Attention(q, k, v, q_num_heads=4, kv_num_heads=2, softcap=2.0),
        17,
        {"q": f(2, 5, 16), "k": f(2, 7, 8), "v": f(2, 7, 6)},
    ),
    "equal Split": (lambda g, x: g.op("Split", x, axis=2, num_outputs=2, outputs=2), 13, {"x": X}),
    "unequal Split": (lambda g, x: g.op("Split", x, axis=1, num_outputs=2, outputs=2), 17, {"x": X}),
    "part of a Shape": (lambda g, x: g.Shape(x, start=1, end=3), 14, {"x": X}),
    "Pad of one axis": (lambda g, x: g.Pad(x, np.array([1, 2]), None, np.array([-1])), 17, {"x": X}),
    "ReduceSum": (lambda g, x: g.ReduceSum(x, np.array([1])), 13, {"x": X}),
    "ReduceMean": (lambda g, x: g.ReduceMean(x, np.array([0, 2]), keepdims=0), 13, {"x": X}),
    "ReduceMax of truth": (lambda g, x: g.ReduceMax(x, np.array([1])), 19, {"x": TensorType(BOOL, (2, 3))}),
    "Softmax": (lambda g, x: g.Softmax(x, axis=1), 13, {"x": X}),
    "BatchNormalization": (lambda g, x: g.BatchNormalization(x, c(3), c(3), c(3), np.abs(c(3))), 13, {"x": X}),
    "Resize": (lambda g, x: g.Resize(x, None, np.float32([1, 1, 2, 2]), mode="linear"), 13, {"x": f(1, 2, 3, 3)}),
    "GridSample": (lambda g, x: g.GridSample(x, np.clip(c(1, 2, 2, 2), -1, 1)), 16, {"x": f(1, 2, 3, 3)}),
    "Reshape": (lambda g, x: g.Reshape(x, np.array([4, -1])), 13, {"x": X}),
    "Conv": (lambda g, x: g.Conv(x, c(2, 3, 3), pads=[1, 1]), 13, {"x": X}),
    "Clip": (lambda g, x: g.Clip(x, np.float32(-0.5), None), 13, {"x": X}),
    "Attention with a cache": (
        lambda g, q, k, v: g.op("Attention", q, k, v, None, c(2, 2, 3, 4), c(2, 2, 3, 3), is_causal=1, outputs=3),
        16,
        QKV,
    ),
    "Attention in a window": (
        lambda g, q, k, v: g.Attention(q, k, v, MASK[:, :6], left_window_size=1, right_window_size=2),
        14,
        QKV,
    ),
    "padded Attention": (
        lambda g, q, k, v: g.Attention(q, k, v, None, None, None, np.array([7, 4]), is_causal=1),
        18,
        QKV,
    ),
    "RotaryEmbedding": (lambda g, x: g.RotaryEmbedding(x, c(1, 3, 2), c(1, 3, 2)), 19, {"x": f(1, 2, 3, 4)}),
    "RotaryEmbedding of a part, interleaved": (
        lambda g, x: g.RotaryEmbedding(
            x, c(9, 1), c(9, 1), np.int64([[1, 5, 8]]), num_heads=2, rotary_embedding_dim=2, interleaved=1
        ),
        13,
        {"x": f(1, 3, 8)},
    ),
    "LinearAttention": (
        lambda g, q, k, v: g.op(
            "LinearAttention",
            q,
            k,
            v,
            None,
            -np.abs(c(2, 3, 2)),
            np.abs(c(2, 3, 2)),
            q_num_heads=4,
            kv_num_heads=2,
            outputs=2,
        ),
        20,
        {"q": f(2, 3, 8), "k": f(2, 3, 4), "v": f(2, 3, 6)},
    ),
    "CausalConvWithState": (
        lambda g, x: g.op("CausalConvWithState", x, c(3, 1, 2), c(3), c(2, 3, 1), activation="silu", outputs=2),
        17,
        {"x": X},
    ),
    "LSTM of batches": (
        lambda g, x: g.op("LSTM", x, c(1, 8, 4), c(1, 8, 2), hidden_size=2, layout=1, outputs=3),
        13,
        {"x": X},
    ),
    "CumProd": (lambda g, x: g.CumProd(x, np.int64(1), exclusive=1, reverse=1), 21, {"x": X}),
    "SwiGLU": (lambda g, x: g.SwiGLU(x, x), 22, {"x": X}),
    "Trilu": (lambda g, x: g.Trilu(x, np.int64(1), upper=0), 13, {"x": X}),
    "bits": (
        lambda g, x: g.Cast(g.BitwiseXor(g.Cast(g.Mul(x, np.float32(99)), to=3), np.int8(-86)), to=1),
        17,
        {"x": X},
    ),
    "a shift of integers": (
        lambda g, x: g.Cast(g.BitShift(g.Cast(g.Mul(x, np.float32(99)), to=6), np.int32(2), direction="RIGHT"), to=1),
        20,
        {"x": X},
    ),
    "TensorScatter": (
        lambda g, x: g.TensorScatter(c(2, 6, 4), x, np.array([1, 5]), axis=1, mode="circular"),
        21,
        {"x": X},
    ),
    "Pad that wraps": (lambda g, x: g.Pad(x, np.array([1, 2]), None, np.array([1]), mode="wrap"), 18, {"x": X}),
    "CenterCropPad": (lambda g, x: g.CenterCropPad(x, np.array([5, 2]), axes=[1, 2]), 15, {"x": X}),
    "DFT": (lambda g, x: g.DFT(x, None, np.int64(1), onesided=1), 16, {"x": f(2, 5, 3, 1)}),
    "DFT and back": (lambda g, x: g.DFT(x, np.int64(6), np.int64(1), inverse=1), 14, {"x": f(2, 5, 2)}),
    "HannWindow": (lambda g, x: g.Mul(x, g.HannWindow(np.int64(4))), 16, {"x": X}),
    "MelWeightMatrix": (
        lambda g, x: g.Mul(
            x, g.MelWeightMatrix(np.int64(4), np.int64(4), np.int64(8000), np.float32(0), np.float32(4000))
        ),
        16,
        {"x": X},
    ),
    "GridSample of a volume": (
        lambda g, x: g.GridSample(x, np.clip(c(1, 2, 2, 2, 3), -1, 1), padding_mode="reflection"),
        19,
        {"x": f(1, 2, 3, 3, 3)},
    ),
    "GridSample, cubic": (
        lambda g, x: g.GridSample(x, np.clip(c(1, 2, 2, 2), -1, 1), mode="cubic", padding_mode="border"),
        13,
        {"x": f(1, 2, 3, 3)},
    ),
    "AffineGrid": (lambda g, x: g.AffineGrid(x, np.array([2, 3, 4, 5])), 19, {"x": f(2, 2, 3)}),
    "DeformConv": (
        lambda g, x: g.DeformConv(x, c(2, 2, 2, 2), c(1, 8, 3, 3), c(2), np.abs(c(1, 4, 3, 3))),
        18,
        {"x": f(1, 2, 4, 4)},
    ),
    "Col2Im": (
        lambda g, x: g.Col2Im(x, np.array([4, 5]), np.array([2, 2]), strides=[1, 2], pads=[0, 1, 0, 1]),
        17,
        {"x": f(2, 12, 9)},
    ),
    "AveragePool with gaps": (
        lambda g, x: g.AveragePool(
            x, kernel_shape=[2, 2], dilations=[2, 2], ceil_mode=1, strides=[2, 2], pads=[1, 1, 1, 1]
        ),
        18,
        {"x": f(1, 2, 6, 7)},
    ),
    "Resize of one axis, antialiased": (
        lambda g, x: g.Resize(x, None, None, np.array([2]), axes=[2], mode="linear", antialias=1),
        17,
        {"x": f(1, 2, 5, 3)},
    ),
    "Resize of one scale": (
        lambda g, x: g.Resize(x, None, None, np.array([7, 8]), axes=[3, 2], keep_aspect_ratio_policy="not_larger"),
        17,
        {"x": f(1, 2, 5, 3)},
    ),
    "ScatterElements, largest": (
        lambda g, x: g.ScatterElements(x, np.array([[[1, 0, 1]], [[1, 1, 1]]]), c(2, 1, 3), axis=1, reduction="max"),
        16,
        {"x": X},
    ),
    "ScatterND, summed": (
        lambda g, x: g.ScatterND(x, np.array([[0, 1], [1, 2], [0, 1]]), c(3, 4), reduction="add"),
        15,
        {"x": X},
    ),
    "LayerNormalization with its mean": (
        lambda g, x: g.op("LayerNormalization", x, c(4), c(4), outputs=3),
        15,
        {"x": X},
    ),
    "BatchNormalization in training": (
        lambda g, x: g.op("BatchNormalization", x, c(3), c(3), c(3), np.abs(c(3)), training_mode=1, outputs=3),
        13,
        {"x": X},
    ),
    "QuantizeLinear to 16 bits": (
        lambda g, x: g.Cast(g.QuantizeLinear(x, np.float32([0.1, 0.2, 0.3]), np.uint16([7, 8, 9]), axis=1), to=1),
        20,
        {"x": X},
    ),
    "SpaceToDepth by column": (lambda g, x: g.SpaceToDepth(x, blocksize=2, mode="CRD"), 22, {"x": f(1, 2, 4, 6)}),
    "Reshape to nothing": (
        lambda g, x: g.Reshape(g.Slice(x, np.array([0]), np.array([0])), np.array([3, 0]), allowzero=1),
        13,
        {"x": X},
    ),
    "ReduceMax of computed axes": (
        lambda g, x: g.ReduceMax(x, g.Sub(g.Shape(g.Shape(x)), np.array([1])), keepdims=0),
        17,
        {"x": X},
    ),
    "If": (
        lambda g, x: g.If(
            g.Greater(g.Gather(g.Reshape(x, np.array([-1])), np.int64(0)), np.float32(0)),
            then_branch=g.body("then", [], lambda b: b.Gelu(x)),
            else_branch=g.body("else", [], lambda b: b.Mish(x)),
        ),
        17,
        {"x": X},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_new_nodes_in_old_words(name: str) -> None:
    build, opset, inputs = CASES[name]
    model = model_of(build, **inputs)
    old = convert_version(model, opset)
    assert old.opset == opset
    same_results(model, old, 2e-5)
    same_in_onnxruntime(model, old)


@pytest.mark.parametrize("name", CASES)
def test_down_and_up_again(name: str) -> None:
    build, opset, inputs = CASES[name]
    model = model_of(build, **inputs)
    same_results(model, convert_version(convert_version(model, opset), model.opset), 2e-5)


def model_with_computed_axes() -> Model:
    return model_of(
        lambda g, x: g.ReduceMean(x, g.Cast(g.Gather(g.Reshape(x, np.array([-1])), np.array([0])), to=7)), x=X
    )


def test_axes_computed_at_run_time_are_looked_for() -> None:
    """Sums take them; what has no sum asks each axis whether it is meant."""
    model = model_with_computed_axes()
    old = convert_version(model, 17)
    same_results(model, old, 2e-5)
    same_in_onnxruntime(model, old)


@pytest.mark.parametrize(
    ("build", "opset", "why"),
    [
        (lambda g, x: g.StringConcat(g.Cast(x, to=8), g.Cast(x, to=8)), 19, "came with opset 20"),
        (lambda g, x: g.BitCast(x, to=6), 25, "reads the bits of float32 as int32"),
        (lambda g, x: g.Cast(g.Cast(x, to=17, saturate=0), to=1), 18, "no float8e4m3fn before opset 19"),
        (lambda g, x: g.Cast(g.Cast(x, to=22), to=1), 20, "no int4 before opset 21"),
        (lambda g, x: g.OptionalGetElement(g.Optional(x)), 14, "may be absent has had a type since opset 15"),
        (
            lambda g, x: g.RoiAlign(g.Unsqueeze(x, np.array([0])), np.float32([[0, 0, 1, 1]]), np.int64([0])),
            15,
            "half a pixel",
        ),
    ],
)
def test_what_cannot_be_said_is_refused(build: Callable[..., Any], opset: int, why: str) -> None:
    with pytest.raises(VersionError, match="cannot be expressed") as caught:
        convert_version(model_of(build, x=X), opset)
    assert why in str(caught.value.why)


def test_types_that_came_later_go_through_others() -> None:
    model = model_of(lambda g, x: g.Conv(x, g.Cast(c(2, 3, 3), to=16)), x=TensorType(BFLOAT16, (2, 3, 4)))
    old = convert_version(model, 21)
    assert {n.attr("to") for n in old.graph.nodes if n.op_type == "Cast"} == {1, 16}
    same_results(model, old, 1e-2)


@pytest.mark.parametrize("kind", [INT4, UINT4])
def test_weights_of_four_bits_lie_in_bytes(kind: Any) -> None:
    """Constants need not keep their type: the same numbers in bytes, with one scale for each block."""
    weights = rng.integers(0, 8, (8, 6)).astype(kind.numpy)
    model = model_of(
        lambda g, x: g.MatMul(
            x, g.DequantizeLinear(weights, np.abs(c(2, 6)), np.ones((2, 6), kind.numpy), axis=0, block_size=4)
        ),
        x=f(3, 8),
    )
    old = convert_version(model, 13)
    same_results(model, old, 2e-5)
    same_in_onnxruntime(model, old)


def test_the_file_says_which_readers_it_is_for() -> None:
    assert convert_version(model_of(lambda g, x: g.Relu(x), x=X), 17).ir_version == 8
