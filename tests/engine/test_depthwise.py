"""Depthwise convolution with its epilogues."""

from __future__ import annotations

import pytest

from tests.engine.oracle import LEVELS, agree, floats, parse

WINDOWS = {
    "3x3": ((9, 17), (3, 3), "pads = [1, 1, 1, 1]"),
    "3x3 halving": ((14, 20), (3, 3), "pads = [1, 1, 1, 1], strides = [2, 2]"),
    "3x3 without padding": ((6, 40), (3, 3), ""),
    "5x5": ((7, 7), (5, 5), "pads = [2, 2, 2, 2]"),
    "5x5 halving, uneven": ((11, 13), (5, 5), "pads = [2, 1, 2, 3], strides = [2, 2]"),
    "dilated": ((12, 30), (3, 3), "pads = [2, 3, 2, 3], dilations = [2, 3]"),
    "same": ((10, 12), (3, 4), 'auto_pad = "SAME_UPPER", strides = [1, 3]'),
    "one axis": ((33,), (5,), "pads = [2, 2]"),
    "one axis, a long window": ((40,), (31,), "pads = [15, 15]"),
    "a long window, halving": ((5, 30), (2, 11), "pads = [0, 5, 1, 5], strides = [1, 2]"),
    "a long window, dilated": ((60,), (20,), "pads = [20, 18], dilations = [3]"),
    "smaller than its window": ((1, 2), (3, 3), "pads = [1, 1, 1, 1]"),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("channels", [3, 70])
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_window(window: tuple[tuple[int, ...], tuple[int, ...], str], channels: int, level: str) -> None:
    spatial, kernel, attributes = window
    shape = ",".join(["n", "c", *map(str, spatial)]).replace("c", str(channels))
    taps = ",".join(map(str, kernel))
    attributes = f"group = {channels}" + (f", {attributes}" if attributes else "")
    model = parse(
        f"(float[{shape}] x, float[{channels},1,{taps}] w, float[{channels}] b) => (y) {{ y = Conv<{attributes}>(x, w, b) }}"
    )
    agree(model, [floats(2, channels, *spatial), floats(channels, 1, *kernel, seed=1), floats(channels, seed=2)], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("members", "groups"), [(2, 7), (4, 5), (8, 9), (16, 3), (5, 4)])
@pytest.mark.parametrize("name", ["3x3", "3x3 halving", "5x5", "one axis", "smaller than its window"])
def test_groups(name: str, members: int, groups: int, level: str) -> None:
    """Groups of few channels that divide the lanes, and, for 5, that do not."""
    spatial, kernel, attributes = WINDOWS[name]
    channels = members * groups
    shape, taps = (",".join(map(str, s)) for s in ((2, channels, *spatial), (channels, members, *kernel)))
    model = parse(
        f"(float[{shape}] x, float[{taps}] w, float[{channels}] b)"
        f"=> (y) {{ c = Conv<group = {groups}, {attributes}>(x, w, b) y = Relu(c) }}"
    )
    feeds = [floats(2, channels, *spatial), floats(channels, members, *kernel, seed=1), floats(channels, seed=2)]
    agree(model, feeds, level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("symbol", ["12", "w"])
def test_epilogue(symbol: str, level: str) -> None:
    """A clip, a residual image, a factor by channel and one by place, fused; the width known and symbolic."""
    model = parse(
        f"(float[n,40,10,{symbol}] x, float[40,1,3,3] w, float[n,40,10,{symbol}] r, float[40,1,1] s, float[n,1,10,{symbol}] m)"
        "=> (y) <float low = {0.0}, float high = {6.0}> {"
        "h = Conv<group = 40, pads = [1, 1, 1, 1]>(x, w)  c = Clip(h, low, high)  a = Add(c, r)  f = Mul(a, s)  y = Mul(f, m) }"
    )
    image = floats(2, 40, 10, 12)
    feeds = [image, floats(40, 1, 3, 3, seed=1), floats(2, 40, 10, 12, seed=2), floats(40, 1, 1, seed=3)]
    agree(model, [*feeds, floats(2, 1, 10, 12, seed=4)], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("attributes", ["pads = [1, 1, 1, 1]", "pads = [2, 2, 2, 2], strides = [2, 2]"])
def test_in_one_sequence(attributes: str, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large images go by block by block, all channels of a task at a time."""
    monkeypatch.setattr("sardonyx.engine.lower.depthwise.LARGE", 1024)
    kernel = 5 if "[2, 2, 2, 2]" in attributes else 3
    model = parse(
        f"(float[2,70,19,24] x, float[70,1,{kernel},{kernel}] w) => (y)"
        f"{{ c = Conv<group = 70, {attributes}>(x, w) y = Relu(c) }}"
    )
    agree(model, [floats(2, 70, 19, 24), floats(70, 1, kernel, kernel, seed=1)], level)
