"""The same verdict as the official checker, on legal models and on models broken in one way each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import pytest
from onnx import TensorProto, checker

from sardonyx.check import check, faults
from sardonyx.core.errors import CheckError
from sardonyx.infer import infer
from sardonyx.ir.text import parse_model
from tests.check.models import function, info, model, node, read, referring, relu, subgraph, tensor

W = tensor("w", np.zeros((2, 3)))
C = tensor("c", [True], TensorProto.BOOL, ())
ADD = node("Add", ["x", "w"], ["y"])
TWO = {"": 20, "f": 1}
CALL = node("F", ["x"], ["y"], domain="f")
BODY = node("Relu", ["a"], ["b"])
DEEP = subgraph([node("Relu", ["x"], ["s"])])


def choose(then: onnx.GraphProto, otherwise: onnx.GraphProto = DEEP) -> onnx.NodeProto:
    return node("If", ["c"], ["y"], then_branch=then, else_branch=otherwise)


@dataclass(frozen=True)
class Case:
    name: str
    proto: onnx.ModelProto
    code: str | None = None  # None: legal
    warned: str | None = None  # why Sardonyx warns of what the official checker lets pass

    def __str__(self) -> str:
        return self.name


LEGAL = [
    Case("one node", model(relu)),
    Case("constant", model(ADD, init=[W])),
    Case("default value", model(ADD, inputs=("x", "w"), init=[W])),
    Case("private attribute", model(node("Relu", ["x"], ["y"], __tool=1))),
    Case("custom domain", model(node("Foo", ["x"], ["y"], domain="z"), opsets={"": 20, "z": 1})),
    Case("optional input left out", model(node("Clip", ["x", "", "m"], ["y"]), init=[tensor("m", 1.0)])),
    Case("subgraph", model(choose(DEEP), init=[C])),
    Case("subgraph output named as its node's", model(choose(subgraph([node("Relu", ["x"], ["y"])], ["y"])), init=[C])),
    Case("subgraph constant shadows", model(choose(DEEP), init=[C, tensor("q", [1.0])])),
    Case("main graph returns an input", model(outputs=("x",))),
    Case("no outputs", model(relu, outputs=())),
    Case("same output twice", model(relu, outputs=("y", "y"))),
    Case("IR 3", model(relu, ir=3, opsets={"": 8})),
    Case("an old node in its old opset", model(node("Squeeze", ["x"], ["y"], axes=[0]), inputs=(info("x", (1, 3)),),
         outputs=(info("y", (3,)),), opsets={"": 11})),
    Case("function", model(CALL, opsets=TWO, functions=[function(BODY)])),
    Case("function of another, compatible opset", model(CALL, opsets=TWO, functions=[function(BODY, opsets={"": 19})])),
    Case("function with an attribute", model(node("F", ["x"], ["y"], domain="f", k=0.5), opsets=TWO, functions=[
        function(referring(node("LeakyRelu", ["a"], ["b"]), "alpha", "k"), attributes=["k"])])),
    Case("names of nodes repeat", model(node("Relu", ["x"], ["z"], name="n"), node("Relu", ["z"], ["y"], name="n"))),
    Case("dead node", model(node("Relu", ["x"], ["z"]), relu)),
    Case("newer opset than known", model(relu, opsets={"": 99})),
]  # fmt: skip

BROKEN = [
    Case("graph has no name", model(relu, name=""), "SDX-C101"),
    Case("subgraph has no name", model(choose(subgraph([node("Relu", ["x"], ["s"])], name="")), init=[C]), "SDX-C101"),
    Case("input has no name", model(relu, inputs=("x", "")), "SDX-C102"),
    Case("input twice", model(relu, inputs=("x", "x")), "SDX-C103"),
    Case("function input twice", model(CALL, opsets=TWO, functions=[function(BODY, inputs=("a", "a"))]), "SDX-C103"),
    Case("made twice", model(relu, relu), "SDX-C104"),
    Case("output named as input", model(node("Relu", ["x"], ["x"]), outputs=("x",)), "SDX-C104"),
    Case("output named as constant", model(node("Relu", ["x"], ["w"]), outputs=("w",), init=[W]), "SDX-C104"),
    Case("subgraph shadows", model(choose(subgraph([node("Relu", ["x"], ["x"])], ["x"])), init=[C]), "SDX-C104"),
    Case("nothing makes it", model(node("Relu", ["q"], ["y"])), "SDX-C105"),
    Case("out of order", model(node("Relu", ["z"], ["y"]), node("Relu", ["x"], ["z"])), "SDX-C105"),
    Case("subgraph reads ahead", model(
        choose(subgraph([node("Relu", ["late"], ["s"])])), node("Relu", ["x"], ["late"]), init=[C]), "SDX-C105"),
    Case("function body reads nothing known", model(CALL, opsets=TWO, functions=[function(node("Relu", ["q"], ["b"]))]), "SDX-C105"),
    Case("output nothing makes", model(node("Relu", ["x"], ["z"])), "SDX-C106"),
    Case("subgraph returns an outer value", model(choose(subgraph([], ["x"])), init=[C]), "SDX-C106"),
    Case("function output nothing makes", model(CALL, opsets=TWO, functions=[function(node("Relu", ["a"], ["q"]))]),
         "SDX-C106", warned="no caller could use it"),
    Case("IR 99", model(relu, ir=99), "SDX-C111"),
    Case("no opset", model(relu, opsets={}), "SDX-C112"),
    Case("opset 0", model(relu, opsets={"": 0}), "SDX-C116"),
    Case("standard domain not imported", model(relu, opsets={"ai.onnx.ml": 3}), "SDX-C115"),
    Case("domain not imported", model(node("Foo", ["x"], ["y"], domain="z")), "SDX-C115"),
    Case("function's domain not imported", model(CALL, functions=[function(BODY)]), "SDX-C115"),
    Case("unknown operator", model(node("Foo", ["x"], ["y"])), "SDX-C116"),
    Case("operator from the future", model(node("Gelu", ["x"], ["y"]), opsets={"": 18}), "SDX-C116"),
    Case("no operator", model(node("", ["x"], ["y"])), "SDX-C116"),
    Case("deprecated", model(node("Upsample", ["x", "x"], ["y"])), "SDX-C117"),
    Case("no inputs and outputs", model(relu, onnx.NodeProto(op_type="Foo", domain="z"), opsets={"": 20, "z": 1}), "SDX-C121"),
    Case("too few inputs", model(node("Add", ["x"], ["y"])), "SDX-C122"),
    Case("too many inputs", model(node("Relu", ["x", "x"], ["y"])), "SDX-C122"),
    Case("too many inputs, the last left out", model(node("Relu", ["x", ""], ["y"])), "SDX-C122"),
    Case("no inputs", model(node("Relu", [], ["y"])), "SDX-C122"),
    Case("no outputs", model(node("Relu", ["x"], []), outputs=("x",)), "SDX-C123"),
    Case("too many outputs", model(node("Relu", ["x"], ["y", "z"])), "SDX-C123"),
    Case("required input left out", model(node("Add", ["", "x"], ["y"])), "SDX-C124"),
    Case("required output left out", model(node("Relu", ["x"], [""]), outputs=("x",)), "SDX-C125"),
    Case("unknown attribute", model(node("Relu", ["x"], ["y"], foo=1)), "SDX-C131"),
    Case("attribute that became an input", model(node("Squeeze", ["x"], ["y"], axes=[0])), "SDX-C131"),
    Case("kind of attribute", model(node("LeakyRelu", ["x"], ["y"], alpha=1)), "SDX-C132"),
    Case("required attribute", model(node("Cast", ["x"], ["y"])), "SDX-C133"),
    Case("required subgraph", model(node("If", ["c"], ["y"], then_branch=DEEP), init=[C]), "SDX-C133"),
    Case("reference outside a function", model(referring(node("LeakyRelu", ["x"], ["y"]), "alpha", "k")), "SDX-C134",
         warned="the standard allows references in functions only, and no value stands there"),
    Case("reference to nothing", model(CALL, opsets=TWO, functions=[
        function(referring(node("LeakyRelu", ["a"], ["b"]), "alpha", "kk"), attributes=["k"])]), "SDX-C134",
         warned="nothing can stand for it"),
    Case("input without type", model(relu, inputs=(onnx.ValueInfoProto(name="x"),)), "SDX-C141"),
    Case("output without type", model(relu, outputs=(onnx.ValueInfoProto(name="y"),)), "SDX-C141"),
    Case("input without shape", model(relu, inputs=(info("x", None),)), "SDX-C141"),
    Case("function without name", model(relu, opsets=TWO, functions=[function(BODY, name="")]), "SDX-C151"),
    Case("function attribute twice", model(CALL, opsets=TWO, functions=[function(BODY, attributes=("k", "k"))]), "SDX-C152"),
    Case("function of an incompatible opset", model(CALL, opsets=TWO, functions=[function(BODY, opsets={"": 12})]), "SDX-C153"),
    Case("function without its opset", model(CALL, opsets=TWO, functions=[function(BODY, opsets={"q": 1})]), "SDX-C115"),
    Case("recursion", model(CALL, opsets=TWO, functions=[function(node("F", ["a"], ["b"], domain="f"))]), "SDX-C154"),
    Case("recursion through another", model(CALL, opsets=TWO, functions=[
        function(node("G", ["a"], ["b"], domain="f")), function(node("F", ["a"], ["b"], domain="f"), name="G")]), "SDX-C154"),
    Case("too many inputs of a call", model(node("F", ["x", "x"], ["y"], domain="f"), opsets=TWO, functions=[function(BODY)]),
         "SDX-C155", warned="the function has no place for them"),
    Case("too many outputs of a call", model(node("F", ["x"], ["y", "z"], domain="f"), opsets=TWO, functions=[function(BODY)]),
         "SDX-C155", warned="the function gives no such value"),
    Case("IR 3 constant that is no input", model(ADD, init=[W], ir=3), "SDX-C161"),
    Case("default of another type", model(ADD, inputs=("x", info("w", (2, 3), TensorProto.INT64)), init=[W]), "SDX-C164"),
    Case("types differ", model(ADD, inputs=("x", info("w", (2, 3), TensorProto.INT64))), "SDX-T102"),
    Case("type not allowed", model(relu, inputs=(info("x", kind=TensorProto.STRING),), outputs=(info("y", kind=TensorProto.STRING),)),
         "SDX-T101"),
    Case("inner dimensions", model(node("MatMul", ["x", "x"], ["y"])), "SDX-S100"),
    Case("declared shape", model(relu, outputs=(info("y", (2, 4)),)), "SDX-S102"),
    Case("declared rank", model(relu, outputs=(info("y", (2, 3, 1)),)), "SDX-S102"),
    Case("declared type", model(relu, outputs=(info("y", kind=TensorProto.INT64),)), "SDX-T103"),
]  # fmt: skip


def official(proto: onnx.ModelProto) -> bool:
    try:
        checker.check_model(proto, full_check=True)
    except (checker.ValidationError, onnx.shape_inference.InferenceError):
        return False
    return True


@pytest.mark.parametrize("case", LEGAL, ids=str)
def test_legal(case: Case) -> None:
    assert official(case.proto)
    read_model = read(case.proto)
    check(read_model, inferred=infer(read_model).faults)


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_broken(case: Case) -> None:
    """Refused for the right reason, by both, or warned of by Sardonyx alone; of the graph and of its file the same is said."""
    assert official(case.proto) == (case.warned is not None)
    read_model = read(case.proto)
    found = [*faults(read_model), *(inferred := infer(read_model).faults)]
    severity = "error" if case.warned is None else "warning"
    assert case.code in {fault.code for fault in found if fault.severity == severity}
    assert all(fault.where and fault.why and fault.fix for fault in found if fault.code == case.code)
    if case.warned is None:
        with pytest.raises(CheckError):
            check(read_model, inferred=inferred)
    else:
        check(read_model, inferred=inferred)
    in_file = faults(case.proto.SerializeToString())
    assert {(f.code, f.where, f.severity) for f in in_file} == {
        (f.code, f.where, f.severity) for f in faults(read_model)
    }


def test_all_faults_at_once() -> None:
    """The error lists every fault, in the order of the file, each with its place."""
    proto = model(node("Relou", ["x"], ["a"]), node("Add", ["a"], ["b"]), node("Cast", ["b"], ["y"]), name="main")
    with pytest.raises(CheckError, match="the model has 3 faults") as refusal:
        check(read(proto))
    assert [f.code for f in refusal.value.faults] == ["SDX-C116", "SDX-C122", "SDX-C133"]
    text = str(refusal.value)
    assert "graph 'main', node 1: Add" in text
    assert "Add has 1 inputs, Add takes exactly 2" in text


def test_what_only_dead_nodes_read_is_dead() -> None:
    found = faults(read(model(node("Relu", ["x"], ["a"]), node("Neg", ["a"], ["b"]), relu)))
    assert [f.what for f in found if f.code == "SDX-C181"] == [
        "nothing reads the results of Neg",
        "no output needs Relu",
    ]


def test_what_a_branch_returns_is_needed() -> None:
    text = """<ir_version: 10, opset_import: ["" : 20]> agraph (float[2] x, bool c) => (float[2] y) {
        a = Relu (x)  y = If (c) <then_branch = t () => (a) {}, else_branch = e () => (b) { b = Neg (a) }> }"""
    assert not [f for f in faults(parse_model(text)) if f.code == "SDX-C181"]


def warnings_of(signature: str, body: str) -> list[str]:
    found = faults(parse_model(f'<ir_version: 10, opset_import: ["" : 20]> agraph {signature} {{ {body} }}'))
    return [f.code for f in found if f.severity == "warning"]


def test_suspicious_shapes_and_those_that_are_not() -> None:
    assert warnings_of("(float[n, 1] x, float[n] z) => (y)", "y = Add (x, z)") == ["SDX-C187"]
    assert warnings_of("(float[n, 1] x, float[1, n] z) => (y)", "y = Add (x, z)") == []
    assert warnings_of("(float[n, 1] x, float[m] z) => (y)", "y = Add (x, z)") == []
    assert warnings_of("(float[n, 6] x) => (y) <int64[2] s = {-1, 3}>", "y = Reshape (x, s)") == []
    assert warnings_of("(float[2, 6] x) => (y) <int64[2] s = {4, 3}>", "y = Reshape (x, s)") == []
    assert warnings_of("(float[n, 6] x) => (y) <int64[2] s = {4, 3}>", "y = Reshape (x, s)") == ["SDX-C188"]
    assert warnings_of("(float[n, 1] x) => (y) <int64[1] s = {1}>", "y = Squeeze (x, s)") == []
    assert warnings_of("(float[2, 1] x) => (y)", "y = Squeeze (x)") == []


@pytest.mark.parametrize(
    ("proto", "code"),
    [
        (model(relu, opsets={"": 99}), "SDX-C114"),
        (model(node("Relu", ["x"], ["z"], name="n"), node("Relu", ["z"], ["y"], name="n")), "SDX-C107"),
        (model(relu, inputs=(info("x", kind=0),)), "SDX-C142"),
        (model(node("Relu", ["x"], ["z"]), relu), "SDX-C181"),
        (model(relu, init=[W]), "SDX-C182"),
        (model(relu, inputs=("x", "z")), "SDX-C183"),
        (model(relu, opsets=TWO, functions=[function(BODY)]), "SDX-C184"),
        (model(CALL, opsets=TWO, functions=[function(BODY, attributes=["k"])]), "SDX-C156"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_warnings_raise_nothing(proto: onnx.ModelProto, code: str) -> None:
    """What is legal and unwise is a warning: listed by `faults`, passed by `check`."""
    read_model = read(proto)
    assert code in {f.code for f in faults(read_model) if f.severity == "warning"}
    check(read_model)
