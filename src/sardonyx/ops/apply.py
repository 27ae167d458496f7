"""Applying an operator block to one node: infer its outputs, follow its integers, run its reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sardonyx.core.dims import Expr
from sardonyx.core.dtypes import DType
from sardonyx.core.errors import UnsupportedError
from sardonyx.ir import Attr, AttrKind, Graph, Node, TensorType
from sardonyx.ops.known import CARRY_LIMIT, Known, UnknownRank, known
from sardonyx.ops.schema import FormalSpec, Schema

__all__ = ["attributes", "infer_outputs", "run_reference"]


def attributes(
    schema: Schema,
    node: Node,
    subgraph: Callable[[Graph], Any] | None = None,
    bindings: Mapping[str, Attr] | None = None,
) -> dict[str, Any]:
    """The attributes of `node` as inference and references see them: defaults filled in, flags as bools.

    `subgraph` turns a graph attribute into what the block should call. `bindings` are the attributes of the function call
    around the node, for those of its attributes that refer to one.
    """
    values: dict[str, Any] = {}
    for name, spec in schema.attributes.items():
        attr = node.attrs.get(name)
        if attr is not None and attr.ref:
            attr = (bindings or {}).get(attr.ref)
        value = spec.default if attr is None else attr.value
        if value is not None:
            if spec.is_flag:
                value = bool(value)
            elif spec.kind == AttrKind.GRAPH and subgraph is not None:
                value = subgraph(value)
        values[name] = value
    return values


def infer_outputs(
    schema: Schema, inputs: Sequence[Known | None], attrs: Mapping[str, Any], n_outputs: int
) -> list[Known]:
    """What is known of the outputs of one node.

    Args:
        inputs: one per input position, None for those left out.
        attrs: as `attributes` gives them; subgraphs as callables from `Known`s to `Known`s.

    Raises:
        ShapeError: the inputs contradict the operator.
    """
    op = schema.operator
    bound = _bind(schema, inputs)
    results: list[Any] = [None] * n_outputs
    rule = op.infer
    if rule is not None:
        keywords = rule.keywords({**attrs, "n_outputs": n_outputs, "opset": schema.version})
        try:
            found = rule.function(*_padded(schema.inputs, inputs), **keywords)
        except UnknownRank:
            found = None
        for i, result in enumerate(found[:n_outputs] if isinstance(found, list) else [found]):
            results[i] = result
    outputs = [_finish(schema, bound, i, result) for i, result in enumerate(results)]
    value = _carry(schema, inputs, attrs, outputs[0]) if outputs else None
    if value is not None and outputs[0].value is None:
        outputs[0] = Known(
            outputs[0].type if outputs[0].has_shape else TensorType(outputs[0].dtype, tuple(value.shape)), value
        )
    return outputs


def _padded(formals: Sequence[FormalSpec], inputs: Sequence[Any]) -> list[Any]:
    """Inputs by position, with None for the optional ones at the end."""
    fixed = len(formals) - (1 if formals and formals[-1].variadic else 0)
    return [*inputs, *[None] * (fixed - len(inputs))]


def _bind(schema: Schema, inputs: Sequence[Known | None]) -> dict[str, DType]:
    """The element type each type variable stands for in this node."""
    bound: dict[str, DType] = {}
    for i, x in enumerate(inputs):
        formal = schema.formal(i)
        if x is not None and formal is not None and x.dtype is not None:
            bound.setdefault(formal.type, x.dtype)
    return bound


def _finish(schema: Schema, bound: Mapping[str, DType], i: int, result: Any) -> Known:
    if isinstance(result, Known):
        if not (isinstance(result.type, TensorType) and result.type.dtype is None):
            return result
        kind = TensorType(_dtype_of_output(schema, bound, i), result.type.shape)
        return replace(result, type=kind)
    return known(_dtype_of_output(schema, bound, i), result)


def _dtype_of_output(schema: Schema, bound: Mapping[str, DType], i: int) -> DType | None:
    formal = schema.formal_output(i)
    if formal is None:
        return None
    if formal.type in bound:
        return bound[formal.type]
    only = next(iter(formal.types)) if len(formal.types) == 1 else None
    return only if isinstance(only, DType) else None


def _carry(schema: Schema, inputs: Sequence[Known | None], attrs: Mapping[str, Any], output: Known) -> Any:
    """The integers in the first output, where they can be followed."""
    op = schema.operator
    if output.dtype is not None and not (output.dtype.is_integer or output.dtype.kind == "bool"):
        return None
    if op.carry is not None:
        value = op.carry.function(
            *_padded(schema.inputs, inputs), **op.carry.keywords({**attrs, "opset": schema.version})
        )
        return None if value is None else _as_dims(value)
    if not op.carries or op.run is None or any(x is not None and x.value is None for x in inputs):
        return None
    arrays = [None if x is None else x.value for x in inputs]
    if sum(a.size for a in arrays if a is not None) > CARRY_LIMIT or _is_long(output):
        return None
    try:
        value = op.run.function(
            *_padded(schema.inputs, arrays), **op.run.keywords({**attrs, "n_outputs": 1, "opset": schema.version})
        )
    except (
        TypeError,
        ValueError,
        IndexError,
        AttributeError,
        ArithmeticError,
    ):  # an order between symbols that nobody knows
        return None
    return _as_dims(value[0] if isinstance(value, (tuple, list)) else value)


def _is_long(output: Known) -> bool:
    """Whether the output is too large to be followed: a hostile model may ask for any size."""
    static = [d for d in output.shape if isinstance(d, int)] if output.has_shape else []
    return math.prod(static) > CARRY_LIMIT


def _as_dims(value: Any) -> Any:
    """An object array of ints and dims."""
    array = np.asarray(value, dtype=object)
    flat = [x if isinstance(x, Expr) else int(x) for x in array.reshape(-1)]
    result = np.empty(len(flat), dtype=object)
    result[:] = flat
    return result.reshape(array.shape)


def run_reference(schema: Schema, inputs: Sequence[Any], attrs: Mapping[str, Any], n_outputs: int) -> list[Any]:
    """The outputs of one node, computed by its NumPy reference.

    Raises:
        UnsupportedError: the operator's block has no reference.
    """
    rule = schema.operator.run
    if rule is None:
        raise UnsupportedError(f"operator {schema.operator.name} has no reference implementation")
    keywords = rule.keywords({**attrs, "n_outputs": n_outputs, "opset": schema.version})
    with np.errstate(all="ignore"):
        found = rule.function(*_padded(schema.inputs, inputs), **keywords)
    return list(found) if isinstance(found, (tuple, list)) and not _is_sequence_result(schema) else [found]


def _is_sequence_result(schema: Schema) -> bool:
    """Whether the only output is itself a sequence, which a reference returns as a plain list."""
    return (
        len(schema.outputs) == 1
        and not schema.outputs[0].variadic
        and any(isinstance(t, str) for t in schema.outputs[0].types)
    )
