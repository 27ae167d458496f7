"""Every verb keeps what a kernel computes, bit for bit, and refuses where it could not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sardonyx.core.errors import CompileError
from sardonyx.tile import Builder, Fma, For, Kernel, call, f32
from sardonyx.tile.interpret import interpret
from sardonyx.tile.ir import exprs, walk, walk_expr
from sardonyx.tile.schedule import contract, fuse, reorder, split, unroll, vectorize
from sardonyx.tile.verify import verify

Verb = Callable[[Kernel], Kernel]


def rows(noalias: bool = True) -> Kernel:
    """y[i, j] = x[i, j] * x[i, j] + exp(b[j]), for n rows of 12, in two loops."""
    k = Builder("rows")
    x, b, y, n = k.ptr("x", f32), k.ptr("b", f32), k.ptr("y", f32, noalias=noalias), k.param("n")
    with k.loop("i", 0, n) as i, k.loop("j", 0, 12) as j:
        v = x.load(i * 12 + j)
        y.store(i * 12 + j, v * v + call("exp", b.load(j)))
    return k.build()


def pair() -> Kernel:
    """y = 2 x, then z = y + 1, over n places."""
    k = Builder("pair")
    x, y, z, n = k.ptr("x", f32), k.ptr("y", f32, noalias=True), k.ptr("z", f32, noalias=True), k.param("n")
    with k.loop("a", 0, n) as a:
        y.store(a, x.load(a) * 2.0)
    with k.loop("b", 0, n) as b:
        z.store(b, y.load(b) + 1.0)
    return k.build()


def total() -> Kernel:
    """out = sum of x[i], one register through all iterations."""
    k = Builder("total")
    x, out, n = k.ptr("x", f32), k.ptr("out", f32, noalias=True), k.param("n")
    acc = k.reg("acc", f32, 0.0)
    with k.loop("i", 0, n) as i:
        k.set(acc, acc + x.load(i))
    out.store(0, acc)
    return k.build()


def run(kernel: Kernel, n: int) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    made = [rng.standard_normal(12 * n + 12).astype(np.float32) for p in kernel.params if p.type.is_ptr]
    interpret(kernel, [*made, n])
    return made


def same(before: Kernel, after: Kernel, n: int) -> None:
    verify(after)
    for a, b in zip(run(before, n), run(after, n), strict=True):
        assert np.array_equal(a, b)


VERBS: dict[str, tuple[Callable[[], Kernel], Verb]] = {
    "split": (rows, lambda k: split(k, "i", 4)),
    "split a constant loop evenly": (rows, lambda k: split(k, "j", 4)),
    "split a constant loop unevenly": (rows, lambda k: split(k, "j", 5)),
    "split a sum": (total, lambda k: split(k, "i", 3)),
    "reorder": (rows, lambda k: reorder(k, "i", "j")),
    "unroll": (rows, lambda k: unroll(k, "j")),
    "vectorize with a rest": (rows, lambda k: vectorize(k, "j", 8)),
    "vectorize without a rest": (rows, lambda k: vectorize(k, "j", 4)),
    "vectorize an unknown extent": (pair, lambda k: vectorize(vectorize(k, "a", 8), "b", 4)),
    "fuse": (pair, lambda k: fuse(k, "a", "b")),
    "one after the other": (rows, lambda k: vectorize(split(reorder(k, "i", "j"), "j", 3), "i", 4)),
}


@pytest.mark.parametrize("n", [0, 1, 5, 8])
@pytest.mark.parametrize("case", VERBS)
def test_a_verb_keeps_the_meaning(case: str, n: int) -> None:
    make, verb = VERBS[case]
    before = make()
    after = verb(before)
    assert after != before
    same(before, after, n)


REFUSED: dict[str, tuple[Callable[[], Kernel], Verb, str]] = {
    "split by one": (rows, lambda k: split(k, "i", 1), "no inner loop"),
    "a loop that is not there": (rows, lambda k: split(k, "q", 2), "q"),
    "reorder what is not nested": (pair, lambda k: reorder(k, "a", "b"), "not the only statement"),
    "reorder what may alias": (lambda: rows(noalias=False), lambda k: reorder(k, "i", "j"), "may overlap"),
    "unroll an unknown extent": (rows, lambda k: unroll(k, "i"), "not constant"),
    "vectorize a sum": (total, lambda k: vectorize(k, "i", 8), "carries a value"),
    "vectorize one lane": (rows, lambda k: vectorize(k, "j", 1), "no vector"),
    "fuse what is no neighbour": (rows, lambda k: fuse(k, "i", "j"), "does not directly follow"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_verb_refuses_with_a_reason(case: str) -> None:
    make, verb, says = REFUSED[case]
    with pytest.raises(CompileError, match=says):
        verb(make())


def test_fuse_refuses_when_the_second_loop_reads_ahead() -> None:
    k = Builder("ahead")
    y, z, n = k.ptr("y", f32, noalias=True), k.ptr("z", f32, noalias=True), k.param("n")
    with k.loop("a", 0, n) as a:
        y.store(a, 1.0)
    with k.loop("b", 0, n) as b:
        z.store(b, y.load(b + 1))
    with pytest.raises(CompileError, match="places that may differ"):
        fuse(k.build(), "a", "b")


def test_contract_makes_one_rounding_of_two() -> None:
    after = contract(rows())
    found = [e for s in walk(after.body) for top in exprs(s) for e in walk_expr(top) if isinstance(e, Fma)]
    assert len(found) == 1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["split i", "split j", "vectorize j", "unroll j", "reorder"]), max_size=4),
    st.integers(0, 6),
)
def test_any_sequence_of_verbs_keeps_the_meaning(words: list[str], n: int) -> None:
    """Verbs that refuse are skipped; what remains must still compute the same bits."""
    verbs: dict[str, Verb] = {
        "split i": lambda k: split(k, "i", 2),
        "split j": lambda k: split(k, "j", 5),
        "vectorize j": lambda k: vectorize(k, "j", 4),
        "unroll j": lambda k: unroll(k, "j"),
        "reorder": lambda k: reorder(k, "i", "j"),
    }
    kernel = rows()
    for word in words:
        try:
            kernel = verbs[word](kernel)
        except CompileError:
            continue
    same(rows(), kernel, n)
    assert any(isinstance(s, For) for s in walk(kernel.body))
