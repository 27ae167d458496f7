"""Argument blocks: a new shape changes what depends on it, and nothing else."""

from __future__ import annotations

import numpy as np

from sardonyx.engine.program import Address, Call, Real, arguments
from sardonyx.engine.session import Session
from sardonyx.engine.template import Template
from sardonyx.ir import Model
from tests.engine.oracle import LEVELS, agree, floats, parse


def layers() -> Model:
    """Kernels with tables, blockings, numbers, constants, and a size that data decides."""
    return parse(
        "(float[b,3,h,w] x, float[4,3,3,3] f, float[s,8] m) => (y, z)"
        "<float[8,5] g = {" + ",".join(str(i) for i in range(40)) + "}> {"
        "c = Conv<pads = [1, 1, 1, 1]>(x, f)  y = LeakyRelu<alpha = 0.3>(c)  p = MatMul(m, g)  z = Softmax(p) }"
    )


def test_shapes_one_after_the_other() -> None:
    model = layers()
    for batch, height, rows in ((1, 6, 3), (2, 9, 1), (1, 6, 40), (2, 9, 0)):
        feeds = [floats(batch, 3, height, 7), floats(4, 3, 3, 3, seed=1), floats(rows, 8, seed=2)]
        agree(model, feeds, LEVELS[-1], rtol=1e-5, atol=1e-5)


def test_a_template_says_what_the_steps_say() -> None:
    session = Session(layers(), threads=1)
    session(floats(2, 3, 9, 7), floats(4, 3, 3, 3, seed=1), floats(5, 8, seed=2))
    [runner] = session._runners.values()
    [native] = [n for n in runner._natives if n is not None]
    linked = native.linked
    layout = linked.layout({name: 5 + i for i, name in enumerate(linked.symbols)})
    template = Template(linked.program.steps, linked.extents.dims)
    bases = {b: 4096 * (1 + i) for i, b in enumerate(linked.buffers)}
    row, missing = template.fill(np.fromiter(layout.extents.values(), np.int64), bases)
    assert not missing
    for step, block in zip(linked.program.steps, template.blocks, strict=True):
        assert isinstance(step, Call) and block is not None
        slots, _, _ = arguments(step, layout.extents, 1)
        for i, (slot, arg) in enumerate(zip(slots, step.args, strict=True)):
            have = int(row[block.start + i])
            if isinstance(slot, Address):
                assert have == bases[slot.buffer] + layout.extents[slot.offset] * slot.buffer.dtype.itemsize
            elif arg is None:
                assert block.start + i in block.chosen
            elif isinstance(slot, int) or isinstance(arg, Real):
                assert have == slot
