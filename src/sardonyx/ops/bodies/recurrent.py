"""Recurrences in terms of scans and convolutions."""

from __future__ import annotations

from sardonyx.core.errors import InputError
from sardonyx.ir import TensorType
from sardonyx.ops.bodies.attention import by_heads
from sardonyx.ops.bodies.body import Call, body_of


@body_of("CausalConvWithState", {27: 27})
def causal_conv_with_state(call: Call) -> str:
    """A convolution, channel by channel, of the state and the input behind it; the last of both are the new state."""
    kind = call.types[1]
    channels = kind.shape[0] if isinstance(kind, TensorType) and kind.shape else None
    if not isinstance(channels, int):
        raise InputError(
            "the body of CausalConvWithState depends on the number of channels, which is not known",
            why="its convolution has a group for each",
            fix="infer the model's shapes first",
        )
    before = "before = Identity (past_state)"
    if not call.gives(3):
        before = """
    zero_f = Constant <value = float {0.0}> ()
    zero = CastLike (zero_f, input)
    batch = Shape <start = 0, end = 1> (input)
    channels = Shape <start = 1, end = 2> (input)
    past = Concat <axis = 0> (batch, channels, kept)
    before = Expand (zero, past)
    """
    bias = ", bias" if call.gives(2) else ""
    active = "output = Identity (plain)"
    if call.attributes["activation"] in ("silu", "swish"):
        active = """
    precise = Cast <to = 1> (plain)
    gate = Sigmoid (precise)
    gated = Mul (precise, gate)
    output = CastLike (gated, plain)
    """
    return f"""
    one = Constant <value = int64[1] {{1}}> ()
    two = Constant <value = int64[1] {{2}}> ()
    kernel = Shape <start = 2, end = 3> (weight)
    kept = Sub (kernel, one)
    {before}
    whole = Concat <axis = 2> (before, input)
    plain = Conv <group = {channels}> (whole, weight{bias})
    {active}
    length = Shape <start = 2, end = 3> (whole)
    from = Sub (length, kept)
    present_state = Slice (whole, from, length, two)
    """


@body_of("LinearAttention", {27: 27})
def linear_attention(call: Call) -> str:
    """A scan over time: the state fades, takes in what it does not give yet, and answers the query."""
    given = call.attributes
    times = given["q_num_heads"] // given["kv_num_heads"]
    fades, learns = call.gives(4), call.gives(5)
    taken, names, steps = ["q_heads", "k_heads", "v_heads"], ["q_now", "k_now", "v_now"], list[str]()
    if fades:
        taken.append("fade")
        names.append("fade_now")
        steps.append("fade_column = Unsqueeze (fade_now, last)  held = Mul (state, fade_column)")
    else:
        steps.append("held = Identity (state)")
    steps.append("k_row = Unsqueeze (k_now, rows)  k_column = Unsqueeze (k_now, last)")
    if learns:
        taken.append("rate")
        names.append("rate_now")
        steps.append("""
        seen_row = MatMul (k_row, held)
        seen = Squeeze (seen_row, rows)
        missing = Sub (v_now, seen)
        new = Mul (rate_now, missing)""")
    else:
        steps.append("new = Identity (v_now)")
    scale = f"scale = Constant <value = float {{{given['scale']!r}}}> ()"
    if not given["scale"]:
        scale = "features = Cast <to = 1> (k_size)  root = Sqrt (features)  scale = Reciprocal (root)"
    fade = f"d = Cast <to = 1> (decay)  {by_heads('d', given['kv_num_heads'])}  fade = Exp (d_heads)"
    rate = """
    b = Cast <to = 1> (beta)
    beta_turned = Transpose <perm = [0, 2, 1]> (b)
    rate = Unsqueeze (beta_turned, last)
    """
    past = "start = Cast <to = 1> (past_state)"
    if not call.gives(3):
        past = "nothing = Constant <value = float {0.0}> ()  start = Expand (nothing, states)"
    lines = "\n        ".join(steps)
    axes = ", ".join("2" for _ in taken)
    return f"""
    NegOne1D = Constant <value = int64[1] {{-1}}> ()
    last = Constant <value = int64[1] {{-1}}> ()
    rows = Constant <value = int64[1] {{2}}> ()
    batch = Shape <start = 0, end = 1> (query)
    length = Shape <start = 1, end = 2> (query)
    q = Cast <to = 1> (query)
    k = Cast <to = 1> (key)
    v = Cast <to = 1> (value)
    {by_heads("q", given["q_num_heads"])}
    {by_heads("k", given["kv_num_heads"])}
    {by_heads("v", given["kv_num_heads"])}
    {fade if fades else ""}
    {rate if learns else ""}
    kv = Shape <start = 1, end = 2> (k_heads)
    q_count_all = Shape <start = 1, end = 2> (q_heads)
    k_size = Shape <start = 3, end = 4> (k_heads)
    v_size = Shape <start = 3, end = 4> (v_heads)
    times = Constant <value = int64[1] {{{times}}}> ()
    states = Concat <axis = 0> (batch, kv, k_size, v_size)
    spread = Concat <axis = 0> (batch, kv, times, k_size, v_size)
    merged = Concat <axis = 0> (batch, q_count_all, k_size, v_size)
    {past}
    end, answers = Scan <
        num_scan_inputs = {len(taken)}, scan_input_axes = [{axes}], scan_output_axes = [1],
        body = step (state, {", ".join(names)}) => (after, answer) {{
        {lines}
        new_row = Unsqueeze (new, rows)
        written = Mul (k_column, new_row)
        after = Add (held, written)
        apart = Unsqueeze (after, rows)
        wide = Expand (apart, spread)
        shared = Reshape (wide, merged)
        q_row = Unsqueeze (q_now, rows)
        answer_row = MatMul (q_row, shared)
        answer = Squeeze (answer_row, rows)
    }}> (start, {", ".join(taken)})
    {scale}
    scaled = Mul (answers, scale)
    joined = Concat <axis = 0> (batch, length, NegOne1D)
    flat = Reshape (scaled, joined)
    output = CastLike (flat, query)
    present_state = CastLike (end, {"past_state" if call.gives(3) else "query"})
    """
