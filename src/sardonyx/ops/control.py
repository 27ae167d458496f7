"""Control flow: operators whose attributes are graphs."""

from __future__ import annotations

from typing import Any

from sardonyx.core.dims import Dim
from sardonyx.ir import Array, TensorType
from sardonyx.ops.declare import GraphAttr, Input, Output, infers_always, operator, reference, types
from sardonyx.ops.known import Known, known
from sardonyx.ops.typesets import BOOL, CLASSIC, CLASSIC_BF, IR9, IR10, IR11, IR12, IR13, TypeSet, optionals, seqs


def anything(tensors: TypeSet) -> TypeSet:
    """Tensors of these types, sequences of them, and what of either may be absent."""
    return tensors | seqs(tensors) | optionals(tensors) | optionals(seqs(CLASSIC_BF))


def joined(a: Known, b: Known) -> Known:
    """What holds of a value that is either `a` or `b`."""
    if a.type == b.type:
        return Known(a.type)
    if isinstance(a.type, TensorType) and isinstance(b.type, TensorType) and a.type.dtype == b.type.dtype:
        if not (a.has_shape and b.has_shape) or a.rank != b.rank:
            return known(a.dtype, None)
        shape: list[Dim | None] = [x if x == y else None for x, y in zip(a.shape, b.shape, strict=True)]
        return known(a.dtype, shape)
    return Known(None)


@operator("If", since=(1, 11, 13, 16, 19, 21, 23, 24, 25))
class If:
    """The results of one of two graphs, which see the values around them."""

    V = types({
        1: CLASSIC, 13: CLASSIC | seqs(CLASSIC), 16: anything(CLASSIC_BF), 19: anything(IR9),
        21: anything(IR10), 23: anything(IR11), 24: anything(IR12), 25: anything(IR13),
    })  # fmt: skip
    B = types(BOOL)
    cond = Input(B)
    outputs = Output(V, variadic=True, homogeneous=False)
    then_branch, else_branch = GraphAttr(required=True), GraphAttr(required=True)

    @infers_always
    def infer(cond: Known, *, then_branch: Any, else_branch: Any) -> list[Known]:
        return [joined(a, b) for a, b in zip(then_branch(), else_branch(), strict=True)]

    @reference
    def run(cond: Array, *, then_branch: Any, else_branch: Any) -> list[Any]:
        return list(then_branch() if cond.item() else else_branch())


__all__: list[str] = []
