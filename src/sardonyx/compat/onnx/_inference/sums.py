"""Sums over named axes, as the official package infers them from the equation."""

from __future__ import annotations

import string

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import refuse_shape
from sardonyx.compat.onnx._inference.messages import Rule, extents, keep_element, say_shape, shape_of
from sardonyx.ops import Schema
from sardonyx.proto import TensorShapeProto

__all__ = ["SUMS"]

REST = "..."
Dims = list[TensorShapeProto.Dimension]


def _einsum(ctx: InferenceContext, schema: Schema) -> None:
    """Each letter has the extent of the first axis that it names; the axes behind dots are broadcast from the first."""
    keep_element(ctx)
    attribute = ctx.get_attribute("equation")
    equation = "" if attribute is None else attribute.s.decode().replace(" ", "")
    shapes = [shape for i in range(ctx.get_num_inputs()) if (shape := shape_of(ctx, i)) is not None]
    if not equation or len(shapes) < ctx.get_num_inputs():
        return
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise refuse_shape("Number of input tensors does not match the operands in the equation.")
    named: dict[str, TensorShapeProto.Dimension] = {}
    repeated, rest = set[str](), None
    for i, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        letters, hidden = _read(i, term, extents(shape))
        for letter, dim in letters:
            repeated |= {letter} & named.keys()
            named.setdefault(letter, dim)
        rest = _broadcast(i, rest, hidden)
    if not arrow:
        right = REST + "".join(sorted(named.keys() - repeated))
    made: Dims = []
    for letter in right.replace(REST, "*", 1):
        if letter == "*":
            made += rest or []
        elif letter in string.ascii_letters:
            if letter not in named:
                raise refuse_shape("Equation output contains a label missing from the inputs")
            made.append(named[letter])
    say_shape(ctx, 0, made)


def _read(i: int, term: str, dims: Dims) -> tuple[list[tuple[str, TensorShapeProto.Dimension]], Dims | None]:
    """The letters of a term with their extents, and the extents behind its dots, if it has any."""
    before, dots, after = term.partition(REST)
    letters = before + after
    if any(letter not in string.ascii_letters for letter in letters):
        raise refuse_shape(f"Only letters name axes, but the term of input {i} is '{term}'")
    hidden = len(dims) - len(letters)
    if hidden < 0 if dots else hidden:
        raise refuse_shape(f"Rank of input {i} ({len(dims)}) does not match the equation indices ({len(letters)}).")
    at = len(before)
    named = [*dims[:at], *dims[at + hidden :]]
    return list(zip(letters, named, strict=True)), dims[at : at + hidden] if dots else None


def _broadcast(i: int, rest: Dims | None, hidden: Dims | None) -> Dims | None:
    if rest is None or hidden is None:
        return hidden if rest is None else rest
    if len(rest) != len(hidden):
        raise refuse_shape(f"Ellipsis for input {i} represents {len(hidden)} dimensions, but {len(rest)} before.")
    one = TensorShapeProto.Dimension(dim_value=1)
    return [
        b if a == one and b.HasField("dim_value") and b.dim_value > 1 else a for a, b in zip(rest, hidden, strict=True)
    ]


SUMS: dict[tuple[str, str], Rule] = {("", "Einsum"): _einsum}
