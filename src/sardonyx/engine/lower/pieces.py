"""Operators that are made of others: the pieces are lowered one by one, and join each other as nodes of a graph do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim
from sardonyx.core.dtypes import DType
from sardonyx.engine.fuse import low_value
from sardonyx.engine.kernels.reduce import Reduction
from sardonyx.engine.lower.reduce import reduced
from sardonyx.engine.lowering import LOWER, Lowering, NotNative, Stuck
from sardonyx.engine.views import View
from sardonyx.ir import Array, Node, Tensor, TensorType, Value
from sardonyx.ops import schema_of
from sardonyx.ops.apply import attributes

__all__ = ["Pieces"]

_OPSET = 24  # of the pieces, in a model that imports none


class Pieces:
    """A small graph in the place of a node. Nothing is lowered before it is known who reads what."""

    def __init__(self, low: Lowering, node: Node) -> None:
        self._low, self._node = low, node
        self._pieces: dict[Node, Callable[[Node], None]] = {}  # and how they are lowered
        self._done = 0  # how many of them are lowered

    def read(self, view: View) -> Value:
        """What lies in memory already."""
        return low_value(self._low, view)

    def constant(self, array: Array) -> Value:
        """Numbers that are known; a single one becomes a literal of the formula."""
        array = np.asarray(array)
        return Value(const=Tensor(array)) if array.size == 1 else self.read(self._low.constant(array))

    def op(
        self, name: str, *inputs: Value, shape: Sequence[Dim] | None = None, dtype: DType | None = None, **attrs: Any
    ) -> Value:
        """A piece; its result has the shape and the type of its first input unless they are given."""
        like = self._low.facts.type(inputs[0])
        assert isinstance(like, TensorType) and like.dtype is not None and like.shape is not None
        kind = TensorType(like.dtype if dtype is None else dtype, like.shape if shape is None else tuple(shape))
        piece = Node(name, inputs, [Value(type=kind)], attrs, name=self._node.name or self._node.op_type)
        self._pieces[piece] = self._as_in_a_graph
        return piece.output

    def reduce(self, kind: Reduction, value: Value, axis: int) -> Value:
        """The value with one axis reduced to an extent of 1."""
        shape = [1 if i == axis else d for i, d in enumerate(self.shape(value))]
        result = self.op("Identity", value, shape=shape)
        piece = result.producer
        assert piece is not None
        self._pieces[piece] = lambda piece: reduced(self._low, piece, value, kind, [axis], True)
        return result

    def cast(self, value: Value, dtype: DType) -> Value:
        """The value in another type, or as it is."""
        have = self._low.dtype(value)
        return value if have is dtype else self.op("Cast", value, dtype=dtype, to=dtype.code)

    def shape(self, value: Value) -> tuple[Dim, ...]:
        return self._low.shape(value)

    def dtype(self, value: Value) -> DType:
        return self._low.dtype(value)

    def now(self, value: Value) -> View:
        """Where the value lies, once what was written so far is lowered.

        Raises:
            NotNative: a piece is not native.
        """
        self._lower()
        return self._view(value)

    def give(self, *values: Value) -> None:
        """Lower the pieces; the values are the node's outputs.

        Raises:
            NotNative: a piece is not native.
        """
        for value in values:
            Node("Identity", [value])  # so that it has a reader, whom it may join
        self._lower()
        for output, value in zip(self._node.outputs, values, strict=True):
            found = self._low.state.get(value)
            self._low.give(output, self._view(value) if found is None or len(value.users) > 1 else found)

    def _lower(self) -> None:
        for piece, how in list(self._pieces.items())[self._done :]:
            with self._own():
                how(piece)
        self._done = len(self._pieces)

    def _as_in_a_graph(self, piece: Node) -> None:
        schema = schema_of("", piece.op_type, self._low.opsets.get("", _OPSET))
        assert schema is not None
        LOWER["", piece.op_type](self._low, piece, attributes(schema, piece))

    def _view(self, value: Value) -> View:
        with self._own():
            return self._low.view(value)

    @contextmanager
    def _own(self) -> Iterator[None]:
        """A piece that was lowered before, and turns out not to be native, makes the node so."""
        try:
            yield
        except Stuck as stuck:
            if stuck.node in self._pieces:
                raise NotNative(str(stuck)) from stuck
            raise
