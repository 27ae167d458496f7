"""Scatter got its full name, and then other ways to meet what is there."""

from __future__ import annotations

import numpy as np

from sardonyx.core.dtypes import STRING
from sardonyx.ir import Tensor
from sardonyx.passes.versions.adapter import Old, down, up
from sardonyx.passes.versions.write import write
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import ScatterElements


@up("Scatter", 11)
def scatter_elements(old: Old) -> Expr:
    """Scatter -> ScatterElements."""
    return ScatterElements(old.input(0), old.input(1), old.input(2), axis=old.attr("axis"))


REDUCTIONS = {"add": "Add", "mul": "Mul", "max": "Max", "min": "Min"}


@down("ScatterElements ScatterND", 18)
def scatter_extremes(new: Old) -> Expr:
    """Updates were added or multiplied; the larger or smaller of two is kept one update after another."""
    return _one_by_one(new) if _reduction(new) in ("Max", "Min") else None


@down("ScatterElements ScatterND", 16)
def scatter_reductions(new: Old) -> Expr:
    """Updates took the place of what was there; sums and products are made one update after another."""
    if _reduction(new) is not None:
        return _one_by_one(new)
    new.node.set_attr("reduction", None)
    return None


def _reduction(new: Old) -> str | None:
    """The operator that joins an update with what is there; None where it takes its place."""
    how = new.attr("reduction")
    return REDUCTIONS.get(how.decode() if isinstance(how, bytes) else how)


def _one_by_one(new: Old) -> Expr:
    """A loop in which no two updates meet at one place: over the axis of elements, or over the slices."""
    join = _reduction(new)
    if new.node.op_type == "ScatterElements":
        axis = new.attr("axis") % new.need_rank(0)
        start = "indices = Identity (given)  updates = Identity (put)"
        at, read, write_back = f"<axis = {axis}>", f"GatherElements <axis = {axis}>", f"ScatterElements <axis = {axis}>"
        depth = 0
    else:
        places, axis = new.shape(1), 0
        if places is None or not places or not isinstance(places[-1], int):
            new.refuse(
                "how many coordinates its indices have is unknown", fix="declare the shapes of the model's inputs"
            )
        at, read, write_back, depth = "<axis = 0>", "GatherND", "ScatterND", places[-1]
        start = """
            indices = Reshape (given, by_place)
            shape = Shape (data)  tail = Slice (shape, depth, end)  rows = Concat <axis = 0> (minus, tail)
            updates = Reshape (put, rows)
        """
    return write(
        new,
        f"""
        {start}
        extents = Shape (indices)  count = Gather <axis = 0> (extents, axis)
        Y = Loop (count, yes, data) <body = step (int64 i, bool go, had) => (on, has) {{
            on = Identity (go)  one = Reshape (i, single)
            place = Gather {at} (indices, one)  update = Gather {at} (updates, one)
            there = {read} (had, place)  joined = {join} (there, update)
            has = {write_back} (had, place, joined)
        }}>
        """,
        data=new.input(0),
        given=new.input(1),
        put=new.input(2),
        axis=np.array(axis),
        yes=np.array(True),
        single=[1],
        by_place=[-1, depth],
        depth=[depth],
        minus=[-1],
        end=[np.iinfo(np.int64).max],
    )


@down("Trilu", 14)
def triangle(new: Old) -> Expr:
    """Elements whose column lies far enough from their row, and zeros."""
    dtype, rank = new.dtype(0), new.need_rank(0)
    if dtype is None:
        new.refuse("the type of its input is unknown", fix="declare the types of the model's inputs")
    nothing = np.array("", object) if dtype is STRING else np.zeros((), dtype.numpy)
    return write(
        new,
        f"""
        shape = Shape (x)
        height = Gather <axis = 0> (shape, above)  width = Gather <axis = 0> (shape, last)
        row_0 = Range (zero, height, one)  row = Unsqueeze (row_0, behind)
        column = Range (zero, width, one)
        distance = Sub (column, row)  kept = {"GreaterOrEqual" if new.attr("upper") else "LessOrEqual"} (distance, k)
        Y = Where (kept, x, nothing)
        """,
        x=new.input(0),
        k=new.input(1) if new.input(1) is not None else np.array(0),
        above=np.array(rank - 2),
        last=np.array(rank - 1),
        zero=np.array(0),
        one=np.array(1),
        behind=[1],
        nothing=Tensor(nothing, dtype=dtype),
    )
