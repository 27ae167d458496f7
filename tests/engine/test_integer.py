"""Products of bytes on the matrix unit, in its software meaning: how they are cut, which rows are copied, which code comes out."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sardonyx.engine.blocking import IntegerTileBlocking
from sardonyx.engine.codegen import Target, assembly, detect
from sardonyx.engine.formula import Epilogue, Formula
from sardonyx.engine.kernels.integer import IntegerSpec, tiles
from sardonyx.engine.kernels.integer_matrix import integer_matrix_kernel
from sardonyx.engine.kernels.matrix import TILE
from sardonyx.engine.session import Session
from sardonyx.evaluate import evaluate
from sardonyx.ir import Model
from sardonyx.tile import i8, u8
from sardonyx.tile.ir import Instr, walk
from tests.engine.oracle import parse
from tests.engine.test_quant import KINDS, model, whole

EMULATED = "amx:emulate"


@pytest.fixture(autouse=True)
def emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARDONYX_ISA", EMULATED)


def exact(found: Model, feeds: list[Any], threads: int = 2) -> None:
    session = Session(found, threads=threads)
    assert not session.fallbacks
    for result, truth in zip(session(*feeds), evaluate(found, feeds), strict=True):
        np.testing.assert_array_equal(result, truth)


@settings(deadline=None, max_examples=40)
@given(
    m=st.integers(0, 100),
    k=st.integers(0, 200) | st.sampled_from([64, 128, 192]),
    n=st.integers(1, 100),
    a=st.sampled_from(list(KINDS)),
    b=st.sampled_from(list(KINDS)),
    point=st.sampled_from([None, 0, 100]),
    fixed=st.booleans(),
)
def test_any_extents(m: int, k: int, n: int, a: str, b: str, point: int | None, fixed: bool) -> None:
    """Every pair of signs, with and without zero points, rows that are read in place and such as are not."""
    left, right = {"a": whole(a, m, k)}, {"b": whole(b, k, n, seed=1)}
    if point is not None:
        right |= {"za": np.array(point, KINDS[a]), "zb": np.array(point, KINDS[b])}
    given, constant = (left, right) if fixed and k > 0 else (left | right, {})
    order = ["a", "b", *(["za", "zb"] if point is not None else [])]
    exact(model("MatMulInteger", given, constant, order=order), list(given.values()))


@pytest.mark.parametrize("name", ["u8", "i8"])
def test_rows_of_a_slice_are_read_in_place(name: str) -> None:
    """Rows farther apart than they are long, and a batch of them whose pitch is not that of rows."""
    kind = {"u8": "uint8", "i8": "int8"}[name]
    text = (
        f"({kind}[m,200] x, int8[64,40] w, int8[40] z) => (y) <int64[1] s = {{64}}, int64[1] e = {{128}}, int64[1] d = {{-1}},"
        f"{kind} p = {{3}}> {{ a = Slice(x, s, e, d)  y = MatMulInteger(a, w, p, z) }}"
    )
    exact(parse(text), [whole(name, 70, 200), whole("i8", 64, 40, seed=1), whole("i8", 40, seed=2)])
    text = (
        f"({kind}[2,m,64] x, int8[64,40] w) => (y) <int64[1] s = {{1}}, int64[1] e = {{39}}, int64[1] d = {{1}}>"
        "{ a = Slice(x, s, e, d)  y = MatMulInteger(a, w) }"
    )
    exact(parse(text), [whole(name, 2, 40, 64), whole("i8", 64, 40, seed=1)])


def test_tasks_of_many_rows_with_zero_points() -> None:
    """Short rows that are read in place: a task has thousands of them, and room for all their sums."""
    a, b = whole("u8", 20000, 64), whole("u8", 64, 20, seed=1)
    found = model(
        "MatMulInteger", {"a": a}, {"b": b, "za": np.uint8(3), "zb": np.uint8(77)}, order=["a", "b", "za", "zb"]
    )
    exact(found, [a], threads=1)


def kernels(found: Model, feeds: dict[str, Any]) -> set[str]:
    return {row.kernel for row in Session(found, threads=1).profile(feeds, runs=1).rows}


@pytest.mark.parametrize(("rows", "kernel"), [("7", "integer"), ("8", "integer_matrix"), ("m", "integer_matrix")])
def test_few_rows_are_left_to_vectors(rows: str, kernel: str) -> None:
    text = f"(uint8[{rows},64] a, int8[64,40] b) => (y) {{ y = MatMulInteger(a, b) }}"
    feeds = {"a": whole("u8", 7 if rows == "7" else 8, 64), "b": whole("i8", 64, 40)}
    assert kernels(parse(text), feeds) == {"integer_pack", kernel}


@pytest.fixture
def unit() -> Target:
    """A CPU that has the unit, to write code for."""
    target = detect()
    return replace(target, features=target.features | {"amx-tile", "amx-int8"}, tune="sapphirerapids")


EPILOGUE = Epilogue(Formula(("i32",)), ())


@pytest.mark.parametrize(("a", "b"), list(itertools.product((u8, i8), repeat=2)), ids=str)
def test_each_pair_of_signs_has_its_instruction(a: Any, b: Any) -> None:
    kernel = integer_matrix_kernel(IntegerSpec(a.kind, tiles(a, b), False, EPILOGUE), detect())
    names = {s.name for s in walk(kernel.body) if isinstance(s, Instr)}
    signs = "".join("u" if kind == u8 else "s" for kind in (a, b))
    assert names == {"tilezero", "tileload", "tilestore", f"tdpb{signs}d"}


def test_code_for_the_unit(unit: Target) -> None:
    """A step of a whole block is four loads and four products, in a loop that touches no memory besides: no tile leaves the unit
    before the sums are done. Blocks of fewer rows or columns have their own loops."""
    text = assembly(integer_matrix_kernel(IntegerSpec("u8", tiles(u8, i8), False, EPILOGUE), unit), unit)
    assert text.count("tdpbusd") == 4 + 2 + 2 + 1
    assert text.count("tileloadd") == 4 + 3 + 3 + 2
    assert text.count("tilestored") == 4 + 2 + 2 + 1
    loops = [part.split("\n") for part in text.split("\n.LBB0_")]
    steps = [[line.strip() for line in loop] for loop in loops if "tdpbusd" in "".join(loop)]
    [step] = [s for s in steps if sum("tdpbusd" in line for line in s) == 4]
    end = next(i for i, line in enumerate(step) if line.startswith("j"))
    step = step[1:end]
    assert sum("tileloadd" in line for line in step) == 4
    others = [line for line in step if not line.startswith(("tile", "tdp", "prefetch", "lea"))]
    assert not any("(" in line for line in others), others  # nothing is spilled
    assert len(step) <= 32


def test_code_with_offsets(unit: Target) -> None:
    """The sums of rows are products with ones, in a loop of their own."""
    plain, offset = (
        assembly(integer_matrix_kernel(IntegerSpec("i8", tiles(i8, u8), some, EPILOGUE), unit), unit)
        for some in (False, True)
    )
    assert offset.count("tdpbsud") - plain.count("tdpbsud") == 2


@pytest.mark.parametrize(
    "facts", [(49, 512, 512, 9, 512, 1, 2), (3136, 256, 64, 1, 64, 1, 2), (128, 768, 3072, 1, 3072, 1, 2)]
)
@pytest.mark.parametrize("lies", [True, False])
def test_work_is_cut_whole(facts: tuple[int, ...], lies: bool) -> None:
    m, n, depth, taps, *_, outer, _ = facts
    blocking = IntegerTileBlocking(TILE, 1, 64, lies and taps == 1)
    staged, block_m, wide, blocks_m, blocks_n, tasks = blocking(*facts)  # pyright: ignore[reportArgumentType] seven
    panels = -(-n // TILE.width)
    assert (blocks_m - 1) * block_m < m <= blocks_m * block_m and (blocks_n - 1) * wide < panels <= blocks_n * wide
    assert tasks == blocks_m * blocks_n * outer
    assert staged == (not lies or taps > 1)
    if staged:  # a row is copied for many columns at once, and the copies have their room
        assert wide >= min(panels, IntegerTileBlocking.LEAST_PANELS)
        assert blocking.scratch(depth * taps) >= block_m * (depth * taps + 64)  # pyright: ignore[reportOperatorIssue] ints
