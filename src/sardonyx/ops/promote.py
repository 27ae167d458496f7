"""Old nodes seen as new ones, where the facts of the block suffice.

References and inference rules mean the newest version. A node of an older one differs from it mostly in what its block
states: an attribute that later became an input, an attribute that came later with a default. Those are bridged here. A
version that changed the meaning (Softmax before 13) needs the adapters of `passes.versions`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sardonyx.core.dtypes import INT64, DType, dtype
from sardonyx.core.errors import UnsupportedError
from sardonyx.ir import AttrKind, Tensor
from sardonyx.ops.declare import Formal
from sardonyx.ops.known import Known, known_constant
from sardonyx.ops.schema import FormalSpec, Operator, Schema

__all__ = ["promote"]


def promote(
    schema: Schema, inputs: Sequence[Any], attrs: Mapping[str, Any], *, symbolic: bool = False
) -> tuple[Schema, Sequence[Any], Mapping[str, Any]]:
    """The schema, inputs and attributes of the same application at the operator's newest version.

    Args:
        inputs: arrays, or `Known`s when `symbolic`.
    """
    op = schema.operator
    newest = op.since[-1]
    if schema.version == newest:
        return schema, inputs, attrs
    latest = op.at(newest)
    now, then = _formals(op, newest), _formals(op, schema.version)
    values = dict(attrs)
    for a in op.attributes:
        if a.since <= newest < a.until and a.name not in values:
            values[a.name] = (
                bool(a.default_at(newest)) if a.is_flag and a.default_at(newest) is not None else a.default_at(newest)
            )
    place = {formal: i for i, formal in enumerate(then)}
    retyped = len(now) == len(then)  # the same inputs, some of another type or name
    kind = next((k for x in inputs if (k := _dtype(x)) is not None), None)
    promoted: list[Any] = []
    used: set[int] = set()
    for at, (formal, spec) in enumerate(zip(now, latest.inputs, strict=True)):
        i = place.get(formal, at if retyped and formal.was is None else None)
        if i is not None:
            promoted += inputs[i:] if spec.variadic else inputs[i : i + 1] or [None]
            used.update(range(i, len(inputs)) if spec.variadic else (i,))
        elif formal.was is not None and (value := attrs.get(formal.attribute)) is not None:
            promoted.append(_constant(formal, spec, value, kind, symbolic))
        elif not spec.variadic:
            promoted.append(None)
    known = zip(schema.inputs, inputs, strict=False)  # what an operator does not take is the checker's to refuse
    dropped = [spec.name for i, (spec, x) in enumerate(known) if x is not None and i not in used]
    if dropped and not symbolic:
        raise UnsupportedError(
            f"{op.name} of version {schema.version} cannot run with its input '{dropped[0]}'",
            why=f"version {newest} has no such input",
            fix="convert the model with sx.convert_version",
        )
    return replace(latest, version=schema.version), promoted, values


@functools.cache
def _formals(op: Operator, version: int) -> tuple[Formal, ...]:
    return tuple(f for f in op.inputs if f.since <= version < f.until)


def _dtype(x: Any) -> DType | None:
    if isinstance(x, Known):
        return x.dtype
    return dtype(x.dtype) if isinstance(x, (np.ndarray, np.generic)) else None


def _constant(formal: Formal, spec: FormalSpec, value: Any, kind: DType | None, symbolic: bool) -> Any:
    """An attribute's value as the input it became: lists and counts are vectors, other numbers scalars."""
    numbers = formal.was is not None and formal.was.kind in (AttrKind.INT, AttrKind.INTS)
    only = (
        next(iter(spec.types)) if len(spec.types) == 1 else kind if kind in spec.types else INT64 if numbers else kind
    )
    target = only if isinstance(only, DType) else None
    counts = formal.was is not None and formal.was.kind == AttrKind.INT
    array = np.asarray([value] if counts else value, None if target is None else target.numpy)
    if not symbolic:
        return array
    return known_constant(Tensor(array))
