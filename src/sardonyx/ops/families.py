"""Operators that differ only in a name, a function and a few facts: declared by a row instead of a block."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sardonyx.ir import Array
from sardonyx.ops.declare import Flag, Input, Int, Ints, Output, TypeVariable, infers, operator, reference, types
from sardonyx.ops.known import Dims, Known, broadcast
from sardonyx.ops.schema import Operator
from sardonyx.ops.typesets import TypeSet

__all__ = ["binary", "unary"]


def _declare(name: str, block: dict[str, Any], **facts: Any) -> Operator:
    return operator(name, elementwise=True, **facts)(type(name, (), block))


def unary(
    name: str,
    since: Sequence[int],
    sets: Mapping[int, TypeSet] | TypeSet,
    run: Callable[..., Array],
    doc: str,
    *,
    formals: tuple[str, str] = ("X", "Y"),
    result: Mapping[int, TypeSet] | TypeSet | None = None,
    variables: tuple[str, str] = ("T", "T1"),
    attributes: Mapping[str, Any] | None = None,
    carries: bool = False,
    deterministic: bool = True,
) -> Operator:
    """An operator that maps each element of one tensor.

    Args:
        sets: what the input may be, by version.
        run: the reference; takes the array and the attributes it names. Its result is cast to the input's type unless
            `result` says what the output may be.
    """

    def infer(x: Known) -> Dims:
        return x.shape

    T = types(sets)
    block: dict[str, Any] = {"__doc__": doc, variables[0]: T}
    output: TypeVariable = T
    if result is not None:
        output = block[variables[1]] = types(result)
    block[formals[0]], block[formals[1]] = Input(T), Output(output)
    if 1 in since and 6 in since and since[0] == 1:
        block["consumed_inputs"] = Ints(until=6)
    block |= attributes or {}
    block["infer"], block["run"] = infers(infer), reference(run)
    return _declare(name, block, since=since, carries=carries, deterministic=deterministic)


def binary(
    name: str,
    since: Sequence[int],
    sets: Mapping[int, TypeSet] | TypeSet,
    run: Callable[..., Array],
    doc: str,
    *,
    formals: tuple[str, str, str] = ("A", "B", "C"),
    result: Mapping[int, TypeSet] | TypeSet | None = None,
    attributes: Mapping[str, Any] | None = None,
    commutative: bool = False,
    carries: bool = False,
) -> Operator:
    """An operator on the elements of two tensors that broadcast against each other."""

    def infer(a: Known, b: Known, *, opset: int, axis: int | None = None) -> Dims:
        if opset < 7 and axis is not None:  # B stood for the axes of A from there on
            return a.shape
        return broadcast(a.shape, b.shape)

    T = types(sets)
    block: dict[str, Any] = {"__doc__": doc, "T": T}
    output: TypeVariable = T
    if result is not None:
        output = block["T1"] = types(result)
    a, b, c = formals
    block[a], block[b], block[c] = Input(T), Input(T), Output(output)
    if since[0] == 1:  # before opset 7, B was unidirectionally broadcast, and only on request
        block["broadcast"], block["axis"] = Flag(0, until=7), Int(until=7)
        if 6 in since and name not in ("And", "Or", "Xor", "Equal", "Less", "Greater", "Pow"):
            block["consumed_inputs"] = Ints(until=6)
    block |= attributes or {}
    block["infer"], block["run"] = infers(infer), reference(run)
    return _declare(name, block, since=since, commutative=commutative, carries=carries)
