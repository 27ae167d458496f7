"""Sequences of tensors, and values that may be absent: lists, and None, for references."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from sardonyx.core import dims
from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim
from sardonyx.core.errors import InputError, ShapeError
from sardonyx.ir import Array, OptionalType, SequenceType, Type
from sardonyx.ops.control import joined, stacked
from sardonyx.ops.declare import (
    Flag,
    GraphAttr,
    Input,
    Int,
    Output,
    TypeAttr,
    infers,
    operator,
    reference,
    types,
)
from sardonyx.ops.known import Known, axis_of, known
from sardonyx.ops.typesets import BOOL, CLASSIC, CLASSIC_BF, I64, INDICES, IR14, TypeSet, optionals, seqs

_PLAIN: dict[int, TypeSet] = {15: CLASSIC | seqs(CLASSIC), 28: IR14 | seqs(IR14)}
_MAYBE: dict[int, TypeSet] = {v: optionals(held) for v, held in _PLAIN.items()}
_EITHER: dict[int, TypeSet] = {15: _MAYBE[15], 18: _MAYBE[15] | _PLAIN[15], 28: _MAYBE[28] | _PLAIN[28]}


def element(x: Known) -> Known:
    """What a sequence or an optional holds."""
    return Known(x.type.element if isinstance(x.type, (SequenceType, OptionalType)) else None)


def sequence_of(x: Known) -> Known:
    return Known(SequenceType(x.type))


@operator("SequenceConstruct", since=(11,))
class SequenceConstruct:
    """A sequence of the given tensors."""

    T, S = types(CLASSIC), types(seqs(CLASSIC))
    inputs = Input(T, variadic=True)
    output_sequence = Output(S)

    @infers
    def infer(*inputs: Known) -> Known:
        return sequence_of(reduce(joined, inputs))

    @reference
    def run(*inputs: Array) -> list[Array]:
        return list(inputs)


@operator("SequenceEmpty", since=(11,))
class SequenceEmpty:
    """A sequence without elements; they would be of type dtype, float32 unless it is given."""

    S = types(seqs(CLASSIC))
    output = Output(S)
    dtype = Int()

    @infers
    def infer(*, dtype: int | None) -> Known:
        return sequence_of(known(d.FLOAT32 if dtype is None else d.dtype(dtype), None))

    @reference
    def run() -> list[Array]:
        return []


@operator("SequenceInsert", since=(11,))
class SequenceInsert:
    """The sequence with a tensor put in front of `position`, or at the end."""

    T, S = types(CLASSIC), types(seqs(CLASSIC))
    I = types(INDICES)  # noqa: E741 the standard's name
    input_sequence, tensor, position = Input(S), Input(T), Input(I, optional=True)
    output_sequence = Output(S)

    @infers
    def infer(input_sequence: Known, tensor: Known, position: Known | None) -> Known:
        return sequence_of(joined(element(input_sequence), tensor))

    @reference
    def run(input_sequence: list[Array], tensor: Array, position: Array | None) -> list[Array]:
        count = len(input_sequence)
        at = _within(count if position is None else int(position.item()), count + 1, count)
        return [*input_sequence[:at], tensor, *input_sequence[at:]]


def _within(position: int, places: int, count: int) -> int:
    """`position` counted from the front; a negative one counts from behind the last element."""
    at = position + count if position < 0 else position
    if not 0 <= at < places:
        raise InputError(f"position {position} is outside a sequence of {count}")
    return at


@operator("SequenceErase", since=(11,))
class SequenceErase:
    """The sequence without the tensor at `position`, or without the last."""

    S = types(seqs(CLASSIC))
    I = types(INDICES)  # noqa: E741
    input_sequence, position = Input(S), Input(I, optional=True)
    output_sequence = Output(S)

    @infers
    def infer(input_sequence: Known, position: Known | None) -> Known:
        return Known(input_sequence.type)

    @reference
    def run(input_sequence: list[Array], position: Array | None) -> list[Array]:
        count = len(input_sequence)
        at = _within(-1 if position is None else int(position.item()), count, count)
        return [*input_sequence[:at], *input_sequence[at + 1 :]]


@operator("SequenceAt", since=(11,))
class SequenceAt:
    """The tensor at `position`."""

    S, T = types(seqs(CLASSIC)), types(CLASSIC)
    I = types(INDICES)  # noqa: E741
    input_sequence, position = Input(S), Input(I)
    tensor = Output(T)

    @infers
    def infer(input_sequence: Known, position: Known) -> Known:
        return element(input_sequence)

    @reference
    def run(input_sequence: list[Array], position: Array) -> Array:
        count = len(input_sequence)
        return input_sequence[_within(int(position.item()), count, count)]


@operator("SequenceLength", since=(11,))
class SequenceLength:
    """The number of tensors in the sequence."""

    S = types(seqs(CLASSIC))
    I = types(I64)  # noqa: E741
    input_sequence = Input(S)
    length = Output(I)

    @infers
    def infer(input_sequence: Known) -> Known:
        return known(d.INT64, ())

    @reference
    def run(input_sequence: list[Array]) -> Array:
        return np.array(len(input_sequence), np.int64)


@operator("ConcatFromSequence", since=(11,))
class ConcatFromSequence:
    """The tensors of a sequence joined along `axis`, or stacked along a new one."""

    S, T = types(seqs(CLASSIC)), types(CLASSIC)
    input_sequence = Input(S)
    concat_result = Output(T)
    axis, new_axis = Int(required=True), Flag(0)

    @infers
    def infer(input_sequence: Known, *, axis: int, new_axis: bool) -> Known:
        one = element(input_sequence)
        if new_axis or not one.has_shape:
            return stacked(one, None, axis)
        at = axis_of(axis, one.rank)
        return known(one.dtype, (*one.shape[:at], None, *one.shape[at + 1 :]))

    @reference
    def run(input_sequence: list[Array], *, axis: int, new_axis: bool) -> Array:
        return np.stack(input_sequence, axis) if new_axis else np.concatenate(input_sequence, axis)


@operator("SplitToSequence", since=(11, 24))
class SplitToSequence:
    """The parts of a tensor along `axis`: of one size, of given sizes, or its slices, which then may lose the axis."""

    T, S = types({11: CLASSIC, 24: CLASSIC_BF}), types({11: seqs(CLASSIC), 24: seqs(CLASSIC_BF)})
    I = types(INDICES)  # noqa: E741
    input, split = Input(T), Input(I, optional=True)
    output_sequence = Output(S)
    axis, keepdims = Int(0), Flag(1)

    @infers
    def infer(input: Known, split: Known | None, *, axis: int, keepdims: bool) -> Known:
        if not input.has_shape:
            return sequence_of(known(input.dtype, None))
        at = axis_of(axis, input.rank)
        size: Sequence[Dim | None] = [1] if keepdims else []
        if split is not None:
            sizes: Any = split.ints()
            if sizes is not None and split.rank == 0:
                extent, part = input.shape[at], sizes[0]
                sizes = [part, *([dims.mod(extent, part)] if dims.mod(extent, part) != 0 else [])]
            numbers = split.numbers() if split.rank else None
            if numbers is not None and isinstance(input.shape[at], int) and sum(numbers) != input.shape[at]:
                raise ShapeError(f"the parts {sizes} do not make up axis {axis}", why=f"it is {input.shape[at]}")
            size = [sizes[0] if sizes and len(set(sizes)) == 1 else None]
        return sequence_of(known(input.dtype, (*input.shape[:at], *size, *input.shape[at + 1 :])))

    @reference
    def run(input: Array, split: Array | None, *, axis: int, keepdims: bool) -> list[Array]:
        extent = input.shape[axis]
        if split is None:
            slices = np.split(input, extent, axis) if extent else []
            return slices if keepdims else [np.squeeze(x, axis) for x in slices]
        if split.ndim == 0:
            return np.split(input, range(int(split), extent, int(split)), axis)
        if split.sum() != extent:
            raise ShapeError(f"the parts {split.tolist()} do not make up axis {axis}", why=f"the axis is {extent}")
        return np.split(input, np.cumsum(split)[:-1], axis)


@operator("SequenceMap", since=(17,))
class SequenceMap:
    """Sequences of what `body` gives for each element of the first sequence; tensors are given to it as they are."""

    S, V = types(seqs(CLASSIC)), types(CLASSIC | seqs(CLASSIC))
    input_sequence = Input(S)
    additional_inputs = Input(V, variadic=True, homogeneous=False, min=0)
    out_sequence = Output(S, variadic=True, homogeneous=False)
    body = GraphAttr(required=True)

    @infers
    def infer(*inputs: Known, body: Any) -> list[Known]:
        elements = [element(x) if isinstance(x.type, SequenceType) else Known(x.type) for x in inputs]
        return [sequence_of(x) for x in body(*elements)]

    @reference
    def run(*inputs: Any, body: Any, n_outputs: int) -> list[list[Array]]:
        rounds = range(len(inputs[0]))
        results = [body(*(x[i] if isinstance(x, list) else x for x in inputs)) for i in rounds]
        return [[result[k] for result in results] for k in range(n_outputs)]


@operator("Optional", since=(15, 28))
class Optional:
    """A value that may be absent: the input, or, without one, nothing of the given type."""

    V, O = types(_PLAIN), types(_MAYBE)  # noqa: E741 the standard's names
    input = Input(V, optional=True)
    output = Output(O)
    type = TypeAttr()

    @infers
    def infer(input: Known | None, *, type: Type | None) -> Known:
        return Known(OptionalType(type if input is None else input.type))

    @reference
    def run(input: Any) -> Any:
        return input


@operator("OptionalHasElement", since=(15, 18, 28))
class OptionalHasElement:
    """Whether there is a value.

    Since 18: The input may also be of tensor or sequence type: it is a value.
    """

    O, B = types(_EITHER), types(BOOL)  # noqa: E741 the standard's names
    input = Input(O, optional_since=18)
    output = Output(B)

    @infers
    def infer(input: Known | None) -> Known:
        return known(d.BOOL, ())

    @reference
    def run(input: Any) -> Array:
        return np.array(input is not None)


@operator("OptionalGetElement", since=(15, 18, 28))
class OptionalGetElement:
    """The value, which must be there.

    Since 18: Where the input is no optional, it returns the input.
    """

    O, V = types(_EITHER), types(_PLAIN)  # noqa: E741 the standard's names
    input = Input(O)
    output = Output(V)

    @infers
    def infer(input: Known) -> Known:
        return element(input) if isinstance(input.type, OptionalType) else Known(input.type)

    @reference
    def run(input: Any) -> Any:
        if input is None:
            raise InputError("an absent optional has no element", fix="ask OptionalHasElement first")
        return input


__all__: list[str] = []
