"""Messages behave as the official classes do: the same lines run on both give the same values, bytes, text and errors."""

from __future__ import annotations

from typing import Any

import onnx as official
import pytest
from google.protobuf import json_format, text_format

import sardonyx.compat.onnx as ours
from tests.compat.differential import check_line, plain

# Each line runs with `o` standing for either package; what it shows with R is compared.
LINES = r"""
x=o.TensorProto(); x.dims.append(3); x.dims.extend([4,5]); R(list(x.dims))
x=o.TensorProto(); x.dims.insert(0,7); x.dims.insert(-1,8); R(list(x.dims))
x=o.TensorProto(dims=[1,2,3,4]); R(x.dims.pop(), x.dims.pop(0), list(x.dims))
x=o.TensorProto(); x.dims.pop()
x=o.TensorProto(dims=[1,2,3,2]); x.dims.remove(2); R(list(x.dims))
x=o.TensorProto(dims=[1]); x.dims.remove(9)
x=o.TensorProto(dims=[1,2,3,4]); R(x.dims[1:3], x.dims[-1], x.dims[::2], type(x.dims[0:2]).__name__)
x=o.TensorProto(dims=[1,2,3,4]); x.dims[1:3]=[9,8,7]; R(list(x.dims))
x=o.TensorProto(dims=[1,2,3,4]); del x.dims[1:3]; R(list(x.dims))
x=o.TensorProto(dims=[1,2,3,4]); del x.dims[0]; R(list(x.dims))
x=o.TensorProto(dims=[1,2,3,4]); del x.dims[:]; R(list(x.dims), len(x.dims))
x=o.TensorProto(dims=[1,2]); x.dims[0]=5; R(list(x.dims))
x=o.TensorProto(dims=[1,2]); x.dims[5]
x=o.TensorProto(dims=[1,2]); x.dims[5]=1
x=o.TensorProto(dims=[1,2]); x.dims=[3]
x=o.TensorProto(dims=[3,1,2]); x.dims.sort(); R(list(x.dims)); x.dims.sort(reverse=True); R(list(x.dims)); x.dims.reverse(); R(list(x.dims))
x=o.TensorProto(dims=[3,1,2]); R(x.dims==[3,1,2], x.dims==(3,1,2), x.dims!=[3], x.dims==o.TensorProto(dims=[3,1,2]).dims, [3,1,2]==x.dims)
x=o.TensorProto(dims=[3]); x.dims.clear(); R(list(x.dims))
x=o.TensorProto(dims=[3]); R(str(x.dims), repr(x.dims))
x=o.TensorProto(dims=[3]); hash(x.dims)
x=o.TensorProto(dims=[3]); x.dims.MergeFrom(o.TensorProto(dims=[4]).dims); R(list(x.dims))
x=o.TensorProto(dims=[3]); x.dims.extend(None); R(list(x.dims))
x=o.TensorProto(dims=[3]); x.dims.extend([]); x.dims.extend(iter([1])); R(list(x.dims))
x=o.TensorProto(dims=[3]); x.dims.extend(5)
x=o.TensorProto(); x.dims.append("3")
x=o.TensorProto(); x.dims.append(3.0); R(list(x.dims))
x=o.TensorProto(); x.dims.append(3.5)
x=o.TensorProto(); x.dims.append(None)
x=o.TensorProto(); x.dims.append(True); R(list(x.dims))
x=o.TensorProto(); x.dims.append(2**63)
x=o.TensorProto(); x.dims.append(np.int64(3)); x.dims.append(np.int8(-3)); R(list(x.dims), type(x.dims[0]).__name__)
x=o.TensorProto(); x.dims.append(np.float32(3)); R(list(x.dims))
x=o.TensorProto(); x.dims.append(np.bool_(True)); R(list(x.dims))
x=o.TensorProto(); x.int32_data.append(2**31)
x=o.TensorProto(); x.uint64_data.append(-1)
x=o.TensorProto(); x.float_data.extend([1,2.5,True,np.float64(0.1)]); R(list(x.float_data))
x=o.TensorProto(); x.float_data.append(1e300); R(list(x.float_data))
x=o.TensorProto(); x.float_data.append("1")
x=o.TensorProto(); x.float_data.append(np.float16(1.5)); R(list(x.float_data))
x=o.TensorProto(); x.float_data.extend(np.arange(3,dtype=np.float32)); R(list(x.float_data))
x=o.TensorProto(); x.float_data.extend(np.arange(3)); R(list(x.float_data))
x=o.TensorProto(); x.double_data.extend([0.1]); R(list(x.double_data))
x=o.TensorProto(); x.string_data.append(b"a"); x.string_data.append("b"); R(list(x.string_data))
x=o.TensorProto(); x.string_data.append(5)
x=o.TensorProto(); x.name=b"abc"; R(x.name)
x=o.TensorProto(); x.name=b"\xff"
x=o.TensorProto(); x.name=5
x=o.TensorProto(); x.name=None
x=o.TensorProto(); x.name="\ud800"
x=o.TensorProto(); x.raw_data="text"; R(x.raw_data)
x=o.TensorProto(); x.raw_data=bytearray(b"x"); R(x.raw_data)
x=o.TensorProto(); x.raw_data=memoryview(b"x")
x=o.TensorProto(); x.raw_data=np.array([1])
x=o.TensorProto(); x.data_type=1.0; R(x.data_type)
x=o.TensorProto(); x.data_type=1.5
x=o.TensorProto(); x.data_type="FLOAT"
x=o.TensorProto(); x.data_type=99; R(x.data_type)
x=o.TensorProto(); x.data_type=2**40
x=o.TensorProto(); x.data_type=o.TensorProto.INT8; R(x.data_type)
x=o.TensorProto(); x.data_location=1; R(x.data_location)
x=o.TensorProto(); x.data_location="EXTERNAL"; R(x.data_location)
x=o.TensorProto(); x.data_location=7; R(x.data_location)
x=o.TensorProto(); x.data_location=True; R(x.data_location)
x=o.AttributeProto(); x.type=99; R(x.type)
x=o.AttributeProto(); x.f=1; x.i=True; R(x.f,x.i)
x=o.AttributeProto(); x.f="a"
x=o.AttributeProto(); x.f=None
x=o.AttributeProto(); x.i=1.0; R(x.i)
x=o.AttributeProto(); x.i=np.int32(4); R(x.i)
x=o.AttributeProto(); x.i=np.array(4); R(x.i)
x=o.AttributeProto(); x.i=np.array([4]); R(x.i)
x=o.AttributeProto(); x.f=np.array([4.5]); R(x.f)
x=o.AttributeProto(); x.s="é"; R(x.s)
x=o.AttributeProto(); x.nonsense=1
x=o.AttributeProto(); x.nonsense
x=o.AttributeProto(nonsense=1)
x=o.AttributeProto(name=5)
x=o.AttributeProto(ints=5)
x=o.AttributeProto(ints=[1.5])
x=o.AttributeProto(ints="12")
x=o.AttributeProto(strings="ab"); R(list(x.strings))
x=o.AttributeProto(strings=["ab",b"c"]); R(list(x.strings))
x=o.AttributeProto(t={"dims":[1,2],"name":"n"}); R(x)
x=o.AttributeProto(t=o.TensorProto(name="n")); R(x)
x=o.AttributeProto(t=o.NodeProto())
x=o.AttributeProto(t=5)
x=o.AttributeProto(tensors=[{"name":"a"},o.TensorProto(name="b")]); R(x)
x=o.AttributeProto(tensors=[5])
x=o.AttributeProto(tensors={"name":"a"})
x=o.AttributeProto(tensors=[o.NodeProto()])
x=o.AttributeProto(type="FLOAT"); R(x.type)
x=o.AttributeProto(type="NONSENSE")
x=o.AttributeProto(t=None, name=None, ints=None); R(x, x.HasField("t"))
x=o.AttributeProto("a")
x=o.AttributeProto(); x.t=o.TensorProto()
x=o.AttributeProto(); x.tensors=[o.TensorProto()]
x=o.AttributeProto(); x.tensors.append(o.NodeProto())
x=o.AttributeProto(); x.tensors.append({"name":"a"})
x=o.AttributeProto(); x.tensors.extend([{"name":"a"}])
x=o.AttributeProto(); x.tensors.append(5)
x=o.AttributeProto(tensors=[o.TensorProto()]); x.tensors[0]=o.TensorProto()
x=o.AttributeProto(tensors=[o.TensorProto(name="a"),o.TensorProto(name="b"),o.TensorProto(name="c")]); R([t.name for t in x.tensors[1:]], x.tensors.pop().name, x.tensors.pop(0).name, len(x.tensors), type(x.tensors[0:1]).__name__)
x=o.AttributeProto(tensors=[o.TensorProto(name="a"),o.TensorProto(name="b")]); x.tensors.remove(o.TensorProto(name="a")); R(x)
x=o.AttributeProto(tensors=[o.TensorProto(name="a"),o.TensorProto(name="b")]); x.tensors.remove(o.TensorProto(name="z"))
x=o.AttributeProto(tensors=[o.TensorProto(name="a"),o.TensorProto(name="b")]); x.tensors.reverse(); R(x); x.tensors.sort(key=lambda t:t.name); R(x); x.tensors.clear(); R(x)
x=o.AttributeProto(tensors=[o.TensorProto(name="a")]); R(str(x.tensors), repr(x.tensors))
x=o.AttributeProto(tensors=[o.TensorProto(name="a")]); x.tensors.insert(0,o.TensorProto(name="q")); R(x)
x=o.AttributeProto(); t=x.tensors.add(); t.name="z"; R(x)
x=o.AttributeProto(); t=x.tensors.add(name="z",dims=[1]); R(x)
x=o.AttributeProto(); t=x.tensors.add(nonsense=1)
x=o.AttributeProto(); t=x.ints.add()
a=o.TensorProto(name="a"); x=o.AttributeProto(); x.tensors.append(a); a.name="b"; R(x.tensors[0].name)
x=o.AttributeProto(); t=x.t; R(x.HasField("t")); t.name="q"; R(x.HasField("t"),x)
x=o.AttributeProto(); x.t.dims.append(1); R(x.HasField("t"),x)
x=o.AttributeProto(); x.t.dims.extend([]); R(x.HasField("t"))
x=o.AttributeProto(); x.t.SetInParent(); R(x.HasField("t"), x.ByteSize())
x=o.AttributeProto(); x.t.CopyFrom(o.TensorProto()); R(x.HasField("t"))
x=o.AttributeProto(); x.t.MergeFrom(o.TensorProto()); R(x.HasField("t"))
x=o.AttributeProto(); x.t.name="a"; y=x.t; x.ClearField("t"); y.name="b"; R(x.HasField("t"), y.name)
x=o.AttributeProto(); x.HasField("ints")
x=o.AttributeProto(); x.HasField("nonsense")
x=o.AttributeProto(); R(x.HasField("f"), x.HasField("name")); x.f=0; x.name=""; R(x.HasField("f"), x.HasField("name"))
x=o.AttributeProto(f=1); x.ClearField("f"); R(x.HasField("f"),x.f); x.ClearField("ints")
x=o.AttributeProto(f=1); x.ClearField("nonsense")
x=o.TypeProto(); R(x.WhichOneof("value")); x.tensor_type.elem_type=1; R(x.WhichOneof("value"), x.HasField("value")); x.sequence_type.elem_type.tensor_type.elem_type=1; R(x.WhichOneof("value"), x.HasField("tensor_type"))
x=o.TypeProto(); x.WhichOneof("nonsense")
x=o.TypeProto(); x.tensor_type.elem_type=1; x.ClearField("value"); R(x.WhichOneof("value"))
x=o.TensorShapeProto.Dimension(dim_value=3); R(x.WhichOneof("value")); x.dim_param="N"; R(x.WhichOneof("value"), x.HasField("dim_value"), x.dim_value)
x=o.AttributeProto(name="n"); R(x.ByteSize(), x.SerializeToString(), x.SerializeToString(deterministic=True), x.SerializePartialToString())
x=o.AttributeProto(name="n"); y=o.AttributeProto(); R(y.ParseFromString(x.SerializeToString()), y==x)
x=o.AttributeProto(name="n"); R(o.AttributeProto.FromString(x.SerializeToString())==x)
x=o.AttributeProto(name="n",ints=[1]); R(x.MergeFromString(o.AttributeProto(ints=[2]).SerializeToString()), x)
x=o.AttributeProto(); x.ParseFromString(b"\xff\xff")
o.ModelProto.FromString(b"\x0a\xff")
x=o.ModelProto(ir_version=3); x.MergeFromString(b"\x0a\xff")
x=o.AttributeProto(); x.ParseFromString("text")
x=o.AttributeProto(); x.ParseFromString(5)
x=o.AttributeProto(); x.ParseFromString(bytearray(o.AttributeProto(name="n").SerializeToString())); R(x)
x=o.AttributeProto(); x.ParseFromString(memoryview(o.AttributeProto(name="n").SerializeToString())); R(x)
x=o.AttributeProto(name="a"); x.ParseFromString(b""); R(x)
x=o.AttributeProto(name="a"); R(x.IsInitialized(), x.FindInitializationErrors())
x=o.AttributeProto(name="a"); x.Clear(); R(x, x.name)
x=o.AttributeProto(name="a"); x.CopyFrom(o.NodeProto())
x=o.AttributeProto(name="a"); x.MergeFrom(o.NodeProto())
x=o.AttributeProto(name="a"); x.CopyFrom(x); R(x)
x=o.AttributeProto(name="a"); x.MergeFrom(x); R(x)
x=o.AttributeProto(name="a",ints=[1]); y=o.AttributeProto(ints=[2],f=2); x.MergeFrom(y); R(x)
x=o.AttributeProto(name="a"); R(x==o.AttributeProto(name="a"), x!=o.AttributeProto(name="b"), x==5, x==None, x=="a")
x=o.AttributeProto(name="a"); hash(x)
x=o.AttributeProto(f=float("nan")); R(x==o.AttributeProto(f=float("nan")))
x=o.AttributeProto(f=0.0); R(x==o.AttributeProto(f=-0.0), x==o.AttributeProto())
x=o.AttributeProto(name="a"); y=copy.deepcopy(x); y.name="b"; R(x,y)
x=o.AttributeProto(name="a",t=o.TensorProto(name="q")); y=copy.copy(x); y.t.name="b"; R(x,y)
x=o.AttributeProto(name="a"); y=pickle.loads(pickle.dumps(x)); R(y, type(y)==type(x))
x=o.AttributeProto(name="a",ints=[1,2],strings=[b"q"],t=o.TensorProto(name="z")); R(str(x), repr(x))
x=o.AttributeProto(type=1); R(str(x))
x=o.TensorProto(data_type=1,data_location=1); R(str(x))
R(o.TensorProto.FLOAT, o.TensorProto.DataType.FLOAT, o.TensorProto.DataType.Name(1), o.TensorProto.DataType.Value("FLOAT"), o.TensorProto.DataType.keys(), o.TensorProto.DataType.values(), o.TensorProto.DataType.items())
o.TensorProto.DataType.Name(99)
o.TensorProto.DataType.Value("X")
o.TensorProto.DataType.Name("FLOAT")
o.TensorProto.DataType.Name(None)
o.TensorProto.DataType.X
R(o.TensorProto.DataType.DESCRIPTOR.name, o.TensorProto.DataType.DESCRIPTOR.full_name, [v.name for v in o.TensorProto.DataType.DESCRIPTOR.values][:3], o.TensorProto.DataType.DESCRIPTOR.values_by_number[1].name, o.TensorProto.DataType.DESCRIPTOR.values_by_name["FLOAT"].number)
R(o.AttributeProto.FLOAT, o.AttributeProto.AttributeType.Name(1), o.AttributeProto.AttributeType.items())
R(o.SequenceProto.DataType.items(), o.OptionalProto.DataType.items(), o.TensorProto.DataLocation.items(), o.Version.items(), o.OperatorStatus.items())
R(o.TensorProto.EXTERNAL, o.TensorProto().EXTERNAL, o.TensorProto().FLOAT, o.AttributeProto().GRAPH)
R(o.TypeProto.Tensor.DESCRIPTOR.containing_type.name, o.TypeProto.DESCRIPTOR.containing_type, o.TypeProto.Tensor.DESCRIPTOR.full_name, o.TypeProto.DESCRIPTOR.file.package, o.TypeProto.DESCRIPTOR.file.name, o.TypeProto.DESCRIPTOR.is_extendable, o.TypeProto.DESCRIPTOR.has_options)
R(o.TensorProto.DIMS_FIELD_NUMBER, o.TensorProto.NAME_FIELD_NUMBER, o.TypeProto.TENSOR_TYPE_FIELD_NUMBER)
R(o.TensorProto.__name__, o.TypeProto.Tensor.__name__, o.TypeProto.Tensor.__qualname__)
R(isinstance(o.TensorProto(), o.TensorProto), o.TensorProto() == o.TensorProto(), bool(o.TensorProto()), o.GraphProto().node == [])
x=o.ModelProto(); x.graph.node.add().op_type="A"; R(x, x.graph.node[0].op_type, x.HasField("graph"))
x=o.ModelProto(); n=x.graph.node.add(); n.attribute.add().ints.extend([1,2]); R(x)
x=o.GraphProto(); x.node.extend([o.NodeProto(op_type="A"),o.NodeProto(op_type="B")]); del x.node[0]; R(x, len(x.node))
x=o.GraphProto(); x.node.extend(o.NodeProto(op_type=c) for c in "AB"); R(x)
x=o.GraphProto(); x.node.extend([]); R(x, x.ByteSize())
x=o.GraphProto(node=[o.NodeProto(op_type=c) for c in "ABCD"]); del x.node[1:3]; R(x); del x.node[:]; R(x)
x=o.GraphProto(node=[o.NodeProto(op_type=c) for c in "ABCD"]); x.node[-1].op_type="Z"; R(x)
x=o.GraphProto(node=[o.NodeProto(op_type=c) for c in "ABCD"]); x.ClearField("node"); R(x)
x=o.GraphProto(node=[o.NodeProto(op_type=c) for c in "ABCD"]); x.node[9]
x=o.NodeProto(input=["a","b"],output=["c"]); x.input[0]="z"; x.input.remove("b"); R(x, list(x.input), x.input==["z"])
x=o.NodeProto(input=["a",b"b"]); R(list(x.input), str(x.input))
x=o.NodeProto(input="ab"); R(list(x.input))
x=o.NodeProto(input=[1])
x=o.NodeProto(); x.input="a"
x=o.NodeProto(); x.input[:]=["a","b"]; R(x)
x=o.ModelProto(); x.metadata_props.add(key="a",value="b"); R({q.key:q.value for q in x.metadata_props}, x)
x=o.AttributeProto.FromString(b"\xa0\x01\x63"); R(x.type, x.HasField("type"), x.SerializeToString())
R(o.NodeProto() in [o.NodeProto()], o.NodeProto(name="a") in [o.NodeProto(name="b")])
x=o.TensorProto(name="a"); del x.name
x=o.TensorProto(); setattr(x,"name","q"); R(getattr(x,"name"), hasattr(x,"nonsense"), hasattr(x,"dims"))
R(o.TensorProto.Segment(begin=1,end=2), o.TensorProto.Segment.DESCRIPTOR.full_name)
R(o.TypeProto.Optional(), o.TypeProto.Sequence(elem_type=o.TypeProto(denotation="d")), o.TypeProto.Map(key_type=1), o.TypeProto.SparseTensor(elem_type=1), o.TypeProto.Opaque(domain="a",name="b"))
x=o.TensorProto(); x.dims.append(1); y=o.TensorProto(); y.dims.extend(x.dims); y.dims.append(2); R(list(x.dims),list(y.dims))
x=o.TensorProto(float_data=[1,2]); y=o.TensorProto(); y.CopyFrom(x); y.float_data[0]=9; R(list(x.float_data), list(y.float_data))
x=o.TensorProto(float_data=[1,2]); R(np.array(x.float_data).dtype.name, np.asarray(x.float_data,dtype=np.float32).tolist(), np.array(x.float_data,dtype="int64").tolist())
x=o.TensorProto(int64_data=[1,2]); R(np.array(x.int64_data).dtype.name, np.prod(x.int64_data), max(x.int64_data), sum(x.int64_data), list(map(int,x.int64_data)), list(reversed(x.int64_data)))
x=o.TensorProto(dims=[2,3]); R(tuple(x.dims), np.prod(x.dims), np.zeros(x.dims).shape, np.zeros(6).reshape(x.dims).shape)
x=o.TensorProto(raw_data=b"abc"); R(x.raw_data, type(x.raw_data).__name__, np.frombuffer(x.raw_data,np.uint8).tolist())
x=o.StringStringEntryProto(key="a",value="b"); R(x, x.key)
x=o.OperatorSetIdProto(version=3); R(x, x.domain, x.HasField("domain"))
x=o.ValueInfoProto(name="x"); x.type.tensor_type.shape.dim.add().dim_value=3; x.type.tensor_type.shape.dim.add().dim_param="N"; x.type.tensor_type.shape.dim.add(); R(x, [d.WhichOneof("value") for d in x.type.tensor_type.shape.dim])
x=o.ValueInfoProto(name="x"); x.type.tensor_type.shape.dim.extend([o.TensorShapeProto.Dimension(dim_value=1)]); R(x)
x=o.GraphProto(name="g"); y=o.GraphProto(); y.MergeFrom(x); x.name="h"; R(x.name,y.name)
x=o.FunctionProto(name="f",domain="d",input=["a"],attribute=["q"],opset_import=[o.OperatorSetIdProto(version=1)]); R(x, str(x), repr(x))
x=o.ModelProto(ir_version=3,graph=o.GraphProto(name="g",input=[o.ValueInfoProto(name="x")])); R(str(x), repr(x), repr(x.graph))
x=o.ModelProto(functions=[o.FunctionProto(name="f")]); R(str(x.functions), repr(x.functions))
x=o.GraphProto(input=[o.ValueInfoProto(name="x")]); R(str(x.input), str(x.input[0]), f"{x.input[0]}")
x=o.TensorProto(int32_data=[1,2,3]); x.int32_data[0]+=5; R(list(x.int32_data))
x=o.TensorProto(); x.int32_data.extend([1.5])
x=o.TensorProto(); x.int32_data.extend([True]); R(list(x.int32_data))
x=o.TensorProto(); x.int32_data.extend(["a"])
x=o.TensorProto(); x.int32_data[:]=[1,2]; R(x)
x=o.AttributeProto(floats=[1,2]); x.floats[1]=np.float32(3.3); R(list(x.floats))
x=o.AttributeProto(ints=[1]); y=x.ints; x.ClearField("ints"); y.append(2); R(list(x.ints), list(y))
x=o.AttributeProto(); y=x.ints; y.append(2); R(list(x.ints))
x=o.AttributeProto(tensors=[o.TensorProto(name="a")]); y=x.tensors[0]; del x.tensors[0]; y.name="b"; R(len(x.tensors), y.name)
x=o.AttributeProto(tensors=[o.TensorProto(name="a")]); y=x.tensors[0]; y.name="b"; R(x)
x=o.MapProto(name="m",key_type=7,keys=[1]); x.values.tensor_values.add().name="q"; R(x)
x=o.OptionalProto(elem_type=1); x.tensor_value.name="q"; R(x)
x=o.TrainingInfoProto(); x.algorithm.name="q"; x.update_binding.add(key="a",value="b"); R(x)
x=o.SparseTensorProto(dims=[1]); x.values.name="q"; R(x)
x=o.TensorAnnotation(tensor_name="q"); x.quant_parameter_tensor_names.add(key="a",value="b"); R(x)
x=o.NodeDeviceConfigurationProto(configuration_id="q",pipeline_stage=1); x.sharding_spec.add(tensor_name="a",device=[1]).sharded_dim.add(axis=0).simple_sharding.add(dim_value=1,num_shards=2); R(x)
x=o.ModelProto(configuration=[o.DeviceConfigurationProto(name="a",num_devices=2,device=["q"])]); R(x)
x=o.OperatorSetProto(); x.operator.add(op_type="Q",since_version=1,status=1); R(x)
x=o.TensorProto(); x.ByteSize(1)
x=o.TensorProto(dims=range(3)); R(list(x.dims))
x=o.TensorProto(dims=np.array([1,2])); R(list(x.dims))
x=o.TensorProto(dims=(i for i in (1,2))); R(list(x.dims))
x=o.TensorProto(float_data=np.array([1.5,2])); R(list(x.float_data))
x=o.TensorProto(float_data=5.0)
x=o.TensorProto(**{"name":"q"}); R(x)
x=o.GraphProto(node=[{"op_type":"A","input":["x"]}]); R(x)
x=o.NodeProto(op_type="A"); x.attribute.extend([o.AttributeProto(name="q")]); R([a.name for a in x.attribute], next(a for a in x.attribute if a.name=="q"))
"""


@pytest.mark.parametrize("line", LINES.strip().splitlines())
def test_lines(line: str) -> None:
    check_line(line)


def described(descriptor: Any) -> Any:
    fields = [
        (
            *(f.name, f.number, f.type, f.cpp_type, f.full_name, f.has_presence, f.json_name, f.camelcase_name),
            *(f.is_required, f.is_repeated, f.is_extension, f.has_default_value, f.containing_type.name),
            *(f.message_type and f.message_type.full_name, f.enum_type and f.enum_type.full_name),
            *(f.containing_oneof and f.containing_oneof.full_name, f.message_type is None and f.default_value),
        )
        for f in descriptor.fields
    ]
    enums = [
        (e.name, e.full_name, [(v.name, v.number) for v in descriptor.enum_values_by_name.values()])
        for e in descriptor.enum_types
    ]
    holder = descriptor.containing_type and descriptor.containing_type.full_name
    names = (descriptor.name, descriptor.full_name, descriptor.file.name, descriptor.file.package, holder)
    flags = (descriptor.has_options, descriptor.is_extendable)
    inner = sorted((described(nested) for nested in descriptor.nested_types), key=repr)
    return names, flags, sorted(fields), sorted(enums), sorted(descriptor.oneofs_by_name), inner


MESSAGES = [name for name in dir(official) if hasattr(getattr(official, name), "DESCRIPTOR") and name.endswith("Proto")]


@pytest.mark.parametrize("name", [*MESSAGES, "TensorAnnotation"])
def test_descriptors(name: str) -> None:
    assert described(getattr(ours, name).DESCRIPTOR) == described(getattr(official, name).DESCRIPTOR)


@pytest.mark.parametrize(
    "name",
    ["TensorProto.DataType", "TensorProto.DataLocation", "AttributeProto.AttributeType", "Version", "OperatorStatus"],
)
def test_enum_descriptors(name: str) -> None:
    def program(package: Any) -> Any:
        enum: Any = package
        for part in name.split("."):
            enum = getattr(enum, part)
        data = enum.DESCRIPTOR
        rows = [(v.name, v.number, v.index) for v in data.values]
        by = [data.values_by_name[row[0]].number for row in rows], [data.values_by_number[row[1]].name for row in rows]
        return data.name, data.full_name, rows, by, enum.items(), enum.keys(), enum.values()

    assert program(ours) == program(official)


# --- protobuf's own text formats take our messages


def model(package: Any) -> Any:
    made = package.ModelProto(ir_version=8, producer_name='q"\\z', opset_import=[{"version": 13}])
    made.graph.node.add(op_type="Foo", input=["x"]).attribute.extend(
        [package.helper.make_attribute(n, v) for n, v in {"a": 1, "b": 2.5, "s": "t", "l": [1, 2], "f": [0.1]}.items()]
    )
    made.graph.initializer.add(name="w", data_type=1, raw_data=b"ab\xff\0", data_location=1, float_data=[1.5, 1e-9])
    return made


FORMATS: dict[str, Any] = {
    "text": lambda o: text_format.MessageToString(model(o)),
    "one line": lambda o: text_format.MessageToString(model(o), as_one_line=True),
    "text read": lambda o: text_format.Parse(text_format.MessageToString(model(official)), o.ModelProto()),
    "text merged": lambda o: text_format.Merge('name: "q" node { op_type: "A" }', o.GraphProto(name="p")),
    "numbers read": lambda o: text_format.Parse("dims: [1, 2] data_type: 7", o.TensorProto()),
    "unknown field": lambda o: text_format.Parse("nonsense: 1", o.GraphProto()),
    "json": lambda o: json_format.MessageToJson(model(o)),
    "json of field names": lambda o: json_format.MessageToJson(model(o), preserving_proto_field_name=True),
    "dict": lambda o: json_format.MessageToDict(model(o)),
    "json read": lambda o: json_format.Parse(json_format.MessageToJson(model(official)), o.ModelProto()),
    "dict read": lambda o: json_format.ParseDict(
        {"opType": "A", "attribute": [{"type": "INT", "i": "3"}]}, o.NodeProto()
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats_of_protobuf(name: str) -> None:
    def program(package: Any) -> Any:
        try:
            return plain(FORMATS[name](package))
        except text_format.ParseError:
            return "refused"

    assert program(ours) == program(official)
