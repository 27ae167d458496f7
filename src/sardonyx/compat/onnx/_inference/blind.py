"""What the official rules do not look at, so that they say something of nodes that ours refuse.

A row names an operator, and gives the node as far as the official rule looks at it: without shapes that it does not
compare, with axes that it does not count. What our rules then cannot know, the views put in again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from sardonyx.compat.onnx._inference.asked import Asked, axis_of, reshaped
from sardonyx.compat.onnx._inference.known import nameless
from sardonyx.compat.onnx._inference.reductions import REDUCTIONS
from sardonyx.compat.onnx._inference.stated import depth_as_read, regions_as_read
from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import BOOL
from sardonyx.ir import TensorType
from sardonyx.ops import Known

__all__ = ["looked_at"]

Blindness: TypeAlias = Callable[[Asked], Asked]


def looked_at(domain: str, asked: Asked) -> Asked:
    """The node as far as the official rule looks at it."""
    blind = BLIND.get((domain, asked.op_type))
    return asked if blind is None else blind(asked)


def _without_shapes(*inputs: int) -> Blindness:
    """Without the shapes of these inputs, or of any."""

    def apply(asked: Asked) -> Asked:
        kept = [reshaped(x, None) if x is not None and (i in inputs or not inputs) else x for i, x in _numbered(asked)]
        return replace(asked, inputs=kept)

    return apply


def _numbered(asked: Asked) -> Sequence[tuple[int, Known | None]]:
    return list(enumerate(asked.inputs))


def _until(version: int, blindness: Blindness) -> Blindness:
    return lambda asked: blindness(asked) if asked.version < version else asked


def _only_first(asked: Asked) -> Asked:
    """The shapes of all inputs but the first."""
    return replace(asked, inputs=[x if x is None or not i else reshaped(x, None) for i, x in _numbered(asked)])


def _any_elements(asked: Asked) -> Asked:
    """Whether what is negated are truth values."""
    return replace(asked, inputs=[Known(TensorType(BOOL, None if x is None else x.dims)) for x in asked.inputs])


def _unbound(asked: Asked) -> Asked:
    """The bounds."""
    return replace(asked, attrs={name: value for name, value in asked.attrs.items() if name not in ("min", "max")})


def _parts_alone(asked: Asked) -> Asked:
    """What is split, and into what: as many parts as there are outputs."""
    first = asked.given(0)
    attrs = {**asked.attrs, "num_outputs": asked.n_outputs} if asked.version >= 18 else dict(asked.attrs)
    attrs.pop("split", None)
    return replace(asked, inputs=[None if first is None else reshaped(first, None)], attrs=attrs)


def _uncut(asked: Asked) -> Asked:
    """All shapes, and in the first version whether it is said what is cut."""
    given = {"starts": [], "ends": []} if asked.version < 10 else {}
    return _without_shapes()(replace(asked, attrs={**asked.attrs, **given}))


def _factors_alone(asked: Asked) -> Asked:
    """What is added; and in old versions, how many columns A has and rows B."""
    if asked.version >= 13:
        return replace(asked, inputs=[x if i < 2 or x is None else reshaped(x, None) for i, x in _numbered(asked)])
    made: list[Known | None] = []
    for i, name in ((0, "transA"), (1, "transB")):
        x = asked.given(i)
        if any((y := asked.given(j)) is None or not y.has_shape for j in (0, 1)):
            x = None if x is None else reshaped(x, None)
        elif x is not None and x.rank == 2:
            inner = (1 - i) ^ bool(asked.attrs.get(name))
            x = _with_extent(x, inner, nameless())
        made.append(x)
    return replace(asked, inputs=[*made, *(None if x is None else reshaped(x, None) for x in asked.inputs[2:])])


def _with_extent(x: Known, axis: int, extent: Dim) -> Known:
    return reshaped(x, [extent if i == axis else d for i, d in enumerate(x.shape)])


def _any_axis(asked: Asked) -> Asked:
    """Whether there is such an axis: views say what follows."""
    x, axis = asked.given(0), axis_of(asked)
    inside = x is not None and x.has_shape and -x.rank <= axis < x.rank
    return asked if inside else _without_shapes(0)(asked)


def _data_alone(asked: Asked) -> Asked:
    """Types and shapes of other inputs than the first."""
    first = asked.given(0)
    return replace(asked, inputs=[first and reshaped(first, None)] * max(len(asked.inputs), 2))


def _reduced_data(asked: Asked) -> Asked:
    """What is reduced, and along which axes."""
    attrs = {name: value for name, value in asked.attrs.items() if name != "axes"}
    return replace(asked, inputs=[None if x is None else reshaped(x, None) for x in asked.inputs[:1]], attrs=attrs)


def _whole_blocks(*axes: int, squared: bool = False) -> Blindness:
    """What is left over beside the last block."""

    def apply(asked: Asked) -> Asked:
        x, block = asked.given(0), int(asked.attrs.get("blocksize") or 0)
        if x is None or not x.has_shape or x.rank != 4 or block <= 0:
            return asked
        each = block * block if squared else block
        whole = [d // each * each if i in axes and isinstance(d, int) else d for i, d in enumerate(x.shape)]
        return replace(asked, inputs=[reshaped(x, whole), *asked.inputs[1:]])

    return apply


def _labels_as_data(asked: Asked) -> Asked:
    """The extents of labels where they or the data have no number there, and how many weights there are."""
    data, labels, weights = (asked.given(i) for i in range(3))
    inputs = list(asked.inputs)
    if weights is not None and weights.has_shape and weights.rank == 1:
        inputs[2] = reshaped(weights, (nameless(),))
    if data is not None and labels is not None and data.has_shape and labels.has_shape and data.rank == labels.rank + 1:
        wanted = (data.shape[0], *data.shape[2:])
        pairs = zip(wanted, labels.shape, strict=True)
        inputs[1] = reshaped(labels, [b if isinstance(a, int) and isinstance(b, int) else a for a, b in pairs])
    return replace(asked, inputs=inputs)


LEGACY_BROADCAST = ("Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor")
LEGACY_VARIADIC = ("Max", "Mean", "Min", "Sum")

BLIND: dict[tuple[str, str], Blindness] = {
    **{("", name): _until(7, _only_first) for name in LEGACY_BROADCAST},
    **{("", name): _until(8, _only_first) for name in LEGACY_VARIADIC},
    **{("", name): _reduced_data for name in REDUCTIONS},
    **{("", name): _until(11, _without_shapes(0)) for name in ("Hardmax", "LogSoftmax", "Softmax")},
    **{("", f"{name}Pool"): _without_shapes() for name in ("Average", "Lp", "Max")},
    **{
        ("", name): _without_shapes()
        for name in ("Conv", "ConvInteger", "DeformConv", "ConvTranspose", "MaxUnpool", "QLinearConv")
    },
    **{("", name): _without_shapes() for name in ("LpNormalization", "MeanVarianceNormalization")},
    ("", "NegativeLogLikelihoodLoss"): _until(22, _labels_as_data),
    ("", "MaxRoiPool"): regions_as_read,
    ("", "OneHot"): depth_as_read,
    ("", "ArgMax"): _until(11, _any_axis),
    ("", "ArgMin"): _until(11, _any_axis),
    ("", "Clip"): _until(11, _unbound),
    ("", "DepthToSpace"): _whole_blocks(1, squared=True),
    ("", "Gemm"): _factors_alone,
    ("", "Not"): _any_elements,
    ("", "LayerNormalization"): _data_alone,
    ("", "RMSNormalization"): _data_alone,
    ("", "Resize"): _without_shapes(),
    ("", "Slice"): _uncut,
    ("", "SpaceToDepth"): _whole_blocks(2, 3),
    ("", "Split"): _parts_alone,
    ("", "Squeeze"): _without_shapes(0),
    ("", "TopK"): _without_shapes(0),
    ("", "Unsqueeze"): _until(13, _without_shapes(0)),
}
