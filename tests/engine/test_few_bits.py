"""Products with packed weights, at every level: any bits, blocks, zero points and ragged extents."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from sardonyx import io
from sardonyx.core.dims import symbol
from sardonyx.core.dtypes import FLOAT32
from sardonyx.core.errors import InputError
from sardonyx.engine.prepare import prepare
from sardonyx.ir import Model, TensorType
from tests.engine.oracle import LEVELS, agree, floats, run


def model(nodes: list[Any], x: list[Any], constants: dict[str, Any]) -> Model:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, x)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return io.from_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


def few_bits(k: int, n: int, bits: int, block: int, points: str = "none", bias: bool = False, rank: int = 2) -> Model:
    """A MatMulNBits node; `points`: none, packed, or as floats."""
    rng, blocks = np.random.default_rng(1), -(-k // block)
    constants = {
        "b": rng.integers(0, 256, (n, blocks, block * bits // 8)).astype(np.uint8),
        "s": (rng.random(n * blocks) + 0.1).astype(np.float32),
    }
    if points == "packed":
        constants["z"] = rng.integers(0, 256, n * -(-blocks * bits // 8)).astype(np.uint8)
    elif points == "floats":
        constants["z"] = (rng.standard_normal(n * blocks) + 8).astype(np.float32)
    if bias:
        constants["c"] = floats(n, seed=2)
    inputs = ["x", "b", "s", "z" if points != "none" else "", "", *(["c"] if bias else [])]
    node = helper.make_node("MatMulNBits", inputs, ["y"], domain="com.microsoft", K=k, N=n, bits=bits, block_size=block)
    return model([node], [*["b", "m"][3 - rank :], k], constants)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("points", ["none", "packed", "floats"])
@pytest.mark.parametrize("shape", [(1, 64, 70, 16), (7, 48, 16, 32), (3, 100, 33, 32), (13, 512, 130, 512)], ids=str)
def test_matmul_n_bits(shape: tuple[int, int, int, int], points: str, bits: int, level: str) -> None:
    m, k, n, block = shape
    agree(few_bits(k, n, bits, block, points, bias=m == 7, rank=3), [floats(2, m, k)], level)


@pytest.mark.parametrize("level", LEVELS)
@settings(deadline=None, max_examples=10)
@given(m=st.integers(0, 30), k=st.integers(1, 200), n=st.integers(1, 150))
def test_any_extents(level: str, m: int, k: int, n: int) -> None:
    agree(few_bits(k, n, 4, 16, "packed"), [floats(m, k)], level)


def test_another_depth_is_refused() -> None:
    found = few_bits(64, 16, 4, 32)
    found.graph.inputs[0].type = TensorType(FLOAT32, (symbol("m"), symbol("d")))
    with pytest.raises(InputError):
        run(found, [floats(3, 48)], LEVELS[-1])


RESTORED = {
    "int4 by blocks": (ml_dtypes.int4, (4, 70), {"axis": 0, "block_size": 16}),
    "uint4 by columns": (ml_dtypes.uint4, (70,), {"axis": 1}),
    "int8 by columns": (np.int8, (70,), {"axis": -1}),
    "uint8 for all": (np.uint8, (), {}),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", RESTORED.values(), ids=RESTORED)
@pytest.mark.parametrize("points", [True, False])
def test_restored_weights(case: tuple[Any, tuple[int, ...], dict[str, Any]], points: bool, level: str) -> None:
    """DequantizeLinear before a product is part of it."""
    kind, scales, attrs = case
    low, high = (-8, 8) if kind in (ml_dtypes.int4, np.int8) else (0, 16)
    w = np.random.default_rng(0).integers(low, high, (64, 70)).astype(kind)
    constants = {"w": w, "s": np.abs(floats(*scales, seed=1)) + np.float32(0.1)}
    if points:
        constants["z"] = np.random.default_rng(2).integers(0, 7, scales).astype(kind)
    nodes = [
        helper.make_node("DequantizeLinear", [*constants], ["f"], **attrs),
        helper.make_node("MatMul", ["x", "f"], ["y"]),
    ]
    found = model(nodes, ["m", 64], constants)
    assert [n.op_type for n in prepare(found).graph.nodes] == ["MatMulNBits"]
    agree(found, [floats(9, 64)], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", [0, 1], ids=["FP4", "NF4"])
@pytest.mark.parametrize("shape", [(1, 64, 70, 16), (7, 96, 33, 32), (13, 512, 130, 512)], ids=str)
def test_four_bit_floats(shape: tuple[int, int, int, int], kind: int, level: str) -> None:
    m, k, n, block = shape
    rng = np.random.default_rng(1)
    constants = {
        "b": rng.integers(0, 256, n * k // 2).astype(np.uint8),
        "s": rng.random(n * k // block).astype(np.float32),
    }
    facts: dict[str, Any] = {"K": k, "N": n, "block_size": block, "quant_type": kind}
    node = helper.make_node("MatMulBnb4", ["x", "b", "s"], ["y"], domain="com.microsoft", **facts)
    agree(model([node], ["m", k], constants), [floats(m, k)], level)


def test_same_bits_for_any_threads() -> None:
    found = few_bits(256, 300, 4, 32)
    x = floats(20, 256)
    one, five = (run(found, [x], LEVELS[-1], threads=n)[0] for n in (1, 5))
    np.testing.assert_array_equal(one, five)
    np.testing.assert_array_equal(one[:7], run(found, [x[:7]], LEVELS[-1])[0])
