"""Do the values of a run have the shapes and element types that the model declares for them?

The name of a symbolic dim stands for one number in a whole run, subgraphs and functions included: where it is met first,
it is bound to that number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sardonyx.compat.onnx._dtypes import tensor_dtype_to_np_dtype
from sardonyx.compat.onnx.onnx_pb import TensorShapeProto, TypeProto

__all__ = ["ShapeAnnotationError", "SymbolBindings", "check_shape", "check_value_against_type"]


class ShapeAnnotationError(RuntimeError):
    """A value is not of the shape or element type declared for it."""


class SymbolBindings:
    """The numbers that the symbolic dims of one run stand for."""

    def __init__(self) -> None:
        self._bindings: dict[str, int] = {}

    def check_and_bind(self, dim: TensorShapeProto.Dimension, actual: int, *, context: str) -> None:
        """Compare one declared dim with the extent that a value has; `context` says where, in errors."""
        which = dim.WhichOneof("value")
        if which == "dim_value" and dim.dim_value != actual:
            raise ShapeAnnotationError(f"{context}: declared dimension value {dim.dim_value}, but it is {actual}")
        if which == "dim_param":
            bound = self._bindings.setdefault(dim.dim_param, actual)
            if bound != actual:
                raise ShapeAnnotationError(
                    f"{context}: symbolic dimension '{dim.dim_param}' is bound to {bound}, but it is {actual}"
                )


def check_shape(
    shape_proto: TensorShapeProto | None, actual_shape: Sequence[int], bindings: SymbolBindings, name: str
) -> None:
    """Compare a declared shape with the one that value `name` has; None says nothing."""
    if shape_proto is None:
        return
    if len(shape_proto.dim) != len(actual_shape):
        raise ShapeAnnotationError(
            f"value '{name}' is declared with rank {len(shape_proto.dim)}, but it is of shape {tuple(actual_shape)}"
        )
    for axis, (dim, actual) in enumerate(zip(shape_proto.dim, actual_shape, strict=True)):
        bindings.check_and_bind(dim, int(actual), context=f"value '{name}', axis {axis}")


def check_value_against_type(type_proto: TypeProto | None, value: Any, bindings: SymbolBindings, name: str) -> None:
    """Compare a declared type with value `name`. Only tensors are looked at."""
    shape = getattr(value, "shape", None)
    if type_proto is None or not type_proto.HasField("tensor_type") or shape is None:
        return
    tensor = type_proto.tensor_type
    actual = getattr(value, "dtype", None)
    declared = _numpy_dtype(tensor.elem_type)
    is_text = declared == np.dtype(object) and getattr(actual, "kind", "") == "U"
    if declared is not None and actual is not None and actual != declared and not is_text:
        raise ShapeAnnotationError(f"value '{name}': declared element type {declared}, but it is {actual}")
    check_shape(tensor.shape if tensor.HasField("shape") else None, shape, bindings, name)


def _numpy_dtype(elem_type: int) -> np.dtype[Any] | None:
    try:
        return tensor_dtype_to_np_dtype(elem_type) if elem_type else None
    except KeyError:  # a type of a later version: nothing to compare with
        return None
