"""Element types that an older version does not take go through one that it takes, and back."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from sardonyx.core import dtypes
from sardonyx.core.dtypes import DType
from sardonyx.infer.typecheck import spell
from sardonyx.ops import Operator, schema_of
from sardonyx.ops.typesets import TypeSet
from sardonyx.passes.versions.adapter import Old
from sardonyx.rewrite import Op
from sardonyx.rewrite.op import Cast

__all__ = ["need_type", "through_wider_types"]

_FLOATS = (dtypes.FLOAT32, dtypes.FLOAT64)
_WORDS = (dtypes.INT32, dtypes.INT64, *_FLOATS)

# The types that hold every value of another, the narrowest first. (Of 64-bit integers, float64 holds those up to 2**53.)
HOLDERS: dict[DType, tuple[DType, ...]] = {
    **dict.fromkeys((dtypes.FLOAT16, dtypes.BFLOAT16), _FLOATS),
    **dict.fromkeys((dtypes.BOOL, dtypes.INT8, dtypes.UINT8, dtypes.INT16, dtypes.UINT16), _WORDS),
    **dict.fromkeys((dtypes.INT32, dtypes.UINT32), (dtypes.INT64, dtypes.FLOAT64)),
    **dict.fromkeys((dtypes.INT64, dtypes.UINT64), (dtypes.FLOAT64,)),
}

# The operator-set version that brought an element type.
ARRIVED: dict[DType, int] = {
    **dict.fromkeys((dtypes.FLOAT8E4M3FN, dtypes.FLOAT8E4M3FNUZ, dtypes.FLOAT8E5M2, dtypes.FLOAT8E5M2FNUZ), 19),
    **dict.fromkeys((dtypes.INT4, dtypes.UINT4), 21),
    dtypes.FLOAT4E2M1: 23,
    dtypes.FLOAT8E8M0: 24,
    **dict.fromkeys((dtypes.INT2, dtypes.UINT2), 25),
    **dict.fromkeys((dtypes.FLOAT6E2M3, dtypes.FLOAT6E3M2), 28),
}


def need_type(new: Old, dtype: Any) -> None:
    """Refuse an element type that did not exist yet."""
    arrived = ARRIVED.get(dtype, 1) if isinstance(dtype, DType) else 1
    if new.version < arrived:
        new.refuse(f"there was no {dtype} before opset {arrived}")


def through_wider_types(new: Old, op: Operator) -> Any:
    """The outputs of the node with Casts around it, or None where it needs none; refuses what no other type holds."""
    node, schema, cast = new.node, op.at(new.version), schema_of("", "Cast", new.version)
    castable = frozenset() if cast is None else cast.inputs[0].types
    taken = {f.name: f.types for f in (*op.at(new.written).inputs, *op.at(new.written).outputs)}
    wide: dict[str, tuple[DType, DType]] = {}  # by type variable: what it was, what it becomes
    for i in range(len(node.inputs)):
        formal, value = schema.formal(i), node.inputs[i]
        kind = None if value is None else spell(new.facts.type(value))
        if formal is None or kind is None or kind in formal.types or formal.type in wide:
            continue
        if kind not in taken.get(formal.name, (kind,)):
            continue  # the node was not legal before either; that is for the checker to say
        holders = HOLDERS.get(kind, ()) if isinstance(kind, DType) and kind in castable and not node.subgraphs else ()
        found = next((d for d in holders if d in formal.types), None)
        if found is None:
            need_type(new, kind)
            new.refuse(f"{op.name} takes no {kind} as '{formal.name}' before opset {new.written}", fix="insert a Cast")
        assert isinstance(kind, DType)
        wide[formal.type] = kind, found
    _check_results(new, op, wide, taken)
    if not wide:
        return None
    inputs: list[Any] = []
    for i, value in enumerate(node.inputs):
        formal = schema.formal(i)
        to = None if formal is None or value is None else wide.get(formal.type)
        inputs.append(value if to is None else Cast(value, to=to[1].code))
    term = Op(node.op_type, domain=node.domain)(*inputs, **node.attrs)
    outputs: list[Any] = []
    for i in range(len(node.outputs)):
        formal = schema.formal_output(i)
        back = None if formal is None else wide.get(formal.type)
        outputs.append(term[i] if back is None else Cast(term[i], to=back[0].code))
    return tuple(outputs)


def _check_results(new: Old, op: Operator, wide: Container[str], taken: Mapping[str, TypeSet]) -> None:
    """Refuse results of types that the older version did not give, unless they follow the inputs'.

    Constants are let through: readers of the time take them with elements of any type.
    """
    if op.name == "Constant":
        return
    schema = op.at(new.version)
    for i, value in enumerate(new.node.outputs):
        formal, kind = schema.formal_output(i), spell(new.facts.type(value))
        if formal is None or kind is None or formal.type in wide or kind in formal.types:
            continue
        if kind in taken.get(formal.name, (kind,)):
            need_type(new, kind)
            new.refuse(f"{op.name} gave no {kind} before opset {new.written}")
