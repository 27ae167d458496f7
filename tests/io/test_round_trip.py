"""Whatever a message says is still said after reading and writing it: every field of every kind of message."""

from __future__ import annotations

from typing import Any

from sardonyx.io import model_from_proto, model_to_proto
from sardonyx.proto import AttributeProto, ModelProto, TensorProto, TypeProto

KINDS = AttributeProto.AttributeType


def _say(message: Any) -> None:
    """A documentation string and metadata."""
    message.doc_string = "said"
    message.metadata_props.add(key="k", value="v")


def _type(kind: str = "tensor") -> TypeProto:
    made = TypeProto(denotation="IMAGE")
    tensor = getattr(made, f"{kind}_type")
    tensor.elem_type = TensorProto.FLOAT
    tensor.shape.dim.add(dim_param="N", denotation="DATA_BATCH")
    tensor.shape.dim.add(dim_value=4)
    tensor.shape.dim.add()
    return made


def _sparse(made: Any, name: str = "") -> None:
    made.values.data_type, made.indices.data_type = TensorProto.FLOAT, TensorProto.INT64
    made.values.dims.append(1)
    made.values.raw_data = bytes(4)
    made.indices.dims.append(1)
    made.indices.raw_data = bytes(8)
    made.dims.append(4)
    if name:
        made.values.name = name


def _inputs(graph: Any) -> None:
    for name, kind in (("x", "tensor"), ("sparse", "sparse_tensor")):
        value = graph.input.add(name=name, type=_type(kind))
        _say(value)
    graph.input.add(name="untyped")
    sequence = graph.input.add(name="sequence").type
    sequence.denotation = "MANY"
    sequence.sequence_type.elem_type.CopyFrom(_type())
    graph.input.add(name="optional").type.optional_type.elem_type.sequence_type.elem_type.CopyFrom(_type())
    mapped = graph.input.add(name="map").type.map_type
    mapped.key_type = TensorProto.STRING
    mapped.value_type.CopyFrom(_type())
    opaque = graph.input.add(name="opaque").type.opaque_type
    opaque.domain, opaque.name = "d", "n"


def _attributes(node: Any) -> None:
    for name, field, value in (
        ("FLOAT", "f", 1.5), ("INT", "i", 3), ("STRING", "s", b"\xff"), ("FLOATS", "floats", [1.0, 2.0]),
        ("INTS", "ints", []), ("STRINGS", "strings", [b"a"]), ("TYPE_PROTO", "tp", _type()),
        ("TYPE_PROTOS", "type_protos", [_type()]),
    ):  # fmt: skip
        node.attribute.add(name=name, type=KINDS.Value(name), doc_string="said", **{field: value})
    node.attribute.add(name="reference", type=KINDS.Value("INT"), ref_attr_name="q")
    tensor = node.attribute.add(name="tensor", type=KINDS.Value("TENSOR")).t
    tensor.name, tensor.doc_string, tensor.data_type, tensor.raw_data = "t", "said", TensorProto.INT8, b"\x01"
    tensor.dims.append(1)
    _sparse(node.attribute.add(name="sparse", type=KINDS.Value("SPARSE_TENSOR")).sparse_tensor)
    body = node.attribute.add(name="body", type=KINDS.Value("GRAPH")).g
    body.name = "body"
    body.node.add(op_type="Identity", input=["x"], output=["z"])
    body.output.add(name="z")


def _devices(model: Any, node: Any) -> None:
    model.configuration.add(name="pair", num_devices=2, device=["a", "b"])
    placed = node.device_configurations.add(configuration_id="pair", pipeline_stage=3)
    spec = placed.sharding_spec.add(tensor_name="x", device=[0, 1])
    spec.index_to_device_group_map.add(key=1, value=[0, 1])
    spec.sharded_dim.add(axis=0).simple_sharding.add(dim_value=4, num_shards=2)


def _model() -> ModelProto:
    model = ModelProto(ir_version=14, producer_name="p", producer_version="1", domain="d", model_version=7)
    _say(model)
    model.opset_import.add(domain="", version=25)
    model.opset_import.add(domain="my", version=1)
    graph = model.graph
    graph.name = "g"
    _say(graph)
    _inputs(graph)
    graph.output.add(name="y", type=_type())
    _say(graph.value_info.add(name="h", type=_type()))
    _say(graph.value_info.add(name="nowhere", type=_type()))
    weight = graph.initializer.add(name="w", data_type=TensorProto.FLOAT, dims=[2], raw_data=bytes(8))
    _say(weight)
    _sparse(graph.sparse_initializer.add(), "few")
    graph.quantization_annotation.add(tensor_name="x").quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="w")
    node = graph.node.add(op_type="Foo", domain="my", name="n", overload="o", input=["x", "", "w"], output=["h", ""])
    _say(node)
    _attributes(node)
    _devices(model, node)
    graph.node.add(op_type="Bar", domain="my", input=["h"], output=["y"])
    function = model.functions.add(name="Foo", domain="my", overload="o", input=["a"], output=["b"], attribute=["q"])
    _say(function)
    function.attribute_proto.add(name="r", i=1, type=KINDS.Value("INT"), doc_string="said")
    function.opset_import.add(domain="", version=25)
    function.node.add(op_type="Identity", input=["a"], output=["b"])
    function.value_info.add(name="a", type=_type())
    function.value_info.add(name="b", type=_type())
    _say(function.value_info.add(name="nowhere", type=_type()))
    training = model.training_info.add()
    training.initialization.name = "first"
    training.algorithm.name = "step"
    training.algorithm.node.add(op_type="Identity", input=["w"], output=["w2"])
    training.update_binding.add(key="w", value="w2")
    training.initialization_binding.add(key="w", value="w2")
    return model


def test_nothing_is_dropped() -> None:
    model = _model()
    assert str(model_to_proto(model_from_proto(model))) == str(model)
