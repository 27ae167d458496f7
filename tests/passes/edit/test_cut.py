"""A part of a model gives what the whole gives there."""

from __future__ import annotations

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.check import check
from sardonyx.core.errors import InputError
from sardonyx.ir.text import parse_model

MODEL = parse_model("""
<ir_version: 10, opset_import: ["" : 21]>
g (float[N, 3] x, float[3] b, bool c) => (float[N, 3] y, float[N, 3] z) <float[3, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}> {
  p = MatMul (x, w)
  q = Add (p, b)
  y = If (c) <then_branch = t () => (o) { o = Neg (p) }, else_branch = e () => (i) { i = Identity (q) }>
  z = Relu (q)
}
""")
X, B, C = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, -300, 2], np.float32), np.array(True)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        (None, ["z"]),
        (None, ["p", "q"]),
        (["p"], ["p"]),
        (["p", "b"], ["z"]),
        (["q"], ["z"]),
        (["p", "q", "c"], ["y"]),
        (["x", "w"], ["p"]),
        (["x", "b", "c"], None),
    ],
)
@pytest.mark.parametrize("c", [True, False])
def test_parts_give_what_the_whole_gives(inputs: list[str] | None, outputs: list[str] | None, c: bool) -> None:
    part = sx.extract(MODEL, inputs, outputs)
    check(part)
    wanted = outputs or ["y", "z"]
    assert [v.name for v in part.graph.outputs] == wanted
    if inputs is not None:
        assert [v.name for v in part.graph.inputs] == inputs
    feeds = {"x": X, "b": B, "c": np.array(c)}
    names = [v.name for v in part.graph.inputs]
    inner = [n for n in names if n not in (*feeds, "w")]
    feeds |= dict(zip(inner, sx.evaluate(MODEL, feeds, outputs=inner), strict=True)) if inner else {}
    feeds["w"] = np.arange(1, 10, dtype=np.float32).reshape(3, 3)
    got = sx.evaluate(part, {n: feeds[n] for n in names})
    whole = sx.evaluate(MODEL, {n: feeds[n] for n in ("x", "b", "c")}, outputs=wanted)
    for a, b in zip(got, whole, strict=True):
        np.testing.assert_array_equal(a, b)


def test_only_what_is_needed_stays() -> None:
    part = sx.extract(MODEL, ["q"], ["z"])
    assert [n.op_type for n in part.graph.nodes] == ["Relu"] and not part.graph.initializers
    assert str(part.graph.inputs[0].type) == "float32[N, 3]"
    assert [v.name for v in sx.extract(MODEL, None, ["p"]).graph.inputs] == ["x"]


def test_what_cannot_be_cut_is_refused() -> None:
    with pytest.raises(InputError, match="also need 'b'"):
        sx.extract(MODEL, ["p"], ["z"])
    with pytest.raises(InputError, match="no value 'nothing'"):
        sx.extract(MODEL, ["p"], ["nothing"])
    assert len(MODEL.graph) == 4, "the original is left alone"
