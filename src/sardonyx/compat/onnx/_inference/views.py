"""Where the official package says less than our rules: how much less, operator by operator.

Programs compare what inference gives, so that what is more than they expect is as wrong to them as what is less. A row
names an operator and takes away; `until` says that only versions below did so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sardonyx.compat.onnx._inference.asked import (
    Asked,
    Results,
    View,
    all_numbers,
    axis_of,
    by_axis,
    filter_extents,
    first_only,
    like_first,
    needs_ranks,
    no_extent_along_axis,
    no_extents,
    no_shape,
    number_along_axis,
    only_from_numbers,
    refuses,
    reshaped,
    since,
    unless_constant,
    until,
)
from sardonyx.compat.onnx._inference.errors import refuse_shape
from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import BFLOAT16, FLOAT16
from sardonyx.ir import OptionalType, SequenceType, TensorType
from sardonyx.ops import Known

__all__ = ["looked_at", "seen"]


def without_resized(asked: Asked, found: Results) -> Results:
    """Without constant scales, and without sizes, nothing is said of any extent, resized or not."""
    if asked.version < 11:
        return unless_constant(no_extents, 1)(asked, found)
    sizes = asked.given(3)
    if sizes is not None and asked.hidden(3) and not (sizes.has_shape and all_numbers(sizes.shape)):
        raise refuse_shape("the number of elements of input 'sizes' must be the rank of input 'X'")
    by_size = sizes is not None and (sizes.shape != (0,) if sizes.has_shape else not asked.hidden(3))
    scales = asked.given(2)
    by_scale = scales is not None and scales.floats is not None and scales.floats.size > 0
    return found if by_size or by_scale else no_extents(asked, found)


def _without_quotients(asked: Asked, found: Results) -> Results:
    """Where a -1 stands, the extent is known only if it follows from numbers and from extents that 0 keeps."""
    x, target = asked.given(0), asked.given(1)
    wanted = None if target is None else target.ints()
    if wanted is None or -1 not in wanted:
        return found
    kept = [i for i, w in enumerate(wanted) if w == 0 and not asked.attrs.get("allowzero")]
    numbers = x is not None and x.has_shape and all_numbers([d for i, d in enumerate(x.shape) if i not in kept])
    if numbers and all_numbers(wanted):
        return found
    return [
        reshaped(y, [None if w == -1 else d for w, d in zip(wanted, y.shape, strict=True)]) if y.has_shape else y
        for y in found
    ]


def _numbers_sliced(asked: Asked, found: Results) -> Results:
    """Only axes whose extents are numbers are sliced, by constants; the others get unknown ones."""
    if any(asked.hidden(i) for i in range(1, 5)):
        return no_extents(asked, found)
    x, starts, axes = asked.given(0), asked.given(1), asked.given(3)
    if x is None or starts is None or not x.has_shape:
        return found
    where = axes.numbers() if axes is not None else range(len(starts.ints() or ()))
    cut = {a % x.rank for a in where or ()}
    view = by_axis(lambda i, before, after: None if i in cut and not isinstance(before, int) else after)
    return view(asked, found)


def _elements_uncounted(inputs: Sequence[Known | None], attrs: Mapping[str, Any]) -> Sequence[Known | None]:
    """A target without a -1 is taken whatever it holds; its zeros alone need the input's shape."""
    target = inputs[1] if len(inputs) > 1 else None
    wanted = None if target is None else target.ints()
    data = inputs[0]
    if target is None or wanted is None or data is None or not data.has_shape or -1 in wanted:
        return inputs
    kept = () if attrs.get("allowzero") else [i for i, w in enumerate(wanted) if w == 0]
    if any(i >= data.rank for i in kept):
        return inputs
    values = np.empty(len(wanted), object)
    values[:] = [data.shape[i] if i in kept else w for i, w in enumerate(wanted)]
    return [reshaped(data, list(values)), replace(target, value=values), *inputs[2:]]


def _names_kept(asked: Asked, found: Results) -> Results:
    """Extents that are no numbers stay as they are, where it is known what is cut."""
    if any(asked.hidden(i) for i in range(1, 5)):
        return found
    return by_axis(lambda _, before, after: after if isinstance(before, int) else before)(asked, found)


def _unsorted(asked: Asked, found: Results) -> Results:
    axes = asked.attrs.get("axes")
    return found if axes is None or list(axes) == sorted(axes) else no_shape(asked, found)


def _scaled_to_policy(asked: Asked) -> bool:
    scales = asked.given(2)
    given = scales is not None and not (scales.floats is not None and scales.floats.size == 0)
    return given and _policy(asked) != "stretch"


def _policy(asked: Asked) -> Any:
    return asked.attrs.get("keep_aspect_ratio_policy") or "stretch"


def _named_unscaled(asked: Asked, found: Results) -> Results:
    """What no size is given for is scaled, and known only where it was a number."""
    x, sizes = asked.given(0), asked.given(3)
    sized = sizes is not None and sizes.has_shape and sizes.shape != (0,)
    rank = x.rank if x is not None and x.has_shape else 0
    axes = {a % rank for a in asked.attrs.get("axes") or range(rank)} if sized and rank else set[int]()
    return by_axis(lambda i, before, after: after if i in axes or isinstance(before, int) else None)(asked, found)


def _scaled_in_double(asked: Asked, found: Results) -> Results:
    """Extents are scaled in double precision; runtimes, and our rules with them, do it in single."""
    resize, x = asked.op_type == "Resize", asked.given(0)
    scales = asked.given(2 if resize and asked.version > 10 else 1)
    factors = asked.attrs.get("scales") if scales is None else scales.floats
    sizes = asked.given(3)
    sized = resize and sizes is not None and sizes.has_shape and sizes.shape != (0,)
    if factors is None or sized or x is None or not x.has_shape:
        return found
    axes = [a % x.rank for a in asked.attrs.get("axes") or range(x.rank)]
    by = dict(zip(axes, np.asarray(factors, np.float32).reshape(-1).tolist(), strict=False))

    def exact(i: int, before: Dim | None, after: Dim | None) -> Dim | None:
        if isinstance(before, int) and isinstance(after, int) and i in by:
            return math.floor(before * by[i])
        return after

    return by_axis(exact)(asked, found)


def _uneven(asked: Asked) -> bool:
    x, axis, split = asked.given(0), axis_of(asked), asked.given(1)
    if split is not None or asked.attrs.get("split") is not None:  # an attribute before 13
        return False
    if x is None or not x.has_shape or not -x.rank <= axis < x.rank:
        return False
    extent = x.shape[axis]
    return isinstance(extent, int) and extent % max(asked.n_outputs, 1) != 0


def _nothing_given(asked: Asked) -> bool:
    return asked.given(1) is None and asked.attrs.get("num_outputs") is None


def _nothing_from_behind(asked: Asked, found: Results) -> Results:
    return no_shape(asked, found) if axis_of(asked) < 0 else found


def _numbers_joined(asked: Asked, found: Results) -> Results:
    """A joined extent is known where all that are joined are numbers."""
    axis = axis_of(asked)
    extents = [x.shape[axis] for x in asked.inputs if x is not None and x.has_shape and -x.rank <= axis < x.rank]
    return found if len(extents) < 2 or all_numbers(extents) else no_extent_along_axis(asked, found)


def _grid(asked: Asked, found: Results) -> Results:
    """The extents come from `size` alone."""
    size = asked.given(1)
    theta = asked.given(0)
    if not asked.hidden(1) or size is None or theta is None or not theta.has_shape:
        return found
    if not (size.has_shape and size.rank == 1 and isinstance(size.shape[0], int)):
        return no_shape(asked, found)
    return [reshaped(x, (*(None,) * (size.shape[0] - 1), size.shape[0] - 2)) for x in found]


def _hidden_given(asked: Asked, found: Results) -> Results:
    """Only `hidden_size` tells the extent of the states."""
    if (asked.attrs.get("hidden_size") or 0) > 0:
        return found
    return [reshaped(x, (*x.shape[:-1], None)) if x.has_shape else x for x in found]


def nothing_without_rank(asked: Asked, found: Results) -> Results:
    """Not even a type is given where the first input's rank is unknown."""
    x = asked.given(0)
    return found if x is not None and x.has_shape else [Known(None) for _ in found]


def _last_takes_the_rest(asked: Asked, found: Results) -> Results:
    """All parts but the last are of one size, even where nothing is left for the last."""
    x, n, axis = asked.given(0), asked.attrs.get("num_outputs"), axis_of(asked)
    if asked.given(1) is not None or not n or x is None or not x.has_shape or not -x.rank <= axis < x.rank:
        return found
    extent = x.shape[axis]
    if not isinstance(extent, int):
        return found
    part, at = -(-extent // n), axis % x.rank
    sizes = [part] * (n - 1) + [extent - part * (n - 1)]
    return [reshaped(y, (*x.shape[:at], size, *x.shape[at + 1 :])) for y, size in zip(found, sizes, strict=False)]


def _number_of_parts(asked: Asked, found: Results) -> Results:
    """Parts of an axis whose extent is no number may have any size."""
    x, axis = asked.given(0), axis_of(asked)
    number = x is not None and x.has_shape and -x.rank <= axis < x.rank and isinstance(x.shape[axis], int)
    left_out = asked.given(1) is None  # which counts as unknown where the node has a place for it
    if x is None or not x.has_shape or (len(asked.inputs) < 2 if left_out else number):
        return found
    shape = [None if i == axis % x.rank else d for i, d in enumerate(x.shape)]
    return [Known(SequenceType(TensorType(x.dtype, tuple(shape))))]


def _columns_by_count(asked: Asked, found: Results) -> Results:
    """The number of axes follows from whichever of image and block is known, the channels from a constant block."""
    x, block = asked.given(0), asked.given(2)
    counts = [y.shape[0] for i in (1, 2) if (y := asked.given(i)) is not None and y.has_shape and y.rank == 1]
    number = next((n for n in counts if isinstance(n, int)), None)
    if x is None or not x.has_shape or x.rank != 3 or number is None:
        return found
    size = None if block is None else block.numbers()
    channels = x.shape[1] // math.prod(size) if size and isinstance(x.shape[1], int) else None
    image = found[0].shape[2:] if found[0].has_shape else (None,) * number
    batch = x.shape[0] if isinstance(x.shape[0], int) else None
    return [reshaped(found[0], (batch, channels, *image))]


def _unnamed(axes: Callable[[Asked, int], set[int]]) -> View:
    """On these axes, an extent is known only where the first input's is a number."""

    def apply(asked: Asked, found: Results) -> Results:
        x = asked.given(0)
        lost = axes(asked, x.rank) if x is not None and x.has_shape else set[int]()
        return by_axis(lambda i, before, after: None if i in lost and not isinstance(before, int) else after)(
            asked, found
        )

    return apply


def _filled(output: int, other: int, axes: tuple[int, ...]) -> View:
    """On these axes, where an output's extent is no number, another input's is taken if that is one."""

    def apply(asked: Asked, found: Results) -> Results:
        y, x = found[output] if output < len(found) else None, asked.given(other)
        if y is None or x is None or not y.has_shape or not x.has_shape or x.rank != y.rank:
            return found
        more = [e if i in axes and isinstance(e, int) else None for i, e in enumerate(x.shape)]
        dims = [d if isinstance(d, int) or e is None else e for d, e in zip(y.shape, more, strict=True)]
        return [*found[:output], reshaped(y, dims), *found[output + 1 :]]

    return apply


def _grown(asked: Asked, found: Results) -> Results:
    """The caches as they were, longer by as many keys as are given; nothing is said of them unless both are counted."""
    keys = [x for i in (1, 2) if (x := asked.given(i)) is not None and x.has_shape and x.rank in (3, 4)]
    count = next((n for x in keys if isinstance(n := x.shape[x.rank - 2], int)), None)
    first = asked.given(4)
    length = first.shape[2] if first is not None and first.has_shape and first.rank == 4 else None
    grown = list(found)
    for output, given in ((1, 4), (2, 5)):
        past = asked.given(given)
        if past is None or not past.has_shape or past.rank != 4 or output >= len(found):
            continue
        if not isinstance(length, int) or count is None:
            grown[output] = reshaped(found[output], None)
        else:
            grown[output] = reshaped(found[output], (*past.shape[:2], length + count, past.shape[3]))
    return grown


def _unpadded(asked: Asked, rank: int) -> set[int]:
    """The axes that are not named, where some are."""
    axes = asked.given(3)
    named = None if axes is None else axes.numbers()
    return set() if named is None else set(range(rank)) - {a % rank for a in named}


def _no_empty_products(asked: Asked, found: Results) -> Results:
    """A product with a name in it is unknown, though another factor be 0."""
    x, axis = asked.given(0), axis_of(asked, 1)
    if x is None or not x.has_shape or not found[0].has_shape:
        return found
    at = axis + x.rank if axis < 0 else axis
    halves = zip((x.shape[:at], x.shape[at:]), found[0].shape, strict=True)
    return [reshaped(found[0], [None if d == 0 and not all_numbers(half) else d for half, d in halves])]


def _batch_of(*inputs: int) -> View:
    """Where the first extent is no number, it is what one of these inputs has there."""

    def apply(asked: Asked, found: Results) -> Results:
        given = [x.shape[0] for i in inputs if (x := asked.given(i)) is not None and x.has_shape and x.rank]
        number = next((d for d in given if isinstance(d, int)), None)
        last = found[-1]
        if number is None or not last.has_shape or isinstance(last.shape[0], int):
            return found
        return [*found[:-1], reshaped(last, (number, *last.shape[1:]))]

    return apply


def _nothing_without_ranks(asked: Asked, found: Results) -> Results:
    known = all((x := asked.given(i)) is not None and x.has_shape for i in range(3))
    return found if known else [Known(None) for _ in found]


def _channels_seen(asked: Asked, found: Results) -> Results:
    """Without channels there is nothing to pool over."""
    x = asked.given(0)
    return no_shape(asked, found) if x is not None and x.has_shape and x.rank < 2 else found


def _in_sequence(asked: Asked, found: Results) -> Results:
    return found if asked.attrs.get("output_sequence") else no_shape(asked, found)


def _wide_numbers(asked: Asked, found: Results) -> Results:
    """How many numbers of half a word there are, is not counted."""
    narrow = any(x is not None and x.dtype in (BFLOAT16, FLOAT16) for x in asked.inputs)
    return no_extents(asked, found) if narrow else found


def _by_output_shape(asked: Asked, found: Results) -> Results:
    """Extents that the node states are known whatever the input's are."""
    return found if asked.attrs.get("output_shape") else only_from_numbers(2)(asked, found)


def _loss_of_each_label(asked: Asked, found: Results) -> Results:
    """Without a reduction, a loss for each label."""
    labels = asked.given(1)
    if labels is None or asked.attrs.get("reduction") != "none":
        return found
    return [reshaped(found[0], labels.dims), *found[1:]]


def _both_given(asked: Asked) -> bool:
    return asked.given(2) is not None and asked.given(3) is not None


def _open_without_elements(asked: Asked) -> bool:
    data, target = asked.given(0), asked.given(1)
    wanted = None if target is None else target.ints()
    if wanted is None or -1 not in wanted:
        return False
    shape = data.shape if data is not None and data.has_shape else ()
    kept = () if asked.attrs.get("allowzero") else range(len(wanted))
    return any(w == 0 and (i not in kept or (i < len(shape) and shape[i] == 0)) for i, w in enumerate(wanted))


def _scalar(asked: Asked) -> bool:
    x = asked.given(0)
    return x is not None and x.has_shape and x.rank == 0


def _neither_plane_nor_space(asked: Asked) -> bool:
    size = asked.given(1)
    return size is not None and size.has_shape and size.rank == 1 and size.shape[0] in (*range(4), *range(6, 99))


def _many_rows(asked: Asked) -> bool:
    x = asked.given(0)
    return x is not None and x.has_shape and (x.rank != 1) and (x.rank != 2 or x.shape[0] != 1)


def _channels_indivisible(asked: Asked) -> bool:
    x, group = asked.given(0), int(asked.attrs.get("group") or 1)
    channels = x.shape[1] if x is not None and x.has_shape and x.rank > 1 else 0
    return isinstance(channels, int) and channels % group != 0


def _no_parts(asked: Asked) -> bool:
    split = asked.given(1)
    return split is not None and split.ints() == []


def _without(*attributes: str) -> Callable[[Asked], bool]:
    return lambda asked: not asked.stated.intersection(attributes)


def _not_optional(asked: Asked) -> bool:
    x = asked.given(0)
    return x is not None and not isinstance(x.type, OptionalType)


def _no_kernel(asked: Asked) -> bool:
    return not asked.attrs.get("kernel_shape")


def _normalized(asked: Asked, found: Results) -> Results:
    x = asked.given(0)
    return [
        reshaped(y, (1, None) if x is not None and x.has_shape and x.rank == 2 else (None,)) if y.has_shape else y
        for y in found
    ]


POLICIES = ("stretch", "not_larger", "not_smaller")
LEGACY_BROADCAST = ("Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor")
LEGACY_VARIADIC = ("Max", "Mean", "Min", "Sum")
REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")

VIEWS: dict[tuple[str, str], View | tuple[View, ...]] = {
    **{("", name): until(7, like_first) for name in LEGACY_BROADCAST},
    **{("", name): until(8, like_first) for name in LEGACY_VARIADIC},
    **{("", f"Reduce{name}"): since(13 if name == "Sum" else 18, unless_constant(no_shape, 1)) for name in REDUCTIONS},
    **{("", name): (until(7, _in_sequence), _hidden_given) for name in ("RNN", "GRU", "LSTM")},
    **{("", f"Global{name}Pool"): _channels_seen for name in ("Average", "Lp", "Max")},
    ("", "AffineGrid"): (
        needs_ranks(0, 1),
        _grid,
        refuses("'size' must have 4 or 5 elements", _neither_plane_nor_space),
    ),
    ("", "ArgMax"): refuses("a scalar has no axis", _scalar),
    ("", "ArgMin"): refuses("a scalar has no axis", _scalar),
    ("", "Compress"): refuses("Indices tensor must have rank >= 1", _scalar),
    ("", "Constant"): since(12, refuses("exactly one attribute gives the value", lambda asked: len(asked.stated) != 1)),
    ("", "BatchNormalization"): until(14, first_only),
    ("", "Col2Im"): _columns_by_count,
    ("", "Concat"): (until(11, _nothing_from_behind), _numbers_joined),
    ("", "Conv"): (filter_extents(1), only_from_numbers(2)),
    ("", "ConvInteger"): (filter_extents(1), only_from_numbers(2)),
    ("", "ConvTranspose"): (
        filter_extents(1),
        _by_output_shape,
        refuses("Input channels must be divisible by group", _channels_indivisible),
    ),
    ("", "Dropout"): until(10, first_only),
    ("", "Gemm"): until(13, needs_ranks(0, 1)),
    ("", "ImageDecoder"): no_extents,
    ("", "MaxUnpool"): (
        _filled(0, 1, (0, 1)),
        lambda asked, found: no_shape(asked, found) if asked.given(2) is not None else found,
    ),
    ("", "NonMaxSuppression"): until(11, no_shape),
    ("", "NegativeLogLikelihoodLoss"): needs_ranks(0, 1),
    ("", "Pad"): (unless_constant(no_extents, 1), since(18, unless_constant(no_shape, 3)), _unnamed(_unpadded)),
    ("", "QLinearConv"): (filter_extents(3), only_from_numbers(2)),
    ("", "OptionalGetElement"): until(18, refuses("the input must be an optional", _not_optional)),
    ("", "Range"): _wide_numbers,
    ("", "ReverseSequence"): needs_ranks(0, 1),
    ("", "Reshape"): (
        until(14, unless_constant(no_shape, 1)),
        _without_quotients,
        refuses("Invalid Target shape product of 0", _open_without_elements),
    ),
    ("", "Resize"): (
        without_resized,
        since(13, refuses("Either `sizes` or `scales` must be provided", _both_given)),
        since(18, refuses("`scales` go with the policy 'stretch'", _scaled_to_policy)),
        since(
            18, refuses("Unknown value for `keep_aspect_ratio_policy`", lambda asked: _policy(asked) not in POLICIES)
        ),
        _named_unscaled,
        _scaled_in_double,
    ),
    ("", "Slice"): (until(10, _unsorted), since(10, _numbers_sliced), since(10, until(11, _names_kept))),
    ("", "CausalConvWithState"): _filled(1, 3, (0, 1, 2)),
    ("", "Attention"): _grown,
    ("ai.onnx.preview", "FlexAttention"): (_nothing_without_ranks, _batch_of(1, 2)),
    ("", "DeformConv"): filter_extents(1),
    ("", "Flatten"): (
        until(11, refuses("Invalid value for attribute 'axis'", lambda asked: axis_of(asked, 1) < 0)),
        _no_empty_products,
    ),
    ("", "Split"): (
        number_along_axis(since(13, unless_constant(no_shape, 1)), no_extent_along_axis),
        until(18, refuses("The input is not evenly splittable", _uneven)),
        since(18, _last_takes_the_rest),
        since(18, refuses("Neither 'split' input nor 'num_outputs' attribute has been given", _nothing_given)),
    ),
    ("", "SoftmaxCrossEntropyLoss"): _loss_of_each_label,
    ("", "StringNormalizer"): (_normalized, refuses("Input shape must be [C] or [1,C]", _many_rows)),
    ("", "StringSplit"): nothing_without_rank,
    ("", "SplitToSequence"): (_number_of_parts, refuses("Input 'split' can not be empty", _no_parts)),
    ("", "AveragePool"): only_from_numbers(2),
    ("", "LpPool"): (since(2, refuses("Attribute kernel_shape must be specified", _no_kernel)), only_from_numbers(2)),
    ("", "MaxPool"): only_from_numbers(2),
    ("", "Upsample"): (
        only_from_numbers(),
        _scaled_in_double,
        until(9, nothing_without_rank),
        until(9, since(7, refuses("Attribute 'scales' is required", _without("scales")))),
    ),
    ("", "Tile"): (until(6, no_shape), only_from_numbers()),
    ("", "TopK"): since(10, number_along_axis(unless_constant(no_extents, 1), no_extents, default=-1)),
    ("", "Unique"): lambda asked, found: [*found[:1], *(reshaped(x, (None,)) for x in found[1:])],
}


# What the official rules do not look at of the inputs, so that they take more than ours.
BLIND: dict[tuple[str, str], Callable[[Sequence[Known | None], Mapping[str, Any]], Sequence[Known | None]]] = {
    ("", "Reshape"): _elements_uncounted,
}


def looked_at(
    domain: str, op_type: str, inputs: Sequence[Known | None], attrs: Mapping[str, Any]
) -> Sequence[Known | None]:
    """The inputs as far as the official rule looks at them."""
    blind = BLIND.get((domain, op_type))
    return inputs if blind is None else blind(inputs, attrs)


def seen(domain: str, asked: Asked, found: Results) -> Results:
    """What the official package would say where our rules say `found`."""
    views = VIEWS.get((domain, asked.op_type), ())
    for view in views if isinstance(views, tuple) else (views,):
        found = view(asked, found)
    return found
