"""Normalizations in terms of means and square roots."""

from __future__ import annotations

from sardonyx.ops.bodies.body import Call, body, body_of


def _variance(mean: str) -> str:
    """What is left of the mean, over the root of the mean of squares less the square of the mean."""
    return f"""
    two = Constant <value = float {{2.0}}> ()
    tiny = Constant <value = float {{1e-9}}> ()
    center = {mean.format("X")}
    center2 = Pow (center, two)
    square = Pow (X, two)
    mean2 = {mean.format("square")}
    variance = Sub (mean2, center2)
    deviation = Sqrt (variance)
    divisor = Add (deviation, tiny)
    left = Sub (X, center)
    Y = Div (left, divisor)
    """


AXES = "axes = Constant <value_ints: ints = @axes> ()"
body("MeanVarianceNormalization", {9: 9, 13: 13}, _variance("ReduceMean <axes: ints = @axes> ({})"))
body("MeanVarianceNormalization", {13: 18}, AXES + _variance("ReduceMean ({}, axes)"))


def _rows(call: Call, computed: int, centered: bool) -> str:
    """The input as rows in the type of the computation, scaled to have mean square one (after centering)."""
    axis = call.attributes["axis"]
    if axis < 0:
        head = f"""
    shape = Shape (X)
    rank0 = Size (shape)
    one_i = Constant <value = int64[1] {{1}}> ()
    rank = Reshape (rank0, one_i)
    offset = Constant <value = int64[1] {{{axis}}}> ()
    axis = Add (rank, offset)
    """
    else:
        head = f"shape = Shape (X)  axis = Constant <value = int64[1] {{{axis}}}> ()"
    mean = "ReduceMean <axes = [1]> ({})" if call.opset < 18 else "ReduceMean ({}, one_axis)"
    center = f"""
    mean = {mean.format("rows")}
    centered = Sub (rows, mean)
    """
    return f"""{head}
    zero = Constant <value = int64[1] {{0}}> ()
    one_axis = Constant <value = int64[1] {{1}}> ()
    minus = Constant <value = int64[1] {{-1}}> ()
    kept = Slice (shape, zero, axis)
    row_count = ReduceProd <keepdims = 1> (kept)
    two_axes = Concat <axis = 0> (row_count, minus)
    flat = Reshape (X, two_axes)
    rows = Cast <to = {computed}> (flat)
    {center if centered else "centered = Identity (rows)"}
    square = Mul (centered, centered)
    variance = {mean.format("square")}
    tiny_f = Constant <value_float: float = @epsilon> ()
    tiny = Cast <to = {computed}> (tiny_f)
    safe = Add (variance, tiny)
    deviation = Sqrt (safe)
    """


@body_of("LayerNormalization", {17: (17, 18)})
def layer_normalization(call: Call) -> str:
    """Rows with mean zero and variance one, then scaled and moved."""
    computed, element = call.attributes["stash_type"], call.element(0)
    moved = "moved = Add (scaled, bias)" if call.gives(2) else "moved = Identity (scaled)"
    bias = "bias_flat = Flatten <axis = 0> (B)  bias = Identity (bias_flat)" if call.gives(2) else ""
    extra = "\n".join(
        f"{name} = Reshape ({value}, reduced_shape)"
        for index, name, value in ((1, "Mean", "mean"), (2, "InvStdDev", "inverse"))
        if call.wants(index)
    )
    shape = """
    dims = Size (shape)
    ranks = Reshape (dims, one_axis)
    ones_count = Sub (ranks, axis)
    ones = ConstantOfShape <value = int64[1] {1}> (ones_count)
    reduced_shape = Concat <axis = 0> (kept, ones)
    """
    return f"""{_rows(call, computed, centered=True)}
    normal_f = Div (centered, deviation)
    normal = Cast <to = {element}> (normal_f)
    scale = Flatten <axis = 0> (Scale)
    scaled = Mul (normal, scale)
    {bias}
    {moved}
    Y = Reshape (moved, shape)
    {"inverse = Reciprocal (deviation)" if call.wants(2) else ""}
    {shape + extra if extra else ""}
    """


@body_of("RMSNormalization", {23: 23})
def rms_normalization(call: Call) -> str:
    """Rows with mean square one, then scaled."""
    computed = call.attributes["stash_type"]
    return f"""{_rows(call, computed, centered=False)}
    normal_f = Div (centered, deviation)
    full = Reshape (normal_f, shape)
    normal = CastLike (full, scale)
    Y = Mul (normal, scale)
    """


@body_of("GroupNormalization", {18: 18, 21: 21})
def group_normalization(call: Call) -> str:
    """Each group of channels has mean zero and variance one; scales are of groups in 18, of channels since 21."""
    element, since21 = call.element(0), call.opset >= 21
    computed = call.attributes.get("stash_type", 1) if since21 else element
    spread = "per_channel" if since21 else "per_group"
    return f"""
    groups = Constant <value_ints = [{call.attributes["num_groups"]}]> ()
    minus = Constant <value = int64[1] {{-1}}> ()
    zero = Constant <value = int64[1] {{0}}> ()
    one = Constant <value = int64[1] {{1}}> ()
    two = Constant <value = int64[1] {{2}}> ()
    shape = Shape (X)
    batch = Slice (shape, zero, one)
    channels = Slice (shape, one, two)
    group_size = Div (channels, groups)
    group_shape = Concat <axis = 0> (batch, groups, minus)
    wide_f = Cast <to = {computed}> (X)
    wide = Reshape (wide_f, group_shape)
    mean = ReduceMean (wide, two)
    centered = Sub (wide, mean)
    square = Mul (centered, centered)
    variance = ReduceMean (square, two)
    tiny_f = Constant <value_float: float = @epsilon> ()
    tiny = Cast <to = {computed}> (tiny_f)
    safe = Add (variance, tiny)
    deviation = Sqrt (safe)
    normal_w = Div (centered, deviation)
    per_channel = Concat <axis = 0> (batch, channels, minus)
    per_group = Concat <axis = 0> (batch, groups, minus)
    normal_f = Reshape (normal_w, {spread})
    normal = Cast <to = {element}> (normal_f)
    column = Constant <value = int64[2] {{-1, 1}}> ()
    scales = Reshape (scale, column)
    biases = Reshape (bias, column)
    scaled = Mul (normal, scales)
    moved = Add (scaled, biases)
    Y = Reshape (moved, shape)
    """
