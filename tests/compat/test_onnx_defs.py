"""Schemas say what the official ones say, and the registry takes in what programs register."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx as official
import pytest

import sardonyx.compat.onnx as ours
from tests.compat.programs import Program, outcome, parsed, same

HISTORY = {(s.domain, s.name, s.since_version): s for s in official.defs.get_all_schemas_with_history()}
FACTS = (
    "name", "domain", "since_version", "deprecated", "support_level", "min_input", "max_input", "min_output", "max_output",
    "has_type_and_shape_inference_function", "has_data_propagation_function", "has_function", "has_context_dependent_function", "function_opset_versions",
    "context_dependent_function_opset_versions", "all_function_opset_versions",
)  # fmt: skip
FORMAL_FACTS = ("name", "types", "type_str", "option", "is_homogeneous", "min_arity", "differentiation_category")
# Operators whose official schema lists types under a name that none of its formals uses.
UNUSED_NAMES = {("", "Tile", 1)}
# The official package spells types of maps in two ways; we in the one that formals have.
OTHER_SPELLING = {("ai.onnx.ml", name, 1) for name in ("CastMap", "DictVectorizer", "ZipMap")}


@pytest.mark.parametrize("key", HISTORY, ids=str)
def test_facts(key: tuple[str, str, int]) -> None:
    domain, name, version = key
    schema, theirs = ours.defs.get_schema(name, version, domain), HISTORY[key]
    assert {f: getattr(schema, f) for f in FACTS} == {f: getattr(theirs, f) for f in FACTS}
    assert schema.node_determinism.name == theirs.node_determinism.name
    if theirs.deprecated:
        return
    for formal, other in zip((*schema.inputs, *schema.outputs), (*theirs.inputs, *theirs.outputs), strict=True):
        assert [getattr(formal, f) for f in FORMAL_FACTS] == [getattr(other, f) for f in FORMAL_FACTS]
    assert schema.attributes.keys() == theirs.attributes.keys()
    for name, attribute in schema.attributes.items():
        other = theirs.attributes[name]
        assert (attribute.type, attribute.required) == (other.type, other.required)
        assert attribute.default_value.SerializeToString() == other.default_value.SerializeToString()
    if key not in UNUSED_NAMES | OTHER_SPELLING:
        assert constraints(schema) == constraints(theirs)


def constraints(schema: Any) -> dict[str, set[str]]:
    return {row.type_param_str: set(row.allowed_type_strs) for row in schema.type_constraints}


def test_docs_are_of_their_version() -> None:
    def doc(name: str, version: int) -> str:
        return ours.defs.get_schema(name, version).doc or ""

    assert "arithmetic shift" in doc("BitShift", 28) and "arithmetic shift" not in doc("BitShift", 11)
    assert doc("OptionalHasElement", 15) != doc("OptionalHasElement", 18) == doc("OptionalHasElement", 28)
    assert all(schema.doc for schema in ours.defs.get_all_schemas_with_history())


BODIES = [key for key, schema in HISTORY.items() if schema.has_function or schema.has_context_dependent_function]


def test_every_operator_is_there() -> None:
    assert {(s.domain, s.name, s.since_version) for s in ours.defs.get_all_schemas_with_history()} == HISTORY.keys()
    newest = {(s.domain, s.name): s.since_version for s in official.defs.get_all_schemas()}
    assert {(s.domain, s.name): s.since_version for s in ours.defs.get_all_schemas()} == newest
    assert ours.defs.onnx_opset_version() == official.defs.onnx_opset_version()
    assert ours.defs.onnx_ml_opset_version() == official.defs.onnx_ml_opset_version()
    assert ours.defs.C.schema_version_map() == official.defs.C.schema_version_map()


@pytest.mark.parametrize("key", BODIES, ids=str)
def test_bodies_are_legal_functions(key: tuple[str, str, int]) -> None:
    domain, name, version = key
    schema, theirs = ours.defs.get_schema(name, version, domain), HISTORY[key]
    for opset in schema.function_opset_versions:
        body = ours.FunctionProto.FromString(schema.get_function_with_opset_version(opset))
        other = official.FunctionProto.FromString(theirs.get_function_with_opset_version(opset))
        assert (body.domain, body.name, body.input, body.output) == (domain, name, other.input, other.output)
        assert set(body.attribute) == set(other.attribute)
        ours.checker.check_function(body)
        official.checker.check_function(official.FunctionProto.FromString(body.SerializeToString()))


LOOKUPS: dict[str, Program] = {
    "newest": lambda d: d.get_schema("Relu").since_version,
    "at a version": lambda d: d.get_schema("Relu", 13).since_version,
    "in a domain": lambda d: d.get_schema("Gradient", "ai.onnx.preview.training").since_version,
    "at a version of a domain": lambda d: d.get_schema("TreeEnsembleRegressor", 3, "ai.onnx.ml").since_version,
    "by keywords": lambda d: d.get_schema(op_type="Relu", max_inclusive_version=6, domain="").since_version,
    "too old": lambda d: d.get_schema("Relu", 0),
    "unknown": lambda d: d.get_schema("Nope"),
    "unknown at a version": lambda d: d.get_schema("Nope", 3),
    "another name of the domain": lambda d: d.get_schema("Relu", "ai.onnx"),
    "no text": lambda d: d.get_schema(3),
    "has": lambda d: [d.has("Relu"), d.has("Relu", 5), d.has("Relu", 0), d.has("Relu", "x"), d.has("Nope"), d.has("Relu", 5, "")],
    "has by keywords": lambda d: [d.has(op_type="Relu", domain=""), d.has("Relu", max_inclusive_version=3)],
    "deprecated": lambda d: [d.get_schema("Upsample").since_version, d.get_schema("Upsample").deprecated],
    "domains": lambda d: [d.ONNX_DOMAIN, d.ONNX_ML_DOMAIN, d.AI_ONNX_PREVIEW_DOMAIN, d.AI_ONNX_PREVIEW_TRAINING_DOMAIN],
    "infinite": lambda d: [d.OpSchema.is_infinite(d.get_schema("Concat").max_input), d.OpSchema.is_infinite(1)],
    "deterministic": lambda d: [d.get_schema(n).non_deterministic for n in ("RandomNormalLike", "Relu", "If", "Range", "CastLike")],
    "copies": lambda d: [d.get_schema("Relu") == d.get_schema("Relu"), setattr(d.get_schema("Relu"), "name", "x"), d.has("Relu")],
    "two enums": lambda d: [d.OpSchema.AttrType.INTS == 7, repr(d.OpSchema.FormalParameterOption.Variadic), str(d.OpSchema.AttrType.INT)],
}  # fmt: skip


@pytest.mark.parametrize("program", LOOKUPS.values(), ids=LOOKUPS)
def test_lookups(program: Program) -> None:
    same(lambda o: program(o.defs))


# --- schemas made by programs


def parts(o: Any) -> Any:
    return o.defs.OpSchema


def formal(o: Any, name: str = "x", kind: str = "float", option: str = "Single", **facts: Any) -> Any:
    s = parts(o)
    return s.FormalParameter(name, kind, param_option=getattr(s.FormalParameterOption, option), **facts)


MADE: dict[str, Program] = {
    "plain": lambda o: parts(o)("a", "b", 1, "text"),
    "everything": lambda o: parts(o)(
        "a", "b", 1, inputs=[formal(o, kind="T"), formal(o, "y", "int32", "Optional")],
        outputs=(formal(o, "z", "T", "Variadic", min_arity=0, is_homogeneous=False),),
        type_constraints=[("T", ["tensor(float)", "double"], "why")],
        attributes=[parts(o).Attribute("k", parts(o).AttrType.INTS, "what")],
        node_determinism=parts(o).NodeDeterminism.NonDeterministic),
    "a default": lambda o: parts(o).Attribute("d", o.helper.make_attribute("d", 1.5), "what"),
    "a default by name": lambda o: parts(o).Attribute("d", default_value=o.helper.make_attribute("d", [1, 2])),
    "an optional attribute": lambda o: parts(o).Attribute("o", parts(o).AttrType.INT, required=False),
    "a graph inside": lambda o: parts(o)("a", "b", 1, attributes=[parts(o).Attribute("g", parts(o).AttrType.GRAPH)]),
    "no version": lambda o: parts(o)("a", "b"),
    "no name": lambda o: parts(o)(domain="b", since_version=1),
    "no domain": lambda o: parts(o)(name="a", since_version=1),
    "a number as name": lambda o: parts(o)(1, "b", 1),
    "a number as domain": lambda o: parts(o)("a", 1, 1),
    "text as version": lambda o: parts(o)("a", "b", "1"),
    "no inputs": lambda o: parts(o)("a", "b", 1, inputs=None),
    "inputs by position": lambda o: parts(o)("a", "b", 1, "", [formal(o)]),
    "an unknown type": lambda o: parts(o)("a", "b", 1, inputs=[formal(o, kind="T")]),
    "an unknown element type": lambda o: parts(o)("a", "b", 1, inputs=[formal(o, kind="tensor(foo)")]),
    "a constraint twice": lambda o: parts(o)("a", "b", 1, type_constraints=[("T", ["float"], ""), ("T", ["int32"], "")]),
    "variadic, then more": lambda o: parts(o)("a", "b", 1, inputs=[formal(o, option="Variadic"), formal(o)]),
    "types of all kinds": lambda o: parts(o)("a", "b", 1, inputs=[
        formal(o, f"x{i}", t) for i, t in enumerate(("seq(tensor(float))", "optional(seq(int8))", "map(int64, tensor(float))",
                                                     "sparse_tensor(float)", "map(string,float)"))]),
    "an attribute of no type": lambda o: parts(o).Attribute("a"),
    "an attribute of a wrong type": lambda o: parts(o).Attribute("a", 5),
    "a formal without type": lambda o: parts(o).FormalParameter("a"),
    "a constraint": lambda o: parts(o).TypeConstraintParam("T", ("float", "int8"), "text"),
}  # fmt: skip
READ = (
    "name", "domain", "since_version", "doc", "min_input", "max_input", "min_output", "max_output", "deprecated", "file",
    "line", "has_function", "has_context_dependent_function", "has_type_and_shape_inference_function", "non_deterministic",
    "has_data_propagation_function", "function_opset_versions", "all_function_opset_versions", "function_body",
)  # fmt: skip


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_made(make: Program) -> None:
    def program(o: Any) -> Any:
        made = make(o)
        shown = repr(made)
        if not hasattr(made, "inputs"):
            return shown
        formals = [
            [f.name, f.type_str, sorted(f.types), int(f.option), f.min_arity] for f in (*made.inputs, *made.outputs)
        ]
        return [shown, [getattr(made, name) for name in READ], formals, sorted(made.attributes)]

    same(program)


# --- the registry


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    ranges = {o: o.defs.C.schema_version_map() for o in (ours, official)}
    yield
    for o, before in ranges.items():
        for domain in ("", "mine"):
            for version in range(1, 60):
                if o.defs.has("Own", domain):
                    outcome(lambda p, d=domain, v=version: p.defs.deregister_schema("Own", v, d), o)
        for domain, (oldest, newest) in before.items():
            o.defs.C.set_domain_to_version(domain, oldest, newest)


def own(o: Any, version: int, domain: str = "mine", **facts: Any) -> Any:
    return parts(o)("Own", domain, version, **facts)


REGISTERED: dict[str, Program] = {
    "a new domain": lambda o: [o.defs.register_schema(own(o, 4)), o.defs.has("Own", "mine"), o.defs.has("Own", 3, "mine")],
    "two versions": lambda o: [
        o.defs.register_schema(own(o, 4)), o.defs.register_schema(own(o, 7)),
        [o.defs.get_schema("Own", v, "mine").since_version for v in (4, 6, 7, 9)], o.defs.C.schema_version_map()["mine"]],
    "twice": lambda o: [o.defs.register_schema(own(o, 4)), o.defs.register_schema(own(o, 4))],
    "of the standard": lambda o: o.defs.register_schema(parts(o)("Relu", "", 14)),
    "beyond the newest": lambda o: [o.defs.register_schema(own(o, 50, "")), o.defs.onnx_opset_version()],
    "an unknown domain": lambda o: o.defs.C.register_schema(own(o, 1, "nowhere")),
    "out of range": lambda o: o.defs.C.register_schema(own(o, 99, "")),
    "no schema": lambda o: o.defs.C.register_schema(3),
    "forgotten": lambda o: [o.defs.register_schema(own(o, 4)), o.defs.deregister_schema("Own", 4, "mine"), o.defs.has("Own", "mine")],
    "forgotten twice": lambda o: o.defs.deregister_schema("Own", 4, "mine"),
}  # fmt: skip


@pytest.mark.parametrize("program", REGISTERED.values(), ids=REGISTERED)
def test_registered(program: Program) -> None:
    same(program)


@pytest.mark.parametrize("domain", ["", "mine"])
def test_the_checker_honours_what_is_registered(domain: str) -> None:
    text = f"""<ir_version: 7, opset_import: ["{domain}": 5]> g (float[N, 128] X, int32 Y) => (float[N] Z)
        {{ Z = {domain + "." if domain else ""}Own <k = [1, 2]> (X, Y) }}"""

    def program(o: Any, at: int, **facts: Any) -> None:
        formals = {"inputs": [formal(o), formal(o, "y", "int32")], "outputs": [formal(o, "z")]}
        o.defs.register_schema(own(o, at, domain, **(facts or formals)))
        o.checker.check_model(parsed(o, text), check_custom_domain=True)

    assert same(lambda o: o.checker.check_model(parsed(o, text), check_custom_domain=True)) == (
        "raises",
        "ValidationError",
    )
    same(lambda o: program(o, 6))  # newer than what the model imports
    same(lambda o: program(o, 4))  # in force, and it has no attribute

    def whole(o: Any) -> None:
        attributes = [parts(o).Attribute("k", parts(o).AttrType.INTS)]
        program(o, 5, inputs=[formal(o), formal(o, "y", "int32")], outputs=[formal(o, "z")], attributes=attributes)

    assert same(whole) is None


def test_inference_honours_a_registered_function() -> None:
    def program(o: Any) -> Any:
        schema = own(o, 1, inputs=[formal(o)], outputs=[formal(o, "z")])

        def infer(ctx: Any) -> None:
            made = ctx.get_input_type(0)
            made.tensor_type.shape.dim.add(dim_value=7)
            ctx.set_output_type(0, made)

        schema.set_type_and_shape_inference_function(infer)
        o.defs.register_schema(schema)
        text = '<ir_version: 8, opset_import: ["": 17, "mine": 1]> g (float[N] X) => (float[N, 7] Y) { t = mine.Own (X)  Y = Abs (t) }'
        made = o.shape_inference.infer_shapes(parsed(o, text)).graph
        return [list(made.input), list(made.value_info)]

    same(program)


def test_a_schema_infers_one_node() -> None:
    def program(o: Any, *known: str) -> Any:
        node = o.helper.make_node("Add", ["A", "B"], ["C"])
        types = {name: o.helper.make_tensor_type_proto(1, (3, "n")).SerializeToString() for name in known}
        return o.defs.get_schema("Add")._infer_node_outputs(node.SerializeToString(), types)

    for known in (("A", "B"), ("A",), ()):
        same(lambda o, k=known: program(o, *k))
