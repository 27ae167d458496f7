"""Activations in terms of arithmetic, comparison and choice."""

from __future__ import annotations

from sardonyx.ops.bodies.body import Call, body, body_of

# A number takes the type of what it meets: x is the operator's input.
ALPHA = """
    alpha_f = Constant <value_float: float = @alpha> ()
    alpha = CastLike (alpha_f, X)
"""
ZERO = """
    zero_f = Constant <value = float {0.0}> ()
    zero = CastLike (zero_f, X)
"""
ONE = """
    one_f = Constant <value = float {1.0}> ()
    one = CastLike (one_f, X)
"""

body("Relu", {14: 18}, f"{ZERO} Y = Max (X, zero)")
body("PRelu", {16: 16}, f"{ZERO} negative = Less (X, zero)  scaled = Mul (slope, X)  Y = Where (negative, scaled, X)")
body(
    "LeakyRelu",
    {16: 16},
    f"{ZERO}{ALPHA} negative = Less (X, zero)  scaled = Mul (alpha, X)  Y = Where (negative, scaled, X)",
)
body("ThresholdedRelu", {10: 18, 22: 18}, f"{ZERO}{ALPHA} above = Less (alpha, X)  Y = Where (above, X, zero)")
body(
    "Elu",
    {6: 18, 22: 18},
    f"""{ZERO}{ONE}{ALPHA}
    negative = Less (X, zero)
    grown = Exp (X)
    below = Sub (grown, one)
    scaled = Mul (alpha, below)
    Y = Where (negative, scaled, X)
    """,
)
body(
    "Selu",
    {6: 18, 22: 18},
    f"""{ZERO}{ALPHA}
    gamma_f = Constant <value_float: float = @gamma> ()
    gamma = CastLike (gamma_f, X)
    negative = Less (X, zero)
    grown = Exp (X)
    scaled = Mul (alpha, grown)
    below = Sub (scaled, alpha)
    chosen = Where (negative, below, X)
    Y = Mul (gamma, chosen)
    """,
)
CELU = """
    ratio = Div (X, alpha)
    curved = Elu <alpha = 1.0> (ratio)
    Y = Mul (alpha, curved)
"""
body("Celu", {28: 28}, ALPHA + CELU)


@body_of("Celu", {12: 12})
def celu(call: Call) -> str:
    """Before CastLike came, the constant had to be of the input's type."""
    return f"""
    alpha_f = Constant <value_float: float = @alpha> ()
    alpha = Cast <to = {call.element(0)}> (alpha_f)
    {CELU}
    """


body(
    "HardSigmoid",
    {6: 18, 22: 18},
    f"""{ZERO}{ONE}{ALPHA}
    beta_f = Constant <value_float: float = @beta> ()
    beta = CastLike (beta_f, X)
    scaled = Mul (alpha, X)
    moved = Add (scaled, beta)
    capped = Min (moved, one)
    Y = Max (capped, zero)
    """,
)
body("HardSwish", {14: 14, 22: 22}, "gate = HardSigmoid <alpha = 0.16666667163372, beta = 0.5> (X)  Y = Mul (X, gate)")
body("Mish", {18: 18, 22: 22}, "soft = Softplus (X)  gate = Tanh (soft)  Y = Mul (X, gate)")
body("Softplus", {1: 18, 22: 18}, f"{ONE} grown = Exp (X)  moved = Add (grown, one)  Y = Log (moved)")
body(
    "Softsign",
    {1: 18, 22: 18},
    """
    one_f = Constant <value = float {1.0}> ()
    one = CastLike (one_f, input)
    size = Abs (input)
    divisor = Add (size, one)
    output = Div (input, divisor)
    """,
)
body("Swish", {24: 24}, f"{ALPHA} scaled = Mul (X, alpha)  gate = Sigmoid (scaled)  Y = Mul (X, gate)")
body(
    "Shrink",
    {9: 18},
    """
    lambd_f = Constant <value_float: float = @lambd> ()
    bias_f = Constant <value_float: float = @bias> ()
    zero_f = Constant <value = float {0.0}> ()
    lambd = CastLike (lambd_f, input)
    bias = CastLike (bias_f, input)
    zero = CastLike (zero_f, input)
    minus = Neg (lambd)
    low = Less (input, minus)
    high = Less (lambd, input)
    raised = Add (input, bias)
    lowered = Sub (input, bias)
    upper = Where (high, lowered, zero)
    output = Where (low, raised, upper)
    """,
)


@body_of("Gelu", {20: 20})
def gelu(call: Call) -> str:
    """Half of x, times one and an odd curve: erf, or its approximation by tanh."""
    if call.attributes["approximate"] == "tanh":
        curve = """
    cubic_f = Constant <value = float {0.044715}> ()
    cubic = CastLike (cubic_f, X)
    scale_f = Constant <value = float {0.7978845608028654}> ()
    scale = CastLike (scale_f, X)
    square = Mul (X, X)
    cube = Mul (square, X)
    bent = Mul (cubic, cube)
    sum = Add (X, bent)
    inner = Mul (scale, sum)
    curve = Tanh (inner)
    """
    else:
        curve = """
    root_f = Constant <value = float {0.7071067811865476}> ()
    root = CastLike (root_f, X)
    inner = Mul (X, root)
    curve = Erf (inner)
    """
    return f"""{ONE}
    half_f = Constant <value = float {{0.5}}> ()
    half = CastLike (half_f, X)
    {curve}
    moved = Add (one, curve)
    gate = Mul (half, moved)
    Y = Mul (X, gate)
    """


@body_of("Softmax", {13: (13, 18)})
def softmax(call: Call) -> str:
    """Exponentials of what is left of the largest, over their sum."""
    return _grown(call) + "output = Div (grown, total)"


@body_of("LogSoftmax", {13: (13, 18)})
def logsoftmax(call: Call) -> str:
    """The logarithm of Softmax, without the quotient that could vanish."""
    return _grown(call) + "log_total = Log (total)  output = Sub (left, log_total)"


def _grown(call: Call) -> str:
    axis = call.attributes["axis"]
    largest = f"ReduceMax <axes = [{axis}]> (input)" if call.opset < 18 else "ReduceMax (input, axes)"
    return f"""
    axes = Constant <value = int64[1] {{{axis}}}> ()
    largest = {largest}
    left = Sub (input, largest)
    grown = Exp (left)
    total = ReduceSum (grown, axes)
    """
