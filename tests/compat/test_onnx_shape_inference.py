"""Inference writes what the official one writes: the same messages, in the same order, and the same errors."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnx as official
import pytest
from onnx.backend.test.case import node as official_cases

import sardonyx.compat.onnx as ours
from tests.compat.programs import Program, outcome, same

REFUSED = ("raises", "InferenceError")
MODES = list(itertools.product((False, True), (False, True)))  # strict_mode, data_prop


def inferred(o: Any, text: str, **modes: bool) -> Any:
    return o.shape_inference.infer_shapes(o.parser.parse_model(text), **modes)


def model(inputs: str, body: str, *, outputs: str = "", version: int = 21, imports: str = "", ir: int = 10) -> str:
    return f'<ir_version: {ir}, opset_import: ["" : {version}{imports}]> g ({inputs}) => ({outputs}) {{ {body} }}'


def known(text: str, **modes: bool) -> dict[str, str]:
    """What both say of each value: its element type and extents."""
    made = ours.ModelProto.FromString(same(lambda o: inferred(o, text, **modes)))
    return {v.name: shown(v.type) for v in (*made.graph.value_info, *made.graph.output)}


def shown(type: Any) -> str:
    kind = type.WhichOneof("value")
    if kind in ("sequence_type", "optional_type"):
        return f"{kind[:3]}({shown(getattr(type, kind).elem_type)})"
    if kind == "map_type":
        return f"map({type.map_type.key_type}, {shown(type.map_type.value_type)})"
    if kind is None:
        return "?"
    tensor = getattr(type, kind)
    extents = [str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?" for d in tensor.shape.dim]
    return f"{kind[0]}{tensor.elem_type}" + (f"[{','.join(extents)}]" if tensor.HasField("shape") else "")


# --- every operator

# The official package refuses, when strict, its own MeanVarianceNormalization where `axes` is left out.
with np.errstate(all="ignore"):
    CASES = {
        case.name: case.model.SerializeToString()
        for case in official_cases.collect_testcases(None)
        if case.model is not None and case.name != "test_mvn"
    }


@pytest.mark.parametrize("part", range(8))
def test_the_models_of_the_official_cases(part: int) -> None:
    differ = []
    for name in sorted(CASES)[part::8]:
        held = CASES[name]
        for strict, follow in MODES:

            def program(o: Any, held: bytes = held, strict: bool = strict, follow: bool = follow) -> Any:
                return o.shape_inference.infer_shapes(held, strict_mode=strict, data_prop=follow)

            if outcome(program, ours) != outcome(program, official):
                differ.append((name, strict, follow))
    assert not differ


# --- values that are followed

ARITHMETIC = {
    "Add": ("{0, 2, 0, 0}", "{1, 2, 3, 4}"),
    "Sub": ("{0, 1, 0, 0}", "{1, 2, 3, 4}"),
    "Mul": ("{1, 2, 1, 1}", "{0, 2, 3, 4}"),
}


@pytest.mark.parametrize("op", ARITHMETIC)
@pytest.mark.parametrize("order", ["shape, other", "other, shape"])
@pytest.mark.parametrize("use", ["Reshape(y, t)", "Expand(y, t)", "ConstantOfShape(t)"])
def test_arithmetic_on_shapes(op: str, order: str, use: str) -> None:
    for values, (strict, follow) in itertools.product(ARITHMETIC[op], MODES):
        body = f"shape = Shape(x) other = Constant<value = int64[4] {values}>() t = {op}({order}) z = {use}"
        text = model("float[N, 3, H, W] x, float[1] y", body, outputs="float[A, B, C, D] z")
        same(lambda o, text=text, s=strict, d=follow: inferred(o, text, strict_mode=s, data_prop=d))


FOLLOWED = [
    "Gather<axis = 0>(s, i)",
    "Slice(s, one, three)",
    "Concat<axis = 0>(s, one)",
    "Unsqueeze(size, zero)",
    "Cast<to = 7>(s)",
    "Identity(s)",
    "Neg(s)",
    "Max(s, i)",
    "Div(s, i)",
    "ReduceProd<keepdims = 1>(s)",
]


@pytest.mark.parametrize("maker", FOLLOWED)
@pytest.mark.parametrize("x", ["float[2, N, 4, M] x", "float[2, 3, 4, 5] x"])
def test_values_through_operators(maker: str, x: str) -> None:
    body = f"""s = Shape(x) size = Size(x) i = Constant<value_ints = [1, 2]>() zero = Constant<value_ints = [0]>()
        one = Constant<value_ints = [1]>() three = Constant<value_ints = [3]>() t = {maker} o = ConstantOfShape(t) p = Expand(y, t)"""
    for strict, follow in MODES:
        text = model(f"{x}, float[1] y", body)
        same(lambda o, s=strict, d=follow, text=text: inferred(o, text, strict_mode=s, data_prop=d))


def test_values_are_followed_only_when_asked() -> None:
    text = model("float[4, 1, 16] x, float[1, 8, 16] y", "s = Shape(x) z = Expand(y, s)")
    assert known(text, data_prop=True)["z"] == "t1[4,8,16]"
    assert known(text)["z"] == "t1[unk__0,8,16]"


# --- what is said, and of what

SAID: dict[str, tuple[str, dict[str, str]]] = {
    "a name is kept": (model("float[N, 3] x", "y = Relu(x) z = Exp(y)"), {"y": "t1[N,3]", "z": "t1[N,3]"}),
    "a formula is a new name": (
        model("float[N, 3] x, float[M, 3] y", "a = Concat<axis = 0>(x, y) b = Relu(a)"),
        {"a": "t1[unk__0,3]", "b": "t1[unk__0,3]"},
    ),
    "a new name is none that is there": (
        model("float[unk__0] x, float[M] y", "a = Concat<axis = 0>(x, y)", outputs="float[unk__2] a"),
        {"a": "t1[unk__2]"},
    ),
    "outputs are completed": (model("float[2, 3] x", "y = Relu(x)", outputs="y"), {"y": "t1[2,3]"}),
    "declared extents meet found ones": (
        model("float[N, 3] x", "y = Relu(x)", outputs="float[2, K] y"),
        {"y": "t1[2,3]"},
    ),
    "a sequence": (model("float[2, N] x", "s = SequenceConstruct(x, x) t = SequenceLength(s)"), {"s": "seq(t1[2,N])"}),
    "an optional": (
        model("float[2] x", "y = Optional(x) z = OptionalGetElement(y)"),
        {"y": "opt(t1[2])", "z": "t1[2]"},
    ),
    "branches that agree in part": (
        model(
            "bool c, float[2, 3] x, float[2, 4] y",
            "z = If(c) <then_branch = t () => (p) { p = Relu(x) }, else_branch = e () => (q) { q = Relu(y) }> w = Exp(z)",
        ),
        {"z": "t1[2,unk__0]", "w": "t1[2,unk__0]"},
    ),
    "a loop that changes an extent": (
        model(
            "int64 n, bool c, float[2] x",
            """y, s = Loop(n, c, x) <body = b (int64 i, bool d, v) => (e, w, o)
            { e = Identity(d) w = Concat<axis = 0>(v, v) o = ReduceSum<keepdims = 0>(v) }>""",
        ),
        {"y": "t1", "s": "t1"},
    ),
    "an unknown operator and what follows": (model("float[2] x", "y = Nope(x) z = Relu(y) w = Exp(x)"), {"w": "t1[2]"}),
    "another domain": (
        model("float[2] x", "y = other.Nope(x) z = Relu(x)", imports=', "other" : 1'),
        {"z": "t1[2]"},
    ),
    "ml": (
        model(
            "int64[N] x",
            's = ai.onnx.ml.LabelEncoder<keys_int64s = [1], values_strings = ["a"]>(x)',
            imports=', "ai.onnx.ml" : 4',
        ),
        {"s": "t8[N]"},
    ),
}


@pytest.mark.parametrize("title", SAID)
def test_what_is_said(title: str) -> None:
    text, expected = SAID[title]
    for strict, follow in MODES[:2]:
        assert known(text, strict_mode=strict, data_prop=follow).items() >= expected.items()


@pytest.mark.parametrize("version", range(1, 27))
@pytest.mark.parametrize(
    "call",
    [
        "Add(x, x)",
        "Softmax(x)",
        "Reshape(x, k)",
        "Slice(x, k, k)",
        "Split(x)",
        "Squeeze(x)",
        "ReduceMax(x)",
        "TopK(x, k)",
        "Dropout(x)",
        "Upsample(x, x)",
    ],
)
def test_versions(call: str, version: int) -> None:
    for strict, follow in MODES:
        text = model("float[2, 4, 6] x, int64[1] k", f"y, z = {call}", version=version, ir=8)
        same(lambda o, s=strict, d=follow, text=text: inferred(o, text, strict_mode=s, data_prop=d))


@pytest.mark.parametrize(
    "sliced",
    [
        "<axes = [1, 0], starts = [1, 0], ends = [2, 2]>",
        "<starts = [1], ends = [9]>",
        "<starts = [-2, 0], ends = [-1, 1]>",
    ],
)
def test_attributes_that_became_inputs(sliced: str) -> None:
    text = model("float[3, 4, N] x", f"y = Slice{sliced}(x)", version=9, ir=8)
    same(lambda o: inferred(o, text, strict_mode=True))


# --- errors

WRONG: dict[str, str] = {
    "shapes that do not broadcast": model("float[2] x, float[3] y", "z = Add(x, y) w = Relu(x)"),
    "an axis that is not there": model("float[2] x", "y = Softmax<axis = 3>(x) w = Relu(x)"),
    "a scalar has no axis to search": model("float x", "y = ArgMax<axis = 0>(x) w = Exp(x)"),
    "a negative extent": model("float x", "s = Constant<value_ints = [-2]>() y = ConstantOfShape(s) w = Exp(x)"),
    "two extents left open": model("float[4] x", "s = Constant<value_ints = [-1, -1]>() y = Reshape(x, s) w = Exp(x)"),
    "parts that do not add up": model(
        "float[4] x", "s = Constant<value_ints = [1, 2]>() y, z = Split(x, s) w = Exp(x)"
    ),
    "sizes and scales": model("float[1, 4] x, int64[2] s, float[2] f", "y = Resize(x, , f, s) w = Exp(x)"),
    "two values": model("float x", "y = Constant<value_int = 1, value_float = 1.0>() w = Exp(x)"),
}


@pytest.mark.parametrize("title", WRONG)
def test_a_wrong_node_is_passed_over_unless_strict(title: str) -> None:
    assert known(WRONG[title])["w"].startswith("t1")
    assert same(lambda o: inferred(o, WRONG[title], strict_mode=True)) == REFUSED


CONFLICTS: dict[str, str] = {
    "an output's extent": model("float[2] x", "y = Relu(x)", outputs="float[3] y"),
    "an output's rank": model("float[2] x", "y = Relu(x)", outputs="float[2, 1] y"),
    "an output's element type": model("float[2] x", "y = Relu(x)", outputs="int64[2] y"),
    "an output that is a sequence": model("float[2] x", "y = Relu(x)", outputs="seq(float[2]) y"),
}


@pytest.mark.parametrize("title", CONFLICTS)
def test_declared_types_that_contradict(title: str) -> None:
    for check, strict in MODES:
        same(lambda o, c=check, s=strict: inferred(o, CONFLICTS[title], check_type=c, strict_mode=s))


def test_types_are_checked_only_when_asked() -> None:
    text = model("string[2] x", "y = Relu(x)")
    assert known(text)["y"] == "t8[2]"
    assert same(lambda o: inferred(o, text, check_type=True)) == REFUSED


def test_a_tensor_of_a_wrong_type_gives_no_shape() -> None:
    def program(o: Any, code: int, **modes: bool) -> Any:
        h = o.helper
        tensor = o.TensorProto(data_type=code, name="s", dims=[1])
        if code == o.TensorProto.INT32:
            tensor.int32_data.append(2)
        graph = h.make_graph([h.make_node("ConstantOfShape", ["s"], ["y"])], "g", [], [], [tensor])
        return o.shape_inference.infer_shapes(h.make_model(graph), **modes)

    for code in (0, official.TensorProto.INT32):
        for strict, follow in MODES:
            same(lambda o, c=code, s=strict, d=follow: program(o, c, strict_mode=s, data_prop=d))


ARGUMENTS: dict[str, Program] = {
    "a path": lambda o: o.shape_inference.infer_shapes("model.onnx"),
    "a number": lambda o: o.shape_inference.infer_shapes(3),
    "a path object": lambda o: o.shape_inference.infer_shapes(Path("model.onnx")),
    "a model where a path belongs": lambda o: o.shape_inference.infer_shapes_path(o.ModelProto()),
    "a number where a path belongs": lambda o: o.shape_inference.infer_shapes_path(3),
    "a number where the second path belongs": lambda o: o.shape_inference.infer_shapes_path("a", 3),
}


@pytest.mark.parametrize("title", ARGUMENTS)
def test_wrong_arguments(title: str) -> None:
    assert same(ARGUMENTS[title]) == ("raises", "TypeError")


# --- initializers, value_info


@pytest.mark.parametrize("ir", [3, 4, 10])
@pytest.mark.parametrize("declared", [None, [3], [2], ["N"]])
def test_initializers_and_inputs(ir: int, declared: list[Any] | None) -> None:
    def program(o: Any, strict: bool) -> Any:
        h = o.helper
        inputs = [h.make_tensor_value_info("x", 1, [2, 3])]
        inputs += [] if declared is None else [h.make_tensor_value_info("s", 7, declared)]
        nodes = [h.make_node("Reshape", ["x", "s"], ["y"])]
        graph = h.make_graph(nodes, "g", inputs, [], [h.make_tensor("s", 7, [2], [3, 2])])
        made = h.make_model(graph, ir_version=ir, opset_imports=[h.make_opsetid("", 13)])
        return o.shape_inference.infer_shapes(made, strict_mode=strict)

    for strict in (False, True):
        same(lambda o, s=strict: program(o, s))


def test_the_given_model_stays_as_it_is() -> None:
    text = model("float[2] x", "y = Relu(x) z = Exp(y)", outputs="float[K] z")
    given = ours.parser.parse_model(text)
    before = given.SerializeToString()
    assert ours.shape_inference.infer_shapes(given) != given
    assert given.SerializeToString() == before


@pytest.mark.parametrize("shape", [None, [], [2], ["N"], [None], [3]])
def test_value_info_that_is_there(shape: list[Any] | None) -> None:
    def program(o: Any, strict: bool) -> Any:
        h = o.helper
        nodes = [h.make_node("Relu", ["x"], ["y"]), h.make_node("Exp", ["y"], ["z"])]
        held = [h.make_tensor_value_info("y", 1, shape), h.make_tensor_value_info("unused", 1, [7])]
        graph = h.make_graph(nodes, "g", [h.make_tensor_value_info("x", 1, [2])], [], value_info=held)
        return o.shape_inference.infer_shapes(h.make_model(graph), strict_mode=strict)

    for strict in (False, True):
        same(lambda o, s=strict: program(o, s))


# --- functions

CALLS: dict[str, str] = {
    "calls with other attributes": """<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
        g (float[N] x, bool c) => (y, z) { y = local.cast<target = 6>(x, c) z = local.cast<target = 7>(x, c) }
        <opset_import: ["" : 17], domain: "local"> cast<target>(x, c) => (y) {
            y = If(c) <then_branch = t () => (a) { a = Cast<to : int = @target>(x) },
                       else_branch = e () => (b) { b = Cast<to : int = @target>(x) }> }""",
    "an attribute with a default": """<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
        g (float[N] x) => (y, z) { y = local.cast<target = 6>(x) z = local.cast(x) }
        <opset_import: ["" : 17], domain: "local"> cast<target : int = 1>(x) => (y) { y = Cast<to : int = @target>(x) }""",
    "values through a function": """<ir_version: 8, opset_import: ["" : 18, "local" : 1]>
        g (float[4, 1] x, float[1, 8] y) => () { s = local.shape(x) t = local.shape(y) z = Expand(y, s) w = Expand(x, t) }
        <opset_import: ["" : 18], domain: "local"> shape(x) => (y) { y = Shape(x) }""",
    "a function that calls another": """<ir_version: 8, opset_import: ["" : 18, "local" : 1]>
        g (float[4] x) => (y) { y = local.outer(x) }
        <opset_import: ["" : 18, "local" : 1], domain: "local"> outer(x) => (y) { y = local.inner(x) }
        <opset_import: ["" : 18], domain: "local"> inner(x) => (y) { y = Shape(x) }""",
    "an error inside": """<ir_version: 8, opset_import: ["" : 18, "local" : 1]>
        g (float[4] x, float[3] y) => (z) { z = local.f(x, y) }
        <opset_import: ["" : 18], domain: "local"> f(x, y) => (z) { z = Add(x, y) }""",
    "an error inside a branch": """<ir_version: 8, opset_import: ["" : 18, "local" : 1]>
        g (float x) => (float y) { y = local.least<dim = 0>(x) }
        <opset_import: ["" : 18], domain: "local"> least<dim>(x) => (y) {
            s = Shape(x) n = Size(s) z = Constant<value = int64 {0}>() e = Equal(n, z) c = Not(e)
            y = If(c) <then_branch = t () => (a) { a = ArgMin<axis : int = @dim>(x) },
                       else_branch = f () => (b) { b = Constant<value_int = 0>() }> }""",
}


@pytest.mark.parametrize("title", CALLS)
def test_functions(title: str) -> None:
    for check, (strict, follow) in itertools.product((False, True), MODES):
        same(lambda o, c=check, s=strict, d=follow: inferred(o, CALLS[title], check_type=c, strict_mode=s, data_prop=d))


def test_functions_that_call_themselves() -> None:
    text = """<ir_version: 8, opset_import: ["" : 18, "local" : 1]> g (float x) => (y) { y = local.f(x) }
        <opset_import: ["local" : 1], domain: "local"> f(x) => (y) { y = local.f(x) }"""
    same(lambda o: inferred(o, text))


BODIES: dict[str, tuple[str, list[list[int]], list[tuple[str, int]]]] = {
    "of the inputs": ("f (y, z) => (w) { x = Add(y, z) w = Mul(x, y) }", [[1, 1], [6, 6], [1, 6]], []),
    "of an attribute": ("f <dtype> (x) => (y) { y = Cast<to : int = @dtype>(x) }", [[1]], [("dtype", 6)]),
    "of an optional input": ("f (x, s, z) => (y) { y = QuantizeLinear(x, s, z) }", [[1, 1, 3], [1, 1, 0], [1, 1]], []),
    "past an input that is left out": ("f (x, a, b) => (y) { y = Clip(x, a, b) }", [[1, 0, 1], [1, 0, 3]], []),
}


@pytest.mark.parametrize("title", BODIES)
def test_the_types_of_a_function(title: str) -> None:
    body, calls, attributes = BODIES[title]

    def program(o: Any, codes: list[int]) -> Any:
        function = o.parser.parse_function(f'<opset_import: ["" : 18], domain: "local"> {body}')
        types = [o.helper.make_tensor_type_proto(code, None) if code else o.TypeProto() for code in codes]
        given = [o.helper.make_attribute(*pair) for pair in attributes]
        return o.shape_inference.infer_function_output_types(function, types, given)

    for codes in calls:
        same(lambda o, codes=codes: program(o, codes))


# --- one node


def node_outputs(o: Any, op: str, version: int, inputs: dict[str, Any], names: list[str], **data: Any) -> Any:
    types = {name: o.helper.make_tensor_type_proto(*held) for name, held in inputs.items()}
    constants = {name: o.numpy_helper.from_array(array) for name, array in data.items()}
    node = o.helper.make_node(op, names, ["out"])
    return o.shape_inference.infer_node_outputs(o.defs.get_schema(op, version), node, types, constants)


NODES: dict[str, tuple[Program, Any]] = {
    "broadcast": (lambda o: node_outputs(o, "Add", 14, {"a": (1, (None, 2)), "b": (1, (1, 2))}, ["a", "b"]), None),
    "names": (lambda o: node_outputs(o, "Add", 14, {"a": (1, ("n",)), "b": (1, (1, "n"))}, ["a", "b"]), None),
    "a constant": (
        lambda o: node_outputs(o, "Reshape", 14, {"a": (1, (4,)), "b": (7, (2,))}, ["a", "b"], b=np.array([2, -1])),
        None,
    ),
    "an input left out": (
        lambda o: node_outputs(o, "Clip", 13, {"a": (1, (3,)), "b": (1, ())}, ["a", "", "b"]),
        None,
    ),
    "too few inputs": (lambda o: node_outputs(o, "Add", 14, {"a": (1, (3,))}, ["a"]), "ValidationError"),
    "a type that differs": (
        lambda o: node_outputs(o, "Add", 14, {"a": (1, (3,)), "b": (2, (3,))}, ["a", "b"]),
        "ValidationError",
    ),
    "no type": (lambda o: node_outputs(o, "Add", 14, {"a": (1, (3,))}, ["a", "b"]), "KeyError"),
    "a contradiction": (
        lambda o: node_outputs(o, "Add", 14, {"a": (1, (2,)), "b": (1, (3,))}, ["a", "b"]),
        "InferenceError",
    ),
}


@pytest.mark.parametrize("title", NODES)
def test_one_node(title: str) -> None:
    program, error = NODES[title]
    found = same(program)
    assert found == ("raises", error) if error else found["out"]


def test_one_node_with_a_graph() -> None:
    def program(o: Any) -> Any:
        h = o.helper
        unknown = [h.make_tensor_value_info(name, 0, None) for name in ("state", "x", "outer", "next")]
        nodes = [h.make_node("Identity", ["state"], ["next"]), h.make_node("Add", ["x", "outer"], ["y"])]
        last = [unknown[3], h.make_tensor_value_info("y", 1, ("T", 2))]
        node = h.make_node(
            "Scan", ["s", "v", "o"], ["p", "q"], num_scan_inputs=1, body=h.make_graph(nodes, "b", unknown[:3], last)
        )
        types = {n: h.make_tensor_type_proto(1, held) for n, held in {"s": (3,), "v": ("T", 2), "o": (2,)}.items()}
        imports = [h.make_opsetid("", 9)]
        return o.shape_inference.infer_node_outputs(
            o.defs.get_schema("Scan", 9), node, types, opset_imports=imports, ir_version=4
        )

    assert set(same(program)) == {"p", "q"}


# --- files, registered operators


def test_from_file_to_file(tmp_path: Path) -> None:
    def program(o: Any) -> Any:
        source, target = tmp_path / f"{o.__name__}.onnx", tmp_path / f"{o.__name__}.out.onnx"
        source.write_bytes(o.parser.parse_model(model("float[N] x", "y = Relu(x)")).SerializeToString())
        o.shape_inference.infer_shapes_path(source, str(target))
        first = target.read_bytes()
        o.shape_inference.infer_shapes_path(str(source), strict_mode=True)
        return first, source.read_bytes()

    first, second = same(program)
    assert first == second and b"value_info" not in first


def test_a_registered_operator_brings_its_own_rule() -> None:
    def program(o: Any) -> Any:
        schema = o.defs.OpSchema(
            "Twice",
            "sardonyx.test",
            1,
            inputs=[o.defs.OpSchema.FormalParameter("x", "T")],
            outputs=[o.defs.OpSchema.FormalParameter("y", "T")],
            type_constraints=[("T", ["tensor(float)"], "")],
        )

        def infer(ctx: Any) -> None:
            made = o.TypeProto()
            made.CopyFrom(ctx.get_input_type(0))
            made.tensor_type.shape.dim[0].dim_value *= 2
            ctx.set_output_type(0, made)

        schema.set_type_and_shape_inference_function(infer)
        o.defs.register_schema(schema)
        try:
            text = model("float[3] x", "y = sardonyx.test.Twice(x) z = Relu(y)", imports=', "sardonyx.test" : 1')
            return inferred(o, text, strict_mode=True)
        finally:
            o.defs.deregister_schema("Twice", 1, "sardonyx.test")

    assert ours.ModelProto.FromString(same(program)).graph.value_info[1].type.tensor_type.shape.dim[0].dim_value == 6


# Operators that read a constant's values, and one that does not: the call, with `c` for the constant, and its values.
READERS = {
    "Reshape": ("Reshape(x, c)", [4]),
    "Expand": ("Expand(x, c)", [2, 2]),
    "Tile": ("Tile(x, c)", [1, 2]),
    "Slice": ("Slice(x, c, c)", [0, 1]),
    "ConstantOfShape": ("ConstantOfShape(c)", [2, 2]),
    "Unsqueeze": ("Unsqueeze(x, c)", [0]),
    "Pad": ("Pad(x, c)", [0, 0, 1, 1]),
    "TopK": ("TopK(x, c)", [1]),
    "OneHot": ("OneHot(k, c, x)", [4]),
    "Resize": ("Resize(x, , , c)", [4, 4]),
    "CenterCropPad": ("CenterCropPad(x, c)", [1, 1]),
    "ReduceSum": ("ReduceSum(x, c)", [0]),
    "Gather": ("Gather(x, c)", [0]),
}


@pytest.mark.parametrize("ranked", [True, False])
@pytest.mark.parametrize("op", READERS)
def test_values_that_lie_in_a_file_that_was_not_loaded(op: str, ranked: bool) -> None:
    call, values = READERS[op]
    x = "float[2,2] x" if ranked else "float[] x"
    k = "int64[2] k" if ranked else "int64[] k"

    def program(strict: bool) -> Program:
        def run(o: Any) -> Any:
            made = o.parser.parse_model(model(f"{x}, {k}", f"{'y, z' if op == 'TopK' else 'y'} = {call}"))
            tensor = o.numpy_helper.from_array(np.array(values), "c")
            o.external_data_helper.set_external_data(tensor, location="c.bin")
            tensor.ClearField("raw_data")
            made.graph.initializer.append(tensor)
            return o.shape_inference.infer_shapes(made, strict_mode=strict).SerializeToString()

        return run

    said = same(program(True))
    first_known = ranked or op in ("OneHot", "Reshape", "ConstantOfShape")
    assert (said == REFUSED) == (op != "Gather" and first_known)
    same(program(False))


# --- what stated models do not reach


@pytest.mark.parametrize("version", [7, 9, 10, 11, 19])
@pytest.mark.parametrize(
    ("extent", "factor"), [(2**24 + 1, 1.0), (2**24 + 1, 2.0), (10, 2.3), (10, 0.7), (7, 1.2857143)]
)
def test_extents_are_scaled_in_double_precision(version: int, extent: int, factor: float) -> None:
    call = {7: f"Upsample <scales = [{factor}]> (x)", 9: "Upsample(x, s)", 10: "Resize(x, s)"}.get(
        version, "Resize(x, , s)" if version > 11 else "Resize(x, r, s)"
    )

    def program(o: Any) -> Any:
        made = o.parser.parse_model(model(f"float[{extent}] x, float[2] r", f"y = {call}", version=version))
        made.graph.initializer.append(o.numpy_helper.from_array(np.array([factor], np.float32), "s"))
        return o.shape_inference.infer_shapes(made, strict_mode=True).SerializeToString()

    same(program)


ODD_SIGNALS = {
    "a signal of rank 1": "float16[3] x, int32[2] s, float16[7,8,8,8] w, int32[8,1,7,2] l",
    "a signal of rank 2": "float16[3,4] x, int32[2] s, float16[7,8,8,8] w, int32[8,1,7,2] l",
}


@pytest.mark.parametrize("title", ODD_SIGNALS)
def test_signals_of_too_few_dimensions(title: str) -> None:
    said = same(lambda o: inferred(o, model(ODD_SIGNALS[title], "y = STFT(x, s, w, l)"), strict_mode=True))
    assert (said == REFUSED) == title.endswith("1")


@pytest.mark.parametrize("strict", [True, False])
def test_a_function_with_more_outputs_than_its_call(strict: bool) -> None:
    text = model("float[1] x", "y = f.f(x)", imports=', "f" : 1')
    text += '<opset_import: ["" : 21], domain: "f"> f (a) => (b, c) { b = Identity(a) c = Identity(a) }'
    assert same(lambda o: inferred(o, text, strict_mode=strict)) == REFUSED


def test_paths_are_sent_to_the_function_that_takes_them() -> None:
    with pytest.raises(TypeError, match=r"For Model paths \(str or os.PathLike\), use infer_shapes_path\(\)\."):
        ours.shape_inference.infer_shapes(Path("m.onnx"))  # pyright: ignore[reportArgumentType]


def test_indices_that_a_rule_may_not_ask_for() -> None:
    def program(o: Any) -> Any:
        asked: list[str] = []
        schema = o.defs.OpSchema("Asks", "t", 1, inputs=[], outputs=[])

        def infer(ctx: Any) -> None:
            for ask in (ctx.has_input, ctx.has_output, ctx.get_input_type, ctx.get_input_data, ctx.get_output_type):
                for index in (-1, 0, 9):
                    try:
                        ask(index)
                        asked.append("taken")
                    except (TypeError, RuntimeError) as error:
                        asked.append(type(error).__name__)

        schema.set_type_and_shape_inference_function(infer)
        o.defs.register_schema(schema)
        try:
            inferred(o, model("float[2] x", "y = t.Asks(x)", imports=', "t" : 1'))
        finally:
            o.defs.deregister_schema("Asks", 1, "t")
        return asked

    assert {"TypeError", "RuntimeError"} < set(same(program))


STATES = {
    "LinearAttention <q_num_heads = 4, kv_num_heads = 4, update_rule = '{rule}'>": [
        ("gated", "float[2,3,4] d", 'q, k, v, "", d'), ("gated", "float[2,3,64] d", 'q, k, v, "", d'),
        ("gated", "float[2,3,7] d", 'q, k, v, "", d'), ("gated", "float[2,3] d", 'q, k, v, "", d'),
        ("gated", "float[2,5,4] d", 'q, k, v, "", d'), ("delta", "float[2,3,1] b", 'q, k, v, "", "", b'),
        ("delta", "float[2,3,3] b", 'q, k, v, "", "", b'), ("other", "float[1] u", "q, k, v"),
        ("linear", "float[2,4,16,8] s", "q, k, v, s"), ("linear", "float[2,4,16,16] s", "q, k, v, s"),
    ],
    "LinearAttention <q_num_heads = 3, kv_num_heads = 2, update_rule = 'linear'>": [("", "float[1] u", "q, k, v")],
    "LinearAttention <q_num_heads = 0, kv_num_heads = 4, update_rule = 'linear'>": [("", "float[1] u", "q, k, v")],
    "CausalConvWithState <activation = '{rule}'>": [
        ("silu", "float[3,1,4] w", "q, w"), ("none", "float[3,1,0] w", "q, w"), ("other", "float[3,1,4] w", "q, w"),
        ("none", "float[3,2,4] w", "q, w"), ("none", "float[3,1,4] w, float[2] b", "q, w, b"),
        ("none", "float[3,1,4] w, float[2,3,3] s", 'q, w, "", s'), ("none", "float[3,1,4] w, float[2,3] s", 'q, w, "", s'),
        ("none", "float[3,1,4] w, float[2,3,5] s", 'q, w, "", s'),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("head", "rule", "more", "args"), [(h, *row) for h, rows in STATES.items() for row in rows])
def test_operators_that_carry_a_state(head: str, rule: str, more: str, args: str) -> None:
    call = f"y, z = {head.format(rule=rule)} ({args})".replace("'", '"')
    text = model(f"float[2,3,64] q, float[2,3,64] k, float[2,3,64] v, {more}", call, version=27)
    same(lambda o: inferred(o, text, strict_mode=True))


FLEXED = [
    ("float[2,8,4,6] q", "float[2,2,5,6] k", "float[2,2,5,7] v"),
    ("float[2,8,4,6] q", "float[2,3,5,6] k", "float[2,3,5,6] v"),
    ("float[2,8,4,6] q", "float[2,8,5,6] k", "float[2,4,5,6] v"),
    ("float[2,8,4,6] q", "float16[2,8,5,6] k", "float[2,8,5,6] v"),
    ("float[B,H,4,6] q", "float[B,G,5,6] k", "float[B,G,5,6] v"),
]


@pytest.mark.parametrize("inputs", FLEXED)
def test_heads_and_types_of_flex_attention(inputs: tuple[str, str, str]) -> None:
    imports = ', "ai.onnx.preview" : 1'
    text = model(", ".join(inputs), "y = ai.onnx.preview.FlexAttention(q, k, v)", imports=imports)
    said = same(lambda o: inferred(o, text, strict_mode=True))
    assert (said == REFUSED) == (inputs not in (FLEXED[0], FLEXED[-1]))


def test_a_state_tells_what_its_inputs_do_not() -> None:
    call = 'y, z = LinearAttention <q_num_heads = 4, kv_num_heads = 2, update_rule = "linear"> (q, q, q, s)'
    same(
        lambda o: inferred(o, model("float[] x, int64[n] n, float[2,2,3,5] s", f"q = Reshape(x, n) {call}", version=27))
    )
