"""The whole pipeline: each stage keeps a legal model and its results, and `stop` finds the stage that does not."""

from __future__ import annotations

import time

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.core.dims import symbol
from sardonyx.core.dtypes import FLOAT32
from sardonyx.core.errors import CompileError, InputError
from sardonyx.ir import Model, TensorType
from sardonyx.ops import latest_opset
from sardonyx.passes import PIPELINE, optimize, stages
from sardonyx.passes.contract import Pass, Work
from sardonyx.passes.pipeline import run_pipeline
from sardonyx.rewrite import Trace
from tests.passes.models import counts, model_of, same_results

IMAGE = TensorType(FLOAT32, (symbol("n"), 3, 6, 6))
ROWS = TensorType(FLOAT32, (symbol("n"), 4, 8))
rng = np.random.default_rng(0)


def weights(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def convolutional(opset: int | None = None) -> Model:
    def build(g, x):
        y = g.Conv(x, weights(4, 3, 3, 3), None, pads=[1, 1, 1, 1])
        y = g.BatchNormalization(y, weights(4), weights(4), weights(4), np.abs(weights(4)) + 1)
        y = g.Relu(g.Identity(y))
        flat = g.Reshape(y, g.Concat(g.Gather(g.Shape(y), np.array([0])), np.array([-1]), axis=0))
        return g.Add(g.MatMul(flat, weights(144, 5)), weights(5))

    return model_of(build, opset, x=IMAGE)


def transformer(opset: int | None = None) -> Model:
    def build(g, x):
        heads = [g.Transpose(g.Reshape(g.MatMul(x, weights(8, 8)), [0, 0, 2, 4]), perm=[0, 2, 1, 3]) for _ in "qkv"]
        q, k, v = heads
        scores = g.Div(g.MatMul(q, g.Transpose(k, perm=[0, 1, 3, 2])), np.float32(2))
        y = g.Reshape(g.Transpose(g.MatMul(g.Softmax(scores, axis=-1), v), perm=[0, 2, 1, 3]), [0, 0, 8])
        y = g.Add(x, y)
        half = g.Mul(y, np.float32(0.5))
        return g.Mul(half, g.Add(g.Erf(g.Div(y, np.float32(2**0.5))), np.float32(1)))

    return model_of(build, opset, x=ROWS)


MODELS = {"convolutional": convolutional, "transformer": transformer}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("opset", [13, None])
def test_every_stage_keeps_a_legal_model_and_its_results(name: str, level: int, opset: int | None) -> None:
    model = MODELS[name](opset)
    work = Work(model.clone(), verify=True)
    run_pipeline(work, level, after=lambda stage, changed: same_results(model, work.model, 2e-5))
    assert work.model.opset == latest_opset()
    assert [name for name, _ in work.log] == [s.name for s in stages(level)]


def test_what_is_left_of_a_convolutional_network() -> None:
    assert counts(optimize(convolutional())) == {"Conv": 1, "Relu": 1, "Reshape": 1, "Gemm": 1}


def test_what_is_left_of_a_transformer() -> None:
    left = counts(optimize(transformer()))
    assert left["Attention"] == 1 and left["Gelu"] == 1 and "Softmax" not in left and "Erf" not in left


def test_the_model_given_is_not_changed() -> None:
    model = convolutional()
    before = sx.to_bytes(model)
    optimize(model)
    assert sx.to_bytes(model) == before


def test_level_0_changes_nothing() -> None:
    model = convolutional(13)
    assert sx.to_bytes(optimize(model, 0)) == sx.to_bytes(model)


def test_optimizing_twice_changes_nothing_more() -> None:
    once = optimize(transformer())
    assert counts(optimize(once)) == counts(once)


def test_stop_after_a_number_of_passes_or_a_name() -> None:
    model = convolutional(13)
    assert optimize(model, stop=0).opset == 13
    assert optimize(model, stop="upgrade").opset == latest_opset()
    assert "BatchNormalization" in counts(optimize(model, stop="share"))
    with pytest.raises(InputError, match="no pass 'nonsense'"):
        optimize(model, stop="nonsense")
    with pytest.raises(InputError, match="no level 7"):
        optimize(model, 7)


def test_names_of_stages_are_unique_and_passes_have_laws() -> None:
    names = [stage.name for stage in PIPELINE]
    assert len(set(names)) == len(names)
    assert all(stage.apply.law for stage in PIPELINE)


def test_the_trace_tells_what_happened() -> None:
    trace = Trace()
    optimize(convolutional(), trace=trace)
    assert "batch-norm-into-conv" in trace.explain()


def test_a_pass_that_needs_what_no_pass_ensured_is_refused() -> None:
    needy = next(stage.apply for stage in PIPELINE if stage.apply.requires)
    with pytest.raises(CompileError, match="requires newest opset"):
        needy(Work(convolutional()))


@pytest.mark.parametrize(("told", "does"), [(True, False), (False, True)])
def test_a_pass_that_lies_about_changing_the_model_is_caught(told: bool, does: bool) -> None:
    def apply(work: Work) -> bool:
        if does:
            work.graph.outputs[0].name = "other"
        return told

    with pytest.raises(CompileError, match="not truthful"):
        Pass("liar", "", apply)(Work(convolutional(), verify=True))


def layers(count: int) -> Model:
    """A network of `count` equal layers, six nodes each."""

    def build(g, x):
        for _ in range(count):
            y = g.Relu(g.Add(g.MatMul(x, weights(8, 8)), weights(8)))
            x = g.Add(x, g.Identity(g.Mul(y, np.float32(1))))
        return x

    return model_of(build, x=ROWS)


def cost(model: Model) -> float:
    """The least processor time of three runs."""
    times: list[float] = []
    for _ in range(3):
        start = time.process_time()
        optimize(model)
        times.append(time.process_time() - start)
    return min(times)


def test_time_grows_with_the_size_of_the_model_not_with_its_square() -> None:
    small, large = layers(100), layers(800)
    assert cost(large) < 8 * 2.5 * cost(small)
