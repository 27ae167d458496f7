"""The official package's programming interface: `import sardonyx.compat.onnx as onnx`.

What is not here yet raises ImportError, as any absent module does.
"""

from __future__ import annotations

from sardonyx.compat.onnx import (
    _files,
    checker,
    compose,
    defs,
    external_data_helper,
    helper,
    numpy_helper,
    onnx_cpp2py_export,
    onnx_data_pb,
    onnx_data_pb2,
    onnx_ml_pb2,
    onnx_operators_ml_pb2,
    onnx_operators_pb,
    onnx_pb,
    parser,
    printer,
    serialization,
    shape_inference,
    utils,
    version_converter,
)
from sardonyx.compat.onnx import _mapping as _mapping
from sardonyx.compat.onnx._files import (
    load_model,
    load_model_from_string,
    load_tensor,
    load_tensor_from_string,
    save_model,
    save_tensor,
)
from sardonyx.compat.onnx.external_data_helper import (
    convert_model_to_external_data,
    load_external_data_for_model,
    write_external_data_tensors,
)
from sardonyx.compat.onnx.onnx_pb import *  # noqa: F403  the list of names is there

__version__ = "1.23.2"  # the release whose interface this is
ONNX_ML = True
load = load_model
load_from_string = load_model_from_string
save = save_model
# Private names that other programs lean on.
_model_proto_repr, _graph_proto_repr = onnx_pb.ModelProto.__repr__, onnx_pb.GraphProto.__repr__
_function_proto_repr = onnx_pb.FunctionProto.__repr__
_DEFAULT_FORMAT, _get_file_path = _files._DEFAULT_FORMAT, _files._get_file_path
_get_serializer, _load_bytes, _save_bytes = _files._get_serializer, _files._load_bytes, _files._save_bytes

__all__ = [
    "ONNX_ML",
    "checker",
    "compose",
    "convert_model_to_external_data",
    "defs",
    "external_data_helper",
    "helper",
    "load",
    "load_external_data_for_model",
    "load_from_string",
    "load_model",
    "load_model_from_string",
    "load_tensor",
    "load_tensor_from_string",
    "numpy_helper",
    "onnx_cpp2py_export",
    "onnx_data_pb",
    "onnx_data_pb2",
    "onnx_ml_pb2",
    "onnx_operators_ml_pb2",
    "onnx_operators_pb",
    "onnx_pb",
    "parser",
    "printer",
    "save",
    "save_model",
    "save_tensor",
    "serialization",
    "shape_inference",
    "utils",
    "version_converter",
    "write_external_data_tensors",
]
__all__ += onnx_pb.__all__
# The official package has these in `onnx_pb` only.
__all__.remove("IR_VERSION_2025_05_12")
__all__.remove("IR_VERSION_2025_08_26")
__all__.remove("IR_VERSION_2025_11_06")
