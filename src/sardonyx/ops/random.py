"""Random numbers. A seed makes them repeatable here; the standard does not say which numbers it makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.core import dtypes as d
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import DTypeError, ShapeError
from sardonyx.ir import Array
from sardonyx.ops.declare import Float, Input, Int, Ints, Output, infers, operator, reference, types
from sardonyx.ops.known import Known, known
from sardonyx.ops.typesets import BOOL, CLASSIC, CLASSIC_BF, FLOATS, FLOATS_BF, INDICES, NUMBERS_BF

_GROWN = {1: FLOATS, 22: FLOATS_BF}
_unseeded: list[np.random.SeedSequence] = []  # where nodes without a seed take theirs from; nothing: from the system


def set_seed(seed: int) -> None:
    """From now on, what nodes without a seed of their own draw follows from `seed` and the order in which they run."""
    _unseeded[:] = [np.random.SeedSequence(seed)]


def generator(seed: float | None) -> np.random.Generator:
    """Numbers that depend on the bits of `seed` alone; without one, on what `set_seed` said, or on nothing."""
    if seed is not None:
        return np.random.default_rng(int(np.float32(seed).view(np.uint32)))
    return np.random.default_rng(_unseeded[0].spawn(1)[0] if _unseeded else None)


def _normal(shape: Sequence[int], *, seed: float | None, mean: float, scale: float) -> Array:
    return generator(seed).normal(mean, scale, shape)


def _uniform(shape: Sequence[int], *, seed: float | None, low: float, high: float) -> Array:
    return generator(seed).uniform(low, high, shape)


def _made(name: str, draw: Any, doc: str, **numbers: Any) -> None:
    """A generator of a given shape, and one of the shape (and, unless it is told otherwise, the type) of a tensor."""

    def infer(*, shape: tuple[int, ...], dtype: int) -> Known:
        return known(d.dtype(dtype), shape)

    def run(*, shape: tuple[int, ...], dtype: int, seed: float | None, **facts: float) -> Array:
        return draw(shape, seed=seed, **{n: facts[n] for n in numbers}).astype(d.dtype(dtype).numpy)

    def kind_of(source: DType | None, dtype: int | None) -> DType | None:
        return source if dtype is None else d.dtype(dtype)

    def infer_like(input: Known, *, dtype: int | None) -> Known:
        return known(kind_of(input.dtype, dtype), input.dims)

    def run_like(input: Array, *, dtype: int | None, seed: float | None, **facts: float) -> Array:
        kind = kind_of(d.dtype(input.dtype), dtype)
        assert kind is not None
        return draw(input.shape, seed=seed, **{n: facts[n] for n in numbers}).astype(kind.numpy)

    T = types(_GROWN)
    block: dict[str, Any] = {"__doc__": doc, "T": T, "output": Output(T), "shape": Ints(required=True), "dtype": Int(1)}
    block |= {**numbers, "seed": Float(), "infer": infers(infer), "run": reference(run)}
    operator(name, since=(1, 22), deterministic=False)(type(name, (), block))

    T1, T2 = types({1: CLASSIC, 22: CLASSIC_BF}), types(_GROWN)
    like: dict[str, Any] = {
        "__doc__": doc,
        "T1": T1,
        "T2": T2,
        "input": Input(T1),
        "output": Output(T2),
        "dtype": Int(),
    }
    like |= {n: Float(a.default) for n, a in numbers.items()}
    like |= {"seed": Float(), "infer": infers(infer_like), "run": reference(run_like)}
    operator(f"{name}Like", since=(1, 22), deterministic=False)(type(name, (), like))


_made("RandomNormal", _normal, "Numbers of a normal distribution.", mean=Float(0.0), scale=Float(1.0))
_made("RandomUniform", _uniform, "Numbers between low and high, all equally likely.", low=Float(0.0), high=Float(1.0))


@operator("Bernoulli", since=(15, 22), deterministic=False)
class Bernoulli:
    """1 with the probability that each element gives, else 0."""

    T1 = types({15: FLOATS, 22: FLOATS_BF})
    T2 = types(NUMBERS_BF | BOOL)
    input = Input(T1)
    output = Output(T2)
    dtype, seed = Int(), Float()

    @infers
    def infer(input: Known, *, dtype: int | None) -> Known:
        return known(input.dtype if dtype is None else d.dtype(dtype), input.dims)

    @reference
    def run(input: Array, *, dtype: int | None, seed: float | None) -> Array:
        drawn = generator(seed).random(input.shape) < input.astype(np.float64)
        return drawn.astype(input.dtype if dtype is None else d.dtype(dtype).numpy)


@operator("Multinomial", since=(7, 22), deterministic=False)
class Multinomial:
    """sample_size classes for each row of unnormalized log probabilities."""

    T1 = types({7: FLOATS, 22: FLOATS_BF})
    T2 = types(INDICES)
    input = Input(T1)
    output = Output(T2)
    dtype, sample_size, seed = Int(6), Int(1), Float()

    @infers
    def infer(input: Known, *, dtype: int, sample_size: int) -> Known:
        if input.has_shape and input.rank != 2:
            raise ShapeError(
                "Multinomial draws from the rows of a matrix", why=f"the rank of its input is {input.rank}"
            )
        if d.dtype(dtype) not in (d.INT32, d.INT64):
            raise DTypeError("classes are numbered in int32 or int64", why=f"dtype is {dtype}")
        return known(d.dtype(dtype), (input.shape[0] if input.has_shape else None, sample_size))

    @reference
    def run(input: Array, *, dtype: int, sample_size: int, seed: float | None) -> Array:
        rows, classes = input.shape
        # The largest of log probabilities with Gumbel noise added is distributed as they say.
        noise = generator(seed).gumbel(size=(rows, sample_size, classes))
        return np.argmax(input.astype(np.float64)[:, None] + noise, -1).astype(d.dtype(dtype).numpy)


__all__: list[str] = []
