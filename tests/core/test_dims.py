"""Symbolic dims: the canonical form never changes a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sardonyx.core import dims
from sardonyx.core.dims import Dim, Expr, parse, symbol

NAMES = ("N", "H", "W")
OPERATIONS = {
    "+": (lambda a, b: a + b, lambda a, b: a + b),
    "-": (lambda a, b: a - b, lambda a, b: a - b),
    "*": (lambda a, b: a * b, lambda a, b: a * b),
    "//": (dims.floordiv, lambda a, b: a // b),
    "%": (dims.mod, lambda a, b: a % b),
    "min": (dims.dmin, min),
    "max": (dims.dmax, max),
    "ceildiv": (dims.ceildiv, lambda a, b: -(-a // b)),
}


@st.composite
def terms(draw: st.DrawFn) -> object:
    """A tree of operations: (operation, left, right), a name, or a number."""
    leaf = st.sampled_from(NAMES) | st.integers(-4, 6)
    return draw(st.recursive(leaf, lambda t: st.tuples(st.sampled_from(sorted(OPERATIONS)), t, t), max_leaves=7))


def symbolic(term: object) -> Dim:
    if isinstance(term, tuple):
        return OPERATIONS[term[0]][0](symbolic(term[1]), symbolic(term[2]))
    return symbol(term) if isinstance(term, str) else term


def numeric(term: object, values: dict[str, int]) -> int:
    if isinstance(term, tuple):
        return OPERATIONS[term[0]][1](numeric(term[1], values), numeric(term[2], values))
    return values[term] if isinstance(term, str) else term


EXTENTS = st.fixed_dictionaries({name: st.integers(0, 9) for name in NAMES})


@given(terms(), EXTENTS)
def test_evaluate_is_arithmetic(term: object, values: dict[str, int]) -> None:
    """Whatever the canonical form did, the number is that of plain arithmetic."""
    try:
        expected = numeric(term, values)
        made = symbolic(term)
        found = dims.evaluate(made, values)
    except ZeroDivisionError:
        return  # a divisor that is zero for these values has no meaning
    assert found == expected


@given(terms(), EXTENTS)
def test_substitute_then_nothing_is_left(term: object, values: dict[str, int]) -> None:
    try:
        made = symbolic(term)
        assert dims.substitute(made, dict(values)) == dims.evaluate(made, values)
        assert dims.free_symbols(made) <= set(NAMES)
    except ZeroDivisionError:
        return


@given(terms())
def test_text_reads_back(term: object) -> None:
    """`parse` inverts `str`, as long as the dim is not a negative number."""
    try:
        made = symbolic(term)
    except ZeroDivisionError:
        return
    if isinstance(made, Expr) or made >= 0:
        assert parse(str(made)) == made


@given(st.text(min_size=1, max_size=40).filter(str.strip))
def test_parse_takes_any_text(text: str) -> None:
    """A dim_param is untrusted: whatever it holds, it is at least a name."""
    found = parse(text)
    assert isinstance(found, int) or str(found)


@pytest.mark.parametrize(
    "text", ["(" * 5000, "-" * 5000 + "N", "(a+b+c+d)*" * 90 + "e", "N**999", "9" * 900, "a/0", "a%0", "mod(1)"]
)
def test_parse_is_bounded(text: str) -> None:
    """Text that would cost much time or memory is taken as a name."""
    assert parse(text) == symbol(text.strip())


PARSED = {
    "batch": "batch",
    "2*N": "2*N",
    "N*2": "2*N",
    "floor(N/2)": "floor(N/2)",
    "floor((N - 1)/2) + 1": "floor((N + 1)/2)",
    "floor(N/2 + 1/2)": "floor((N + 1)/2)",
    "ceil(N/2)": "floor((N + 1)/2)",
    "s0//2": "floor(s0/2)",
    "Mod(s0, 4)": "mod(s0, 4)",
    "Max(1, s0)": "max(1, s0)",
    "(H + 1)*(H - 1)": "H*H - 1",
    "s0**2": "s0*s0",
    "batch-size": "batch-size",
    "batch size": "batch size",
    "past_sequence_length + sequence_length": "past_sequence_length + sequence_length",
    "-1": "-1",
    "7": "7",
}


@pytest.mark.parametrize(("text", "shown"), PARSED.items())
def test_parse(text: str, shown: str) -> None:
    assert str(parse(text)) == shown


def test_equal_formulas_are_equal() -> None:
    n, h = symbol("N"), symbol("H")
    assert n * h == h * n
    assert (n + h) * (n - h) == n * n - h * h
    assert (2 * n * h) // h == 2 * n
    assert (4 * n) // 6 == (2 * n) // 3
    assert (n * h + h) // (n + 1) == h
    assert (6 * n) % 3 == 0
    assert ((n - 1) // 2 + 1) // 2 == (n + 1) // 4
    assert n - n == 0
    assert len({n + 1, 1 + n, symbol("N") + 1}) == 1


def test_order_that_is_known() -> None:
    """Symbols stand for numbers >= 0."""
    n = symbol("N")
    assert dims.dmax(n, 0) == n
    assert dims.dmin(n, 0) == 0
    assert dims.dmax(n + 2, n) == n + 2
    assert str(dims.dmax(n, 3)) == "max(3, N)"
    assert dims.dmin(dims.dmin(n, 5), 7) == dims.dmin(n, 5)


def test_broadcast() -> None:
    n, h = symbol("N"), symbol("H")
    assert dims.broadcast(n, 1) == n == dims.broadcast(1, n)
    assert dims.broadcast(n, 4) == 4 == dims.broadcast(4, n)
    assert dims.broadcast(n, n) == n
    assert dims.evaluate(dims.broadcast(n, h), {"N": 1, "H": 5}) == 5


def test_truth_of_a_formula_is_refused() -> None:
    with pytest.raises(TypeError, match="truth of symbolic dim N is unknown"):
        bool(symbol("N"))


def test_evaluate_misses_a_symbol() -> None:
    with pytest.raises(KeyError, match="H"):
        dims.evaluate(symbol("N") + symbol("H"), {"N": 1})


def test_below_knows_what_holds_for_all_symbols() -> None:
    n = symbol("n")
    assert dims.below(-1, n) is True
    assert dims.below(n, -1) is False
    assert dims.below(n, n + 1) is True
    assert dims.below(n, n) is False
    assert dims.below(n, 1) is None
    assert dims.below(0, n) is None


def test_what_was_cut_broadcasts_with_the_whole_only_where_nothing_was_cut() -> None:
    n = symbol("n")
    cut = dims.dmin(512, n)
    assert dims.broadcast(cut, n) == n == dims.broadcast(n, cut)
    assert dims.broadcast(dims.dmin(1, n), n) != n
    assert dims.broadcast(cut, symbol("m")) not in (cut, n)


def test_at_least_one_broadcasts_with_the_whole_to_the_whole() -> None:
    n = symbol("n")
    assert dims.broadcast(n, dims.dmax(1, n)) == n == dims.broadcast(dims.dmax(1, n), n)
    assert dims.broadcast(n, dims.dmax(2, n)) != n
