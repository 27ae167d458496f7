"""Attention and rotary positions in terms of products, masks and Softmax.

Masks are numbers that are added to the scores: 0 where a query may look at a key, -inf where not.
"""

from __future__ import annotations

from sardonyx.ops.bodies.body import Call, body_of
from sardonyx.ops.bodies.splice import spliced

NUMBERS = """
    Zero1D = Constant <value = int64[1] {0}> ()
    One1D = Constant <value = int64[1] {1}> ()
    NegOne1D = Constant <value = int64[1] {-1}> ()
    Zero = Constant <value = int64 {0}> ()
    One = Constant <value = int64 {1}> ()
    ScalarZero = Constant <value = float[1] {0.0}> ()
    FloatNegInf = Constant <value = float[1] {-inf}> ()
"""


def by_heads(name: str, heads: int | None) -> str:
    """A tensor of rank 3 gets its heads as a dimension of their own, in front of the sequence."""
    if not heads:
        return f"{name}_heads = Identity ({name})"
    return f"""
    {name}_count = Constant <value = int64[1] {{{heads}}}> ()
    {name}_length = Shape <start = 1, end = 2> ({name})
    {name}_parts = Concat <axis = 0> (batch, {name}_length, {name}_count, NegOne1D)
    {name}_split = Reshape ({name}, {name}_parts)
    {name}_heads = Transpose <perm = [0, 2, 1, 3]> ({name}_split)
    """


def _repeated(name: str, features: str) -> str:
    """Heads of keys or values repeated for the query heads that share them."""
    return f"""
    {name}_apart = Unsqueeze ({name}, Two1D)
    {name}_shape = Concat <axis = 0> (batch, kv_heads, times, keys, {features})
    {name}_wide = Expand ({name}_apart, {name}_shape)
    {name}_merged = Concat <axis = 0> (batch, q_heads, keys, {features})
    {name}_all = Reshape ({name}_wide, {name}_merged)
    """


def _bias(call: Call) -> str:
    """The mask that the node gives, as numbers for all keys; zeros without one."""
    if not call.gives(3):
        return """
    AttnBiasShape = Concat <axis = 0> (queries, keys)
    AttnBias = ConstantOfShape (AttnBiasShape)
    """
    mask = "Where (attn_mask, ScalarZero, FloatNegInf)" if call.element(3) == 9 else "Identity (attn_mask)"
    return f"""
    AttnBiasShort = {mask}
    mask_keys = Shape <start = -1> (attn_mask)
    missing = Sub (keys, mask_keys)
    pads = Concat <axis = 0> (Zero1D, missing)
    hidden = CastLike (FloatNegInf, AttnBiasShort)
    AttnBias = Pad (AttnBiasShort, pads, hidden, NegOne1D)
    """


def _distances(call: Call) -> str:
    """How far each key lies behind its query, as [batch or 1, 1, queries, keys]."""
    if call.gives(6):
        offset = """
    Axes123 = Constant <value = int64[3] {1, 2, 3}> ()
    behind = Sub (nonpad_kv_seqlen, queries)
    offset = Unsqueeze (behind, Axes123)
    """
    elif call.gives(4):
        offset = "offset = Shape <start = 2, end = 3> (past_key)"
    else:
        offset = "offset = Identity (Zero1D)"
    return f"""
    {offset}
    queries_0 = Squeeze (queries, Zero1D)
    keys_0 = Squeeze (keys, Zero1D)
    rows_1 = Range (Zero, queries_0, One)
    columns = Range (Zero, keys_0, One)
    rows = Unsqueeze (rows_1, One1D)
    places = Add (rows, offset)
    distance = Sub (columns, places)
    """


def _windows(call: Call) -> list[tuple[str, str]]:
    """The names of what masks what lies too far before or behind, and how each is computed."""
    found: list[tuple[str, str]] = []
    for side, sign in (("left", "Neg (distance)"), ("right", "Identity (distance)")):
        size = call.attributes.get(f"{side}_window_size", -1)
        if size >= 0:
            found.append(
                (
                    side,
                    f"""
    {side}_size = Constant <value = int64[1] {{{size}}}> ()
    {side}_way = {sign}
    {side}_far = Greater ({side}_way, {side}_size)
    {side}_mask_f = Where ({side}_far, FloatNegInf, ScalarZero)
    {side}_mask = CastLike ({side}_mask_f, AttnBiasCausalOrNot)
    """,
                )
            )
    return found


def _masks(call: Call) -> str:
    """All masks added up, as `bias`."""
    windows, causal = _windows(call), call.attributes["is_causal"]
    steps = [_bias(call)]
    if causal or windows:
        steps.append(_distances(call))
    if causal:
        steps.append("""
    BoolMaskTri = Greater (distance, Zero1D)
    MaskTriFloat = Where (BoolMaskTri, FloatNegInf, ScalarZero)
    MaskTri = CastLike (MaskTriFloat, AttnBias)
    AttnBiasCausalOrNot = Add (AttnBias, MaskTri)
    """)
    else:
        steps.append("AttnBiasCausalOrNot = Identity (AttnBias)")
    held = "AttnBiasCausalOrNot"
    for side, computed in windows:
        steps.append(f"{computed} bias_{side} = Add ({held}, {side}_mask)")
        held = f"bias_{side}"
    if call.gives(6):
        steps.append(f"""
    keys_valid = Squeeze (keys, Zero1D)
    key_places = Range (Zero, keys_valid, One)
    valid = Unsqueeze (nonpad_kv_seqlen, One1D)
    PaddingMaskBool = Less (key_places, valid)
    PaddingMaskFloat = Where (PaddingMaskBool, ScalarZero, FloatNegInf)
    PaddingMask3D = Unsqueeze (PaddingMaskFloat, One1D)
    PaddingMask4DFloat = Unsqueeze (PaddingMask3D, One1D)
    PaddingMask4D = CastLike (PaddingMask4DFloat, AttnBiasCausalOrNot)
    bias_padded = Add ({held}, PaddingMask4D)
    """)
        held = "bias_padded"
    return "\n".join([*steps, f"bias = Cast <to = {call.element(0)}> ({held})"])


@body_of("Attention", {23: 23, 24: 24, 25: 25})
def attention(call: Call) -> str:
    """Scores of every query for every key, masked; their Softmax weighs the values."""
    element, given = call.element(0), call.attributes
    scale = (
        "features_f = Cast <to = 1> (features)  root_f = Sqrt (features_f)  scale = Reciprocal (root_f)"
        if given["scale"] is None
        else f"scale = Constant <value = float[1] {{{given['scale']!r}}}> ()"
    )
    present = "\n".join(
        f"present_{short} = "
        + (f"Concat <axis = 2> (past_{kind}, {name}_heads)" if call.gives(i) else f"Identity ({name}_heads)")
        for i, kind, short, name in ((4, "key", "k", "K"), (5, "value", "v", "V"))
    )
    capped = "capped = Identity (raw)"
    if given["softcap"]:
        capped = f"""
    cap_f = Constant <value = float[1] {{{given["softcap"]!r}}}> ()
    cap = Cast <to = {element}> (cap_f)
    parts_of_cap = Div (raw, cap)
    bent = Tanh (parts_of_cap)
    capped = Mul (bent, cap)
    """
    precision = given["softmax_precision"] or element
    shown = ("raw", "capped", "scores", "safe")[given["qk_matmul_output_mode"]]
    values = "v_all = Identity (present_v_all)"
    if call.element(2) != element:
        values = f"v_all = Cast <to = {element}> (present_v_all)"
    result = "Y = Identity (mixed)"
    if given["q_num_heads"]:
        result = """
    mixed_back = Transpose <perm = [0, 2, 1, 3]> (mixed)
    joined = Concat <axis = 0> (batch, queries, NegOne1D)
    Y = Reshape (mixed_back, joined)
    """
    extra = [
        line
        for i, line in (
            (1, "present_key = Identity (present_k)"),
            (2, "present_value = Identity (present_v)"),
            (3, f"qk_matmul_output = Identity ({shown})"),
        )
        if call.wants(i)
    ]
    return f"""{NUMBERS}
    batch = Shape <start = 0, end = 1> (Q)
    {by_heads("Q", given["q_num_heads"])}
    {by_heads("K", given["kv_num_heads"])}
    {by_heads("V", given["kv_num_heads"])}
    q_heads = Shape <start = 1, end = 2> (Q_heads)
    queries = Shape <start = 2, end = 3> (Q_heads)
    features = Shape <start = 3, end = 4> (Q_heads)
    kv_heads = Shape <start = 1, end = 2> (K_heads)
    v_features = Shape <start = 3, end = 4> (V_heads)
    {scale}
    scale_root = Sqrt (scale)
    factor = Cast <to = {element}> (scale_root)
    {present}
    keys = Shape <start = 2, end = 3> (present_k)
    {_masks(call)}
    times = Div (q_heads, kv_heads)
    Two1D = Constant <value = int64[1] {{2}}> ()
    {_repeated("present_k", "features")}
    {_repeated("present_v", "v_features")}
    {values}
    k_turned = Transpose <perm = [0, 1, 3, 2]> (present_k_all)
    q_scaled = Mul (Q_heads, factor)
    k_scaled = Mul (k_turned, factor)
    raw = MatMul (q_scaled, k_scaled)
    {capped}
    scores = Add (capped, bias)
    precise = Cast <to = {precision}> (scores)
    shares = Softmax <axis = -1> (precise)
    weights = Cast <to = {element}> (shares)
    best = ReduceMax (bias, NegOne1D)
    never = CastLike (FloatNegInf, bias)
    blind = Equal (best, never)
    nothing = CastLike (ScalarZero, weights)
    safe = Where (blind, nothing, weights)
    mixed = MatMul (safe, v_all)
    {result}
    {" ".join(extra)}
    """


@body_of("RotaryEmbedding", {23: 23})
def rotary_embedding(call: Call) -> str:
    """Pairs of features turned by the angles of their positions, in float."""
    heads, turned = call.attributes["num_heads"], call.attributes["rotary_embedding_dim"]
    caches = "\n".join(
        f"{name}_rows = "
        + (f"Gather ({name}_cache, position_ids)" if call.gives(3) else f"Identity ({name}_cache)")
        + f"  {name}_wide = Cast <to = 1> ({name}_rows)  {name} = Unsqueeze ({name}_wide, One1D)"
        for name in ("cos", "sin")
    )
    parts = "pairs = Identity (X_heads)"
    if turned:
        parts = f"""
    border = Constant <value = int64[1] {{{turned}}}> ()
    pairs = Slice (X_heads, Zero1D, border, NegOne1D)
    rest = Slice (X_heads, border, end, NegOne1D)
    """
    if call.attributes["interleaved"]:
        split = """
    a = Slice (wide, Zero1D, end, NegOne1D, Two1D)
    b = Slice (wide, One1D, end, NegOne1D, Two1D)
    """
        join = """
    left_apart = Unsqueeze (left, NegOne1D)
    right_apart = Unsqueeze (right, NegOne1D)
    neighbours = Concat <axis = -1> (left_apart, right_apart)
    form = Shape (wide)
    both = Reshape (neighbours, form)
    """
    else:
        split, join = "a, b = Split <axis = -1, num_outputs = 2> (wide)", "both = Concat <axis = -1> (left, right)"
    whole = "all = Concat <axis = -1> (made, rest)" if turned else "all = Identity (made)"
    result = "Y = Identity (all)"
    if heads:
        result = "back = Transpose <perm = [0, 2, 1, 3]> (all)  X_shape = Shape (X)  Y = Reshape (back, X_shape)"
    return f"""{NUMBERS}
    Two1D = Constant <value = int64[1] {{2}}> ()
    end = Constant <value = int64[1] {{9223372036854775807}}> ()
    batch = Shape <start = 0, end = 1> (X)
    {by_heads("X", heads)}
    {caches}
    {parts}
    wide = Cast <to = 1> (pairs)
    {split}
    cos_a = Mul (cos, a)
    sin_b = Mul (sin, b)
    left = Sub (cos_a, sin_b)
    sin_a = Mul (sin, a)
    cos_b = Mul (cos, b)
    right = Add (sin_a, cos_b)
    {join}
    made = CastLike (both, X)
    {whole}
    {result}
    """


@body_of("FlexAttention", {1: 1}, domain="ai.onnx.preview", written=26)
def flex_attention(call: Call) -> str:
    """Attention whose scores and shares pass through the node's graphs."""
    element = call.element(0)
    precision = call.attributes["softmax_precision"] or (11 if element == 11 else 1)
    given = call.attributes["scale"]
    scale = "size_f = Cast <to = 1> (features)  root = Sqrt (size_f)  scale = Reciprocal (root)"
    if given is not None:
        scale = f"scale = Constant <value = float[1] {{{given!r}}}> ()"
    steps: list[str] = []
    for name, source, result in (("score_mod", "precise", "scores"), ("prob_mod", "shares", "weights")):
        graph = call.attributes[name]
        if graph is None:
            steps.append(f"{result} = Identity ({source})")
        else:
            lines, made = spliced(graph, f"{name}_", [f"Identity ({source})"])
            steps.append("\n    ".join([*lines, f"{result} = Identity ({made[0]})"]))
    return f"""
    Two1D = Constant <value = int64[1] {{2}}> ()
    batch = Shape <start = 0, end = 1> (Q)
    q_heads = Shape <start = 1, end = 2> (Q)
    features = Shape <start = 3, end = 4> (Q)
    kv_heads = Shape <start = 1, end = 2> (K)
    keys = Shape <start = 2, end = 3> (K)
    v_features = Shape <start = 3, end = 4> (V)
    times = Div (q_heads, kv_heads)
    {_repeated("K", "features")}
    {_repeated("V", "v_features")}
    {scale}
    scale_root = Sqrt (scale)
    factor = Cast <to = {element}> (scale_root)
    q_scaled = Mul (Q, factor)
    k_scaled = Mul (K_all, factor)
    k_turned = Transpose <perm = [0, 1, 3, 2]> (k_scaled)
    raw = MatMul (q_scaled, k_turned)
    precise = Cast <to = {precision}> (raw)
    {steps[0]}
    shares = Softmax <axis = -1> (scores)
    {steps[1]}
    values = Cast <to = {precision}> (V_all)
    mixed = MatMul (weights, values)
    Y = CastLike (mixed, Q)
    """
