"""What the evaluator refuses is refused in the official evaluator's classes."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tests.compat.evaluators import agree, floats, model, raises

T4, T3 = floats(1, 4, 2, 2), floats(4, 2, 2)
BYTES, WORDS = np.ones(3, np.uint8), np.array(["a"], object)
SMALL, LONG = np.array([1, 2], np.int64), np.array([5], np.int64)
GATED = {"update_rule": "gated", "q_num_heads": 2, "kv_num_heads": 2}
STATE = [floats(1, 2, 4), floats(1, 2, 4), floats(1, 2, 4)]


def cells(gates: int, **how: Any) -> tuple[list[Any], dict[str, Any]]:
    return [floats(1, 1, 2), floats(1, 2 * gates, 2), floats(1, 2 * gates, 2)], {"hidden_size": 2, **how}


# The operator, its inputs (None where it leaves one out), its attributes.
REFUSED: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("BitCast", [T3], {"to": 8}),
    ("BitCast", [WORDS], {"to": 1}),
    ("BitShift", [BYTES, BYTES], {"direction": "UP"}),
    ("Cast", [T3], {"to": 0}),
    ("Cast", [T3], {"to": 99}),
    ("CausalConvWithState", [floats(1, 2, 3), floats(2, 1, 2)], {"activation": "odd"}),
    ("CausalConvWithState", [floats(2, 3), floats(2, 1, 2)], {}),
    ("CausalConvWithState", [floats(1, 2, 3), floats(2, 2)], {}),
    ("Concat", [floats(2), np.array(1, np.float32)], {"axis": 0}),
    ("Concat", [floats(2), floats(2)], {"axis": 3}),
    ("Constant", [], {}),
    ("Conv", [floats(1, 3, 4, 4), floats(2, 2, 3, 3)], {}),
    ("Conv", [floats(1, 4, 4, 4), floats(2, 2, 3, 3)], {"group": 3}),
    ("Conv", [floats(1, 3), floats(2, 3)], {}),
    ("ConvInteger", [BYTES.reshape(1, 3), BYTES.reshape(1, 3)], {}),
    ("CumProd", [floats(3), np.array([0])], {}),
    ("CumSum", [floats(3), np.array([0])], {}),
    ("CumSum", [floats(3), np.array(5)], {}),
    ("DepthToSpace", [T3], {"blocksize": 2}),
    ("DequantizeLinear", [BYTES, np.array(1, np.float32), np.array(1, np.int8)], {}),
    (
        "DequantizeLinear",
        [BYTES.astype(ml_dtypes.float8_e4m3fn), np.array(1, np.float32), np.array(1, ml_dtypes.float8_e4m3fn)],
        {},
    ),
    ("Einsum", [floats(2)], {"equation": ""}),
    ("EyeLike", [floats(2, 2, 2)], {}),
    ("EyeLike", [floats(2, 2)], {"dtype": 99}),
    ("GatherElements", [floats(2, 3), np.zeros((3, 3), np.int64)], {"axis": 1}),
    ("GridSample", [floats(1, 1, 2, 2), floats(1, 1, 1, 2)], {"mode": "odd"}),
    *(("GRU", *cells(3, direction=d)) for d in ("odd", "bidirectional")),
    *(("LSTM", *cells(4, direction=d)) for d in ("odd", "bidirectional")),
    *(("RNN", *cells(1, direction=d)) for d in ("odd", "bidirectional")),
    ("LinearAttention", STATE, {**GATED, "update_rule": "odd"}),
    ("LinearAttention", STATE, GATED),
    ("LinearAttention", STATE, {**GATED, "update_rule": "delta"}),
    ("LinearAttention", [*STATE, None, floats(1, 2, 2)], {**GATED, "update_rule": "linear"}),
    ("LinearAttention", [*STATE, None, None, floats(1, 2, 2)], {**GATED, "update_rule": "linear"}),
    ("MaxPool", [T4], {"kernel_shape": [9, 9]}),
    ("MaxPool", [floats(1, 2)], {"kernel_shape": [2]}),
    ("NegativeLogLikelihoodLoss", [floats(3), np.array([0])], {}),
    ("Pad", [floats(2, 2), SMALL], {}),
    ("QuantizeLinear", [floats(3), np.array(1, np.float32), np.array(1, np.uint8)], {"output_dtype": 3}),
    ("QuantizeLinear", [floats(3), np.array(1, np.float32)], {"output_dtype": 1}),
    ("QuantizeLinear", [floats(3), np.array(1, np.float32), np.array(1, np.float32)], {}),
    ("Range", [np.array(v, ml_dtypes.bfloat16) for v in (0, 3, 1)], {"stash_type": 7}),
    ("ReduceSum", [floats(2, 2), LONG], {}),
    ("ReduceMax", [floats(2, 2), LONG], {}),
    ("Resize", [T4, None, None, None], {}),
    ("Resize", [T4, None, floats(4)], {"mode": "odd"}),
    ("Resize", [T4, None, None, np.array([1, 4, 4, 4])], {"keep_aspect_ratio_policy": "odd"}),
    ("Resize", [T4, None, np.ones(4, np.float32)], {"antialias": 1}),
    ("AffineGrid", [floats(1, 2, 2), np.array([1, 1, 2, 2])], {}),
    ("OptionalGetElement", [], {}),
    ("Resize", [T4, floats(4)], {}),
    ("RotaryEmbedding", [floats(1, 2, 2, 8), floats(1, 2, 2), floats(1, 2, 2)], {}),
    ("RotaryEmbedding", [floats(1, 2, 8), floats(1, 2, 2), floats(1, 2, 2)], {}),
    ("RotaryEmbedding", [floats(1, 2, 8), floats(1, 2, 2), floats(1, 2, 2)], {"num_heads": 0}),
    ("RotaryEmbedding", [floats(2, 8), floats(1, 2, 2), floats(1, 2, 2)], {"num_heads": 2}),
    ("Abs", [], {}),
    ("Acos", [None], {}),
    ("Gather", [floats(3)], {}),
    ("Gather", [floats(3), LONG, LONG], {}),
    ("MatMul", [floats(2, 2)], {}),
    ("Slice", [floats(3), np.array([0])], {}),
    ("SequenceAt", [[floats(1)], np.array(3)], {}),
    ("SequenceErase", [[floats(1)], np.array(3)], {}),
    ("SequenceLength", [floats(2)], {}),
    ("SpaceToDepth", [T3], {"blocksize": 2}),
    ("StringConcat", [floats(2), floats(2)], {}),
    ("StringNormalizer", [WORDS], {"case_change_action": "ODD"}),
    ("TopK", [floats(3), np.array([9])], {}),
    ("Transpose", [floats(2, 3)], {"perm": [0]}),
    ("Where", [np.array([True, False]), floats(2), SMALL], {}),
]


@pytest.mark.parametrize(
    ("op_type", "inputs", "attrs"), REFUSED, ids=[f"{i} {row[0]}" for i, row in enumerate(REFUSED)]
)
def test_refusals(op_type: str, inputs: list[Any], attrs: dict[str, Any]) -> None:
    names = [f"x{i}" if held is not None else "" for i, held in enumerate(inputs)]
    feeds = {name: held for name, held in zip(names, inputs, strict=True) if name}
    outputs = ["y", "z"] if op_type in ("CausalConvWithState", "LinearAttention", "TopK") else ["y"]

    def program(o: Any) -> Any:
        node = o.helper.make_node(op_type, names, outputs, **attrs)
        proto = model(o, [node], " ".join(feeds), " ".join(outputs), opset=28)
        return o.reference.ReferenceEvaluator(proto).run(None, feeds)

    assert raises(agree(program))


ALLOWED: list[tuple[str, list[Any], dict[str, Any], int]] = [
    ("Pad", [floats(2, 2)], {"pads": [1, 0, 0, 1]}, 2),
    ("Where", [np.array([True, False]), np.array(["a", "b"]), np.array(["c", "d"], object)], {}, 21),
    ("DequantizeLinear", [np.array([3], np.int32), np.array(2, np.float32)], {}, 21),
    ("QuantizeLinear", [floats(3), np.array(1, np.float32)], {}, 21),
    ("CumSum", [floats(3), np.array(0)], {}, 21),
    ("GatherElements", [floats(2, 3), np.zeros((2, 1), np.int64)], {"axis": 1}, 21),
]


@pytest.mark.parametrize(
    ("op_type", "inputs", "attrs", "opset"), ALLOWED, ids=lambda v: v if isinstance(v, str) else ""
)
def test_what_is_not_refused(op_type: str, inputs: list[Any], attrs: dict[str, Any], opset: int) -> None:
    feeds = {f"x{i}": held for i, held in enumerate(inputs)}

    def program(o: Any) -> Any:
        proto = model(o, [o.helper.make_node(op_type, list(feeds), ["y"], **attrs)], " ".join(feeds), "y", opset=opset)
        return o.reference.ReferenceEvaluator(proto).run(None, feeds)

    assert not raises(agree(program))


X = floats(2, 3)
LINES = {"coefficients": [0.5, -0.25, 1.0]}
VECTORS = {**LINES, "support_vectors": [1.0, 2.0, 3.0], "rho": [0.5], "kernel_params": [0.1, 0.0, 2.0]}
TREES = {
    "nodes_treeids": [0, 0, 0],
    "nodes_nodeids": [0, 1, 2],
    "nodes_featureids": [0, 0, 0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_values": [0.5, 0.0, 0.0],
    "nodes_truenodeids": [1, 0, 0],
    "nodes_falsenodeids": [2, 0, 0],
}
VOTES = {"target_treeids": [0, 0], "target_nodeids": [1, 2], "target_ids": [0, 0], "target_weights": [1.0, 2.0]}
CLASSES = {key.replace("target", "class"): value for key, value in VOTES.items()}
ODD = {"nodes_modes": ["BRANCH_ODD", "LEAF", "LEAF"]}
LEARNED: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("ArrayFeatureExtractor", [X, np.array([5])], {}),
    ("LinearClassifier", [X], {**LINES, "intercepts": [0.5], "classlabels_ints": [0, 1], "post_transform": "ODD"}),
    ("LinearRegressor", [X], {**LINES, "intercepts": [0.5], "post_transform": "ODD"}),
    ("Normalizer", [X], {"norm": "ODD"}),
    ("SVMRegressor", [X], {**VECTORS, "n_supports": 1, "kernel_type": "ODD"}),
    ("SVMRegressor", [X], {**VECTORS, "n_supports": 1, "post_transform": "ODD"}),
    ("TreeEnsembleClassifier", [X], {**TREES, **CLASSES, **ODD, "classlabels_int64s": [0, 1]}),
    ("TreeEnsembleRegressor", [X], {**TREES, **VOTES, **ODD, "n_targets": 1}),
    ("TreeEnsembleRegressor", [X], {**TREES, **VOTES, "n_targets": 1, "aggregate_function": "ODD"}),
    ("TreeEnsembleRegressor", [X], {**TREES, **VOTES, "n_targets": 1, "post_transform": "ODD"}),
]


@pytest.mark.parametrize(
    ("op_type", "inputs", "attrs"), LEARNED, ids=[f"{i} {row[0]}" for i, row in enumerate(LEARNED)]
)
def test_refusals_of_what_was_learned(op_type: str, inputs: list[Any], attrs: dict[str, Any]) -> None:
    feeds = {f"x{i}": held for i, held in enumerate(inputs)}
    outputs = ["y", "z"] if "Classifier" in op_type else ["y"]

    def program(o: Any) -> Any:
        node = o.helper.make_node(op_type, list(feeds), outputs, domain="ai.onnx.ml", **attrs)
        return o.reference.ReferenceEvaluator(node).run(None, feeds)

    assert raises(agree(program))
