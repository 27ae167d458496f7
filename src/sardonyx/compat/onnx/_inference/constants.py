"""Constants, as the official package infers them: from what the attribute says of itself, not from its elements."""

from __future__ import annotations

from sardonyx.compat.onnx._inference.context import InferenceContext
from sardonyx.compat.onnx._inference.errors import refuse_shape
from sardonyx.compat.onnx._inference.messages import Rule, say_element, say_shape
from sardonyx.ops import Schema
from sardonyx.proto import TensorProto

__all__ = ["CONSTANTS"]

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
# Attribute -> the field that holds it, and the elements it makes.
SCALARS = {"value_float": ("f", FLOAT), "value_int": ("i", INT64), "value_string": ("s", STRING)}
VECTORS = {"value_floats": ("floats", FLOAT), "value_ints": ("ints", INT64), "value_strings": ("strings", STRING)}
FORMS = ("value", "sparse_value", *SCALARS, *VECTORS)


def _constant(ctx: InferenceContext, schema: Schema) -> None:
    """A node must have one of the forms that there are at its version, and only one."""
    forms = FORMS if schema.version >= 12 else FORMS[:2] if schema.version >= 11 else FORMS[:1]
    given = [attribute for name in forms if (attribute := ctx.get_attribute(name)) is not None]
    if schema.version < 11:
        missing = not given or not given[0].HasField("t")
        if missing and schema.version >= 9:
            raise refuse_shape("Attribute 'value' of Constant node must exist with 'Tensor' data.")
        if missing:
            return
    if len(given) != 1:
        raise refuse_shape(f"One and only one of the attributes {forms} must be specified for a Constant node.")
    attribute = given[0]
    name = attribute.name
    if name == "value":
        say_element(ctx, 0, attribute.t.data_type)
        say_shape(ctx, 0, [int(d) for d in attribute.t.dims])
    elif name == "sparse_value":
        say_element(ctx, 0, attribute.sparse_tensor.values.data_type)
        say_shape(ctx, 0, [int(d) for d in attribute.sparse_tensor.dims])
    elif name in VECTORS:
        field, code = VECTORS[name]
        say_element(ctx, 0, code)
        say_shape(ctx, 0, [len(getattr(attribute, field))])
    else:
        field, code = SCALARS[name]
        if not attribute.HasField(field):
            raise refuse_shape(f"The attribute '{name}' of a Constant node must hold one value.")
        say_element(ctx, 0, code)
        say_shape(ctx, 0, [])


CONSTANTS: dict[tuple[str, str], Rule] = {("", "Constant"): _constant}
