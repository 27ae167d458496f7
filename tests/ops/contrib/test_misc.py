"""What else is in com.microsoft, beside onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.contrib.peer import compare, evaluated, floats, whole

F = np.float32


@pytest.mark.parametrize("axis", [0, 2, -1])
def test_expand_dims(axis: int) -> None:
    compare("ExpandDims", [floats(2, 3), np.array(axis, np.int32)])


@pytest.mark.parametrize("upper", [0, 1])
def test_trilu(upper: int) -> None:
    compare("Trilu", [floats(2, 4, 5), np.array(1)], upper=upper)
    compare("Trilu", [floats(4, 4)], upper=upper)


def test_rearranged() -> None:
    compare("Pad", [floats(2, 3), np.array([0, 1, 2, 0]), np.array([7], F)])
    compare("GatherND", [floats(2, 3, 4), np.array([[0, 1], [1, 2]], np.int32)])
    compare("Range", [F(1), F(4), F(0.5)])
    compare("Range", [np.array(3), np.array(9), None])
    compare("UnfoldTensor", [floats(2, 9)], size=3, step=2)
    compare("Unique", [np.array([3, 1, 3, 2, 1], F)], 3)
    table, picked = floats(5, 3), np.array([[4, 0], [1, 1]])
    np.testing.assert_array_equal(evaluated("TorchEmbedding", [table, picked])[0], table[picked])


def test_computed() -> None:
    x = floats(2, 3, 3) + 3 * np.eye(3, dtype=F)
    compare("Inverse", [x], atol=1e-4)
    compare("CDist", [floats(4, 5), floats(3, 5, seed=1)], atol=1e-4)
    compare("CDist", [floats(4, 5), floats(3, 5, seed=1)], atol=1e-4, metric="euclidean")
    compare("SampleOp", [floats(3)])


@pytest.mark.parametrize("bad", [0.0, np.inf, np.nan])
def test_finite(bad: float) -> None:
    x = np.array([1, bad], F)
    assert evaluated("IsAllFinite", [x])[0] == np.isfinite(bad)
    assert evaluated("IsAllFinite", [x], isinf_only=1)[0] == (not np.isinf(bad))
    assert evaluated("IsAllFinite", [x], isnan_only=1)[0] == (not np.isnan(bad))


def test_complex() -> None:
    """onnxruntime has no kernels for these on CPUs: against NumPy."""
    a, b = floats(3, 2), floats(3, 2, seed=1)
    product = (a[:, 0] + 1j * a[:, 1]) * (b[:, 0] + 1j * b[:, 1])
    np.testing.assert_allclose(
        evaluated("ComplexMul", [a, b])[0], np.stack([product.real, product.imag], -1), rtol=1e-5
    )
    mirrored = b * np.array([1, -1], F)
    np.testing.assert_allclose(
        evaluated("ComplexMulConj", [a, mirrored])[0], evaluated("ComplexMul", [a, b])[0], rtol=1e-5
    )
    x = floats(2, 8)
    [y] = evaluated("Rfft", [x])
    want = np.fft.rfft(x)
    np.testing.assert_allclose(y, np.stack([want.real, want.imag], -1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(evaluated("Irfft", [y], signal_ndim=1)[0], x, atol=1e-5)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_grid_sample(mode: str, padding: str) -> None:
    grid = np.random.default_rng(1).uniform(-1.2, 1.2, (1, 4, 5, 2)).astype(F)
    compare("GridSample", [floats(1, 2, 6, 7), grid], mode=mode, padding_mode=padding, atol=1e-4)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_crop_and_resize(mode: str) -> None:
    regions = np.array([[0.1, 0.2, 0.8, 0.9], [-0.2, 0.3, 1.3, 0.6]], F)
    given: list[Any] = [floats(2, 3, 8, 9), regions, np.array([1, 0], np.int32), np.array([4, 5], np.int32)]
    compare("CropAndResize", given, mode=mode, extrapolation_value=3.0, atol=1e-4)


def test_repeats() -> None:
    tokens = np.array([[1, 2, 3, 1, 2], [4, 4, 4, 4, 4]])
    compare("NGramRepeatBlock", [tokens, floats(2, 6)], ngram_size=3)


@pytest.mark.parametrize("positive", [0, 1])
def test_murmur(positive: int) -> None:
    texts = np.array(["", "a", "abcd", "hello world", "ünïcode"], object)
    for x in (texts, np.array([0, 1, -7], np.int32), np.array([5, 2**40]), np.array([0.5, 1e30], F)):
        compare("MurmurHash3", [x], positive=positive, seed=42)


def test_warping() -> None:
    for shape in ((4, 6), (1, 5, 3), (1, 4), (4, 1), (20, 17)):
        compare("DynamicTimeWarping", [floats(*shape)])
        compare("DynamicTimeWarping", [whole("uint8", *shape).astype(F) % 3])  # many paths cost the same
    compare("DynamicTimeWarping", [np.zeros((3, 3), F)])
