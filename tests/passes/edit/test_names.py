"""Names change everywhere, values nowhere."""

from __future__ import annotations

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.check import check
from sardonyx.core.errors import InputError
from sardonyx.ir.text import parse_model

MODEL = parse_model("""
<ir_version: 10, opset_import: ["" : 21]>
g (float[2] x, bool c) => (float[2] y) <float[2] w = {2, 3}> {
  [n] p = Mul (x, w)
  y = If (c) <then_branch = t () => (o) { o = Add (p, w) }, else_branch = e () => (i) { i = Identity (p) }>
}
""")
FEEDS = [np.array([1, 2], np.float32), np.array(True)]


def test_prefix_renames_all_or_keeps_the_interface() -> None:
    for interface in (True, False):
        model = sx.prefix(MODEL, "m/", interface=interface)
        check(model)
        names = [v.name for g in model.graph.walk_graphs() for v in g.values()]
        own = {"x", "c", "y"}
        assert all(n.startswith("m/") or (not interface and n in own) for n in names)
        assert [n.name for n in model.graph.nodes] == ["m/n", ""] and list(model.graph.initializers) == ["m/w"]
        np.testing.assert_array_equal(sx.evaluate(model, FEEDS)[0], sx.evaluate(MODEL, FEEDS)[0])


def test_rename_swaps_and_follows_into_branches() -> None:
    model = sx.rename(MODEL, {"x": "y", "y": "x", "w": "weight", "o": "inner"})
    check(model)
    assert [v.name for v in model.graph.outputs] == ["x"] and list(model.graph.initializers) == ["weight"]
    np.testing.assert_array_equal(sx.evaluate(model, FEEDS)[0], sx.evaluate(MODEL, FEEDS)[0])


def test_names_that_cannot_be_given_are_refused() -> None:
    for names, says in (
        ({"none": "a"}, "no value"),
        ({"x": "w"}, "taken"),
        ({"x": "a", "w": "a"}, "taken"),
        ({"x": ""}, "taken"),
    ):
        with pytest.raises(InputError, match=says):
            sx.rename(MODEL, names)
