"""The interface of backends, and the official suite run through it."""

from __future__ import annotations

import importlib
import json
import pickle
import subprocess
import sys
import unittest
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx as official
import onnx.backend.base
import onnx.backend.test.case.node
import onnx.backend.test.loader
import pytest

import sardonyx.compat.onnx as ours
from sardonyx.compat.onnx.backend.base import Backend, BackendRep, Device, DeviceType
from sardonyx.compat.onnx.backend.test import BackendTest, _official
from sardonyx.compat.onnx.backend.test.case import model as model_cases
from sardonyx.compat.onnx.backend.test.case import node as node_cases
from sardonyx.compat.onnx.backend.test.case.test_case import TestCase
from sardonyx.compat.onnx.backend.test.loader import load_model_tests
from sardonyx.compat.onnx.backend.test.runner import BackendIsNotSupposedToImplementIt, Runner
from sardonyx.compat.onnx.reference import ReferenceEvaluator
from tests.compat.programs import same

pytestmark = pytest.mark.filterwarnings("ignore:.* encountered:RuntimeWarning")  # the official files divide by zero

SOME = r"^test_(relu|abs|sequence_insert_at_back|maxpool_2d_default|expand_shape_model1|nn_Softmax|range_bfloat16_type_positive_delta|identity_opt|string_concat|Linear|strnorm_model_nostopwords_nochangecase|operator_mm)_"  # fmt: skip


# --- the interface


@pytest.mark.parametrize("text", ["CPU", "CUDA", "CUDA:1", "CPU:0", "TPU", ""])
def test_devices(text: str) -> None:
    def program(o: Any) -> Any:
        device = o.backend.base.Device(text)
        return device.type, device.device_id

    same(program)


def test_tuples_found_by_name() -> None:
    def program(o: Any) -> Any:
        made = o.backend.base.namedtupledict("Outputs", ["0", "a"])(1, 2)
        return made[0], made["0"], made["a"], made.a, list(made), made[-1], type(made).__name__, made._fields

    assert same(program)
    same(lambda o: o.backend.base.namedtupledict("Outputs", ["a"])(1)["b"])


def relu(o: Any, **keywords: Any) -> Any:
    infos = [o.helper.make_tensor_value_info(name, 1, [2]) for name in "xy"]
    graph = o.helper.make_graph([o.helper.make_node("Relu", ["x"], ["y"], **keywords)], "g", infos[:1], infos[1:])
    return o.helper.make_model(graph)


def test_a_backend_of_nothing() -> None:
    def program(o: Any) -> Any:
        b = o.backend.base
        good, bad = relu(o), relu(o, color=1)
        node = good.graph.node[0]
        return [
            [b.Backend.is_compatible(good), b.Backend.prepare(good), b.Backend.supports_device("CUDA")],
            [b.BackendRep().run([1]), b.Backend.run_node(node, [1]), b.Backend.run_node(node, [1], opset_version=6)],
            len(bad.graph.node),
        ]

    assert same(program)
    same(lambda o: o.backend.base.Backend.run_model(relu(o), []))
    same(lambda o: o.backend.base.Backend.prepare(relu(o, color=1)))
    same(lambda o: o.backend.base.Backend.run_node(relu(o, color=1).graph.node[0], []))
    same(lambda o: o.backend.base.Backend.run_node(o.helper.make_node("Swish", ["x"], ["y"]), [], opset_version=6))


# --- cases


def fields(case: Any) -> dict[str, Any]:
    found = {name: getattr(case, name) for name in asdict(TestCase("", "", None, None, None, None, "", 0, 0))}
    model, sets = found.pop("model"), found.pop("data_sets")
    found["model"] = None if model is None else model.SerializeToString()
    found["sets"] = None if sets is None else [[[kind(v) for v in part] for part in pair] for pair in sets]
    return found


def kind(value: Any) -> Any:
    if isinstance(value, list):
        return [kind(item) for item in value]
    return (str(value.dtype), value.shape) if hasattr(value, "dtype") else type(value).__name__


def test_cases_of_nodes_are_the_official_ones_with_our_messages() -> None:
    wanted = official.backend.test.case.node.collect_testcases(None)
    found = node_cases.collect_testcases()
    assert len(found) == len(wanted) > 1800
    assert all(isinstance(case.model, ours.ModelProto) for case in found)
    assert [case.name for case in found] == [case.name for case in wanted]
    for mine, theirs in list(zip(found, wanted, strict=True))[::37]:
        assert fields(mine) == fields(theirs)


@pytest.mark.parametrize("kind", ["simple", "real", "pytorch-operator", "pytorch-converted"])
def test_cases_in_folders_are_the_official_ones(kind: str) -> None:
    found = {case.name: fields(case) for case in load_model_tests(kind=kind)}
    wanted = {case.name: fields(case) for case in official.backend.test.loader.load_model_tests(kind=kind)}
    assert found.keys() == wanted.keys()
    for name, case in found.items():
        theirs = wanted[name]
        if theirs["model_dir"] is not None:  # it is named for one letter there
            assert case.pop("model_name") == name.removeprefix("test_")
            theirs.pop("model_name")
        assert case == theirs


def test_cases_of_models() -> None:
    theirs: Any = importlib.import_module("onnx.backend.test.case.model")
    found = [fields(case) for case in model_cases.collect_testcases()]
    assert found == [fields(case) for case in theirs.collect_testcases()]


def test_folders_of_a_program(tmp_path: Path) -> None:
    for name, facts in (("test_here", {"rtol": 0.5}), ("test_far", {"url": "http://x/y.tar.gz", "model_name": "far"})):
        folder = tmp_path / "mine" / name
        folder.mkdir(parents=True)
        (folder / "data.json").write_text(json.dumps(facts))
    (tmp_path / "mine" / "test_here" / "model.onnx").write_bytes(relu(ours).SerializeToString())
    (tmp_path / "mine" / "notes.txt").write_text("no case")
    found = {case.name: case for case in load_model_tests(str(tmp_path), "mine")}
    here, far = found["test_here"], found["test_far"]
    assert (here.rtol, here.atol, here.url, here.model_name) == (0.5, 1e-7, None, "here")
    assert (far.rtol, far.url, far.model_dir, far.model_name) == (1e-3, "http://x/y.tar.gz", None, "far")
    with pytest.raises(ValueError, match="kind is one of"):
        load_model_tests(str(tmp_path), "yours")


def test_without_the_official_package_its_cases_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_official, "folder", lambda: None)
    for ask in (node_cases.collect_testcases, model_cases.collect_testcases, lambda: load_model_tests(kind="simple")):
        with pytest.raises(ImportError, match="pip install onnx"):
            ask()


def test_boxes_for_other_tests() -> None:
    from sardonyx.compat.onnx.backend.test.case.node import _boxes

    image, samples, boxes = _boxes.get_roi_align_input_values()
    assert (image.shape, samples.tolist(), boxes.shape, image.dtype) == ((1, 1, 10, 10), [0, 0, 0], (3, 4), np.float32)


# The files that use private functions of the evaluator's operators, and some others.
NAMES = (
    "affinegrid causal_conv_with_state flexattention groupnormalization if_ linear_attention "
    "maxpool quantizelinear relu resize rmsnormalization roialign rotaryembedding scan softplus ai_onnx_ml.binarizer"
)
FILES = f"""
import importlib, pickle, sys
import sardonyx.compat
sardonyx.compat.install()
import onnx.backend.test.case.node as node
from onnx.backend.test.case.base import Snippets
for name in "{NAMES}".split():
    importlib.import_module(f"onnx.backend.test.case.node.{{name}}")
found = {{c.name: c.model.SerializeToString() for c in node._NodeTestCases}}
pickle.dump((node.__name__, found, {{k: [n for n, _ in v] for k, v in Snippets.items()}}), sys.stdout.buffer)
"""


def test_the_files_of_the_cases_run_on_this_package() -> None:
    """With `install()`, the official package's own files make the same models of our messages, functions and schemas."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", FILES], capture_output=True, check=True)
    name, found, snippets = pickle.loads(done.stdout)
    wanted = {c.name: c.model.SerializeToString() for c in official.backend.test.case.node.collect_testcases(None)}
    assert name == "sardonyx.compat.onnx.backend.test.case.node"
    assert found.keys() <= wanted.keys()
    plain = {n for n in found if "_expanded" not in n}  # a function may be written with other nodes
    assert [n for n in plain if found[n] != wanted[n]] == []
    assert len(plain) > 100 and len(found) > len(plain) + 20
    assert snippets["Relu"] == ["relu"] and "roialign_aligned_true" in snippets["RoiAlign"]


# --- the suite as tests


class Rep(BackendRep):
    def __init__(self, model: Any) -> None:
        self.evaluator = ReferenceEvaluator(model)

    def run(self, inputs: Any, **kwargs: Any) -> Any:
        return self.evaluator.run(None, dict(zip(self.evaluator.input_names, inputs, strict=False)))


class Evaluator(Backend):
    @classmethod
    def supports_device(cls, device: str) -> bool:
        return Device(device).type == DeviceType.CPU

    @classmethod
    def prepare(cls, model: Any, device: str = "CPU", **kwargs: Any) -> Rep:
        return Rep(model)


@pytest.fixture(scope="module")
def runner() -> Runner:
    return BackendTest(Evaluator, __name__, test_kwargs={"test_abs": {"rtol": 0.5}})


def outcome(runner: Runner) -> unittest.TestResult:
    result = unittest.TestResult()
    runner.test_suite.run(result)
    return result


def test_the_suite_has_every_case_on_every_device(runner: Runner) -> None:
    counts = {title: len(items) for title, items in runner._test_items.items()}
    assert set(counts) == {"NodeModel", "RealModel", "SimpleModel", "PyTorchConvertedModel", "PyTorchOperatorModel"}
    assert sum(counts.values()) > 4000
    assert {name.rsplit("_", 1)[1] for items in runner._test_items.values() for name in items} == {"cpu", "cuda"}
    classes = runner.test_cases
    assert set(classes) == {f"OnnxBackend{title}Test" for title in counts}
    assert all(cls.__module__ == __name__ for cls in classes.values())
    assert hasattr(runner.tests, "test_relu_cpu")


def test_patterns_choose_what_runs(runner: Runner) -> None:
    runner.include(SOME).exclude("test_abs").xfail("test_relu_c")
    result = outcome(runner)
    why = {test.id().rsplit(".", 1)[1]: reason for test, reason in result.skipped}
    assert [(t.id(), text) for t, text in (*result.failures, *result.errors)] == []
    assert [t.id().rsplit(".", 1)[1] for t in result.unexpectedSuccesses] == ["test_relu_cpu"]
    assert why["test_add_cpu"] == "no matched include pattern"
    assert why["test_abs_cpu"] == 'matched exclude pattern "test_abs"'
    assert why["test_maxpool_2d_default_cuda"] == "Backend doesn't support device CUDA"
    assert 12 <= result.testsRun - len(result.skipped) <= 30


def case(name: str, outputs: Any, model: Any = None) -> TestCase:
    x = np.array([-1, 2], np.float32)
    return TestCase(name, name, None, None, model or relu(ours), [([x], outputs)], "node", 1e-3, 1e-7)


def run_cases(*cases: TestCase, backend: type[Backend] = Evaluator) -> unittest.TestResult:
    runner = Runner.__new__(Runner)
    runner.backend, runner._parent_module, runner._test_kwargs = backend, None, {}
    runner._include_patterns, runner._exclude_patterns, runner._xfail_patterns = set(), set(), set()
    runner._test_items = {"NodeModel": {}}  # pyright: ignore[reportAttributeAccessIssue]
    for one in cases:
        runner._add_model_test(one, "Node")
    return outcome(runner)


def test_wrong_results_fail() -> None:
    right, wrong = np.array([0, 2], np.float32), np.array([0, 3], np.float32)
    result = run_cases(
        *(case(f"test_{i}", out) for i, out in enumerate(([right], [wrong], [right, right], [[right]], [right.astype(np.float64)]))),
        case("test_shape", [right[:1]]),
    )  # fmt: skip
    failed = {t.id().rsplit(".", 1)[1] for t, _ in (*result.failures, *result.errors)}
    assert failed == {f"test_{i}_cpu" for i in (1, 2, 3, 4, "shape")}


def test_backends_may_leave_out_and_refuse() -> None:
    class Lazy(Evaluator):
        @classmethod
        def prepare(cls, model: Any, device: str = "CPU", **kwargs: Any) -> Rep:
            raise BackendIsNotSupposedToImplementIt

    class Picky(Evaluator):
        @classmethod
        def is_compatible(cls, model: Any, device: str = "CPU", **kwargs: Any) -> bool:
            return False

    lazy, picky = run_cases(case("test_a", []), backend=Lazy), run_cases(case("test_a", []), backend=Picky)
    assert lazy.wasSuccessful() and len(lazy.skipped) == 1  # on the other device
    assert [reason for t, reason in picky.skipped if t.id().endswith("cpu")] == ["Not compatible with backend"]


def test_names_of_tests() -> None:
    right = [np.array([0, 2], np.float32)]
    for cases in ([case("relu", right)], [case("test_a", right), case("test_a", right)]):
        with pytest.raises(ValueError, match="test"):
            run_cases(*cases)


def test_a_model_that_is_not_here_is_skipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ONNX_MODELS", str(tmp_path))
    far = TestCase("test_far", "far", "http://x/far.tar.gz", None, None, None, "real", 1e-3, 1e-7)
    result = run_cases(far)
    assert [str(tmp_path) in reason for t, reason in result.skipped if t.id().endswith("cpu")] == [True]
    folder = tmp_path / "far" / "test_data_set_0"
    folder.mkdir(parents=True)
    (tmp_path / "far" / "model.onnx").write_bytes(relu(ours).SerializeToString())
    for name, values in (("input_0", [-1, 2]), ("output_0", [0, 2])):
        proto = ours.numpy_helper.from_array(np.array(values, np.float32))
        (folder / f"{name}.pb").write_bytes(proto.SerializeToString())
    assert run_cases(far).wasSuccessful()
    (folder / "output_0.pb").write_bytes(ours.numpy_helper.from_array(np.zeros(2, np.float32)).SerializeToString())
    assert not run_cases(far).wasSuccessful()


def test_outputs_are_compared_as_their_types_allow() -> None:
    check = Runner.assert_similar_outputs
    x = np.array([1.0], ml_dtypes.bfloat16)
    check([x], [x * ml_dtypes.bfloat16(1.0078125)], 1e-3, 1e-7)  # two steps are allowed
    with pytest.raises(AssertionError):
        check([x], [x * ml_dtypes.bfloat16(1.03)], 1e-3, 1e-7)
    check([np.array(["a"], object)], [np.array(["a"])], 1e-3, 1e-7)
    check([[x, x], None], [[x, x], None], 1e-3, 1e-7)
    with pytest.raises(AssertionError, match="1 outputs are expected"):
        check([x], x, 1e-3, 1e-7)


def test_made_up_inputs() -> None:
    info = ours.helper.make_tensor_value_info("x", 1, ["N", 3])
    np.testing.assert_allclose(Runner.generate_dummy_data(info), [[0, 1 / 3, 2 / 3]])
    assert Runner.generate_dummy_data(info, seed=1, random=True).shape == (1, 3)
    with pytest.raises(NotImplementedError, match="not of float32"):
        Runner.generate_dummy_data(ours.helper.make_tensor_value_info("x", 7, [3]))
