"""Arrays to messages and back, line by line on both packages."""

from __future__ import annotations

import pytest

from tests.compat.differential import check_line

LINES = r"""
R([n.from_array(np.array(v),"x") for v in (1,1.5,True,[1,2],[[1.5]],np.float16(1),1j,b"q")])
n.from_array(np.array(None))
R(n.from_array(np.array([["Amy","Billy"],["C","D"]]).astype(object),"t"))
R(n.to_array(n.from_array(np.array(["Amy",b"B"],object),"t")).tolist())
R(n.to_array(o.TensorProto(data_type=8,dims=[1],string_data=[b"\xff"])))
n.to_array(o.TensorProto(data_type=99,dims=[1]))
n.to_array(o.TensorProto(data_type=1,dims=[2],float_data=[1]))
R(n.to_array(o.TensorProto(data_type=1,dims=[0])).shape, n.to_array(o.TensorProto(data_type=1,dims=[],float_data=[1])).shape)
n.to_array(o.TensorProto(data_type=1,dims=[],raw_data=b""))
x=n.to_array(o.helper.make_tensor("t",1,[2],[1,2])); R(x.flags.writeable, x.dtype.name);
x=n.to_array(o.helper.make_tensor("t",1,[2],np.array([1,2],np.float32),raw=True)); R(x.flags.writeable)
R(n.from_array(np.arange(6).reshape(2,3).T), n.from_array(np.arange(6)[::2]))
R(n.from_array(np.array([1,2],dtype=">f4")))
R([n.from_array(np.array([1,0,1],t)) for t in (ml_dtypes.bfloat16,ml_dtypes.float8_e4m3fn,ml_dtypes.int4,ml_dtypes.uint4,ml_dtypes.int2,ml_dtypes.float4_e2m1fn,ml_dtypes.float6_e2m3fn,ml_dtypes.float8_e8m0fnu)])
n.from_dict({})
R(n.from_dict({np.int64(1):np.array([10.],np.float32)},"m"))
n.from_dict({0:np.array(1),1:np.array(0.9)})
n.from_dict({0:np.array(1.,np.float32),1:np.array(1.)})
n.from_dict({0:np.array(1),True:np.array(1),2:1})
n.from_dict({0:np.array(1),1.5:np.array(1)})
n.from_dict({1.5:np.array(1)})
n.from_dict({np.int32(1):np.array(1),2:np.array(1)})
R(n.from_dict({1:np.array(1),np.int64(2):np.array([2,3])}))
R(n.from_dict({1:1,2:2}), n.from_dict({np.uint8(1):1.5}))
n.from_list([np.array([1.]),"x"])
R(n.from_list([1,2]), n.from_list([1.5]))
R(n.from_list(np.array([1,2])), n.from_list(np.array([])))
n.create_random_int((2,2),np.float32)
R(n.create_random_int((2,3),np.uint8), n.create_random_int((2,3),np.int64,seed=5).tolist())
R(n.saturate_cast(np.array([1e9,-1e9,1.5]),np.dtype("int8")).tolist(), n.saturate_cast(np.array([1e9]),np.dtype(ml_dtypes.float8_e4m3fn)).view(np.uint8).tolist())
n.saturate_cast(np.array([1.]),np.dtype("U1"))
n.to_float8e8m0(np.array([1.]),True,"sideways")
R(n._unpack_4bit(np.array([0x73],np.uint8),[2]).tolist(), n._pack_4bitx2(np.array([3,7],np.uint8)).tolist(), n._unpack_2bit(np.array([0xC9],np.uint8),[4]).tolist(), n._pack_2bitx4(np.array([1,2,0,3],np.uint8)).tolist(), n._pack_6bit(np.array([1,2,3],np.uint8)).tolist(), n._unpack_6bit(n._pack_6bit(np.array([1,2,3],np.uint8)),[3]).tolist())
R(n.tobytes_little_endian(np.array([1,2],np.int16)))
R(n.to_optional(n.from_optional(np.array([1.]))).tolist(), n.from_optional([np.array([1])]), n.from_optional({1:np.array([1])}), n.from_optional(None,dtype=0))
n.from_optional(None,dtype=999)
R(n.to_list(o.SequenceProto(elem_type=1)))
n.to_list(o.SequenceProto(elem_type=9))
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("line", LINES.strip().splitlines())
def test_lines(line: str) -> None:
    check_line(line)
