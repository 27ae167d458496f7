"""Where our references and the official evaluator part, the compatible evaluator goes with the latter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tests.compat.test_onnx_reference import agree, floats, raises

F, F16, F64 = 1, 10, 11
ML = "ai.onnx.ml"
IMAGE = floats(1, 2, 4, 4)
PLUS, MINUS = floats(2, 3), -floats(2, 3)


def node(o: Any, op_type: str, inputs: list[Any], attrs: Mapping[str, Any], domain: str, opset: int | None) -> Any:
    names = [f"x{i}" for i in range(len(inputs))]
    one = o.helper.make_node(op_type, names, ["y"], domain=domain, **attrs)
    kinds = {} if opset is None else {"opsets": {domain: opset}}
    return o.reference.ReferenceEvaluator(one, **kinds).run(None, dict(zip(names, inputs, strict=True)))


DRAWN = {
    "RandomNormal": ([], {"shape": [2, 3], "mean": 1.5, "scale": 0.5}),
    "RandomUniform": ([], {"shape": [2, 3], "low": -2.0, "high": 3.0}),
    "RandomNormalLike": ([PLUS], {"scale": 2.0}),
    "RandomUniformLike": ([PLUS], {"low": 1.0, "high": 4.0}),
    "Bernoulli": ([np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)], {}),
}


@pytest.mark.parametrize("seed", [0.0, 3.0, 77.5])
@pytest.mark.parametrize("dtype", [None, F, F16, F64])
@pytest.mark.parametrize("name", DRAWN)
def test_a_seed_stands_for_the_same_numbers(name: str, dtype: int | None, seed: float) -> None:
    inputs, attrs = DRAWN[name]
    kind = {} if dtype is None else {"dtype": dtype}
    found = agree(lambda o: node(o, name, inputs, {**attrs, **kind, "seed": seed}, "", None))
    assert not raises(found) or dtype is None  # there is no default type of what is drawn there


@pytest.mark.parametrize("biases", [1, 2, 3, 6])
@pytest.mark.parametrize("group", [1, 2])
def test_biases_that_are_not_one_per_channel(biases: int, group: int) -> None:
    down, up = floats(2, 2 // group, 3, 3), floats(2, 1, 3, 3)
    bias = (
        floats(biases, seed=1) if group == 1 else np.full(biases, 0.5, np.float32)
    )  # there all groups share the first
    if biases <= 2:
        assert not raises(agree(lambda o: node(o, "Conv", [IMAGE, down, bias], {"group": group}, "", None)))
    if biases >= group:
        assert not raises(agree(lambda o: node(o, "ConvTranspose", [IMAGE, up, bias], {"group": group}, "", None)))


@pytest.mark.parametrize("name", ["ReduceLogSum", "ReduceLogSumExp"])
@pytest.mark.parametrize("opset", [11, 18])
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int32, np.uint64])
def test_logarithms_of_sums_are_of_floats(name: str, opset: int, kind: Any) -> None:
    x = (abs(PLUS) * 5 + 1).astype(kind)
    assert raises(agree(lambda o: node(o, name, [x], {"keepdims": 0}, "", opset))) == (x.dtype.kind in "iu")


MAPS: list[Any] = [
    {"a": 1.5},
    [{"a": 1.5}, {"b": 2.0, "c": 3.0}],
    np.array([{"c": 2}]),
    [{"d": 1.0}],
    {"d": 1, "b": 2},
    [],
]


@pytest.mark.parametrize("maps", MAPS, ids=str)
def test_maps_become_vectors_and_rows(maps: Any) -> None:
    agree(lambda o: node(o, "DictVectorizer", [maps], {"string_vocabulary": ["a", "b", "c"]}, ML, 1))


TEXTS = ("U", "O", "S")
NO_BYTES = ("LabelEncoder", "StringConcat", "StringNormalizer", "StringSplit")  # bytes are no text to these there
WORDS, FIRST = ["a", "bcd", "a"], np.array([0, 2])
OF_TEXT: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "Identity": ([WORDS], {}, ""),
    "Concat": ([WORDS, WORDS], {"axis": 0}, ""),
    "Gather": ([WORDS, FIRST], {}, ""),
    "Pad": ([WORDS, np.array([1, 2]), "zz"], {}, ""),
    "Slice": ([WORDS, np.array([0]), np.array([1])], {}, ""),
    "Where": ([np.array([True, False, True]), WORDS, WORDS], {}, ""),
    "ScatterND": ([WORDS, np.array([[0]]), ["q"]], {}, ""),
    "Compress": ([WORDS, np.array([True, False, True])], {}, ""),
    "Unique": ([WORDS], {}, ""),
    "SequenceConstruct": ([WORDS, WORDS], {}, ""),
    "SplitToSequence": ([WORDS], {}, ""),
    "ArrayFeatureExtractor": ([WORDS, np.array([1])], {}, ML),
    "LabelEncoder": ([WORDS], {"keys_strings": ["a", "bcd"], "values_strings": ["x", "yz"]}, ML),
    "StringConcat": ([WORDS, WORDS], {}, ""),
    "StringNormalizer": ([WORDS], {"case_change_action": "UPPER"}, ""),
    "StringSplit": ([WORDS], {"delimiter": "c"}, ""),
}


@pytest.mark.parametrize(("name", "held"), [(n, k) for n in OF_TEXT for k in TEXTS if k != "S" or n not in NO_BYTES])
def test_text_is_held_as_it_was_given(name: str, held: str) -> None:
    given, attrs, domain = OF_TEXT[name]
    inputs = [x if isinstance(x, np.ndarray) else np.array(x, object).astype(held) for x in given]

    def kinds(x: Any) -> Any:
        return [kinds(y) for y in x] if isinstance(x, list) else str(x.dtype)

    assert not raises(agree(lambda o: kinds(node(o, name, inputs, attrs, domain, None))))


def test_a_node_may_have_attributes_of_a_later_version() -> None:
    later = {"keys_int64s": [1, 2], "values_floats": [0.5, 1.5]}  # of version 2; nodes alone are of version 1
    assert not raises(agree(lambda o: node(o, "LabelEncoder", [np.array([2, 1])], later, ML, None)))


def test_versions_of_attention_before_there_was_one() -> None:
    def program(o: Any) -> Any:
        found = [o.reference.ops.load_op("", "Attention", version) for version in (22, 23, 24, 25)]
        return [(cls.__name__, cls._validate_attention25) for cls in found]

    assert not raises(agree(program))
