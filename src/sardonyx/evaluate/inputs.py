"""From what a caller gives to what a graph takes: names, element types, ranks and extents are checked, and explained."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sardonyx.core import dims
from sardonyx.core.dims import Expr
from sardonyx.core.dtypes import STRING, DType, dtype
from sardonyx.core.errors import InputError
from sardonyx.ir import Array, Graph, SparseTensorType, TensorType, Value, show_shape

__all__ = ["bind_inputs", "expected_inputs"]


def expected_inputs(graph: Graph) -> str:
    """``x: float32[batch, 3], y: int64[]``: what the graph takes, for error messages."""
    return (
        ", ".join(f"{v.name}: {v.type or '?'}{' (optional)' if v.const is not None else ''}" for v in graph.inputs)
        or "nothing"
    )


def bind_inputs(graph: Graph, inputs: Sequence[Any] | Mapping[str, Any]) -> dict[Value, Any]:
    """The value of each graph input, in the form references take: arrays, lists for sequences, None for absent optionals.

    Args:
        inputs: by name, or in the order of the graph's inputs. Inputs with a default value may be left out.

    Raises:
        InputError: a name, element type, rank or extent does not fit; the message lists what the graph takes.
    """
    given = _by_value(graph, inputs)
    bound = {value: _converted(graph, value, item) for value, item in given.items()}
    _check_symbols(graph, bound)
    return bound


def _by_value(graph: Graph, inputs: Sequence[Any] | Mapping[str, Any]) -> dict[Value, Any]:
    required = [v for v in graph.inputs if v.const is None]
    if isinstance(inputs, Mapping):
        by_name = {v.name: v for v in graph.inputs}
        unknown = [name for name in inputs if name not in by_name]
        if unknown:
            raise InputError(
                f"the model has no input named {_quoted(unknown)}",
                why=f"it takes {expected_inputs(graph)}",
                fix=_suggestion(unknown, by_name),
            )
        given = {by_name[name]: item for name, item in inputs.items()}
    else:
        # Positions count the inputs that need a value; giving more also reaches those with defaults.
        takes = required if len(inputs) <= len(required) else graph.inputs
        if len(inputs) > len(takes):
            raise InputError(
                f"{len(inputs)} inputs were given, the model takes {len(takes)}",
                why=f"it takes {expected_inputs(graph)}",
                fix="give one array for each input, or a dictionary by name",
            )
        given = dict(zip(takes, inputs, strict=False))
    missing = [v.name for v in required if v not in given]
    if missing:
        raise InputError(
            f"no value was given for input {_quoted(missing)}",
            why=f"the model takes {expected_inputs(graph)}; given: {_quoted(v.name for v in given) or 'nothing'}",
            fix=f"add {_quoted(missing)} to the inputs",
        )
    return given


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{n}'" for n in names)


def _suggestion(unknown: Sequence[str], names: Iterable[str]) -> str:
    folded = {n.casefold(): n for n in names}
    close = difflib.get_close_matches(unknown[0].casefold(), folded, 1)
    return f"did you mean '{folded[close[0]]}'?" if close else "use the names that the model takes"


def _converted(graph: Graph, value: Value, item: Any) -> Any:
    """`item` as the interpreter holds it, or a refusal."""
    kind = value.type
    if not isinstance(kind, (TensorType, SparseTensorType)):
        return list(item) if isinstance(item, (list, tuple)) else item
    if item is None:
        raise InputError(f"input '{value.name}' is None", why=f"it must be {kind}", fix="give an array")
    array = _as_array(item, kind.dtype)
    if kind.dtype is not None and dtype(array.dtype) is not kind.dtype:
        raise InputError(
            f"input '{value.name}' has the wrong element type: {dtype(array.dtype)}, not {kind.dtype}",
            why=f"the model takes {expected_inputs(graph)}",
            fix=f"convert it with {value.name or 'x'}.astype({kind.dtype.numpy.name!r})",
        )
    if kind.shape is not None:
        _check_shape(graph, value.name, array, kind.shape)
    return array


def _as_array(item: Any, wanted: DType | None) -> Array:
    """Python scalars and lists take the wanted type; arrays keep theirs, and strings are held as objects."""
    if hasattr(item, "__dlpack__") and not hasattr(item, "__array__"):
        return np.from_dlpack(item)
    if not hasattr(item, "dtype"):
        fits = wanted is not None and wanted is not STRING
        return np.asarray(item, wanted.numpy if fits else object if wanted is STRING else None)  # pyright: ignore[reportOptionalMemberAccess]
    array: Array = np.asarray(item)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    return array.astype(object) if array.dtype.kind == "U" else array


def _check_shape(graph: Graph, name: str, array: Array, shape: Sequence[Any]) -> None:
    if array.ndim != len(shape):
        raise InputError(
            f"input '{name}' has the wrong rank: {array.ndim}, not {len(shape)}",
            why=f"given {list(array.shape)}, expected {show_shape(shape)}; the model takes {expected_inputs(graph)}",
            fix="reshape the array to the expected rank",
        )
    for i, (extent, d) in enumerate(zip(array.shape, shape, strict=True)):
        if isinstance(d, int) and extent != d:
            raise InputError(
                f"input '{name}' has the wrong shape: axis {i} is {extent}, not {d}",
                why=f"given {list(array.shape)}, expected {show_shape(shape)}; the model takes {expected_inputs(graph)}",
                fix=f"give an array of shape {show_shape(shape)}, or export the model with axis {i} dynamic",
            )


def _check_symbols(graph: Graph, bound: Mapping[Value, Any]) -> None:
    """Each symbol has one value in all inputs, and what is computed from symbols agrees."""
    sizes: dict[str, int] = {}
    first: dict[str, str] = {}
    derived: list[tuple[str, int, Expr]] = []
    for value, array in bound.items():
        shape = value.type.shape if isinstance(value.type, TensorType) else None
        for i, d in enumerate(shape or ()):
            if not isinstance(d, Expr):
                continue
            name, extent, here = d.name, int(array.shape[i]), f"axis {i} of '{value.name}'"
            if name is None:
                derived.append((here, extent, d))
            elif sizes.setdefault(name, extent) != extent:
                raise InputError(
                    f"dimension '{name}' is {sizes[name]} and {extent} at once",
                    where=f"{first[name]}, and {here}",
                    why=f"the model takes {expected_inputs(graph)}",
                    fix=f"give arrays that agree on '{name}'",
                )
            else:
                first.setdefault(name, here)
    for here, extent, d in derived:
        if dims.free_symbols(d) <= sizes.keys() and (wanted := dims.evaluate(d, sizes)) != extent:
            raise InputError(
                f"{here} is {extent}, not {wanted}",
                where=here,
                why=f"it must be {d}, where " + ", ".join(f"{n} = {sizes[n]}" for n in sorted(dims.free_symbols(d))),
                fix="give arrays whose dimensions agree",
            )
