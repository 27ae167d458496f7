"""The messages of Caffe2 (nets, their operators, tensors and plans), one row per field.

Fields that Caffe2 calls required are optional here: a net that lacks one is still worth reading.
"""

from __future__ import annotations

from sardonyx.proto.enums import Enum
from sardonyx.proto.fields import optional, packed, repeated
from sardonyx.proto.message import Message
from sardonyx.proto.packed import Packed
from sardonyx.proto.repeated import Messages, Repeated

__all__ = [
    "Argument",
    "BackendOptions",
    "BlobProto",
    "DBReaderProto",
    "DeviceOption",
    "ExecutionStep",
    "MapFieldEntry",
    "NetDef",
    "OperatorDef",
    "PartitionInfo",
    "PlanDef",
    "QTensorProto",
    "TensorProto",
    "TensorProtos",
    "TensorShape",
    "TensorShapes",
]


class _Caffe2(Message, package="caffe2"):
    """A message of the package `caffe2`."""


class _DataType:
    UNDEFINED = 0
    FLOAT = 1
    INT32 = 2
    BYTE = 3
    STRING = 4
    BOOL = 5
    UINT8 = 6
    INT8 = 7
    UINT16 = 8
    INT16 = 9
    INT64 = 10
    FLOAT16 = 12
    DOUBLE = 13
    ZERO_COLLISION_HASH = 14
    REBATCHING_BUFFER = 15


_DATA_TYPE = Enum("DataType", _DataType)


class NetDef(_Caffe2):
    """A net: operators in order, and the blobs that enter and leave it."""

    name: str = optional("string", 1)
    op: Messages[OperatorDef] = repeated("OperatorDef", 2)
    type: str = optional("string", 3)
    num_workers: int = optional("int32", 4)
    device_option: DeviceOption = optional("DeviceOption", 5)
    arg: Messages[Argument] = repeated("Argument", 6)
    external_input: Repeated[str] = repeated("string", 7)
    external_output: Repeated[str] = repeated("string", 8)
    partition_info: Messages[PartitionInfo] = repeated("PartitionInfo", 9)


class OperatorDef(_Caffe2):
    """One application of an operator to named blobs."""

    input: Repeated[str] = repeated("string", 1)
    output: Repeated[str] = repeated("string", 2)
    name: str = optional("string", 3)
    type: str = optional("string", 4)
    arg: Messages[Argument] = repeated("Argument", 5)
    device_option: DeviceOption = optional("DeviceOption", 6)
    engine: str = optional("string", 7)
    control_input: Repeated[str] = repeated("string", 8)
    is_gradient_op: bool = optional("bool", 9)
    debug_info: str = optional("string", 10)
    domain: str = optional("string", 11)
    op_version: int = optional("int64", 12)


class Argument(_Caffe2):
    """A named constant of an operator or a net."""

    name: str = optional("string", 1)
    f: float = optional("float", 2)
    i: int = optional("int64", 3)
    s: bytes = optional("bytes", 4)
    floats: Repeated[float] = repeated("float", 5)
    ints: Repeated[int] = repeated("int64", 6)
    strings: Repeated[bytes] = repeated("bytes", 7)
    n: NetDef = optional("NetDef", 8)
    nets: Messages[NetDef] = repeated("NetDef", 9)
    t: TensorProto = optional("TensorProto", 10)
    tensors: Messages[TensorProto] = repeated("TensorProto", 11)
    qtensors: Messages[QTensorProto] = repeated("QTensorProto", 12)


class DeviceOption(_Caffe2):
    """Where an operator runs (before 2018 `device_id` was called `cuda_gpu_id`)."""

    device_type: int = optional("int32", 1)
    device_id: int = optional("int32", 2)
    random_seed: int = optional("uint32", 3)
    node_name: str = optional("string", 4)
    numa_node_id: int = optional("int32", 5)
    extra_info: Repeated[str] = repeated("string", 6)


class TensorProto(_DataType, _Caffe2):
    """A tensor, or a segment of one."""

    DataType = _DATA_TYPE

    class Segment(_Caffe2):
        """Which part of the whole array this one is."""

        begin: int = optional("int64", 1)
        end: int = optional("int64", 2)

    dims: Repeated[int] = repeated("int64", 1)
    data_type: int = optional(_DATA_TYPE, 2, default=_DataType.FLOAT)
    float_data: Packed[float] = packed("float", 3)
    int32_data: Packed[int] = packed("int32", 4)
    byte_data: bytes = optional("bytes", 5)
    string_data: Repeated[bytes] = repeated("bytes", 6)
    name: str = optional("string", 7)
    device_detail: DeviceOption = optional("DeviceOption", 8)
    double_data: Packed[float] = packed("double", 9)
    int64_data: Packed[int] = packed("int64", 10)
    segment: Segment = optional("TensorProto.Segment", 11)
    raw_data: bytes = optional("bytes", 13)
    data_format: int = optional("uint32", 15)


class QTensorProto(_Caffe2):
    """A quantized tensor: integers, scales and biases."""

    dims: Repeated[int] = repeated("int64", 1)
    precision: int = optional("int32", 2)
    scale: float = optional("double", 3)
    bias: float = optional("double", 4)
    is_signed: bool = optional("bool", 5)
    data: Packed[int] = packed("int32", 6)
    name: str = optional("string", 7)
    data_type: int = optional(_DATA_TYPE, 8, default=_DataType.INT32)
    scales: Repeated[float] = repeated("double", 9)
    biases: Repeated[float] = repeated("double", 10)
    axis: int = optional("int32", 11)
    is_multiparam: bool = optional("bool", 12)


class TensorProtos(_Caffe2):
    """Several tensors in one file."""

    protos: Messages[TensorProto] = repeated("TensorProto", 1)


class TensorShape(_Caffe2):
    """The shape of a blob."""

    dims: Repeated[int] = repeated("int64", 1)
    data_type: int = optional(_DATA_TYPE, 2, default=_DataType.FLOAT)
    unknown_dims: Repeated[int] = repeated("int32", 3)
    unknown_shape: bool = optional("bool", 4)
    name: str = optional("string", 5)


class TensorShapes(_Caffe2):
    """The shapes of several blobs."""

    shapes: Messages[TensorShape] = repeated("TensorShape", 1)


class MapFieldEntry(_Caffe2):
    """One entry of a dictionary of strings."""

    key: str = optional("string", 1)
    val: str = optional("string", 2)


class BackendOptions(_Caffe2):
    """Options for one backend."""

    backend_name: str = optional("string", 1)
    option: Messages[MapFieldEntry] = repeated("MapFieldEntry", 2)


class PartitionInfo(_Caffe2):
    """Which devices a part of a net may run on."""

    name: str = optional("string", 1)
    device_id: Repeated[int] = repeated("int32", 2)
    extra_info: str = optional("string", 3)
    backend_options: Messages[BackendOptions] = repeated("BackendOptions", 4)


class ExecutionStep(_Caffe2):
    """A step of a plan: substeps, or nets by name, and how often they run."""

    name: str = optional("string", 1)
    substep: Messages[ExecutionStep] = repeated("ExecutionStep", 2)
    network: Repeated[str] = repeated("string", 3)
    num_iter: int = optional("int64", 4)
    criteria_network: str = optional("string", 5)
    concurrent_substeps: bool = optional("bool", 6)
    report_net: str = optional("string", 7)
    report_interval: int = optional("int32", 8)
    should_stop_blob: str = optional("string", 9)
    only_once: bool = optional("bool", 10)
    run_every_ms: int = optional("int64", 11)
    create_workspace: bool = optional("bool", 12)
    num_concurrent_instances: int = optional("int32", 13)


class PlanDef(_Caffe2):
    """Nets, and the steps that run them."""

    name: str = optional("string", 1)
    network: Messages[NetDef] = repeated("NetDef", 2)
    execution_step: Messages[ExecutionStep] = repeated("ExecutionStep", 3)


class BlobProto(_Caffe2):
    """A named blob: a tensor, or the serialized content of something else."""

    name: str = optional("string", 1)
    type: str = optional("string", 2)
    tensor: TensorProto = optional("TensorProto", 3)
    content: bytes = optional("bytes", 4)
    qtensor: QTensorProto = optional("QTensorProto", 5)
    content_num_chunks: int = optional("int32", 6)
    content_chunk_id: int = optional("int32", 7)


class DBReaderProto(_Caffe2):
    """Where a reader of a database stands."""

    name: str = optional("string", 1)
    source: str = optional("string", 2)
    db_type: str = optional("string", 3)
    key: str = optional("string", 4)
