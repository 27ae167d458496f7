"""The official suite as unit tests of a backend."""

from __future__ import annotations

import functools
import os
import re
import sys
import time
import unittest
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sardonyx.compat.onnx import numpy_helper
from sardonyx.compat.onnx._files import load_model
from sardonyx.compat.onnx.backend.base import Backend
from sardonyx.compat.onnx.backend.test import _official
from sardonyx.compat.onnx.backend.test.case.test_case import TestCase
from sardonyx.compat.onnx.backend.test.loader import load_model_tests
from sardonyx.compat.onnx.backend.test.runner.item import TestItem
from sardonyx.compat.onnx.onnx_pb import (
    ModelProto,
    NodeProto,
    OptionalProto,
    SequenceProto,
    TensorProto,
    TypeProto,
    ValueInfoProto,
)
from sardonyx.compat.onnx.reference import ReferenceEvaluator

__all__ = ["BackendIsNotSupposedToImplementIt", "Runner", "TestItem"]

PAUSE = 5.0  # seconds after the first failure
LIGHT = "onnx/backend/test/data/light/"
KINDS = {
    "node": "Node",
    "real": "Real",
    "simple": "Simple",
    "pytorch-converted": "PyTorchConverted",
    "pytorch-operator": "PyTorchOperator",
}
Marker = list[ModelProto | NodeProto | None]


class BackendIsNotSupposedToImplementIt(unittest.SkipTest):
    """A backend raises it for what it leaves out on purpose: the test passes."""


def retry_execute(times: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Try a function that often, with longer and longer pauses, before its error is raised."""
    assert times >= 1

    def wrapper(func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            for tried in range(1, times):
                try:
                    return func(*args, **kwargs)
                except Exception as error:
                    print(f"tried {tried} times: {error}")
                    time.sleep(PAUSE * tried)
            return func(*args, **kwargs)

        return wrapped

    return wrapper


def _normalize_tensor(tensor: Any) -> Any:  # pyright: ignore[reportUnusedFunction]  # programs use it
    return numpy_helper.to_array(tensor) if isinstance(tensor, TensorProto) else tensor


class Runner:
    """The tests of a backend.

    Args:
        backend: what is tested.
        parent_module: the module that the tests say they are of.
        test_kwargs: for a case by its name, arguments of `prepare`, and `rtol` and `atol` in place of its own.
    """

    def __init__(
        self, backend: type[Backend], parent_module: str | None = None, test_kwargs: dict[str, Any] | None = None
    ) -> None:
        self.backend = backend
        self._parent_module = parent_module
        self._include_patterns: set[re.Pattern[str]] = set()
        self._exclude_patterns: set[re.Pattern[str]] = set()
        self._xfail_patterns: set[re.Pattern[str]] = set()
        self._test_kwargs: dict[str, Any] = test_kwargs or {}
        self._test_items: dict[str, dict[str, TestItem]] = defaultdict(dict)
        for kind, title in KINDS.items():
            for case in load_model_tests(kind=kind):
                self._add_model_test(case, title)

    def include(self, pattern: str) -> Runner:
        """Skip what no such pattern is found in the name of."""
        self._include_patterns.add(re.compile(pattern))
        return self

    def exclude(self, pattern: str) -> Runner:
        """Skip what the pattern is found in the name of."""
        self._exclude_patterns.add(re.compile(pattern))
        return self

    def xfail(self, pattern: str) -> Runner:
        """Expect those to fail which the pattern is found in the name of."""
        self._xfail_patterns.add(re.compile(pattern))
        return self

    def enable_report(self) -> Runner:
        """Mark the tests for a report of what is covered, with pytest."""
        import pytest

        for category, items in self._test_items.items():
            for item in items.values():
                item.func = pytest.mark.onnx_coverage(item.proto, category)(item.func)
        return self

    def _get_test_case(self, name: str) -> type[unittest.TestCase]:
        made = type(name, (unittest.TestCase,), {})
        if self._parent_module:
            made.__module__ = self._parent_module
        return made

    @property
    def _filtered_test_items(self) -> dict[str, dict[str, TestItem]]:
        """All tests; those that the patterns leave out are skipped when they run."""
        for items in self._test_items.values():
            for name, item in items.items():
                if self._include_patterns and not any(p.search(name) for p in self._include_patterns):
                    item.func = unittest.skip("no matched include pattern")(item.func)
                for pattern in self._exclude_patterns:
                    if pattern.search(name):
                        item.func = unittest.skip(f'matched exclude pattern "{pattern.pattern}"')(item.func)
                if any(p.search(name) for p in self._xfail_patterns):
                    item.func = unittest.expectedFailure(item.func)
        return {category: dict(items) for category, items in self._test_items.items()}

    @property
    def test_cases(self) -> dict[str, type[unittest.TestCase]]:
        """A class of tests for each kind, to be put into a module: ``globals().update(runner.test_cases)``."""
        made: dict[str, type[unittest.TestCase]] = {}
        for category, items in self._filtered_test_items.items():
            title = f"OnnxBackend{category}Test"
            made[title] = self._get_test_case(title)
            for name, item in sorted(items.items()):
                setattr(made[title], name, item.func)
        return made

    @property
    def test_suite(self) -> unittest.TestSuite:
        """All tests as a suite."""
        suite = unittest.TestSuite()
        for case in self.test_cases.values():
            suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(case))
        return suite

    @property
    def tests(self) -> type[unittest.TestCase]:
        """All tests in one class."""
        made = self._get_test_case("OnnxBackendTest")
        for items in self._filtered_test_items.values():
            for name, item in sorted(items.items()):
                setattr(made, name, item.func)
        return made

    @classmethod
    def assert_similar_outputs(
        cls,
        ref_outputs: Sequence[Any],
        outputs: Sequence[Any],
        rtol: float,
        atol: float,
        model_dir: str | None = None,
    ) -> None:
        """Compare outputs with what they should be, element by element of sequences too."""
        where = f" (case {model_dir or '?'})"
        if not isinstance(outputs, (list, tuple)) or len(outputs) != len(ref_outputs):
            raise AssertionError(f"{len(ref_outputs)} outputs are expected, got {outputs!r}{where}")
        for i, (found, wanted) in enumerate(zip(outputs, ref_outputs, strict=True)):
            if isinstance(found, (list, tuple)) or isinstance(wanted, (list, tuple)):
                if not isinstance(found, (list, tuple)) or not isinstance(wanted, (list, tuple)):
                    raise AssertionError(f"output {i} is a {type(found)}, not a {type(wanted)}{where}")
                cls.assert_similar_outputs(wanted, found, rtol, atol, model_dir)  # pyright: ignore[reportUnknownArgumentType]
            else:
                _compare(found, wanted, rtol, atol, f"output {i}{where}")

    @classmethod
    def download_model(cls, model_test: TestCase, models_dir: str) -> None:
        """Nothing is fetched here: skip the test, and say where its model is looked for."""
        raise unittest.SkipTest(f"{model_test.model_name} is not in {models_dir}; it can be had from {model_test.url}")

    @classmethod
    def prepare_model_data(cls, model_test: TestCase) -> str:
        """The folder of a model that has an address, under ``$ONNX_MODELS`` or ``$ONNX_HOME/models``."""
        home = Path(os.environ.get("ONNX_HOME", "~/.onnx")).expanduser()
        models = Path(os.environ.get("ONNX_MODELS", home / "models"))
        folder = models / model_test.model_name
        if not (folder / "model.onnx").exists():
            cls.download_model(model_test, str(models))
        return str(folder)

    @staticmethod
    def generate_dummy_data(x: ValueInfoProto, seed: int = 0, name: str = "", random: bool = False) -> Any:
        """Numbers for an input: random ones, or those that grow from 0 to 1."""
        if x.type.tensor_type.elem_type != TensorProto.FLOAT:
            raise NotImplementedError(f"input '{x.name}' of {name or 'the model'} is not of float32")
        shape = tuple(d.dim_value if d.HasField("dim_value") else 1 for d in x.type.tensor_type.shape.dim)
        if random:
            return np.random.default_rng(seed).random(shape, np.float32)
        count = int(np.prod(shape))
        return (np.arange(count).reshape(shape) / count).astype(np.float32)

    def _add_test(
        self,
        category: str,
        test_name: str,
        test_func: Callable[..., Any],
        report_item: Marker,
        devices: Iterable[str] = ("CPU", "CUDA"),
        **kwargs: Any,
    ) -> None:
        """Add a test for each device; `test_func` gets its `self`, the device, and `kwargs`."""
        if not test_name.startswith("test_"):
            raise ValueError(f"the name of a test begins with 'test_': {test_name}")
        for device in devices:
            name = f"{test_name}_{device.lower()}"
            if name in self._test_items[category]:
                raise ValueError(f"two tests of {category} have the name '{name}'")
            self._test_items[category][name] = TestItem(self._on(device, name, test_func, kwargs), report_item)

    def _on(self, device: str, name: str, test: Callable[..., Any], kwargs: dict[str, Any]) -> Callable[..., Any]:
        @unittest.skipIf(not self.backend.supports_device(device), f"Backend doesn't support device {device}")
        @functools.wraps(test)
        def run(*args: Any, **more: Any) -> Any:
            try:
                return test(*args, device, **{**kwargs, **more})
            except BackendIsNotSupposedToImplementIt as error:
                if {"-v", "--verbose"} & set(sys.argv):
                    print(f"Test {name} is effectively skipped: {error}")

        return run

    def _add_model_test(self, model_test: TestCase, kind: str) -> None:
        marker: Marker = [None]  # the model, once it is loaded

        def run(test_self: Any, device: str, **kwargs: Any) -> None:
            model, sets = self._load(model_test)
            marker[0] = model
            if not self.backend.is_compatible(model):
                raise unittest.SkipTest("Not compatible with backend")
            prepared = self.backend.prepare(model, device, **kwargs)
            assert prepared is not None
            rtol, atol = kwargs.get("rtol", model_test.rtol), kwargs.get("atol", model_test.atol)
            for inputs, wanted in sets:
                found = list(prepared.run(inputs))
                self.assert_similar_outputs(wanted, found, rtol, atol, model_test.model_dir or model_test.name)

        self._add_test(f"{kind}Model", model_test.name, run, marker, **self._test_kwargs.get(model_test.name, {}))

    def _load(self, case: TestCase) -> tuple[ModelProto, list[tuple[list[Any], list[Any]]]]:
        """The model of a case, and pairs of inputs and outputs."""
        if case.model is not None:
            sets = case.data_sets or ()
            return case.model, [([_array(x) for x in inputs], [_array(y) for y in outs]) for inputs, outs in sets]
        if case.url is not None and case.url.startswith(LIGHT):
            return self._load_light(case)
        folder = Path(case.model_dir or self.prepare_model_data(case))
        model = load_model(str(folder / "model.onnx"))
        return model, [self._load_set(model, data) for data in sorted(folder.glob("test_data_set*"))]

    def _load_light(self, case: TestCase) -> tuple[ModelProto, list[tuple[list[Any], list[Any]]]]:
        """A well-known net with few weights: its inputs are made here, its outputs lie beside it or are evaluated."""
        assert case.url is not None
        path = _official.needed() / "data" / "light" / case.url.removeprefix(LIGHT)
        model = load_model(str(path))
        constant = {t.name for t in model.graph.initializer}
        free = [x for x in model.graph.input if x.name not in constant]
        inputs = [self.generate_dummy_data(x, name=case.model_name) for x in free]
        beside = [path.with_name(f"{path.stem}_output_{i}.pb") for i in range(len(model.graph.output))]
        wanted: list[Any] = []
        if all(p.exists() for p in beside):
            for p, output in zip(beside, model.graph.output, strict=True):
                self._load_proto(str(p), wanted, output.type)
        else:
            feeds = {x.name: value for x, value in zip(free, inputs, strict=True)}
            wanted = list(ReferenceEvaluator(model).run(None, feeds))
        return model, [(inputs, wanted)]

    def _load_set(self, model: ModelProto, folder: Path) -> tuple[list[Any], list[Any]]:
        values: tuple[list[Any], list[Any]] = ([], [])
        for found, role, infos in zip(
            values, ("input", "output"), (model.graph.input, model.graph.output), strict=True
        ):
            for i in range(len(list(folder.glob(f"{role}_*.pb")))):
                self._load_proto(str(folder / f"{role}_{i}.pb"), found, infos[i].type)
        return values

    def _load_proto(self, proto_filename: str, target_list: list[Any], model_type_proto: TypeProto) -> None:
        """Add the value in a file, which is of the type a model declares."""
        data = Path(proto_filename).read_bytes()
        kind = model_type_proto.WhichOneof("value")
        if kind == "sequence_type":
            target_list.append(numpy_helper.to_list(SequenceProto.FromString(data)))
        elif kind == "optional_type":
            target_list.append(numpy_helper.to_optional(OptionalProto.FromString(data)))
        elif kind == "tensor_type":
            target_list.append(numpy_helper.to_array(TensorProto.FromString(data)))
        else:
            print(f"{proto_filename} holds a {kind}, which is not read")


def _array(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else value


def _compare(found: Any, wanted: Any, rtol: float, atol: float, what: str) -> None:
    if found is None or wanted is None:
        assert found is wanted, f"{what} is {found}, not {wanted}"
        return
    np.testing.assert_array_equal(found.shape, wanted.shape, err_msg=f"{what} has another shape")
    if wanted.dtype == object or wanted.dtype.kind == "U":
        np.testing.assert_array_equal(found, wanted, err_msg=what)
        return
    np.testing.assert_equal(found.dtype, wanted.dtype, err_msg=what)
    if found.dtype.name == "bfloat16":  # which NumPy does not promote; and its steps are wider than the usual bounds
        found, wanted, rtol = found.astype(np.float32), wanted.astype(np.float32), max(rtol, 2**-6)
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol, err_msg=what)
