"""Shapes as formulas: symbols followed through Shape, Gather, Slice, arithmetic, Concat and Reshape."""

from __future__ import annotations

import onnx
import pytest

from sardonyx import io
from sardonyx.infer import Inference, infer
from sardonyx.ir import Model, show_shape

HEAD = '<ir_version: 10, opset_import: ["" : 20]>\n'


def parse(text: str, head: str = HEAD) -> Model:
    return io.from_bytes(onnx.parser.parse_model(head + text).SerializeToString())


def shown(inference: Inference, name: str) -> str:
    value = inference.model.graph.find(name)
    assert value is not None
    return show_shape(inference.shape(value))


def ints(inference: Inference, name: str) -> list[str]:
    value = inference.model.graph.find(name)
    assert value is not None
    found = inference.ints(value)
    assert found is not None
    return [str(x) for x in found.reshape(-1)]


CASES = {
    "flatten by hand": (
        """agraph (float[N, C, H, W] x) => (float[a, b] y) <int64[1] zero = {0}, int64[1] minus = {-1}> {
            s = Shape(x)
            n = Gather(s, zero)
            t = Concat <axis = 0> (n, minus)
            y = Reshape(x, t)
        }""",
        "[N, C*H*W]",
    ),
    "split heads": (
        """agraph (float[B, S, 768] x) => (float[a, b, c, d] y) <int64[2] heads = {12, 64}> {
            s = Shape <start = 0, end = 2> (x)
            t = Concat <axis = 0> (s, heads)
            r = Reshape(x, t)
            y = Transpose <perm = [0, 2, 1, 3]> (r)
        }""",
        "[B, 12, S, 64]",
    ),
    "merge heads": (
        """agraph (float[B, 12, S, 64] x) => (float[a, b, c] y) <int64[3] t = {0, -1, 768}> {
            r = Transpose <perm = [0, 2, 1, 3]> (x)
            y = Reshape(r, t)
        }""",
        "[B, S, 768]",
    ),
    "sum of dims": (
        """agraph (float[N, 4] a, float[M, 4] b) => (float[k, 4] y) {
            y = Concat <axis = 0> (a, b)
        }""",
        "[M + N, 4]",
    ),
    "strided convolution": (
        """agraph (float[N, 3, H, W] x, float[8, 3, 3, 3] w) => (float[a, b, c, d] y) {
            y = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (x, w)
        }""",
        "[N, 8, floor((H + 1)/2), floor((W + 1)/2)]",
    ),
    "pool twice": (
        """agraph (float[N, 3, H, 32] x) => (float[a, b, c, d] y) {
            z = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (x)
            y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (z)
        }""",
        "[N, 3, floor(H/4), 8]",
    ),
    "known equal, so no broadcast": (
        """agraph (float[N, 4] a, float[N, 1] b) => (float[k, l] y) {
            y = Add(a, b)
        }""",
        "[N, 4]",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_formula(name: str) -> None:
    text, expected = CASES[name]
    assert shown(infer(parse(text), strict=True), "y") == expected


def test_carried_integers() -> None:
    model = parse(
        """agraph (float[N, 4] x) => (int64[k] y) <int64[1] one = {1}, int64[1] two = {2}> {
            s = Shape(x)
            p = Add(s, one)
            q = Mul(p, two)
            h = Div(s, two)
            y = Concat <axis = 0> (q, h)
        }"""
    )
    inference = infer(model, strict=True)
    assert ints(inference, "y") == ["2*N + 2", "10", "floor(N/2)", "2"]
    without = infer(model, data_propagation=False)
    assert without.ints(model.graph.outputs[0]) is None
    assert shown(without, "y") == "[4]"


def test_constants_feed_in() -> None:
    model = parse(
        """agraph (float[6, 4] x) => (float[a, b, c] y) {
            t = Constant <value_ints = [2, 3, 4]> ()
            y = Reshape(x, t)
        }"""
    )
    assert shown(infer(model), "y") == "[2, 3, 4]"


def test_default_values_are_not_constants() -> None:
    """A caller may override the default value of an input, so that nothing may be concluded from it."""
    text = """agraph (float[6, 4] x, int64[2] t) => (float[a, b] y) <int64[2] t = {3, 8}> {
        y = Reshape(x, t)
    }"""
    assert "3" not in shown(infer(parse(text)), "y")
    assert shown(infer(parse(text, '<ir_version: 3, opset_import: ["" : 8]>\n')), "y") == "[3, 8]"


def test_unknown_extents_get_symbols() -> None:
    """Two unknown extents are two symbols, and what depends on one is a formula in it."""
    inference = infer(parse("agraph (float[?, ?] x) => (float[?, ?] y) { y = Transpose(x) }"))
    a, b = (str(d) for d in inference.shape(inference.model.graph.inputs[0]) or ())
    assert a != b and shown(inference, "y") == f"[{b}, {a}]"


def test_fresh_symbol_takes_the_declared_name() -> None:
    """An extent that inference cannot know takes the name the model gives it, also where it was used before."""
    model = parse(
        """agraph (float[N, 4] x, int64[2] t) => (float[rows, 4] y) {
            h = Reshape(x, t)
            d = Transpose(h)
            y = Relu(h)
        }"""
    )
    inference = infer(model)
    assert shown(inference, "y") == "[rows, 4]"
    assert (shown(inference, "h"), shown(inference, "d")) == ("[rows, 4]", "[4, rows]")


def test_unknown_operator_uses_declared_types() -> None:
    model = parse(
        """agraph (float[N] x) => (float[N, 2] y) <float[N, 2] g> {
            g = z.Op(x)
            y = Relu(g)
        }""",
        '<ir_version: 10, opset_import: ["" : 20, "z": 1]>\n',
    )
    assert shown(infer(model, strict=True), "y") == "[N, 2]"


def test_declared_names_explain_themselves() -> None:
    """A name that only an output declares is replaced by the formula it stands for."""
    model = parse("agraph (float[N, 3] x) => (float[rows, 6] y) { y = Concat <axis = 1> (x, x) }")
    inference = infer(model)
    assert shown(inference, "y") == "[N, 6]"


def test_unknown_rank_and_declared_output() -> None:
    model = parse("agraph (float[N, 3] x, int64[r] t) => (float[a, b] y) { z = Reshape(x, t)  y = Relu(z) }")
    assert len(infer(model).shape(model.graph.outputs[0]) or ()) == 2
