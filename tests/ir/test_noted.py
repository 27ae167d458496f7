"""What nobody says takes no room, and can be said at any time."""

from __future__ import annotations

import copy

import pytest

from sardonyx.core.dtypes import FLOAT32
from sardonyx.ir import Function, Graph, Node, Tensor, Value
from sardonyx.ir.noted import Noted


def things() -> list[Noted]:
    return [Value("v"), Node("Add", [], []), Graph("g"), Function("", "f", Graph("g"))]


@pytest.mark.parametrize("thing", things(), ids=lambda t: type(t).__name__)
def test_facts(thing: Noted) -> None:
    assert thing.doc == "" and thing.notes == {} and thing._facts is None
    thing.doc = ""
    thing.metadata = {}
    assert thing._facts is None, "nothing was said"
    thing.metadata["k"] = "v"
    thing.doc = "text"
    assert thing.doc == "text" and thing.notes == thing.metadata == {"k": "v"}
    other = type(thing).__new__(type(thing))
    other.copy_facts(thing)
    other.metadata["k"], other.doc = "w", "other"
    assert thing.metadata == {"k": "v"} and thing.doc == "text"
    thing.metadata = {}
    assert thing.notes == {} and thing.metadata == {}


def test_notes_are_only_read() -> None:
    with pytest.raises(TypeError):
        Value("v").notes["k"] = "v"  # type: ignore[index]


def test_facts_of_nodes_and_functions() -> None:
    node = Node("Add", [], [], overload="o")
    node.source, node.device_configurations = "a.py:1", (1,)
    assert (node.overload, node.source, node.device_configurations) == ("o", "a.py:1", (1,))
    plain = Node("Add", [], [])
    assert (plain.overload, plain.source, plain.device_configurations) == ("", None, ())
    function = Function("d", "f", Graph("g"), "o", ["a"], doc="text", metadata={"k": "v"})
    copied = copy.copy(function)
    assert copied.key == ("d", "f", "o") and copied.attributes == ["a"] and copied.defaults == {} == copied.opsets


def test_containers_are_made_once_and_kept() -> None:
    graph, function, node = Graph("g"), Function("", "f", Graph("g")), Node("Add", [], [])
    for holder, name in (
        *((graph, name) for name in ("inputs", "outputs", "loose", "initializers", "metadata")),
        *((function, name) for name in ("attributes", "defaults", "opsets", "metadata")),
        *((node, name) for name in ("attrs", "metadata")),
        (Tensor(b"abcd", dtype=FLOAT32, shape=()), "metadata"),
    ):
        made = getattr(holder, name)
        assert not made and getattr(holder, name) is made
    graph.inputs.append(Value("x"))
    assert [v.name for v in graph.inputs] == ["x"] and Graph("h").inputs == []


@pytest.mark.parametrize("thing", [Graph("g"), Function("", "f", Graph("g"))], ids=lambda t: type(t).__name__)
def test_other_names_are_errors(thing: Noted) -> None:
    with pytest.raises(AttributeError, match="no attribute 'nmae'"):
        _ = thing.nmae  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        thing.nmae = 1  # type: ignore[attr-defined]
