"""Convolution as a product: windows, groups, few channels, epilogues, one to three axes."""

from __future__ import annotations

import pytest

from tests.engine.oracle import LEVELS, agree, calls, floats, parse, run

WINDOWS = {
    "1x1": (40, (7, 9), (1, 1), ""),
    "1x1 halving": (40, (7, 9), (1, 1), "strides = [2, 2]"),
    "3x3": (40, (9, 7), (3, 3), "pads = [1, 1, 1, 1]"),
    "3x3 without padding": (33, (6, 11), (3, 3), ""),
    "3x3 halving": (64, (9, 8), (3, 3), "pads = [1, 1, 1, 1], strides = [2, 2]"),
    "uneven padding": (32, (5, 6), (2, 3), "pads = [0, 2, 1, 1]"),
    "dilated": (32, (9, 9), (3, 3), "pads = [2, 2, 2, 2], dilations = [2, 2]"),
    "few channels": (3, (17, 15), (7, 7), "pads = [3, 3, 3, 3], strides = [2, 2]"),
    "few channels, dilated": (3, (17, 15), (3, 3), "dilations = [2, 2]"),
    "few channels, no padding": (5, (8, 9), (2, 3), "strides = [1, 2]"),
    "one channel": (1, (8, 8), (3, 3), "pads = [1, 1, 1, 1]"),
    "same": (40, (7, 6), (3, 2), 'auto_pad = "SAME_LOWER", strides = [2, 1]'),
    "one axis": (34, (23,), (5,), "pads = [2, 2]"),
    "one axis, few channels": (2, (23,), (5,), "pads = [4, 0], strides = [3]"),
    "three axes": (35, (3, 5, 4), (2, 3, 1), "pads = [1, 1, 0, 0, 1, 0]"),
    "three axes, few channels": (2, (3, 5, 6), (3, 3, 3), "pads = [1, 1, 1, 1, 1, 1]"),
    "window larger than the image": (40, (2, 1), (3, 3), "pads = [1, 1, 1, 1]"),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_window(window: tuple[int, tuple[int, ...], tuple[int, ...], str], level: str) -> None:
    channels, spatial, kernel, attributes = window
    shape, taps = ",".join(map(str, ("n", channels, *spatial))), ",".join(map(str, kernel))
    model = parse(
        f"(float[{shape}] x, float[45,{channels},{taps}] w, float[45] b) => (y)"
        f"{{ y = Conv{'<' + attributes + '>' if attributes else ''}(x, w, b) }}"
    )
    agree(model, [floats(2, channels, *spatial), floats(45, channels, *kernel, seed=1), floats(45, seed=2)], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("groups", "channels", "maps"), [(2, 64, 64), (3, 12, 9), (4, 132, 8), (5, 5, 10)])
def test_groups(groups: int, channels: int, maps: int, level: str) -> None:
    """The image lies in any order; a residual is read group by group."""
    each = channels // groups
    model = parse(
        f"(float[n,{channels},6,7] x, float[{maps},{each},3,3] w, float[n,{maps},6,7] r) => (y) {{"
        f"h = Conv<group = {groups}, pads = [1, 1, 1, 1]>(x, w)  y = Add(r, h) }}"
    )
    feeds = [floats(2, channels, 6, 7), floats(maps, each, 3, 3, seed=1), floats(2, maps, 6, 7, seed=2)]
    agree(model, feeds, level)


@pytest.mark.parametrize("level", LEVELS)
def test_epilogue(level: str) -> None:
    """A block of a residual network: what follows a convolution is in its kernel; the image keeps its channels innermost."""
    model = parse(
        "(float[n,40,h,w] x, float[64,40,1,1] a, float[64] c, float[64,64,3,3] d, float[40,64,1,1] e) => (float[n,40,h,w] y) {"
        "p = Conv(x, a, c)  q = Relu(p)  r = Conv<pads = [1, 1, 1, 1]>(q, d)  s = HardSwish(r)  t = Conv(s, e)"
        "u = Add(t, x)  y = Relu(u) }"
    )
    feeds = [floats(2, 40, 5, 6), floats(64, 40, 1, 1, seed=1), floats(64, seed=2)]
    agree(model, [*feeds, floats(64, 64, 3, 3, seed=3), floats(40, 64, 1, 1, seed=4)], level)
    # the image's channels inwards, three packings, three products, and the result's channels outwards
    assert calls(model) <= 9


@pytest.mark.parametrize("level", LEVELS)
def test_symbolic_extents(level: str) -> None:
    model = parse(
        "(float[n,3,h,w] x, float[33,3,3,3] a) => (y) { y = Conv<pads = [1, 1, 1, 1], strides = [2, 2]>(x, a) }"
    )
    for h, w in ((9, 12), (14, 5)):
        agree(model, [floats(1, 3, h, w), floats(33, 3, 3, 3, seed=1)], level)


def test_same_bits_for_any_threads() -> None:
    import numpy as np

    model = parse("(float[n,64,h,w] x, float[70,64,3,3] a) => (y) { y = Conv<pads = [1, 1, 1, 1]>(x, a) }")
    feeds = [floats(1, 64, 15, 14), floats(70, 64, 3, 3, seed=1)]
    one, two = (run(model, feeds, LEVELS[-1], threads=n)[0] for n in (1, 2))
    np.testing.assert_array_equal(one, two)
