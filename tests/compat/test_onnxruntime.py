"""onnxruntime's interface: the same program on both, and what each says about wrong calls."""

from __future__ import annotations

import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime as official
import pytest

import sardonyx.compat.onnxruntime as ours
from sardonyx.io import to_bytes
from sardonyx.ir.text import parse_model

BOTH = [pytest.param(official, id="onnxruntime"), pytest.param(ours, id="sardonyx")]
NET = """<ir_version: 8, opset_import: ["" : 17], producer_name: "maker", domain: "org", model_version: 3,
doc_string: "a model", metadata_props: ["key": "value"]>
net (float[N, 3] x, float[2] b) => (float[N, 2] y, int64[2] size)
<float[3, 2] w = {1, 2, 3, 4, 5, 6}, float[2] b = {0.5, -0.5}>
{ h = MatMul(x, w) y = Add(h, b) size = Shape(y) }"""
BYTES = to_bytes(parse_model(NET))
X = np.arange(6, dtype=np.float32).reshape(2, 3)
Y = X @ np.array([[1, 2], [3, 4], [5, 6]], np.float32) + np.array([0.5, -0.5], np.float32)


@pytest.fixture(params=BOTH)
def ort(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


@pytest.fixture
def session(ort: ModuleType) -> Any:
    return ort.InferenceSession(BYTES, providers=["CPUExecutionProvider"])


def test_the_model_describes_itself(session: Any) -> None:
    assert [(a.name, a.type, a.shape) for a in session.get_inputs()] == [("x", "tensor(float)", ["N", 3])]
    assert [(a.name, a.type, a.shape) for a in session.get_outputs()] == [
        ("y", "tensor(float)", ["N", 2]),
        ("size", "tensor(int64)", [2]),
    ]
    assert [(a.name, a.shape) for a in session.get_overridable_initializers()] == [("b", [2])]
    meta = session.get_modelmeta()
    assert (meta.producer_name, meta.graph_name, meta.domain, meta.description, meta.version) == (
        "maker", "net", "org", "a model", 3,
    )  # fmt: skip
    assert meta.custom_metadata_map == {"key": "value"} and meta.graph_description == ""
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert session.get_provider_options() == {"CPUExecutionProvider": {}}


def test_runs(session: Any, ort: ModuleType) -> None:
    y, size = session.run(None, {"x": X})
    np.testing.assert_allclose(y, Y)
    assert size.tolist() == [2, 2]
    [size] = session.run(["size"], {"x": X.tolist()}, ort.RunOptions())
    assert size.tolist() == [2, 2]
    [y] = session.run(["y"], {"x": X, "b": np.zeros(2, np.float32)})
    np.testing.assert_allclose(y, Y - [0.5, -0.5])
    [y] = session.run_with_ort_values(["y"], {"x": ort.OrtValue.ortvalue_from_numpy(X)})
    np.testing.assert_allclose(y.numpy(), Y)


def test_runs_from_a_path(ort: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(BYTES)
    for path in (tmp_path / "m.onnx", str(tmp_path / "m.onnx")):
        np.testing.assert_allclose(ort.InferenceSession(path).run(["y"], {"x": X})[0], Y)


def test_wrong_calls(session: Any, ort: ModuleType, tmp_path: Path) -> None:
    state = ort.capi.onnxruntime_pybind11_state
    with pytest.raises(ValueError, match=r"Required inputs \(\['x'\]\) are missing"):
        session.run(None, {"b": np.zeros(2, np.float32)})
    for names, feeds in (
        (None, {"x": np.zeros((2, 4), np.float32)}),
        (None, {"x": np.zeros(3, np.float32)}),
        (None, {"x": np.zeros((2, 3))}),
        (None, {"x": X, "z": X}),
        (["nothing"], {"x": X}),
    ):
        with pytest.raises(state.InvalidArgument, match=r"^\[ONNXRuntimeError\] : 2 : INVALID_ARGUMENT : "):
            session.run(names, feeds)
    with pytest.raises(state.NoSuchFile, match="3 : NO_SUCHFILE"):
        ort.InferenceSession(tmp_path / "absent.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"\xff\xff\xff")
    with pytest.raises(state.InvalidProtobuf, match="7 : INVALID_PROTOBUF"):
        ort.InferenceSession(tmp_path / "bad.onnx")
    with pytest.raises(TypeError):
        ort.InferenceSession(3)
    options = ort.RunOptions()
    options.terminate = True
    with pytest.raises(state.Fail, match="terminate"):
        session.run(None, {"x": X}, options)


def test_unknown_providers_are_passed_over(ort: ModuleType) -> None:
    with pytest.warns(UserWarning, match="'MoonExecutionProvider' is not in available provider names"):
        session = ort.InferenceSession(BYTES, providers=["MoonExecutionProvider", "CPUExecutionProvider"])
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert "CPUExecutionProvider" in ort.get_available_providers() and ort.get_device() == "CPU"


def test_options(ort: ModuleType, tmp_path: Path) -> None:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.add_free_dimension_override_by_name("N", 2)
    options.add_session_config_entry("session.x", "1")
    assert options.get_session_config_entry("session.x") == "1"
    session = ort.InferenceSession(BYTES, options)
    assert session.get_inputs()[0].shape == [2, 3] and session.get_session_options().intra_op_num_threads == 1
    np.testing.assert_allclose(session.run(["y"], {"x": X})[0], Y)
    again = ort.InferenceSession(tmp_path / "optimized.onnx")
    np.testing.assert_allclose(again.run(["y"], {"x": X})[0], Y, rtol=1e-6)


def test_initializers_may_be_given(ort: ModuleType) -> None:
    options = ort.SessionOptions()
    weights = ort.OrtValue.ortvalue_from_numpy(np.ones((3, 2), np.float32))
    options.add_initializer("w", weights)
    [y] = ort.InferenceSession(BYTES, options).run(["y"], {"x": X})
    np.testing.assert_allclose(y, X.sum(1, keepdims=True) + np.array([0.5, -0.5], np.float32))


def test_profiling(ort: ModuleType, tmp_path: Path) -> None:
    options = ort.SessionOptions()
    options.enable_profiling, options.profile_file_prefix = True, str(tmp_path / "trace")
    session = ort.InferenceSession(BYTES, options)
    assert session.get_profiling_start_time_ns() > 0
    session.run(None, {"x": X})
    path = Path(session.end_profiling())
    assert path.name.startswith("trace_") and "dur" in path.read_text()


def test_run_async(session: Any) -> None:
    done, got = threading.Event(), []

    def finish(results: Any, data: Any, error: str) -> None:
        got.append((results, data, error))
        done.set()

    session.run_async(["y"], {"x": X}, finish, "data")
    assert done.wait(30)
    [(results, data, error)] = got
    np.testing.assert_allclose(results[0], Y)
    assert (data, error) == ("data", "")


def test_values(ort: ModuleType) -> None:
    value = ort.OrtValue.ortvalue_from_numpy(X.copy())
    assert (value.shape(), value.data_type(), value.element_type()) == ([2, 3], "tensor(float)", 1)
    assert value.is_tensor() and value.has_value() and not value.is_sparse_tensor() and not value.is_tensor_sequence()
    assert value.device_name() == "cpu" and value.tensor_size_in_bytes() == 24 and value.data_ptr()
    value.update_inplace(X + 1)
    np.testing.assert_array_equal(value.numpy(), X + 1)
    np.testing.assert_array_equal(np.asarray(value), X + 1)
    np.testing.assert_array_equal(np.from_dlpack(value), X + 1)
    empty = ort.OrtValue.ortvalue_from_shape_and_type([2, 2], np.int64, "cpu", 0)
    assert (empty.shape(), empty.data_type()) == ([2, 2], "tensor(int64)")
    halves = ort.OrtValue.ortvalue_from_numpy_with_onnx_type(np.zeros(3, np.uint16), 16)
    assert halves.data_type() == "tensor(bfloat16)" and halves.element_type() == 16
    device = ort.OrtDevice.make("cpu", 0)
    assert (device.device_id(), device.device_type()) == (0, 0)


def test_bindings(session: Any, ort: ModuleType) -> None:
    binding = session.io_binding()
    binding.bind_cpu_input("x", X)
    binding.bind_output("y")
    binding.bind_output("size", "cpu")
    session.run_with_iobinding(binding)
    y, size = binding.copy_outputs_to_cpu()
    np.testing.assert_allclose(y, Y)
    assert size.tolist() == [2, 2]
    assert [v.shape() for v in binding.get_outputs()] == [[2, 2], [2]]
    binding.clear_binding_outputs()
    kept = ort.OrtValue.ortvalue_from_shape_and_type([2, 2], np.float32)
    binding.bind_ortvalue_output("y", kept)
    session.run_with_iobinding(binding)
    np.testing.assert_allclose(kept.numpy(), Y)


def test_bindings_to_addresses(session: Any) -> None:
    source, target = X + 0, np.zeros((2, 2), np.float32)
    binding = session.io_binding()
    binding.bind_input("x", "cpu", 0, np.float32, [2, 3], source.ctypes.data)
    binding.bind_output("y", "cpu", 0, np.float32, [2, 2], target.ctypes.data)
    binding.synchronize_inputs()
    session.run_with_iobinding(binding)
    binding.synchronize_outputs()
    np.testing.assert_allclose(target, Y)


def test_sequences_and_optionals(ort: ModuleType) -> None:
    text = """<ir_version: 8, opset_import: ["" : 17]>
    agraph (float[N] a, float[M] b) => (seq(float[]) s, int64 n) { s = SequenceConstruct(a, b) n = SequenceLength(s) }"""
    session = ort.InferenceSession(to_bytes(parse_model(text)))
    assert session.get_outputs()[0].type == "seq(tensor(float))"
    parts, count = session.run(None, {"a": X[0], "b": X[0, :2]})
    assert [p.tolist() for p in parts] == [[0, 1, 2], [0, 1]] and int(count) == 2


def test_what_only_another_device_could_mean_is_refused() -> None:
    state = ours.capi.onnxruntime_pybind11_state
    with pytest.raises(state.Fail, match="there is no device cuda:0"):
        ours.OrtValue.ortvalue_from_numpy(X, "cuda", 0)
    with pytest.raises(state.Fail, match="compiled for onnxruntime"):
        ours.SessionOptions().register_custom_ops_library("libops.so")
    with pytest.raises(ValueError, match="same length"):
        ours.InferenceSession(BYTES, providers=["CPUExecutionProvider"], provider_options=[{}, {}])
    with pytest.raises(ValueError, match="session that created it"):
        first, second = ours.InferenceSession(BYTES), ours.InferenceSession(BYTES)
        first.run_with_iobinding(second.io_binding())


def test_set_seed_makes_draws_repeatable() -> None:
    text = """<ir_version: 8, opset_import: ["" : 17]>
    agraph () => (float[4] y) { y = RandomNormal <shape = [4]> () }"""
    session = ours.InferenceSession(to_bytes(parse_model(text)))
    draws: list[Any] = []
    for _ in range(2):
        ours.set_seed(3)
        draws.append([session.run(None, {})[0].tolist() for _ in range(2)])
    assert draws[0] == draws[1] and draws[0][0] != draws[0][1]
