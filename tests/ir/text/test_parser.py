"""The parser points at what is wrong, reads what people write by hand, and never does more than raise."""

from __future__ import annotations

import random

import numpy as np
import pytest

import sardonyx as sx
from sardonyx.core.errors import FormatError, ParseError, UnsupportedError
from sardonyx.ir import SparseTensor, TensorType, Value
from sardonyx.ir.text import (
    parse_function,
    parse_graph,
    parse_model,
    parse_node,
    print_function,
    print_graph,
    print_model,
    print_node,
    print_tensor,
)
from tests.ir.text.samples import SAMPLES

GOOD = """<ir_version: 10, opset_import: ["" : 21]>  # the header
main (float[N,2] x, float[2] b = {1, 2}) => (float[N,2] y)
<float[2] w = {0.5, -1e3}, float[N,2] t>
{
  t = Mul (x, w)
  [sum] y = Add <note = "ends"> (t, b)
}
"""
REFUSED = {
    "an empty text": ("", "the name of a graph is wanted here, not the end of the text"),
    "no graph": ("<ir_version: 10>", "the name of a graph"),
    "a fact that is none": (GOOD.replace("ir_version", "version"), "version is no fact"),
    "a missing bracket": (GOOD.replace("x, float", "x float"), "'\\)' is wanted"),
    "a missing arrow": (GOOD.replace("=>", "->"), "no token of the ONNX text syntax"),
    "a constant of the wrong size": (GOOD.replace("{1, 2}", "{1, 2, 3}"), "has 3 entries, float32\\[2\\] needs 2"),
    "a constant without a type": (GOOD.replace("float[2] w", "w"), "needs an element type"),
    "a constant of symbolic shape": (GOOD.replace("float[2] w", "float[K] w"), "shape of numbers"),
    "a float among integers": (GOOD.replace("float[2] b", "int64[2] b").replace("{1,", "{1.5,"), "no number of type"),
    "an entry too large": (GOOD.replace("float[2] b", "int32[2] b").replace("{1,", "{3000000000,"), "does not fit"),
    "a float too large": (GOOD.replace("-1e3", "-1e39"), "does not fit into float32"),
    "a dim too large": (GOOD.replace("x, float[2]", "x, float[99999999999999999999]"), "does not fit into 64 bits"),
    "an open string": (GOOD.replace('"ends"', '"ends'), "does not end"),
    "a kind that is none": (GOOD.replace("note =", "note: word ="), "word is no kind of attribute"),
    "a value of another kind": (GOOD.replace("note =", "note: int ="), "kind int is wanted here"),
    "a list of two kinds": (GOOD.replace('"ends"', '["ends", 1]'), "kind string is wanted here"),
    "an empty list": (GOOD.replace('"ends"', "[]"), "kind of an empty list"),
    "a list for one value": (GOOD.replace('note = "ends"', "note: int = [1]"), "holds one int"),
    "one value for a list": (GOOD.replace('note = "ends"', "note: ints = 1"), "'\\[' is wanted"),
    "no end": (GOOD.replace("\n}", ""), "wanted after the nodes"),
    "words after the end": (GOOD + "}", "the name of a function is wanted"),
    "a type that is none": (GOOD.replace("(float[N,2] x", "(seq[N,2] x"), "wanted after seq"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_said(case: str) -> None:
    text, says = REFUSED[case]
    parse_model(GOOD)
    with pytest.raises(ParseError, match=says):
        parse_model(text)


def test_the_caret_points_at_the_token() -> None:
    with pytest.raises(ParseError) as caught:
        parse_model(GOOD.replace("Mul (x, w)", "Mul [x, w]"))
    error = caught.value
    assert (error.line, error.column) == (5, 11)
    assert str(error).splitlines()[1:4] == [
        "  where: line 5, column 11",
        "             t = Mul [x, w]",
        "                     ^",
    ]


def test_hand_written_text_means_what_it_says() -> None:
    model = parse_model(GOOD)
    assert model.opset == 21 and model.producer == ""
    x, b = model.graph.inputs
    assert isinstance(b.const, sx.Tensor) and b.const.numpy().tolist() == [1, 2]
    assert model.graph.initializers["w"].const is not None
    y = model.graph.outputs[0]
    assert y.producer is not None and y.producer.name == "sum" and y.producer.attr("note") == "ends"
    (result,) = sx.evaluate(sx.Model(model.graph, {"": 21}), {x.name: np.ones((1, 2), np.float32)})
    assert result.tolist() == [[1.5, -998]]


def test_comments_may_stand_among_entries() -> None:
    text = GOOD.replace("{0.5, -1e3}", "{0.5, # half\n -1e3}")
    assert print_model(parse_model(text)) == print_model(parse_model(GOOD))


@pytest.mark.parametrize("word", ["complex64", "complex128"])
@pytest.mark.parametrize(("entries", "value"), [("1, 2, 3, 4", [1 + 2j, 3 + 4j]), ("1, 2", [1, 2])])
def test_complex_constants_are_pairs_or_real_parts(word: str, entries: str, value: list[complex]) -> None:
    graph = parse_graph(f"g () => ({word}[2] y) <{word}[2] w = {{{entries}}}> {{ y = Identity (w) }}")
    held = graph.initializers["w"].const
    assert isinstance(held, sx.Tensor)
    found = held.numpy()
    assert found.dtype == word
    assert found.tolist() == value


def test_names_and_nothing_between_commas() -> None:
    node = parse_node('a, , "b c" = com.example.Op:fast (, x, "")')
    assert [v.name for v in node.outputs] == ["a", "", "b c"]
    assert [v.name if v else None for v in node.inputs] == [None, "x", None]
    assert (node.domain, node.op_type, node.overload) == ("com.example", "Op", "fast")
    assert print_node(node) == 'a, "", "b c" = com.example.Op:fast ("", x, "")'


def test_parts_stand_alone() -> None:
    model = SAMPLES["functions"]()
    (function,) = model.functions.values()
    assert print_function(parse_function(print_function(function))) == print_function(function)
    assert print_graph(parse_graph(print_graph(model.graph))) == print_graph(model.graph)
    assert print_tensor(sx.Tensor(np.arange(3), name="k")) == "int64[3] k {0, 1, 2}"


def test_external_data_needs_a_folder() -> None:
    text = GOOD.replace("{0.5, -1e3}", '["location": "w.bin", "offset": "8"]')
    with pytest.raises(FormatError, match=r"'w\.bin'"):
        parse_model(text)
    asked = []
    data = np.array([3, 4], np.float32)
    const = parse_model(text, external=lambda at, n: asked.append((at, n)) or data.data).graph.initializers["w"].const
    assert isinstance(const, sx.Tensor) and const.external is not None and const.external.offset == 8
    assert asked[0][1] == 8 and const.numpy().tolist() == [3, 4]


def test_what_has_no_syntax_is_refused_unless_it_is_for_reading() -> None:
    graph = sx.Graph("g", [Value("x", TensorType(None))])
    parts = sx.Tensor(np.ones(1, np.float32), name="s"), sx.Tensor(np.zeros(1, np.int64))
    graph.add_initializer(SparseTensor(*parts, (9,)))
    with pytest.raises(UnsupportedError, match="no place") as caught:
        print_model(sx.Model(graph))
    assert "sparse constant 's'" in str(caught.value)
    assert "s = ..." in print_model(sx.Model(graph), elide=8)


def test_long_constants_can_be_left_out() -> None:
    model = SAMPLES["affine"]()
    assert "w = {...}" in print_model(model, elide=4) and "{1.0, 2.0}" in print_model(model, elide=4)


def test_depth_is_bounded() -> None:
    for text in ("seq(" * 10_000, "main () => () { = If <g = a () => () {" * 10_000):
        with pytest.raises(ParseError):
            parse_model("main (" + text if text.startswith("seq") else text)


def test_damaged_text_gives_an_error_or_a_model() -> None:
    """Bytes dropped, doubled and exchanged: FormatError or a model, nothing else, and no long thought."""
    generator = random.Random(7)
    texts = [print_model(sample()) for sample in SAMPLES.values()]
    for _ in range(3000):
        letters = list(generator.choice(texts))
        for _ in range(generator.randint(1, 4)):
            at = generator.randrange(len(letters))
            letters[at : at + generator.randint(0, 3)] = generator.choice(
                ["", "(", "}", '"', "9" * 30, letters[at] * 2, "\\", "@"]
            )
        try:
            parse_model("".join(letters))
        except FormatError:
            continue
