"""Products with what stands around them, and of what is quantized, beside onnxruntime."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tests.ops.contrib.peer import compare, evaluated, floats, whole

F = np.float32
KINDS = ["uint8", "int8"]


@pytest.mark.parametrize("turns", [{}, {"transA": 1}, {"transB": 1, "alpha": 0.5}, {"transA": 1, "transB": 1}], ids=str)
def test_fused_matmul(turns: dict[str, Any]) -> None:
    a, b = floats(2, 4, 5), floats(2, 5, 3, seed=1)
    a = a.swapaxes(1, 2).copy() if turns.get("transA") else a
    b = b.swapaxes(1, 2).copy() if turns.get("transB") else b
    compare("FusedMatMul", [a, b], **turns)
    compare("TransposeMatMul", [a, b], **turns)


def test_fused_matmul_turns_batches() -> None:
    compare("FusedMatMul", [floats(4, 2, 5), floats(2, 5, 3, seed=1)], transBatchA=1)
    compare("FusedMatMul", [floats(2, 4, 5), floats(3, 2, 5, seed=1)], transBatchB=1, transB=1)


@pytest.mark.parametrize(
    "activation",
    [
        {"activation": "Relu"},
        {"activation": "LeakyRelu", "activation_alpha": 0.1},
        {"activation": "Tanh"},
        {"activation": "HardSigmoid", "activation_alpha": 0.2, "activation_beta": 0.5},
    ],
    ids=str,
)
def test_fused_gemm(activation: dict[str, Any]) -> None:
    compare(
        "FusedGemm",
        [floats(4, 5), floats(3, 5, seed=1), floats(3, seed=2)],
        transB=1,
        alpha=0.5,
        beta=2.0,
        **activation,
    )


@pytest.mark.parametrize(("a", "b"), [("uint8", "uint8"), ("int8", "int8")])  # what onnxruntime has kernels for on CPUs
def test_integers_to_floats(a: str, b: str) -> None:
    left, right, bias = whole(a, 2, 4, 5), whole(b, 5, 3, seed=1), floats(3)
    compare("MatMulIntegerToFloat", [left, right, F(0.1), F(0.2)])
    scales, points = np.array([0.1, 0.2, 0.3], F), np.array([1, 2, 3], b)
    compare("MatMulIntegerToFloat", [left, right, F(0.1), scales, np.array(7, a), points, bias])


@pytest.mark.parametrize("b", KINDS)
def test_dynamic(b: str) -> None:
    x, right = floats(2, 4, 5), whole(b, 5, 3, seed=1)
    compare("DynamicQuantizeMatMul", [x, right, F(0.2), np.array(3, b)], atol=1e-3)
    scales, points = np.array([0.1, 0.2, 0.3], F), np.array([1, 2, 3], b)
    compare("DynamicQuantizeMatMul", [x, right, scales, points, floats(3)], atol=1e-3)


@pytest.mark.parametrize("quantized", [True, False])
@pytest.mark.parametrize("turns", [{}, {"transB": 1}, {"transA": 1, "alpha": 0.5}], ids=str)
def test_qgemm(turns: dict[str, Any], quantized: bool) -> None:
    a, b = whole("uint8", 4, 5), whole("int8", 5, 3, seed=1)
    a = a.T.copy() if turns.get("transA") else a
    b = b.T.copy() if turns.get("transB") else b
    facts = [a, F(0.1), np.uint8(7), b, F(0.2), np.int8(3), np.array([5, -6, 700], np.int32)]
    compare("QGemm", [*facts, *([F(2), np.uint8(9)] if quantized else [])], steps=1, atol=1e-3, **turns)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("points", [False, True])
@pytest.mark.parametrize("k", [32, 48, 64])
def test_few_bits(bits: int, points: bool, k: int) -> None:
    n, block = 5, 16
    blocks = -(-k // block)
    packed = whole("uint8", n, blocks, block * bits // 8)
    scales = np.abs(floats(n, blocks, seed=1)) + F(0.1)
    zero = whole("uint8", n, -(-blocks * bits // 8), seed=2) if points else None
    facts = {"K": k, "N": n, "bits": bits, "block_size": block}
    compare("MatMulNBits", [floats(2, 3, k), packed, scales, zero, None, floats(n)], rtol=1e-4, atol=1e-3, **facts)


@pytest.mark.parametrize("kind", [0, 1])
def test_four_bit_floats(kind: int) -> None:
    n, k, block = 6, 32, 16
    packed, largest = whole("uint8", n * k // 2), np.abs(floats(n * k // block))
    facts = {"K": k, "N": n, "block_size": block, "quant_type": kind}
    compare("MatMulBnb4", [floats(3, k), packed, largest], atol=1e-4, **facts)


@pytest.mark.parametrize("points", [False, True])
def test_gather_block_quantized(points: bool) -> None:
    data, scales = whole("uint8", 6, 16), np.abs(floats(6, 2, seed=1))
    zero = whole("uint8", 6, 1, seed=2) if points else None
    picked = np.array([[0, 5], [3, 1]])
    compare("GatherBlockQuantized", [data, picked, scales, zero], bits=4, block_size=16, gather_axis=0, quantize_axis=1)


@pytest.mark.parametrize(("gather", "quantize"), [(0, 1), (1, 0), (2, 1), (1, 2), (1, 1)])
def test_rows_are_restored_wherever_blocks_lie(gather: int, quantize: int) -> None:
    """onnxruntime takes four-bit integers from files only: against restoring everything first."""
    data = np.random.default_rng(0).integers(-8, 8, (4, 6, 16)).astype(ml_dtypes.int4)
    shape = [-(-n // 16) if axis == quantize else n for axis, n in enumerate(data.shape)]
    scales, picked = floats(*shape, seed=1), np.array([[1, -1], [0, 3]])
    spread = np.repeat(scales, 16, quantize).take(range(data.shape[quantize]), quantize)
    want = np.take(data.astype(np.float32) * spread, picked, gather)
    facts: dict[str, Any] = {"block_size": 16, "gather_axis": gather, "quantize_axis": quantize}
    [got] = evaluated("GatherBlockQuantized", [data, picked, scales], **facts)
    np.testing.assert_array_equal(got, want)
