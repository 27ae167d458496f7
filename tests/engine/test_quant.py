"""Quantized models: products of bytes exact to the bit, quantizing and restoring, at every level."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from sardonyx import io
from sardonyx.core.errors import InputError
from sardonyx.evaluate import evaluate
from sardonyx.ir import Model
from tests.engine.oracle import LEVELS as ORDINARY
from tests.engine.oracle import agree, calls, floats, parse, run

LEVELS = [*ORDINARY, "amx:emulate"]  # the matrix unit in its software meaning, where there is none
KINDS = {"u8": np.uint8, "i8": np.int8}


def whole(kind: str, *shape: int, seed: int = 0) -> Any:
    """Random bytes over their whole range."""
    limits = np.iinfo(KINDS[kind])
    return np.random.default_rng(seed).integers(limits.min, limits.max, shape, endpoint=True).astype(KINDS[kind])


def model(op: str, inputs: dict[str, Any], constant: dict[str, Any], domain: str = "", **attrs: Any) -> Model:
    """A node of an operator: `inputs` are given at run time with symbolic extents, `constant` are initializers."""
    order = attrs.pop("order", [*inputs, *constant])
    infos = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), [f"{n}{i}" for i in range(a.ndim)])
        for n, a in inputs.items()
    ]
    node = helper.make_node(op, order, ["y"], domain=domain, **attrs)
    graph = helper.make_graph([node], "g", infos, [onnx.ValueInfoProto(name="y")])
    graph.initializer.extend(numpy_helper.from_array(np.asarray(a), n) for n, a in constant.items())
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return io.from_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


def exact(found: Model, feeds: list[Any], level: str) -> None:
    for result, truth in zip(run(found, feeds, level), evaluate(found, feeds), strict=True):
        assert result.dtype == truth.dtype
        np.testing.assert_array_equal(result, truth)


def close(found: Model, feeds: list[Any], level: str) -> None:
    """Bytes that differ by one at most, and rarely: where float32 rounds across the middle of two."""
    for result, truth in zip(run(found, feeds, level), evaluate(found, feeds), strict=True):
        assert result.dtype == truth.dtype
        difference = np.abs(result.astype(int) - truth.astype(int))
        assert difference.max(initial=0) <= 1
        assert (difference != 0).mean() < 0.01


SHAPES = [(1, 1, 1), (3, 5, 7), (17, 64, 33), (30, 131, 70), (75, 128, 48)]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("b", KINDS)
@pytest.mark.parametrize("a", KINDS)
@pytest.mark.parametrize("points", ["none", "one", "each"])
@pytest.mark.parametrize("fixed", [True, False], ids=["constant", "computed"])
def test_matmul_integer(a: str, b: str, shape: tuple[int, int, int], points: str, fixed: bool, level: str) -> None:
    """Any signs, zero points by row and column, weights packed when compiled and when run."""
    m, k, n = shape
    right: dict[str, Any] = {"b": whole(b, k, n, seed=1)}
    if points != "none":
        one = points == "one"
        right |= {"za": whole(a, *(() if one else (m,)), seed=2), "zb": whole(b, *(() if one else (n,)), seed=3)}
    left = {"a": whole(a, m, k)}
    order = ["a", "b", *(["za", "zb"] if points != "none" else [])]
    given, constant = (left, right) if fixed else (left | right, {})
    exact(model("MatMulInteger", given, constant, order=order), list(given.values()), level)


@pytest.mark.parametrize("level", LEVELS)
@settings(deadline=None, max_examples=15)
@given(m=st.integers(0, 70), k=st.integers(0, 300), n=st.integers(0, 100))
def test_any_extents(level: str, m: int, k: int, n: int) -> None:
    found = parse("(uint8[m,k] a, int8[k,n] b) => (int32[m,n] y) { y = MatMulInteger(a, b) }")
    exact(found, [whole("u8", m, k), whole("i8", k, n, seed=1)], level)


@pytest.mark.parametrize("level", LEVELS)
def test_nothing_saturates(level: str) -> None:
    """The largest bytes: sums of pairs that 16 bits cannot hold, and a sum that 32 bits cannot."""
    a, b = np.full((2, 70000), 255, np.uint8), np.full((70000, 3), -128, np.int8)
    exact(model("MatMulInteger", {"a": a}, {"b": b}), [a], level)
    exact(model("MatMulInteger", {"a": a[:, :6]}, {"b": b[:6]}), [a[:, :6].copy()], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("batch", [((2, 3), (2, 3)), ((2, 3), ()), ((2, 1), (2, 3)), ((2, 1, 3), (1, 4, 1))], ids=str)
def test_batches(batch: tuple[tuple[int, ...], tuple[int, ...]], level: str) -> None:
    a, b = whole("i8", *batch[0], 9, 20), whole("u8", *batch[1], 20, 37, seed=1)
    found = model("MatMulInteger", {"a": a, "b": b, "za": np.int8(5), "zb": np.uint8(99)}, {})
    exact(found, [a, b, np.array(5, np.int8), np.array(99, np.uint8)], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("extents", [(9, 3, 5), (12, 35, 40), (33, 64, 32), (9, 130, 70)], ids=str)
@pytest.mark.parametrize("b", KINDS)
def test_turned(b: str, extents: tuple[int, int, int], level: str) -> None:
    """The right side is read along its columns."""
    m, k, n = extents
    kind = {"u8": "uint8", "i8": "int8"}[b]
    text = (
        f"(uint8[b,m,k] a, {kind}[b,n,k] c, uint8 p, {kind} q) => (y)"
        "{ t = Transpose<perm = [0, 2, 1]>(c)  y = MatMulInteger(a, t, p, q) }"
    )
    points = [np.array(7, np.uint8), np.array(100, KINDS[b])]
    exact(parse(text), [whole("u8", 2, m, k), whole(b, 2, n, k, seed=1), *points], level)


WINDOWS = {
    "plain": ((2, 16, 7, 6), (9, 16, 3, 3), {}),
    "padded": ((1, 40, 6, 6), (33, 40, 3, 3), {"pads": [1, 1, 1, 1]}),
    "few channels": ((2, 3, 9, 8), (8, 3, 3, 3), {"pads": [1, 2, 0, 1], "strides": [2, 2]}),
    "pointwise": ((2, 70, 5, 5), (40, 70, 1, 1), {}),
    "pointwise of whole steps": ((2, 128, 7, 5), (33, 128, 1, 1), {}),
    "pointwise, every other": ((1, 64, 9, 14), (40, 64, 1, 1), {"strides": [2, 2]}),
    "groups of whole steps": ((2, 128, 6, 6), (40, 64, 1, 1), {"group": 2}),
    "groups": ((1, 12, 6, 5), (9, 4, 2, 2), {"group": 3, "pads": [0, 1, 1, 0]}),
    "depthwise": ((1, 20, 8, 7), (20, 1, 3, 3), {"group": 20, "pads": [1, 1, 1, 1]}),
    "dilated": ((1, 36, 9, 9), (5, 36, 2, 2), {"dilations": [2, 3]}),
    "one axis": ((3, 5, 30), (7, 5, 4), {"pads": [2, 1]}),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("kinds", [("u8", "i8"), ("i8", "i8"), ("i8", "u8"), ("u8", "u8")], ids=str)
def test_conv_integer(case: tuple[Any, Any, Any], kinds: tuple[str, str], level: str) -> None:
    """The padding holds the zero point, be it constant or not."""
    x_shape, w_shape, attrs = case
    x, w = whole(kinds[0], *x_shape), whole(kinds[1], *w_shape, seed=1)
    zx, zw = whole(kinds[0], seed=2), whole(kinds[1], w_shape[0], seed=3)
    exact(model("ConvInteger", {"x": x}, {"w": w, "zx": zx, "zw": zw}, **attrs), [x], level)
    found = model("ConvInteger", {"x": x, "zx": np.asarray(zx)}, {"w": w}, order=["x", "w", "zx"], **attrs)
    exact(found, [x, np.asarray(zx)], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", WINDOWS.values(), ids=WINDOWS)
def test_qlinear_conv(case: tuple[Any, Any, Any], level: str) -> None:
    x_shape, w_shape, attrs = case
    x, w = whole("u8", *x_shape), whole("i8", *w_shape, seed=1)
    scales = np.abs(floats(w_shape[0], seed=4)) * np.float32(0.01) + np.float32(0.01)
    constant = {"sx": np.float32(0.02), "zx": np.uint8(120), "w": w, "sw": scales, "zw": np.zeros(w_shape[0], np.int8)}
    constant |= {"sy": np.float32(0.3), "zy": np.int8(-7), "b": np.arange(w_shape[0], dtype=np.int32) * 100}
    constant["zy"] = np.uint8(130)
    close(model("QLinearConv", {"x": x}, constant, **attrs), [x], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("fixed", [True, False], ids=["constant", "computed"])
def test_qlinear_matmul(fixed: bool, level: str) -> None:
    a, b = whole("i8", 2, 9, 35), whole("i8", 35, 40, seed=1)
    facts: dict[str, Any] = {
        "sa": np.float32(0.02),
        "za": np.int8(12),
        "b": b,
        "sb": np.float32(0.01),
        "zb": np.int8(0),
    }
    facts |= {"sy": np.float32(0.05), "zy": np.int8(3)}
    facts = {k: np.asarray(v) for k, v in facts.items()}
    given, constant = ({"a": a}, facts) if fixed else ({"a": a, **facts}, {})
    close(model("QLinearMatMul", given, constant), list(given.values()), level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("to", ["uint8", "int8", "uint16", "int16"])
def test_quantize(to: str, level: str) -> None:
    """To the nearest, ties to even, saturating, infinities too; NaN gives what the reference gives."""
    x = np.float32([0.25, 0.75, 1.25, -0.25, -0.75, 1e9, -1e9, np.inf, -np.inf, np.nan, 3.3, 0] * 3)
    for zero in (0, 3):
        text = f"(float[n] x) => ({to}[n] y) <float s = {{0.5}}, {to} z = {{{zero}}}> {{ y = QuantizeLinear(x, s, z) }}"
        exact(parse(text), [x], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("scale", [0.031, 1 / 3, 1e-42, 1.2e-38, 7e-30, 3e38, np.inf, 0.0, -0.7], ids=str)
def test_quotients_are_those_of_division(scale: float, level: str) -> None:
    """Numbers halfway between two whole multiples of the scale, and their neighbours, go where their rounded quotient goes."""
    s, half = np.float32(scale), np.arange(-20000, 20000, 3) + 0.5
    with np.errstate(all="ignore"):
        x = (half * s).astype(np.float32)
        x = np.concatenate([x, np.nextafter(x, np.float32(0)), np.nextafter(x, x * 2), floats(5000) * s])
    x = np.concatenate([x, np.float32([0, -0.0, 1e-45, 1e-38, 3e38, -3e38, np.inf, -np.inf])])
    x = x[~np.isnan(x)] if scale and np.isfinite(scale) else np.float32([0.1, -3, 1e-40] * 6)
    found = model("QuantizeLinear", {"x": x, "s": np.asarray(s)}, {"z": np.int16(3)}, order=["x", "s", "z"])
    exact(found, [x, np.asarray(s)], level)


@pytest.mark.parametrize("level", LEVELS)
def test_by_channel(level: str) -> None:
    """A scale and a zero point for each channel, there and back."""
    text = (
        "(float[2,c,5] x, float[c] s, int8[c] z) => (float[2,c,5] y) {"
        "q = QuantizeLinear<axis = 1>(x, s, z)  y = DequantizeLinear<axis = 1>(q, s, z) }"
    )
    agree(parse(text), [floats(2, 3, 5), np.float32([0.1, 0.02, 1]), np.int8([0, 5, -9])], level)
    with pytest.raises(InputError):
        run(parse(text), [floats(2, 3, 5), np.float32([0.1, 0.02]), np.int8([0, 5])], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", [1, 50, 20000, 70001])
def test_dynamic_quantize(size: int, level: str) -> None:
    found = parse("(float[n] x) => (y, s, z) { y, s, z = DynamicQuantizeLinear(x) }")
    for x in (floats(size), np.abs(floats(size)), -np.abs(floats(size)), np.zeros(size, np.float32)):
        for result, truth in zip(run(found, [x], level), evaluate(found, [x]), strict=True):
            np.testing.assert_array_equal(result, truth)


@pytest.mark.parametrize("level", LEVELS)
def test_max_pool_of_bytes(level: str) -> None:
    for kind, kind_text in (("u8", "uint8"), ("i8", "int8")):
        text = f"({kind_text}[2,c,h,w] x) => (y) {{ y = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(x) }}"
        exact(parse(text), [whole(kind, 2, 70, 9, 8)], level)


@pytest.mark.parametrize("level", LEVELS)
def test_dynamically_quantized_layer(level: str) -> None:
    """What quantize_dynamic writes: everything behind the product joins it."""
    w, scale = whole("i8", 40, 33, seed=1), np.float32(0.02)
    constant = ", ".join(map(str, w.reshape(-1)))
    text = (
        f"(float[b,s,40] x, float[33] bias) => (float[b,s,33] y) <int8[40,33] w = {{{constant}}}, float sw = {{{scale}}}> {{"
        "q, s, z = DynamicQuantizeLinear(x)  m = MatMulInteger(q, w, z)  f = Cast<to = 1>(m)  t = Mul(s, sw)"
        "u = Mul(f, t)  v = Add(u, bias)  y = Relu(v) }"
    )
    agree(parse(text), [floats(2, 9, 40), floats(33, seed=2)], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shape", ["", "[1]"])
def test_quantized_where_it_is_summed(shape: str, level: str) -> None:
    """The next scale is inverted when the model is compiled, be it a scalar or a vector of one."""
    w = ", ".join(map(str, whole("i8", 40, 33, seed=1).reshape(-1)))
    text = (
        f"(uint8[m,40] a, float[m,33] r) => (uint8[m,33] y) <int8[40,33] w = {{{w}}}, float f = {{0.03}}, float{shape} s = {{0.7}},"
        f"uint8{shape} z = {{9}}> {{ m = MatMulInteger(a, w)  c = Cast<to = 1>(m)  t = Mul(c, f)  u = Add(t, r)"
        "y = QuantizeLinear(u, s, z) }"
    )
    close(parse(text), [whole("u8", 20, 40), floats(20, 33)], level)


@pytest.mark.parametrize("level", LEVELS)
def test_statically_quantized_layers(level: str) -> None:
    """What quantize_static writes around a residual block; against float arithmetic on the restored numbers."""
    w = whole("i8", 8, 8, 3, 3, seed=1)
    constant = ", ".join(map(str, w.reshape(-1)))
    text = (
        f"(float[n,8,h,w] x) => (float[n,8,h,w] y) <int8[8,8,3,3] w = {{{constant}}}, float sx = {{0.03}}, int8 zx = {{-5}},"
        "float[8] sw = {0.01, 0.02, 0.03, 0.01, 0.02, 0.03, 0.01, 0.02}, int8[8] zw = {0, 0, 0, 0, 0, 0, 0, 0},"
        "float sy = {0.4}, int8 zy = {7}, float sz = {0.5}, int8 zz = {-128}> {"
        "xq = QuantizeLinear(x, sx, zx)  xf = DequantizeLinear(xq, sx, zx)  wf = DequantizeLinear<axis = 0>(w, sw, zw)"
        "c = Conv<pads = [1, 1, 1, 1]>(xf, wf)  cq = QuantizeLinear(c, sy, zy)  cf = DequantizeLinear(cq, sy, zy)"
        "a = Add(cf, xf)  aq = QuantizeLinear(a, sz, zz)  y = DequantizeLinear(aq, sz, zz) }"
    )
    found, feeds = parse(text), [floats(2, 8, 6, 7)]
    [y], [truth] = run(found, feeds, level), evaluate(found, feeds)
    steps = np.abs(np.rint((y - truth) / 0.5))
    assert steps.max() <= 1
    assert (steps != 0).mean() < 0.01


def test_same_bits_for_any_threads() -> None:
    a, b = whole("u8", 200, 300), whole("i8", 300, 90, seed=1)
    found = model("MatMulInteger", {"a": a}, {"b": b})
    one, five = (run(found, [a], LEVELS[-1], threads=n)[0] for n in (1, 5))
    np.testing.assert_array_equal(one, five)


@pytest.mark.parametrize("level", LEVELS)
def test_images_whose_channels_lie_last(level: str) -> None:
    """They are read where they lie: nothing is copied."""
    facts: dict[str, Any] = {
        "xs": np.float32(0.02),
        "xz": np.uint8(7),
        "w": whole("u8", 40, 32, 3, 3, seed=1).view(np.int8),
    }
    facts |= {"ws": np.float32(0.03), "wz": np.int8(0), "ys": np.float32(2), "yz": np.uint8(100)}
    order = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"]
    window: dict[str, Any] = {"pads": [1, 1, 1, 1], "domain": "com.microsoft"}
    found = model("QLinearConv", {"x": whole("u8", 2, 6, 5, 32)}, facts, order=order, channels_last=1, **window)
    close(found, [whole("u8", 2, 6, 5, 32)], level)
    assert calls(found) == 1
    pool = model("NhwcMaxPool", {"x": whole("u8", 2, 6, 5, 32)}, {}, kernel_shape=[2, 2], **window)
    exact(pool, [whole("u8", 2, 6, 5, 32)], level)
    assert calls(pool) == 1
    x, weights = floats(2, 6, 5, 32), {"w": floats(16, 32, 3, 3, seed=1), "b": floats(16, seed=2)}
    plain = model("NhwcConv", {"x": x}, weights, **window)
    agree(plain, [x], level, rtol=1e-5, atol=1e-5)
    assert calls(plain) == 1
