"""Types as schemas spell them: `tensor(float)`, `seq(tensor(int64))`, `map(string,tensor(float))`."""

from __future__ import annotations

import functools

from sardonyx.core import dtypes

__all__ = ["canonical_type"]

# Written type constructors, and how many types each holds. `opaque` names itself and holds no type.
_HOLDS = {"seq": 1, "optional": 1, "map": 2}
_ELEMENTS = {kind.text for kind in dtypes.ALL if kind is not dtypes.UNDEFINED}


@functools.lru_cache(maxsize=1024)
def canonical_type(text: str) -> str:
    """The one spelling of a type: an element type alone is that of a dense tensor.

    Raises:
        ValueError: `text` names no type.
    """
    text = "".join(text.split())
    outer, bracket, rest = text.partition("(")
    if not bracket:
        return f"tensor({_element(text)})"
    inner = rest.removesuffix(")")
    if outer in ("tensor", "sparse_tensor"):
        return f"{outer}({_element(inner)})"
    if outer == "opaque":
        return f"opaque({inner})"
    if outer not in _HOLDS:
        raise ValueError(f"'{text}' is an invalid data type string: '{outer}' holds no types.")
    if outer == "map":
        key, _, value = inner.partition(",")
        return f"map({_element(key)},{canonical_type(value)})"
    return f"{outer}({canonical_type(inner)})"


def _element(text: str) -> str:
    if text not in _ELEMENTS:
        raise ValueError(
            f"Received invalid data type string '{text}'; element types are {', '.join(sorted(_ELEMENTS))}."
        )
    return text
