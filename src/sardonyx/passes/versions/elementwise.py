"""Version 7 gave every operator on two tensors NumPy's broadcasting; activations came one by one."""

from __future__ import annotations

import math

from sardonyx.passes.versions.adapter import Old, down, up
from sardonyx.passes.versions.early.linalg import need_matrices
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import Add, Cast, Erf, HardSigmoid, Mul, Pow, Sigmoid, Softplus, Tanh, Unsqueeze


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
    need_matrices(old)
    old.node.set_attr("broadcast", None)


@up("Cast", 6)
def cast_to_code(old: Old) -> Expr:
    """`to` was the name of the element type, then its number."""
    from sardonyx.core.dtypes import dtype

    to = old.attr("to")
    old.node.set_attr(
        "to", dtype(to.decode() if isinstance(to, bytes) else to).code if isinstance(to, (str, bytes)) else to
    )


@down("Gelu", 20)
def gelu_in_pieces(new: Old) -> Expr:
    """x * (1 + erf(x / sqrt 2)) / 2, or its form with tanh."""
    x = new.input(0)
    if new.attr("approximate") in ("tanh", b"tanh"):
        inner = Mul(Add(x, Mul(Pow(x, 3.0), 0.044715)), math.sqrt(2 / math.pi))
        return Mul(Mul(x, 0.5), Add(Tanh(inner), 1.0))
    return Mul(Mul(x, 0.5), Add(Erf(Mul(x, math.sqrt(0.5))), 1.0))


@down("Swish", 24)
def swish_in_pieces(new: Old) -> Expr:
    """x * sigmoid(alpha * x)"""
    x, alpha = new.input(0), new.attr("alpha")
    return Mul(x, Sigmoid(x if alpha == 1 else Mul(x, alpha)))


@down("Mish", 18)
def mish_in_pieces(new: Old) -> Expr:
    """x * tanh(softplus(x))"""
    return Mul(new.input(0), Tanh(Softplus(new.input(0))))


@down("HardSwish", 14)
def hard_swish_in_pieces(new: Old) -> Expr:
    """x * HardSigmoid(x, 1/6, 1/2)"""
    return Mul(new.input(0), HardSigmoid(new.input(0), alpha=1 / 6, beta=0.5))


@down("CastLike", 15)
def cast_like_in_pieces(new: Old) -> Expr:
    """Cast to the type of the second input."""
    dtype = new.dtype(1)
    if dtype is None:
        new.refuse("the type it casts to is unknown", fix="run sx.infer_shapes, or declare the types of the inputs")
    return Cast(new.input(0), to=dtype.code)
