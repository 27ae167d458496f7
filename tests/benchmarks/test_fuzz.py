"""Every parser reads or refuses damaged files, in bounded time and memory; `python -m benchmarks.fuzz` runs more of them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from benchmarks import fuzz
from benchmarks.grammar import random_message, random_text
from sardonyx.core.errors import FormatError
from sardonyx.io import from_bytes
from sardonyx.ir.text import parse_model
from sardonyx.proto import ModelProto
from sardonyx.tile.parser import parse_kernel

NAMES = ("wire", "syntax", "json", "textproto", "table", "safetensors", "tile")


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, fuzz.Target]:
    return {t.name: t for t in fuzz.targets(tmp_path_factory.mktemp("tables"))}


@pytest.mark.parametrize("name", NAMES)
def test_parsers_read_or_refuse(targets: dict[str, fuzz.Target], name: str) -> None:
    count = 300 if name == "safetensors" else 1500  # it is mapped, so each input is a file
    found = fuzz.fuzz(targets[name], count, seed=0, sample=10)
    assert not found.faults, found.faults[0]
    assert found.read > 20 and found.refused > 100 and found.slowest < fuzz.LIMIT
    assert found.dense > 0 and found.traced >= count // 10


@pytest.mark.parametrize("name", [n for n in NAMES if n != "table"])
def test_seeds_are_read(targets: dict[str, fuzz.Target], name: str) -> None:
    """What the fuzzer starts from is valid, so that a change leads somewhere."""
    for seed in targets[name].seeds:
        targets[name].read(seed)


# Long inputs of one kind of thing, and the most that they may take: 10 bytes for each of theirs where a number, a word or a
# mark is all that it is. An object of the graph or of a message costs what it costs, however short its name.
N = 50_000
GRAPH = '<ir_version: 10, opset_import: ["" : 21]> g () => () '
SYNTAX = {
    "numbers of a tensor": (GRAPH + f"<float[{N}] a = {{{', '.join(['1'] * N)}}}> {{}}", 10),
    "small integers": (GRAPH + "{ a = b <c = [" + "1," * N + "]> () }", 10),
    "floats": (GRAPH + "{ a = b <c: floats = [" + "1.," * N + "1.]> () }", 10),
    "one value read again and again": (GRAPH + "{ a = b (" + "a," * N + ") }", 10),
    "commented numbers": (GRAPH + f"<int8[{N}] a = {{" + "1#\n," * N + "}> {}", 10),
    "a long string": (GRAPH + '{ a = b <c = "' + "\U0001f600" * N + '"> () }', 10),
    "escapes": (GRAPH + '{ a = b <c = "' + "\\n" * N + '"> () }', 10),
    "an open list": (GRAPH + "{ a = b <c = " + "[" * N, 10),
    "graphs in graphs": (GRAPH + "{ a = b <c = g () => () " * N, 10),
    "types in types": ("g (" + "seq(" * N, 10),
    "comments": ("#\n" * N, 10),
    "dots": ("g (opaque(" + "a." * N + "a) x) => () {}", 10),
    "inputs and constants": (
        f"g ({', '.join(f'bool i{i}' for i in range(N // 4))}) => () "
        f"<{', '.join(f'bool c{i} = {{0}}' for i in range(N // 4))}> {{}}",
        50,
    ),
    "nodes": (GRAPH + "{" + "a=b()" * N + "}", 60),
}
JSON = {
    "empty arrays": ("[" + "[]," * N, 10),
    "unknown keys": ("{" + ",".join(f'"k{i}": 1' for i in range(N)) + "}", 10),
    "objects in objects": ('{"graph": {"node": [{"attribute": [{"g": ' * N, 10),
    "integers": ('{"graph": {"node": [{"attribute": [{"ints": [' + ",".join(["1"] * N) + "]}]}]}}", 10),
    "quoted integers": ('{"graph": {"initializer": [{"int64Data": [' + ",".join(['"7"'] * N) + "]}]}}", 10),
    "floats": ('{"graph": {"initializer": [{"floatData": [' + ",".join(["1"] * N) + "]}]}}", 10),
    "payload": ('{"graph": {"initializer": [{"rawData": "' + "AAAA" * N + '"}]}}', 10),
    "names": ('{"graph": {"node": [{"input": [' + ",".join(['"a"'] * N) + "]}]}}", 10),
    "nodes": ('{"graph": {"node": [' + ",".join(["{}"] * N) + "]}}", 60),
}
TEXTPROTO = {
    "pieces of a string": ("graph { initializer { raw_data: " + '""' * N + "}}", 10),
    "escapes": ('graph { initializer { raw_data: "' + "\\0" * N + '"}}', 10),
    "floats": ("graph { initializer { float_data: [" + ",".join(["1"] * N) + "]}}", 10),
    "integers": ("graph { node { attribute { ints: [" + ",".join(["1"] * N) + "]}}}", 10),
    "names": ("graph { node { " + 'input: "a" ' * N + "}}", 10),
    "messages in messages": ("graph { node { attribute { g { node { attribute { " * N, 10),
    "nodes": ("graph {" + "node{}" * N + "}", 50),
}
DENSE = {"syntax": SYNTAX, "json": JSON, "textproto": TEXTPROTO}


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kinds in DENSE.items() for kind in kinds])
def test_dense_inputs_cost_in_proportion(targets: dict[str, fuzz.Target], name: str, kind: str) -> None:
    text, factor = DENSE[name][kind]
    target, outcome = targets[name], fuzz.Outcome()
    data = text.encode()
    fuzz.attempt(target, data, outcome, traced=False)
    fuzz.attempt(target, data, outcome, traced=True, dense=True)
    assert not outcome.faults and outcome.ratio < factor and outcome.slowest < fuzz.LIMIT


@pytest.mark.parametrize("make", [random_text, lambda rng: random_message(ModelProto, rng).SerializeToString()])
def test_what_the_grammars_make_is_read_often_and_told_by_the_seed(make: Any, targets: dict[str, fuzz.Target]) -> None:
    made = [make(random.Random(seed)) for seed in range(60)]
    assert made == [make(random.Random(seed)) for seed in range(60)] and len(set(made)) > 30
    outcome = fuzz.Outcome()
    for data in made:
        fuzz.attempt(targets["syntax" if make is random_text else "wire"], data, outcome, traced=False)
    assert not outcome.faults and outcome.read > 3 and outcome.refused > 3


def test_a_reference_to_an_attribute_has_a_name() -> None:
    with pytest.raises(FormatError, match="refers to no name"):
        parse_model(GRAPH + '{ a = b <c: graphs = @""> () }')


def test_a_crash_a_hang_and_a_wild_allocation_are_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "LIMIT", 0.05)

    def hang(_: bytes) -> None:
        while True:
            pass

    for read, says in (
        (hang, "more than"),
        (lambda d: bytearray(1 << 24), "allocated"),
        (lambda d: d[10**6], "IndexError"),
    ):
        found = fuzz.fuzz(fuzz.Target("bad", read, (b"seed",)), 2, seed=0, sample=1)
        assert len(found.faults) == 2 and says in found.faults[0]


@pytest.mark.parametrize(
    "dims", [(0, 2**62), (2**62, 2**62, 0), (1,) * 70, (-1, 0)], ids=["wide", "wider", "many", "negative"]
)
def test_shapes_that_no_array_can_have_are_refused(dims: tuple[int, ...]) -> None:
    """NumPy refuses these even where the array would be empty."""
    proto = ModelProto(ir_version=10)
    proto.graph.name = "g"
    proto.graph.initializer.add(name="a", data_type=1, dims=dims)
    with pytest.raises(FormatError, match="impossible shape"):
        from_bytes(proto.SerializeToString())
    if min(dims) >= 0:
        text = f"float[{','.join(map(str, dims))}] a = {{}}"
        with pytest.raises(FormatError, match="impossible shape"):
            parse_model(f'<ir_version: 10, opset_import: ["" : 21]> g (float[1] x) => (x) <{text}> {{ }}')


def test_element_types_of_no_standard_are_refused() -> None:
    proto = ModelProto(ir_version=10)
    proto.graph.name = "g"
    proto.graph.input.add(name="x").type.tensor_type.elem_type = 65
    with pytest.raises(FormatError, match="element type 65"):
        from_bytes(proto.SerializeToString())


CUT = ("", "\nbody\n  let v: i64 = 0.5", "\nbody\n  let v: i64 = " + "(t + " * 5000)


@pytest.mark.parametrize("cut", [f"kernel k(x: ptr) task t{rest}" for rest in CUT], ids=["early", "number", "deep"])
def test_kernels_that_end_early_are_refused(cut: str) -> None:
    with pytest.raises(FormatError):
        parse_kernel(cut)


def test_the_seed_tells_which_inputs() -> None:
    made = [[fuzz.damage((b"one\ntwo", b"three"), random.Random(5)) for _ in range(3)] for _ in range(2)]
    assert made[0] == made[1]


def test_links_out_of_the_folder_are_in_the_tables(tmp_path: Path) -> None:
    """One of the five tables is read, one each is refused for a link, a climb, a missing file; a folder inside is read."""
    verdicts: list[str] = []
    for seed in fuzz.tables(tmp_path):
        try:
            from_bytes(seed, tmp_path)
            verdicts.append("read")
        except FormatError as error:
            verdicts.append(type(error).__name__)
    assert verdicts == ["read", "read", "PathError", "PathError", "PathError"]
