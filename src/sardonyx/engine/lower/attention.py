"""Attention: the heads are views, the past is joined to the keys and values, the rest is one kernel. And rotary embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sardonyx.core.dims import Dim, Expr, ceildiv
from sardonyx.core.dtypes import BOOL, FLOAT32
from sardonyx.engine.formula import Formula, Step
from sardonyx.engine.kernels.attention import FEW, AttentionSpec, attention_kernel, attention_scratch
from sardonyx.engine.kernels.map import Access
from sardonyx.engine.lower.index import gather_slices
from sardonyx.engine.lowering import Lowering, NotNative, lower
from sardonyx.engine.program import Address, Argument, Call, Real
from sardonyx.engine.space import memory_order, physical_order
from sardonyx.engine.views import View
from sardonyx.ir import Node, Value
from sardonyx.tile import f32

__all__ = ["BY_ROW", "Looking", "attend", "flat", "heads_of", "turn"]

BY_ROW = (0, 2, 1, 3)  # how [batch, head, row, element] lies when a row's heads lie together


def _inputs(node: Node) -> list[Value | None]:
    return [v if v is not None and v.name else None for v in [*node.inputs, *[None] * 7][:7]]


def heads_of(low: Lowering, value: Value, count: int | None) -> View:
    """[batch, head, row, element], with dense rows of elements."""
    view = low.view(value)
    if view.rank == 3:
        if not count:
            raise NotNative("Attention of three axes without a number of heads")
        batch, rows, width = view.shape
        if not isinstance(width, int):
            raise NotNative("Attention of a symbolic width")
        split = view.reshaped((batch, rows, count, width // count))
        if split is None:
            split = low.contiguous(view).reshaped((batch, rows, count, width // count))
        assert split is not None
        view = split.permuted(BY_ROW)
    return view if view.strides[3] == 1 else low.contiguous(view, BY_ROW)


def _joined(low: Lowering, past: Value | None, own: View, name: str) -> View:
    """The rows of the past, then its own."""
    if past is None:
        return own
    before = low.view(past)
    batch, heads, rows, width = own.shape
    fixed = (before.shape[0], before.shape[1], before.shape[3])
    low.claim_all(fixed, (batch, heads, width), f"the {name} continue what came before")
    whole = low.temp(own.dtype, (batch, heads, before.shape[2] + rows, width), name=name)
    low.copy(before, whole.narrowed(2, 0, before.shape[2]), (name,))
    low.copy(own, whole.narrowed(2, before.shape[2], rows), (name,))
    return whole


@lower("Attention")
def attention(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    """Scores never reach memory, so what asks for them stays with the reference."""
    q_in, k_in, v_in, mask_in, past_k, past_v, valid_in = _inputs(node)
    assert q_in is not None and k_in is not None and v_in is not None
    outputs = [*node.outputs, *[None] * 4][:4]
    if outputs[3] is not None and (outputs[3].uses or outputs[3] in low.results):
        raise NotNative("Attention whose scores are read")
    if any(low.dtype(v) is not FLOAT32 for v in (q_in, k_in, v_in)):
        raise NotNative(f"Attention of {low.dtype(q_in)}")
    q = heads_of(low, q_in, attrs.get("q_num_heads"))
    key = _joined(low, past_k, heads_of(low, k_in, attrs.get("kv_num_heads")), node.name or "past keys")
    value = _joined(low, past_v, heads_of(low, v_in, attrs.get("kv_num_heads")), node.name or "past values")
    valid = None
    if valid_in is not None:
        valid = low.contiguous(low.view(valid_in))
        low.claim_all(valid.shape, q.shape[:1], f"{node!r} counts the keys of each batch")
    left, right = (attrs.get(side, -1) for side in _WINDOWS)
    how = Looking(
        bool(attrs.get("is_causal")), attrs.get("scale"), float(attrs.get("softcap") or 0.0), valid,
        0 if past_k is None else low.shape(past_k)[2], -1 if left is None else left, -1 if right is None else right,
    )  # fmt: skip
    mask = None if mask_in is None else _mask(low, mask_in, (*q.shape[:3], key.shape[2]))
    out = attend(low, node, q, key, value, mask, how)
    low.give(node.output, out if len(low.shape(q_in)) == 4 else flat(out.permuted(BY_ROW)))
    for present, whole in zip(outputs[1:3], (key, value), strict=True):
        if present is not None and present.name:
            low.give(present, whole)


@dataclass(frozen=True)
class Looking:
    """Where queries look, and how.

    Attributes:
        valid: how many keys there are, by batch; the queries are the last ones.
        past: the keys before the first query's own, unless `valid` tells.
        left, right: how far behind and before its own key a query looks; -1 means as far as there are keys.
    """

    causal: bool
    scale: float | None
    cap: float
    valid: View | None = None
    past: Dim = 0
    left: int = -1
    right: int = -1


def attend(low: Lowering, node: Node, q: View, key: View, value: View, mask: View | None, how: Looking) -> View:
    """The results [batch, head, query, element], of which a query's heads lie together."""
    batch, heads, queries, depth = q.shape
    shared, keys, width = key.shape[1], key.shape[2], value.shape[3]
    if not isinstance(heads, int) or not isinstance(shared, int) or heads % shared:
        raise NotNative(f"Attention of {heads} heads on {shared}")
    low.claim_all((key.shape[0], key.shape[3]), (batch, depth), f"{node!r} compares each query with keys of its kind")
    low.claim_all(value.shape[:3], (batch, shared, keys), f"{node!r} has a value for each key")
    if how.scale is None and not isinstance(depth, int):
        raise NotNative("Attention of a symbolic depth")
    lanes, group = low.target.lanes(f32), heads // shared
    rows = queries * group
    by_key: Access = "same"
    if mask is not None and (mask.strides[2] != 0 or (group > 1 and mask.strides[1] != 0)):
        by_key = "unit" if mask.strides[3] == 1 else "strided"
    spec = AttentionSpec(
        how.causal,
        "none" if mask is None else "bool" if mask.dtype is BOOL else "float",
        by_key,
        how.cap,
        vectors=1 if isinstance(rows, int) and rows <= lanes else 2,
        rows="both" if not isinstance(rows, int) else "few" if rows <= FEW else "many",
        shared=group > 1,
        dense=mask is None or mask.strides[3] == 1,
        counted=how.valid is not None,
        left=how.left >= 0,
        right=how.right >= 0,
    )
    out = low.temp(FLOAT32, (batch, heads, queries, width), BY_ROW, node.output.name)
    args: list[Argument | None] = [Address(out.buffer, out.offset, True)]
    args += [Address(v.buffer, v.offset) for v in (q, key, value, mask, how.valid) if v is not None]
    args += [batch, shared, group, queries, keys, depth, width, how.past]
    args += [reach for reach in (how.left, how.right) if reach >= 0]
    for view in (out, q, key, value):
        args += view.strides[:3]
    if mask is not None:
        args += mask.strides
    args.append(Real(float(how.scale) if how.scale is not None else float(depth) ** -0.5))  # pyright: ignore[reportArgumentType] an int, see above
    blocks: Dim = 1 if spec.rows == "few" else ceildiv(rows, spec.vectors * lanes)
    low.call(
        Call(
            attention_kernel(spec, low.target),
            args,
            batch * shared * blocks,
            (node.name or "Attention",),
            scratch=4 * attention_scratch(spec, rows, keys, depth, width, lanes) + 64,
            flops=batch * heads * queries * keys * (depth + width) * 2,
        )
    )
    return out


_WINDOWS = ("left_window_size", "right_window_size")


def flat(rows: View) -> View:
    """[batch, row, head, element] with heads and elements as one axis."""
    batch, count, heads, width = rows.shape
    found = rows.reshaped((batch, count, heads * width))
    assert found is not None
    return found


def _mask(low: Lowering, value: Value, shape: tuple[Dim, ...]) -> View:
    if low.dtype(value) not in (FLOAT32, BOOL):
        raise NotNative(f"Attention with a mask of {low.dtype(value)}")
    own = low.shape(value)[-1]
    if own != shape[-1] and (own != 1 or isinstance(own, Expr)):
        raise NotNative("Attention with a mask of some of the keys")
    return low.view(value).broadcast_to(shape)


@lower("RotaryEmbedding")
def rotary(low: Lowering, node: Node, attrs: dict[str, Any]) -> None:
    source, cos, sin, positions = [*node.inputs, None][:4]
    assert source is not None and cos is not None and sin is not None
    if any(low.dtype(v) is not FLOAT32 for v in (source, cos, sin)):
        raise NotNative(f"RotaryEmbedding of {low.dtype(source)}")
    x = heads_of(low, source, attrs["num_heads"])
    batch, _, rows, depth = x.shape
    turned = attrs["rotary_embedding_dim"] or depth
    if not isinstance(turned, int):
        raise NotNative("RotaryEmbedding of a symbolic depth")
    by_row = len(low.shape(source)) == 3
    low.at_least(depth, turned, f"{node!r} turns no more than there is")
    for cache in (cos, sin):
        low.claim(low.shape(cache)[-1], turned // 2, f"{node!r} has an angle for each pair")
    if positions is not None:
        low.claim_all(low.shape(positions), (batch, rows), f"{node!r} has a position for each row")
    where = None if positions is None else low.view(positions)
    order = BY_ROW if by_row else physical_order(x.shape, [x])
    names = (node.name or node.op_type,)
    angles, interleaved = (low.view(cos), low.view(sin)), bool(attrs["interleaved"])
    out = turn(low, x, *angles, where, turned // 2, interleaved, order, names, node.output.name)
    low.give(node.output, flat(out.permuted(BY_ROW)) if by_row else out)


def turn(
    low: Lowering,
    x: View,
    cos: View,
    sin: View,
    positions: View | None,
    half: Dim,
    interleaved: bool,
    order: Sequence[int],
    names: tuple[str, ...],
    name: str = "",
) -> View:
    """[batch, head, row, element], turned by two elementwise kernels, one for each feature of the pairs."""
    batch, heads, rows, depth = x.shape
    out = low.temp(FLOAT32, x.shape, order, name)
    angles: list[View] = []
    for view in (cos, sin):
        view = replace(view, shape=(*view.shape[:-1], half))
        if positions is not None:
            picked = low.temp(FLOAT32, (batch, rows, half))
            gather_slices(low, view, positions, 0, picked, names)
            view = picked
        angles.append(view.unsqueezed([1]).broadcast_to((batch, heads, rows, half)))
    step, second = (2, 1) if interleaved else (1, half)
    pair = [x.narrowed(3, start, half, step) for start in (0, second)]
    for start, (first, other, join) in ((0, (0, 1, "sub")), (second, (1, 0, "add"))):
        # cos a - sin b, and cos b + sin a
        products = (Step("mul", (0, 1), "f32"), Step("mul", (2, 3), "f32"), Step(join, (4, 5), "f32"))
        place = out.narrowed(3, start, half, step)
        operands = [angles[0], pair[first], angles[1], pair[other]]
        low.map(Formula(("f32",) * 4, products), operands, place, memory_order(place), names)
    if 2 * half != depth:
        low.copy(x.narrowed(3, 2 * half, depth - 2 * half), out.narrowed(3, 2 * half, depth - 2 * half), names)
    return out
