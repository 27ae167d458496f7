"""Values of every kind on both packages' evaluators, and what is declared of them."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import sardonyx.compat.onnx as ours
import sardonyx.compat.onnx.reference  # noqa: F401
from tests.compat.evaluators import (
    BOOL,
    COUNT,
    I64,
    STRING,
    F,
    Program,
    X,
    agree,
    branch,
    chain,
    evaluate,
    model,
    raises,
)

# --- kinds of values


TYPES = {
    "bfloat16": 16, "float16": 10, "double": 11, "float8e4m3fn": 17, "float8e4m3fnuz": 18, "float8e5m2": 19,
    "float8e5m2fnuz": 20, "uint4": 21, "int4": 22, "float4e2m1": 23, "uint2": 25, "int2": 26, "int8": 3, "uint16": 4,
    "float6e2m3": 27, "float6e3m2": 28,
}  # fmt: skip

VALUES = np.array([0, -0.0, 0.2, 0.5, 1, 1.5, 2.4, 3, 7.5], np.float32)


@pytest.mark.parametrize("name", TYPES)
def test_casts_give_the_types_that_numpy_has_for_them(name: str) -> None:
    def program(o: Any) -> Any:
        h = o.helper
        nodes = [h.make_node("Cast", ["x"], ["y"], to=TYPES[name]), h.make_node("Cast", ["y"], ["z"], to=F)]
        return evaluate(o, model(o, nodes, "x", "y z", opset=28), {"x": VALUES})

    agree(program)


@pytest.mark.parametrize("name", ["bfloat16", "float8e4m3fn", "int4", "float16"])
def test_arithmetic_in_small_types(name: str) -> None:
    def program(o: Any) -> Any:
        h = o.helper
        nodes = [
            *(h.make_node("Cast", [x], [x + "c"], to=TYPES[name]) for x in "ab"),
            h.make_node("Neg", ["bc"], ["n"]),
            h.make_node("Add", ["ac", "n"], ["s"]),
        ]
        return evaluate(o, model(o, nodes, "a b", "s"), {"a": COUNT / 8, "b": COUNT / 16})

    agree(program)


def test_values_need_no_declared_type() -> None:
    """Feeds are taken as they are: what is declared of them is checked only where that is asked for."""
    agree(lambda o: evaluate(o, chain(o), {"a": COUNT, "b": COUNT + 1}))
    node = lambda o: model(o, [o.helper.make_node("Neg", ["a"], ["b"])], "a", "b")  # noqa: E731
    for feed in (
        COUNT.astype(np.float64),
        COUNT.astype(np.int8),
        np.float32(3) * np.ones(()),
        COUNT.astype(ml_dtypes.bfloat16),
    ):
        assert not raises(agree(lambda o, x=feed: evaluate(o, node(o), {"a": x})))


TEXT: dict[str, Program] = {
    "StringConcat": lambda o: o.helper.make_node("StringConcat", ["a", "b"], ["c"]),
    "Cast": lambda o: o.helper.make_node("Cast", ["x"], ["c"], to=STRING),
    "StringNormalizer": lambda o: o.helper.make_node("StringNormalizer", ["a"], ["c"], case_change_action="UPPER"),
    "StringSplit": lambda o: o.helper.make_node("StringSplit", ["a"], ["c", "n"], delimiter="b"),
    "RegexFullMatch": lambda o: o.helper.make_node("RegexFullMatch", ["a"], ["c"], pattern="[a-b]+"),
    "Equal": lambda o: o.helper.make_node("Equal", ["a", "b"], ["c"]),
    "Concat": lambda o: o.helper.make_node("Concat", ["a", "b"], ["c"], axis=0),
    "Identity": lambda o: o.helper.make_node("Identity", ["a"], ["c"]),
    "Constant": lambda o: o.helper.make_node("Constant", [], ["c"], value_strings=["a", "bc"]),
    "one Constant": lambda o: o.helper.make_node("Constant", [], ["c"], value_string="abc"),
}


@pytest.mark.parametrize("kind", [object, np.str_])
@pytest.mark.parametrize("name", TEXT)
def test_text(name: str, kind: Any) -> None:
    feeds = {"a": np.array(["ab", "c"], kind), "b": np.array(["ab", "d"], kind), "x": np.array([1, 2])}
    assert not raises(agree(lambda o: evaluate(o, model(o, [TEXT[name](o)], "a b x", "c", opset=20), feeds)))


def test_sequences_and_optionals() -> None:
    def program(o: Any) -> Any:
        h = o.helper
        nodes = [
            h.make_node("SequenceEmpty", [], ["e"]),
            h.make_node("SequenceInsert", ["e", "x"], ["s"]),
            h.make_node("SequenceInsert", ["s", "z", "zero"], ["t"]),
            h.make_node("SequenceAt", ["t", "zero"], ["first"]),
            h.make_node("SequenceErase", ["t", "zero"], ["u"]),
            h.make_node("ConcatFromSequence", ["t"], ["joined"], axis=0),
            h.make_node("SplitToSequence", ["x"], ["split"], axis=0, keepdims=0),
            h.make_node("OptionalHasElement", ["x"], ["has"]),
            h.make_node("OptionalHasElement", [""], ["lacks"]),
            h.make_node("OptionalGetElement", ["t"], ["got"]),
        ]
        outputs = "e s t first u joined split has lacks got"
        return evaluate(
            o, model(o, nodes, "x z", outputs, inits=[h.make_tensor("zero", I64, [], [0])]), {"x": X, "z": X[:1]}
        )

    assert not raises(agree(program))


def test_sparse_initializers_are_dense_arrays() -> None:
    """The official evaluator cannot read them."""
    h = ours.helper
    values, indices = h.make_tensor("w", F, [2], [1.0, 2.0]), h.make_tensor("i", I64, [2], [0, 2])
    proto = model(ours, [h.make_node("Add", ["x", "w"], ["y"])], "x", "y")
    proto.graph.sparse_initializer.append(h.make_sparse_tensor(values, indices, [3]))
    np.testing.assert_array_equal(evaluate(ours, proto, {"x": COUNT})[0], COUNT + np.array([1, 0, 2], np.float32))


def test_what_an_optional_holds() -> None:
    """A list of one, as the official evaluator has it; but operators see what is in it, as the standard has it."""
    h = ours.helper
    nodes = [h.make_node("Optional", ["x"], ["o"]), h.make_node("OptionalHasElement", ["o"], ["h"])]
    tp = h.make_tensor_type_proto(F, None)
    nodes += [h.make_node("Optional", [], ["n"], type=tp), h.make_node("OptionalHasElement", ["n"], ["l"])]
    held, has, nothing, lacks = evaluate(ours, model(ours, nodes, "x", "o h n l"), {"x": X})
    assert len(held) == 1 and np.array_equal(held[0], X) and nothing == [None]
    assert (has.item(), lacks.item()) == (True, False)


# --- declared types


def declared(o: Any, shape: Any, out: Any = None, kind: int = F) -> Any:
    h = o.helper
    x, y = h.make_tensor_value_info("x", kind, shape), h.make_tensor_value_info("y", F, out)
    return h.make_model(h.make_graph([h.make_node("Neg", ["x"], ["y"])], "g", [x], [y]))


@pytest.mark.parametrize("shape, out, kind", [
    ([2, 3], [2, 3], F), ([2, 4], None, F), (["N", "M"], ["N", "M"], F), (["N", "N"], None, F), ([None, 3], None, F), ([2], None, F),
    (None, [3, 2], F), (["N", 3], [3, "N"], F), ([2, 3], None, I64), ([2, 3], None, 0),
])  # fmt: skip
@pytest.mark.parametrize("when", ["made", "run", "never"])
def test_values_are_compared_with_their_declarations(shape: Any, out: Any, kind: int, when: str) -> None:
    def program(o: Any) -> Any:
        e = o.reference.ReferenceEvaluator(declared(o, shape, out, kind), check_shape_annotations=when == "made")
        return e.run(None, {"x": X}, check_shape_annotations=True if when == "run" else None)

    agree(program)


def test_declarations_bind_across_graphs_and_functions() -> None:
    def program(o: Any, wrong: bool) -> Any:
        h = o.helper
        then = branch(o, "p", "Neg", ["x"])
        then.output[0].CopyFrom(h.make_tensor_value_info("p", F, ["M" if wrong else "N", 3]))
        node = h.make_node("If", ["c"], ["y"], then_branch=then, else_branch=branch(o, "q", "Neg", ["x"]))
        proto = model(o, [node], "x c", "y")
        proto.graph.input[0].CopyFrom(h.make_tensor_value_info("x", F, ["N", "M"]))
        proto.graph.input[1].CopyFrom(h.make_tensor_value_info("c", BOOL, []))
        return evaluate(o, proto, {"x": X, "c": np.array(True)}, check_shape_annotations=True)

    assert not raises(agree(lambda o: program(o, False)))
    assert raises(agree(lambda o: program(o, True)))
