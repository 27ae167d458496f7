"""Grids against torch's, and pixels of encoded images."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as fn

from sardonyx.core.errors import ShapeError, UnsupportedError
from tests.ops.apply import apply

R = np.random.default_rng(0)
X = R.standard_normal((2, 3, 5, 6), np.float32)
GRID = (R.random((2, 4, 7, 2), np.float32) - 0.5) * 3  # a third of it lies outside


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["linear", "nearest", "cubic"])
def test_grid_sample_is_torchs(mode: str, padding: str, align: bool) -> None:
    theirs = {"linear": "bilinear", "nearest": "nearest", "cubic": "bicubic"}[mode]
    wanted = fn.grid_sample(torch.tensor(X), torch.tensor(GRID), theirs, padding, align)
    found = apply("GridSample", X, GRID, mode=mode, padding_mode=padding, align_corners=int(align))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_grids_of_volumes() -> None:
    x, grid = R.standard_normal((1, 2, 3, 4, 5), np.float32), R.random((1, 2, 2, 2, 3), np.float32)
    wanted = fn.grid_sample(torch.tensor(x), torch.tensor(grid), align_corners=False)
    np.testing.assert_allclose(apply("GridSample", x, grid), wanted, rtol=1e-4, atol=1e-5)
    assert apply("GridSample", x, grid[:, :0]).shape == (1, 2, 0, 2, 2)


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("size", [(2, 3, 4, 5), (2, 3, 4, 5, 6)])
def test_affine_grid_is_torchs(size: tuple[int, ...], align: bool) -> None:
    axes = len(size) - 2
    theta = R.standard_normal((2, axes, axes + 1), np.float32)
    wanted = fn.affine_grid(torch.tensor(theta), list(size), align_corners=align)
    found = apply("AffineGrid", theta, np.array(size), align_corners=int(align))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_grid_of_other_points_is_refused() -> None:
    with pytest.raises(ShapeError, match="coordinates of a point and spatial axes differ: 3 and 2"):
        apply("GridSample", X, np.zeros((2, 4, 7, 3), np.float32))


def encoded(text: bytes) -> Any:
    return np.frombuffer(text, np.uint8)


def test_pixels_in_the_wanted_order() -> None:
    stream = encoded(b"P6 2 1 255\n\x01\x02\x03\x04\x05\x06")
    assert apply("ImageDecoder", stream).tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert apply("ImageDecoder", stream, pixel_format="BGR").tolist() == [[[3, 2, 1], [6, 5, 4]]]
    assert apply("ImageDecoder", stream, pixel_format="Grayscale").shape == (1, 2, 1)


def test_a_grey_image_becomes_rgb() -> None:
    assert apply("ImageDecoder", encoded(b"P5 1 1 255\n\x09")).tolist() == [[[9, 9, 9]]]


def test_without_a_decoder_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(UnsupportedError, match="pip install pillow"):
        apply("ImageDecoder", encoded(b"P5 1 1 255\n\x09"))
