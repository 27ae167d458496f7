"""A merged model gives what the second gives of what the first gives."""

from __future__ import annotations

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.check import check
from sardonyx.core.errors import InputError
from sardonyx.ir.text import parse_model

FIRST = parse_model("""
<ir_version: 8, opset_import: ["" : 18], metadata_props: ["from": "first"]>
one (float[N, 2] x) => (float[N, 2] y, float[N, 2] extra) <float[2] w = {2, 3}> { y = Mul (x, w) extra = Neg (x) }
""")
SECOND = parse_model("""
<ir_version: 10, opset_import: ["" : 21, "d" : 1]>
two (float[N, 2] x, bool c) => (float[N, 2] y) <float[2] w = {10, 20}> {
  a = d.Twice (x)
  y = If (c) <then_branch = t () => (o) { o = Add (a, w) }, else_branch = e () => (i) { i = Identity (a) }>
}
<domain: "d", opset_import: ["" : 21]> Twice (v) => (r) { r = Add (v, v) }
""")
X = np.array([[1, 2], [3, 4]], np.float32)


@pytest.mark.parametrize("c", [True, False])
@pytest.mark.parametrize("keep", [True, False])
def test_the_second_takes_what_the_first_gives(c: bool, keep: bool) -> None:
    model = sx.merge(FIRST, SECOND, {"y": "x"}, prefixes=("a/", "b/"), keep=keep)
    check(model)
    assert model.opset == 21 and model.ir_version == 10 and model.metadata == {"from": "first"}
    assert [v.name for v in model.graph.inputs] == ["a/x", "b/c"]
    names = [v.name for v in model.graph.outputs]
    assert names == [*(["a/y"] if keep else []), "a/extra", "b/y"]
    got = dict(zip(names, sx.evaluate(model, [X, np.array(c)]), strict=True))
    y, extra = sx.evaluate(FIRST, [X])
    np.testing.assert_array_equal(got["b/y"], sx.evaluate(SECOND, [y, np.array(c)])[0])
    np.testing.assert_array_equal(got["a/extra"], extra)


def test_names_and_types_must_fit() -> None:
    with pytest.raises(InputError, match="both models have a value"):
        sx.merge(FIRST, SECOND, {"y": "x"})
    with pytest.raises(InputError, match="does not fit input 'c'"):
        sx.merge(FIRST, SECOND, {"y": "c"}, prefixes=("a", "b"))
    with pytest.raises(InputError, match="no output 'x'"):
        sx.merge(FIRST, SECOND, {"x": "x"}, prefixes=("a", "b"))
    with pytest.raises(InputError, match="no input 'z'"):
        sx.merge(FIRST, SECOND, {"y": "z"}, prefixes=("a", "b"))


def test_functions_of_one_name_must_be_the_same() -> None:
    other = SECOND.clone()
    next(iter(other.functions.values())).graph.last.op_type = "Mul"  # pyright: ignore[reportOptionalMemberAccess]
    with pytest.raises(InputError, match="both models have a function 'Twice'"):
        sx.merge(SECOND, other, {"y": "x"}, prefixes=("a", "b"))
    assert len(sx.merge(SECOND, SECOND, {"y": "x"}, prefixes=("a", "b")).functions) == 1
