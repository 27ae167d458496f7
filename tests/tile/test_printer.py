"""Kernels print, and what is printed reads back to an equal kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sardonyx.core.errors import CompileError, ParseError
from sardonyx.tile import Const, Kernel, Let, Param, Type, Var, f32, f64, i1, i8, i64, ptr, u64
from sardonyx.tile.expr import ARITHMETIC, Bin, Expr, Un
from sardonyx.tile.parser import parse_kernel
from sardonyx.tile.printer import print_kernel
from tests.tile.kernels import SAMPLES


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_print_as_before(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"{name}.tile", print_kernel(SAMPLES[name]()))


@pytest.mark.parametrize("name", SAMPLES)
def test_text_reads_back(name: str) -> None:
    kernel = SAMPLES[name]()
    assert parse_kernel(print_kernel(kernel)) == kernel


def constants() -> st.SearchStrategy[Const]:
    floats = st.tuples(st.floats(width=32, allow_nan=False), st.just(f32)) | st.tuples(
        st.floats(allow_nan=False), st.just(f64)
    )
    ints = st.tuples(st.integers(-(2**63), 2**63 - 1), st.just(i64)) | st.tuples(
        st.integers(0, 2**64 - 1), st.just(u64)
    )
    small = st.tuples(st.integers(-128, 127), st.just(i8.x(4))) | st.tuples(st.booleans(), st.just(i1.x(2)))
    return (floats | ints | small).map(lambda pair: Const(*pair))


def trees(leaves: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    integer_ops = [op for op, (classes, _) in ARITHMETIC.items() if "int" in classes]
    binary = st.tuples(st.sampled_from(integer_ops), leaves, leaves).map(lambda t: Bin(*t))
    return binary | st.tuples(st.sampled_from(["neg", "not", "abs"]), leaves).map(lambda t: Un(*t))


def integers() -> st.SearchStrategy[Expr]:
    numbers = st.integers(-(2**63), 2**63 - 1).map(lambda v: Const(v, i64))
    return st.recursive(numbers | st.just(Var("n", i64)), trees, max_leaves=20)


def kernel_of(e: Expr) -> Kernel:
    n = Var("n", i64)
    return Kernel("k", (Param(n),), Var("task", i64), (), (Let(Var("v", e.type), e),))


@settings(max_examples=200, deadline=None)
@given(constants() | integers())
def test_any_expression_reads_back(e: Expr) -> None:
    kernel = kernel_of(e)
    assert parse_kernel(print_kernel(kernel)) == kernel


GOOD = """kernel k(x: ptr noalias align 64, n: i64) task task
body
  let v: f32x8 = (load f32x8 x[(task * 8)] if (ramp i32x8 < 3:i32x8))
  store x[0] = v
"""
REFUSED = {
    "an empty text": ("", "there is no kernel"),
    "a type that is none": (GOOD.replace("n: i64", "n: i65"), "no type"),
    "a name that is not bound": (GOOD.replace("= v", "= w"), "w is not bound"),
    "a statement that is none": (GOOD.replace("  store", "  stare"), "no statement starts with 'stare'"),
    "an operator that is none": (GOOD.replace("task * 8", "task : 8"), "no operator"),
    "a line that ends early": (GOOD.replace("x[0] = v", "x[0] ="), "an expression is missing"),
    "words after the end": (GOOD.replace("= v", "= v v"), "'v' does not belong here"),
    "odd indentation": (GOOD.replace("  store", "   store"), "indented by two spaces"),
    "a block inside nothing": (GOOD.replace("  store", "    store"), "indented too far"),
    "a sign that is none": (GOOD.replace("task * 8", "task ? 8"), "no token starts here"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_parser_says_what_is_wrong(case: str) -> None:
    text, says = REFUSED[case]
    parse_kernel(GOOD)
    with pytest.raises(ParseError, match=says):
        parse_kernel(text)


def test_a_parsed_kernel_is_verified() -> None:
    twice = GOOD + "  let v: i64 = 1\n"
    with pytest.raises(CompileError, match="v is bound twice"):
        parse_kernel(twice)


def test_every_golden_reads_back() -> None:
    goldens = sorted((Path(__file__).parent / "goldens").glob("*.tile"))
    assert len(goldens) >= len(SAMPLES)
    for file in goldens:
        text = file.read_text()
        assert print_kernel(parse_kernel(text)) == text


def test_types_print() -> None:
    assert str(Type("f32", 8)) == "f32x8"
    assert str(ptr) == "ptr"
