"""The same programs on both packages' evaluators: outputs, what is printed, and the type of what is raised must agree."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import onnx as official
import pytest

import sardonyx.compat.onnx as ours
from sardonyx.compat.onnx.reference.ops import load_op
from tests.compat.evaluators import (
    COUNT,
    FEEDS,
    I64,
    F,
    Program,
    X,
    agree,
    branch,
    calling,
    chain,
    evaluate,
    model,
    outcome,
    raises,
)

# --- what is evaluated, and what is said of it


@pytest.mark.parametrize("form", ["message", "bytes", "path"])
def test_models_come_as_messages_bytes_and_paths(form: str, tmp_path: Any) -> None:
    def program(o: Any) -> Any:
        proto = chain(o)
        (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
        forms = {"message": proto, "bytes": proto.SerializeToString(), "path": str(tmp_path / "m.onnx")}
        e = o.reference.ReferenceEvaluator(forms[form])
        return [e.input_names, e.output_names, e.opsets, str(e), e.input_types, e.output_types, e.run(None, FEEDS)]

    assert not raises(agree(program))


def test_nodes_graphs_and_functions_are_evaluated_too() -> None:
    def program(o: Any) -> Any:
        h, evaluator = o.helper, o.reference.ReferenceEvaluator
        node = h.make_node("Greater", ["x", "y"], ["z"])
        graph = chain(o).graph
        function = h.make_function(
            "f", "fn", ["x"], ["y"], [h.make_node("Neg", ["x"], ["y"])], [h.make_opsetid("", 18)]
        )
        made = [evaluator(node), evaluator(graph, opsets={"": 18}), evaluator(function)]
        runs = [
            made[0].run(None, {"x": X, "y": -X}),
            made[1].run(None, FEEDS),
            made[2].run(None, {"x": X}, attributes={}),
        ]
        return [[e.input_names, e.output_names, e.opsets, e.input_types is None] for e in made], runs

    assert not raises(agree(program))


def make_info(o: Any) -> Any:
    return o.helper.make_tensor_value_info("x", F, None)


WRONG: dict[str, Program] = {
    "no proto": lambda o: o.reference.ReferenceEvaluator(make_info(o)),
    "opsets of a model": lambda o: o.reference.ReferenceEvaluator(chain(o), opsets={"": 18}),
    "functions of a model": lambda o: o.reference.ReferenceEvaluator(chain(o), functions=[]),
    "no opsets for a graph": lambda o: o.reference.ReferenceEvaluator(chain(o).graph),
    "a function that is none": lambda o: o.reference.ReferenceEvaluator(chain(o).graph, opsets={"": 1}, functions=[3]),
    "an unknown domain": lambda o: evaluate(o, model(o, [o.helper.make_node("F", ["x"], ["y"], domain="d")], "x", "y"), {}),
    "an unknown operator": lambda o: evaluate(o, model(o, [o.helper.make_node("F", ["x"], ["y"])], "x", "y"), {}),
    "an unknown function": lambda o: evaluate(
        o, model(o, [o.helper.make_node("F", ["x"], ["y"], domain="d")], "x", "y", opsets={"d": 1}), {}
    ),
    "an unknown ml operator": lambda o: evaluate(
        o, model(o, [o.helper.make_node("F", ["x"], ["y"], domain="ai.onnx.ml")], "x", "y", opsets={"ai.onnx.ml": 3}), {}
    ),
    "a missing input": lambda o: evaluate(o, chain(o), {"a": X}),
    "an unknown output": lambda o: evaluate(o, chain(o), FEEDS, ["z"]),
    "a function without attributes": lambda o: o.reference.ReferenceEvaluator(
        o.helper.make_function("f", "fn", ["x"], ["y"], [], [o.helper.make_opsetid("", 18)])
    ).run(None, {}),
    "types that differ": lambda o: evaluate(o, chain(o), {"a": X, "b": X.astype(np.int64)}),
    "shapes that do not broadcast": lambda o: evaluate(o, chain(o), {"a": X, "b": X[:, :2]}),
    "an absent operand": lambda o: evaluate(o, model(o, [o.helper.make_node("Add", ["a", ""], ["c"])], "a", "c"), {"a": X}),
    "too few inputs": lambda o: evaluate(o, model(o, [o.helper.make_node("Abs", [], ["c"])], "a", "c"), {"a": X}),
    "an attribute that is not there": lambda o: evaluate(
        o, model(o, [o.helper.make_node("Clip", ["a"], ["c"], color=1)], "a", "c"), {"a": X}
    ),
    "a required attribute left out": lambda o: evaluate(o, model(o, [o.helper.make_node("Cast", ["a"], ["c"])], "a", "c"), {"a": X}),
    "a shape that does not fit": lambda o: evaluate(
        o, model(o, [o.helper.make_node("Reshape", ["a", "s"], ["c"])], "a s", "c"), {"a": X, "s": np.array([5])}
    ),
    "an index outside": lambda o: evaluate(
        o, model(o, [o.helper.make_node("Gather", ["a", "s"], ["c"])], "a s", "c"), {"a": X, "s": np.array([5])}
    ),
    "a pattern that is none": lambda o: evaluate(
        o, model(o, [o.helper.make_node("RegexFullMatch", ["a"], ["c"], pattern="x)")], "a", "c", opset=20), {"a": np.array(["x"])}
    ),
    "nothing in an optional": lambda o: evaluate(
        o, model(o, [o.helper.make_node("OptionalGetElement", ["a"], ["c"])], "a", "c"), {"a": None}
    ),
    "a type asked for that nobody declares": lambda o: o.reference.ReferenceEvaluator(chain(o)).get_result_types("q"),
    "a type of a node's value": lambda o: o.reference.ReferenceEvaluator(chain(o).graph.node[0]).get_result_types("q"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_raises_what_it_raises_there(name: str) -> None:
    assert raises(agree(WRONG[name])), "this was meant to be wrong"


@pytest.mark.parametrize("wanted", [None, ["e"], ["c", "e"], ["w"], ["a"], []])
def test_any_value_may_be_asked_for(wanted: Any) -> None:
    agree(lambda o: evaluate(o, chain(o), FEEDS, wanted))


def test_all_values_by_name() -> None:
    found = agree(lambda o: o.reference.ReferenceEvaluator(chain(o)).run(None, FEEDS, intermediate=True))
    assert set(found) == {"", "a", "b", "c", "d", "e", "w"}


@pytest.mark.parametrize("verbose", [0, 1, 2, 3, 4, 15])
def test_what_is_printed(verbose: int) -> None:
    agree(lambda o: evaluate(o, chain(o), FEEDS, verbose=verbose))
    agree(lambda o: evaluate(o, chain(o), {"a": X[:0], "b": X[:0]}, verbose=verbose))
    lines = outcome(lambda o: evaluate(o, chain(o), FEEDS, verbose=verbose), ours)[1].splitlines()
    assert len(lines) == {0: 0, 1: 0, 2: 3, 3: 9, 4: 9, 15: 15}[verbose]


def test_outputs_that_a_node_leaves_out_are_printed() -> None:
    def program(o: Any) -> Any:
        nodes = [o.helper.make_node("TopK", ["a", "k"], ["", "i"])]
        feeds = {"a": np.array([3, 1, 2], np.float32), "k": np.array([2])}
        return evaluate(o, model(o, nodes, "a k", "i"), feeds, verbose=4)

    assert not raises(agree(program))


@pytest.mark.parametrize("verbose", [2, 3, 5, 15])
def test_what_calls_of_functions_print(verbose: int) -> None:
    agree(lambda o: evaluate(o, calling(o), {"x": X, "a": X.T @ X}, verbose=verbose))


def test_sequences_are_printed_element_by_element() -> None:
    def program(o: Any) -> Any:
        h = o.helper
        nodes = [h.make_node("SequenceConstruct", ["a", "b"], ["s"]), h.make_node("SequenceLength", ["s"], ["n"])]
        return evaluate(o, model(o, nodes, "a b", "n"), FEEDS, verbose=11)

    agree(program)


# --- objects that run nodes


def test_nodes_run_on_objects_of_named_classes_with_their_attributes() -> None:
    def program(o: Any) -> Any:
        h = o.helper
        nodes = [
            h.make_node("Clip", ["x"], ["a"], min=-1.0),
            h.make_node("ReduceMean", ["a"], ["b"], axes=[1]),
            h.make_node("Softmax", ["b"], ["c"]),
        ]
        e = o.reference.ReferenceEvaluator(model(o, nodes, "x", "c", opset=10))
        clip, mean, _ = e.rt_nodes_
        shown = [
            [type(n).__name__, n.op_type, n.domain, list(n.input), list(n.output), n.need_context()]
            for n in e.rt_nodes_
        ]
        flags = [n.has_linked_attribute or n.has_subgraph for n in e.rt_nodes_]
        return shown, flags, [clip.min, clip.max, mean.axes, mean.keepdims], e.has_linked_attribute

    found = agree(program)
    assert [row[0] for row in found[0]] == ["Clip_6", "ReduceMean_1", "Softmax"]


VERSIONED = {
    "Clip": (6, 11, 13), "Cast": (6, 13, 19, 24, 25), "ReduceSum": (11, 13), "ReduceMean": (17, 18), "Pad": (2, 11, 18, 21),
    "Split": (2, 11, 13, 18), "Squeeze": (11, 13), "Unsqueeze": (11, 13), "TopK": (1, 10, 11), "Slice": (1, 10, 13),
    "Shape": (13, 15, 19), "Reshape": (5, 13, 14), "Dropout": (7, 12, 13), "Gemm": (6, 7, 13), "DFT": (17, 20),
    "QuantizeLinear": (10, 13, 19, 21, 23), "DequantizeLinear": (19, 21, 23), "ArgMax": (1, 11, 12), "CastLike": (15, 19),
    "BatchNormalization": (6, 9, 14), "RNN": (7, 14), "Attention": (23, 24, 25), "AveragePool": (1, 7, 11, 19), "Abs": (6, 13),
    "Constant": (1, 9, 11, 12, 13), "StringNormalizer": (10,),
}  # fmt: skip


@pytest.mark.parametrize("op_type", VERSIONED)
def test_classes_are_found_by_version(op_type: str) -> None:
    def program(o: Any) -> Any:
        load = o.reference.ops.load_op
        found = [load("", op_type, version).__name__ for version in VERSIONED[op_type]]
        return found, load("", op_type).__name__, load("", op_type, None).op_domain

    assert not raises(agree(program))


def test_versions_before_the_first_class_run_too() -> None:
    """The official evaluator has nothing for them."""
    assert load_op("", "Clip", 1).__name__ == "Clip_6"
    node = ours.helper.make_node("Clip", ["x"], ["y"], min=0.0, max=1.0)
    np.testing.assert_array_equal(evaluate(ours, model(ours, [node], "x", "y", opset=1), {"x": X})[0], X.clip(0, 1))


def test_every_class_has_its_name_module_and_family() -> None:
    theirs, mine = (importlib.import_module(f"{o.__name__}.reference.ops._op_list") for o in (official, ours))
    bases = importlib.import_module("onnx.reference.ops._op")
    own = importlib.import_module("sardonyx.compat.onnx.reference.ops._op")
    families = (
        "OpRunUnary",
        "OpRunUnaryNum",
        "OpRunBinary",
        "OpRunBinaryNum",
        "OpRunBinaryComparison",
        "OpRunReduceNumpy",
    )
    missing, count = [], 0
    for name, cls in vars(theirs).items():
        if not (isinstance(cls, type) and cls.__module__.startswith("onnx.reference.ops.op_")):
            continue
        found = getattr(mine, name, None)
        count += 1
        if found is None or found.__module__ != f"sardonyx.compat.{cls.__module__}":
            missing.append(name)
            continue
        here = importlib.import_module(found.__module__)
        assert getattr(here, name) is found
        assert [issubclass(cls, getattr(bases, f)) for f in families] == [
            issubclass(found, getattr(own, f)) for f in families
        ], name
    assert missing == ["AttributeHasValue"]  # left the standard before it was in it
    assert count > 220


def test_domains_have_modules_of_their_own() -> None:
    def program(o: Any) -> Any:
        found = []
        for package, names in {
            "aionnxml": ["Binarizer", "TreeEnsembleClassifier", "OpRunAiOnnxMl"],
            "aionnx_preview_training": ["Adam", "Momentum"],
            "aionnx_preview": ["FlexAttention"],
            "experimental": ["Im2Col"],
        }.items():
            listed = importlib.import_module(f"{o.__name__}.reference.ops.{package}._op_list")
            found += [[getattr(listed, n).__name__, getattr(listed, n).op_domain] for n in names if hasattr(listed, n)]
            load = importlib.import_module(f"{o.__name__}.reference.ops.{package}").load_op
            domain = getattr(listed, names[0]).op_domain
            found.append(load(domain, names[0], 1) is getattr(listed, names[0]))
        return found

    agree(program)


LOADS = [
    ("", "Celu", None, {}), ("", "Nope", None, {}), ("x", "Celu", None, {}), ("", "Mish", 18, {"expand": True}),
    ("", "Celu", 12, {"expand": True}), ("", "Abs", None, {"expand": True}), ("", "CastLike", 19, {"expand": True}),
]  # fmt: skip


@pytest.mark.parametrize("load", LOADS, ids=str)
def test_loading_an_operator(load: Any) -> None:
    domain, op_type, version, keywords = load

    def program(o: Any) -> Any:
        more = {**keywords, "evaluator_cls": o.reference.ReferenceEvaluator} if keywords else {}
        return callable(o.reference.ops.load_op(domain, op_type, version, **more))

    agree(program)


def test_classes_create_and_evaluate() -> None:
    def program(o: Any) -> Any:
        ops = o.reference.ops._op_list
        celu = ops.Celu.create(alpha=0.5)
        eight = ops.Cast_19.eval(COUNT, to=o.TensorProto.FLOAT8E4M3FN)
        training = importlib.import_module(f"{o.__name__}.reference.ops.aionnx_preview_training._op_list")
        return [
            [celu.alpha, ops.Celu.eval(X, alpha=0.5), ops.Celu.infer_name(), ops.Cast_19.infer_name()],
            [eight, ops.Cast_19.eval(eight, to=o.TensorProto.FLOAT)],
            [ops.TopK_11.eval(X, np.array([2]), n_outputs=2), ops.Split_18.eval(COUNT[0], n_outputs=2, num_outputs=2)],
            [training.Adam.create(alpha=0.5).alpha, training.Adam.op_domain],
            [ops.Celu.make_node(alpha=0.5), ops.Add.make_node(), ops.TopK_11.make_node(3, 1, axis=1)],
            ops.Neg.eval(X, verbose=2),
        ]

    assert not raises(agree(program))


@pytest.mark.parametrize(
    "op_type, kinds", [("Add", "fi"), ("Add", "f"), ("Neg", ""), ("MatMul", "fd"), ("Equal", "fi"), ("And", "ff")]
)
def test_operators_refuse_what_their_family_never_takes(op_type: str, kinds: str) -> None:
    types = {"f": np.float32, "i": np.int64, "d": np.float64}

    def program(o: Any) -> Any:
        return o.reference.ops.load_op("", op_type).eval(
            *(COUNT.T @ COUNT if k == "d" else COUNT.astype(types[k]) for k in kinds)
        )

    agree(program)


def test_free_names_of_a_graph() -> None:
    def program(o: Any) -> Any:
        found = o.reference.op_run.OpRun.implicit_inputs(branch(o, "b", "Add", ["x", "y"]))
        return sorted(found)

    assert agree(program) == ["x", "y"]
    assert raises(agree(lambda o: o.reference.op_run.OpRun.implicit_inputs(3)))


def test_small_classes() -> None:
    def program(o: Any) -> Any:
        r = o.reference.op_run
        sparse = o.helper.make_sparse_tensor(
            o.helper.make_tensor("v", F, [2], [1.5, 2.5]), o.helper.make_tensor("i", I64, [2], [0, 3]), [5]
        )
        held = r.to_sparse_tensor(sparse)
        kinds = [
            issubclass(r.RuntimeTypeError, RuntimeError),
            issubclass(r.RuntimeImplementationError, NotImplementedError),
        ]
        return (
            repr(r.RefAttrName("a")),
            held.values,
            held.indices,
            held.shape,
            held.dtype.name,
            kinds,
            r.DefaultNone is not None,
        )

    assert not raises(agree(program))
    assert raises(agree(lambda o: o.reference.op_run.OnnxType(3)))
