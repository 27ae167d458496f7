"""Calls with arguments of odd types and forms: both packages take the same, and refuse the same in the same classes."""

from __future__ import annotations

import importlib
import os
from typing import Any

import onnx as official
import pytest

import sardonyx.compat.onnx as ours
from tests.compat.differential import check_line

LINES = r"""
R(h.make_tensor('t', 1, [2], [1.0, 2.0], raw=True))
R(h.make_tensor('t', 1, [2], bytearray(8), raw=True))
R(h.make_tensor('t', 1, [2], memoryview(bytes(8)), raw=True))
R(h.make_tensor('t', 1, [2], '12345678', raw=True))
R(h.make_tensor('t', 1, [2], np.array([1, 2]), raw=True))
R(h.make_tensor('t', 6, [2], np.array([1, 2], np.float32), raw=True))
R(h.make_tensor('t', 1, [2], np.array([1, 2], '>f4'), raw=True))
R(h.make_tensor('t', 16, [2], np.array([1, 2], ml_dtypes.bfloat16), raw=True))
R(h.make_tensor('t', 22, [3], np.array([1, 2, 3], np.int8), raw=True))
R(h.make_tensor(None, 1, [1], [1.0]))
R(h.make_tensor('t', None, [1], [1.0]))
R(h.make_node(None, ['x'], ['y']))
R(h.make_node('Abs', None, ['y']))
R(h.make_node('Abs', ['x'], ['y'], overload=''))
R(h.make_node('Abs', ('x',), iter(['y'])))
R(h.make_graph(None, 'g', [], []))
R(h.make_graph([], None, [], []))
R(h.make_function('d', 'f', ['x'], ['y'], [], [], doc_string=''))
R(h.make_function('d', 'f', None, ['y'], [], []))
R(h.make_opsetid(None, 1))
R(h.make_opsetid('', None))
R(h.make_tensor_value_info(None, 1, [2]))
R(h.make_empty_tensor_value_info(None))
R(h.make_sequence('s', 0, []))
R(h.make_map('m', None, [1], o.SequenceProto()))
R(h.make_optional(None, 0, None))
R(h.make_sparse_tensor(None, o.TensorProto(), [1]))
R(h.make_attribute_ref('', 1))
R(h.make_attribute_ref('k', None))
R(h.np_dtype_to_tensor_dtype(None))
R(h.find_min_ir_version_for(None))
R(h.printable_node(h.make_node('Abs', ['x'], ['y']), prefix=1))
R(n.saturate_cast(np.array([1000.0]), np.float32))
R(n.saturate_cast(np.array([1000.0]), ml_dtypes.float8_e4m3fn))
R(o.defs.has('Abs', 1.5))
R(o.defs.get_schema('Abs', 13.0))
R(o.defs.get_schema('Abs', np.int64(13)).since_version)
R(o.defs.OpSchema.Attribute('k', 5))
R(str(o.defs.OpSchema.Attribute('k', 5, required=True).type))
R(o.defs.OpSchema.Attribute('k', 99, required=True))
R(o.defs.OpSchema.Attribute('k', o.defs.OpSchema.AttrType.INT, required=1))
R(o.defs.OpSchema.FormalParameter('a', 'T', param_option=9))
R(str(o.defs.OpSchema.FormalParameter('a', 'T', param_option=1).option))
R(o.defs.OpSchema.FormalParameter('a', 'T', is_homogeneous=1))
R(o.defs.OpSchema.TypeConstraintParam('T', 'tensor(float)'))
R(o.defs.OpSchema.TypeConstraintParam('T', [1]))
R(o.defs.OpSchema('N', 'd', np.int64(2)).since_version)
R(o.defs.OpSchema.is_infinite('x'))
R(o.defs.deregister_schema(3, 1, 'd'))
R(setattr(o.checker.C.CheckerContext(), 'opset_imports', 3))
R(o.TensorProto(name='x').HasField(b'name'))
R(o.TensorProto().HasField(3))
R(o.TensorProto().ClearField(['name']))
R(o.TypeProto().WhichOneof({}))
R(o.shape_inference.infer_function_output_types(None, [], []))
R(o.load_model_from_string(b'', format=''))
R(o.load_model_from_string(b'', format=0))
R(o.load_model_from_string(b'', format=[]))
""".strip().splitlines()


@pytest.mark.parametrize("line", LINES)
def test_lines(line: str) -> None:
    check_line(line)


MODEL = '<ir_version: 8, opset_import: ["": 18]> g (float[2] x) => (float[2] y) { y = Abs(x) }'
FLAGS: list[tuple[str, dict[str, Any]]] = [
    ("checker.check_model", {"full_check": 1}),
    ("checker.check_model", {"check_custom_domain": None}),
    ("shape_inference.infer_shapes", {"strict_mode": "x"}),
    ("shape_inference.infer_shapes", {"data_prop": 0}),
    ("inliner.inline_local_functions", {"convert_version": 1}),
]


@pytest.mark.parametrize(("call", "flags"), FLAGS)
def test_what_says_yes_or_no_is_a_bool(call: str, flags: dict[str, Any]) -> None:
    module, name = call.split(".")
    for package in (ours, official):
        model = package.parser.parse_model(MODEL)
        with pytest.raises(TypeError, match="incompatible function arguments"):
            getattr(importlib.import_module(f"{package.__name__}.{module}"), name)(model, **flags)


@pytest.mark.parametrize("version", [17, 19, 21])
def test_a_converted_model_keeps_its_ir_version(version: int) -> None:
    made = [p.version_converter.convert_version(p.parser.parse_model(MODEL), version) for p in (ours, official)]
    assert made[0].ir_version == made[1].ir_version == 8


def test_places_are_what_open_takes(tmp_path: Any) -> None:
    for package in (ours, official):
        model = package.parser.parse_model(MODEL)
        package.save(model, os.fsencode(tmp_path / "m.onnx"))
        assert package.load(os.fsencode(tmp_path / "m.onnx")) == model
        with pytest.raises(FileNotFoundError):
            package.load("")


@pytest.mark.parametrize("call", ["checker.check_model", "shape_inference.infer_shapes"])
def test_bytes_that_are_no_message(call: str) -> None:
    module, name = call.split(".")
    for package in (ours, official):
        with pytest.raises(ValueError, match="Unable to parse proto from the given bytes"):
            getattr(getattr(package, module), name)(b"\xff")
