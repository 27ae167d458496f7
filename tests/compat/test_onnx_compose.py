"""Joined, renamed and widened models are, byte for byte, what the official package makes."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.compat.programs import Program, parsed, same

FIRST = """<ir_version: 7, opset_import: ["": 13, "mine": 1]>
one (float[N, M] A0, float[N, M] A1, float[N, M] unused) => (float[N, M] B0, float[N, M] B1, float[N, M] B2)
<float[2] w = {1, 2}, float[2] k> {
    B0 = Add (A0, A1)
    t = Sub (A0, w)
    B1 = Mul (t, A1)
    B2 = Neg (A0)
}"""
SECOND = """<ir_version: 7, opset_import: ["": 13, "mine": 1]>
two (float[N, M] C0, float[N, M] C1, bool c) => (float[N, M] D0, float[N, M] D1)
<float[2] v = {3, 4}> {
    s = Add (C0, C1)
    D0 = If (c) <
        then_branch = yes () => (float[N, M] y) { y = Mul (C1, C0) },
        else_branch = no () => (float[N, M] z) { q = Abs (C0)  z = Sub (q, C1) }
    >
    D1 = Sub (s, v)
}"""
# Graphs inside read what nodes and constants around them make. Releases before 1.24 forget some of that: ours alone is tested.
AROUND = SECOND.replace("Mul (C1, C0)", "Mul (C1, v)").replace("Abs (C0)", "Abs (s)")
CALLS = """<ir_version: 8, opset_import: ["": 17, "local": 1]>
three (float[N] X, bool c) => (float[N] Y) {
    t = local.f <alpha = 2.0> (X)
    Y = local.g (t)
}
<opset_import: ["": 17, "local": 1], domain: "local"> f <alpha> (x) => (y) { y = local.g (x) }
<opset_import: ["": 17], domain: "local"> g (x) => (y) { y = Relu (x) }"""
ALL = [("B0", "C0"), ("B1", "C1")]


def models(o: Any) -> tuple[Any, Any]:
    return parsed(o, FIRST), parsed(o, SECOND)


def sparse(o: Any, name: str) -> Any:
    h = o.helper
    values, places = h.make_tensor(f"{name}_v", 1, [2], [1.0, 2.0]), h.make_tensor(f"{name}_i", 7, [2], [0, 3])
    return h.make_sparse_tensor(values, places, [4])


WAYS: list[dict[str, Any]] = [
    {}, {"outputs": ["D0"]}, {"outputs": ["D0", "B2"]}, {"inputs": ["A0", "A1", "c"]}, {"outputs": ["B0", "D1"]},
    {"inputs": ["A0", "A1"], "outputs": ["D1"]}, {"prefix1": "m1/", "prefix2": "m2/"}, {"prefix2": "p_"},
    {"prefix1": "x", "outputs": ["xB2", "D0"]}, {"name": "both", "doc_string": "text"}, {"outputs": ["nothing"]},
]  # fmt: skip
MAPS = [[], ALL, [("B0", "C0"), ("B0", "C1")], [("B2", "C0")], [("B0", "c")], [("no", "C0")], [("B0", "no")]]


@pytest.mark.parametrize("way", WAYS, ids=repr)
@pytest.mark.parametrize("pairs", MAPS, ids=repr)
def test_joining(pairs: list[tuple[str, str]], way: dict[str, Any]) -> None:
    def graphs(o: Any) -> Any:
        first, second = models(o)
        return o.compose.merge_graphs(first.graph, second.graph, io_map=pairs, **way)

    def whole(o: Any) -> Any:
        return o.compose.merge_models(*models(o), io_map=pairs, **way)

    same(graphs)
    same(whole)


EDITS: dict[str, Program] = {
    "another format": lambda m: setattr(m, "ir_version", 8),
    "another version": lambda m: setattr(m.opset_import[0], "version", 12),
    "a new domain": lambda m: m.opset_import.add(domain="other", version=3),
    "properties": lambda m: [m.metadata_props.add(key=k, value=k) for k in "ab"],
    "other properties": lambda m: m.metadata_props.add(key="a", value="?"),
    "the first's names": lambda m: setattr(m.graph.node[0], "name", "B0"),
    "a value of the first": lambda m: m.graph.node[2].output.__setitem__(0, "t"),
    "a constant of the first": lambda m: m.graph.initializer.add().CopyFrom(m.graph.initializer[0]),
    "types inside": lambda m: m.graph.value_info.add(name="s"),
    "a description": lambda m: setattr(m.graph, "doc_string", "text"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_joining_edited_models(edit: Program) -> None:
    def program(o: Any, which: int) -> Any:
        pair = models(o)
        pair[0].metadata_props.add(key="a", value="a")
        edit(pair[which])
        return o.compose.merge_models(*pair, io_map=ALL)

    same(lambda o: program(o, 0))
    same(lambda o: program(o, 1))


def test_joining_models_with_functions() -> None:
    def program(o: Any, **ways: str) -> Any:
        model = parsed(o, CALLS)
        pairs = [("Y", "X")]
        return o.compose.merge_models(model, model, io_map=pairs, **ways)

    same(program)
    same(lambda o: program(o, prefix1="a/", prefix2="b/"))
    same(lambda o: program(o, prefix2="b/"))


def test_sparse_constants_are_joined_and_cut() -> None:
    def program(o: Any, name: str) -> Any:
        first, second = models(o)
        first.graph.sparse_initializer.append(sparse(o, "s"))
        second.graph.sparse_initializer.append(sparse(o, name))
        return [
            o.compose.check_overlapping_names(first.graph, second.graph, ALL),
            o.compose.add_prefix_graph(first.graph, "p/"),
            o.compose.merge_graphs(first.graph, second.graph, ALL),
        ]

    same(lambda o: program(o, "s"))
    same(lambda o: program(o, "other"))


@pytest.mark.parametrize("pairs", [None, ALL])
def test_overlapping_names(pairs: Any) -> None:
    def program(o: Any, edit: Program) -> Any:
        first, second = models(o)
        edit(second)
        found = o.compose.check_overlapping_names(first.graph, second.graph, pairs)
        return [(kind, sorted(names)) for kind, names in found]

    for edit in EDITS.values():
        same(lambda o, e=edit: program(o, e))
    same(lambda o: program(o, lambda m: m.CopyFrom(models(o)[0])))


SWITCHES = ("nodes", "edges", "inputs", "outputs", "initializers", "value_infos")


@pytest.mark.parametrize("text", [FIRST, SECOND, CALLS], ids=["first", "second", "calls"])
def test_prefixes(text: str) -> None:
    """Every combination of what is renamed."""

    def program(o: Any, **switches: Any) -> Any:
        model = parsed(o, text)
        model.graph.node[0].name = "n"
        model.graph.value_info.add(name="t")
        made = o.compose.add_prefix(model, "p_", **switches)
        return [model, made]

    for chosen in itertools.product((False, True), repeat=len(SWITCHES)):
        same(lambda o, c=chosen: program(o, **dict(zip((f"rename_{s}" for s in SWITCHES), c, strict=True))))
    same(lambda o: program(o, rename_functions=False))
    same(lambda o: program(o, inplace=True))


def test_a_graph_inside_follows_constants_around_it() -> None:
    import sardonyx.compat.onnx as ours

    made = ours.compose.add_prefix(parsed(ours, AROUND), "p_")
    ours.checker.check_model(made)
    assert made.graph.node[1].attribute[0].g.node[0].input == ["p_C1", "p_v"]


@pytest.mark.parametrize("at", [0, 1, 2, -1, -3])
def test_one_more_dimension(at: int) -> None:
    def program(o: Any, inplace: bool) -> Any:
        model = models(o)[0]
        made = o.compose.expand_out_dim(model, at, inplace=inplace)
        return [model, made, o.compose.expand_out_dim_graph(models(o)[1].graph, at)]

    same(lambda o: program(o, False))
    same(lambda o: program(o, True))


CALLED_WRONG: dict[str, Program] = {
    "merge_models": lambda o: o.compose.merge_models(models(o)[0].graph, models(o)[1], ALL),
    "merge_models 2": lambda o: o.compose.merge_models(models(o)[0], 3, ALL),
    "merge_graphs": lambda o: o.compose.merge_graphs(*models(o), ALL),
    "add_prefix": lambda o: o.compose.add_prefix(models(o)[0].graph, "p"),
    "add_prefix_graph": lambda o: o.compose.add_prefix_graph(models(o)[0], "p"),
    "expand_out_dim": lambda o: o.compose.expand_out_dim(models(o)[0].graph, 0),
    "expand_out_dim_graph": lambda o: o.compose.expand_out_dim_graph(models(o)[0], 0),
    "check_overlapping_names": lambda o: o.compose.check_overlapping_names(*models(o)),
}


@pytest.mark.parametrize("program", CALLED_WRONG.values(), ids=CALLED_WRONG)
def test_other_messages_are_refused(program: Program) -> None:
    assert same(program) == ("raises", "TypeError")
