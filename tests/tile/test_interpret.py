"""The interpreter gives each sample kernel the meaning that NumPy gives it, and finds accesses out of bounds."""

from __future__ import annotations

from collections.abc import Callable
from math import erf

import ml_dtypes
import numpy as np
import pytest

from sardonyx.core.errors import ExecutionError
from sardonyx.tile import Builder, Kernel, f32
from sardonyx.tile.interpret import interpret
from tests.tile import kernels

RNG = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("n", [0, 1, 7, 8, 19])
def test_dot(n: int) -> None:
    x, y, out = floats(max(n, 1)), floats(max(n, 1)), floats(1)
    interpret(kernels.dot(), [x, y, out, n])
    np.testing.assert_allclose(out[0], x[:n].astype(np.float64) @ y[:n], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cols", [3, 16, 21])
def test_bias_gelu_touches_its_row_only(cols: int) -> None:
    x, bias, y = floats(3, 24), floats(24), np.full((3, 24), 9, np.float32)
    interpret(kernels.bias_gelu(), [x, bias, y, cols, 24, 24], begin=1, end=3)
    v = (x + bias).astype(np.float64)
    want = v * 0.5 * (1 + np.vectorize(erf)(v / np.sqrt(2)))
    np.testing.assert_allclose(y[1:, :cols], want[1:, :cols], rtol=2e-6, atol=1e-6)
    assert (y[0] == 9).all()
    assert (y[:, cols:] == 9).all()


def test_gemm() -> None:
    a, b, c = floats(6, 10), floats(2, 10, 16), floats(6, 32)
    interpret(kernels.gemm(), [a, b, c, 10, 10, 32], end=2)
    np.testing.assert_allclose(c, np.concatenate([a @ b[0], a @ b[1]], 1), rtol=1e-5, atol=1e-5)


def test_dot_instructions() -> None:
    a, b = (floats(32).astype(ml_dtypes.bfloat16) for _ in range(2))
    f, i = floats(16), RNG.integers(-99, 99, 16, np.int32)
    x, y = RNG.integers(0, 255, 64, np.uint8), RNG.integers(-128, 127, 64, np.int8)
    want_f = f + (a.astype(np.float64) * b.astype(np.float64)).reshape(16, 2).sum(1)
    want_i = i + (x.astype(np.int32) * y.astype(np.int32)).reshape(16, 4).sum(1)
    interpret(kernels.dots(), [a, b, f, x, y, i])
    np.testing.assert_allclose(f, want_f, rtol=1e-5, atol=1e-6)
    assert (i == want_i).all()


def test_word_dot_instructions() -> None:
    x, y = (RNG.integers(-(2**15), 2**15, 32, np.int16) for _ in range(2))
    total = np.arange(32, dtype=np.int32)
    want = total.copy()
    with np.errstate(over="ignore"):
        for lanes in (4, 8, 16):
            products = x[: 2 * lanes].astype(np.int32) * y[: 2 * lanes].astype(np.int32)
            want[lanes : 2 * lanes] += products.reshape(lanes, 2).sum(1, dtype=np.int32)
    interpret(kernels.word_dots(), [x, y, total])
    assert (total == want).all()


def test_lookup() -> None:
    table, index, out = floats(16), RNG.integers(0, 2**32, 16, np.uint32), np.zeros(16, np.float32)
    interpret(kernels.lookup(), [table, index, out])
    assert (out == table[index % 16]).all()


def test_matrix_unit_in_bfloat16() -> None:
    steps = 2
    a, b = floats(16, 32 * steps).astype(ml_dtypes.bfloat16), floats(32 * steps, 16).astype(ml_dtypes.bfloat16)
    packed = np.ascontiguousarray(b.reshape(steps, 16, 2, 16).transpose(0, 1, 3, 2))
    c = floats(16, 16)
    interpret(kernels.amx_product(), [a, packed, c, steps])
    np.testing.assert_allclose(c, a.astype(np.float64) @ b.astype(np.float64), rtol=1e-4, atol=1e-4)


def test_matrix_unit_sums_products_before_it_adds_them() -> None:
    """As the machine does: ones that would vanish in a large sum one by one are added to it together."""
    a, b = np.zeros((16, 64), np.float32), np.ones((2, 16, 32), np.float32)
    a[:, 0], a[:, 32:] = 2.0**24, 1
    c = floats(16, 16)
    interpret(kernels.amx_product(), [a.astype(ml_dtypes.bfloat16), b.astype(ml_dtypes.bfloat16), c, 2])
    assert (c == 2.0**24 + 32).all()


SIGNS = {"tdpbssd": (np.int8, np.int8), "tdpbsud": (np.int8, np.uint8), "tdpbusd": (np.uint8, np.int8), "tdpbuud": (np.uint8, np.uint8)}  # fmt: skip


@pytest.mark.parametrize("name", SIGNS)
def test_matrix_unit_in_bytes(name: str) -> None:
    kinds = SIGNS[name]
    a, b = (RNG.integers(np.iinfo(k).min, np.iinfo(k).max, (16, 64), k, endpoint=True) for k in kinds)
    packed = np.ascontiguousarray(b.T.reshape(16, 4, 16).transpose(0, 2, 1))
    c = np.zeros((16, 16), np.int32)
    interpret(kernels.amx_int8(name), [a.view(np.uint8), packed.view(np.uint8), c])
    assert (c == a.astype(np.int32) @ b.T.astype(np.int32)).all()


def by_hand(x: list[int]) -> int:
    """What the sample `control` computes."""
    total, small = 0, [0] * 8
    for i, v in enumerate(x):
        if v % 2 > 0:
            total += v
            total -= v > 50
        else:
            total = (total ^ v) + 3 * (3 * len(x))
        small[i % 8] = total
    return total + small[(len(x) - 1) % 8] + (total >> 1)


def test_control() -> None:
    x = [3, 8, 77, -5, 0, 51, 50, 12, 9]
    y = np.zeros(2, np.int64)
    interpret(kernels.control(), [np.array(x), y, len(x)], begin=1, end=2)
    assert list(y) == [0, by_hand(x)]


def test_lanes() -> None:
    x, y, z = floats(24), np.zeros(80, np.float32), np.zeros(8, np.int32)
    interpret(kernels.lanes(), [x, y, z])
    v, w = x[:8], x[8:16]
    assert (y[:8] == np.stack([v, w], 1).reshape(-1)[:8]).all()
    assert (y[8:16] == np.where(v < w, v, w)).all()
    index = np.arange(8) * 3 % 16
    want = np.where(index != 9, x[index], 0)
    want_places = np.zeros(40, np.float32)
    want_places[16:24] = want
    want_places[index + 24] = v + w
    assert (y[16:40] == want_places[16:40]).all()
    assert y[40] == v[3]
    assert (y[48:56] == [0, 0, 0, 0, 0, 0, 0, 0]).all()
    assert (y[56:61] == x[16:21]).all()
    assert (y[61:64] == 0).all()
    assert (z[:7] == [28, 0, 0, 7, 0, 7, 0]).all()


def reader(index: int) -> Kernel:
    k = Builder("reader")
    x = k.ptr("x", f32)
    x.store(0, x.load(index))
    return k.build()


def writer(index: int) -> Kernel:
    k = Builder("writer")
    x = k.ptr("x", f32)
    x.at(index).store(0, 1.0)
    return k.build()


@pytest.mark.parametrize(("make", "what"), [(reader, "reads"), (writer, "writes")])
@pytest.mark.parametrize("index", [-1, 4])
def test_accesses_outside_are_found(make: Callable[[int], Kernel], what: str, index: int) -> None:
    interpret(make(3), [floats(4)])
    with pytest.raises(ExecutionError, match=f"{what} out of bounds"):
        interpret(make(index), [floats(4)])


def test_arguments_are_checked() -> None:
    with pytest.raises(ExecutionError, match="takes 1 arguments, not 2"):
        interpret(reader(0), [floats(4), 3])
    with pytest.raises(ExecutionError, match="contiguous"):
        interpret(reader(0), [floats(4, 4).T])
