"""Images put together from columns."""

from __future__ import annotations

import itertools
from typing import Any

from sardonyx.core.dims import Dim
from sardonyx.engine.formula import Formula, Step
from sardonyx.engine.lowering import Lowering, NotNative, kind_of, lower
from sardonyx.engine.views import contiguous_strides, product
from sardonyx.ir import Node
from sardonyx.ops.nn import window_extent

MOST_PLACES = 128  # of a block, each of which is added by a call of its own


@lower("Col2Im")
def col2im(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """The place i of every block is added where it belongs; blocks side by side are only moved."""
    source, _, given = node.inputs
    assert source is not None
    shape, block = low.shape(node.output), low.const(given)
    if block is None or block.size != len(shape) - 2 or product([int(k) for k in block]) > MOST_PLACES:  # pyright: ignore
        raise NotNative("Col2Im with blocks that are data, or of many places")
    kernel, rank = [int(k) for k in block], block.size
    pads = list(attrs["pads"] or (0,) * (2 * rank))
    strides, dilations = list(attrs["strides"] or (1,) * rank), list(attrs["dilations"] or (1,) * rank)
    extents: list[Dim] = [d + pads[i] + pads[i + rank] for i, d in enumerate(shape[2:])]
    counts = [
        window_extent(d, k, s, g, (pads[i], pads[i + rank]))
        for i, (d, k, s, g) in enumerate(zip(shape[2:], kernel, strides, dilations, strict=True))
    ]
    x = low.view(source)
    low.claim(x.shape[1], shape[1] * product(kernel), f"{node!r} has a block per channel")
    low.claim(x.shape[2], product(counts), f"{node!r} has a column per window")
    parts = (shape[0], shape[1], *kernel, *counts)
    columns = x.reshaped(parts)
    if columns is None:  # that it is the same number of elements was claimed
        dense = low.contiguous(x)
        columns = type(x)(dense.buffer, parts, contiguous_strides(parts), dense.offset)
    names, kind = (node.name or node.op_type,), kind_of(x.dtype)
    order = (0, *range(2, rank + 2), 1) if columns.strides[1] == 1 else tuple(range(rank + 2))
    image = low.temp(x.dtype, (*shape[:2], *extents), order, node.output.name)
    tiled = strides == kernel and not any(pads) and set(dilations) == {1}
    if not tiled or any(c * s != d for c, s, d in zip(counts, strides, extents, strict=True)):
        low.map(Formula((), (Step("const", (), kind, (0,)),)), [], image, order, names)
        tiled = False
    total = Formula((kind, kind), (Step("add", (0, 1), kind),))
    for place in itertools.product(*map(range, kernel)):
        part, there = columns, image
        for i, at in enumerate(place):
            part = part.narrowed(2 + i, at, 1)
            there = there.narrowed(2 + i, at * dilations[i], counts[i], strides[i])
        part = part.squeezed(range(2, rank + 2))
        if tiled:
            low.copy(part, there, names)
        else:
            low.map(total, [there, part], there, order, names)
    for i in range(rank):
        image = image.narrowed(2 + i, pads[i], shape[2 + i])
    low.give(node.output, image)
