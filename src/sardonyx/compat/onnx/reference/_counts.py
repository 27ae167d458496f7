"""Whether a call gives as many inputs as its operator takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sardonyx.ops import Schema

__all__ = ["check_count"]


def check_count(schema: Schema, last: Schema, args: Sequence[Any]) -> None:
    """Refuse too many inputs, and the lack of one that must be there, with the class that a call of a function has.

    Args:
        schema: the version that a node means.
        last: the last version that its class runs; what may be absent there, may be absent.
    """
    name = schema.operator.name
    if len(args) > schema.max_inputs:
        raise TypeError(f"{name} takes {schema.max_inputs} inputs at most, not {len(args)}")
    for place, formal in enumerate(schema.inputs):
        absent = place >= len(args) or (args[place] is None and not _may_hold_nothing(formal.types))
        later = last.formal(place)
        if absent and not (formal.optional or formal.variadic or (later is not None and later.optional)):
            raise TypeError(f"{name} lacks input '{formal.name}': {place + 1} of {len(schema.inputs)}")


def _may_hold_nothing(types: frozenset[Any]) -> bool:
    return any(isinstance(held, str) and held.startswith("optional") for held in types)
