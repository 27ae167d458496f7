"""May the iterations of a loop run in any order? Proven from the accesses, or promised by the kind `vector`.

The proof is conservative. No register may carry a value from one iteration to the next. A pointer that is stored through
may not be loaded through, nor any pointer that could overlap it. And each store must move by at least its own extent per
iteration, its index being linear in the loop variable with a constant factor.
"""

from __future__ import annotations

from dataclasses import dataclass

from sardonyx.tile.expr import Address, Bin, Call, Cast, Const, Expr, Load, Reg, Var
from sardonyx.tile.ir import Alloc, Block, For, If, Instr, Kernel, Let, Set, Store, exprs, walk, walk_expr
from sardonyx.tile.rewrite import constant_trips

__all__ = ["carried", "dependence", "factor_of", "may_overlap", "root", "roots"]


def root(e: Expr) -> str | None:
    """The parameter or local that a pointer expression is based on; None if a register hides it."""
    while isinstance(e, Address):
        e = e.base
    return e.name if isinstance(e, Var) else None


def roots(block: Block) -> tuple[set[str | None], set[str | None]]:
    """What the block loads from and stores to."""
    loads: set[str | None] = set()
    stores: set[str | None] = set()
    aliases: dict[str, str | None] = {}
    for s in walk(block):
        if isinstance(s, Let) and s.var.type.is_ptr:
            aliases[s.var.name] = root(s.value)
        for e in exprs(s):
            loads |= {_resolve(root(p.base), aliases) for p in walk_expr(e) if isinstance(p, Load)}
        if isinstance(s, Store):
            stores.add(_resolve(root(s.base), aliases))
    return loads, stores


def _resolve(name: str | None, aliases: dict[str, str | None]) -> str | None:
    while name is not None and name in aliases:
        name = aliases[name]
    return name


def may_overlap(kernel: Kernel, a: str | None, b: str | None) -> bool:
    """Whether two roots can be the same memory."""
    if a is None or b is None or a == b:
        return True
    alone = {p.name for p in kernel.params if p.noalias}
    alone |= {s.var.name for s in (*walk(kernel.setup), *walk(kernel.body)) if isinstance(s, Alloc)}
    if kernel.scratch is not None:
        alone.add(kernel.scratch.name)
    return a not in alone and b not in alone


def carried(body: Block) -> set[str]:
    """The registers whose value from before the body, or from its last iteration, the body reads."""
    found: set[str] = set()
    _carried(body, set(), found)
    return found


def _carried(block: Block, fresh: set[str], found: set[str]) -> None:
    for s in block:
        for e in exprs(s):
            found |= {p.name for p in walk_expr(e) if isinstance(p, Reg) and p.name not in fresh}
        if isinstance(s, Set):
            fresh.add(s.reg.name)
        elif isinstance(s, For):
            _carried(s.body, set(fresh), found)
        elif isinstance(s, If):
            first, second = set(fresh), set(fresh)
            _carried(s.then, first, found)
            _carried(s.orelse, second, found)
            fresh |= first & second


def dependence(kernel: Kernel, loop: For) -> str | None:
    """Why the iterations of a loop may depend on one another, or None if they do not."""
    inside = {s.reg.name for s in walk(loop.body) if isinstance(s, Set)}
    kept = carried(loop.body) & inside
    if kept:
        return f"register {min(kept)} carries a value from one iteration to the next"
    if any(isinstance(s, Instr) for s in walk(loop.body)):
        return "a machine instruction in it keeps state"
    if loop.kind == "vector":
        return None
    loads, stores = roots(loop.body)
    for stored in stores:
        for loaded in loads:
            if may_overlap(kernel, stored, loaded):
                return f"it stores through {stored} and loads through {loaded}, which may overlap"
        for other in stores:
            if other != stored and may_overlap(kernel, stored, other):
                return f"it stores through {stored} and {other}, which may overlap"
    return _stores_collide(loop, stores)


@dataclass
class _Linear:
    """factors[v] * v summed over loop variables, plus something fixed in this nest."""

    factors: dict[str, int]
    fixed: set[str]

    def plus(self, other: _Linear, sign: int) -> _Linear:
        factors = dict(self.factors)
        for name, f in other.factors.items():
            factors[name] = factors.get(name, 0) + sign * f
        return _Linear(factors, self.fixed | other.fixed)


def _linear(e: Expr, varying: set[str], lets: dict[str, Expr]) -> _Linear | None:
    match e:
        case Const():
            return _Linear({}, set())
        case Var(name) if name in lets:
            return _linear(lets[name], varying, lets)
        case Var(name) if name in varying:
            return _Linear({name: 1}, set())
        case Var(name):
            return _Linear({}, {name})
        case Bin("add" | "sub" as op, a, b):
            x, y = _linear(a, varying, lets), _linear(b, varying, lets)
            return x.plus(y, 1 if op == "add" else -1) if x and y else None
        case Bin("mul", a, Const(value)):
            x = _linear(a, varying, lets)
            return _Linear({n: f * int(value) for n, f in x.factors.items()}, x.fixed) if x else None
        case Bin("mul", Const(), b):
            return _linear(Bin("mul", b, e.a), varying, lets)
        case Call() | Load() | Cast() | Reg():
            return None
        case _:
            x = {p.name for p in walk_expr(e) if isinstance(p, Var)}
            return None if x & (varying | lets.keys()) else _Linear({}, x)


def _stores_collide(loop: For, stores: set[str | None]) -> str | None:
    """Why two iterations may write one place, or None: every store moves by more than all it touches in one iteration."""
    nest = {s.var.name: s for s in walk(loop.body) if isinstance(s, For)}
    varying = {loop.var.name, *nest}
    lets = {s.var.name: s.value for s in walk(loop.body) if isinstance(s, Let)}
    seen: set[str | None] = set()
    for s in walk(loop.body):
        if not isinstance(s, Store):
            continue
        base = root(s.base)
        if base in seen and len([x for x in walk(loop.body) if isinstance(x, Store)]) > 1:
            return f"it stores through {base} in two places"
        seen.add(base)
        where = _linear(s.index, varying, lets) if not isinstance(s.base, Address) else None
        if where is None or s.index.type.lanes > 1:
            return f"the place that a store through {base} writes is not linear in the loops around it"
        if not isinstance(loop.step, Const):
            return "its step is not constant"
        extent = s.value.type.lanes
        for name, factor in where.factors.items():
            if name == loop.var.name or factor == 0:
                continue
            trips = constant_trips(nest[name])
            if trips is None:
                return f"the extent of loop {name} is not constant, so a store through {base} may reach another iteration's"
            extent += abs(factor) * (max(trips) - min(trips) if trips else 0)
        if abs(where.factors.get(loop.var.name, 0)) * int(loop.step.value) < extent:
            return f"two iterations may store to one place through {base}"
    return None


def factor_of(index: Expr, var: str) -> int:
    """What the index grows by when the variable grows by one; 0 if that is not known to be one number."""
    linear = _linear(index, {var}, {})
    return linear.factors.get(var, 0) if linear else 0
