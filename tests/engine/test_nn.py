"""Images put together from columns, beside the reference."""

from __future__ import annotations

import pytest

from tests.engine.oracle import LEVELS, agree, floats, needs, parse

# image, block, windows along each axis, attributes
CASES: dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], str]] = {
    "side by side": ((4, 6), (2, 3), (2, 2), "strides = [2, 3]"),
    "side by side, a rest": ((5, 7), (2, 3), (2, 2), "strides = [2, 3]"),
    "overlapping": ((5, 6), (3, 2), (3, 5), ""),
    "padded and dilated": ((5, 6), (2, 3), (2, 2), "pads = [1, 0, 0, 1], strides = [2, 2], dilations = [2, 2]"),
    "one axis": ((9,), (4,), (4,), "strides = [2], pads = [1, 0]"),
    "three axes": ((2, 3, 4), (1, 2, 2), (2, 2, 3), ""),
}


@needs("Col2Im")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("last", [False, True], ids=["", "channels innermost"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_col2im(case: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], str], last: bool, level: str) -> None:
    image, block, windows, attributes = case
    size, count = 1, 1
    for k, w in zip(block, windows, strict=True):
        size, count = size * k, count * w
    shape = (2, 3 * size, count)
    given = (2, size, count, 3) if last else shape
    source = "r = Transpose<perm = [0, 3, 1, 2]>(x)  t = Reshape(r, s)" if last else "t = Identity(x)"
    lists = ", ".join(
        f"int64[{len(v)}] {n} = {{ {', '.join(map(str, v))} }}" for n, v in (("i", image), ("k", block), ("s", shape))
    )
    model = parse(
        f"(float[{', '.join(map(str, given))}] x) => (y) <{lists}>"
        f"{{ {source}  y = Col2Im{'<' + attributes + '>' if attributes else ''}(t, i, k) }}"
    )
    agree(model, [floats(*given)], level)
