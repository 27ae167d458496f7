"""The verb `vectorize`: the iterations of a loop become the lanes of vectors."""

from __future__ import annotations

from dataclasses import replace

from sardonyx.tile.dependence import dependence
from sardonyx.tile.expr import (
    Address,
    Bin,
    Bitcast,
    Broadcast,
    Call,
    Cast,
    Const,
    Expr,
    Fma,
    Lane,
    Load,
    Ramp,
    Reduce,
    Reg,
    Select,
    Shuffle,
    Un,
    Var,
    binary,
)
from sardonyx.tile.ir import Alloc, Block, For, If, Instr, Kernel, Let, Prefetch, Set, Stmt, Store
from sardonyx.tile.rewrite import Scope, constant_trips, find_loop, refuse, replace_loop, shared_registers, used_names
from sardonyx.tile.types import Type, i1, i32, i64

__all__ = ["vectorize"]


def vectorize(kernel: Kernel, loop: str, lanes: int) -> Kernel:
    """for i = lo to hi step 1 { B } -> for i = lo to whole step lanes { B<lanes> }; if whole < hi { B<lanes> masked }

    Iterations must be independent. What steps with i becomes a vector access, what jumps a gather or scatter, a branch that
    depends on i a mask. The last, partial vector touches only the lanes that the loop would have run.
    """
    old = find_loop(kernel, loop)
    if not (isinstance(old.step, Const) and old.step.value == 1):
        raise refuse("vectorize", loop, "it does not step by 1")
    if lanes < 2:
        raise refuse("vectorize", loop, f"{lanes} lanes are no vector")
    why = dependence(kernel, old)
    if why:
        raise refuse("vectorize", loop, why)
    shared = shared_registers(kernel, old)
    if shared:
        raise refuse("vectorize", loop, f"register {min(shared)} is also used outside it")
    scope = Scope(kernel)
    trips = constant_trips(old)
    main = old.var
    left = Bin("sub", old.hi, old.lo)
    whole: Expr
    setup: list[Stmt] = []
    if trips is not None:
        whole = Const(trips.start + len(trips) // lanes * lanes, i64)
    else:
        var = Var(scope.fresh(f"{loop}_whole"), i64)
        setup.append(Let(var, binary("add", old.lo, binary("mul", binary("floordiv", left, lanes), lanes))))
        whole = var
    body = _Widener(loop, lanes, scope).block(old.body, {loop: main}, None)
    out: list[Stmt] = [*setup, For(main, old.lo, whole, Const(lanes, i64), body)]
    if trips is None or len(trips) % lanes:
        count = Cast(i32, binary("sub", old.hi, whole))
        mask = Var(scope.fresh("mask"), i1.x(lanes))
        tail = _Widener(loop, lanes, scope).block(old.body, {loop: whole}, mask)
        some: Block = (Let(mask, binary("lt", Ramp(i32.x(lanes)), count)), *tail)
        out += some if trips is not None else [If(binary("lt", whole, old.hi), some)]
    return replace_loop(kernel, loop, lambda _: out)


class _Widener:
    """Rewrites a body with one variable replaced by consecutive values of it, one per lane."""

    def __init__(self, loop: str, lanes: int, scope: Scope) -> None:
        self.loop, self.lanes, self.scope = loop, lanes, scope
        self.varying: set[str] = {loop}  # what differs between lanes; registers have a $
        self.values: dict[str, Expr] = {}
        self.regs: dict[str, Reg] = {}
        self.mask: Expr | None = None  # the lanes that exist and for which the branches around hold
        self.branch_mask: Expr | None = None  # the lanes for which the branches around hold

    def refuse(self, why: str) -> Exception:
        return refuse("vectorize", self.loop, why)

    def block(self, block: Block, values: dict[str, Expr], mask: Expr | None) -> Block:
        self.values, self.mask = dict(values), mask
        self._spread(block)
        return self.stmts(block)

    def _spread(self, block: Block) -> None:
        """Registers set from something that varies vary themselves; repeated, for loops feed back."""
        while True:
            before = len(self.varying)
            self._mark(block, False)
            if len(self.varying) == before:
                return

    def _mark(self, block: Block, branch: bool) -> None:
        for s in block:
            if isinstance(s, Let) and self.varies(s.value):
                self.varying.add(s.var.name)
            elif isinstance(s, Set) and (branch or self.varies(s.value)):
                self.varying.add("$" + s.reg.name)
            elif isinstance(s, For):
                self._mark(s.body, branch)
            elif isinstance(s, If):
                inside = branch or self.varies(s.cond)
                self._mark(s.then, inside)
                self._mark(s.orelse, inside)

    def varies(self, e: Expr) -> bool:
        return not self.varying.isdisjoint(used_names(e))

    # --- statements ----------------------------------------------------------------------------------------------------

    def stmts(self, block: Block) -> Block:
        return tuple(new for s in block for new in self.stmt(s))

    def stmt(self, s: Stmt) -> list[Stmt]:
        match s:
            case Let(var, value):
                new = self.value(value)
                fresh = Var(self.scope.fresh(var.name), new.type)
                self.values[var.name] = fresh
                return [Let(fresh, new)]
            case Set(reg, value):
                return [self.set(reg, value)]
            case Store():
                return [self.store(s)]
            case For():
                if any(self.varies(e) for e in (s.lo, s.hi, s.step)):
                    raise self.refuse(f"the bounds of loop {s.var.name} inside differ between iterations")
                bounds = self.scalar(s.lo), self.scalar(s.hi), self.scalar(s.step)
                var = Var(self.scope.fresh(s.var.name), i64)
                self.values[s.var.name] = var
                return [For(var, *bounds, self.stmts(s.body), "serial" if s.kind == "vector" else s.kind)]
            case If():
                return self.branch(s)
            case Prefetch():
                if self.varies(s.base):
                    raise self.refuse("it prefetches through a pointer that differs between iterations")
                index = self.first(s.index) if self.varies(s.index) else self.scalar(s.index)
                return [replace(s, base=self.scalar(s.base), index=index)]
            case Alloc(var, _):
                raise self.refuse(f"it makes local memory {var.name} per iteration")
            case Instr(name, _):
                raise self.refuse(f"instruction {name} has no lanes")

    def set(self, reg: Reg, value: Expr) -> Stmt:
        wide = "$" + reg.name in self.varying
        if wide and reg.type.is_ptr:
            raise self.refuse(f"pointer register {reg.name} differs between iterations")
        new = self.regs.get(reg.name)
        known = new is not None
        if new is None:
            t = reg.type.x(self.lanes) if wide else reg.type
            new = self.regs[reg.name] = Reg(self.scope.fresh(reg.name), t)
        after = self.wide(value) if wide else self.scalar(value)
        if wide and known and self.branch_mask is not None:
            after = Select(self.branch_mask, after, new)
        return Set(new, after)

    def branch(self, s: If) -> list[Stmt]:
        if not self.varies(s.cond):
            return [If(self.scalar(s.cond), self.stmts(s.then), self.stmts(s.orelse))]
        cond = Var(self.scope.fresh("cond"), i1.x(self.lanes))
        out: list[Stmt] = [Let(cond, self.wide(s.cond))]
        kept = self.mask, self.branch_mask
        for side, block in ((cond, s.then), (Un("not", cond), s.orelse)):
            if not block:
                continue
            self.branch_mask = side if kept[1] is None else Bin("and", kept[1], side)
            self.mask = side if kept[0] is None else Bin("and", kept[0], side)
            out += self.stmts(block)
            self.mask, self.branch_mask = kept
        return out

    def store(self, s: Store) -> Stmt:
        if self.varies(s.base):
            raise self.refuse("it stores through a pointer that differs between iterations")
        if s.value.type.lanes > 1:
            raise self.refuse("it stores vectors already")
        if not self.varies(s.index):
            raise self.refuse("every iteration stores to one place")
        mask = self.both(s.mask)
        stride = self.stride(s.index)
        index = self.first(s.index) if stride == 1 else self.wide(s.index)
        return Store(self.scalar(s.base), index, self.wide(s.value), mask)

    def both(self, mask: Expr | None) -> Expr | None:
        """The lanes that a statement with its own mask may touch."""
        if mask is None:
            return self.mask
        own = self.wide(mask)
        return own if self.mask is None else Bin("and", self.mask, own)

    # --- expressions ---------------------------------------------------------------------------------------------------

    def stride(self, index: Expr) -> int | None:
        """How far apart neighbouring lanes are, or None if that is not one number."""
        match index:
            case Var(name) if name == self.loop:
                return 1
            case _ if not self.varies(index):
                return 0
            case Bin("add", a, b):
                x, y = self.stride(a), self.stride(b)
                return None if x is None or y is None else x + y
            case Bin("sub", a, b):
                x, y = self.stride(a), self.stride(b)
                return None if x is None or y is None else x - y
            case Bin("mul", a, Const(value)):
                x = self.stride(a)
                return None if x is None else x * int(value)
            case _:
                return None

    def first(self, e: Expr) -> Expr:
        """The value in the first lane, for an index with a stride."""
        match e:
            case Var(name):
                return self.values.get(name, e)
            case Bin(op, a, b):
                return binary(op, self.first(a), self.first(b))
            case _:
                return self.scalar(e)

    def scalar(self, e: Expr) -> Expr:
        """An expression that is the same in every lane."""
        new = self.value(e)
        if new.type != e.type:
            raise self.refuse("a value that must be one for all iterations is not")
        return new

    def wide(self, e: Expr) -> Expr:
        new = self.value(e)
        return Broadcast(new, self.lanes) if new.type.lanes == 1 else new

    def t(self, e: Expr) -> Type:
        if e.type.lanes > 1:
            raise self.refuse("it computes with vectors already")
        return e.type.x(self.lanes)

    def value(self, e: Expr) -> Expr:
        """The expression for all lanes: a vector if it varies, else as it was."""
        match e:
            case Reg(name):
                return self.regs.get(name, e)
            case Const() | Ramp():
                return e
            case Var(name) if name == self.loop:
                steps = Ramp(i64.x(self.lanes))
                return Bin("add", Broadcast(self.values[name], self.lanes), steps)
            case Var(name):
                return self.values.get(name, e)
            case Load():
                return self.load(e)
            case Address(base, index, kind):
                if self.varies(e):
                    raise self.refuse("a pointer differs between iterations")
                return Address(self.scalar(base), self.scalar(index), kind)
            case _ if not self.varies(e):
                return self.rebuilt(e, self.scalar)
            case Bin() | Un() | Fma() | Select() | Call():
                self.t(e)
                return self.rebuilt(e, self.wide)
            case Cast(_, a):
                return Cast(self.t(e), self.wide(a))
            case Bitcast(_, a):
                return Bitcast(self.t(e), self.wide(a))
            case Broadcast() | Lane() | Reduce() | Shuffle():
                raise self.refuse("it computes with vectors already")
            case _:
                raise self.refuse(f"{type(e).__name__} has no wide form")

    def rebuilt(self, e: Expr, on: object) -> Expr:
        new = {name: _mapped(getattr(e, name), on) for name in _FIELDS[type(e)]}
        return replace(e, **new)  # pyright: ignore[reportArgumentType] every Expr but the base is a dataclass

    def _any(self, mask: Expr | None) -> Expr | None:
        """The mask of a read that is one for all lanes: inside a branch, only if some lane takes it."""
        own = None if mask is None else self.scalar(mask)
        if self.branch_mask is None:
            return own
        some = Reduce("or", self.branch_mask)
        return some if own is None else Bin("and", own, some)

    def load(self, e: Load) -> Expr:
        if self.varies(e.base):
            raise self.refuse("it loads through a pointer that differs between iterations")
        base = self.scalar(e.base)
        if not self.varies(e.index) and (e.mask is None or not self.varies(e.mask)):
            return Load(e.type, base, self.scalar(e.index), self._any(e.mask))
        t = self.t(e)
        index = self.first(e.index) if self.stride(e.index) == 1 else self.wide(e.index)
        return Load(t, base, index, self.both(e.mask))


def _mapped(value: object, on: object) -> object:
    if isinstance(value, Expr):
        return on(value)  # pyright: ignore[reportCallIssue] a method of the widener
    if isinstance(value, tuple):
        return tuple(_mapped(v, on) for v in value)  # pyright: ignore[reportUnknownVariableType] expressions or numbers
    return value


_FIELDS: dict[type[Expr], tuple[str, ...]] = {
    Bin: ("a", "b"), Un: ("a",), Fma: ("a", "b", "c"), Select: ("cond", "a", "b"), Call: ("args",), Cast: ("a",),
    Bitcast: ("a",), Broadcast: ("a",), Lane: ("a",), Reduce: ("a",), Shuffle: ("a", "b"),
}  # fmt: skip
