"""Resizing: modes, mappings of coordinates, layouts, types, and extents that come late."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engine.oracle import LEVELS, agree, floats, parse

MAPPINGS = (
    "half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric", "tf_half_pixel_for_nn",
)  # fmt: skip
SCALES = ((1, 1, 2, 2), (1, 1, 0.6, 0.5), (1, 1, 1, 3), (1, 1, 2.7, 1))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("mapping", MAPPINGS)
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_scales(mode: str, mapping: str, level: str) -> None:
    for scales in SCALES:
        model = parse(
            f"(float[N, 3, 7, 5] x) => (y) <float[4] s = {{{', '.join(map(str, scales))}}}>"
            f'{{ y = Resize<mode = "{mode}", coordinate_transformation_mode = "{mapping}">(x, , s) }}'
        )
        agree(model, [floats(2, 3, 7, 5)], level)


@pytest.mark.parametrize("attributes", ["antialias = 1", "exclude_outside = 1", "antialias = 1, exclude_outside = 1"])
@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_sums_of_many(mode: str, attributes: str) -> None:
    for scales in SCALES:
        model = parse(
            f"(float[N, 3, 9, 8] x) => (y) <float[4] s = {{{', '.join(map(str, scales))}}}>"
            f'{{ y = Resize<mode = "{mode}", {attributes}>(x, , s) }}'
        )
        agree(model, [floats(2, 3, 9, 8)], LEVELS[-1])


@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_extents_that_come_late(mode: str) -> None:
    """By a scale, and to the size that another value has."""
    model = parse(
        "(float[N, 4, H, W] x, float[N, 4, A, B] like) => (y, z) <float[4] s = {1, 1, 2, 2}, int64[1] two = {2}>"
        f'{{ y = Resize<mode = "{mode}">(x, , s) size = Shape<start = 2>(like)'
        f' z = Resize<mode = "{mode}", axes = [2, 3]>(x, , , size) }}'
    )
    for h, w, a, b in ((3, 5, 7, 4), (6, 2, 6, 5)):
        agree(model, [floats(2, 4, h, w), floats(2, 4, a, b)], LEVELS[-1])


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("channels", [3, 40])
def test_after_a_convolution(channels: int, level: str) -> None:
    """The image has its channels innermost then."""
    model = parse(
        f"(float[1, {channels}, 6, 5] x, float[{channels}, {channels}, 1, 1] w) => (y) <float[4] s = {{1, 1, 2, 3}}>"
        f'{{ c = Conv(x, w) r = Resize<mode = "linear">(c, , s) y = Sigmoid(r) }}'
    )
    agree(model, [floats(1, channels, 6, 5), floats(channels, channels, 1, 1, seed=1)], level)


@pytest.mark.parametrize("kind", ["uint8", "float16", "int64", "double"])
def test_nearest_moves_elements_of_any_type(kind: str) -> None:
    model = parse(
        f'({kind}[1, 2, 3, 4] x) => (y) <float[4] s = {{1, 1, 2, 0.5}}> {{ y = Resize<mode = "nearest">(x, , s) }}'
    )
    x = np.arange(24).reshape(1, 2, 3, 4).astype({"double": "float64"}.get(kind, kind))
    agree(model, [x], LEVELS[-1])
