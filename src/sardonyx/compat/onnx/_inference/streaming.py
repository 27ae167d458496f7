"""Operators that carry a state from call to call, as the official package infers them, and those that mark positions."""

from __future__ import annotations

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import refuse_shape, refuse_type
from sardonyx.compat.onnx._inference.messages import (
    Rule,
    extents,
    keep_element,
    keep_shape,
    must_have_rank,
    option,
    say_shape,
    shape_of,
)
from sardonyx.compat.onnx._inference.picking import agreed
from sardonyx.ops import Schema
from sardonyx.proto import TensorShapeProto

__all__ = ["STREAMING"]

Dimension = TensorShapeProto.Dimension
PAST, DECAY, BETA = 3, 4, 5  # optional inputs
GATES = {"linear": (), "gated": (DECAY,), "delta": (BETA,), "gated_delta": (DECAY, BETA)}  # rule -> what it needs


def _number(value: int) -> Dimension:
    return Dimension(dim_value=value)


def _value(dim: Dimension) -> int | None:
    return dim.dim_value if dim.HasField("dim_value") else None


# -- attention and convolution ---------------------------------------------------------------------------------------------


def _linear_attention(ctx: InferenceContext, schema: Schema) -> None:
    """Features side by side, a state of keys by values for each head; what any input tells of an extent counts."""
    heads, groups = _heads(ctx)
    _must_be_gated(ctx)
    keep_element(ctx)
    keep_element(ctx, PAST if ctx.has_input(PAST) else 0, 1)
    query, key, value = (must_have_rank(ctx, i, 3) for i in range(3))
    past = must_have_rank(ctx, PAST, 4)
    decay, beta = must_have_rank(ctx, DECAY, 3), must_have_rank(ctx, BETA, 3)
    flat = [s for s in (query, key, value, decay, beta) if s is not None]
    states = [] if past is None else extents(past)
    batch = agreed(*(s.dim[0] for s in flat), *states[:1])
    length = agreed(*(s.dim[1] for s in flat))
    keys = [_each(s, n, what) for s, n, what in ((query, heads, "query"), (key, groups, "key")) if s is not None]
    width = agreed(*keys, *states[2:3])
    depth = agreed(*([] if value is None else [_each(value, groups, "value")]), *states[3:])
    agreed(_number(groups), *states[1:2])
    _check_gates(decay, beta, groups, _value(width))
    features = _value(depth)
    say_shape(ctx, 0, [batch, length, None if features is None else features * heads])
    say_shape(ctx, 1, [batch, groups, width, depth])


def _heads(ctx: InferenceContext) -> tuple[int, int]:
    heads, groups = option(ctx, "q_num_heads", 0), option(ctx, "kv_num_heads", 0)
    for name, count in (("q_num_heads", heads), ("kv_num_heads", groups)):
        if count <= 0:
            raise refuse_type(f"{name} must be > 0, got {count}")
    if heads % groups:
        raise refuse_type(f"q_num_heads ({heads}) must be a multiple of kv_num_heads ({groups})")
    return heads, groups


def _must_be_gated(ctx: InferenceContext) -> None:
    """The rule by which the state is updated needs some gates and forbids the others."""
    attribute = ctx.get_attribute("update_rule")
    rule = "gated_delta" if attribute is None else attribute.s.decode(errors="replace")
    if rule not in GATES:
        raise refuse_type(f"update_rule must be one of: {', '.join(map(repr, GATES))}")
    for index, what in ((DECAY, "decay"), (BETA, "beta")):
        if ctx.has_input(index) != (index in GATES[rule]):
            raise refuse_type(f"update_rule '{rule}' {'requires' if index in GATES[rule] else 'forbids'} {what} input")


def _each(shape: TensorShapeProto, count: int, what: str) -> Dimension:
    """What is left for each head of the last axis."""
    last = _value(shape.dim[2])
    if last is None:
        return Dimension()
    if last % count:
        raise refuse_shape(f"Packed {what} last dim ({last}) must be divisible by the number of heads ({count})")
    return _number(last // count)


def _check_gates(decay: TensorShapeProto | None, beta: TensorShapeProto | None, groups: int, width: int | None) -> None:
    last = None if decay is None else _value(decay.dim[2])
    fits = last is None or (last % groups == 0 if width is None else last in (groups, groups * width))
    if not fits:
        raise refuse_shape(f"decay last dim ({last}) must be kv_num_heads ({groups}) or kv_num_heads * d_k ({width})")
    last = None if beta is None else _value(beta.dim[2])
    if last not in (None, 1, groups):
        raise refuse_shape(f"beta last dim ({last}) must be 1 or kv_num_heads ({groups})")


def _causal_conv(ctx: InferenceContext, schema: Schema) -> None:
    """As long as the input; the state is one shorter than the kernel."""
    attribute = ctx.get_attribute("activation")
    if attribute is not None and attribute.s not in (b"none", b"silu", b"swish"):
        raise refuse_shape("unsupported activation value: it is 'none', 'silu' or 'swish'.")
    keep_element(ctx)
    keep_element(ctx, 0, 1)
    images, kernel, bias, past = (must_have_rank(ctx, i, rank) for i, rank in enumerate((3, 3, 1, 3)))
    states = [] if past is None else extents(past)
    size = Dimension()
    if kernel is not None:
        agreed(_number(1), kernel.dim[1])
        taps = _value(kernel.dim[2])
        if taps is not None and taps < 1:
            raise refuse_shape(f"Kernel size k must be >= 1, got {taps}")
        size = size if taps is None else _number(taps - 1)
    channels = [] if images is None else [images.dim[1]]
    channels += [s.dim[0] for s in (kernel, bias) if s is not None]
    batch = agreed(*([] if images is None else [images.dim[0]]), *states[:1])
    many = agreed(*channels, *states[1:2])
    state = agreed(size, *states[2:])
    keep_shape(ctx)
    say_shape(ctx, 1, [batch, many, state])


# -- positions -------------------------------------------------------------------------------------------------------------


def _turned(ctx: InferenceContext, schema: Schema) -> None:
    keep_element(ctx)
    shape = shape_of(ctx, 0)
    if shape is not None and len(shape.dim) not in (3, 4):
        raise refuse_shape("Input tensor must have at least 3 and at most 4 dimensions")
    if shape is not None and len(shape.dim) == 3 and ctx.get_attribute("num_heads") is None:
        raise refuse_shape("Input shape is 3D, num_heads attribute must be provided")
    keep_shape(ctx)


def _written(ctx: InferenceContext, schema: Schema) -> None:
    """The cache, written along an axis that is not the batch's; the update fits it on the others."""
    keep_element(ctx)
    cache, update = shape_of(ctx, 0), shape_of(ctx, 1)
    if cache is not None and update is not None:
        rank = len(cache.dim)
        if len(update.dim) != rank:
            raise refuse_shape(f"past_cache and update must have the same rank: {rank}, {len(update.dim)}")
        given = option(ctx, "axis", -2)
        axis = given + rank if given < 0 else given
        if not 0 < axis < rank:
            raise refuse_shape(f"axis {axis} is out of range for rank {rank}")
        for i, (a, b) in enumerate(zip(cache.dim, update.dim, strict=True)):
            if i != axis:
                agreed(a, b)
    indices = must_have_rank(ctx, 2, 1)
    if cache is not None and indices is not None:
        if not cache.dim:
            raise refuse_shape("Input 0 expected to have rank >0 but has rank 0")
        agreed(cache.dim[0], indices.dim[0])
    keep_shape(ctx)


STREAMING: dict[tuple[str, str], Rule] = {
    ("", "CausalConvWithState"): _causal_conv,
    ("", "LinearAttention"): _linear_attention,
    ("", "RotaryEmbedding"): _turned,
    ("", "TensorScatter"): _written,
}
