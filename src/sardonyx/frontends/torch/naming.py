"""What the inputs and outputs of a program are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.utils._pytree import TreeSpec

__all__ = ["output_names"]


def output_names(spec: TreeSpec, count: int) -> list[str]:
    """A name per flattened output: the keys of a dictionary or dataclass, else ``output``, ``output_1``, ...

    Nested structures join their keys: ``hidden_states_0``.
    """
    found = list(_names(spec, ()))
    if len(found) != count:
        found = [()] * count
    names = ["_".join(path) if any(not part.isdigit() for part in path) else "" for path in found]
    if count == 1:
        return [names[0] or "output"]
    return [name or f"output_{i}" for i, name in enumerate(names)]


def _names(spec: TreeSpec, path: tuple[str, ...]) -> Any:
    if spec.is_leaf():
        yield path
        return
    children: Sequence[TreeSpec] = spec.children()
    for key, child in zip(_keys(spec.context, len(children)), children, strict=True):
        yield from _names(child, (*path, key))


def _keys(context: Any, count: int) -> list[str]:
    """The keys that a container's context keeps: those of a dictionary, the fields of a dataclass, or just positions."""
    candidates = [context, *context] if isinstance(context, (list, tuple)) else [context]
    candidates.append(getattr(context, "_fields", None))  # a named tuple
    for keys in candidates:
        if isinstance(keys, (list, tuple)) and len(keys) == count and all(isinstance(k, str) for k in keys):
            return list(keys)
    return [str(i) for i in range(count)]
