"""What the official package refuses of a node, though our rules would say something of it.

Our rules stop where a value cannot be computed. The official ones look at a node's own contradictions first, such as
lists of the wrong length, even where nothing else is known. A row names an operator, and gives each reason in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from sardonyx.compat.onnx._inference.asked import Asked, all_numbers
from sardonyx.compat.onnx._inference.errors import counted, refuse_shape, refuse_type
from sardonyx.compat.onnx._inference.resizing import sized_or_scaled
from sardonyx.compat.onnx._inference.spreading import spread_against_itself, unpooled_against_itself
from sardonyx.compat.onnx._inference.stated import depths_against_rule, regions_against_rule
from sardonyx.ir import SequenceType, TensorType
from sardonyx.ops import Known

__all__ = ["refuse"]

Reasons: TypeAlias = Callable[[Asked], Iterator[str]]


def refuse(domain: str, asked: Asked) -> None:
    """Raise the first reason against a node, if there is one."""
    for reasons, of_type in (
        (REFUSED.get((domain, asked.op_type)), False),
        (MISTYPED.get((domain, asked.op_type)), True),
    ):
        for reason in reasons(asked) if reasons is not None else ():
            raise refuse_type(reason) if of_type else refuse_shape(reason)


def _ranked(asked: Asked, index: int) -> Known | None:
    """An input whose rank is known."""
    x = asked.given(index)
    return x if x is not None and x.has_shape else None


def _listed(asked: Asked, name: str) -> list[int] | None:
    """A list that the node states; what is only a default does not count."""
    return list(asked.attrs.get(name) or ()) if name in asked.stated else None


# -- windows -------------------------------------------------------------------------------------------------------------


def _window(*others: int, images: int = 0) -> Reasons:
    """Lists that have an entry, or two, for each spatial axis; they are counted once these inputs have a rank."""

    def reasons(asked: Asked) -> Iterator[str]:
        x = _ranked(asked, images)
        if x is None or any(_ranked(asked, i) is None for i in others):
            return
        if x.rank < 3:
            yield "Input tensor must have at least 3 dimensions"
        weights = [w for i in others if (w := _ranked(asked, i)) is not None]
        unknown = "kernel_shape" not in asked.stated and not all(all_numbers(w.shape[2:]) for w in weights)
        for name, each in (("dilations", 1), ("strides", 1), ("kernel_shape", 1), ("pads", 2)):
            if name == "pads" and unknown:
                return
            found = _listed(asked, name)
            if found is not None and name in asked.attrs and len(found) != each * (x.rank - 2):
                yield f"Attribute {name} has incorrect size"
            if name == "pads" and any(n < 0 for n in found or ()):
                yield "Attribute pads must not contain negative values"
            if name != "pads" and any(n <= 0 for n in found or ()):
                yield f"Attribute {name} must only contain positive values"
        if "kernel_shape" in asked.stated:
            return
        if not others:
            yield "Attribute kernel_shape must be specified"
        for w in weights:
            if w.rank != x.rank:
                shown = (
                    f"({w.rank - 2}) does not match the number of spatial dimensions in the input tensor ({x.rank - 2})"
                )
                yield f"Number of spatial dimensions in the weight tensor {shown}."
            if 0 in w.shape[2:]:
                yield "Attribute kernel_shape must only contain positive values"

    return reasons


def _transposed(asked: Asked) -> Iterator[str]:
    yield from spread_against_itself(asked)
    yield from _window(1)(asked)


# -- shapes of single inputs -----------------------------------------------------------------------------------------------


def _one_number(asked: Asked) -> Iterator[str]:
    """How many elements are wanted, where that is a constant and there is something to choose from."""
    x, k = asked.given(0), asked.given(1)
    count = asked.attrs.get("k")
    if asked.version < 10 and _ranked(asked, 0) is not None and (count is None or count <= 0):
        yield "Invalid value for attribute k"
    axis = -1 if asked.attrs.get("axis") is None else int(asked.attrs["axis"])
    if asked.version < 10 or x is None or not x.has_shape or k is None or k.value is None:
        return
    if not (-x.rank <= axis < x.rank and isinstance(x.shape[axis], int)):
        return
    if k.value.shape != (1,):
        yield "K input must be a one-dimensional tensor of size 1."


def _stated_shape(asked: Asked) -> Iterator[str]:
    if "shape" not in asked.stated:
        yield f"Attribute shape should specify a shape in node {asked.op_type}."
    if any(n < 0 for n in _listed(asked, "shape") or ()):
        yield f"Negative values are not allowed in a shape specification in node {asked.op_type}."


def _plane(asked: Asked) -> Iterator[str]:
    x = _ranked(asked, 0)
    if x is not None and x.rank != 2 and (x.dtype is not None or "dtype" in asked.stated):
        yield "Input tensor must be 2-dimensional"


def _image(asked: Asked) -> Iterator[str]:
    x = _ranked(asked, 0)
    if x is not None and x.rank != 1:
        yield "Input tensor must be 1-dimensional"


# -- kinds of values -------------------------------------------------------------------------------------------------------


def _typed(*inputs: int) -> Reasons:
    """Inputs that must have a type, whatever it is."""

    def reasons(asked: Asked) -> Iterator[str]:
        for i in inputs or range(len(asked.inputs)):
            x = asked.given(i)
            if x is not None and x.type is None:
                yield f"Input {i} expected to have type but instead is null"

    return reasons


def _of_elements(index: int) -> Reasons:
    """An input that must have a type, and elements of a known one."""

    def reasons(asked: Asked) -> Iterator[str]:
        yield from _typed(index)(asked)
        x = asked.given(index)
        if x is not None and isinstance(x.type, TensorType) and x.dtype is None:
            yield f"Element type of input {index} unknown"

    return reasons


def _sequence_first(asked: Asked) -> Iterator[str]:
    x = asked.given(0)
    if x is not None and x.type is not None and not isinstance(x.type, SequenceType):
        yield "Input 0 expected to be a sequence type"


def _mapped_sequence(asked: Asked) -> Iterator[str]:
    if not asked.inputs:
        yield "Graph has inputs but 0 were provided"
    yield from _typed()(asked)
    yield from _sequence_first(asked)


def _zero_points(*pairs: tuple[int, int]) -> Reasons:
    """A zero point is of the type of what it belongs to."""

    def reasons(asked: Asked) -> Iterator[str]:
        for i, j in pairs:
            x, zero = asked.given(i), asked.given(j)
            if x is None or zero is None or x.dtype != zero.dtype:
                yield "input and zero_point pair is expected to have same type."

    return reasons


def _some_parts(asked: Asked) -> Iterator[str]:
    if asked.n_outputs == 0:
        yield "Split must have at least one output"


def _blocks(asked: Asked) -> Iterator[str]:
    size = asked.attrs.get("blocksize")
    if size is None or size <= 0:
        yield "Blocksize must be positive"
    counted((size or 0) ** 2)


REFUSED: dict[tuple[str, str], Reasons] = {
    ("", "AveragePool"): _window(),
    ("", "Conv"): _window(1),
    ("", "ConvInteger"): _window(1),
    ("", "ConvTranspose"): _transposed,
    ("", "DeformConv"): _window(1),
    ("", "DepthToSpace"): _blocks,
    ("", "SpaceToDepth"): _blocks,
    ("", "EyeLike"): _plane,
    ("", "ImageDecoder"): _image,
    ("", "RandomNormal"): _stated_shape,
    ("", "RandomUniform"): _stated_shape,
    ("", "LpPool"): _window(),
    ("", "MaxPool"): _window(),
    ("", "MaxRoiPool"): regions_against_rule,
    ("", "MaxUnpool"): unpooled_against_itself,
    ("", "QLinearConv"): _window(3),
    ("", "Resize"): sized_or_scaled,
    ("", "Split"): _some_parts,
    ("", "TopK"): _one_number,
}
MISTYPED: dict[tuple[str, str], Reasons] = {
    ("", "ConvInteger"): _typed(0, 1),
    ("", "MatMulInteger"): _typed(0, 1),
    ("", "Where"): _of_elements(1),
    ("", "OneHot"): depths_against_rule,
    ("", "QLinearConv"): _zero_points((0, 2), (3, 5)),
    ("", "QLinearMatMul"): _zero_points((0, 2), (3, 5)),
    ("", "SequenceMap"): _mapped_sequence,
}
