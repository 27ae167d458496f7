"""Where our references and the official evaluator part, the compatible evaluator goes with the latter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
import onnx as official
import pytest

import sardonyx.compat.onnx as ours
from tests.compat.evaluators import agree, floats, raises

F, F16, F64 = 1, 10, 11
ML = "ai.onnx.ml"
IMAGE = floats(1, 2, 4, 4)
PLUS, MINUS = floats(2, 3), -floats(2, 3)


def node(o: Any, op_type: str, inputs: list[Any], attrs: Mapping[str, Any], domain: str, opset: int | None) -> Any:
    """What a node gives: alone, or in a graph where a version is asked for."""
    h = o.helper
    names = [f"x{i}" for i in range(len(inputs))]
    feeds = dict(zip(names, inputs, strict=True))
    one = h.make_node(op_type, names, ["y"], domain=domain, **attrs)
    if opset is None:
        return o.reference.ReferenceEvaluator(one).run(None, feeds)
    infos = [h.make_tensor_value_info(name, F, None) for name in (*names, "y")]
    graph = h.make_graph([one], "g", infos[:-1], infos[-1:])
    return o.reference.ReferenceEvaluator(graph, opsets={domain: opset}).run(None, feeds)


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


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16, np.float32])
def test_narrow_types_round_at_each_step(kind: Any) -> None:
    x = (floats(4, 64) * 3).astype(kind)
    found, wanted = (node(o, "Softmax", [x], {}, "", None)[0] for o in (ours, official))
    assert found.dtype == wanted.dtype == x.dtype
    if kind is np.float32:
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    else:
        np.testing.assert_array_equal(found, wanted)


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


@pytest.mark.parametrize("held", [None, PLUS, [PLUS, MINUS]])
@pytest.mark.parametrize("name", ["Optional", "OptionalHasElement", "OptionalGetElement"])
def test_optionals_are_lists_of_one(name: str, held: Any) -> None:
    found = agree(lambda o: node(o, name, [held], {}, "", 18))
    assert raises(found) == (name == "OptionalGetElement" and held is None)


@pytest.mark.parametrize("opset", [15, 18])
@pytest.mark.parametrize("name", ["Optional", "OptionalHasElement"])
def test_optionals_without_an_input(name: str, opset: int) -> None:
    agree(lambda o: node(o, name, [], {}, "", opset))


def test_what_an_optional_holds_comes_out_again() -> None:
    h = ours.helper
    nodes = [h.make_node("Optional", ["x"], ["o"]), h.make_node("OptionalGetElement", ["o"], ["y"])]
    infos = [h.make_tensor_value_info(name, F, None) for name in "xy"]
    graph = h.make_graph(nodes, "g", infos[:1], infos[1:])
    (y,) = ours.reference.ReferenceEvaluator(graph, opsets={"": 18}).run(None, {"x": PLUS})
    assert np.array_equal(y, PLUS)


def test_a_node_may_have_inputs_of_a_later_version() -> None:
    agree(lambda o: node(o, "Resize", [IMAGE, None, None, np.array([1, 2, 2, 3])], {"mode": "linear"}, "", 10))


@pytest.mark.parametrize("kinds", [(np.float16, np.float32), (np.float32, np.float64), (np.float64, np.float16)])
def test_a_scale_does_not_change_the_type_of_what_is_normalized(kinds: tuple[Any, Any]) -> None:
    inputs = [PLUS.astype(kinds[0]), np.ones(3, kinds[1])]
    agree(lambda o: [y.dtype for y in node(o, "RMSNormalization", inputs, {}, "", 23)])


@pytest.mark.parametrize("name", ["Abs", "Add", "And", "Flatten", "Gelu", "HardSwish", "Max", "Mish", "Softmax"])
def test_attributes_that_nobody_knows_mean_nothing(name: str) -> None:
    x = PLUS > 0 if name == "And" else PLUS
    inputs = [x, x] if name in ("Add", "And", "Max") else [x]
    assert not raises(agree(lambda o: node(o, name, inputs, {"consumed_inputs": [0]}, "", 20)))


def test_a_node_may_have_attributes_of_a_later_version() -> None:
    later = {"keys_int64s": [1, 2], "values_floats": [0.5, 1.5]}  # of version 2; nodes alone are of version 1
    assert not raises(agree(lambda o: node(o, "LabelEncoder", [np.array([2, 1])], later, ML, None)))


def test_versions_of_attention_before_there_was_one() -> None:
    def program(o: Any) -> Any:
        found = [o.reference.ops.load_op("", "Attention", version) for version in (22, 23, 24, 25)]
        return [(cls.__name__, cls._validate_attention25) for cls in found]

    assert not raises(agree(program))


def one_node_model(o: Any, op_type: str, arrays: Mapping[str, Any], outputs: int, **attrs: Any) -> Any:
    infos = [o.helper.make_tensor_value_info(n, KINDS[x.dtype.name], x.shape) for n, x in arrays.items()]
    results = [f"y{i}" for i in range(outputs)]
    graph = o.helper.make_graph(
        [o.helper.make_node(op_type, list(arrays), results, **attrs)],
        "g",
        infos,
        [o.helper.make_tensor_value_info(y, infos[0].type.tensor_type.elem_type, None) for y in results],
    )
    return o.helper.make_model(graph, opset_imports=[o.helper.make_opsetid("", 28)])


KINDS = {"float32": 1, "float16": 10}
EXPANDED: dict[str, tuple[list[Any], int, dict[str, Any]]] = {
    "SpaceToDepth": ([np.empty((1, 0, 2, 2), np.float32)], 1, {"blocksize": 2}),
    "DepthToSpace": ([np.empty((1, 4, 2, 0), np.float32)], 1, {"blocksize": 2}),
    "CausalConvWithState": (
        [floats(2, 4, 8).astype(np.float16), floats(4, 1, 4).astype(np.float16)],
        2,
        {"activation": "silu"},
    ),
}


@pytest.mark.parametrize("name", EXPANDED)
def test_operators_and_their_functions_agree(name: str) -> None:
    arrays, outputs, attrs = EXPANDED[name]
    feeds = {f"x{i}": x for i, x in enumerate(arrays)}
    model = one_node_model(ours, name, feeds, outputs, **attrs)
    expanded = type(name, (ours.reference.op_run.OpRunExpand,), {"op_domain": ""})
    whole = ours.reference.ReferenceEvaluator(model).run(None, feeds)
    by_function = ours.reference.ReferenceEvaluator(model, new_ops=[expanded]).run(None, feeds)
    for a, b in zip(whole, by_function, strict=True):
        np.testing.assert_array_equal(a, b)


def stepped(o: Any, steps: int) -> Any:
    info = o.helper.make_tensor_value_info
    body = o.helper.make_graph(
        [o.helper.make_node("Add", ["s", "x"], ["t"]), o.helper.make_node("Identity", ["t"], ["u"])],
        "body",
        [info("s", F, [2]), info("x", F, [2])],
        [info("t", F, [2]), info("u", F, [2])],
    )
    feeds = {"s0": np.zeros(2, np.float32), "xs": np.ones((steps, 2), np.float32)}
    model = one_node_model(o, "Scan", feeds, 2, num_scan_inputs=1, body=body)
    return o.reference.ReferenceEvaluator(model).run(None, feeds)


def convolved(o: Any, scales: Any) -> Any:
    x, w = np.ones((1, 1, 4, 4), np.uint8), np.ones((2, 1, 3, 3), np.uint8)
    one, zero = np.float32([0.5]), np.uint8([0])
    return node(o, "QLinearConv", [x, one, zero, w, np.float32(scales), np.uint8([0, 0]), one, zero], {}, "", 16)


def summed(o: Any, name: str) -> Any:
    try:
        return node(o, name, [np.arange(3)], {"keepdims": 0}, "", 18)
    except TypeError as error:
        raise ValueError(str(error.__cause__)) from None


TOLD: dict[str, tuple[Any, str]] = {
    "axis": (lambda o: node(o, "Concat", [PLUS], {"axis": 2}, "", None), "axis 2 is out of range for input rank 2"),
    "scales": (lambda o: convolved(o, [0.1, 0.2, 0.3]), "w_scale elements must match output channels"),
    "matrix": (lambda o: convolved(o, [[0.1, 0.2]]), "w_scale must be a scalar or a 1-D tensor"),
    "steps": (lambda o: stepped(o, 0), "zero scan-input length"),
    "sum": (lambda o: summed(o, "ReduceLogSum"), "does not support integer input"),
    "exp": (lambda o: summed(o, "ReduceLogSumExp"), "does not support integer input"),
    "gate": (lambda o: node(o, "SwiGLU", [PLUS, PLUS[:1]], {}, "", 28), "identical shapes"),
    "half": (lambda o: node(o, "SwiGLU", [PLUS, PLUS.astype(np.float16)], {}, "", 28), "identical dtypes"),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_programs_read_in_errors(name: str) -> None:
    program, words = TOLD[name]
    assert raises(agree(program))
    for o in (ours, official):
        with pytest.raises((ValueError, RuntimeError), match=words):
            program(o)


def test_scales_and_steps_that_fit() -> None:
    for program in (lambda o: convolved(o, [0.1, 0.2]), lambda o: convolved(o, [0.1]), lambda o: stepped(o, 3)):
        assert not raises(agree(program))
