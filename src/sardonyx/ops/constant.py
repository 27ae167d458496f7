"""Values that a model carries along."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.ir import Array, SparseTensor, Tensor
from sardonyx.ops.declare import (
    Float,
    Floats,
    Int,
    Ints,
    Output,
    SparseAttr,
    String,
    Strings,
    TensorAttr,
    infers,
    operator,
    reference,
    types,
)
from sardonyx.ops.known import Known, known_constant
from sardonyx.ops.typesets import CLASSIC, CLASSIC_BF, IR9, IR10, IR11, IR12, IR13


def constant_array(facts: dict[str, Any]) -> Array:
    """The array that the one attribute of a Constant spells."""
    name, value = next((k, v) for k, v in facts.items() if v is not None)
    if isinstance(value, (Tensor, SparseTensor)):
        return value.numpy()
    kind = {"float": np.float32, "int": np.int64, "string": object}[name.split("_")[1].removesuffix("s")]
    return np.array(value, kind)


@operator("Constant", since=(1, 9, 11, 12, 13, 19, 21, 23, 24, 25))
class Constant:
    """The constant that its one attribute holds."""

    T = types(
        {
            1: frozenset({d.FLOAT16, d.FLOAT32, d.FLOAT64}),
            9: CLASSIC,
            13: CLASSIC_BF,
            19: IR9,
            21: IR10,
            23: IR11,
            24: IR12,
            25: IR13,
        }
    )
    output = Output(T)
    value = TensorAttr(required_until=11)
    sparse_value = SparseAttr(since=11)
    value_float, value_floats = Float(since=12), Floats(since=12)
    value_int, value_ints = Int(since=12), Ints(since=12)
    value_string, value_strings = String(since=12), Strings(since=12)

    @infers
    def infer(**facts: Any) -> Known:
        held = {k: v for k, v in facts.items() if k.startswith(("value", "sparse"))}
        return known_constant(Tensor(constant_array(held)))

    @reference
    def run(**facts: Any) -> Array:
        return constant_array({k: v for k, v in facts.items() if k.startswith(("value", "sparse"))})


__all__: list[str] = []
