"""Pixels and channels exchanged, images cut and padded around their middle."""

from __future__ import annotations

from sardonyx.ops.bodies.body import Call, body_of

IMAGE = """
    size = Constant <value_ints: ints = [{size}]> ()
    batch = Shape <start = 0, end = 1> (input)
    channels = Shape <start = 1, end = 2> (input)
    height = Shape <start = 2, end = 3> (input)
    width = Shape <start = 3, end = 4> (input)
    area = Mul (size, size)
"""


@body_of("DepthToSpace", {28: 28})
def depth_to_space(call: Call) -> str:
    """The channels split into the block's two places and the rest, which are then moved beside the pixels."""
    split, order = (
        ("size, size, depth", "0, 3, 4, 1, 5, 2")
        if call.attributes["mode"] == "DCR"
        else ("depth, size, size", "0, 1, 4, 2, 5, 3")
    )
    return f"""{IMAGE.format(size=call.attributes["blocksize"])}
    depth = Div (channels, area)
    parts = Concat <axis = 0> (batch, {split}, height, width)
    blocks = Reshape <allowzero = 1> (input, parts)
    moved = Transpose <perm = [{order}]> (blocks)
    tall = Mul (height, size)
    wide = Mul (width, size)
    whole = Concat <axis = 0> (batch, depth, tall, wide)
    output = Reshape <allowzero = 1> (moved, whole)
    """


@body_of("SpaceToDepth", {28: 28})
def space_to_depth(call: Call) -> str:
    """The pixels split into blocks and the places in them, which are then moved beside the channels."""
    order = "0, 3, 5, 1, 2, 4" if call.attributes["mode"] == "DCR" else "0, 1, 3, 5, 2, 4"
    return f"""{IMAGE.format(size=call.attributes["blocksize"])}
    low = Div (height, size)
    narrow = Div (width, size)
    parts = Concat <axis = 0> (batch, channels, low, size, narrow, size)
    blocks = Reshape <allowzero = 1> (input, parts)
    moved = Transpose <perm = [{order}]> (blocks)
    depth = Mul (channels, area)
    whole = Concat <axis = 0> (batch, depth, low, narrow)
    output = Reshape <allowzero = 1> (moved, whole)
    """


@body_of("CenterCropPad", {18: 18})
def center_crop_pad(call: Call) -> str:
    """What is too much is cut off, half of it in front; then what is missing is added, half of it in front."""
    axes = call.attributes["axes"]
    named = (
        "rank = Size (extents)  step = Constant <value_int = 1> ()  start = Constant <value_int = 0> ()"
        "  axes = Range (start, rank, step)"
        if axes is None
        else f"axes = Constant <value_ints: ints = [{', '.join(map(str, axes))}]> ()"
    )
    return f"""
    extents = Shape (input_data)
    {named}
    present = Gather (extents, axes)
    wanted = Cast <to = 7> (shape)
    none = Constant <value = int64[1] {{0}}> ()
    two = Constant <value = int64[1] {{2}}> ()
    more = Sub (wanted, present)
    less = Neg (more)
    missing = Max (more, none)
    surplus = Max (less, none)
    first = Div (surplus, two)
    kept = Min (wanted, present)
    last = Add (first, kept)
    cut = Slice (input_data, first, last, axes)
    before = Div (missing, two)
    after = Sub (missing, before)
    pads = Concat <axis = 0> (before, after)
    output_data = Pad (cut, pads, "", axes)
    """
