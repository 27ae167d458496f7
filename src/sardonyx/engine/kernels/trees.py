"""Walking decision trees: several rows down one tree at a time, or one row down several trees.

A step down a tree waits for three loads in a row, so the walks of a few independent pairs of row and tree are interleaved; and no
step branches on what it finds, for that is what nobody can predict. A walk that has reached its leaf stays there.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sardonyx.engine.codegen import Target
from sardonyx.tile import Builder, Const, Expr, Kernel, Pointer, Type, i32, i64, select
from sardonyx.tile.expr import Reg, binary

__all__ = ["BLOCK", "CHAINS", "LEAF", "STRIDE", "ForestSpec", "Some", "forest_kernel", "held", "words"]

CHAINS = 16  # walks that are interleaved
BLOCK = 128  # rows of a task: they share each tree while it lies in the first-level cache
STRIDE = 4  # steps down a deep tree between two looks at whether all walks are over
_MOST_HELD = 4  # registers for the results of a row
LEAF = 1 << 29  # added to the number of a leaf, so that its bits are no denormal float32

Some = Literal["none", "some", "all"]


@dataclass(frozen=True)
class ForestSpec:
    """What a forest is made of.

    Attributes:
        feature, split, weight: the kinds of the features, of what they are compared in, and of votes and results.
        equal: which nodes ask whether the feature equals the split; the others, whether it is no larger.
        missing: which nodes say yes to a NaN.
        votes: "single": a leaf has one vote, and there is one target; "own": a leaf has one vote, for a target of its own;
            "all": a leaf has a vote for each target.
        join: how votes are put together.
        held: how many registers hold the results of a row; 0 if they are too many, or votes are for targets of their own.
        deep: whether walks are so long that it pays to see whether they are over.
    """

    feature: str
    split: str
    weight: str
    equal: Some
    missing: Some
    votes: Literal["single", "own", "all"]
    join: Literal["add", "min", "max"]
    held: int
    deep: bool

    @property
    def flagged(self) -> bool:
        """Whether nodes have a word of flags: 1 where a NaN means yes, 2 where only equality does."""
        return "some" in (self.equal, self.missing)


def words(split: str, *, flagged: bool) -> int:
    """How many int32 a node takes: the split, the feature, the nodes after yes and after no (places in words), the flags."""
    return 6 if split == "f64" else 5 if flagged else 4


def held(votes: Literal["single", "own", "all"], targets: int, lanes: int) -> int:
    """How many registers hold the results of a row."""
    count = 1 if votes == "single" else -(-targets // lanes)
    return count if votes != "own" and count <= _MOST_HELD else 0


@functools.cache
def forest_kernel(spec: ForestSpec, target: Target) -> Kernel:
    """out[row, :] = the votes of the leaves that x[row, :] reaches, joined tree after tree from `start` on.

    Parameters: out, x, nodes (records of int32; a leaf's split is its number), roots, depths (of each tree, a whole number of
    CHAINS), group depths (the most of CHAINS trees), weights, the targets of leaves; rows, pitch (of x), trees (that count),
    targets, start. Task: a block of rows.
    """
    k = Builder("forest")
    weight, feature = Type(spec.weight), Type(spec.feature)
    out, x, nodes = k.ptr("out", weight), k.ptr("x", feature), k.ptr("nodes", i32, noalias=True)
    roots, depths, group_depths = (k.ptr(name, i64, noalias=True) for name in ("roots", "depths", "group_depths"))
    weights, whose = k.ptr("weights", weight, noalias=True), k.ptr("whose", i64, noalias=True)
    rows, pitch, trees, targets = (k.param(name) for name in ("rows", "pitch", "trees", "targets"))
    start = k.param("start", Type("f32"))
    walk = _Walk(k, spec, nodes)
    vote = _Vote(k, spec, weights, whose, targets, target)
    lanes = target.lanes(weight)
    first = k.let("first", k.task * BLOCK)
    stop = k.let("stop", binary("min", first + BLOCK, rows))
    begin = k.let("begin", start.to(weight))
    k.strip("i", first * targets, stop * targets, lanes, lambda i, mask: out.store(i, begin.splat(lanes), mask))
    whole = k.let("whole", first + (stop - first) // CHAINS * CHAINS)
    with k.when(whole > first), k.loop("tree", 0, trees) as tree:
        root, depth = roots.load(tree), depths.load(tree)
        with k.loop("row", first, whole, CHAINS) as row:
            lines = [x.at((row + c) * pitch) for c in range(CHAINS)]
            for c, leaf in enumerate(walk([root] * CHAINS, lines, depth)):
                vote(out.at((row + c) * targets), leaf)
    with k.loop("last", whole, stop) as row:
        line = Pointer(k, k.let("line", x.at(row * pitch).base), feature)
        own = Pointer(k, k.let("own", out.at(row * targets).base), weight)
        sums = vote.begin(begin)
        with k.loop("group", 0, (trees + (CHAINS - 1)) // CHAINS) as group:
            start_at = [roots.load(group * CHAINS + c) for c in range(CHAINS)]
            for leaf in walk(start_at, [line] * CHAINS, group_depths.load(group)):
                if sums:
                    vote.hold(sums, leaf)
                else:
                    vote(own, leaf)
        vote.end(sums, own)
    return k.build()


@dataclass(frozen=True)
class _Walk:
    """Walks side by side; gives the numbers of the leaves."""

    k: Builder
    spec: ForestSpec
    nodes: Pointer

    def __call__(self, roots: Sequence[Expr], lines: Sequence[Pointer], depth: Expr) -> list[Expr]:
        k = self.k
        at = [k.reg("at", i64, root) for root in roots]
        if self.spec.deep:
            moved = k.reg("moved", i64, 1)
            with k.loop("steps", 0, depth, STRIDE), k.when(moved.ne(0)):
                for _ in range(STRIDE - 1):
                    self._step(at, lines)
                before = [k.let("before", place + 0) for place in at]
                self._step(at, lines)
                changes = [now ^ then for now, then in zip(at, before, strict=True)]
                k.set(moved, functools.reduce(lambda a, b: a | b, changes))
        else:
            with k.loop("steps", 0, depth):
                self._step(at, lines)
        bits = [self.nodes.load(place) for place in at]
        return [k.let("leaf", found.to(i64) - LEAF) for found in bits]

    def _step(self, at: Sequence[Reg], lines: Sequence[Pointer]) -> None:
        for place, line in zip(at, lines, strict=True):
            self.k.set(place, self._after(place, line))

    def _after(self, place: Expr, line: Pointer) -> Expr:
        """The node after the one at `place`."""
        kind = Type(self.spec.split)
        head = kind.bits // 32
        split = self.nodes.at(place).cast(kind).load(0)
        value = self.k.let("value", line.load(self.nodes.load(place + head).to(i64)).to(kind))
        flags = self.nodes.load(place + (head + 3)) if self.spec.flagged else Const(0, i32)
        side = select(self._yes(value, split, flags), Const(head + 1, i64), Const(head + 2, i64))
        return self.nodes.load(place + side).to(i64)

    def _yes(self, value: Expr, split: Expr, flags: Expr) -> Expr:
        equal, missing = self.spec.equal, self.spec.missing
        if missing == "all" and equal == "none":
            return ~(value > split)  # also for a NaN on either side: no split is one then
        yes = value.eq(split) if equal == "all" else value <= split
        if equal == "some":
            yes = yes & (value.eq(split) | (flags & 2).eq(0))
        if missing == "none":
            return yes
        return yes | (value.ne(value) & (flags & 1).ne(0) if missing == "some" else value.ne(value))


@dataclass(frozen=True)
class _Vote:
    """What a leaf adds to a row's results: in memory, or in registers as long as only this row is looked at."""

    k: Builder
    spec: ForestSpec
    weights: Pointer
    whose: Pointer
    targets: Expr
    target: Target

    @property
    def lanes(self) -> int:
        return 1 if self.spec.votes == "single" else self.target.lanes(Type(self.spec.weight))

    def __call__(self, row: Pointer, leaf: Expr) -> None:
        if self.spec.votes == "own":
            target = self.whose.load(leaf)
            row.store(target, binary(self.spec.join, row.load(target), self.weights.load(leaf)))
            return
        votes = self._of(leaf)

        def body(i: Expr, mask: Expr | None) -> None:
            row.store(i, binary(self.spec.join, row.load(i, self.lanes, mask), votes.load(i, self.lanes, mask)), mask)

        if self.spec.votes == "single":
            body(Const(0, i64), None)
        else:
            self.k.strip("i", 0, self.targets, self.lanes, body)

    def _of(self, leaf: Expr) -> Pointer:
        return self.weights.at(leaf if self.spec.votes == "single" else leaf * self.targets)

    def begin(self, start: Expr) -> list[Reg]:
        """The registers that hold the results of a row; none if memory has to."""
        kind = Type(self.spec.weight).x(self.lanes)
        return [self.k.reg("held", kind, start.splat(self.lanes)) for _ in range(self.spec.held)]

    def hold(self, held: Sequence[Reg], leaf: Expr) -> None:
        votes = self._of(leaf)
        for i, (reg, mask) in enumerate(zip(held, self._masks(held), strict=True)):
            self.k.set(reg, binary(self.spec.join, reg, votes.load(i * self.lanes, self.lanes, mask)))

    def end(self, held: Sequence[Reg], row: Pointer) -> None:
        for i, (reg, mask) in enumerate(zip(held, self._masks(held), strict=True)):
            row.store(i * self.lanes, reg, mask)

    def _masks(self, held: Sequence[Reg]) -> list[Expr | None]:
        if self.lanes == 1 or not held:
            return [None] * len(held)
        left = self.targets - (len(held) - 1) * self.lanes
        return [*(None for _ in held[1:]), self.k.let("mask", self.k.mask(left, self.lanes))]
