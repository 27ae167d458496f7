"""Operators with graphs inside: their bodies are inferred once, in place, and the types they end with are the result.

A loop's state may change its shape from round to round, so nothing is said of its shape.
"""

from __future__ import annotations

from typing import Any

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import refuse_shape, refuse_type
from sardonyx.compat.onnx._inference.types import clear_shape, fill_dim, inner_type, kind_of, merge_shape, unite_types
from sardonyx.compat.onnx._validation import ValidationError
from sardonyx.ops import Schema
from sardonyx.proto import TensorProto, TensorShapeProto, TypeProto

__all__ = ["CONTROL"]


def copied(type: TypeProto) -> TypeProto:
    made = TypeProto()
    made.CopyFrom(type)
    return made


def typed(type: TypeProto | None, what: str) -> TypeProto:
    """The element types of a type, without shapes; refuses a type that does not know them."""
    if type is None or kind_of(type) is None:
        raise refuse_type(f"{what} expected to have type but instead is null")
    made = copied(type)
    inside = inner_type(made)
    while inside is not None:
        made, inside = inside, inner_type(inside)
    if kind_of(made) == "tensor_type" and not made.tensor_type.elem_type:
        raise refuse_type(f"Element type of {what} unknown")
    made = copied(type)
    clear_shape(made)
    return made


def check_same_elements(inferred: TypeProto, existing: TypeProto) -> None:
    """Refuse a body's output whose element type is not that of the state it becomes."""
    if kind_of(inferred) != kind_of(existing):
        raise refuse_type(f"Output was expected to have {kind_of(existing)}. Got {kind_of(inferred)}")
    if kind_of(inferred) == "tensor_type":
        a, b = inferred.tensor_type.elem_type, existing.tensor_type.elem_type
        if not a:
            raise refuse_type("Element type of tensor or sparse tensor input was unknown")
        if a != b:
            raise refuse_type(f"Input element type of {a} does not match existing output type of {b}")
        return
    x, y = inner_type(inferred), inner_type(existing)
    if x is not None and y is not None:
        check_same_elements(x, y)


def infer_if(ctx: InferenceContext, schema: Schema) -> None:
    """What both branches give."""
    branches = [
        ctx.get_graph_attribute_inferencer(name).do_inferencing([], []) for name in ("then_branch", "else_branch")
    ]
    then, other = branches
    if len(then) != len(other):
        shown = f"{len(then)} != {len(other)}"
        raise refuse_type(f"then_branch and else_branch produce different number of outputs. {shown}")
    if len(then) != ctx.get_num_outputs():
        raise refuse_type(f"If node has {ctx.get_num_outputs()} but subgraphs produce {len(then)}")
    for i, (a, b) in enumerate(zip(then, other, strict=True)):
        made, other_type = copied(a), copied(b)
        alike = kind_of(a) == kind_of(b)
        if schema.version < 13 and alike and kind_of(a) != "tensor_type":
            pass  # what is no tensor was not compared
        elif schema.version < 11 and alike:
            if a.tensor_type.elem_type != b.tensor_type.elem_type:
                x, y = a.tensor_type.elem_type, b.tensor_type.elem_type
                raise refuse_type(f"Mismatched tensor element type for output {i} then={x} else={y}")
            if b.tensor_type.HasField("shape"):
                merge_shape(b.tensor_type.shape, made.tensor_type)  # there, both branches had to give one shape
        else:
            if schema.version < 13 and alike:
                other_type.tensor_type.shape.SetInParent()  # no shape counted as that of a scalar
            unite_types(other_type, made)
        ctx.set_output_type(i, made)


def infer_loop(ctx: InferenceContext, schema: Schema) -> None:
    """The state's element types; what is collected has a first axis of unknown extent."""
    count = TypeProto()
    count.tensor_type.elem_type = TensorProto.INT64
    n_inputs = ctx.get_num_inputs()
    if n_inputs < 2:
        raise refuse_type("Loop takes a trip count and a condition")
    bare = [typed(ctx.get_input_type(i), f"Input {i}") for i in range(2, n_inputs)]
    if ctx.get_num_outputs() < len(bare):
        raise ValidationError(f"Output {ctx.get_num_outputs()} is out of bounds.")
    # What is in a sequence keeps its shape, though the body is not told of it.
    state = [x if kind_of(x) == "tensor_type" else copied(ctx.get_input_type(2 + i) or x) for i, x in enumerate(bare)]
    only_tensors = schema.version < 13
    given = [count, ctx.get_input_type(1), *(_as_tensor(x) if only_tensors else x for x in bare)]
    data = [None, *(ctx.get_input_data(i) for i in range(1, n_inputs))]
    results = ctx.get_graph_attribute_inferencer("body").do_inferencing(given, data)
    if not results:
        for i, type in enumerate(state):
            ctx.set_output_type(i, type)
        return
    n_outputs = ctx.get_num_outputs()
    if len(results) != n_outputs + 1:
        shown = f"{len(results)} outputs. Expected {n_outputs + 1}"
        raise refuse_type(f"Graph attribute inferencing returned type information for {shown}")
    for i, result in enumerate(results[1:]):
        kind = kind_of(result)
        if only_tensors and kind != "tensor_type":
            raise refuse_type(f"Loop 'body' subgraph outputs should all be tensors but output {i} was {kind}")
        if kind not in ("tensor_type", "sequence_type", "optional_type"):
            raise refuse_type(
                f"Loop 'body' outputs should all be tensors or sequences or optionals, but output {i} was {kind}"
            )
        if i < len(state):
            if kind != "tensor_type" and kind != kind_of(state[i]):
                state[i] = typed(result, f"output {i}")  # what the body gives wins
            check_same_elements(result, state[i])
            ctx.set_output_type(i, state[i])
        else:
            if kind != "tensor_type":
                raise refuse_type(f"Loop 'body' scan outputs should all be tensors but output {i} was {kind}")
            if not result.tensor_type.elem_type:
                raise refuse_type("Element type of tensor or sparse tensor input was unknown")
            ctx.set_output_type(i, stacked(result, TensorShapeProto.Dimension(), 0))


def _as_tensor(type: TypeProto) -> TypeProto:
    """What old versions take any state for: a tensor, of no known elements if it is none."""
    made = copied(type)
    made.tensor_type.SetInParent()
    return made


def stacked(type: TypeProto, extent: Any, axis: int) -> TypeProto:
    """The type of so many tensors along a new axis."""
    made = copied(type)
    if made.tensor_type.HasField("shape"):
        dims = list(type.tensor_type.shape.dim)
        made.tensor_type.shape.ClearField("dim")
        made.tensor_type.shape.dim.extend([*dims[:axis], extent, *dims[axis:]])
    return made


def infer_scan(ctx: InferenceContext, schema: Schema) -> None:
    """The state as it is given; what is collected has an axis as long as the inputs that are scanned."""
    batched = schema.version < 9
    n_inputs, n_outputs = ctx.get_num_inputs(), ctx.get_num_outputs()
    attribute = ctx.get_attribute("num_scan_inputs")
    if attribute is None:
        raise refuse_shape("Required attribute 'num_scan_inputs' is missing")
    first = 1 if batched else 0  # an input of lengths
    scanned = int(attribute.i)
    n_state = n_inputs - first - scanned
    if scanned < 0 or n_state < 0:
        raise refuse_shape(f"num_scan_inputs ({scanned}) cannot exceed the number of Scan inputs ({n_inputs - first}).")
    if n_state > n_outputs:
        raise refuse_shape(f"There are more loop state variables ({n_state}) than outputs of the Scan ({n_outputs}).")
    axes = _axes(ctx, "scan_input_axes", scanned)
    places = _axes(ctx, "scan_output_axes", n_outputs - n_state)
    batch, length = TensorShapeProto.Dimension(), TensorShapeProto.Dimension()
    given: list[TypeProto | None] = []
    outputs = [TypeProto() for _ in range(n_outputs)]
    for i in range(n_state + scanned):
        type = ctx.get_input_type(first + i)
        if type is None or kind_of(type) != "tensor_type":
            raise refuse_type(f"Scan input {first + i} was not a tensor.")
        has_shape = type.tensor_type.HasField("shape")
        if i < n_state:
            typed(type, f"Input {first + i}")
            outputs[i].CopyFrom(type)
        dims = list(type.tensor_type.shape.dim) if has_shape else []
        drop: list[int] = []
        if has_shape and batched:
            drop = [0] if i < n_state else [0, 1]
            if i >= n_state and len(dims) > 2:
                fill_dim(dims[0], batch)
                fill_dim(dims[1], length, 1)
        elif has_shape and i >= n_state:
            axis = _valid_axis("scan_input_axes", axes[i - n_state], len(dims))
            fill_dim(dims[axis], length, 1)
            drop = [axis]
        given.append(_without(type, drop) if drop else type)
    results = ctx.get_graph_attribute_inferencer("body").do_inferencing(given, [None] * len(given))
    if results and len(results) != n_outputs:
        shown = f"{len(results)} outputs. Expected {n_outputs}"
        raise refuse_type(f"Graph attribute inferencing returned type information for {shown}")
    for i, result in enumerate(results):
        if kind_of(result) != "tensor_type":
            raise refuse_type(f"Scan 'body' subgraph outputs should all be tensors but output {i} was not")
        if i >= n_state and result.tensor_type.HasField("shape"):
            axis = _valid_axis("scan_output_axes", places[i - n_state], len(result.tensor_type.shape.dim) + 1)
            result = stacked(result, length, axis)
        if batched and result.tensor_type.HasField("shape"):
            result = stacked(result, batch, 0)
        if i >= n_state:
            outputs[i].tensor_type.elem_type = result.tensor_type.elem_type
        if result.tensor_type.HasField("shape"):
            merge_shape(result.tensor_type.shape, outputs[i].tensor_type)
    for i, type in enumerate(outputs):
        ctx.set_output_type(i, type)


def _axes(ctx: InferenceContext, name: str, count: int) -> list[int]:
    attribute = ctx.get_attribute(name)
    axes = [0] * count if attribute is None else list(attribute.ints)
    if len(axes) != count:
        what = name.replace("_", " ")  # "scan input axes", for as many scan inputs
        shown = f"Number of {what} specified ({len(axes)}) is not equal to number of {what[:-5]}s ({count})."
        raise refuse_shape(shown)
    return axes


def _valid_axis(name: str, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise refuse_shape(f"{name} axis value {axis} is invalid for a tensor of rank {rank}")
    return axis % rank


def _without(type: TypeProto, axes: list[int]) -> TypeProto:
    made = copied(type)
    dims = [d for i, d in enumerate(type.tensor_type.shape.dim) if i not in axes]
    made.tensor_type.shape.ClearField("dim")
    made.tensor_type.shape.dim.extend(dims)
    return made


CONTROL = {"If": infer_if, "Loop": infer_loop, "Scan": infer_scan}
