"""Convolutions against torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as fn

from sardonyx.core.errors import ShapeError
from tests.ops.apply import apply

R = np.random.default_rng(0)
X = R.standard_normal((2, 4, 5, 6), np.float32)
W = R.standard_normal((4, 3, 3, 2), np.float32)
B = R.standard_normal(6, np.float32)

TRANSPOSED: dict[str, dict[str, Any]] = {
    "plain": {},
    "strided": {"stride": (2, 3)},
    "all of it": {"stride": (3, 2), "padding": (1, 1), "output_padding": (1, 0), "dilation": (2, 1)},
}


@pytest.mark.parametrize("facts", TRANSPOSED.values(), ids=list(TRANSPOSED))
def test_conv_transpose_is_torchs(facts: dict[str, Any]) -> None:
    wanted = fn.conv_transpose2d(torch.tensor(X), torch.tensor(W), torch.tensor(B), groups=2, **facts)
    pads = facts.get("padding", (0, 0))
    names = {"stride": "strides", "output_padding": "output_padding", "dilation": "dilations"}
    attrs: dict[str, Any] = {names[k]: list(v) for k, v in facts.items() if k in names}
    found = apply("ConvTranspose", X, W, B, group=2, pads=[*pads, *pads], **attrs)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_col2im_is_torchs() -> None:
    columns = R.standard_normal((2, 3 * 6, 4 * 6), np.float32)
    wanted = fn.fold(torch.tensor(columns), (6, 6), (2, 3), padding=(1, 1), stride=(2, 1))
    found = apply("Col2Im", columns, np.array([6, 6]), np.array([2, 3]), pads=[1, 1, 1, 1], strides=[2, 1])
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


def test_a_deformed_convolution_without_offsets_is_a_convolution() -> None:
    w = R.standard_normal((6, 2, 3, 2), np.float32)
    plain = apply("Conv", X, w, B, group=2, strides=[1, 2], pads=[1, 0, 1, 0])
    offset = np.zeros((2, 2 * 3 * 2, *plain.shape[2:]), np.float32)
    mask = np.full((2, 3 * 2, *plain.shape[2:]), 0.5, np.float32)
    bent = apply("DeformConv", X, w, offset, B, group=2, strides=[1, 2], pads=[1, 0, 1, 0])
    np.testing.assert_allclose(bent, plain, rtol=1e-5, atol=1e-5)
    half = apply("DeformConv", X, w, offset, None, mask, group=2, strides=[1, 2], pads=[1, 0, 1, 0])
    np.testing.assert_allclose(half, (plain - B.reshape(-1, 1, 1)) / 2, rtol=1e-4, atol=1e-5)


def test_an_offset_moves_every_point_of_the_window() -> None:
    w = R.standard_normal((1, 4, 1, 1), np.float32)
    offset = np.zeros((2, 2, 5, 6), np.float32)
    offset[:, 1] = 1  # one column to the right; beyond the last is zero
    found = apply("DeformConv", X, w, offset)
    moved = np.concatenate([X[..., 1:], np.zeros_like(X[..., :1])], -1)
    np.testing.assert_allclose(found, apply("Conv", moved, w), rtol=1e-5, atol=1e-6)


def test_other_channels_are_refused() -> None:
    with pytest.raises(ShapeError, match="channels of X and of W differ: 4 and 3"):
        apply("ConvTranspose", X, W[:3])
