"""Attention and what serves it came late; before, they were written in their pieces."""

from __future__ import annotations

from typing import Any

import numpy as np

from sardonyx.core.dtypes import BOOL
from sardonyx.passes.versions.adapter import Old, down
from sardonyx.passes.versions.write import write
from sardonyx.rewrite import Expr
from sardonyx.rewrite.op import Cast

MASK, PAST_KEY, PAST_VALUE, VALID = 3, 4, 5, 6


@down("Attention", 25)
def attention_without_windows(new: Old) -> Expr:
    """Keys outside the window around a query become keys that the mask hides."""
    left, right = new.attr("left_window_size"), new.attr("right_window_size")
    for name in ("left_window_size", "right_window_size"):
        new.node.set_attr(name, None)
    if left >= 0 or right >= 0:
        new.wrap_input(MASK, _masked(new, _allowed(new, causal=False, left=left, right=right)))


@down("Attention", 24)
def attention_without_lengths(new: Old) -> Expr:
    """Keys behind the given number become keys that the mask hides; causality counts from that number."""
    if new.input(VALID) is not None:
        new.wrap_input(MASK, _masked(new, _allowed(new, causal=bool(new.attr("is_causal")))))
        new.node.set_attr("is_causal", None)
        new.node.set_input(VALID, None)


@down("Attention", 23)
def attention_in_pieces(new: Old) -> Expr:
    """softmax(q @ k' * scale + mask) @ v, with zeros in rows that may look at nothing."""
    dtype = new.dtype(0)
    if dtype is None:
        new.refuse("the type of its input is unknown", fix="declare the types of the model's inputs")
    if new.attr("is_causal"):
        new.wrap_input(MASK, _masked(new, _allowed(new, causal=True)))
    if new.input(MASK) is not None:
        _like_scores(new)
    heads, kv_heads = _heads(new, 0, "q_num_heads"), _heads(new, 1, "kv_num_heads")
    steps = [_by_heads(new, i, name, heads if i == 0 else kv_heads) for i, name in enumerate("qkv")]
    steps += [
        f"present_{x} = Concat <axis = 2> (past_{x}, {x})"
        if new.input(i) is not None
        else f"present_{x} = Identity ({x})"
        for x, i in (("k", PAST_KEY), ("v", PAST_VALUE))
    ]
    steps += [_repeated(new, x, heads, kv_heads) for x in "kv"]
    steps += [_root(new, dtype.code), "q_small = Mul (q, root)  k_small = Mul (every_k, root)"]
    steps += ["k_turned = Transpose <perm = [0, 1, 3, 2]> (k_small)  raw = MatMul (q_small, k_turned)"]
    steps += [_capped(new), _bias(new), _weights(new, dtype.code)]
    steps += ["y = MatMul (weights, every_v)"]
    merged = "y_turned = Transpose <perm = [0, 2, 1, 3]> (y)  Y = Reshape (y_turned, merged)"
    steps += [merged if new.rank(0) == 3 else "Y = Identity (y)"]
    shown = ("raw", "capped", "scores", "weights")[new.attr("qk_matmul_output_mode")]
    gives = ["Y", "present_k", "present_v", shown]
    # fmt: off
    return write(
        new, "\n".join(steps), " ".join(gives[: len(new.node.outputs)]),
        Q=new.input(0), K=new.input(1), V=new.input(2), mask=new.input(MASK),
        past_k=new.input(PAST_KEY), past_v=new.input(PAST_VALUE),
        cap=np.array(new.attr("softcap"), dtype.numpy), never=np.array(-np.inf, dtype.numpy),
        nothing=np.zeros((), dtype.numpy), one=np.ones((), np.float32),
        given=np.array(np.sqrt(new.attr("scale") or 0.0), dtype.numpy),
        merged=[0, 0, -1], q_split=[0, 0, heads or 0, -1], kv_split=[0, 0, kv_heads or 0, -1],
        beside=[2], times=[1, 1, (heads or 1) // (kv_heads or 1), 1, 1], many=[heads or 0],
        first=[0], second=[2], ends=[2, 3], fourth=np.array(3), last=[-1],
        hidden=_hidden(new), zeros=[0] * (2 * (new.rank(MASK) or 1) - 1),
    )
    # fmt: on


def _heads(new: Old, i: int, name: str) -> int | None:
    """How many heads an input has, where that is known."""
    shape = new.shape(i)
    if new.need_rank(i) == 3:
        return new.attr(name)
    assert shape is not None
    return shape[1] if isinstance(shape[1], int) else None


def _by_heads(new: Old, i: int, name: str, heads: int | None) -> str:
    """An input as [batch, heads, sequence, features]."""
    if new.need_rank(i) == 4:
        return f"{name} = Identity ({name.upper()})"
    if heads is None:
        new.refuse("the number of its heads is not given")
    split = "q_split" if name == "q" else "kv_split"
    return f"{name}_split = Reshape ({name.upper()}, {split})  {name} = Transpose <perm = [0, 2, 1, 3]> ({name}_split)"


def _repeated(new: Old, name: str, heads: int | None, kv_heads: int | None) -> str:
    """Each head of keys and values as often as the heads of the query share it."""
    if heads == kv_heads and heads is not None:
        return f"every_{name} = Identity (present_{name})"
    if heads is None or kv_heads is None:
        same = new.shape(0), new.shape(1)
        if None not in same and same[0] is not None and same[1] is not None and same[0][1] == same[1][1]:
            return f"every_{name} = Identity (present_{name})"
        new.refuse("heads may be shared, and how many there are is unknown")
    return f"""
        {name}_shape = Shape (present_{name})
        {name}_batch = Gather <axis = 0> ({name}_shape, first)
        {name}_ends = Gather <axis = 0> ({name}_shape, ends)
        {name}_all = Concat <axis = 0> ({name}_batch, many, {name}_ends)
        {name}_apart = Unsqueeze (present_{name}, beside)
        {name}_one = Shape ({name}_apart)
        {name}_times = Mul ({name}_one, times)
        {name}_wide = Expand ({name}_apart, {name}_times)
        every_{name} = Reshape ({name}_wide, {name}_all)
    """


def _root(new: Old, code: int) -> str:
    """The root of the scale, which is taken to both sides of the product."""
    if new.attr("scale") is not None:
        return "root = Identity (given)"
    return f"""
        q_shape = Shape (q)
        features = Gather <axis = 0> (q_shape, fourth)
        features_f = Cast <to = 1> (features)
        length = Sqrt (features_f)
        small = Div (one, length)
        root_f = Sqrt (small)
        root = Cast <to = {code}> (root_f)
    """


def _capped(new: Old) -> str:
    if not new.attr("softcap"):
        return "capped = Identity (raw)"
    return "low = Div (raw, cap)  bent = Tanh (low)  capped = Mul (bent, cap)"


def _bias(new: Old) -> str:
    """What is added to the scores: a mask of truth becomes numbers, and one that is too short hides what it leaves out."""
    if new.input(MASK) is None:
        return "scores = Identity (capped)"
    truth = new.dtype(MASK) is BOOL
    numbers = "bias = Where (full, nothing, never)" if truth else "bias = Identity (full)"
    return f"""
        kv_shape = Shape (present_k)  keys = Gather <axis = 0> (kv_shape, second)
        {_filled(new, new.shape(1), new.input(PAST_KEY) is None)}
        {numbers}
        scores = Add (capped, bias)
    """


def _filled(new: Old, keys: Any, whole: bool) -> str:
    """The mask, and what hides the keys that it leaves out at the end."""
    mask = new.shape(MASK)
    if whole and mask and keys and isinstance(mask[-1], int) and mask[-1] == keys[-2 if len(keys) == 4 else 1]:
        return "full = Identity (mask)"
    return """
        m_shape = Shape (mask)  m_count = Gather <axis = 0> (m_shape, last)
        lack = Sub (keys, m_count)
        pads = Concat <axis = 0> (zeros, lack)
        full = Pad (mask, pads, hidden)
    """


def _like_scores(new: Old) -> None:
    """A mask of numbers takes the type of the scores."""
    kind, wanted = new.dtype(MASK), new.dtype(0)
    if kind is None or wanted is None:
        new.refuse("the type of an input is unknown", fix="declare the types of the model's inputs")
    if kind is not BOOL and kind is not wanted:
        new.wrap_input(MASK, Cast(new.input(MASK), to=wanted.code))


def _hidden(new: Old) -> Any:
    """What a mask says of a key that may not be looked at."""
    kind = new.dtype(MASK) or new.dtype(0)
    assert kind is not None
    return np.array(False if kind is BOOL else -np.inf, kind.numpy)


def _weights(new: Old, code: int) -> str:
    """The softmax, in the type asked for; zeros where a query may look at nothing."""
    precise = new.attr("softmax_precision") or code
    cast = precise != code
    text = f"scores_p = Cast <to = {precise}> (scores)  soft_p = Softmax <axis = -1> (scores_p)" if cast else ""
    text += f"  soft = Cast <to = {code}> (soft_p)" if cast else "soft = Softmax <axis = -1> (scores)"
    if new.input(MASK) is None:
        return f"{text}  weights = Identity (soft)"
    return f"""{text}
        most = ReduceMax (bias, last)
        blind = Equal (most, never)
        weights = Where (blind, nothing, soft)
    """


def _allowed(new: Old, *, causal: bool, left: int = -1, right: int = -1) -> Any:
    """Which keys a query may look at: a matrix of truth, for each sample where their number is given."""
    checks: list[str] = []
    if causal:
        checks.append("not_ahead = LessOrEqual (distance, zero)")
    if left >= 0:
        checks.append("not_far = GreaterOrEqual (distance, left)")
    if right >= 0:
        checks.append("near = LessOrEqual (distance, right)")
    if new.input(VALID) is not None:
        checks.append("there = Less (column, count)")
    names = [check.split()[0] for check in checks]
    text = "  ".join(checks) + "  allowed_0 = Identity (" + names[0] + ")"
    for i, name in enumerate(names[1:]):
        text += f"  allowed_{i + 1} = And (allowed_{i}, {name})"
    past = "past_shape = Shape (past)  past_count = Gather <axis = 0> (past_shape, two)" if new.input(PAST_KEY) else ""
    keys = "keys = Add (new_keys, past_count)" if past else "keys = Identity (new_keys)"
    offset = f"offset = Identity ({'past_count' if past else 'zero'})"
    if new.input(VALID) is not None:
        offset = "count = Reshape (valid, sample)  offset = Sub (count, queries)"
    axis = [np.array(new.need_rank(i) - 2 if new.need_rank(i) == 4 else 1) for i in (0, 1)]
    (found,) = write(
        new,
        f"""
        q_shape = Shape (Q)  queries = Gather <axis = 0> (q_shape, q_axis)
        k_shape = Shape (K)  new_keys = Gather <axis = 0> (k_shape, k_axis)
        {past} {keys} {offset}
        column = Range (zero, keys, one)
        row_0 = Range (zero, queries, one)  row = Unsqueeze (row_0, behind)
        place = Add (row, offset)
        distance = Sub (column, place)
        {text}
        """,
        f"allowed_{len(names) - 1}",
        Q=new.input(0),
        K=new.input(1),
        past=new.input(PAST_KEY),
        valid=new.input(VALID),
        zero=np.array(0),
        one=np.array(1),
        two=np.array(2),
        q_axis=axis[0],
        k_axis=axis[1],
        behind=[1],
        sample=[-1, 1, 1, 1],
        left=np.array(-left),
        right=np.array(right),
    )
    return found


def _masked(new: Old, allowed: Any) -> Any:
    """The mask of the node that also hides what is not allowed; one that is too short is filled up first."""
    if new.input(MASK) is None:
        return allowed
    _like_scores(new)
    joined = "Y = And (full, allowed)" if new.dtype(MASK) is BOOL else "Y = Where (allowed, full, hidden)"
    (found,) = write(
        new,
        f"""
        allowed_shape = Shape (allowed)  keys = Gather <axis = 0> (allowed_shape, last)
        {_filled(new, new.shape(1), new.input(PAST_KEY) is None)}
        {joined}
        """,
        mask=new.input(MASK),
        allowed=allowed,
        hidden=_hidden(new),
        last=[-1],
        zeros=[0] * (2 * new.need_rank(MASK) - 1),
    )
    return found


@down("RotaryEmbedding", 23)
def rotary_in_pieces(new: Old) -> Expr:
    """Pairs of features, one of each half or neighbours, times the cosine and sine of their angle."""
    dtype, rank, part = new.dtype(0), new.need_rank(0), new.attr("rotary_embedding_dim")
    if dtype is None:
        new.refuse("the type of its input is unknown", fix="declare the types of the model's inputs")
    wide, narrow = ("Identity", "Identity") if dtype.bits >= 32 else ("Cast <to = 1>", f"Cast <to = {dtype.code}>")
    heads = (
        "split = Reshape (X, by_head)  x = Transpose <perm = [0, 2, 1, 3]> (split)" if rank == 3 else "x = Identity (X)"
    )
    pick = "Gather <axis = 0> ({0}, positions)" if new.input(3) is not None else "Identity ({0})"
    cut = "turned = Slice (x, zero, part, axis)  rest = Slice (x, part, end, axis)" if part else "turned = Identity (x)"
    halves = "a_0, b_0 = Split <axis = 3, num_outputs = 2> (turned)"
    joined = "both = Concat <axis = 3> (re, im)"
    if new.attr("interleaved"):
        halves = "a_0 = Slice (turned, zero, end, axis, two)  b_0 = Slice (turned, one, end, axis, two)"
        joined = """
            re_column = Unsqueeze (re, behind)  im_column = Unsqueeze (im, behind)
            pairs = Concat <axis = 4> (re_column, im_column)
            shape = Shape (turned)  both = Reshape (pairs, shape)
        """
    merged = "y_turned = Transpose <perm = [0, 2, 1, 3]> (y)  Y = Reshape (y_turned, merged)"
    return write(
        new,
        f"""
        {heads}
        cos_1 = {pick.format("cos")}  cos_2 = {wide} (cos_1)  c = Unsqueeze (cos_2, one)
        sin_1 = {pick.format("sin")}  sin_2 = {wide} (sin_1)  s = Unsqueeze (sin_2, one)
        {cut}
        {halves}
        a = {wide} (a_0)  b = {wide} (b_0)
        ca = Mul (c, a)  sb = Mul (s, b)  re_0 = Sub (ca, sb)  re = {narrow} (re_0)
        sa = Mul (s, a)  cb = Mul (c, b)  im_0 = Add (sa, cb)  im = {narrow} (im_0)
        {joined}
        {"y = Concat <axis = 3> (both, rest)" if part else "y = Identity (both)"}
        {merged if rank == 3 else "Y = Identity (y)"}
        """,
        X=new.input(0),
        cos=new.input(1),
        sin=new.input(2),
        positions=new.input(3),
        by_head=[0, 0, new.attr("num_heads") or 0, -1],
        merged=[0, 0, -1],
        zero=[0],
        one=[1],
        two=[2],
        part=[part],
        axis=[3],
        behind=[4],
        end=[np.iinfo(np.int64).max],
    )


@down("TensorScatter", 24)
def tensor_scatter_by_elements(new: Old) -> Expr:
    """Every element of the update with the place along the axis that its sample begins at, counted on."""
    rank = new.need_rank(0)
    axis = new.attr("axis") % rank
    circular = new.attr("mode") in ("circular", b"circular")
    return write(
        new,
        f"""
        shape = Shape (update)  count = Gather <axis = 0> (shape, axis)
        step = Range (zero, count, one)
        {"first = Unsqueeze (start, second)  sum = Add (first, step)" if new.input(2) is not None else "sum = Unsqueeze (step, sample)"}
        extents = Shape (past)  extent = Gather <axis = 0> (extents, axis)
        place = {"Mod (sum, extent)" if circular else "Identity (sum)"}
        apart = Unsqueeze (place, others)
        index = Expand (apart, shape)
        Y = ScatterElements <axis = {axis}> (past, index, update)
        """,
        past=new.input(0),
        update=new.input(1),
        start=new.input(2),
        axis=np.array(axis),
        zero=np.array(0),
        one=np.array(1),
        second=[1],
        sample=[0],
        others=[i for i in range(1, rank) if i != axis],
    )
