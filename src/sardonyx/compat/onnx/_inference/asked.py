"""The words in which the table of views is written: what was asked, what is taken away, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from sardonyx.compat.onnx._inference.errors import refuse_shape
from sardonyx.core.dims import Dim
from sardonyx.ir import TensorType
from sardonyx.ops import Known

__all__ = [
    "Asked",
    "Results",
    "View",
    "all_numbers",
    "axis_of",
    "first_only",
    "like_first",
    "named_axes",
    "needs_ranks",
    "no_extents",
    "no_shape",
    "refuses",
    "reshaped",
    "since",
    "until",
]

Results: TypeAlias = list[Known]


@dataclass(frozen=True, slots=True)
class Asked:
    """The node that was inferred."""

    op_type: str
    version: int
    inputs: Sequence[Known | None]
    attrs: Mapping[str, Any]
    n_outputs: int
    stated: frozenset[str] = frozenset()  # the attributes that the node has

    def given(self, index: int) -> Known | None:
        """An input, if the node has it."""
        return self.inputs[index] if index < len(self.inputs) else None

    def hidden(self, index: int) -> bool:
        """Whether an input is there, but not as a constant."""
        x = self.given(index)
        return x is not None and x.value is None and x.floats is None


View: TypeAlias = Callable[[Asked, Results], Results]


def reshaped(found: Known, shape: Sequence[Dim | None] | None) -> Known:
    """The same element type with another shape."""
    if not isinstance(found.type, TensorType):
        return found
    return replace(found, type=replace(found.type, shape=None if shape is None else tuple(shape)))


# -- what is taken away ----------------------------------------------------------------------------------------------------


def no_shape(asked: Asked, found: Results) -> Results:
    return [reshaped(x, None) for x in found]


def no_extents(asked: Asked, found: Results) -> Results:
    return [reshaped(x, (None,) * x.rank) if x.has_shape else x for x in found]


def first_only(asked: Asked, found: Results) -> Results:
    """Nothing is said of the other outputs, not even a type."""
    return [x if i == 0 else Known(None) for i, x in enumerate(found)]


def like_first(asked: Asked, found: Results) -> Results:
    """The first input's shape, whatever the second makes of it."""
    first = asked.given(0)
    return [reshaped(x, None if first is None else first.dims) for x in found]


# -- when ------------------------------------------------------------------------------------------------------------------


def until(version: int, view: View) -> View:
    return lambda asked, found: view(asked, found) if asked.version < version else found


def since(version: int, view: View) -> View:
    return lambda asked, found: view(asked, found) if asked.version >= version else found


def needs_ranks(*inputs: int) -> View:
    """The shape is known only where those of these inputs are."""

    def apply(asked: Asked, found: Results) -> Results:
        known = all((x := asked.given(i)) is not None and x.has_shape for i in inputs)
        return found if known else no_shape(asked, found)

    return apply


def refuses(what: str, wrong: Callable[[Asked], bool]) -> View:
    """The official package does not take what we take."""

    def apply(asked: Asked, found: Results) -> Results:
        if wrong(asked):
            raise refuse_shape(what)
        return found

    return apply


# -- along axes ------------------------------------------------------------------------------------------------------------


def axis_of(asked: Asked, default: int = 0) -> int:
    given = asked.attrs.get("axis")
    return default if given is None else int(given)


def all_numbers(dims: Sequence[Dim | None]) -> bool:
    return all(isinstance(d, int) for d in dims)


def named_axes(asked: Asked) -> list[int] | None:
    """The axes that a node names, in an attribute or an input."""
    given = asked.given(1)
    axes = asked.attrs.get("axes") if given is None else given.numbers()
    return None if axes is None else [int(a) for a in axes]
