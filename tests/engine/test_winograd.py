"""Winograd's way of convolution: every border, uneven tiles, epilogues, extents that come late, and how exact it is."""

from __future__ import annotations

import numpy as np
import pytest

from sardonyx.engine.blocking import TileBlocking
from sardonyx.engine.session import Session
from sardonyx.ir import Model, Tensor
from tests.engine.oracle import LEVELS, agree, floats, parse


def with_weights(body: str, channels: int, filters: int) -> Model:
    """A model in which w, and b, are constants."""
    model = parse(f"(float[N, {channels}, H, W] x, float[{filters}, {channels}, 3, 3] w, float[{filters}] b) {body}")
    for value in list(model.graph.inputs):
        if value.name != "x":
            model.graph.inputs.remove(value)
            array = floats(*(d for d in value.shape or () if isinstance(d, int)), seed=len(value.name), scale=0.1)
            value.const = Tensor(array, name=value.name)
            model.graph.initializers[value.name] = value
    return model


def fixed(model: Model, *shape: int) -> Model:
    from sardonyx.passes.edit import set_dims

    return set_dims(model, dict(zip("NHW", (shape[0], *shape[2:]), strict=True)))


def takes_it(model: Model, x: np.ndarray) -> bool:
    return "winograd" in {row.kernel for row in Session(model, threads=1).profile({"x": x}, runs=1).rows}


PADS = {"none": "", "all around": "pads = [1, 1, 1, 1]", "uneven": "pads = [0, 2, 1, 0]", "wide": "pads = [2, 2, 2, 2]"}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("pads", PADS.values(), ids=PADS)
@pytest.mark.parametrize("shape", [(1, 16, 8, 6), (2, 17, 7, 5), (3, 40, 4, 9)])
def test_borders(shape: tuple[int, ...], pads: str, level: str) -> None:
    """Extents that are even and odd, channels that fill vectors and that do not; known beforehand, and late."""
    model = with_weights(f"=> (y) {{ y = Conv{'<' + pads + '>' if pads else ''}(x, w, b) }}", shape[1], 37)
    x = floats(*shape)
    for form in (model, fixed(model, *shape)):
        assert takes_it(form, x)
        agree(form, [x], level, atol=4e-6)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("dilations", "extents"), [((2, 2), (12, 11)), ((1, 3), (4, 17)), ((6, 6), (11, 13))])
def test_dilated(dilations: tuple[int, int], extents: tuple[int, int], level: str) -> None:
    """A tile takes places that lie a dilation apart, and the tiles between them the others."""
    down, right = dilations
    attributes = f"dilations = [{down}, {right}], pads = [{down}, {right}, {down}, {right}]"
    model = with_weights(f"=> (y) {{ c = Conv<{attributes}>(x, w, b) y = Relu(c) }}", 18, 20)
    x = floats(2, 18, *extents)
    assert takes_it(fixed(model, *x.shape), x)
    agree(fixed(model, *x.shape), [x], level, atol=4e-6)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("attributes", ["pads = [1, 1, 1, 1, 1, 1]", "strides = [2, 1, 1], dilations = [2, 1, 2]"])
@pytest.mark.parametrize("frames", [1, 3])
def test_three_axes(frames: int, attributes: str, level: str) -> None:
    """What frames add to the window counts as channels."""
    if frames == 1:
        attributes = attributes.replace("[1, 1, 1, 1, 1, 1]", "[0, 1, 1, 0, 1, 1]")
    model = parse(
        f"(float[N, 20, D, H, W] x, float[18, 20, {frames}, 3, 3] w) => (y) {{ c = Conv<{attributes}>(x, w) y = Relu(c) }}"
    )
    value = model.graph.inputs.pop()
    value.const = Tensor(floats(18, 20, frames, 3, 3, seed=1, scale=0.1), name="w")
    model.graph.initializers["w"] = value
    x = floats(2, 20, 6, 5, 12)
    from sardonyx.passes.edit import set_dims

    model = set_dims(model, {"D": 6, "H": 5, "W": 12})
    assert takes_it(model, x)
    agree(model, [x], level, atol=8e-6)


def test_many_channels() -> None:
    """They are taken in parts, whose sums are added up."""
    model = with_weights("=> (y) { c = Conv<pads = [1, 1, 1, 1]>(x, w, b) y = Relu(c) }", 1300, 16)
    x = floats(1, 1300, 5, 4)
    parts = [row.kernel for row in Session(model, threads=1).profile({"x": x}, runs=1).rows if row.kernel == "winograd"]
    assert len(parts) == 3
    agree(model, [x], LEVELS[-1], atol=2e-5)


@pytest.mark.parametrize("level", LEVELS)
def test_epilogue(level: str) -> None:
    body = "=> (y) { c = Conv<pads = [1, 1, 1, 1]>(x, w, b) r = Add(c, x) y = HardSwish(r) }"
    model = with_weights(body, 33, 33)
    agree(model, [floats(2, 33, 9, 6)], level, atol=4e-6)


def test_several_blocks_of_tiles_and_filters() -> None:
    """More tiles than a block holds; threads share the filters of one block."""
    model = with_weights("=> (y) { y = Conv<pads = [1, 1, 1, 1]>(x, w, b) }", 48, 130)
    for shape in ((1, 48, 31, 30), (1, 48, 4, 4)):
        x = floats(*shape)
        one, two = (Session(fixed(model, *shape), threads=t)(x)[0] for t in (1, 3))
        np.testing.assert_array_equal(one, two)
        agree(fixed(model, *shape), [x], LEVELS[-1], atol=4e-6)


@pytest.mark.parametrize(
    ("attributes", "channels", "filters"),
    [("strides = [2, 2]", 32, 32), ("dilations = [9, 9], pads = [9, 9, 9, 9]", 32, 32), ("", 8, 32), ("", 32, 8)],
)
def test_what_is_not_for_it(attributes: str, channels: int, filters: int) -> None:
    model = with_weights(
        f"=> (y) {{ y = Conv{'<' + attributes + '>' if attributes else ''}(x, w, b) }}", channels, filters
    )
    x = floats(1, channels, 9, 9)
    assert not takes_it(fixed(model, *x.shape), x)


def test_it_is_about_as_exact_as_a_sum() -> None:
    """The error against float64, beside that of summing product by product in float32."""
    model = with_weights("=> (y) { y = Conv<pads = [1, 1, 1, 1]>(x, w) }", 256, 64)
    x = floats(1, 256, 12, 12)
    w = model.graph.initializers["w"].const
    assert isinstance(w, Tensor)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))[0]
    rows = windows.transpose(1, 2, 0, 3, 4).reshape(144, -1)
    columns = w.numpy().reshape(64, -1).T
    truth = (rows.astype(np.float64) @ columns.astype(np.float64)).T.reshape(1, 64, 12, 12)
    plain = np.zeros((144, 64), np.float32)
    for k in range(rows.shape[1]):
        plain += rows[:, k : k + 1] * columns[k]
    [got] = Session(model, threads=1)(x)
    ours, theirs = (np.abs(y - truth).mean() for y in (got, plain.T.reshape(truth.shape)))
    assert ours < theirs


def test_blocks_cover_the_work() -> None:
    cut = TileBlocking(32)
    for tiles, n, channels, threads in ((1, 1, 16, 1), (49, 256, 256, 2), (784, 64, 64, 4), (16, 512, 512, 8)):
        high, wide, blocks, groups, tasks = cut(tiles, n, channels, threads)
        assert (blocks - 1) * high < tiles <= blocks * high
        assert (groups - 1) * wide < -(-n // 32) <= groups * wide
        assert tasks == blocks * groups and high <= int(cut.most(channels))  # pyright: ignore
    assert cut(0, 8, 16, 1)[-1] == 0
