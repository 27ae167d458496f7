"""Nodes of old versions mean the same after the upgrade: onnxruntime runs them as they are, the references what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import sardonyx as sx
from sardonyx.check import check
from sardonyx.core.errors import InputError, VersionError
from sardonyx.evaluate import evaluate
from sardonyx.ir import Model
from sardonyx.ops import latest_opset, lookup
from sardonyx.passes import convert_version

onnxruntime.set_default_logger_severity(4)
rng = np.random.default_rng(0)


def f32(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def i64(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


@dataclass
class Case:
    """One node of an old version. Arrays are inputs of the model, those in `constants` (by position) initializers."""

    opset: int
    op: str
    inputs: list[Any]
    attrs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    constants: tuple[int, ...] = ()
    outputs: int = 1
    shown: int = 1  # how many of them the model returns
    oracle: str = "onnxruntime"
    expected: Any = None  # where neither oracle knows the version any more

    def __repr__(self) -> str:
        shown = ",".join(f"{k}={v}" for k, v in self.attrs.items())
        return f"{self.op}-{self.opset}({shown})"

    def model(self) -> onnx.ModelProto:
        names = [f"x{i}" if x is not None else "" for i, x in enumerate(self.inputs)]
        outputs = [f"y{i}" for i in range(self.outputs)]
        node = helper.make_node(self.op, names, outputs, name="node", **self.attrs)
        given = [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
            for i, (n, x) in enumerate(zip(names, self.inputs, strict=True))
            if x is not None and i not in self.constants
        ]
        held = [numpy_helper.from_array(self.inputs[i], names[i]) for i in self.constants]
        results = [helper.make_empty_tensor_value_info(n) for n in outputs[: self.shown]]
        graph = helper.make_graph([node], "old", given, results, held)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=4)

    def feeds(self) -> dict[str, np.ndarray]:
        return {f"x{i}": np.asarray(x) for i, x in enumerate(self.inputs) if x is not None and i not in self.constants}

    def truth(self) -> list[np.ndarray]:
        if self.expected is not None:
            return list(self.expected)
        proto = self.model()
        if self.oracle == "reference":
            return ReferenceEvaluator(proto).run(None, self.feeds())
        return onnxruntime.InferenceSession(proto.SerializeToString()).run(None, self.feeds())


X = f32(2, 3, 4)
IMAGE = f32(1, 2, 4, 4)
CASES = [
    # before 7, B began at an axis of A
    Case(6, "Add", [X, f32(3)], {"broadcast": 1, "axis": 1}, expected=[None]),
    Case(6, "Mul", [X, f32(3, 4)], {"broadcast": 1}, expected=[None]),
    Case(6, "Sub", [X, f32(2)], {"broadcast": 1, "axis": 0}, expected=[None]),
    Case(6, "Div", [X, f32(3)], {"broadcast": 1, "axis": -2}, expected=[None]),
    # attributes that became inputs
    Case(11, "Squeeze", [f32(1, 3, 1, 2)], {"axes": [0, 2]}),
    Case(11, "Squeeze", [f32(1, 3, 1, 2)]),
    Case(12, "Unsqueeze", [X], {"axes": [0, -1]}),
    Case(9, "Slice", [X], {"starts": [1, -3], "ends": [3, 100], "axes": [1, 2]}),
    Case(9, "Slice", [X], {"starts": [0, 1], "ends": [1, 2]}),
    Case(12, "Split", [f32(6, 2)], {"split": [1, 5], "axis": 0}, outputs=2, shown=2),
    Case(12, "Split", [f32(6, 2)], {"axis": 0}, outputs=3, shown=3),
    Case(13, "Split", [f32(6, 2)], {"axis": 0}, outputs=3, shown=3),
    Case(10, "Pad", [X], {"pads": [0, 1, 0, 0, 2, 1], "value": 1.5}),
    Case(10, "Pad", [X], {"pads": [0, 1, 0, 0, 2, 1], "mode": "reflect"}),
    Case(10, "Clip", [X], {"min": -0.5, "max": 0.25}),
    Case(10, "Clip", [X], {"min": 0.0}),
    Case(9, "TopK", [X], {"k": 2}, outputs=2, shown=2),
    Case(10, "TopK", [X, i64(2)], {"axis": 1}, constants=(1,), outputs=2, shown=2),
    Case(9, "Dropout", [X], {"ratio": 0.3}),
    Case(11, "Dropout", [X], {"ratio": 0.3}),
    *[Case(12, op, [X], {"axes": [1], "keepdims": 0}) for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2", "ReduceLogSumExp")],
    Case(11, "ReduceProd", [X]),
    Case(17, "ReduceMean", [X], {"axes": [-1, 0]}),
    Case(7, "Upsample", [IMAGE], {"scales": [1.0, 1.0, 2.0, 3.0], "mode": "nearest"}),
    # another meaning
    Case(11, "Softmax", [X]),
    Case(12, "Softmax", [X], {"axis": 2}),
    Case(11, "Softmax", [X], {"axis": -2}),
    Case(11, "Softmax", [f32(2, 5, 1, 1)], {"axis": 1}),
    Case(11, "LogSoftmax", [X], {"axis": 0}),
    Case(11, "Hardmax", [X]),
    Case(7, "BatchNormalization", [IMAGE, f32(2), f32(2), f32(2), np.abs(f32(2))], {"epsilon": 1e-3}),
    Case(9, "BatchNormalization", [IMAGE, f32(2), f32(2), f32(2), np.abs(f32(2))]),
    Case(14, "BatchNormalization", [IMAGE, f32(2), f32(2), f32(2), np.abs(f32(2))]),
    Case(9, "Upsample", [IMAGE, np.float32([1, 1, 2, 2])], {"mode": "linear"}, constants=(1,)),
    Case(9, "Upsample", [IMAGE, np.float32([1, 1, 1.5, 2])], {"mode": "nearest"}, constants=(1,)),
    Case(10, "Resize", [IMAGE, np.float32([1, 1, 2, 1.5])], {"mode": "linear"}, constants=(1,)),
    Case(10, "Resize", [IMAGE, np.float32([1, 1, 0.5, 2])], {"mode": "nearest"}, constants=(1,)),
    Case(11, "Resize", [IMAGE, np.zeros(0, np.float32), np.float32([1, 1, 2, 2])], {"mode": "cubic"}, constants=(1, 2)),
    Case(16, "GridSample", [IMAGE, np.clip(f32(1, 3, 3, 2), -1, 1)], {"mode": "bilinear"}),
    Case(10, "RoiAlign", [f32(1, 1, 8, 8), np.float32([[0, 0, 6, 6]]), i64(0)], {"output_height": 3, "output_width": 3, "sampling_ratio": 2}),
    Case(9, "Scatter", [X, np.array([[[1, 0]]], np.int64), f32(1, 1, 2)], {"axis": 1}),
    Case(17, "DFT", [f32(1, 4, 3, 1)], {"axis": 1}),
    Case(17, "DFT", [f32(1, 4, 3, 1)]),
    # the same meaning, in the words of another version
    Case(7, "Gemm", [f32(2, 3), f32(3, 4), f32(4)], {"alpha": 0.5, "beta": 2.0}),
    Case(7, "PRelu", [X, f32(3, 1)]),
    Case(8, "Max", [X, f32(4)]),
    Case(7, "Cast", [X], {"to": 7}),
    Case(9, "ArgMax", [X], {"axis": 1}),
    Case(11, "DepthToSpace", [f32(1, 8, 2, 2)], {"blocksize": 2}),
    Case(10, "MaxPool", [IMAGE], {"kernel_shape": [2, 2], "strides": [2, 2]}),
    Case(7, "AveragePool", [IMAGE], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    Case(7, "LSTM", [f32(3, 1, 4), f32(1, 8, 4), f32(1, 8, 2)], {"hidden_size": 2}, outputs=3, shown=3),
    Case(7, "GRU", [f32(3, 1, 4), f32(1, 6, 4), f32(1, 6, 2)], {"hidden_size": 2}, outputs=2, shown=2),
    Case(11, "OneHot", [i64(0, 2), i64(3), np.float32([0, 1])], constants=(1, 2)),
    Case(8, "Expand", [f32(3, 1), i64(2, 3, 4)], constants=(1,)),
    Case(9, "ConstantOfShape", [i64(2, 3)], constants=(0,)),
    Case(9, "Where", [np.array([True, False]), f32(2), f32(2)]),
    Case(11, "CumSum", [X, np.array(1, np.int64)]),
    Case(12, "Einsum", [f32(2, 3), f32(3, 4)], {"equation": "ij,jk->ik"}),
    Case(10, "QuantizeLinear", [X, np.float32(0.1), np.uint8(128)]),
    Case(10, "DequantizeLinear", [np.arange(4, dtype=np.uint8), np.float32(0.1), np.uint8(2)]),
    Case(14, "Reshape", [X, i64(4, -1)], constants=(1,)),
    Case(17, "LayerNormalization", [X, f32(4), f32(4)]),
]  # fmt: skip
_NUMPY = {"Add": np.add, "Mul": np.multiply, "Sub": np.subtract, "Div": np.divide}
_SHAPES = {0: (3, 1), 1: (3, 4), 2: (2, 1, 1), 3: (3, 1)}
for _i, _case in enumerate(CASES[:4]):  # no engine of today reads opset 6
    _case.expected = [_NUMPY[_case.op](_case.inputs[0], _case.inputs[1].reshape(_SHAPES[_i]))]


SUCCESSORS = {"Upsample": "Resize", "Scatter": "ScatterElements"}


def need_reference(op: str) -> None:
    """Skip what nobody can evaluate yet; the case runs by itself as soon as the operator is declared."""
    name = SUCCESSORS.get(op, op)
    if lookup("", name) is None:
        pytest.skip(f"{name} is not declared yet, so its references cannot be asked")


def upgraded(case: Case) -> Model:
    old = sx.from_bytes(case.model().SerializeToString())
    return convert_version(old, latest_opset())


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_old_nodes_mean_the_same(case: Case) -> None:
    need_reference(case.op)
    new = upgraded(case)
    assert new.opset == latest_opset()
    sx.infer_shapes(new, strict=True)
    for found, wanted in zip(evaluate(new, case.feeds()), case.truth(), strict=True):
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", [c for c in CASES if c.opset >= 7], ids=repr)
def test_the_public_evaluate_upgrades_by_itself(case: Case) -> None:
    need_reference(case.op)
    old = sx.from_bytes(case.model().SerializeToString())
    for found, wanted in zip(sx.evaluate(old, case.feeds()), case.truth(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", CASES[4:14], ids=repr)
@pytest.mark.parametrize("step", [1, 2])
def test_versions_between_are_legal(case: Case, step: int) -> None:
    model = sx.infer_shapes(sx.from_bytes(case.model().SerializeToString()))
    for opset in range(case.opset + 1, latest_opset() + 1, step):
        model = convert_version(model, opset)
        check(model)


REFUSALS = [
    (
        Case(7, "BatchNormalization", [IMAGE, f32(32), f32(32), f32(32), f32(32)], {"spatial": 0}),
        "statistics of its own",
    ),
    (
        Case(9, "BatchNormalization", [IMAGE, f32(2), f32(2), f32(2), f32(2)], outputs=5, shown=2),
        "never defined exactly",
    ),
]


@pytest.mark.parametrize(("case", "why"), REFUSALS, ids=repr)
def test_what_cannot_be_said_is_refused_with_its_reason(case: Case, why: str) -> None:
    with pytest.raises(VersionError, match="cannot be expressed") as caught:
        upgraded(case)
    assert caught.value.why is not None and why in caught.value.why


def test_versions_that_do_not_exist() -> None:
    model = sx.from_bytes(CASES[4].model().SerializeToString())
    with pytest.raises(InputError, match="no opset 99"):
        convert_version(model, 99)


def test_the_model_given_is_not_changed() -> None:
    model = sx.from_bytes(CASES[4].model().SerializeToString())
    before = sx.to_bytes(model)
    convert_version(model, 20)
    assert sx.to_bytes(model) == before


def scan_8(directions: list[int] | None = None) -> onnx.ModelProto:
    """Running sums over a batch of three sequences of up to four elements."""
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Add", ["s", "x"], ["t"]), helper.make_node("Identity", ["t"], ["y"])],
        "body",
        [info("s", 1, [2]), info("x", 1, [2])],
        [info("t", 1, [2]), info("y", 1, [2])],
    )
    extra = {} if directions is None else {"directions": directions}
    scan = helper.make_node("Scan", ["lengths", "init", "xs"], ["last", "ys"], num_scan_inputs=1, body=body, **extra)
    graph = helper.make_graph(
        [scan],
        "scan",
        [info("lengths", 7, [3]), info("init", 1, [3, 2]), info("xs", 1, [3, 4, 2])],
        [info("last", 1, [3, 2]), info("ys", 1, [3, 4, 2])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 8)], ir_version=3)


def test_sequences_of_their_own_lengths() -> None:
    """Behind its length a sequence changes no state; what it gives there is undefined, so nothing is asked of it."""
    proto, lengths = scan_8(), [4, 2, 1]
    given = {"lengths": i64(*lengths), "init": f32(3, 2), "xs": f32(3, 4, 2)}
    new = convert_version(sx.from_bytes(proto.SerializeToString()), latest_opset())
    check(new)
    last, ys = evaluate(new, given)
    theirs, their_ys = onnxruntime.InferenceSession(proto.SerializeToString()).run(None, given)
    np.testing.assert_allclose(last, theirs, rtol=1e-6)
    for i, n in enumerate(lengths):
        np.testing.assert_allclose(ys[i, :n], their_ys[i, :n], rtol=1e-6)


def test_sequences_read_backwards_from_nowhere_are_refused() -> None:
    with pytest.raises(VersionError) as caught:
        convert_version(sx.from_bytes(scan_8([1]).SerializeToString()), 9)
    assert "read backwards" in str(caught.value.why)
