"""Version 7 gave every operator on two tensors NumPy's broadcasting; before, an axis said where B lies in A."""

from __future__ import annotations

from sardonyx.passes.versions.adapter import Old, up
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import Unsqueeze


@up("Add Sub Mul Div And Or Xor Equal Less Greater Pow", 7)
def broadcast_by_axis(old: Old) -> Expr:
    """B, which began at axis `axis` of A, gets axes of extent 1 behind its own, so that it begins there by NumPy's rule."""
    axis, asked = old.attr("axis"), old.attr("broadcast")
    for name in ("axis", "broadcast", "consumed_inputs"):
        old.node.set_attr(name, None)
    if asked and axis is not None:
        a, b = old.need_rank(0), old.need_rank(1)
        behind = a - (axis + a if axis < 0 else axis) - b
        if behind > 0:
            old.wrap_input(1, Unsqueeze(old.input(1), axes=tuple(range(b, b + behind))))


@up("PRelu", 7)
def slope_per_channel(old: Old) -> Expr:
    """A vector of slopes meant one per channel, which is axis 1."""
    shape, x = old.shape(1), old.rank(0)
    if shape is not None and len(shape) == 1 and shape[0] != 1 and old.need_rank(0) > 2:
        assert x is not None
        old.wrap_input(1, Unsqueeze(old.input(1), axes=tuple(range(1, x - 1))))
    old.node.set_attr("consumed_inputs", None)


@up("Gemm", 7)
def gemm_broadcasts(old: Old) -> Expr:
    """C always broadcasts."""
    old.node.set_attr("broadcast", None)


@up("Cast", 6)
def cast_to_code(old: Old) -> Expr:
    """`to` was the name of the element type, then its number."""
    from sardonyx.core.dtypes import dtype

    to = old.attr("to")
    old.node.set_attr(
        "to", dtype(to.decode() if isinstance(to, bytes) else to).code if isinstance(to, (str, bytes)) else to
    )
