"""What the benchmarks stand on: turns, errors, and the truth in float64."""

from __future__ import annotations

import time

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.cli.engines import ENGINES, engine_named
from sardonyx.cli.measure import error_of, take_turns
from sardonyx.cli.truth import truth_of, widened
from sardonyx.core import dtypes
from sardonyx.core.errors import InputError
from sardonyx.io import save
from sardonyx.ir.text import parse_model

TEXT = """<opset_import: ["" : 21]>
g (float[n] x) => (float[n] y, int64 k)
<float[1] w = {0.1}>
{
  c = Constant <value_float: float = 3.0> ()
  d = Constant <value: tensor = float[1] {7}> ()
  i = Cast <to: int = 7> (x)
  f = Cast <to: int = 1> (i)
  p = Mul (x, w)
  q = Div (p, c)
  r = Add (q, d)
  y = Add (r, f)
  k = Size (y)
}
"""


def test_the_truth_has_no_rounding_of_float32() -> None:
    model = parse_model(TEXT)
    x = np.array([1.7, -2.2], np.float32)
    y, k = truth_of(model, {"x": x})
    tenth = float(np.float32(0.1))
    expected = x.astype(np.float64) * tenth / 3 + 7 + np.trunc(x.astype(np.float64))
    assert y.dtype == np.float64 and int(k) == 2
    np.testing.assert_allclose(y, expected, rtol=1e-15)
    rounded = sx.evaluate(model, {"x": x})
    assert 0 < error_of(rounded, [y, k]) < 1e-6


def test_widening_leaves_the_model_alone() -> None:
    model = parse_model(TEXT)
    wide = widened(model)
    assert model.graph.inputs[0].dtype is dtypes.FLOAT32 and wide.graph.inputs[0].dtype is dtypes.FLOAT64
    w = model.graph.initializers["w"].const
    assert isinstance(w, sx.Tensor) and w.dtype is dtypes.FLOAT32


def test_errors_are_relative_to_the_largest_magnitude() -> None:
    assert error_of([np.array([9.0, 1.0])], [np.array([10.0, 1.0])]) == pytest.approx(0.1)
    assert error_of([np.array([1])], [np.array([2])]) == 0  # integers are not judged


def test_turns_alternate_and_medians_tell_slow_from_fast() -> None:
    order: list[str] = []

    def call(name: str, seconds: float) -> None:
        order.append(name)
        time.sleep(seconds)

    timings = take_turns({"a": lambda: call("a", 0.001), "b": lambda: call("b", 0.004)}, seconds=0.1, turn=0.02, warm=1)
    turns = [n for i, n in enumerate(order) if i == 0 or order[i - 1] != n]
    assert turns == ["a", "b"] * (len(turns) // 2) and len(turns) >= 10
    assert timings["b"].median > 2 * timings["a"].median
    assert all(len(t.samples) >= 5 and t.first > 0 for t in timings.values())


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.name)
def test_every_engine_runs_a_file(engine, tmp_path) -> None:
    pytest.importorskip(engine.package, reason=f"{engine.package} is a peer and need not be installed")
    path = tmp_path / "m.onnx"
    save(parse_model(TEXT), path)
    x = np.array([1.7, -2.2], np.float32)
    run = engine_named(engine.name).make(path, 1)
    assert error_of(run({"x": x}), truth_of(parse_model(TEXT), {"x": x})) < (1e-2 if "bf16" in engine.name else 1e-3)


def test_an_engine_that_is_none() -> None:
    with pytest.raises(InputError, match="'abacus'"):
        engine_named("abacus")
