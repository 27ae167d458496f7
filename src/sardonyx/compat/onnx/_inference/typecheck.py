"""Do the types of a node fit its operator?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.known import known_type, type_message
from sardonyx.compat.onnx._inference.types import inner_type, kind_of, tensor_of
from sardonyx.compat.onnx._schema_parts import FormalParameter, FormalParameterOption
from sardonyx.compat.onnx._schemas import OpSchema
from sardonyx.compat.onnx._validation import ValidationError
from sardonyx.core.dtypes import DType
from sardonyx.core.dtypes import dtype as dtype_of
from sardonyx.infer.typecheck import spell
from sardonyx.ir import TensorType
from sardonyx.ops import FormalSpec, Schema
from sardonyx.ops.typesets import TypeSet
from sardonyx.proto import TensorProto, TypeProto

__all__ = ["Formals", "check_node"]


@dataclass(frozen=True, slots=True)
class Formal:
    """An input or output: what types it may have, and whether all that share its type constraint have the same."""

    name: str
    constraint: str
    types: TypeSet
    shared: bool
    variadic: bool


@dataclass(frozen=True, slots=True)
class Formals:
    """What a node is compared with."""

    name: str
    inputs: tuple[Formal, ...]
    outputs: tuple[Formal, ...]
    counts: tuple[tuple[int, int], tuple[int, int]]  # the fewest and the most inputs, and outputs
    together: bool = False  # either the fewest outputs or the most

    @staticmethod
    def of(schema: Schema) -> Formals:
        """Those of an operator of the standard."""
        limits = (schema.min_inputs, schema.max_inputs), (schema.min_outputs, schema.max_outputs)
        sides = tuple(tuple(_of_spec(f) for f in side) for side in (schema.inputs, schema.outputs))
        return Formals(schema.operator.name, sides[0], sides[1], limits, schema.operator.outputs_together)

    @staticmethod
    def of_schema(schema: OpSchema) -> Formals:
        """Those of a schema that a program has registered."""
        limits = (schema.min_input, schema.max_input), (schema.min_output, schema.max_output)
        sides = tuple(tuple(_of_parameter(f) for f in side) for side in (schema.inputs, schema.outputs))
        return Formals(schema.name, sides[0], sides[1], limits)


def _of_spec(f: FormalSpec) -> Formal:
    return Formal(f.name, f.type, f.types, f.homogeneous, f.variadic)


def _of_parameter(f: FormalParameter) -> Formal:
    types = frozenset(dtype_of(t[7:-1]) if t.startswith("tensor(") else t for t in f.types)
    return Formal(f.name, f.type_str, types, f.is_homogeneous, f.option is FormalParameterOption.Variadic)


def check_node(ctx: InferenceContext, formals: Formals) -> None:
    """Check inputs and outputs, and set the types of outputs that follow from the constraints alone.

    Raises:
        ValueError: a type does not say what it is a type of.
        ValidationError: there are too few or too many of them, or one has a type that its place does not allow.
    """
    numbers = ctx.get_num_inputs(), ctx.get_num_outputs()
    for what, count, (least, most) in zip(("inputs", "outputs"), numbers, formals.counts, strict=True):
        if not least <= count <= most:
            shown = f"has {count} {what}, which is not in the range [min={least}, max={most}]"
            raise ValidationError(f"Node with schema({formals.name}) {shown}.")
    if formals.together and numbers[1] not in formals.counts[1]:
        raise ValidationError(
            f"Node with schema({formals.name}) has output size {numbers[1]} not in allowed output sizes."
        )
    bound: dict[str, DType | str] = {}
    for i in range(numbers[0]):
        message = ctx.get_input_type(i)
        _must_be_whole(message)
        kind = None if message is None else spell(known_type(message))
        if kind is not None:
            formal = _pick(formals.inputs, i)
            _fit(formal, kind, bound, f"typestr: {formal.constraint}, has unsupported type: ")
    for i in range(numbers[1]):
        formal = _pick(formals.outputs, i)
        _must_be_whole(ctx.get_output_type(i))
        kind = spell(known_type(ctx.get_output_type(i)))
        if kind is None:
            kind = next(iter(formal.types)) if len(formal.types) == 1 else bound.get(formal.constraint)
            if isinstance(kind, DType):
                ctx.set_output_type(i, type_message(TensorType(kind)))
        if kind is not None:
            _fit(formal, kind, bound, "has unsupported type ")


def _must_be_whole(type: TypeProto | None) -> None:
    """Refuse a type that says something, but not all of what type constraints spell.

    Raises:
        ValueError: as the official package has it; no inference error, so that it is raised however lenient the caller.
    """
    while type is not None and kind_of(type) is not None:
        tensor = tensor_of(type)
        if tensor is not None or kind_of(type) == "map_type":
            code = type.map_type.key_type if tensor is None else tensor.elem_type
            if TensorProto.DataType.names_by_value.get(code, "UNDEFINED") == "UNDEFINED":
                raise ValueError(f"Invalid tensor data type {code}.")
        type = inner_type(type)
        if type is not None and kind_of(type) is None:
            raise ValueError("Unsupported type proto value case:0")


def _pick(formals: Sequence[Formal], index: int) -> Formal:
    return formals[min(index, len(formals) - 1)]


def _fit(formal: Formal, kind: DType | str, bound: dict[str, DType | str], complaint: str) -> None:
    shown = f"tensor({kind.text})" if isinstance(kind, DType) else kind
    if kind not in formal.types:
        raise ValidationError(f"{formal.name} {complaint}{shown}")
    if formal.shared and bound.setdefault(formal.constraint, kind) != kind:
        raise ValidationError(f"{formal.name} has inconsistent type {shown}")
