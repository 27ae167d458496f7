"""Every parser reads or refuses damaged files, in bounded time and memory; `python -m benchmarks.fuzz` runs more of them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks import fuzz
from sardonyx.core.errors import FormatError
from sardonyx.io import from_bytes
from sardonyx.ir.text import parse_model
from sardonyx.proto import ModelProto
from sardonyx.tile.parser import parse_kernel

NAMES = ("wire", "syntax", "json", "textproto", "table", "tile")


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, fuzz.Target]:
    return {t.name: t for t in fuzz.targets(tmp_path_factory.mktemp("tables"))}


@pytest.mark.parametrize("name", NAMES)
def test_parsers_read_or_refuse(targets: dict[str, fuzz.Target], name: str) -> None:
    found = fuzz.fuzz(targets[name], 1500, seed=0, sample=10)
    assert not found.faults, found.faults[0]
    assert found.read > 20 and found.refused > 100 and found.traced == 150 and found.slowest < fuzz.LIMIT


@pytest.mark.parametrize("name", [n for n in NAMES if n != "table"])
def test_seeds_are_read(targets: dict[str, fuzz.Target], name: str) -> None:
    """What the fuzzer starts from is valid, so that a change leads somewhere."""
    for seed in targets[name].seeds:
        targets[name].read(seed)


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
