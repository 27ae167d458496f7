"""Common subexpressions: what is computed twice is computed once, what is stored twice is stored once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from sardonyx.ir import Attr, Graph, Node, Tensor, Value
from sardonyx.ops import lookup
from sardonyx.passes.contract import Work, one_pass
from sardonyx.rewrite.results import Results

__all__ = ["share"]

PROBE = (
    16  # elements at the beginning, in the middle and at the end that decide whether two long constants are compared
)


@one_pass("share")
def share(work: Work) -> bool:
    """Let equal constants, and equal nodes on equal inputs, be one."""
    results = Results([work.graph])
    return _graph(work, work.graph, results, {})


def _graph(work: Work, graph: Graph, results: Results, around: dict[Hashable, Node]) -> bool:
    changed = _constants(work, graph, results)
    seen = dict(around)  # a graph inside may take what was computed before it, not the other way round
    for node in graph.nodes:
        for inner in node.subgraphs:
            changed |= _graph(work, inner, results, seen)
        key = _key(node)
        if key is None:
            continue
        first = seen.setdefault(key, node)
        if first is not node and _merge(work, node, first, results):
            changed = True
    return changed


def _merge(work: Work, node: Node, first: Node, results: Results) -> bool:
    pairs = list(zip(node.outputs, first.outputs, strict=False))
    if len(node.outputs) != len(first.outputs) or any(not results.can_stand_for(o, n) for o, n in pairs):
        return False
    for old, new in pairs:
        work.facts.equate(old, new)
        results.replace(old, new)
    node.erase()
    return True


def _key(node: Node) -> Hashable | None:
    op = lookup(node.domain, node.op_type)
    if op is None or not op.deterministic or node.subgraphs:
        return None
    inputs = tuple(map(id, node.inputs))
    if op.commutative and len(inputs) == 2:
        inputs = tuple(sorted(inputs))
    attrs: list[tuple[str, Hashable]] = []
    for name, attr in sorted(node.attrs.items()):
        found = _attr_key(attr)
        if found is None:
            return None
        attrs.append((name, found))
    return node.domain, node.op_type, node.overload, inputs, tuple(attrs), len(node.outputs)


def _attr_key(attr: Attr) -> Hashable | None:
    value = attr.value
    if isinstance(value, Tensor):
        return value.dtype.text, value.shape, _bytes(value) if value.nbytes <= 1024 else id(value)
    if isinstance(value, float):
        return attr.kind, np.float64(value).tobytes()
    return None if attr.ref else (attr.kind, value) if isinstance(value, (int, str, bytes, tuple)) else id(value)


# -- constants -------------------------------------------------------------------------------------------------------


def _constants(work: Work, graph: Graph, results: Results) -> bool:
    changed = False
    seen: dict[Hashable, list[Value]] = {}
    for name, value in list(graph.initializers.items()):
        const = value.const
        if not isinstance(const, Tensor) or work.is_input(value):
            continue
        alike = seen.setdefault(_probe(const), [])
        same = next((v for v in alike if _equal(v.const, const)), None)
        if same is None:
            alike.append(value)
        elif results.can_stand_for(value, same):
            work.facts.equate(value, same)
            results.replace(value, same)
            del graph.initializers[name]
            changed = True
    return changed


def _probe(const: Tensor) -> Hashable:
    """Equal for equal constants, and cheap for long ones."""
    if const.nbytes <= 1024:
        return const.dtype.text, const.shape, _bytes(const)
    array: Any = const.numpy()
    half = array.size // 2
    parts = [array.flat[at : at + PROBE] for at in (0, half, array.size - PROBE)]  # no copy of a transposed one
    return const.dtype.text, const.shape, *(_array_bytes(p) for p in parts)


def _bytes(const: Tensor) -> Hashable:
    return _array_bytes(const.numpy())


def _array_bytes(array: Any) -> Hashable:
    return tuple(array.reshape(-1).tolist()) if array.dtype == object else array.tobytes()


def _equal(a: Any, b: Tensor) -> bool:
    if a is b:
        return True
    if a.dtype is not b.dtype or a.shape != b.shape:
        return False
    x, y = a.numpy(), b.numpy()
    if x.dtype == object:
        return bool((x == y).all())
    if x is y or (x.ctypes.data == y.ctypes.data and x.strides == y.strides):
        return True
    return np.array_equal(np.ascontiguousarray(x).view(np.uint8), np.ascontiguousarray(y).view(np.uint8))
