"""Random shapes, axes and attributes, at old versions and new ones: references beside onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import sardonyx as sx
from sardonyx.infer import infer_shapes
from sardonyx.io import from_bytes
from sardonyx.ir import TensorType

DRAWS = 6


@dataclass
class Draw:
    """One random tensor and what an operator may ask about it."""

    rng: np.random.Generator
    x: Any = field(init=False)
    axis: int = field(init=False)  # from the front or from the back

    def __post_init__(self) -> None:
        self.shape = tuple(int(n) for n in self.rng.integers(1, 6, self.rng.integers(1, 5)))
        self.x = self.floats(*self.shape)
        self.axis = self.int(-self.x.ndim, self.x.ndim)

    def int(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high))

    def ints(self, low: Any, high: Any, *shape: int) -> Any:
        return self.rng.integers(low, high, shape)

    def floats(self, *shape: int) -> Any:
        return (self.rng.standard_normal(shape) * 3).astype(np.float32)

    @property
    def front(self) -> int:
        return self.axis % self.x.ndim

    @property
    def extent(self) -> int:
        return self.shape[self.axis]

    @property
    def axes(self) -> list[int]:
        return sorted(self.rng.permutation(self.x.ndim)[: self.int(1, self.x.ndim + 1)].tolist())

    @property
    def places(self) -> Any:
        """Coordinates of three elements."""
        return np.stack([self.ints(-n, n, 3) for n in self.shape], -1)

    @property
    def order(self) -> Any:
        return np.argsort(self.rng.random(self.shape), self.axis)


Given = tuple[list[Any], dict[str, Any]]
Case = tuple[str, int, int, Callable[[Draw], Given]]  # operator, opset, outputs, inputs and attributes


def _slice(c: Draw) -> Given:
    axes = c.axes
    step = c.rng.choice([-3, -2, -1, 1, 2, 3], len(axes))
    ends = np.where(c.rng.random(len(axes)) < 0.3, np.sign(step) * (2**31), c.ints(-8, 9, len(axes)))
    return [c.x, c.ints(-8, 9, len(axes)), ends, np.array(axes), step], {}


def _old_slice(c: Draw) -> Given:
    axes = c.axes
    return [c.x], {"starts": c.ints(-8, 9, len(axes)).tolist(), "ends": c.ints(-8, 9, len(axes)).tolist(), "axes": axes}


def _pad(mode: str) -> Callable[[Draw], Given]:
    def pads(c: Draw) -> Given:
        limits = np.array([*c.shape, *c.shape]) if mode in ("reflect", "wrap") else 4
        return [c.x, c.ints(0, limits, 2 * c.x.ndim), np.float32(1.5)], {"mode": mode}

    return pads


def _reduced(c: Draw) -> Given:
    return [c.x, np.array(c.axes)], {"keepdims": c.int(0, 2)}


def _old_reduced(c: Draw) -> Given:
    return [c.x], {"axes": c.axes, "keepdims": c.int(0, 2)}


def _arg(c: Draw) -> Given:
    facts = {"axis": c.axis, "keepdims": c.int(0, 2), "select_last_index": c.int(0, 2)}
    return [np.round(c.x)], facts


def _combining(c: Draw) -> dict[str, Any]:
    return {"reduction": str(c.rng.choice(["none", "add", "mul", "max", "min"]))}


def _running(c: Draw) -> Given:
    return [c.x, np.array(c.axis)], {"exclusive": c.int(0, 2), "reverse": c.int(0, 2)}


def _remainders(c: Draw) -> Given:
    return [c.ints(-9, 9, *c.shape), c.ints(1, 5, *c.shape) * c.rng.choice([-1, 1], c.shape)], {"fmod": c.int(0, 2)}


SUMS = ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare"]
CASES: list[Case] = [
    *((op, 18, 1, _reduced) for op in [*SUMS, "ReduceLogSumExp"]),
    *((op, 11, 1, _old_reduced) for op in [*SUMS, "ReduceLogSumExp"]),
    *((op, 13, 1, _arg) for op in ("ArgMax", "ArgMin")),
    *(("Pad", 19, 1, _pad(mode)) for mode in ("constant", "reflect", "edge", "wrap")),
    ("Pad", 2, 1, lambda c: ([c.x], {"pads": c.ints(0, 3, 2 * c.x.ndim).tolist(), "value": 2.5})),
    ("Slice", 13, 1, _slice),
    ("Slice", 9, 1, _old_slice),
    ("Split", 18, 3, lambda c: ([np.repeat(c.x, 3, c.axis)], {"axis": c.axis, "num_outputs": 3})),
    ("Split", 11, 2, lambda c: ([np.repeat(c.x, 2, c.axis)], {"axis": c.front})),
    ("Split", 13, 2, lambda c: ([np.repeat(c.x, 3, c.axis), np.array([1, 3 * c.extent - 1])], {"axis": c.axis})),
    ("TopK", 11, 2, lambda c: ([np.round(c.x), c.ints(1, c.extent + 1, 1)], {"axis": c.axis, "largest": c.int(0, 2)})),
    ("TopK", 9, 2, lambda c: ([np.round(c.x)], {"axis": c.front, "k": c.int(1, c.extent + 1)})),
    ("Gather", 13, 1, lambda c: ([c.x, c.ints(-c.extent, c.extent, 2, 3)], {"axis": c.axis})),
    ("GatherElements", 13, 1, lambda c: ([c.x, c.ints(-c.extent, c.extent, *c.shape)], {"axis": c.axis})),
    ("GatherND", 13, 1, lambda c: ([c.x, c.places], {})),
    ("ScatterElements", 18, 1, lambda c: ([c.x, c.order, c.floats(*c.shape)], {"axis": c.axis, **_combining(c)})),
    ("Scatter", 9, 1, lambda c: ([c.x, c.order, c.floats(*c.shape)], {"axis": c.front})),
    ("ScatterND", 18, 1, lambda c: ([c.x, c.places[:1], c.floats(1)], _combining(c))),
    ("Compress", 11, 1, lambda c: ([c.x, c.rng.random(c.extent) < 0.5], {"axis": c.axis})),
    ("NonZero", 13, 1, lambda c: ([np.round(c.x)], {})),
    ("OneHot", 11, 1, lambda c: ([c.ints(-6, 6, *c.shape), np.array(4), np.array([-1, 2], np.float32)], {"axis": c.axis})),
    ("Unique", 11, 4, lambda c: ([np.round(c.x)], {"axis": c.axis, "sorted": c.int(0, 2)})),
    ("Trilu", 14, 1, lambda c: ([c.floats(2, 3, 4), np.array(c.int(-5, 6))], {"upper": c.int(0, 2)})),
    ("Tile", 13, 1, lambda c: ([c.x, c.ints(0, 4, c.x.ndim)], {})),
    ("CumSum", 14, 1, _running),
    ("Mod", 13, 1, _remainders),
    ("Mod", 13, 1, lambda c: ([c.x, c.floats(*c.shape)], {"fmod": 1})),
    ("Div", 14, 1, lambda c: (_remainders(c)[0], {})),
    ("PRelu", 9, 1, lambda c: ([c.x, c.floats(c.shape[-1])], {})),
    *((op, 18, 1, lambda c: ([c.x], {})) for op in ("Elu", "Celu", "Selu", "Mish", "ThresholdedRelu", "Shrink", "Round")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("op", "opset", "outputs", "make"), CASES, ids=[f"{c[0]}-{c[1]}-{i}" for i, c in enumerate(CASES)]
)
def test_the_reference_gives_what_the_peer_gives(
    op: str, opset: int, outputs: int, make: Callable[[Draw], Given]
) -> None:
    for seed in range(DRAWS):
        inputs, attrs = make(Draw(np.random.default_rng(seed)))
        feeds = {f"x{i}": np.asarray(x) for i, x in enumerate(inputs)}
        model = onnx_model(op, opset, feeds, outputs, attrs)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        truths: list[Any] = list(session.run(None, {"x0": feeds["x0"]}))
        ours = from_bytes(model)
        results = sx.evaluate(ours, [feeds["x0"]])
        for value, result, truth in zip(infer_shapes(ours).graph.outputs, results, truths, strict=True):
            assert result.dtype == truth.dtype
            np.testing.assert_allclose(result, truth, rtol=1e-4, atol=1e-5, strict=True)
            shape = value.type.shape if isinstance(value.type, TensorType) else None
            assert shape is not None
            assert all(not isinstance(d, int) or d == n for d, n in zip(shape, truth.shape, strict=True))


def onnx_model(op: str, opset: int, feeds: dict[str, Any], outputs: int, attrs: dict[str, Any]) -> bytes:
    """One node whose first input is the model's; the others are constants, for inference to look into."""
    names = [f"y{i}" for i in range(outputs)]
    node = onnx.helper.make_node(op, list(feeds), names, **attrs)
    first = feeds["x0"]
    kind = onnx.helper.np_dtype_to_tensor_dtype(first.dtype)
    graph = onnx.helper.make_graph(
        [node],
        "g",
        [onnx.helper.make_tensor_value_info("x0", kind, first.shape)],
        [onnx.ValueInfoProto(name=n) for n in names],
        [onnx.numpy_helper.from_array(x, n) for n, x in feeds.items() if n != "x0"],
    )
    opsets = [onnx.helper.make_opsetid("", opset)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
