"""What the compiler gets: the newest opset, no functions, fused; the model given stays as it is."""

from __future__ import annotations

import sardonyx as sx
from sardonyx.engine.prepare import prepare
from sardonyx.ops import latest_opset
from tests.passes.models import counts, same_results
from tests.passes.test_pipeline import convolutional, transformer


def test_an_old_model_arrives_in_the_newest_version_and_fused() -> None:
    model = convolutional(13)
    before = sx.to_bytes(model)
    ready = prepare(model)
    assert ready.opset == latest_opset()
    assert "BatchNormalization" not in counts(ready)
    same_results(model, ready, 3e-5)
    assert sx.to_bytes(model) == before


def test_attention_arrives_as_one_node() -> None:
    assert counts(prepare(transformer()))["Attention"] == 1


def test_constants_are_shared_not_copied() -> None:
    model = convolutional()
    weights = {id(v.const) for v in model.graph.initializers.values()}
    gemm = next(n for n in prepare(model).graph.nodes if n.op_type == "Gemm")
    assert gemm.inputs[1] is not None and id(gemm.inputs[1].const) in weights
