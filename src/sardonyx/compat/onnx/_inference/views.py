"""Where the official package says less than our rules: how much less, operator by operator.

Programs compare what inference gives, so that what is more than they expect is as wrong to them as what is less. A row
names an operator and takes away; `until` says that only versions below did so.
"""

from __future__ import annotations

from sardonyx.compat.onnx._inference.asked import (
    Asked,
    Results,
    View,
    all_numbers,
    axis_of,
    first_only,
    like_first,
    named_axes,
    needs_ranks,
    no_extents,
    no_shape,
    refuses,
    reshaped,
    since,
    until,
)
from sardonyx.compat.onnx._inference.errors import refuse_shape
from sardonyx.compat.onnx._inference.parts import parted
from sardonyx.compat.onnx._inference.reductions import REDUCTIONS, reduced
from sardonyx.compat.onnx._inference.resizing import resized
from sardonyx.compat.onnx._inference.slices import sliced
from sardonyx.compat.onnx._inference.spreading import spread, unpooled
from sardonyx.compat.onnx._inference.windows import windows
from sardonyx.core.dims import Dim

__all__ = ["seen"]


def _hidden_given(asked: Asked, found: Results) -> Results:
    """Only `hidden_size` tells the extent of the states."""
    if (asked.attrs.get("hidden_size") or 0) > 0:
        return found
    return [reshaped(x, (*x.shape[:-1], None)) if x.has_shape else x for x in found]


def _either_way(asked: Asked, found: Results) -> Results:
    """Directions that nobody knows are as many as nobody knows."""
    if asked.attrs.get("direction") in ("forward", "reverse", "bidirectional"):
        return found
    after = int(bool(asked.attrs.get("layout")))  # the batch, or the time, comes first
    results: Results = []
    for i, y in enumerate(found):
        axis = 2 * after if not i and after else int(not i) if not after else 1
        results.append(reshaped(y, [None if j == axis else d for j, d in enumerate(y.shape)]) if y.has_shape else y)
    return results


def _no_empty_products(asked: Asked, found: Results) -> Results:
    """A product with a name in it is unknown, though another factor be 0."""
    x, axis = asked.given(0), axis_of(asked, 1)
    if x is None or not x.has_shape or not found[0].has_shape:
        return found
    at = axis + x.rank if axis < 0 else axis
    halves = zip((x.shape[:at], x.shape[at:]), found[0].shape, strict=True)
    return [reshaped(found[0], [None if d == 0 and not all_numbers(half) else d for half, d in halves])]


def _channels_seen(asked: Asked, found: Results) -> Results:
    """Without channels there is nothing to pool over."""
    x = asked.given(0)
    return no_shape(asked, found) if x is not None and x.has_shape and x.rank < 2 else found


def _in_sequence(asked: Asked, found: Results) -> Results:
    return found if asked.attrs.get("output_sequence") else no_shape(asked, found)


def _loss_of_each_label(asked: Asked, found: Results) -> Results:
    """Without a reduction, a loss for each label."""
    labels = asked.given(1)
    if labels is None or asked.attrs.get("reduction") != "none":
        return found
    return [reshaped(found[0], labels.dims), *found[1:]]


def _scalar(asked: Asked) -> bool:
    x = asked.given(0)
    return x is not None and x.has_shape and x.rank == 0


def _from_behind(asked: Asked) -> bool:
    x = asked.given(0)
    return x is not None and x.has_shape and axis_of(asked, 1) < 0


def _axis_of_scalar(asked: Asked) -> bool:
    return _scalar(asked) and "axis" in asked.stated


def _many_rows(asked: Asked) -> bool:
    x = asked.given(0)
    return x is not None and x.has_shape and (x.rank != 1) and (x.rank != 2 or x.shape[0] != 1)


def _normalized(asked: Asked, found: Results) -> Results:
    x = asked.given(0)
    return [
        reshaped(y, (1, None) if x is not None and x.has_shape and x.rank == 2 else (None,)) if y.has_shape else y
        for y in found
    ]


def _like_sum(asked: Asked, found: Results) -> Results:
    """Where a product has no shape, that of what is added to it, unless that is broadcast."""
    c = asked.given(2)
    shapeless = not found[0].has_shape and c is not None and not asked.attrs.get("broadcast")
    return [reshaped(y, c.dims) for y in found] if shapeless and c is not None else found


def _no_such_axis(asked: Asked, found: Results) -> Results:
    """Along an axis that there is not, nothing is reduced."""
    x, axis = asked.given(0), axis_of(asked)
    inside = x is not None and x.has_shape and -x.rank <= axis < x.rank
    return found if inside else like_first(asked, found)


def _normalized_from_axis(asked: Asked, found: Results) -> Results:
    """The first input's shape, then what its mean and deviation have: a 1 from `axis` on, which may lie behind all."""
    x, axis = asked.given(0), axis_of(asked, -1)
    if x is None or not x.has_shape:
        return found
    first = axis + x.rank if axis < 0 else axis
    if first < 0:
        raise refuse_shape(f"Unexpected axis value ({axis}) rank of first input is {x.rank}")
    kept = [d if i < first else 1 for i, d in enumerate(x.shape)]
    return [reshaped(y, kept if i else x.shape) for i, y in enumerate(found)]


def _chosen(asked: Asked, found: Results) -> Results:
    """As many elements as a constant says, along an axis of a known number of them; a negative count is one too."""
    x, axis = asked.given(0), axis_of(asked, -1)
    if x is None or not x.has_shape:
        return found
    if not -x.rank <= axis < x.rank:
        raise refuse_shape("Invalid value for attribute axis")
    k, extent = asked.given(1), x.shape[axis]
    count = asked.attrs.get("k") if asked.version < 10 else None if k is None else k.scalar()
    if asked.version >= 10 and not (isinstance(extent, int) and isinstance(count, int)):
        return [reshaped(y, (None,) * x.rank) for y in found]
    if asked.version >= 10 and isinstance(extent, int) and isinstance(count, int) and extent < count:
        raise refuse_shape("Axis has less than the requested k elements.")
    return [reshaped(y, [count if i == axis % x.rank else d for i, d in enumerate(x.shape)]) for y in found]


def _squeezed_in_order(asked: Asked, found: Results) -> Results:
    """In the first version, axes are met one after the other; what comes too late, or is not there, stays."""
    x = asked.given(0)
    if x is None or not x.has_shape or asked.hidden(1):
        return found
    axes = named_axes(asked)
    if axes is None:
        kept = [d for d in x.shape if d != 1]
        return [reshaped(y, kept if all_numbers(x.shape) else None) for y in found]
    if asked.version >= 13 and not all(-x.rank <= a < x.rank for a in axes):
        raise refuse_shape(f"axes {axes} are not all in a tensor of rank {x.rank}")
    if asked.version >= 11:
        counted = {a + x.rank if a < 0 else a for a in axes}
        waiting = [i for i in range(x.rank) if i in counted]
    else:
        waiting = list(axes)
    kept = list[Dim]()
    for i, d in enumerate(x.shape):
        if waiting and waiting[0] == i:
            if isinstance(d, int) and d != 1:
                raise refuse_shape(f"Dimension of input {i} must be 1 instead of {d}")
            waiting.pop(0)
        else:
            kept.append(d)
    return [reshaped(y, kept) for y in found]


def _unsqueezed_in_order(asked: Asked, found: Results) -> Results:
    """Axes are met one after the other; what comes too late, or is not there, is not made."""
    x, waiting = asked.given(0), sorted(asked.attrs.get("axes") or ())
    if x is None or not x.has_shape or "axes" not in asked.stated:
        return found
    if asked.version >= 11:
        rank = x.rank + len(waiting)
        if len(set(waiting)) != len(waiting) or not all(-rank <= a < rank for a in waiting):
            raise refuse_shape(f"axes {waiting} are not all different and in a tensor of rank {rank}")
        waiting = sorted(a + rank if a < 0 else a for a in waiting)
    made: list[Dim] = []
    for d in (*x.shape, None):
        while waiting and waiting[0] == len(made):
            made.append(1)
            waiting.pop(0)
        made += [] if d is None else [d]
    return [reshaped(y, made) for y in found]


LEGACY_BROADCAST = ("Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor")
LEGACY_VARIADIC = ("Max", "Mean", "Min", "Sum")
NORMALIZED = ("Hardmax", "LogSoftmax", "Softmax")

VIEWS: dict[tuple[str, str], View | tuple[View, ...]] = {
    **{("", name): until(7, like_first) for name in LEGACY_BROADCAST},
    **{("", name): until(8, like_first) for name in LEGACY_VARIADIC},
    **{("", name): reduced for name in REDUCTIONS},
    **{("", name): (until(7, _in_sequence), _hidden_given, _either_way) for name in ("RNN", "GRU", "LSTM")},
    **{("", f"Global{name}Pool"): _channels_seen for name in ("Average", "Lp", "Max")},
    ("", "ArgMax"): (until(11, _no_such_axis), since(11, refuses("a scalar has no axis", _axis_of_scalar))),
    ("", "ArgMin"): (until(11, _no_such_axis), since(11, refuses("a scalar has no axis", _axis_of_scalar))),
    **{("", name): (until(11, like_first), since(11, refuses("a scalar has no axis", _scalar))) for name in NORMALIZED},
    ("", "Squeeze"): _squeezed_in_order,
    ("", "Unsqueeze"): until(13, _unsqueezed_in_order),
    ("", "Compress"): refuses("Indices tensor must have rank >= 1", _scalar),
    ("", "Conv"): windows(0, 1),
    ("", "ConvInteger"): windows(0, 1),
    ("", "ConvTranspose"): spread,
    ("", "Dropout"): until(10, first_only),
    ("", "Gemm"): (until(13, needs_ranks(0, 1)), until(7, _like_sum)),
    ("", "ImageDecoder"): no_extents,
    ("", "MaxUnpool"): unpooled,
    **{("", name): like_first for name in ("LpNormalization", "MeanVarianceNormalization")},
    ("", "NonMaxSuppression"): until(11, no_shape),
    ("", "NegativeLogLikelihoodLoss"): needs_ranks(0, 1),
    ("", "QLinearConv"): windows(0, 3),
    ("", "Resize"): resized,
    ("", "Slice"): sliced,
    ("", "DeformConv"): windows(0, 1),
    ("", "Flatten"): (
        until(11, refuses("Invalid value for attribute 'axis'", _from_behind)),
        _no_empty_products,
    ),
    ("", "LayerNormalization"): _normalized_from_axis,
    ("", "RMSNormalization"): _normalized_from_axis,
    ("", "Split"): parted,
    ("", "SoftmaxCrossEntropyLoss"): _loss_of_each_label,
    ("", "StringNormalizer"): (_normalized, refuses("Input shape must be [C] or [1,C]", _many_rows)),
    ("", "AveragePool"): windows(),
    ("", "LpPool"): windows(),
    ("", "MaxPool"): windows(),
    ("", "TopK"): _chosen,
    ("", "Unique"): lambda asked, found: [*found[:1], *(reshaped(x, (None,)) for x in found[1:])],
}


def seen(domain: str, asked: Asked, found: Results) -> Results:
    """What the official package would say where our rules say `found`."""
    views = VIEWS.get((domain, asked.op_type), ())
    for view in views if isinstance(views, tuple) else (views,):
        found = view(asked, found)
    return found
