"""The generated models are what the benchmark says, and small ones meet its budgets."""

from __future__ import annotations

from pathlib import Path

import pytest

import sardonyx as sx
from benchmarks import graphs
from sardonyx.check import faults
from sardonyx.infer import infer


def test_the_nodes_are_legal_and_their_shapes_are_known(tmp_path: Path) -> None:
    model = sx.load(graphs.write_nodes(tmp_path, 50))
    inferred = infer(model)
    assert len(model.graph) == 50
    assert not [f for f in (*faults(model), *inferred.faults) if f.severity == "error"]
    assert str(inferred.type(model.graph.outputs[0])) == "float32[batch, seq, 16]"


def test_the_weights_take_the_size_asked_for(tmp_path: Path) -> None:
    model = sx.load(graphs.write_weights(tmp_path, 0.25, count=4))
    constants = [v.const for v in model.graph.initializers.values()]
    assert sum(c.nbytes for c in constants if isinstance(c, sx.Tensor)) == 2**28
    assert all(isinstance(c, sx.Tensor) and c.external is not None for c in constants)


@pytest.mark.parametrize(
    "task", [t for t in graphs.TASKS if t.package == "sardonyx"], ids=lambda t: f"{t.model} {t.name}"
)
def test_tasks_are_measured_and_meet_their_budgets(tmp_path: Path, task: graphs.Task) -> None:
    """On models a tenth of the size; memory must be seen to grow where objects are made."""
    path = graphs.write_weights(tmp_path, 0.3) if task.model == "weights" else graphs.write_nodes(tmp_path, 1000)
    cost = graphs.measure(task, path, 1)
    assert 0 < cost.cpu < (task.seconds or 10) and cost.megabytes < (task.megabytes or 1000)
    assert cost.megabytes > 0
