"""Gemm: before 11 it always had C, before 7 it broadcast C only when asked."""

from __future__ import annotations

import numpy as np

from sardonyx.passes.versions.adapter import Old, down
from sardonyx.rewrite import Expr

__all__ = ["need_matrices"]


@down("Gemm", 11)
def gemm_with_zeros(new: Old) -> Expr:
    """C was required."""
    dtype = new.dtype(0)
    if new.input(2) is None:
        if dtype is None:
            new.refuse("the type of its input is unknown", fix="declare the types of the model's inputs")
        new.wrap_input(2, np.zeros(1, dtype.numpy))


@down("Gemm", 7)
def gemm_broadcasts_when_asked(new: Old) -> Expr:
    """C had the shape of the result unless `broadcast` was set."""
    need_matrices(new)
    a, b, c = (new.shape(i) for i in range(3))
    if a is not None and b is not None and None not in (*a, *b):
        rows, columns = a[1 if new.attr("transA") else 0], b[0 if new.attr("transB") else 1]
        if c == (rows, columns):
            return
    new.node.set_attr("broadcast", 1)


def need_matrices(old: Old) -> None:
    """Refuse operands that are known to be no matrices."""
    for i in (0, 1):
        if old.rank(i) not in (None, 2):
            old.refuse(f"its input {i} is no matrix: it has {old.rank(i)} axes")
