"""Text as NumPy holds it: references give arrays of objects; here is what the evaluator's programs see."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

__all__ = ["as_held"]

# Operators whose text is of NumPy's own kind, and those whose text is of objects, whatever they get.
OWN = {"Cast", "CastLike", "Constant", "LabelEncoder", "StringNormalizer"}
OBJECTS = {"StringConcat", "StringSplit"}


def as_held(op_type: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> tuple[Any, ...]:
    """Outputs whose text is held as that of the inputs is, or as the operator holds it."""
    texts = [x.dtype for x in _arrays(inputs) if x.dtype.kind in "OSU"]
    if op_type in OWN:
        return tuple(_held(x, np.dtype("U0")) for x in outputs)
    if op_type in OBJECTS or len({text.kind for text in texts}) != 1:
        return tuple(outputs)
    return tuple(_held(x, texts[0]) for x in outputs)


def _arrays(values: Iterable[Any]) -> Iterable[Any]:
    for x in values:
        if isinstance(x, (list, tuple)):
            yield from _arrays(x)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(x, np.ndarray):
            yield x


def _held(x: Any, like: np.dtype[Any]) -> Any:
    """Text of objects as text of a kind, and at least as wide."""
    if isinstance(x, list):
        return [_held(item, like) for item in x]  # pyright: ignore[reportUnknownVariableType]
    if like.kind == "O" or not isinstance(x, np.ndarray) or x.dtype.kind != "O":
        return x
    text = x.astype(np.str_)
    if like.kind == "S":
        text = np.char.encode(text, "utf-8")
    return text.astype(np.promote_types(text.dtype, like))
