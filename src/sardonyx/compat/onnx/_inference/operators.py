"""The operators' own rules, asked for what the official package would say of a node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sardonyx.compat.onnx._inference.arity import must_be_counted, must_reach
from sardonyx.compat.onnx._inference.asked import Asked
from sardonyx.compat.onnx._inference.attending import ATTENDING
from sardonyx.compat.onnx._inference.blind import looked_at
from sardonyx.compat.onnx._inference.casts import CASTS
from sardonyx.compat.onnx._inference.classical import CLASSICAL
from sardonyx.compat.onnx._inference.constants import CONSTANTS
from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.control import CONTROL
from sardonyx.compat.onnx._inference.counted import COUNTED
from sardonyx.compat.onnx._inference.errors import InferenceError, refuse_shape, refuse_type
from sardonyx.compat.onnx._inference.known import constant, known_type, read_extents, type_message, with_values
from sardonyx.compat.onnx._inference.optionals import OPTIONALS
from sardonyx.compat.onnx._inference.picking import PICKING
from sardonyx.compat.onnx._inference.reductions import REDUCTIONS
from sardonyx.compat.onnx._inference.refusals import refuse
from sardonyx.compat.onnx._inference.sequences import SEQUENCES
from sardonyx.compat.onnx._inference.shaping import SHAPING
from sardonyx.compat.onnx._inference.signals import SIGNALS
from sardonyx.compat.onnx._inference.streaming import STREAMING
from sardonyx.compat.onnx._inference.sums import SUMS
from sardonyx.compat.onnx._inference.training import TRAINING
from sardonyx.compat.onnx._inference.types import kind_of
from sardonyx.compat.onnx._inference.views import seen
from sardonyx.core.dtypes import INT64
from sardonyx.core.errors import ShapeError
from sardonyx.io.read import Scope, read_attr
from sardonyx.ir import AttrKind, TensorType
from sardonyx.ops import Known, Schema, infer_outputs
from sardonyx.ops.promote import promote
from sardonyx.proto import TensorProto

__all__ = ["infer_node"]

# Inputs for which integers that were followed will do, and since which version; others must be constants.
FOLLOWED = {"Resize": (3, 11)}
# Inputs that count as left out where their rank is not known, constants or not.
IGNORED = {"Slice": (3, 4)}
UNTYPED = {"Squeeze": (1,)}  # inputs that count as left out where nothing is known of their types

# Inputs whose values shape the outputs: a constant there whose elements lie in a file that was not loaded is refused.
READ: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("Squeeze", "Unsqueeze"), ("axes",)),
    **dict.fromkeys(("ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"), ("axes",)),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp"), ("axes",)),
    "Split": ("split",),
    "OneHot": ("depth",),
    "Resize": ("scales", "sizes"),
    "Slice": ("starts", "ends", "axes", "steps"),
    "TopK": ("K",),
}
SHAPES_DECLARED = ("OneHot",)  # there a constant that is declared without a shape will not do
ALONG_NUMBERS = {"Split": 0, "TopK": -1}  # only if the extent along `axis` (this one by default) is a number
READ_ANYHOW = ("OneHot",)  # even where no shape of the first input is known

# Inputs whose shapes the official package does not compare with those of the others.
UNCOMPARED: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("RNN", "GRU", "LSTM"), (1, 2, 3, 4, 5, 6, 7)),
    "DequantizeLinear": (1, 2),
    "InstanceNormalization": (1, 2),
    "NonMaxSuppression": (0, 1),
    "PRelu": (1,),
    "QuantizeLinear": (1, 2),
    "SoftmaxCrossEntropyLoss": (1, 2),
}

# Attributes of later versions that are heeded in older ones too, and since which.
EARLY = {
    **{name: {"axes": 13, "noop_with_empty_axes": 13} for name in REDUCTIONS},
    "AveragePool": {"ceil_mode": 1, "dilations": 11},
    "LpPool": {"ceil_mode": 1},
    "MaxPool": {"ceil_mode": 1},
    "Resize": {"axes": 11, "keep_aspect_ratio_policy": 11},
}
ONLY_ONE = {"ceil_mode": 22, "keepdims": 99}  # flags that below a version only a 1 sets; others, whatever is not 0
# Operators for which the official package calls contradictions errors of type, whatever they are.
OF_TYPE = (*("Bernoulli", "EyeLike", "OneHot", "QuantizeLinear", "SequenceMap", "Split"),)
# Rules that are written over type messages, instead of ours.
WRITTEN = {
    **{("", name): rule for name, rule in CONTROL.items()},
    **CASTS,
    **ATTENDING,
    **SIGNALS,
    **CLASSICAL,
    **CONSTANTS,
    **COUNTED,
    **OPTIONALS,
    **PICKING,
    **SEQUENCES,
    **SHAPING,
    **STREAMING,
    **SUMS,
    **TRAINING,
}
# Operators whose bodies are inferred with them; others leave theirs as they are.
BODIES = ("SequenceMap",)


# Operators that do not pass a type of no kind on.
KINDS_NEEDED = ("EyeLike", "QLinearConv", "QLinearMatMul")


def infer_node(ctx: InferenceContext, schema: Schema) -> None:
    """Set the output types of a node of a standard operator."""
    written = WRITTEN.get((schema.operator.domain, schema.operator.name))
    if written is not None:
        written(ctx, schema)
        return
    n_inputs = ctx.get_num_inputs()
    must_be_counted(schema, n_inputs)
    declared = 2 if schema.operator.name in REDUCTIONS else len(schema.inputs)  # axes are looked for in all versions
    taken = n_inputs if schema.inputs and schema.inputs[-1].variadic else min(n_inputs, declared)
    inputs = [_input(ctx, schema, i) for i in range(taken)]  # what else there is, nobody reads
    attrs = _attributes(ctx, schema)
    stated = frozenset(a.name for a in ctx.node.attribute)
    asked = Asked(schema.operator.name, schema.version, inputs, attrs, ctx.get_num_outputs(), stated)
    refuse(schema.operator.domain, asked)
    visible = looked_at(schema.operator.domain, asked)
    vague = _says_nothing(ctx) and schema.operator.name not in KINDS_NEEDED
    if not vague:
        _must_be_typed(schema, visible.inputs)
    first = asked.given(0) or Known(None)
    must_reach(schema, n_inputs, ctx.get_num_outputs(), typed=first.type is not None, ranked=first.has_shape)
    try:
        found = _outputs(schema, visible)
        declared = len(found) if schema.outputs[-1].variadic else len(schema.outputs)  # what else there is, has no type
        for i, known in enumerate(found[:declared]):
            if _untyped(known) and ctx.has_output(i) and not vague:
                raise refuse_type(f"the type of output {i} does not follow from the inputs")
        shown = seen(schema.operator.domain, asked, found[:declared])
    except InferenceError:
        raise
    except Exception as error:  # whatever a rule trips over, the node contradicts its operator
        if vague:
            return
        reason = str(error) or type(error).__name__
        refuse_as = refuse_type if schema.operator.name in OF_TYPE else refuse_shape
        raise refuse_as(reason) from error
    for i, known in enumerate(shown):
        if not (vague and _passed_on(schema, i, known)):
            ctx.set_output_type(i, type_message(known.type))


def _passed_on(schema: Schema, output: int, known: Known) -> bool:
    """Whether an output says nothing where the first input does not: it has the same type, whatever that is."""
    formal, made = schema.inputs[0], schema.outputs[min(output, len(schema.outputs) - 1)]
    return _untyped(known) or (made.type == formal.type and len(formal.types) > 1)


def _untyped(known: Known) -> bool:
    return known.type is None or (isinstance(known.type, TensorType) and known.dtype is None)


def _says_nothing(ctx: InferenceContext) -> bool:
    """Whether the first input has a type, but one of no kind: that is passed on as it is."""
    type = ctx.get_input_type(0) if ctx.get_num_inputs() else None
    return type is not None and kind_of(type) is None


def _must_be_typed(schema: Schema, inputs: Sequence[Known | None]) -> None:
    """The first input must have a type where it tells that of the first output."""
    formal = schema.inputs[0] if schema.inputs else None
    if formal is None or not inputs or formal.type != schema.outputs[0].type or "(" in formal.type:
        return
    x = inputs[0]
    if (x is None and not formal.optional) or (x is not None and x.type is None):
        raise refuse_type("Input 0 expected to have type but instead is null")
    if x is not None and isinstance(x.type, TensorType) and x.type.dtype is None:
        raise refuse_type("Element type of input 0 unknown")


def _outputs(schema: Schema, asked: Asked) -> list[Known]:
    inputs = _none_missing(schema, asked.inputs)
    try:
        promoted: tuple[Schema, Any, Any] = promote(schema, inputs, asked.attrs, symbolic=True)
        return infer_outputs(*promoted, asked.n_outputs)
    except (ShapeError, IndexError):
        loose = () if schema.operator.domain else UNCOMPARED.get(schema.operator.name, ())
        if not any(i < len(inputs) and (x := inputs[i]) is not None and x.has_shape for i in loose):
            raise
        shapeless = [_without_shape(x) if i in loose else x for i, x in enumerate(inputs)]
        return _outputs(schema, replace(asked, inputs=shapeless))


def _none_missing(schema: Schema, inputs: Sequence[Known | None]) -> list[Known | None]:
    """The inputs, with something unknown for those that the operator needs and the node leaves out."""
    given = [*inputs, *(None for _ in schema.inputs[len(inputs) :])]
    needed = (not (formal.optional or formal.variadic) for formal in schema.inputs)
    filled = [Known(None) if x is None and needs else x for x, needs in zip(given, needed, strict=False)]
    return filled[: max(len(inputs), schema.min_inputs)] + list(inputs[len(schema.inputs) :])


def _without_shape(x: Known | None) -> Known | None:
    return x if x is None or not isinstance(x.type, TensorType) else Known(TensorType(x.type.dtype, None))


def _input(ctx: InferenceContext, schema: Schema, i: int) -> Known | None:
    if not ctx.has_input(i):
        return _gap(ctx, schema, i)
    message = ctx.get_input_type(i)
    kind = None if message is None else known_type(message)
    name = None if schema.operator.domain else schema.operator.name
    if (i in IGNORED.get(name or "", ()) and not Known(kind).has_shape) or (
        i in UNTYPED.get(name or "", ()) and kind is None
    ):
        return None
    tensor = ctx.get_input_data(i)
    if tensor is not None:
        _must_be_taken(ctx, tensor, schema, i)
        known = constant(tensor, kind)
        wanted = READ.get(name or "", ()) if name not in SHAPES_DECLARED else ()
        at = min(i, len(schema.inputs) - 1)
        if known.has_shape:
            return known
        if schema.inputs[at].name not in wanted and not (i == 1 and name in REDUCTIONS):
            return Known(kind)
        if kind is None:
            return known
        return Known(TensorType(known.dtype, tuple(tensor.dims)), known.value, known.floats)
    index, since = FOLLOWED.get(schema.operator.name, (None, 0)) if not schema.operator.domain else (None, 0)
    if i == index and schema.version >= since:
        values = ctx.get_symbolic_input(i)
        if values is not None:
            return with_values(kind, read_extents(values))
    return Known(kind)


def _gap(ctx: InferenceContext, schema: Schema, i: int) -> Known | None:
    """An input that is left out; among inputs that are all alike, one whose shape is unknown."""
    if i == 0 or i < len(schema.inputs) - 1 or not schema.inputs[-1].variadic or not schema.inputs[-1].homogeneous:
        return None
    alike = (_input(ctx, schema, j) for j in range(len(schema.inputs) - 1, ctx.get_num_inputs()) if ctx.has_input(j))
    dtype = next((x.dtype for x in alike if x is not None), None)
    return None if dtype is None else Known(TensorType(dtype, None))


def _must_be_taken(ctx: InferenceContext, tensor: TensorProto, schema: Schema, i: int) -> None:
    """A constant is refused that has no element type, or not the only one there can be, or no values where they are read."""
    types = list(schema.inputs[i].types) if i < len(schema.inputs) else []
    other = types == [INT64] and tensor.data_type != TensorProto.INT64 and _reads(ctx, schema, i)
    if tensor.data_type == TensorProto.UNDEFINED or other:
        raise refuse_shape(f"the constant '{tensor.name}' is of type {tensor.data_type}")
    if tensor.data_location == TensorProto.EXTERNAL and _reads(ctx, schema, i):
        raise refuse_shape(f"the constant '{tensor.name}' lies in an external file: load its data first")


def _reads(ctx: InferenceContext, schema: Schema, i: int) -> bool:
    """Whether the values of an input are read; most operators do not come to that without a shape of the first one."""
    name = schema.operator.name
    if schema.operator.domain or i >= len(schema.inputs) or schema.inputs[i].name not in READ.get(name, ()):
        return False
    first = ctx.get_input_type(0)
    x = None if first is None else Known(known_type(first))
    if x is None or not x.has_shape or name not in ALONG_NUMBERS:
        return name in READ_ANYHOW or (x is not None and x.has_shape)
    given = ctx.get_attribute("axis")
    axis = ALONG_NUMBERS[name] if given is None else int(given.i)
    return -x.rank <= axis < x.rank and isinstance(x.shape[axis], int)


def _attributes(ctx: InferenceContext, schema: Schema) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, spec in schema.attributes.items():
        given = ctx.get_attribute(name)
        if given is None:
            value = spec.default
        elif spec.kind == AttrKind.GRAPH:
            value = _body(ctx, name) if schema.operator.name in BODIES else None
        else:
            value = read_attr(given, Scope(None, None)).value
        if spec.is_flag and value is not None:
            value = _is_set(schema, name, value)
        values[name] = value
    for name, since in EARLY.get(schema.operator.name, {}).items():
        if name not in values and schema.version >= since and (given := ctx.get_attribute(name)) is not None:
            value = read_attr(given, Scope(None, None)).value
            values[name] = _is_set(schema, name, value) if name in ONLY_ONE else value
    return values


def _is_set(schema: Schema, name: str, value: Any) -> bool:
    return value == 1 if schema.version < ONLY_ONE.get(name, 0) else bool(value)


def _body(ctx: InferenceContext, name: str) -> Any:
    def infer(*inputs: Known | None) -> list[Known]:
        types = [None if x is None else type_message(x.type) for x in inputs]
        data: list[TensorProto | None] = [None] * len(types)
        results = ctx.get_graph_attribute_inferencer(name).do_inferencing(types, data)
        return [Known(known_type(r)) for r in results]

    return infer
