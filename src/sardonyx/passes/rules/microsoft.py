"""What rules about operators of com.microsoft have in common."""

from __future__ import annotations

from typing import Any

from sardonyx.rewrite import Expr, Match, Op, Var
from sardonyx.rewrite.op import LeakyRelu, Relu, Sigmoid, Tanh, Transpose

__all__ = ["activated", "channels_first", "channels_last", "microsoft"]


def microsoft(*names: str) -> Op:
    """An operator of com.microsoft, or one of several."""
    return Op(*names, domain="com.microsoft")


def _rank(m: Match, image: Var) -> int:
    rank = m[image].rank
    m.require(rank is not None, "the rank is unknown")
    assert rank is not None
    return rank


def channels_first(m: Match, image: Var, x: Expr | None = None) -> Expr:
    """An image, or what was computed of each of its elements, with its channels brought from the last place to axis 1."""
    rank = _rank(m, image)
    return Transpose(image if x is None else x, perm=[0, rank - 1, *range(1, rank - 1)])


def channels_last(m: Match, image: Var, y: Expr) -> Expr:
    """A result of the rank of an image, with its channels brought from axis 1 to the last place."""
    return Transpose(y, perm=[0, *range(2, _rank(m, image)), 1])


def activated(m: Match, y: Expr, alpha: Any, name: str | None) -> Expr:
    """y behind an activation of a fused node."""
    if not name:
        return y
    plain: dict[str, Any] = {"Relu": Relu, "Tanh": Tanh, "Sigmoid": Sigmoid}
    if name == "LeakyRelu":
        return LeakyRelu(y, **({} if alpha is None else {"alpha": float(alpha)}))
    m.require(name in plain, f"the activation is {name}")
    return plain[name](y)
