"""Transposed convolution: strides and windows of every relation, groups, paddings, and extents that come late."""

from __future__ import annotations

import pytest

from tests.engine.oracle import LEVELS, agree, floats, parse

# channels, results of a group, extents, window, attributes
CASES: dict[str, tuple[int, int, tuple[int, ...], tuple[int, ...], str]] = {
    "windows side by side": (4, 3, (5, 6), (2, 2), "strides = [2, 2]"),
    "windows that overlap": (4, 3, (5, 6), (4, 4), "strides = [2, 2], pads = [1, 1, 1, 1]"),
    "an odd window, one row added": (4, 3, (5, 6), (3, 3), "strides = [2, 2], pads = [1, 1, 1, 1], output_padding = [1, 1]"),
    "no stride": (4, 3, (5, 6), (3, 3), "pads = [0, 1, 2, 0]"),
    "dilated": (4, 3, (5, 6), (3, 2), "strides = [3, 1], dilations = [2, 2], pads = [1, 0, 2, 1]"),
    "groups": (6, 5, (5, 6), (3, 3), "strides = [2, 2], group = 2"),
    "a group for each channel": (4, 1, (5, 5), (3, 3), "strides = [2, 2], group = 4, pads = [1, 1, 1, 1]"),
    "gaps between windows": (4, 3, (5, 6), (2, 2), "strides = [3, 3], output_padding = [2, 1]"),
    "same, upper": (4, 3, (5, 6), (3, 3), 'strides = [2, 2], auto_pad = "SAME_UPPER"'),
    "same, lower": (4, 3, (5, 6), (3, 3), 'strides = [2, 2], auto_pad = "SAME_LOWER"'),
    "one axis, many channels": (48, 33, (7,), (4,), "strides = [2], pads = [1, 1]"),
    "apart: windows that overlap": (5, 17, (4, 3), (4, 4), "strides = [2, 2], pads = [1, 1, 1, 1]"),
    "apart: an odd window": (5, 17, (5, 6), (3, 3), "strides = [2, 2], pads = [1, 1, 1, 1], output_padding = [1, 0]"),
    "apart: nothing cut off, dilated": (5, 17, (5, 6), (3, 2), "strides = [2, 3], dilations = [2, 3]"),
    "apart: groups": (6, 16, (5, 6), (5, 5), "strides = [2, 2], group = 2, pads = [2, 1, 0, 3]"),
    "apart: one axis": (6, 20, (7,), (16,), "strides = [8], pads = [4, 4]"),
    "apart: same": (5, 17, (5, 6), (3, 3), 'strides = [2, 2], auto_pad = "SAME_UPPER"'),
    "three axes": (4, 2, (3, 4, 5), (2, 3, 2), "strides = [2, 1, 3]"),
}  # fmt: skip


def numbers(array: object) -> str:
    return "{" + ", ".join(repr(float(x)) for x in array.ravel()) + "}"  # pyright: ignore


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("late", [False, True], ids=["extents known", "extents late"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_cases(case: tuple[int, int, tuple[int, ...], tuple[int, ...], str], late: bool, level: str) -> None:
    channels, own, spatial, window, attributes = case
    groups = int(attributes.split("group = ")[1].split(",")[0]) if "group" in attributes else 1
    weights, bias = floats(channels, own, *window, seed=1), floats(own * groups, seed=2)
    extents = [f"S{i}" for i in range(len(spatial))] if late else spatial
    shape = ", ".join(map(str, ("N", channels, *extents)))
    model = parse(
        f"(float[{shape}] x) => (y) <float[{', '.join(map(str, weights.shape))}] w = {numbers(weights)},"
        f"float[{len(bias)}] b = {numbers(bias)}> {{ c = ConvTranspose<{attributes}>(x, w, b) y = Relu(c) }}"
    )
    agree(model, [floats(2, channels, *spatial)], level)


@pytest.mark.parametrize("shape", [(10, 12), (11, 13)])
def test_the_shape_is_given(shape: tuple[int, int]) -> None:
    weights = floats(4, 3, 3, 3, seed=1)
    model = parse(
        f"(float[2, 4, 5, 6] x) => (y) <float[4, 3, 3, 3] w = {numbers(weights)}>"
        f"{{ y = ConvTranspose<strides = [2, 2], output_shape = [{shape[0]}, {shape[1]}]>(x, w) }}"
    )
    agree(model, [floats(2, 4, 5, 6)], LEVELS[-1])
