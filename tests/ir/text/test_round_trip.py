"""Models print, and what is printed reads back to an equal model, here and in the official parser."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import onnx.printer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.backend.test.case.node import collect_testcases

import sardonyx as sx
from sardonyx.core import dims, dtypes
from sardonyx.ir import AttrKind, TensorType, Value
from sardonyx.ir.text import parse_model, print_model
from tests.ir.text.compare import essence
from tests.ir.text.samples import OFFICIAL, SAMPLES

LIGHT = sorted((Path(onnx.__file__).parent / "backend/test/data").rglob("*.onnx"))


@functools.cache
def official_models() -> dict[str, bytes]:
    """Every model that the official package brings along, as bytes."""
    models = {case.name: case.model.SerializeToString() for case in collect_testcases(None)}
    return {**models, **{f"{p.parent.name}/{p.name}": p.read_bytes() for p in LIGHT}}


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_print_as_before(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"{name}.onnxtxt", print_model(SAMPLES[name]()))


@pytest.mark.parametrize("name", SAMPLES)
def test_text_reads_back(name: str) -> None:
    model = SAMPLES[name]()
    text = print_model(model)
    assert essence(parse_model(text)) == essence(model)
    assert print_model(parse_model(text)) == text


@pytest.mark.parametrize("name", OFFICIAL)
def test_the_official_parser_reads_it(name: str) -> None:
    model = SAMPLES[name]()
    official = onnx.parser.parse_model(print_model(model))
    assert essence(sx.from_bytes(official.SerializeToString())) == essence(model)


def test_official_models_survive_in_both_parsers() -> None:
    """Every model of the official tests: what we print, both parsers read back."""
    models = official_models()
    assert len(models) > 2000
    for name, data in models.items():
        model = sx.from_bytes(data)
        text = print_model(model)
        expected = essence(model)
        assert essence(parse_model(text)) == expected, name
        assert essence(sx.from_bytes(onnx.parser.parse_model(text).SerializeToString())) == expected, name


def test_what_the_official_printer_writes_is_read_as_the_official_parser_reads_it() -> None:
    skipped = 0
    for name, data in official_models().items():
        text = onnx.printer.to_text(onnx.load_model_from_string(data))
        try:
            official = onnx.parser.parse_model(text)
        except onnx.parser.ParseError:  # the official printer writes "..." for what it cannot say
            skipped += 1
            with pytest.raises(sx.FormatError):
                parse_model(text)
            continue
        try:
            expected = essence(sx.from_bytes(official.SerializeToString()))
        except sx.FormatError:  # the official parser made a message that is no sensible model
            continue
        assert essence(parse_model(text)) == expected, name
    assert skipped < 200


@pytest.mark.parametrize("element", [t for t in dtypes.ALL if t.kind != "none"], ids=repr)
def test_every_element_type_survives(element: dtypes.DType) -> None:
    model = SAMPLES["affine"]()
    values = np.array([0, 1, 1, 0, 1])
    array = values.astype(str).astype(object) if element is dtypes.STRING else values.astype(element.numpy)
    model.graph.add_initializer(sx.Tensor(array, dtype=element, name="k"))
    text = print_model(model)
    assert essence(parse_model(text)) == essence(model)
    official = sx.from_bytes(onnx.parser.parse_model(text).SerializeToString())
    assert essence(official) == essence(model)


names = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8
)  # the official parser stops at NUL
plain_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)
float32 = st.floats(width=32, allow_nan=False)
int64 = st.integers(-(2**63), 2**63 - 1)
values = st.one_of(
    float32.map(lambda v: (AttrKind.FLOAT, v)),
    int64.map(lambda v: (AttrKind.INT, v)),
    names.map(lambda v: (AttrKind.STRING, v)),
    st.lists(float32, max_size=4).map(lambda v: (AttrKind.FLOATS, tuple(v))),
    st.lists(int64, max_size=4).map(lambda v: (AttrKind.INTS, tuple(v))),
    st.lists(names, max_size=4).map(lambda v: (AttrKind.STRINGS, tuple(v))),
)
shapes = st.none() | st.lists(st.none() | st.integers(0, 2**40) | plain_names.map(dims.symbol), max_size=4).map(tuple)


@st.composite
def models(draw: st.DrawFn) -> sx.Model:
    """A chain of made-up operators over values with any names and types."""
    titles = draw(st.lists(names, min_size=2, max_size=5, unique=True))
    elements = [t for t in dtypes.ALL if t.kind != "none"]
    made = [Value(t, TensorType(draw(st.sampled_from(elements)), draw(shapes))) for t in titles]
    graph = sx.Graph(draw(plain_names), made[:1])
    for before, after in itertools.pairwise(made):
        attributes = draw(st.dictionaries(plain_names, values, max_size=3))
        attrs = [sx.Attr(n, kind, v) for n, (kind, v) in attributes.items()]
        graph.append(sx.Node(draw(plain_names), [before], [after], attrs, name=draw(st.just("") | names)))
    graph.outputs = made[-1:]
    return sx.Model(graph, {"": draw(st.integers(1, 30))}, doc=draw(st.just("") | names))


@settings(max_examples=150, deadline=None)
@given(models())
def test_any_model_reads_back(model: sx.Model) -> None:
    text = print_model(model)
    assert essence(parse_model(text)) == essence(model)
    official = onnx.parser.parse_model(text)
    assert essence(sx.from_bytes(official.SerializeToString())) == essence(model)


@settings(max_examples=200, deadline=None)
@given(st.lists(float32, max_size=20), st.lists(st.floats(allow_nan=False), max_size=20))
def test_floats_keep_every_bit(singles: list[float], doubles: list[float]) -> None:
    for array in (np.array(singles, np.float32), np.array(doubles, np.float64)):
        graph = sx.Graph("g")
        graph.add_initializer(sx.Tensor(array, name="k"))
        const = parse_model(print_model(sx.Model(graph))).graph.initializers["k"].const
        assert isinstance(const, sx.Tensor) and const.numpy().tobytes() == array.tobytes()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=12))
def test_strings_may_hold_any_bytes(data: bytes) -> None:
    """Text in files is UTF-8; strings of models need not be."""
    x, y = Value("x"), Value("y")
    graph = sx.Graph("g", [x])
    graph.append(sx.Node("Op", [x], [y], [sx.Attr("s", AttrKind.STRINGS, (data, "text"))]))
    graph.outputs = [y]
    model = sx.from_bytes(sx.to_bytes(sx.Model(graph)))  # where they are UTF-8, they are str
    assert essence(parse_model(print_model(model))) == essence(model)
