"""The messages of ONNX (IR version 14), one row per field. This is the table that everything else in the room reads."""

from __future__ import annotations

from sardonyx.proto.enums import Enum
from sardonyx.proto.fields import optional, packed, repeated
from sardonyx.proto.message import Message
from sardonyx.proto.packed import Packed
from sardonyx.proto.repeated import Messages, Repeated
from sardonyx.proto.summary import summarize_function, summarize_graph, summarize_model

__all__ = [
    "AttributeProto",
    "DeviceConfigurationProto",
    "FunctionProto",
    "GraphProto",
    "IntIntListEntryProto",
    "MapProto",
    "ModelProto",
    "NodeDeviceConfigurationProto",
    "NodeProto",
    "OperatorProto",
    "OperatorSetIdProto",
    "OperatorSetProto",
    "OperatorStatus",
    "OptionalProto",
    "SequenceProto",
    "ShardedDimProto",
    "ShardingSpecProto",
    "SimpleShardedDimProto",
    "SparseTensorProto",
    "StringStringEntryProto",
    "TensorAnnotation",
    "TensorProto",
    "TensorShapeProto",
    "TrainingInfoProto",
    "TypeProto",
    "ValueInfoProto",
    "Version",
]


class _Onnx(Message, package="onnx"):
    """A message of the package `onnx`."""

    _file = "onnx/onnx-ml.proto"


class _Version:
    _START_VERSION = 0
    IR_VERSION_2017_10_10 = 1
    IR_VERSION_2017_10_30 = 2
    IR_VERSION_2017_11_3 = 3
    IR_VERSION_2019_1_22 = 4
    IR_VERSION_2019_3_18 = 5
    IR_VERSION_2019_9_19 = 6
    IR_VERSION_2020_5_8 = 7
    IR_VERSION_2021_7_30 = 8
    IR_VERSION_2023_5_5 = 9
    IR_VERSION_2024_3_25 = 10
    IR_VERSION_2025_05_12 = 11
    IR_VERSION_2025_08_26 = 12
    IR_VERSION_2025_11_06 = 13
    IR_VERSION = 14


class _OperatorStatus:
    EXPERIMENTAL = 0
    STABLE = 1


class _AttributeType:
    UNDEFINED = 0
    FLOAT = 1
    INT = 2
    STRING = 3
    TENSOR = 4
    GRAPH = 5
    SPARSE_TENSOR = 11
    TYPE_PROTO = 13
    FLOATS = 6
    INTS = 7
    STRINGS = 8
    TENSORS = 9
    GRAPHS = 10
    SPARSE_TENSORS = 12
    TYPE_PROTOS = 14


class _DataType:
    UNDEFINED = 0
    FLOAT = 1
    UINT8 = 2
    INT8 = 3
    UINT16 = 4
    INT16 = 5
    INT32 = 6
    INT64 = 7
    STRING = 8
    BOOL = 9
    FLOAT16 = 10
    DOUBLE = 11
    UINT32 = 12
    UINT64 = 13
    COMPLEX64 = 14
    COMPLEX128 = 15
    BFLOAT16 = 16
    FLOAT8E4M3FN = 17
    FLOAT8E4M3FNUZ = 18
    FLOAT8E5M2 = 19
    FLOAT8E5M2FNUZ = 20
    UINT4 = 21
    INT4 = 22
    FLOAT4E2M1 = 23
    FLOAT8E8M0 = 24
    UINT2 = 25
    INT2 = 26
    FLOAT6E2M3 = 27
    FLOAT6E3M2 = 28


class _DataLocation:
    DEFAULT = 0
    EXTERNAL = 1


class _ValueKind:
    UNDEFINED = 0
    TENSOR = 1
    SPARSE_TENSOR = 2
    SEQUENCE = 3
    MAP = 4
    OPTIONAL = 5


Version = Enum("Version", _Version, "onnx")
OperatorStatus = Enum("OperatorStatus", _OperatorStatus, "onnx")


class ModelProto(_Onnx):
    """A graph, the operator sets and functions it uses, and who made it."""

    __repr__ = summarize_model

    ir_version: int = optional("int64", 1)
    producer_name: str = optional("string", 2)
    producer_version: str = optional("string", 3)
    domain: str = optional("string", 4)
    model_version: int = optional("int64", 5)
    doc_string: str = optional("string", 6)
    graph: GraphProto = optional("GraphProto", 7)
    opset_import: Messages[OperatorSetIdProto] = repeated("OperatorSetIdProto", 8)
    metadata_props: Messages[StringStringEntryProto] = repeated("StringStringEntryProto", 14)
    training_info: Messages[TrainingInfoProto] = repeated("TrainingInfoProto", 20)
    functions: Messages[FunctionProto] = repeated("FunctionProto", 25)
    configuration: Messages[DeviceConfigurationProto] = repeated("DeviceConfigurationProto", 26)


class GraphProto(_Onnx):
    """Nodes in topological order, between inputs and outputs, with the constants they use."""

    __repr__ = summarize_graph

    node: Messages[NodeProto] = repeated("NodeProto", 1)
    name: str = optional("string", 2)
    initializer: Messages[TensorProto] = repeated("TensorProto", 5)
    doc_string: str = optional("string", 10)
    input: Messages[ValueInfoProto] = repeated("ValueInfoProto", 11)
    output: Messages[ValueInfoProto] = repeated("ValueInfoProto", 12)
    value_info: Messages[ValueInfoProto] = repeated("ValueInfoProto", 13)
    quantization_annotation: Messages[TensorAnnotation] = repeated("TensorAnnotation", 14)
    sparse_initializer: Messages[SparseTensorProto] = repeated("SparseTensorProto", 15)
    metadata_props: Messages[StringStringEntryProto] = repeated("StringStringEntryProto", 16)


class NodeProto(_Onnx):
    """One application of an operator; values are named, and an empty name is an omitted optional."""

    input: Repeated[str] = repeated("string", 1)
    output: Repeated[str] = repeated("string", 2)
    name: str = optional("string", 3)
    op_type: str = optional("string", 4)
    attribute: Messages[AttributeProto] = repeated("AttributeProto", 5)
    doc_string: str = optional("string", 6)
    domain: str = optional("string", 7)
    overload: str = optional("string", 8)
    metadata_props: Messages[StringStringEntryProto] = repeated("StringStringEntryProto", 9)
    device_configurations: Messages[NodeDeviceConfigurationProto] = repeated("NodeDeviceConfigurationProto", 10)


class AttributeProto(_AttributeType, _Onnx):
    """A named constant of a node; `type` says which of the value fields counts."""

    AttributeType = Enum("AttributeType", _AttributeType)

    name: str = optional("string", 1)
    f: float = optional("float", 2)
    i: int = optional("int64", 3)
    s: bytes = optional("bytes", 4)
    t: TensorProto = optional("TensorProto", 5)
    g: GraphProto = optional("GraphProto", 6)
    floats: Repeated[float] = repeated("float", 7)
    ints: Repeated[int] = repeated("int64", 8)
    strings: Repeated[bytes] = repeated("bytes", 9)
    tensors: Messages[TensorProto] = repeated("TensorProto", 10)
    graphs: Messages[GraphProto] = repeated("GraphProto", 11)
    doc_string: str = optional("string", 13)
    tp: TypeProto = optional("TypeProto", 14)
    type_protos: Messages[TypeProto] = repeated("TypeProto", 15)
    type: int = optional(AttributeType, 20)
    ref_attr_name: str = optional("string", 21)
    sparse_tensor: SparseTensorProto = optional("SparseTensorProto", 22)
    sparse_tensors: Messages[SparseTensorProto] = repeated("SparseTensorProto", 23)


class TensorProto(_DataType, _DataLocation, _Onnx):
    """A constant array: its elements are in `raw_data`, in the one typed field its type uses, or in another file."""

    DataType = Enum("DataType", _DataType)
    DataLocation = Enum("DataLocation", _DataLocation)

    class Segment(_Onnx):
        """Which part of a larger tensor this one is."""

        begin: int = optional("int64", 1)
        end: int = optional("int64", 2)

    dims: Repeated[int] = repeated("int64", 1)
    data_type: int = optional("int32", 2)
    segment: Segment = optional("TensorProto.Segment", 3)
    float_data: Packed[float] = packed("float", 4)
    int32_data: Packed[int] = packed("int32", 5)
    string_data: Repeated[bytes] = repeated("bytes", 6)
    int64_data: Packed[int] = packed("int64", 7)
    name: str = optional("string", 8)
    raw_data: bytes = optional("bytes", 9)
    double_data: Packed[float] = packed("double", 10)
    uint64_data: Packed[int] = packed("uint64", 11)
    doc_string: str = optional("string", 12)
    external_data: Messages[StringStringEntryProto] = repeated("StringStringEntryProto", 13)
    data_location: int = optional(DataLocation, 14)
    metadata_props: Messages[StringStringEntryProto] = repeated("StringStringEntryProto", 16)


class SparseTensorProto(_Onnx):
    """The nonzero values of a tensor, and where they are."""

    values: TensorProto = optional("TensorProto", 1)
    indices: TensorProto = optional("TensorProto", 2)
    dims: Repeated[int] = repeated("int64", 3)


class TensorShapeProto(_Onnx):
    """The extents of a tensor."""

    class Dimension(_Onnx):
        """One extent: a number, a name, or neither when it is unknown."""

        dim_value: int = optional("int64", 1, oneof="value")
        dim_param: str = optional("string", 2, oneof="value")
        denotation: str = optional("string", 3)

    dim: Messages[Dimension] = repeated("TensorShapeProto.Dimension", 1)


class TypeProto(_Onnx):
    """The type of a value: exactly one of the kinds below."""

    class Tensor(_Onnx):
        """A dense tensor: element type, and shape when the rank is known."""

        elem_type: int = optional("int32", 1)
        shape: TensorShapeProto = optional("TensorShapeProto", 2)

    class Sequence(_Onnx):
        """A list of values of one type."""

        elem_type: TypeProto = optional("TypeProto", 1)

    class Map(_Onnx):
        """A dictionary from integers or strings to values of one type."""

        key_type: int = optional("int32", 1)
        value_type: TypeProto = optional("TypeProto", 2)

    class Opaque(_Onnx):
        """A type that only its operators understand."""

        domain: str = optional("string", 1)
        name: str = optional("string", 2)

    class SparseTensor(_Onnx):
        """A sparse tensor: element type, and shape when the rank is known."""

        elem_type: int = optional("int32", 1)
        shape: TensorShapeProto = optional("TensorShapeProto", 2)

    class Optional(_Onnx):
        """A value that may be missing."""

        elem_type: TypeProto = optional("TypeProto", 1)

    tensor_type: Tensor = optional("TypeProto.Tensor", 1, oneof="value")
    sequence_type: Sequence = optional("TypeProto.Sequence", 4, oneof="value")
    map_type: Map = optional("TypeProto.Map", 5, oneof="value")
    denotation: str = optional("string", 6)
    opaque_type: Opaque = optional("TypeProto.Opaque", 7, oneof="value")
    sparse_tensor_type: SparseTensor = optional("TypeProto.SparseTensor", 8, oneof="value")
    optional_type: Optional = optional("TypeProto.Optional", 9, oneof="value")


class ValueInfoProto(_Onnx):
    """The name and type of a value."""

    name: str = optional("string", 1)
    type: TypeProto = optional("TypeProto", 2)
    doc_string: str = optional("string", 3)
    metadata_props: Messages[StringStringEntryProto] = repeated("StringStringEntryProto", 4)


class FunctionProto(_Onnx):
    """An operator defined by a graph of others."""

    __repr__ = summarize_function

    name: str = optional("string", 1)
    input: Repeated[str] = repeated("string", 4)
    output: Repeated[str] = repeated("string", 5)
    attribute: Repeated[str] = repeated("string", 6)
    node: Messages[NodeProto] = repeated("NodeProto", 7)
    doc_string: str = optional("string", 8)
    opset_import: Messages[OperatorSetIdProto] = repeated("OperatorSetIdProto", 9)
    domain: str = optional("string", 10)
    attribute_proto: Messages[AttributeProto] = repeated("AttributeProto", 11)
    value_info: Messages[ValueInfoProto] = repeated("ValueInfoProto", 12)
    overload: str = optional("string", 13)
    metadata_props: Messages[StringStringEntryProto] = repeated("StringStringEntryProto", 14)


class OperatorSetIdProto(_Onnx):
    """Which version of which domain a model imports."""

    domain: str = optional("string", 1)
    version: int = optional("int64", 2)


class StringStringEntryProto(_Onnx):
    """One entry of a dictionary of strings."""

    key: str = optional("string", 1)
    value: str = optional("string", 2)


class TensorAnnotation(_Onnx):
    """Which tensors hold the quantization parameters of a tensor."""

    tensor_name: str = optional("string", 1)
    quant_parameter_tensor_names: Messages[StringStringEntryProto] = repeated("StringStringEntryProto", 2)


class TrainingInfoProto(_Onnx):
    """How to initialize and how to step a training run."""

    initialization: GraphProto = optional("GraphProto", 1)
    algorithm: GraphProto = optional("GraphProto", 2)
    initialization_binding: Messages[StringStringEntryProto] = repeated("StringStringEntryProto", 3)
    update_binding: Messages[StringStringEntryProto] = repeated("StringStringEntryProto", 4)


class DeviceConfigurationProto(_Onnx):
    """A named set of devices that a model may be spread over."""

    name: str = optional("string", 1)
    num_devices: int = optional("int32", 2)
    device: Repeated[str] = repeated("string", 3)


class NodeDeviceConfigurationProto(_Onnx):
    """How one node is spread over the devices of a configuration."""

    configuration_id: str = optional("string", 1)
    sharding_spec: Messages[ShardingSpecProto] = repeated("ShardingSpecProto", 2)
    pipeline_stage: int = optional("int32", 3)


class ShardingSpecProto(_Onnx):
    """How one input or output of a node is split over devices."""

    tensor_name: str = optional("string", 1)
    device: Repeated[int] = repeated("int64", 2)
    index_to_device_group_map: Messages[IntIntListEntryProto] = repeated("IntIntListEntryProto", 3)
    sharded_dim: Messages[ShardedDimProto] = repeated("ShardedDimProto", 4)


class IntIntListEntryProto(_Onnx):
    """One entry of a dictionary from an integer to a list of them."""

    key: int = optional("int64", 1)
    value: Repeated[int] = repeated("int64", 2)


class ShardedDimProto(_Onnx):
    """How one axis is split."""

    axis: int = optional("int64", 1)
    simple_sharding: Messages[SimpleShardedDimProto] = repeated("SimpleShardedDimProto", 2)


class SimpleShardedDimProto(_Onnx):
    """An extent, by number or name, and the number of parts it is split into."""

    dim_value: int = optional("int64", 1, oneof="dim")
    dim_param: str = optional("string", 2, oneof="dim")
    num_shards: int = optional("int64", 3)


class OperatorProto(_Onnx):
    """The declaration of one operator in an operator set file."""

    _file = "onnx/onnx-operators-ml.proto"

    op_type: str = optional("string", 1)
    since_version: int = optional("int64", 2)
    status: int = optional(OperatorStatus, 3)
    doc_string: str = optional("string", 10)


class OperatorSetProto(_Onnx):
    """A file that declares an operator set."""

    _file = "onnx/onnx-operators-ml.proto"

    magic: str = optional("string", 1)
    ir_version: int = optional("int64", 2)
    ir_version_prerelease: str = optional("string", 3)
    domain: str = optional("string", 4)
    opset_version: int = optional("int64", 5)
    doc_string: str = optional("string", 6)
    ir_build_metadata: str = optional("string", 7)
    operator: Messages[OperatorProto] = repeated("OperatorProto", 8)
    functions: Messages[FunctionProto] = repeated("FunctionProto", 9)


class SequenceProto(_ValueKind, _Onnx):
    """A list of values of one kind, as test data files store it."""

    _file = "onnx/onnx-data.proto"
    DataType = Enum("DataType", _ValueKind)

    name: str = optional("string", 1)
    elem_type: int = optional("int32", 2)
    tensor_values: Messages[TensorProto] = repeated("TensorProto", 3)
    sparse_tensor_values: Messages[SparseTensorProto] = repeated("SparseTensorProto", 4)
    sequence_values: Messages[SequenceProto] = repeated("SequenceProto", 5)
    map_values: Messages[MapProto] = repeated("MapProto", 6)
    optional_values: Messages[OptionalProto] = repeated("OptionalProto", 7)


class MapProto(_Onnx):
    """A dictionary of values, as test data files store it."""

    _file = "onnx/onnx-data.proto"

    name: str = optional("string", 1)
    key_type: int = optional("int32", 2)
    keys: Repeated[int] = repeated("int64", 3)
    string_keys: Repeated[bytes] = repeated("bytes", 4)
    values: SequenceProto = optional("SequenceProto", 5)


class OptionalProto(_ValueKind, _Onnx):
    """A value that may be missing, as test data files store it."""

    _file = "onnx/onnx-data.proto"
    DataType = Enum("DataType", _ValueKind)

    name: str = optional("string", 1)
    elem_type: int = optional("int32", 2)
    tensor_value: TensorProto = optional("TensorProto", 3)
    sparse_tensor_value: SparseTensorProto = optional("SparseTensorProto", 4)
    sequence_value: SequenceProto = optional("SequenceProto", 5)
    map_value: MapProto = optional("MapProto", 6)
    optional_value: OptionalProto = optional("OptionalProto", 7)
