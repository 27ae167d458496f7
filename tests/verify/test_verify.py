"""Two executions side by side: verdicts, the first value that differs, inputs that are made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

import sardonyx as sx
from sardonyx.core.dims import symbol
from sardonyx.core.dtypes import BOOL, FLOAT32, INT64
from sardonyx.core.errors import InputError, VerifyError
from sardonyx.ir import Graph, Model, TensorType, Value
from sardonyx.ops.builder import Builder
from sardonyx.verify import random_inputs

N = symbol("n")


def chain() -> Model:
    """z = exp(tanh(x @ w) + 1), each value named for its operator."""
    graph = Graph("main", [Value("x", TensorType(FLOAT32, (N, 4)))])
    g = Builder(graph, {"": 20})
    weight = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
    with g.scope("", source="train.py:7"):
        y = g.Tanh(g.MatMul(graph.inputs[0], weight))
    z = g.Exp(g.Add(y, 1.0))
    graph.outputs = [z]
    return Model(graph, {"": 20})


def broken(operator: str = "Tanh", by: str = "Sin") -> Model:
    """The same with one operator taken for another."""
    model = chain()
    next(n for n in model.graph.nodes if n.op_type == operator).op_type = by
    return model


def onnxruntime_of(model: Model) -> Any:
    return onnxruntime.InferenceSession(sx.to_bytes(model), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("make", [lambda m: m, sx.Session, onnxruntime_of], ids=["model", "session", "onnxruntime"])
def test_the_same_model_agrees(make: Callable[[Model], Any]) -> None:
    report = sx.verify(make(chain()), chain())
    assert report
    assert report.verdict in ("equal", "close")
    assert report.outputs[0].error < 1e-6
    report.raise_if_different()


@pytest.mark.parametrize("make", [lambda m: m, sx.Session, onnxruntime_of], ids=["model", "session", "onnxruntime"])
def test_the_first_value_that_differs_is_found(make: Callable[[Model], Any]) -> None:
    report = sx.verify(make(broken()), chain())
    assert not report
    assert report.first is not None
    assert report.first.value == "tanh"
    assert report.first.source == "train.py:7"
    assert not report.first.fused
    text = str(report)
    assert "different" in text
    assert "first difference: 'tanh'" in text
    assert "train.py:7" in text
    with pytest.raises(VerifyError, match="output 'exp' of") as caught:
        report.raise_if_different()
    assert caught.value.why is not None
    assert "'tanh'" in caught.value.why


def test_a_fault_that_only_fusion_shows() -> None:
    class Fusing:
        """Right for every value that is asked for with others; wrong from `add` on where it may fuse."""

        label = "fusing"
        model = chain()

        def run(self, feeds: Any) -> dict[str, Any]:
            return {"exp": self.values(feeds, ["exp"])[0]}

        def values(self, feeds: Any, names: Any) -> list[Any]:
            right = sx.evaluate(self.model, feeds, outputs=names)
            late = len(names) == 1 and names[0] in ("add", "exp")
            return [x + np.float32(0.5) for x in right] if late else right

    from sardonyx.verify.bisect import first_difference
    from sardonyx.verify.executions import as_execution

    feeds = random_inputs(chain().graph.inputs)
    found = first_difference(Fusing(), as_execution(chain()), feeds)  # type: ignore[arg-type]
    assert found is not None
    assert found.value == "add"
    assert found.fused
    assert "fused up to here" in str(found)


def test_a_model_alone_is_run_by_the_engine_and_the_references() -> None:
    report = sx.verify(chain(), dims={"n": 5})
    assert (report.a, report.b) == ("Session", "reference")
    assert report.inputs["x"].shape == (5, 4)
    assert report


def test_a_torch_module_beside_its_export() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Dropout(0.9), torch.nn.Tanh()).train()
    model = sx.from_torch(module.eval(), (torch.randn(2, 4),), dynamic_shapes={"input": {0: "batch"}})
    module.train()
    assert sx.verify(model, module)
    assert module.training
    module[0].weight.data = module[0].weight.data + 1
    report = sx.verify(model, module)
    assert not report
    assert report.first is None
    assert "ONNX model on both sides" in str(report)


def test_functions_of_tensors_and_of_arrays() -> None:
    weight = torch.linspace(-1, 1, 12).reshape(4, 3)
    assert sx.verify(chain(), lambda x: torch.exp(torch.tanh(x @ weight) + 1))
    namespace: dict[str, Any] = {"np": np}
    exec("def f(x): return np.exp(np.tanh(x @ np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)) + 1)", namespace)
    assert sx.verify(chain(), namespace["f"])


def test_inputs_by_name_by_position_and_in_part() -> None:
    x = np.ones((1, 4), np.float32)
    for given in ({"x": x}, [x], {}):
        assert sx.verify(chain(), chain(), given)
    with pytest.raises(InputError, match="no input 'y'"):
        sx.verify(chain(), chain(), {"y": x})


def test_a_tolerance_of_ones_own() -> None:
    a = sx.evaluate(chain(), random_inputs(chain().graph.inputs))[0]
    assert not sx.verify(lambda *_: a + np.float32(0.01), chain())
    assert sx.verify(lambda *_: torch.from_numpy(a + np.float32(0.01)), chain(), tolerance=0.1)


def test_what_cannot_be_run() -> None:
    with pytest.raises(InputError, match="a int cannot be run"):
        sx.verify(3, chain())


# -- inputs ----------------------------------------------------------------------------------------------------------------


def test_made_up_inputs_fit_what_reads_them() -> None:
    length = symbol("length")
    graph = Graph(
        "main",
        [
            Value("tokens", TensorType(INT64, (N, length))),
            Value("attention_mask", TensorType(INT64, (N, length))),
            Value("flag", TensorType(BOOL, (3,))),
            Value("x", TensorType(FLOAT32, (N * 2, 4))),
        ],
    )
    g = Builder(graph, {"": 20})
    graph.outputs = [g.Gather(np.zeros((3, 5), np.float32), g.Unsqueeze(graph.inputs[0], [0]), axis=0)]
    made = random_inputs(graph.inputs, dims={"n": 4})
    assert made["tokens"].shape[0] == 4
    assert made["tokens"].max() < 3
    assert made["attention_mask"].shape == made["tokens"].shape
    assert set(np.unique(made["attention_mask"])) == {0, 1}
    assert made["attention_mask"][1].all()
    assert made["flag"].dtype == np.bool_
    assert made["x"].shape == (8, 4)
    again = random_inputs(graph.inputs, dims={"n": 4})
    np.testing.assert_array_equal(made["x"], again["x"])
    sized = random_inputs(graph.inputs, given={"tokens": np.zeros((6, 2), np.int64)})
    assert sized["x"].shape == (12, 4)


def test_no_value_can_be_made_up() -> None:
    with pytest.raises(InputError, match="whose rank is unknown"):
        random_inputs([Value("x", TensorType(FLOAT32, None))])
