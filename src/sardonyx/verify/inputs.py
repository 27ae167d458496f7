"""Inputs made up from the types of a model: normal floats, indices that are in range, masks that let through."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim, Expr, evaluate, free_symbols
from sardonyx.core.errors import InputError
from sardonyx.ir import Array, Node, TensorType, Value

__all__ = ["random_inputs", "sizes_of"]

_MASK = re.compile(r"mask|valid|padding", re.I)
_INDEX = re.compile(r"ids?$|^ids?|index|indices|token|position|label|lengths?$", re.I)
_FEW = 8  # indices of whose table nothing is known, and other integers, stay below this
_SIZES = (2, 7, 5, 3)  # of symbolic dims, in the order in which they appear: different, so that no two are mixed up
# Through these an index reaches the operator that uses it.
_CARRIERS = {"Cast", "Reshape", "Unsqueeze", "Squeeze", "Identity", "Flatten", "Transpose", "Expand", "Slice", "Concat"}
_LOOKUPS = {"Gather", "GatherElements", "ScatterElements"}


def random_inputs(
    values: Sequence[Value],
    *,
    dims: Mapping[str, int] | None = None,
    seed: int = 0,
    given: Mapping[str, Any] | None = None,
) -> dict[str, Array]:
    """An array per input. The same seed gives the same arrays.

    Args:
        values: the inputs of a graph; those with a default value are left out.
        dims: sizes of symbolic dims; small ones are chosen for the others.
        given: arrays that are there already.

    Raises:
        InputError: an input is no tensor of numbers.
    """
    random = np.random.default_rng(seed)
    sizes = sizes_of(values, dims or {}, given or {})
    return {
        v.name: np.asarray(given[v.name]) if given and v.name in given else _array(v, sizes, random)
        for v in values
        if v.const is None
    }


def sizes_of(values: Sequence[Value], dims: Mapping[str, int], given: Mapping[str, Any]) -> dict[str, int]:
    """A size for every symbol of the inputs: the one asked for, that of a given array, or a small one."""
    sizes = dict(dims)
    for v in values:
        if v.name not in given:
            continue
        for d, extent in zip(v.shape or (), np.shape(given[v.name]), strict=False):
            if isinstance(d, Expr) and d.name is not None:
                sizes.setdefault(d.name, extent)
    for v in values:
        for d in v.shape or ():
            for name in sorted(free_symbols(d)) if d is not None else ():
                if name not in sizes:
                    sizes[name] = _SIZES[len(sizes) % len(_SIZES)]
    return sizes


def _array(value: Value, sizes: Mapping[str, int], random: np.random.Generator) -> Array:
    kind = value.type
    if (
        not isinstance(kind, TensorType)
        or kind.dtype is None
        or kind.dtype.kind not in ("float", "int", "uint", "bool")
    ):
        raise InputError(f"no value can be made up for input '{value.name}', of type {kind}", fix="give inputs=")
    if kind.shape is None:
        raise InputError(f"no value can be made up for input '{value.name}', whose rank is unknown", fix="give inputs=")
    shape = [_extent(d, sizes) for d in kind.shape]
    if kind.dtype.is_float:
        return random.standard_normal(shape).astype(kind.dtype.numpy)
    if _MASK.search(value.name):
        return _mask(shape).astype(kind.dtype.numpy)
    if kind.dtype.kind == "bool":
        return random.integers(0, 2, shape).astype(np.bool_)
    return random.integers(0, _bound(value) or (2 if "type" in value.name else _FEW), shape).astype(kind.dtype.numpy)


def _extent(d: Dim | None, sizes: Mapping[str, int]) -> int:
    return 1 if d is None else max(0, evaluate(d, sizes))


def _mask(shape: Sequence[int]) -> Array:
    """Ones, but for the end of the first row: a batch of which one example is shorter."""
    mask = np.ones(shape, np.int64)
    if len(shape) == 2 and shape[1] > 2:
        mask[0, -(shape[1] // 3) :] = 0
    return mask


def _bound(value: Value) -> int | None:
    """The smallest number of entries of the tables that this input picks from; None if it picks from none that is known."""
    found: list[int] = []
    seen: set[Value] = set()
    waiting = [value]
    while waiting:
        v = waiting.pop()
        if v in seen:
            continue
        seen.add(v)
        for node, position in v.uses:
            if node.op_type in _LOOKUPS and position == 1:
                found += _entries(node)
            elif node.op_type in _CARRIERS:
                waiting += node.outputs
    if not found and _INDEX.search(value.name):
        return _FEW
    return min(found, default=None)


def _entries(node: Node) -> list[int]:
    table = node.inputs[0]
    if table is None or table.shape is None or not table.shape:
        return []
    extent = table.shape[node.attr("axis", 0)]
    return [extent] if isinstance(extent, int) and extent > 0 else []
