"""Inference on bytes."""

from __future__ import annotations

from collections.abc import Sequence

from sardonyx.compat.onnx import shape_inference
from sardonyx.compat.onnx.onnx_pb import AttributeProto, FunctionProto, TypeProto
from sardonyx.compat.onnx.shape_inference import GraphInferencer, InferenceContext, InferenceError, infer_shapes_path

__all__ = [
    "GraphInferencer",
    "InferenceContext",
    "InferenceError",
    "infer_function_output_types",
    "infer_shapes",
    "infer_shapes_path",
]


def infer_shapes(bytes: bytes, check_type: bool = False, strict_mode: bool = False, data_prop: bool = False) -> bytes:
    """The model with the types of its values."""
    return shape_inference.infer_shapes(bytes, check_type, strict_mode, data_prop).SerializeToString()


def infer_function_output_types(
    function_proto_bytes: bytes, input_types_bytes: Sequence[bytes], attributes_bytes: Sequence[bytes]
) -> list[bytes]:
    """The types of what a function gives."""
    found = shape_inference.infer_function_output_types(
        FunctionProto.FromString(function_proto_bytes),
        [TypeProto.FromString(held) for held in input_types_bytes],
        [AttributeProto.FromString(held) for held in attributes_bytes],
    )
    return [held.SerializeToString() for held in found]
