"""The functions of attention that programs take one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.compat.onnx.reference._execute import Body, apply, one
from sardonyx.compat.onnx.reference.ops._constants import CONSTANTS
from sardonyx.ops.attention import by_heads

__all__ = [
    "_apply_causal",
    "_apply_sliding_window",
    "_call_mod_graph",
    "_compute_attention",
    "_compute_flex_attention",
    "_get_softmax_dtype",
    "_softcap",
    "_softmax",
    "_unpack_3d_to_4d",
    "rotary_embedding",
]

Array = np.ndarray[Any, Any]


def _softmax(x: Array, axis: int = -1) -> Array:
    """Softmax, and zeros where every score of a row is -inf."""
    masked = np.isneginf(x.max(axis=axis, keepdims=True))
    return np.where(masked, x.dtype.type(0), one("Softmax", np.where(masked, x.dtype.type(0), x), axis=axis))


def _softcap(X: Array, softcap: float) -> Array:
    """Scores bent towards at most `softcap`."""
    return np.tanh(X / softcap) * softcap if softcap > 0 else X


def _ahead(base: Array, offset: Any) -> Array:
    """By how much each query is ahead of each key; `offset` is where the queries begin, for all or by sample."""
    queries, keys = base.shape[-2:]
    start = np.reshape(offset, (-1, 1, 1, 1)) if np.ndim(offset) else int(offset)
    return start + np.arange(queries)[:, None] - np.arange(keys)


def _allow(base: Array, allowed: Array) -> Array:
    return base + np.where(allowed, base.dtype.type(0), base.dtype.type(-np.inf))


def _apply_causal(base: Array, offset: Any) -> Array:
    """Scores with -inf where the key comes after the query."""
    return _allow(base, _ahead(base, offset) >= 0)


def _apply_sliding_window(base: Array, left_window_size: int, right_window_size: int, offset: Any) -> Array:
    """Scores with -inf where the key is too far before or after the query; -1 means no limit."""
    ahead = _ahead(base, offset)
    near = (ahead <= left_window_size) if left_window_size >= 0 else np.ones_like(ahead, bool)
    return _allow(base, near & (-ahead <= right_window_size) if right_window_size >= 0 else near)


def _compute_attention(
    Q: Array,
    K: Array,
    V: Array,
    attn_mask: Array | None = None,
    past_key: Array | None = None,
    past_value: Array | None = None,
    nonpad_kv_seqlen: Array | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    q_num_heads: int | None = None,
    kv_num_heads: int | None = None,
    softmax_precision: int | None = None,
    softcap: float | None = None,
    qk_matmul_output_mode: int | None = None,
    left_window_size: int | None = None,
    right_window_size: int | None = None,
    _validate_attention25: bool = True,
) -> tuple[Array, ...]:
    """Attention: the result, the keys and values it read, and the scores as `qk_matmul_output_mode` says."""
    for name, size in (("left_window_size", left_window_size), ("right_window_size", right_window_size)):
        if size is not None and size < -1:
            raise ValueError(f"{name} must be -1 or nonnegative, got {size}")
    if (past_key is None) != (past_value is None):
        raise ValueError("past_key and past_value must be provided together")
    if nonpad_kv_seqlen is not None and past_key is not None:
        raise ValueError("nonpad_kv_seqlen cannot be combined with past cache tensors")
    if _validate_attention25 and Q.ndim == 4 and (q_num_heads is not None or kv_num_heads is not None):
        raise ValueError("q_num_heads and kv_num_heads must not be specified for 4D inputs")
    attrs = {
        "scale": scale,
        "is_causal": int(bool(is_causal)),
        "q_num_heads": q_num_heads if Q.ndim == 3 else None,
        "kv_num_heads": kv_num_heads if Q.ndim == 3 else None,
        "softmax_precision": softmax_precision,
        "softcap": softcap,
        "qk_matmul_output_mode": qk_matmul_output_mode,
        "left_window_size": left_window_size,
        "right_window_size": right_window_size,
    }
    return tuple(apply("Attention", [Q, K, V, attn_mask, past_key, past_value, nonpad_kv_seqlen], attrs, 4))


def rotary_embedding(
    input: Array,
    cos_cache: Array,
    sin_cache: Array,
    position_ids: Array | None = None,
    interleaved: int | None = None,
    rotary_embedding_dim: int | None = None,
    num_heads: int | None = None,
) -> Array:
    """RotaryEmbedding."""
    attrs = {"interleaved": interleaved, "rotary_embedding_dim": rotary_embedding_dim, "num_heads": num_heads}
    return one("RotaryEmbedding", input, cos_cache, sin_cache, position_ids, **attrs)


def _unpack_3d_to_4d(x: Array, num_heads: int) -> Array:
    """[batch, length, heads * size] as [batch, heads, length, size]."""
    if x.shape[-1] % num_heads:
        raise ValueError(f"{x.shape[-1]} features do not make {num_heads} heads of one size")
    return by_heads(x, num_heads)


def _call_mod_graph(evaluator: Any, positional_inputs: Sequence[Array], *, attributes: Any = None) -> Array:
    """The only output of a graph that changes scores or probabilities."""
    names = list(evaluator.input_names)
    if len(names) != len(positional_inputs):
        raise RuntimeError(f"Graph attribute expects {len(names)} inputs but got {len(positional_inputs)}.")
    outputs = evaluator.run(None, dict(zip(names, positional_inputs, strict=True)), attributes=attributes)
    if not isinstance(outputs, list) or len(outputs) != 1:  # pyright: ignore[reportUnknownArgumentType]
        raise RuntimeError("Graph attribute must produce exactly 1 output.")
    return outputs[0]  # pyright: ignore[reportUnknownVariableType]


def _get_softmax_dtype(input_dtype: np.dtype[Any], softmax_precision: int | None = None) -> np.dtype[Any]:
    """The type in which probabilities are computed: the one that is named, else that of the inputs, float32 at least."""
    known = CONSTANTS["aionnx_preview.op_flex_attention"]["_SOFTMAX_PRECISION_TO_NP_DTYPE"]
    if softmax_precision is None:
        return np.dtype("float32") if np.dtype(input_dtype).itemsize < 4 else input_dtype
    if softmax_precision not in known:
        raise ValueError(f"Unsupported softmax_precision value: {softmax_precision}")
    return known[softmax_precision]


def _compute_flex_attention(
    Q: Array,
    K: Array,
    V: Array,
    scale: float | None = None,
    score_mod: Any = None,
    prob_mod: Any = None,
    softmax_precision: int | None = None,
) -> tuple[Array]:
    """FlexAttention; the graphs that change scores and probabilities are evaluators."""
    bodies = {
        name: None if graph is None else Body(graph, {}, {})
        for name, graph in (("score_mod", score_mod), ("prob_mod", prob_mod))
    }
    attrs = {"scale": scale, "softmax_precision": softmax_precision, **bodies}
    return (apply("FlexAttention", [Q, K, V], attrs, 1, domain="ai.onnx.preview")[0],)
