"""Caches of keys and values: rows put where data says, and attention that keeps its own cache."""

from __future__ import annotations

from typing import Any

from sardonyx.core.dims import Dim, ceildiv
from sardonyx.core.dtypes import FLOAT32, INT32, INT64
from sardonyx.engine.kernels.cache import ROWS, PutRowsSpec, count_kernel, put_rows_kernel
from sardonyx.engine.lower.attention import BY_ROW, Looking, attend, flat, turn
from sardonyx.engine.lowering import Lowering, NotNative, kind_of, lower
from sardonyx.engine.program import Address, Argument, Call
from sardonyx.engine.views import View, product
from sardonyx.ir import Node

Names = tuple[str, ...]


def put_rows(low: Lowering, old: View, new: View, first: View, out: View, names: Names, spec: PutRowsSpec) -> None:
    """Into `out`, the rows of `new` from the place on that `first` says for each batch; what is old besides. [b, h, row, element]"""
    views = (out, old, new)
    args: list[Argument | None] = [Address(v.buffer, v.offset, v is out) for v in (*views, first)]
    args += [out.shape[3], *out.shape[:2], *(v.shape[2] for v in views)]
    for view in views:
        args += view.strides[:3]
    tasks = product(out.shape[:2]) * ceildiv(out.shape[2], ROWS)
    low.call(Call(put_rows_kernel(spec, low.target), args, tasks, names))


@lower("TensorScatter")
def tensor_scatter(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """The axes before the axis are one, and those behind it are one."""
    past, update, write = [*node.inputs, None][:3]
    assert past is not None and update is not None
    old, new = low.contiguous(low.view(past)), low.contiguous(low.view(update))
    if old.dtype.kind == "string" or old.dtype.itemsize > 8 or write is None or low.dtype(write) is not INT64:
        raise NotNative("TensorScatter of strings or packed numbers, or to nowhere in particular")
    axis = attrs["axis"] % old.rank
    for i, (a, b) in enumerate(zip(old.shape, new.shape, strict=True)):
        if i != axis:
            low.claim(a, b, f"{node!r} updates whole rows")
    low.claim_all(low.shape(write), old.shape[:1], f"{node!r} has a place for each batch")
    out = low.temp(old.dtype, old.shape, name=node.output.name)

    def by_rows(view: View) -> View:
        shape = view.shape
        found = view.reshaped((shape[0], product(shape[1:axis]), shape[axis], product(shape[axis + 1 :])))
        assert found is not None
        return found

    spec = PutRowsSpec(f"u{8 * old.dtype.itemsize}", circular=attrs["mode"] in ("circular", b"circular"))
    first = low.contiguous(low.view(write))
    put_rows(low, by_rows(old), by_rows(new), first, by_rows(out), (node.name or node.op_type,), spec)
    low.give(node.output, out)


_UNKNOWN = (
    "smooth_softmax",
    "qk_output",
    "sliding_window_cache",
    "kv_cache_bit_width",
)  # what they ask for has no lowering


@lower("GroupQueryAttention", domain="com.microsoft")
def group_query_attention(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """Rotate, put the new keys and values into the caches, and attend to what is there."""
    query, key, value, past_k, past_v, counts, total, cos, sin, positions, bias, *rest = [*node.inputs, *[None] * 16][
        :16
    ]
    assert query is not None and counts is not None and total is not None
    if any(v is not None for v in rest) or any((attrs.get(name) or 0) > 0 for name in _UNKNOWN) or not attrs["causal"]:
        raise NotNative("GroupQueryAttention with sinks, norms or quantized caches, or that looks ahead")
    if any(low.dtype(v) is not FLOAT32 for v in (query, key, value, past_k, past_v, cos, sin, bias) if v is not None):
        raise NotNative(f"GroupQueryAttention of {low.dtype(query)}")
    if any(v.uses or v in low.results for v in node.outputs[3:]):
        raise NotNative("GroupQueryAttention whose scores are read")
    every = low.ints(total)
    if every is None or low.dtype(counts) not in (INT32, INT64):
        raise NotNative("GroupQueryAttention of a length that data says")
    names = (node.name or node.op_type,)
    q, k, v = _apart(low, node, attrs)
    batch, _, queries, depth = q.shape
    numbers = low.contiguous(low.view(counts))
    low.claim(numbers.size, batch, f"{node!r} counts the keys of each batch")
    valid, first, places = (low.temp(INT64, shape) for shape in ((batch,), (batch,), (batch, queries)))
    args: list[Argument | None] = [Address(t.buffer, 0, True) for t in (valid, first, places)]
    args += [Address(numbers.buffer, numbers.offset), queries, every[0]]
    low.call(Call(count_kernel(kind_of(numbers.dtype), low.target), args, batch, names))
    if attrs.get("do_rotary") and cos is not None and sin is not None:
        where = places
        if positions is not None:
            own = low.contiguous(low.view(positions)).reshaped((batch, queries))
            if own is None:
                raise NotNative("GroupQueryAttention with positions that are shared")
            where = own
        angles, pairs = (low.view(cos), low.view(sin)), bool(attrs.get("rotary_interleaved"))
        low.claim(angles[1].shape[-1], angles[0].shape[-1], f"{node!r} has a sine for each cosine")
        low.at_least(depth, 2 * angles[0].shape[-1], f"{node!r} turns no more than there is")
        q, k = (turn(low, x, *angles, where, angles[0].shape[-1], pairs, BY_ROW, names) for x in (q, k))
    extent: Dim = low.shape(node.outputs[1])[2] if len(node.outputs) > 1 and node.outputs[1].name else every[0]
    caches: list[View] = []
    for i, (past, new) in enumerate(((past_k, k), (past_v, v)), 1):
        present = node.outputs[i] if i < len(node.outputs) else None
        whole = low.temp(
            FLOAT32, (batch, new.shape[1], extent, depth), name=present.name if present is not None else ""
        )
        before = whole.narrowed(2, 0, 0) if past is None else low.view(past)
        if past is not None:
            low.claim_all(
                (*before.shape[:2], before.shape[3]), (batch, new.shape[1], depth), f"{node!r} continues its cache"
            )
            before = before if before.strides[3] == 1 else low.contiguous(before)
        put_rows(low, before, new, first, whole, names, PutRowsSpec("u32", stays=False))
        caches.append(whole)
        if present is not None and present.name:
            low.give(present, whole)
    mask = None if bias is None else low.view(bias).broadcast_to((*q.shape[:3], low.shape(bias)[-1]))
    window = attrs["local_window_size"]
    how = Looking(True, attrs.get("scale") or None, float(attrs.get("softcap") or 0.0), valid, left=window - 1)
    if window == 0:
        raise NotNative("GroupQueryAttention that looks at nothing")
    out = attend(low, node, q, caches[0], caches[1], mask, how)
    low.give(node.output, flat(out.permuted(BY_ROW)))


def _apart(low: Lowering, node: Node, attrs: dict[str, Any]) -> list[View]:
    """Queries, keys and values as [batch, head, row, element]."""
    query, key, value = node.inputs[:3]
    assert query is not None
    heads, few = attrs["num_heads"], attrs["kv_num_heads"]
    whole = low.view(query)
    width = whole.shape[2]
    if not isinstance(width, int):
        raise NotNative("GroupQueryAttention of a symbolic width")
    parts: list[tuple[View, int]] = []
    if key is None or value is None:
        depth, start = width // (heads + 2 * few), 0
        for count in (heads, few, few):
            parts.append((whole.narrowed(2, start, count * depth), count))
            start += count * depth
    else:
        depth = width // heads
        parts = [(whole, heads), (low.view(key), few), (low.view(value), few)]
    found: list[View] = []
    for view, count in parts:
        low.claim(view.shape[2], count * depth, f"{node!r} has heads of one width")
        shape = (*view.shape[:2], count, depth)
        split = view.reshaped(shape) or low.contiguous(view).reshaped(shape)
        assert split is not None
        by_head = split.permuted(BY_ROW)
        found.append(by_head if by_head.strides[3] == 1 else low.contiguous(by_head, BY_ROW))
    return found
