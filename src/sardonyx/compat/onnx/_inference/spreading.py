"""Extents of what spreads an image out: transposed convolutions and unpooling, as the official package counts them.

Like its rule of windows, that of spreading compares no channels, counts on to extents of 0 and below, and takes a kernel
that the node states for the kernel, whatever the weights are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sardonyx.compat.onnx._inference.asked import Asked, Results, all_numbers, no_shape, reshaped
from sardonyx.compat.onnx._inference.errors import refuse_type
from sardonyx.core.dims import Dim

__all__ = ["spread", "spread_against_itself", "unpooled", "unpooled_against_itself"]

ONE_PADDING_SINCE = 11  # the version since which pads and auto_pad may not both be given


def spread_against_itself(asked: Asked) -> Iterator[str]:
    """What contradicts itself in a transposed convolution, beside its window."""
    x, w, attrs = asked.given(0), asked.given(1), asked.attrs
    if x is None or w is None or not x.has_shape or not w.has_shape:
        return
    group = attrs.get("group")
    if group is not None and group <= 0:
        yield f"Attribute group must be > 0 for ConvTranspose. group={group}."
    if w.rank < 3:
        yield f"Weight tensor must have at least 3 dimensions. Got: {w.rank}"
    if x.rank < 3:
        yield f"Input tensor must have at least 3 dimensions. Got: {x.rank}"
    if w.rank != x.rank and "kernel_shape" not in asked.stated and all_numbers(w.shape[2:]):
        yield "Weight tensor spatial rank does not match input tensor spatial rank"
    if isinstance(x.shape[1], int) and x.shape[1] % (group or 1):
        yield f"Input channels C must be divisible by group for ConvTranspose. C={x.shape[1]} group={group}."
    if not all_numbers(attrs.get("kernel_shape") or w.shape[2:]):
        return
    for name in ("output_shape", "output_padding"):
        if name in asked.stated and len(attrs.get(name) or ()) != x.rank - 2:
            yield f"Attribute {name} has incorrect size"
        if any(n < 0 for n in attrs.get(name) or ()):
            yield f"Attribute {name} must not contain negative values"
    if asked.version >= ONE_PADDING_SINCE and "pads" in asked.stated and attrs.get("auto_pad") != "NOTSET":
        yield "The pads attribute cannot be used simultaneously with auto_pad attribute"


def spread(asked: Asked, found: Results) -> Results:
    """A transposed convolution."""
    x, w = asked.given(0), asked.given(1)
    if x is None or w is None or not x.has_shape or not w.has_shape:
        return no_shape(asked, found)
    kernel = asked.attrs.get("kernel_shape") or w.shape[2:]
    if not all_numbers(kernel):
        return no_shape(asked, found)
    group, each = asked.attrs.get("group") or 1, w.shape[1]
    channels = each if group == 1 else each * group if isinstance(each, int) else None
    return [reshaped(y, (x.shape[0], channels, *_spread(asked, x.shape[2:], kernel))) for y in found]


def _spread(asked: Asked, image: Sequence[Dim | None], kernel: Sequence[Dim | None]) -> list[Dim | None]:
    stated = asked.attrs.get("output_shape")
    if stated:
        return _stated(image, stated)
    n, attrs = len(image), asked.attrs
    steps, gaps, added = (attrs.get(name) for name in ("strides", "dilations", "output_padding"))
    made: list[Dim | None] = []
    for i, (extent, k) in enumerate(zip(image, kernel, strict=True)):
        if not isinstance(extent, int) or not isinstance(k, int):
            made.append(None)
            continue
        step, size = steps[i] if steps else 1, (k - 1) * (gaps[i] if gaps else 1) + 1
        if attrs.get("pads"):
            cut = attrs["pads"][i] + attrs["pads"][n + i]
        else:
            cut = max(size - step, 0) if str(attrs.get("auto_pad")).startswith("SAME_") else 0
        made.append((extent - 1) * step + (added[i] if added else 0) + size - cut)
    return made


def _stated(image: Sequence[Dim | None], stated: Sequence[int]) -> list[Dim | None]:
    """The extents that the node states, up to the first that is less than that of the image."""
    made: list[Dim | None] = []
    for extent, wanted in zip(image, stated, strict=True):
        if isinstance(extent, int) and wanted < extent:
            break
        made.append(wanted)
    return made


def unpooled(asked: Asked, found: Results) -> Results:
    """MaxUnpool: the channels are those of the indices; where an output shape is given, nothing is said."""
    x, indices = asked.given(0), asked.given(1)
    if x is None or not x.has_shape or indices is None or not indices.has_shape or asked.given(2) is not None:
        return no_shape(asked, found)
    n, (kernel, steps, pads) = x.rank - 2, (asked.attrs.get(name) for name in ("kernel_shape", "strides", "pads"))
    extents = [
        (d - 1) * (steps[i] if steps else 1) + kernel[i] - (pads[i] + pads[n + i] if pads else 0)
        if kernel and isinstance(d, int)
        else None
        for i, d in enumerate(x.shape[2:])
    ]
    return [reshaped(y, (x.shape[0], indices.shape[1], *extents)) for y in found]


def unpooled_against_itself(asked: Asked) -> Iterator[str]:
    """What contradicts itself in a MaxUnpool, which may have any numbers in its lists."""
    x, indices, target = (asked.given(i) for i in range(3))
    if len(asked.inputs) < 2:
        yield "MaxUnpool op must have either two or three inputs."
    if x is None or not x.has_shape:
        return
    if x.rank < 2:
        yield "Input tensor X must have at least 2 dimensions."
    for name, each in (("pads", 2), ("strides", 1), ("kernel_shape", 1)):
        if name in asked.stated and len(asked.attrs.get(name) or ()) != each * (x.rank - 2):
            yield f"Attribute {name} has incorrect size."
    if "kernel_shape" not in asked.stated:
        yield "Attribute kernel_shape must be specified."
    if target is not None and target.has_shape:
        if target.rank != 1:
            raise refuse_type("'output_shape' must be rank 1 tensor.")
        if isinstance(target.shape[0], int) and target.shape[0] != x.rank:
            yield "'output_shape' must have same number of elements as the shape of input tensor X."
    if target is None and indices is not None and indices.has_shape and indices.rank < 2:
        yield "Indices tensor I must have at least 2 dimensions."
