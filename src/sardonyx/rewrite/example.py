"""Examples of rules as graphs: what `.fires` and `.refuses` state, made so that it can be run."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dims import Dim, Expr, parse
from sardonyx.core.dtypes import DType
from sardonyx.ir import Array, Graph, Tensor, TensorType, Value
from sardonyx.rewrite.build import Builder, Names
from sardonyx.rewrite.facts import Facts
from sardonyx.rewrite.pattern import Capture, Either, Out, Pattern, Rest, Term, Var
from sardonyx.rewrite.rule import Example

__all__ = ["Spec", "b8", "bf16", "f16", "f32", "f64", "i32", "i64", "instantiate", "sample", "u8"]


class Spec:
    """An element type waiting for a shape: ``f32[4, "batch"]``."""

    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype

    def __getitem__(self, dims: int | str | tuple[int | str, ...]) -> TensorType:
        given = dims if isinstance(dims, tuple) else (dims,)
        return TensorType(self.dtype, tuple(parse(x) if isinstance(x, str) else x for x in given))

    @property
    def scalar(self) -> TensorType:
        return TensorType(self.dtype, ())

    @property
    def unknown(self) -> TensorType:
        """A tensor of unknown rank."""
        return TensorType(self.dtype, None)


f16, bf16, f32, f64 = Spec(d.FLOAT16), Spec(d.BFLOAT16), Spec(d.FLOAT32), Spec(d.FLOAT64)
i32, i64, u8, b8 = Spec(d.INT32), Spec(d.INT64), Spec(d.UINT8), Spec(d.BOOL)


def sample(kind: TensorType, seed: str, extent: int = 3) -> Array:
    """Random elements of a type; the same for the same `seed`. Symbolic extents become `extent`."""
    shape: Sequence[Dim | None] = kind.shape if kind.shape is not None else (2, extent)
    extents = [extent if x is None or isinstance(x, Expr) else x for x in shape]
    rng = np.random.default_rng(zlib.crc32(seed.encode()))
    dtype = kind.dtype or d.FLOAT32
    if dtype.kind == "bool":
        return rng.random(extents) < 0.7
    if dtype.is_integer:
        return rng.integers(0, 4, extents).astype(dtype.numpy)
    return rng.standard_normal(extents).astype(dtype.numpy)


def instantiate(example: Example, facts: Facts) -> Graph:
    """The graph of an example."""
    graph = Graph(example.rule.name)
    bound: dict[Any, Value | tuple[Value, ...] | None] = {}

    def make(name: str, given: Any, *, constant: bool) -> Value:
        if isinstance(given, TensorType) and not constant:
            return graph.add_input(Value(name, given))
        array = sample(given, name) if isinstance(given, TensorType) else np.asarray(given)
        value = Value(name, const=Tensor(array))
        value.graph = graph
        graph.initializers[name] = value
        return value

    def resolve(pattern: Any) -> Any:
        if isinstance(pattern, Capture):
            return example.given.get(pattern.name)
        if isinstance(pattern, Either):
            choice = next((p for p in pattern.choices if _is_given(p, example)), pattern.choices[-1])
            return builder.value(choice)
        if isinstance(pattern, (Var, Rest)) and pattern not in bound:
            given = example.given.get(pattern.name)
            if isinstance(pattern, Rest):
                kinds = [] if given is None else given
                bound[pattern] = tuple(make(f"{pattern.name}{i}", x, constant=False) for i, x in enumerate(kinds))
            elif given is not None:
                bound[pattern] = make(pattern.name, given, constant=pattern.constant)
            else:
                assert pattern.optional, f"{example!r} says nothing of {pattern!r}"
                bound[pattern] = None
        return bound.get(pattern)

    builder = Builder(facts, resolve, Names([]), "n")
    outputs = [v for v in builder.all(example.roots) if v is not None]
    for i, node in enumerate(builder.nodes):
        node.name = f"node{i}"
        graph.append(node)
    for value in builder.constants:
        value.graph = graph
        graph.initializers[value.name] = value
    for i, value in enumerate(outputs):
        value.name = f"out{i}"
        graph.outputs.append(value)
    return graph


def _is_given(pattern: Pattern, example: Example) -> bool:
    """Whether an example says what the variables of `pattern` are."""
    if isinstance(pattern, (Var, Rest)):
        return pattern.name in example.given or (isinstance(pattern, Var) and pattern.optional)
    if isinstance(pattern, Out):
        return _is_given(pattern.term, example)
    if isinstance(pattern, Either):
        return any(_is_given(p, example) for p in pattern.choices)
    if isinstance(pattern, Term):
        return all(_is_given(p, example) for p in pattern.args if isinstance(p, Pattern))
    return True
