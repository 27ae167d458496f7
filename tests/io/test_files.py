"""Models in files: what comes back is what was saved, and what is unsafe or broken is refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import sardonyx as sx
from sardonyx.core import dtypes
from sardonyx.core.errors import FormatError, InputError, PathError
from sardonyx.ir import Model, Tensor


def small_model() -> onnx.ModelProto:
    weight = numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(3, 4), "w")
    branch = helper.make_graph(
        [helper.make_node("Neg", ["y"], ["z1"])], "then", [], [helper.make_tensor_value_info("z1", 1, None)]
    )
    other = helper.make_graph(
        [helper.make_node("Identity", ["y"], ["z2"])], "else", [], [helper.make_tensor_value_info("z2", 1, None)]
    )
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"], name="product"),
        helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=other),
    ]
    inputs = [helper.make_tensor_value_info("x", 1, ["batch", 3]), helper.make_tensor_value_info("c", 9, [])]
    outputs = [helper.make_tensor_value_info("z", 1, ["batch", 4])]
    graph = helper.make_graph(nodes, "small", inputs, outputs, [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])


def big_model() -> Model:
    """The small model with a weight that is worth moving out."""
    model = sx.load(small_model().SerializeToString())
    model.graph.initializers["w"].const = Tensor(np.random.default_rng(0).random((3, 400), np.float32), name="w")
    return model


def test_a_round_trip_keeps_everything() -> None:
    proto = small_model()
    again = onnx.load_model_from_string(sx.to_bytes(sx.load(proto.SerializeToString())))
    assert again == proto


@pytest.mark.parametrize("element", [t for t in dtypes.ALL if t.kind not in ("none", "string")], ids=repr)
def test_every_element_type_survives(element: dtypes.DType, tmp_path: Path) -> None:
    model = sx.load(small_model().SerializeToString())
    codes = np.random.default_rng(0).integers(0, 2, 7).astype(element.numpy)
    model.graph.add_initializer(Tensor(codes, name="k"))
    sx.save(model, tmp_path / "m.onnx")
    const = sx.load(tmp_path / "m.onnx").graph.initializers["k"].const
    assert isinstance(const, Tensor) and const.dtype is element
    assert const.numpy().tobytes() == codes.tobytes()
    official = numpy_helper.to_array(onnx.load(tmp_path / "m.onnx").graph.initializer[-1])
    np.testing.assert_array_equal(official.astype(np.complex128), codes.astype(np.complex128))


def test_external_data_is_mapped_back(tmp_path: Path) -> None:
    model = big_model()
    sx.save(model, tmp_path / "m.onnx", external_data=True)
    assert (tmp_path / "m.onnx").stat().st_size < 1000 < (tmp_path / "m.onnx.data").stat().st_size
    const = sx.load(tmp_path / "m.onnx").graph.initializers["w"].const
    assert isinstance(const, Tensor) and const.external is not None
    assert not const.numpy().flags.writeable  # a view of the file
    np.testing.assert_array_equal(const.numpy(), model.graph.initializers["w"].const.numpy())  # pyright: ignore
    np.testing.assert_array_equal(numpy_helper.to_array(onnx.load(tmp_path / "m.onnx").graph.initializer[0]), const)


def external(location: str, length: int = 4800) -> bytes:
    proto = small_model()
    tensor = proto.graph.initializer[0]
    tensor.dims[:] = [3, 400]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)
    return proto.SerializeToString()


@pytest.mark.parametrize(
    "location", ["../w.bin", "a/../../w.bin", "/etc/hostname", "C:\\w.bin", "link.bin", "hard.bin", "", "."]
)
def test_external_data_stays_in_its_folder(location: str, tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(4800))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link.bin").symlink_to(tmp_path / "w.bin")
    os.link(tmp_path / "w.bin", folder / "hard.bin")
    (folder / "m.onnx").write_bytes(external(location))
    with pytest.raises(PathError):
        sx.load(folder / "m.onnx")


def test_a_model_may_be_a_link_and_its_data_beside_it(tmp_path: Path) -> None:
    """As download caches lay files out: names in one folder, contents in another."""
    blobs, names = tmp_path / "blobs", tmp_path / "names"
    for folder in (blobs, names):
        folder.mkdir()
    (blobs / "1").write_bytes(external("w.bin"))
    (blobs / "2").write_bytes(bytes(4800))
    (names / "m.onnx").symlink_to(blobs / "1")
    (names / "w.bin").symlink_to(blobs / "2")
    assert sx.load(names / "m.onnx").graph.initializers
    (names / "w.bin").unlink()
    (tmp_path / "secret").write_bytes(bytes(4800))
    for target in (tmp_path / "secret", blobs / "none"):
        (names / "w.bin").symlink_to(target)
        with pytest.raises(PathError, match="symbolic link"):
            sx.load(names / "m.onnx").graph.initializers["w"].const.numpy()  # pyright: ignore
        (names / "w.bin").unlink()


def test_external_data_that_is_too_short(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(100))
    (tmp_path / "m.onnx").write_bytes(external("w.bin"))
    with pytest.raises(FormatError, match="too short"):
        sx.load(tmp_path / "m.onnx")


def test_a_truncated_file_says_where() -> None:
    data = small_model().SerializeToString()
    with pytest.raises(FormatError) as caught:
        sx.load(data[:-7])
    assert caught.value.offset is not None


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04not a model", b"\x89PNG\r\n\x1a\n" + bytes(40), b"{}"])
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        sx.load(data)


def test_a_missing_file() -> None:
    with pytest.raises(InputError, match="no model file"):
        sx.load("nowhere.onnx")


def test_a_failed_save_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        sx.save(big_model(), path)
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]
