"""Schedule verbs: each returns a new kernel that computes the same, or refuses with a CompileError that says why.

A loop is named by its variable. A verb may change when work is done and in what width, never what a result is: no verb
reorders the additions of a sum. `vectorize` has its own file.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

from sardonyx.tile.dependence import carried, dependence, factor_of, may_overlap, root, roots
from sardonyx.tile.expr import Bin, Const, Expr, Fma, Load, Var, binary
from sardonyx.tile.ir import Block, For, Instr, Kernel, Store, exprs, map_stmt, rebuild, walk, walk_expr
from sardonyx.tile.rewrite import (
    Scope,
    constant_trips,
    copy_block,
    find_loop,
    read_registers,
    refuse,
    replace_loop,
    set_registers,
    shared_registers,
    substitute,
    used_names,
)
from sardonyx.tile.types import i64
from sardonyx.tile.vectorize import vectorize
from sardonyx.tile.verify import verify

__all__ = ["contract", "fuse", "reorder", "split", "unroll", "vectorize"]

MOST_COPIES = 256  # of a body that `unroll` will make


def split(kernel: Kernel, loop: str, factor: int) -> Kernel:
    """for i = lo to hi step s { B }
    -> for i_outer = lo to hi step s * factor { for i = i_outer to min(i_outer + s * factor, hi) step s { B } }

    The order of iterations does not change, so this is always legal; the min is dropped when it is known not to matter.
    """
    old = find_loop(kernel, loop)
    if factor < 2:
        raise refuse("split", loop, f"a factor of {factor} makes no inner loop")
    trips = constant_trips(old)
    block = binary("mul", old.step, factor)
    outer = Var(Scope(kernel).fresh(f"{loop}_outer"), i64)
    end: Expr = outer + block
    if trips is None or len(trips) % factor:
        end = Bin("min", end, old.hi)
    inner = replace(old, lo=outer, hi=end)
    return replace_loop(kernel, loop, lambda s: [For(outer, s.lo, s.hi, block, (inner,))])


def reorder(kernel: Kernel, outer: str, inner: str) -> Kernel:
    """for i { for j { B } } -> for j { for i { B } }

    The loops must be perfectly nested, the inner bounds free of i, and the iterations of i independent.
    """
    old = find_loop(kernel, outer)
    if len(old.body) != 1 or not isinstance(old.body[0], For) or old.body[0].var.name != inner:
        raise refuse("reorder", outer, f"{inner} is not the only statement inside it")
    nested = old.body[0]
    if any(outer in used_names(e) for e in exprs(nested)):
        raise refuse("reorder", outer, f"the bounds of {inner} depend on it")
    why = dependence(kernel, old)
    if why:
        raise refuse("reorder", outer, why)
    return replace_loop(kernel, outer, lambda _: [replace(nested, body=(replace(old, body=nested.body),))])


def unroll(kernel: Kernel, loop: str) -> Kernel:
    """for i = 0 to 3 { B } -> B[i := 0]; B[i := 1]; B[i := 2]

    The trip count must be constant and small; names that B binds are made unique.
    """
    old = find_loop(kernel, loop)
    trips = constant_trips(old)
    if trips is None:
        raise refuse("unroll", loop, "its bounds are not constant")
    if len(trips) > MOST_COPIES:
        raise refuse("unroll", loop, f"it runs {len(trips)} times, which is more than {MOST_COPIES}")
    scope = Scope(kernel)
    keep = frozenset(carried(old.body) | shared_registers(kernel, old))
    copies = [copy_block(old.body, {loop: Const(i, i64)}, scope, keep) for i in trips]
    return replace_loop(kernel, loop, lambda _: [s for copy in copies for s in copy])


def fuse(kernel: Kernel, first: str, second: str) -> Kernel:
    """for i { A }; for j { B } -> for i { A; B[j := i] }

    The loops must be neighbours with equal bounds, and no iteration of B may need a later one of A: memory that one of them
    stores is touched by the other only at the very same index, and no register leads from A to B.
    """
    a, b = find_loop(kernel, first), find_loop(kernel, second)
    if not _neighbours(kernel, a, b):
        raise refuse("fuse", first, f"{second} does not directly follow it")
    if (a.lo, a.hi, a.step) != (b.lo, b.hi, b.step):
        raise refuse("fuse", first, f"the bounds of {second} differ")
    shared = (set_registers(a.body) & (read_registers(b.body) | set_registers(b.body))) | (
        set_registers(b.body) & read_registers(a.body)
    )
    if shared:
        raise refuse("fuse", first, f"register {min(shared)} leads from one loop to the other")
    if any(isinstance(s, Instr) for s in walk((a, b))):
        raise refuse("fuse", first, "a machine instruction in it keeps state")
    moved = substitute_block(b.body, second, a.var)
    why = _conflict(kernel, a, moved)
    if why:
        raise refuse("fuse", first, why)
    kind = a.kind if a.kind == b.kind else "serial"
    without = without_loop(kernel, second)
    return replace_loop(without, first, lambda s: [replace(s, body=(*s.body, *moved), kind=kind)])


def _neighbours(kernel: Kernel, a: For, b: For) -> bool:
    blocks = [kernel.setup, kernel.body]
    for s in (*walk(kernel.setup), *walk(kernel.body)):
        blocks += [getattr(s, name) for name in ("body", "then", "orelse") if hasattr(s, name)]
    return any(x is a and y is b for block in blocks for x, y in itertools.pairwise(block))


def substitute_block(block: Block, old: str, new: Expr) -> Block:
    """The block with one variable replaced; what it binds keeps its names."""
    return tuple(
        map_stmt(s, lambda e: substitute(e, {old: new}), lambda inside: substitute_block(inside, old, new))
        for s in block
    )


def without_loop(kernel: Kernel, name: str) -> Kernel:
    """The kernel without a loop whose body goes elsewhere."""
    return replace_loop(kernel, name, lambda _: [])


def _conflict(kernel: Kernel, a: For, moved: Block) -> str | None:
    """Why memory forbids running B's iterations between A's."""
    (a_loads, a_stores), (b_loads, b_stores) = roots(a.body), roots(moved)
    pairs = [(p, q) for p in a_stores for q in b_loads | b_stores] + [(p, q) for p in b_stores for q in a_loads]
    for p, q in pairs:
        if may_overlap(kernel, p, q) and (p != q or p is None or not _own_place(a, moved, p)):
            return f"one stores through {p} and the other touches {q}, at places that may differ"
    return None


def _own_place(a: For, moved: Block, base: str) -> bool:
    """Whether both blocks touch `base` at one and the same index only, a different one in every iteration."""
    found: set[tuple[Expr, Expr, int]] = set()
    for s in (*walk(a.body), *walk(moved)):
        if isinstance(s, Store) and root(s.base) == base:
            found.add((s.base, s.index, s.value.type.lanes))
        for e in exprs(s):
            for p in walk_expr(e):
                if isinstance(p, Load) and root(p.base) == base:
                    found.add((p.base, p.index, p.type.lanes))
    if len(found) != 1 or not isinstance(a.step, Const):
        return False
    _, index, lanes = found.pop()
    return abs(factor_of(index, a.var.name)) * int(a.step.value) >= lanes


def contract(kernel: Kernel) -> Kernel:
    """a * b + c -> fma(a, b, c), for floats, wherever the product is written inside the sum."""

    def after(e: Expr) -> Expr:
        match e:
            case Bin("add", Bin("mul", a, b), c) if e.type.is_float:
                return Fma(a, b, c)
            case Bin("add", c, Bin("mul", a, b)) if e.type.is_float:
                return Fma(a, b, c)
            case _:
                return e

    def on(block: Block) -> Block:
        return tuple(map_stmt(s, lambda e: rebuild(e, lambda _: None, after), on) for s in block)

    return verify(kernel.with_body(on(kernel.body), on(kernel.setup)))
