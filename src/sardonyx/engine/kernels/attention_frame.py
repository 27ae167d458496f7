"""What the two ways of computing attention share: the parameters, and where things lie."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

from sardonyx.engine.codegen import Target
from sardonyx.engine.kernels.map import Access
from sardonyx.tile import Builder, Expr, Pointer, f32, i64, u8
from sardonyx.tile.expr import Broadcast, binary

__all__ = ["INF", "AttentionSpec", "Frame"]

INF = float("inf")


@dataclass(frozen=True)
class AttentionSpec:
    """What happens to the scores.

    Attributes:
        causal: no query looks behind itself.
        mask: added ("float") or chosen by ("bool").
        by_key: one row of the mask serves all rows ("same"), or each has a row that lies densely ("unit"), or not ("strided").
        cap: the scores are cap * tanh(scores / cap), 0 for none.
        vectors: of rows in a block of "many".
        rows: whether there are few rows, which a vector would not hold well, or many; or whether only the run can tell.
        shared: several heads share a head of keys, and are its rows, the head fastest.
        dense: the keys of a row of the mask are neighbours.
        counted: how many keys there are is data.
        left, right: a query looks no further than a window to that side.
    """

    causal: bool
    mask: Literal["none", "float", "bool"]
    by_key: Access
    cap: float
    vectors: int
    rows: Literal["few", "many", "both"] = "many"
    shared: bool = False
    dense: bool = True
    counted: bool = False
    left: bool = False
    right: bool = False


class Frame:
    """The parameters of the kernel, in order, and what a head of keys has: its rows are the queries of its heads."""

    def __init__(self, k: Builder, spec: AttentionSpec, target: Target) -> None:
        self.k, self.spec, self.lanes = k, spec, target.lanes(f32)
        self.out, self.q, self.key, self.value = (k.ptr(n, f32) for n in ("out", "q", "key", "value"))
        self.mask = None if spec.mask == "none" else k.ptr("mask", u8 if spec.mask == "bool" else f32)
        self.valid = k.ptr("valid", i64) if spec.counted else None
        self.batch, self.heads, self.group = k.param("batch"), k.param("heads"), k.param("group")
        self.queries: Expr = k.param("queries")
        self.keys: Expr = k.param("keys")
        self.depth, self.width = k.param("depth"), k.param("width")
        self.past: Expr = k.param("past")
        self.left = k.param("left") if spec.left else None
        self.right = k.param("right") if spec.right else None
        self.steps = {n: [k.param(f"{n}_{axis}") for axis in ("b", "h", "s")] for n in ("out", "q", "key", "value")}
        if self.mask is not None:
            self.steps["mask"] = [k.param(f"mask_{axis}") for axis in ("b", "h", "s", "t")]
        self.scale = k.param("scale", f32)
        self.rows: Expr = k.let("rows", self.queries * self.group) if spec.shared else self.queries

    def spread(self, x: Expr) -> Expr:
        return Broadcast(x, self.lanes) if self.lanes > 1 else x

    def at(self, b: Expr, h: Expr) -> Frame:
        """The frame of a batch and a head of keys."""
        found = copy.copy(self)
        found._enter(b, h)
        return found

    def _enter(self, b: Expr, h: Expr) -> None:
        k = self.k
        first = h * self.group if self.spec.shared else h

        def place(base: Pointer, name: str, head: Expr) -> Pointer:
            steps = self.steps[name]
            return Pointer(k, k.let(name, base.at(b * steps[0] + head * steps[1]).base), base.kind)

        self.out, self.q = place(self.out, "out", first), place(self.q, "q", first)
        self.key, self.value = place(self.key, "key", h), place(self.value, "value", h)
        if self.mask is not None:
            self.mask = place(self.mask, "mask", first)
        if self.valid is not None:
            count = self.valid.load(b)
            self.past = k.let("past", count - self.queries)
            self.keys = k.let("present", binary("min", self.keys, count))

    def query(self, row: Expr) -> Expr:
        """The query that a row, or each of some rows, belongs to."""
        return row // self._group(row) if self.spec.shared else row

    def offset(self, name: str, row: Expr) -> Expr:
        """How far a row, or each of some rows, lies behind the first one."""
        _, by_head, by_row, *_ = self.steps[name]
        if not self.spec.shared:
            return row * by_row
        group = self._group(row)
        return row // group * by_row + row % group * by_head

    def _group(self, row: Expr) -> Expr:
        return Broadcast(self.group, row.type.lanes) if row.type.lanes > 1 else self.group

    def row(self, name: str, row: Expr) -> Pointer:
        """Where a row of queries, results or the mask lies."""
        base = {"out": self.out, "q": self.q, "mask": self.mask}[name]
        assert base is not None
        return Pointer(self.k, self.k.let("row", base.at(self.offset(name, row)).base), base.kind)

    def reach(self, first: Expr, last: Expr) -> tuple[Expr, Expr]:
        """The keys that the rows from `first` up to `last` look at: from one, up to another."""
        begin: Expr = self.keys * 0
        end = self.keys
        behind = self.query(last - 1) + self.past
        if self.spec.causal:
            end = binary("min", end, behind + 1)
        if self.right is not None:
            end = binary("min", end, behind + self.right + 1)
        if self.left is not None:
            begin = binary("max", self.query(first) + self.past - self.left, 0)
        return self.k.let("begin", begin), self.k.let("end", end)

    def bounded(self) -> bool:
        """Whether rows look at other keys than their neighbours do."""
        return self.spec.causal or self.spec.left or self.spec.right
