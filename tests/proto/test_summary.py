"""A message of many parts shows itself in one line, as the official package's do."""

from __future__ import annotations

import onnx
import onnx.parser
import pytest

from sardonyx.proto import FunctionProto, GraphProto, ModelProto

TEXT = """<ir_version: 9, opset_import: ["": 15, "mine": 1], domain: "d", producer_name: "p", producer_version: "1">
g (float[N] x) => (float[N] y) <float[1] w = {1}> { y = mine.F <a = 2.0> (x) }
<domain: "mine", opset_import: ["": 15]> F <a, b: float = 1.0> (X) => (Y) { t = Abs (X)  Y = Neg (t) }"""


@pytest.mark.parametrize("text", [TEXT, '<ir_version: 3, opset_import: ["": 9]> g () => () {}'])
def test_one_line(text: str) -> None:
    model = onnx.parser.parse_model(text)
    ours = ModelProto.FromString(model.SerializeToString())
    assert repr(ours) == repr(model)
    assert repr(ours.graph) == repr(model.graph)
    assert [repr(f) for f in ours.functions] == [repr(f) for f in model.functions]
    assert str(ours) == str(model)  # the whole contents


def test_nothing_in_it() -> None:
    for ours, theirs in (
        (ModelProto, onnx.ModelProto),
        (GraphProto, onnx.GraphProto),
        (FunctionProto, onnx.FunctionProto),
    ):
        assert repr(ours()) == repr(theirs())
