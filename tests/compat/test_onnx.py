"""The same small programs on both packages: what they give, and the type of what they raise, must be the same."""

from __future__ import annotations

import io
import math
from typing import Any

import ml_dtypes
import numpy as np
import onnx as official
import pytest

import sardonyx.compat.onnx as ours
from sardonyx.core import dtypes
from tests.compat.programs import Program, plain, same

TYPES = [row for row in dtypes.ALL if row is not dtypes.UNDEFINED]


def graph(o: Any) -> Any:
    h = o.helper
    x, y = (h.make_tensor_value_info(name, 1, ["N", 2]) for name in "xy")
    w = h.make_tensor("w", 1, [2, 2], [1.0, 2.0, 3.0, 4.0])
    return h.make_graph([h.make_node("MatMul", ["x", "w"], ["y"], "product")], "g", [x], [y], [w], doc_string="doc")


# --- helper

ATTRIBUTES: list[Any] = [
    *(None, [], {}, object(), 1, True, 1.5, "text", b"bytes", [1, 2], [1, 2.5], [1.5], ["a", b"b"], [1, "x"], (1, 2)),
    *(np.float32(2), np.int8(3), np.array([1, 2]), np.array([1.5]), np.array([[1]]), [None]),
]


@pytest.mark.parametrize("attr_type", [None, 1, 2, 3, 6, 7, 8, 4, 9, 99])
@pytest.mark.parametrize("value", ATTRIBUTES, ids=repr)
def test_make_attribute(value: Any, attr_type: int | None) -> None:
    same(lambda o: o.helper.make_attribute("a", value, attr_type=attr_type))


@pytest.mark.parametrize("make", ["graph", "tensor", "type", "sparse"])
@pytest.mark.parametrize("many", [False, True])
def test_attributes_hold_messages_and_give_them_back(make: str, many: bool) -> None:
    def program(o: Any) -> Any:
        h = o.helper
        t = h.make_tensor("t", 7, [1], [0])
        made = {
            "graph": graph(o),
            "tensor": t,
            "type": h.make_tensor_type_proto(1, None),
            "sparse": h.make_sparse_tensor(t, t, [3]),
        }[make]
        attribute = h.make_attribute("a", [made, made] if many else made, "doc")
        return [attribute, h.get_attribute_value(attribute)]

    same(program)


VALUES: list[Any] = [
    *([1, 0, 1, 1, 0, 1], [1.0, 2.5, -3, 1e6, 0.1, -0.0], [0.3, 1.25, 7.6, 448, 500, 0.01]),
    *([], [1], [True] * 6, ["a", b"b", "c", "", "e", "f"]),
    *(np.arange(6).reshape(2, 3), [[1, 2, 3], [0, 1, 2]]),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", TYPES, ids=str)
@pytest.mark.parametrize("vals", VALUES, ids=repr)
def test_make_tensor(kind: dtypes.DType, vals: Any) -> None:
    same(lambda o: o.helper.make_tensor("t", kind.code, [2, 3], vals))
    same(lambda o: o.numpy_helper.to_array(o.helper.make_tensor("t", kind.code, [2, 3], vals)))


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_make_tensor_from_bytes(kind: dtypes.DType) -> None:
    for count in (5, 6, 7):
        same(lambda o, n=count: o.helper.make_tensor("t", kind.code, [6], bytes(kind.nbytes(n)), raw=True))


@pytest.mark.parametrize("code", range(-1, 30))
@pytest.mark.parametrize(
    "name", ["np_dtype", "field", "storage_tensor_dtype", "string"], ids=lambda name: f"tensor_dtype_to_{name}"
)
def test_tables_of_types(name: str, code: int) -> None:
    same(lambda o: getattr(o.helper, f"tensor_dtype_to_{name}")(code))


def test_tables_of_versions() -> None:
    assert ours.helper.VERSION_TABLE == official.helper.VERSION_TABLE
    assert ours.helper.OP_SET_ID_VERSION_MAP == official.helper.OP_SET_ID_VERSION_MAP
    constants = [name for name in dir(official) if name.startswith("IR_VERSION") or name in ("STABLE", "EXPERIMENTAL")]
    assert {n: getattr(ours, n) for n in constants} == {n: getattr(official, n) for n in constants}


SHAPES: list[Any] = [None, (), (1, "N", None), [2, 3], (1.5,), (True,), (np.int64(3),)]
HELPERS: dict[str, Program] = {
    "node": lambda o: o.helper.make_node("Op", ["a"], ["b"], "n", "d", "dom", "ov", y=1, x=None, b=[1]),
    "bare node": lambda o: o.helper.make_node("Op", [], []),
    "empty domain": lambda o: o.helper.make_node("Op", [], [], domain=""),
    "attribute of a node": lambda o: o.helper.get_node_attr_value(o.helper.make_node("Op", [], [], y="s"), "y"),
    "no such attribute": lambda o: o.helper.get_node_attr_value(o.helper.make_node("Op", [], []), "y"),
    "reference": lambda o: o.helper.make_attribute_ref("a", 2, "d", ref_attr_name="z"),
    "value of a reference": lambda o: o.helper.get_attribute_value(o.helper.make_attribute_ref("a", 2)),
    "graph": graph,
    "model": lambda o: o.helper.make_model(graph(o)),
    "model with fields": lambda o: o.helper.make_model(
        graph(o), opset_imports=[o.helper.make_opsetid("", 18)], producer_name="p", model_version=3
    ),
    "no such field": lambda o: o.helper.make_model(graph(o), nonsense=1),
    "old model": lambda o: o.helper.make_model_gen_version(graph(o), opset_imports=[o.helper.make_opsetid("", 7)]),
    "no opsets": lambda o: o.helper.make_model(graph(o), opset_imports=[]),
    "unknown opset": lambda o: o.helper.find_min_ir_version_for([o.helper.make_opsetid("x", 7)]),
    "ignored opset": lambda o: o.helper.find_min_ir_version_for([o.helper.make_opsetid("x", 7)], True),
    "function": lambda o: o.helper.make_function(
        *("d", "f", ["x"], ["y"], [o.helper.make_node("Abs", ["x"], ["y"])], [o.helper.make_opsetid("", 14)]),
        *(["a"], [o.helper.make_attribute("b", 1)], "doc", "o", [o.helper.make_tensor_value_info("x", 1, None)]),
    ),
    "training": lambda o: o.helper.make_training_info(graph(o), [("a", "b")], graph(o), [("c", "d")]),
    "training only": lambda o: o.helper.make_training_info(graph(o), [("a", "b")], None, None),
    "sequence type": lambda o: o.helper.make_tensor_sequence_value_info("x", 1, [1, "N"], "doc", ["a", "b"]),
    "map type": lambda o: o.helper.make_map_type_proto(7, o.helper.make_tensor_type_proto(1, None)),
    "optional type": lambda o: o.helper.make_optional_type_proto(o.helper.make_tensor_type_proto(1, [])),
    "denotation": lambda o: o.helper.make_tensor_value_info("x", 1, [1, None], "doc", ["a", "b"]),
    "short denotation": lambda o: o.helper.make_tensor_value_info("x", 1, [1, None], "doc", ["a"]),
    "empty info": lambda o: o.helper.make_empty_tensor_value_info("x"),
    "unknown sequence": lambda o: o.helper.make_sequence("x", 77, []),
    "unknown optional": lambda o: o.helper.make_optional("x", 9, o.TensorProto()),
    "optional": lambda o: o.helper.make_optional("x", 1, o.TensorProto(name="t")),
    "absent optional": lambda o: o.helper.make_optional("x", 1, None),
}


@pytest.mark.parametrize("name", HELPERS)
def test_helper(name: str) -> None:
    same(HELPERS[name])


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_value_infos(shape: Any) -> None:
    same(lambda o: o.helper.make_tensor_value_info("x", 1, shape))
    same(lambda o: o.helper.make_sparse_tensor_value_info("x", 1, shape))


def test_metadata_and_doc_strings() -> None:
    def program(o: Any) -> Any:
        model = o.helper.make_model(graph(o), doc_string="doc")
        o.helper.set_model_props(model, {"a": "b", "c": ""})
        o.helper.set_metadata_props(model.graph.node[0], {"k": "v"})
        return model

    same(program)
    same(lambda o: o.helper.set_model_props(o.helper.make_model(graph(o)), {"a": 1}))
    same(lambda o: o.helper.strip_doc_string("no message"))


def test_strip_doc_string() -> None:
    """Here and below. (The official function asks fields for a label, which the installed protobuf no longer gives.)"""
    model = ours.helper.make_model(graph(ours), doc_string="doc")
    model.graph.node[0].doc_string = "doc"
    ours.helper.strip_doc_string(model)
    assert not any(m.HasField("doc_string") for m in (model, model.graph, model.graph.node[0]))
    assert model.graph.node[0].op_type == "MatMul"


# --- numpy_helper


@pytest.mark.parametrize("kind", TYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3)], ids=str)
def test_arrays_to_tensors_and_back(kind: dtypes.DType, shape: tuple[int, ...]) -> None:
    numbers = np.resize(np.array([1, 0, 1, 1, 1]), math.prod(shape)).reshape(shape)
    array = numbers.astype(str).astype(object) if kind is dtypes.STRING else numbers.astype(kind.numpy)
    same(lambda o: o.numpy_helper.from_array(array, "x"))
    same(lambda o: o.numpy_helper.to_array(o.numpy_helper.from_array(array)))


def _ones(count: int = 1) -> Any:
    return np.ones(count, np.float32)


NUMPY: dict[str, Program] = {
    "text": lambda o: o.numpy_helper.from_array(np.array([["a"]]), "q"),
    "mixed text": lambda o: o.numpy_helper.from_array(np.array(["a", b"b"], object)),
    "objects": lambda o: o.numpy_helper.from_array(np.array([1, "a"], object)),
    "a list": lambda o: o.numpy_helper.from_array([1, 2]),
    "other byte order": lambda o: o.numpy_helper.from_array(np.arange(3).astype(">i4")),
    "not contiguous": lambda o: o.numpy_helper.from_array(np.arange(6).reshape(2, 3).T),
    "dates": lambda o: o.numpy_helper.from_array(np.array(["2020"], "datetime64[Y]")),
    "undefined": lambda o: o.numpy_helper.to_array(o.TensorProto(dims=[1])),
    "too few bytes": lambda o: o.numpy_helper.to_array(o.TensorProto(dims=[2], data_type=1, raw_data=b"123")),
    "too few entries": lambda o: o.numpy_helper.to_array(o.TensorProto(dims=[2], data_type=1, float_data=[1.0])),
    "segment": lambda o: o.numpy_helper.to_array(o.TensorProto(data_type=1, segment=o.TensorProto.Segment(begin=1))),
    "list": lambda o: o.numpy_helper.from_list([_ones(), _ones(2)], "n"),
    "list of lists": lambda o: o.numpy_helper.from_list([[_ones()], []]),
    "list of maps": lambda o: o.numpy_helper.from_list([{1: _ones()}]),
    "mixed list": lambda o: o.numpy_helper.from_list([_ones(), [_ones()]]),
    "empty list": lambda o: o.numpy_helper.from_list([]),
    "empty list of kind": lambda o: o.numpy_helper.from_list([], dtype=3),
    "list and back": lambda o: o.numpy_helper.to_list(o.numpy_helper.from_list([[_ones()], [_ones(2)]])),
    "unknown list": lambda o: o.numpy_helper.to_list(o.SequenceProto()),
    "map": lambda o: o.numpy_helper.from_dict({1: _ones(), 2: _ones(2)}, "m"),
    "map and back": lambda o: o.numpy_helper.to_dict(o.numpy_helper.from_dict({1: _ones()})),
    "narrow keys": lambda o: o.numpy_helper.from_dict({np.int8(1): _ones()}),
    "float keys": lambda o: o.numpy_helper.from_dict({1.5: _ones()}),
    "mixed keys": lambda o: o.numpy_helper.from_dict({1: _ones(), "a": _ones()}),
    "absent": lambda o: o.numpy_helper.from_optional(None),
    "absent of kind": lambda o: o.numpy_helper.from_optional(None, dtype=2),
    "wrong kind": lambda o: o.numpy_helper.from_optional(None, dtype=77),
    "present": lambda o: o.numpy_helper.from_optional(_ones(), "o"),
    "present list": lambda o: o.numpy_helper.from_optional([_ones()]),
    "present map": lambda o: o.numpy_helper.from_optional({1: _ones()}),
    "no array": lambda o: o.numpy_helper.from_optional(5),
    "absent and back": lambda o: o.numpy_helper.to_optional(o.numpy_helper.from_optional(None)),
    "present and back": lambda o: o.numpy_helper.to_optional(o.numpy_helper.from_optional([_ones()])),
    "random": lambda o: o.numpy_helper.create_random_int((3,), np.dtype(np.int8), 2),
}


@pytest.mark.parametrize("name", NUMPY)
def test_numpy_helper(name: str) -> None:
    same(NUMPY[name])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", [d for d in TYPES if d.kind in ("int", "uint", "float") and d.bits <= 16], ids=str)
def test_saturate_cast(kind: dtypes.DType) -> None:
    numbers = np.array([3000.0, -9e9, 9e9, 1.5, 2.5, -0.4, 0.1, np.inf, -np.inf])
    same(lambda o: o.numpy_helper.saturate_cast(numbers, kind.numpy))


@pytest.mark.parametrize("saturate", [True, False])
@pytest.mark.parametrize("mode", ["up", "down", "nearest", "sideways"])
def test_to_float8e8m0(mode: str, saturate: bool) -> None:
    """At the borders of each power of two, the smallest and largest among them, in each way of rounding."""
    powers = [2.0**e for e in (-149, -128, -127, -126, -3, 0, 5, 126, 127)]
    numbers = np.array([s * p * f for p in powers for f in (1, 1.25, 1.5, 1.75, 1.99) for s in (1, -1)], np.float32)
    numbers = np.append(numbers, np.array([0, np.inf, -np.inf, np.nan, np.finfo(np.float32).max], np.float32))
    same(lambda o: o.numpy_helper.to_float8e8m0(numbers, saturate, mode).view(np.uint8))
    assert ours.numpy_helper.to_float8e8m0(_ones()).dtype == ml_dtypes.float8_e8m0fnu


def test_maps_from_text() -> None:
    """The official package trips over text as keys (it asks NumPy for the type of `str`); its reader takes our map."""
    made = ours.numpy_helper.from_dict({"a": _ones(), "b": _ones(2)})
    read = official.numpy_helper.to_dict(official.MapProto.FromString(made.SerializeToString()))
    assert plain(ours.numpy_helper.to_dict(made)) == plain(read)


@pytest.mark.parametrize("code", [ours.TensorProto.COMPLEX64, ours.TensorProto.COMPLEX128])
def test_make_complex_tensor(code: int) -> None:
    same(lambda o: o.helper.make_tensor("t", code, [3], [1j, 2, 3 - 1j]))


# --- files


@pytest.mark.parametrize("suffix", [".onnx", ".pb", ".textproto", ".json", ".onnxtxt", ".other", ""])
def test_each_package_reads_what_the_other_wrote(suffix: str, tmp_path: Any) -> None:
    # The text syntax has no name for nodes' doc strings; all else is the same model in every format.
    for writer, reader in ((ours, official), (official, ours)):
        path = tmp_path / f"{writer.__name__}{suffix}"
        writer.save(writer.helper.make_model(graph(writer), producer_name="p"), path)
        again = reader.load(path)
        assert again.graph.node[0].op_type == "MatMul"
        np.testing.assert_array_equal(reader.numpy_helper.to_array(again.graph.initializer[0]), [[1, 2], [3, 4]])


def test_models_and_tensors_in_bytes_and_open_files(tmp_path: Any) -> None:
    def program(o: Any) -> Any:
        model, file = o.helper.make_model(graph(o)), io.BytesIO()
        o.save_model(model, file)
        tensor = model.graph.initializer[0]
        o.save_tensor(tensor, tmp_path / "t.pb")
        return [
            o.load_model_from_string(file.getvalue()),
            o.load_from_string(file.getvalue()),
            o.load(io.BytesIO(file.getvalue())),
            o.load_tensor(tmp_path / "t.pb"),
            o.load_tensor_from_string(tensor.SerializeToString()),
        ]

    same(program)
    same(lambda o: o.load_model_from_string(b"", format="nonsense"))
    same(lambda o: o.load_model("absent.onnx"))


@pytest.mark.parametrize("together", [True, False])
def test_external_data(together: bool, tmp_path: Any) -> None:
    """Either package reads the files of the other; the models name the same places."""

    def made(o: Any) -> Any:
        model = o.helper.make_model(graph(o))
        for name, count in (("big", 3000), ("bigger", 5000), ("small", 10)):
            array = np.arange(count, dtype=np.float32)
            model.graph.initializer.append(o.numpy_helper.from_array(array, f"{together}{name}"))
        return model

    stored = {}
    for writer, reader in ((ours, official), (official, ours)):
        folder = tmp_path / writer.__name__
        folder.mkdir()
        writer.save(
            made(writer),
            str(folder / "m.onnx"),
            save_as_external_data=True,
            all_tensors_to_one_file=together,
            location="weights" if together else None,
        )
        stored[writer] = (folder / "m.onnx").read_bytes()
        again = reader.load(str(folder / "m.onnx"))
        for tensor, expected in zip(again.graph.initializer, made(reader).graph.initializer, strict=True):
            assert not tensor.external_data
            assert plain(reader.numpy_helper.to_array(tensor)) == plain(reader.numpy_helper.to_array(expected))
        unread = reader.load(str(folder / "m.onnx"), load_external_data=False)
        uses = [reader.external_data_helper.uses_external_data(t) for t in unread.graph.initializer]
        assert uses == [False, True, True, False]
    assert stored[ours] == stored[official]


# --- text

TEXTS = {
    "model": '<ir_version: 10, opset_import: ["" : 20]> g (float[N, 2] x) => (float[N, 2] y) { y = Relu(x) }',
    "graph": "g (float[N] x) => (float[N] y) { t = Abs(x)  y = Neg(t) }",
    "function": '<domain: "d", opset_import: ["" : 20]> f <a> (x) => (y) { y = LeakyRelu<alpha: float = @a>(x) }',
    "node": "y, z = Split<axis = 1, num_outputs = 2>(x)",
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_to_messages_and_back(name: str) -> None:
    def parse(o: Any, text: str = TEXTS[name]) -> Any:
        return getattr(o.parser, f"parse_{name}")(text)

    same(parse)
    assert parse(ours, ours.printer.to_text(parse(ours))) == parse(ours)
    assert parse(official, ours.printer.to_text(parse(ours))) == parse(official)
    same(lambda o: parse(o, "nonsense ("))
    same(lambda o: o.printer.to_text("no message"))
