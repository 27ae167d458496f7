"""Pooling over windows: of images in C order and of images whose channels are innermost."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.engine.oracle import LEVELS, agree, floats, needs, parse

WINDOWS = {
    "2x2": ((8, 9), "kernel_shape = [2, 2], strides = [2, 2]"),
    "of ResNet": ((11, 13), "kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]"),
    "dilated": ((12, 10), "kernel_shape = [3, 2], dilations = [2, 3], pads = [1, 1, 0, 1]"),
    "ceil": ((7, 10), "kernel_shape = [3, 3], strides = [2, 3], ceil_mode = 1, pads = [1, 0, 0, 1]"),
    "one axis": ((40,), "kernel_shape = [5], pads = [2, 2]"),
    "three axes": ((5, 6, 20), "kernel_shape = [2, 3, 2], strides = [2, 1, 1], pads = [0, 1, 1, 1, 0, 0]"),
    "same upper": ((9, 8), 'kernel_shape = [3, 2], strides = [2, 2], auto_pad = "SAME_UPPER"'),
    "same lower": ((9, 8), 'kernel_shape = [3, 4], auto_pad = "SAME_LOWER"'),
}
KINDS = ["MaxPool", pytest.param("AveragePool", marks=needs("AveragePool"))]


def check(name: str, spatial: tuple[int, ...], attributes: str, channels: int, level: str) -> None:
    letters = "hwd"[: len(spatial)]
    shape = ",".join(["n", "c", *map(str, spatial)])
    out = ",".join(["n", "c", *(f"o{x}" for x in letters)])
    model = parse(f"(float[{shape}] x) => (float[{out}] y) {{ y = {name}<{attributes}>(x) }}")
    x = floats(2, channels, *spatial)
    agree(model, [x], level)
    rank = len(spatial)
    last, back = [0, rank + 1, *range(1, rank + 1)], [0, *range(2, rank + 2), 1]
    shape = ",".join(["n", *map(str, spatial), "c"])
    model = parse(
        f"(float[{shape}] x) => (y) {{ t = Transpose<perm = {last}>(x)  p = {name}<{attributes}>(t)"
        f"y = Transpose<perm = {back}>(p) }}"
    )
    agree(model, [np.ascontiguousarray(np.moveaxis(x, 1, -1))], level)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("channels", [3, 85])
def test_pool(name: str, window: tuple[tuple[int, ...], str], channels: int, level: str) -> None:
    check(name, *window, channels, level)


@needs("AveragePool")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("stride", "ceil"), list(itertools.product([1, 2, 3], [0, 1])))
def test_padding_counts(stride: int, ceil: int, level: str) -> None:
    attributes = f"kernel_shape = [3, 3], strides = [{stride}, {stride}], ceil_mode = {ceil}, count_include_pad = 1"
    check("AveragePool", (7, 8), attributes + ", pads = [1, 1, 1, 1]", 20, level)
