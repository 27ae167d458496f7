"""Pools against torch's, and the corners of their windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as fn

from sardonyx.core.dims import symbol
from sardonyx.core.errors import InputError, ShapeError
from sardonyx.ops.nn import window_extent
from tests.ops.apply import apply

X = np.random.default_rng(0).standard_normal((2, 3, 7, 9), np.float32)
WINDOWS: dict[str, dict[str, Any]] = {
    "plain": {"kernel_size": 2, "stride": 2},
    "padded": {"kernel_size": 3, "stride": 2, "padding": 1},
    "ceiled": {"kernel_size": 3, "stride": 2, "ceil_mode": True},
    "ceiled and padded": {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
}


def ours(window: dict[str, Any]) -> dict[str, Any]:
    """torch's words in the standard's."""
    pad = window.get("padding", 0)
    facts = {"kernel_shape": [window["kernel_size"]] * 2, "strides": [window["stride"]] * 2, "pads": [pad] * 4}
    return facts | {"ceil_mode": int(window.get("ceil_mode", False))}


@pytest.mark.parametrize("window", WINDOWS.values(), ids=list(WINDOWS))
def test_max_pool_is_torchs(window: dict[str, Any]) -> None:
    wanted, places = fn.max_pool2d(torch.tensor(X), return_indices=True, **window)
    found, index = apply("MaxPool", X, outputs=2, **ours(window))
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(index % X[0, 0].size, places)  # torch counts within one image
    np.testing.assert_array_equal(X.reshape(-1)[index], found)


@pytest.mark.parametrize("include", [False, True])
@pytest.mark.parametrize("window", WINDOWS.values(), ids=list(WINDOWS))
def test_average_pool_is_torchs(window: dict[str, Any], include: bool) -> None:
    wanted = fn.avg_pool2d(torch.tensor(X), count_include_pad=include, **window)
    found = apply("AveragePool", X, count_include_pad=int(include), **ours(window))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_lp_pools_are_norms() -> None:
    found = apply("LpPool", X, kernel_shape=[2, 2], strides=[2, 2], p=3)
    wanted = fn.lp_pool2d(torch.tensor(np.abs(X)), 3, 2, 2)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    norm = apply("GlobalLpPool", X, p=1)
    np.testing.assert_allclose(norm, np.abs(X).sum((2, 3), keepdims=True), rtol=1e-5)


def test_a_symbolic_extent_counts_its_windows_as_its_numbers_do() -> None:
    from sardonyx.core.dims import evaluate

    for kernel, stride, pads in ((2, 3, (1, 1)), (3, 2, (0, 0)), (2, 2, (0, 1)), (3, 4, (1, 2))):
        formula = window_extent(symbol("n"), kernel, stride, 1, pads, ceil=True)
        for n in range(3, 20):
            assert evaluate(formula, {"n": n}) == window_extent(n, kernel, stride, 1, pads, ceil=True)


def test_max_unpool_undoes_max_pool() -> None:
    y, index = apply("MaxPool", X[:, :, :6, :8], outputs=2, kernel_shape=[2, 2], strides=[2, 2])
    back = apply("MaxUnpool", y, index, kernel_shape=[2, 2], strides=[2, 2])
    assert back.shape == (2, 3, 6, 8)
    np.testing.assert_array_equal(apply("MaxPool", back, kernel_shape=[2, 2], strides=[2, 2]), np.maximum(y, 0))


def test_max_roi_pool_takes_the_largest_of_each_cell() -> None:
    x = np.arange(36, dtype=np.float32).reshape(1, 1, 6, 6)
    rois = np.array([[0, 0, 0, 3, 3], [0, 4, 4, 9, 9]], np.float32)
    found = apply("MaxRoiPool", x, rois, pooled_shape=[2, 2])
    assert found[0, 0].tolist() == [[7, 9], [19, 21]]
    assert found[1, 0].tolist() == [[35, 0], [0, 0]]  # three of its cells lie outside


@pytest.mark.parametrize("batch", [-1, 2])
def test_a_region_of_an_image_that_is_not_there_is_refused(batch: int) -> None:
    with pytest.raises(InputError, match=f"batch index {batch} is out of range"):
        apply("MaxRoiPool", X, np.array([[batch, 0, 0, 3, 3]], np.float32), pooled_shape=[2, 2])


def test_indices_that_no_pooled_element_can_have_are_refused() -> None:
    one = np.ones((1, 1, 1), np.float32)
    for index in (-1, 2):
        with pytest.raises(InputError, match=r"in \[0, 2\)"):
            apply("MaxUnpool", one, np.array([[[index]]]), kernel_shape=[2])
    with pytest.raises(ShapeError):
        apply("MaxUnpool", one, np.array([[[0]]]), np.array([1, 1]), kernel_shape=[2])


def test_roi_align_interpolates_a_plane_exactly() -> None:
    plane = (np.arange(8, dtype=np.float32)[:, None] * 10 + np.arange(8, dtype=np.float32))[None, None]
    roi = np.array([[1, 1, 5, 5]], np.float32)
    found = apply("RoiAlign", plane, roi, np.array([0]), output_height=2, output_width=2, sampling_ratio=2)
    np.testing.assert_allclose(found[0, 0], [[16.5, 18.5], [36.5, 38.5]])  # cell centres, half a pixel to the left


def test_a_window_of_another_rank_is_refused() -> None:
    with pytest.raises(ShapeError, match="2 axes does not slide over"):
        apply("AveragePool", X[0], kernel_shape=[2, 2])
