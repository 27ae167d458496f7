"""The same programs on both packages' evaluators: outputs, what is printed, and the type of what is raised must agree."""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes
import numpy as np
import onnx as official
import pytest

import sardonyx.compat.onnx as ours
import sardonyx.compat.onnx.reference  # noqa: F401

Program = Callable[[Any], Any]
F, I64, BOOL, STRING = 1, 7, 9, 8
ERRORS = {
    "RuntimeTypeError",
    "RuntimeContextError",
    "RuntimeImplementationError",
    "ShapeAnnotationError",
    "SchemaError",
}


def official_name(error: Exception) -> str:
    """The type of an error there; ours may derive from it."""
    kinds = type(error).__mro__
    return next(kind.__name__ for kind in kinds if kind.__module__ == "builtins" or kind.__name__ in ERRORS)


def plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value.SerializeToString() if hasattr(value, "SerializeToString") else value


def near(a: Any, b: Any) -> bool:
    """Equal types, shapes and, up to rounding, elements; text is text, whichever way it is held."""
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(near, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(near(a[k], b[k]) for k in a)
    if not isinstance(a, (np.ndarray, np.generic)):
        return a == b
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.kind in "OU":
        return b.dtype.kind in "OU" and a.tolist() == b.tolist()
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind in "iub":
        return np.array_equal(a, b)
    return np.allclose(a.astype(np.complex128), b.astype(np.complex128), rtol=1e-4, atol=1e-6, equal_nan=True)


def outcome(program: Program, o: Any) -> tuple[Any, str]:
    """What a program gives, or the type of what it raises, and what it prints."""
    for name in ("reference", "reference.op_run", "reference.ops", "reference.ops._op_list"):
        importlib.import_module(f"{o.__name__}.{name}")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            result = plain(program(o))
        except Exception as error:
            result = ["raises", official_name(error)]
    return result, printed.getvalue()


def agree(program: Program) -> Any:
    (found, said), (wanted, should_say) = outcome(program, ours), outcome(program, official)
    assert near(wanted, found), f"{found} is not {wanted}"
    assert said == should_say
    return found


def raises(found: Any) -> bool:
    return isinstance(found, list) and len(found) == 2 and isinstance(found[0], str) and found[0] == "raises"


def infos(o: Any, names: str, kind: int = F) -> list[Any]:
    return [o.helper.make_tensor_value_info(name, kind, None) for name in names.split()]


def model(
    o: Any,
    nodes: Any,
    inputs: str,
    outputs: str,
    *,
    opset: int = 18,
    opsets: Mapping[str, int] | None = None,
    inits: Any = (),
    **kwargs: Any,
) -> Any:
    h = o.helper
    graph = h.make_graph(nodes, "g", infos(o, inputs), infos(o, outputs), list(inits))
    imports = [h.make_opsetid(d, v) for d, v in {"": opset, **(opsets or {})}.items()]
    return h.make_model(graph, opset_imports=imports, ir_version=9, **kwargs)


def evaluate(o: Any, proto: Any, feeds: Mapping[str, Any], wanted: Any = None, **kwargs: Any) -> Any:
    return o.reference.ReferenceEvaluator(proto, **kwargs).run(wanted, dict(feeds))


def floats(*shape: int, seed: int = 0) -> Any:
    return np.random.RandomState(seed).randn(*shape).astype(np.float32)


X = floats(2, 3)
COUNT = np.arange(6, dtype=np.float32).reshape(2, 3)


def chain(o: Any, **kwargs: Any) -> Any:
    h = o.helper
    nodes = [
        h.make_node("Add", ["a", "b"], ["c"]),
        h.make_node("Sub", ["b", "w"], ["d"]),
        h.make_node("Mul", ["c", "d"], ["e"]),
    ]
    return model(o, nodes, "a b", "e", inits=[h.make_tensor("w", F, [3], [1, 2, 3])], **kwargs)


FEEDS = {"a": COUNT, "b": COUNT + 1}


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
    assert ours.reference.ops.load_op("", "Clip", 1).__name__ == "Clip_6"
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


# --- operators that programs bring along


def inverse(o: Any, body: Callable[..., Any] | None = None, **facts: Any) -> Any:
    """A custom operator: 1 / (x + alpha)."""

    def run(self: Any, x: Any, alpha: Any = None) -> Any:
        return (1 / (x + (alpha or self.alpha)),)

    return type("InvAlpha", (o.reference.op_run.OpRun,), {"op_domain": "custom", "_run": body or run, **facts})


def custom(o: Any, name: str = "InvAlpha", **attrs: Any) -> Any:
    node = o.helper.make_node(name, ["x"], ["y"], domain="custom", **(attrs or {"alpha": 0.5}))
    return model(o, [node], "x", "y", opsets={"custom": 1})


BROUGHT: dict[str, Program] = {
    "as it should be": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o)]),
    "twice": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o), inverse(o, lambda *_, **__: None)]),
    "not at all": lambda o: evaluate(o, custom(o), {"x": COUNT}),
    "of the default domain": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, op_domain="")]),
    "no class of operators": lambda o: evaluate(o, custom(o), {}, new_ops=[type("InvAlpha", (), {"op_domain": "custom"})]),
    "without a domain": lambda o: evaluate(o, custom(o), {}, new_ops=[type("InvAlpha", (), {})]),
    "no tuple": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: x)]),
    "an empty tuple": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: ())]),
    "a tuple of tuples": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: ((x,),))]),
    "an object": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: (object(),))]),
    "None": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: (None,))]),
    "a scalar": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: (x.sum(),))]),
    "a list and a dictionary": lambda o: evaluate(
        o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: ([x], {"a": x}))]
    ),
    "its own error": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: [][1])]),
    "a type error": lambda o: evaluate(o, custom(o), {"x": COUNT}, new_ops=[inverse(o, lambda s, x, alpha: x + "a")]),
    "an attribute it does not take": lambda o: evaluate(o, custom(o, beta=1), {"x": COUNT}, new_ops=[inverse(o)]),
    "no _run": lambda o: evaluate(
        o, custom(o), {}, new_ops=[type("InvAlpha", (o.reference.op_run.OpRun,), {"op_domain": "custom"})]
    ),
    "every kind of attribute": lambda o: evaluate(
        o,
        custom(
            o,
            i=1, f=1.5, s="text", ints=[1, 2], floats=[0.5], strings=["a", "b"],
            t=o.helper.make_tensor("t", F, [2], [1, 2]), tp=o.helper.make_tensor_type_proto(F, [1]),
        ),
        {"x": COUNT},
        new_ops=[inverse(o, lambda s, x, **a: tuple(repr_of(a[k]) for k in sorted(a)))],
        wanted=None,
    ),
}  # fmt: skip


def repr_of(value: Any) -> Any:
    if isinstance(value, (str, list)) and not isinstance(value, np.ndarray):
        return np.array([str(value)], object)
    return value if isinstance(value, np.ndarray) else np.array([type(value).__name__], object)


@pytest.mark.parametrize("name", BROUGHT)
def test_operators_of_a_program(name: str) -> None:
    agree(BROUGHT[name])


def test_a_class_derived_from_a_known_one_replaces_it() -> None:
    def program(o: Any) -> Any:
        h, ops = o.helper, o.reference.ops._op_list
        proto = model(
            o,
            [h.make_node("ReduceSum", ["x"], ["s"], keepdims=0), h.make_node("Abs", ["s"], ["y"])],
            "x",
            "y",
            opset=18,
        )
        node = o.reference.ReferenceEvaluator(proto).rt_nodes_[0]
        same = type("ReduceSum", (type(node),), {"op_schema": node._schema})
        calls = []

        def run(self: Any, x: Any) -> Any:
            calls.append(x.shape)
            return ops.Abs._run(self, x)

        loud = type("Abs", (ops.Abs,), {"_run": run})
        e = o.reference.ReferenceEvaluator(proto, new_ops=[same, loud])
        return e.run(None, {"x": X}), calls, [type(n).__name__ for n in e.rt_nodes_]

    assert not raises(agree(program))


@pytest.mark.parametrize("opset", [19, 25])
def test_an_operator_is_expanded_where_that_is_asked_for(opset: int) -> None:
    def program(o: Any) -> Any:
        expand = type("CastLike", (o.reference.op_run.OpRunExpand,), {"op_domain": ""})
        proto = model(o, [o.helper.make_node("CastLike", ["x", "y"], ["z"])], "x y", "z", opset=opset)
        e = o.reference.ReferenceEvaluator(proto, new_ops=[expand])
        return [type(n).__name__ for n in e.rt_nodes_], e.run(None, {"x": X, "y": np.array([1])})

    assert agree(program)[0][0].startswith("OpFunction")
    assert raises(agree(lambda o: type("Abs", (o.reference.op_run.OpRunExpand,), {"op_domain": ""})(None, {})))


def test_run_parameters_are_checked() -> None:
    def program(o: Any, params: Any) -> Any:
        return type(inverse(o)(o.helper.make_node("InvAlpha", ["x"], ["y"]), params)).__name__

    for params in (
        3,
        {},
        {"opsets": {}},
        {"opsets": {}, "new_ops": None},
        {"opsets": {}, "new_ops": None, "log": print},
    ):
        agree(lambda o, p=params: program(o, p))


def test_calls_that_do_not_fit_a_node() -> None:
    def program(o: Any, **keywords: Any) -> Any:
        return inverse(o).create(1, 1, alpha=0.5).run(COUNT, **keywords)

    assert not raises(agree(program))
    assert raises(agree(lambda o: program(o, context={})))
    assert raises(agree(lambda o: program(o, linked_attributes={})))


def test_an_evaluator_of_its_own_class_evaluates_what_is_inside() -> None:
    def program(o: Any) -> Any:
        mine = type("Mine", (o.reference.ReferenceEvaluator,), {})
        e = mine(calling(o))
        inner = [type(f).__name__ for f in e.functions_.values()]
        body = mine(branching(o)).rt_nodes_[-1]
        return inner, type(body.then_branch).__name__, str(e)

    assert agree(program)[0] == ["Mine", "Mine"]


# --- functions


def linked(o: Any, node: Any, name: str, kind: int, ref: str | None = None) -> Any:
    node.attribute.append(
        o.helper.make_attribute_ref(name, kind)
        if ref is None
        else o.AttributeProto(name=name, type=kind, ref_attr_name=ref)
    )
    return node


def calling(o: Any) -> Any:
    """y = |f(x)| where f calls g: a linear map whose bias is the call's."""
    h = o.helper
    constant = linked(o, h.make_node("Constant", [], ["b"]), "value", o.AttributeProto.TENSOR, "bias")
    opsets = [h.make_opsetid("", 18), h.make_opsetid("custom", 1)]
    g = h.make_function(
        "custom", "plus", ["x"], ["y"], [constant, h.make_node("Add", ["x", "b"], ["y"])], opsets, ["bias"]
    )
    call = linked(o, h.make_node("plus", ["xa"], ["y"], domain="custom"), "bias", o.AttributeProto.TENSOR)
    f = h.make_function(
        "custom", "line", ["x", "a"], ["y"], [h.make_node("MatMul", ["x", "a"], ["xa"]), call], opsets, ["bias"]
    )
    nodes = [
        h.make_node("line", ["x", "a"], ["z"], domain="custom", bias=h.make_tensor("t", F, [1], [0.67])),
        h.make_node("Abs", ["z"], ["y"]),
    ]
    return model(o, nodes, "x a", "y", opsets={"custom": 1}, functions=[g, f])


def test_functions_call_functions_with_the_attributes_of_the_call() -> None:
    def program(o: Any) -> Any:
        e = o.reference.ReferenceEvaluator(calling(o))
        call = e.rt_nodes_[0]
        inner = [[type(n).__name__, n.has_linked_attribute] for n in call.impl_.rt_nodes_]
        facts = [type(call).__name__, type(call.impl_).__name__, sorted(e.functions_), call.impl_.attributes_]
        return (
            e.run(None, {"x": X, "a": X.T @ X}),
            inner,
            facts,
            e.has_linked_attribute,
            call.impl_.has_linked_attribute,
        )

    assert not raises(agree(program))


def test_functions_run_with_attributes_given_by_hand() -> None:
    def program(o: Any) -> Any:
        f = calling(o).functions[0]
        return o.reference.ReferenceEvaluator(f).run(None, {"x": X}, attributes={"bias": np.array([2], np.float32)})

    assert not raises(agree(program))


def test_graphs_get_functions_of_a_program() -> None:
    def program(o: Any) -> Any:
        proto = calling(o)
        known = o.reference.ReferenceEvaluator(proto.functions[0])
        e = o.reference.ReferenceEvaluator(
            proto.graph, opsets={"": 18, "custom": 1}, functions=[known, proto.functions[1]]
        )
        return e.run(None, {"x": X, "a": X.T @ X})

    assert not raises(agree(program))


def test_attributes_of_every_kind_are_linked() -> None:
    def program(o: Any) -> Any:
        h, a = o.helper, o.AttributeProto
        nodes = [
            linked(o, h.make_node("ReduceSum", ["x", "axes"], ["s"]), "keepdims", a.INT),
            linked(o, h.make_node("Celu", ["s"], ["c"]), "alpha", a.FLOAT),
            linked(o, h.make_node("Constant", [], ["k"]), "value_ints", a.INTS, "shape"),
            h.make_node("Reshape", ["c", "k"], ["y"]),
        ]
        opsets = [h.make_opsetid("", 18)]
        f = h.make_function("custom", "fn", ["x", "axes"], ["y"], nodes, opsets, ["keepdims", "alpha", "shape"])
        call = h.make_node("fn", ["x", "axes"], ["y"], domain="custom", keepdims=1, alpha=0.3, shape=[2, 1, 1])
        e = o.reference.ReferenceEvaluator(model(o, [call], "x axes", "y", opsets={"custom": 1}, functions=[f]))
        return e.run(None, {"x": X, "axes": np.array([-1])})

    assert not raises(agree(program))


def test_a_call_must_fit_its_function() -> None:
    def program(o: Any) -> Any:
        call = o.helper.make_node(
            "plus", ["x", "x", "x"], ["y"], domain="custom", bias=o.helper.make_tensor("t", F, [1], [1])
        )
        return evaluate(
            o, model(o, [call], "x", "y", opsets={"custom": 1}, functions=calling(o).functions[:1]), {"x": X}
        )

    assert raises(agree(program))


def test_what_a_call_leaves_out_has_the_functions_default() -> None:
    """The official evaluator knows no such defaults; the standard does."""
    h = ours.helper
    proto = calling(ours)
    plus = proto.functions[0]
    del plus.attribute[:]
    plus.attribute_proto.append(h.make_attribute("bias", h.make_tensor("t", F, [1], [5.0])))
    call = h.make_node("plus", ["x"], ["y"], domain="custom")
    proto = model(ours, [call], "x", "y", opsets={"custom": 1}, functions=[plus])
    np.testing.assert_allclose(evaluate(ours, proto, {"x": X})[0], X + 5)


# --- graphs inside


def branch(o: Any, output: str, op: str, inputs: list[str], **attrs: Any) -> Any:
    return o.helper.make_graph([o.helper.make_node(op, inputs, [output], **attrs)], output, [], infos(o, output))


def branching(o: Any) -> Any:
    h = o.helper
    nodes = [
        h.make_node("ReduceMin", ["x"], ["m"], keepdims=0),
        h.make_node("Greater", ["m", "zero"], ["up"]),
        h.make_node(
            "If", ["up"], ["y"], then_branch=branch(o, "p", "Add", ["x", "m"]), else_branch=branch(o, "q", "Neg", ["x"])
        ),
    ]
    return model(o, nodes, "x", "y", inits=[h.make_tensor("zero", F, [], [0])])


@pytest.mark.parametrize("verbose", [0, 3, 6])
@pytest.mark.parametrize("shift", [-10, 10])
def test_branches_see_the_values_around_them(shift: int, verbose: int) -> None:
    assert not raises(agree(lambda o: evaluate(o, branching(o), {"x": X + shift}, verbose=verbose)))


def looping(o: Any, *, collects: bool = True, sequence: bool = False) -> Any:
    h = o.helper
    state = [h.make_tensor_value_info("s", F, [3])]
    body_outputs = [*infos(o, "again"), h.make_tensor_value_info("t", F, [3])]
    nodes = [
        h.make_node("Add", ["s", "x"], ["t"]),
        h.make_node("ReduceSum", ["t"], ["sum"], keepdims=0),
        h.make_node("Less", ["sum", "limit"], ["again"]),
    ]
    if collects:
        nodes.append(h.make_node("Mul", ["t", "t"], ["row"]))
        body_outputs.append(h.make_tensor_value_info("row", F, [3]))
    body = h.make_graph(nodes, "body", [*infos(o, "i", I64), *infos(o, "going", BOOL), *state], body_outputs)
    loop = h.make_node("Loop", ["n", "c", "x"], ["y", "rows"] if collects else ["y"], body=body)
    return model(o, [loop], "x n c", "y rows" if collects else "y", inits=[h.make_tensor("limit", F, [], [40])])


@pytest.mark.parametrize("collects", [False, True])
@pytest.mark.parametrize("rounds", [1, 3, 100])
def test_loops(rounds: int, collects: bool) -> None:
    feeds = {"x": np.array([1, 2, 3], np.float32), "n": np.array(rounds), "c": np.array(True)}
    found = agree(lambda o: evaluate(o, looping(o, collects=False), feeds))
    assert not raises(found)
    if collects:  # the official evaluator joins the rows, the standard stacks them
        y, rows = outcome(lambda o: evaluate(o, looping(o), feeds), ours)[0]
        assert near(y, found[0]) and rows.shape == (min(rounds, 6), 3)


def test_a_loop_without_a_limit_or_a_condition() -> None:
    def program(o: Any) -> Any:
        proto = looping(o, collects=False)
        proto.graph.node[0].input[0] = ""
        return evaluate(o, proto, {"x": np.array([1, 2, 3], np.float32), "c": np.array(True)})

    assert not raises(agree(program))


def test_scans() -> None:
    def program(o: Any) -> Any:
        h = o.helper
        nodes = [h.make_node("Add", ["s", "e"], ["t"]), h.make_node("Mul", ["t", "w"], ["row"])]
        body = h.make_graph(nodes, "body", infos(o, "s e"), infos(o, "t row"))
        scan = h.make_node("Scan", ["s0", "x"], ["last", "rows"], body=body, num_scan_inputs=1)
        return evaluate(
            o, model(o, [scan], "s0 x", "last rows", inits=[h.make_tensor("w", F, [1], [2])]), {"s0": X[0], "x": X}
        )

    assert not raises(agree(program))


def test_sequences_are_mapped() -> None:
    def program(o: Any) -> Any:
        h = o.helper
        body = h.make_graph([h.make_node("Add", ["e", "k"], ["r"])], "body", infos(o, "e k"), infos(o, "r"))
        nodes = [
            h.make_node("SequenceConstruct", ["x", "z"], ["s"]),
            h.make_node("SequenceMap", ["s", "k"], ["y"], body=body),
        ]
        return evaluate(o, model(o, nodes, "x z k", "y"), {"x": X, "z": X[:1], "k": np.array([1], np.float32)})

    assert not raises(agree(program))


def test_attributes_of_a_function_reach_graphs_inside_it() -> None:
    def program(o: Any) -> Any:
        h, a = o.helper, o.AttributeProto
        then = h.make_graph(
            [linked(o, h.make_node("Constant", [], ["p"]), "value", a.TENSOR, "one")], "t", [], infos(o, "p")
        )
        other = h.make_graph(
            [linked(o, h.make_node("Constant", [], ["q"]), "value", a.TENSOR, "two")], "e", [], infos(o, "q")
        )
        node = h.make_node("If", ["c"], ["b"], then_branch=then, else_branch=other)
        f = h.make_function(
            "custom",
            "pick",
            ["x", "c"],
            ["y"],
            [node, h.make_node("Add", ["x", "b"], ["y"])],
            [h.make_opsetid("", 18)],
            ["one", "two"],
        )
        tensors = {name: h.make_tensor(name, F, [1], [v]) for name, v in (("one", 1.0), ("two", 2.0))}
        call = h.make_node("pick", ["x", "c"], ["y"], domain="custom", **tensors)
        e = o.reference.ReferenceEvaluator(model(o, [call], "x c", "y", opsets={"custom": 1}, functions=[f]))
        inside = e.rt_nodes_[0].impl_.rt_nodes_[0].has_linked_attribute
        return inside, [e.run(None, {"x": X, "c": np.array(c)}) for c in (True, False)]

    assert not raises(agree(program))


def test_operators_of_a_program_run_in_graphs_inside() -> None:
    def program(o: Any) -> Any:
        h = o.helper
        then = branch(o, "p", "InvAlpha", ["x"], domain="custom", alpha=2.0)
        node = h.make_node("If", ["c"], ["y"], then_branch=then, else_branch=branch(o, "q", "Neg", ["x"]))
        return evaluate(
            o,
            model(o, [node], "x c", "y", opsets={"custom": 1}),
            {"x": COUNT, "c": np.array(True)},
            new_ops=[inverse(o)],
        )

    assert not raises(agree(program))


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
    """The official evaluator wraps it in a list; the standard does not."""
    h = ours.helper
    nodes = [h.make_node("Optional", ["x"], ["o"]), h.make_node("OptionalHasElement", ["o"], ["h"])]
    tp = h.make_tensor_type_proto(F, None)
    nodes += [h.make_node("Optional", [], ["n"], type=tp), h.make_node("OptionalHasElement", ["n"], ["l"])]
    held, has, nothing, lacks = evaluate(ours, model(ours, nodes, "x", "o h n l"), {"x": X})
    assert held is not None and np.array_equal(held, X) and nothing is None
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
