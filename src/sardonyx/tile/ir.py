"""The statements of the tile IR, and the kernel that holds them. Everything is a frozen value.

A kernel computes one *task* per value of its `task` index. Tasks run in any order on any thread, so they must not depend
on one another; within a task, statements run in order. `setup` runs once per call, before the tasks of that call.

Names (variables, registers, locals) are unique within a kernel. A `Let` is visible to the end of its block; a register is
visible everywhere after its first `Set`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Literal, Union, cast

from sardonyx.core.errors import CompileError
from sardonyx.tile.expr import Const, Expr, Reg, Var, check_access
from sardonyx.tile.types import Type, i1, i64, ptr

__all__ = [
    "Alloc",
    "Block",
    "For",
    "If",
    "Instr",
    "Kernel",
    "Let",
    "LoopKind",
    "Param",
    "Prefetch",
    "Set",
    "Stmt",
    "Store",
    "children",
    "exprs",
    "map_stmt",
    "rebuild",
    "walk",
    "walk_expr",
]

LoopKind = Literal["serial", "unroll", "vector"]


@dataclass(frozen=True)
class Let:
    """Bind `var` to the value that `value` has here."""

    var: Var
    value: Expr

    def __post_init__(self) -> None:
        _same(self.var.type, self.value.type, f"let {self.var.name}")


@dataclass(frozen=True)
class Set:
    """Give a register a new value; its first Set also declares it."""

    reg: Reg
    value: Expr

    def __post_init__(self) -> None:
        _same(self.reg.type, self.value.type, f"set {self.reg.name}")


@dataclass(frozen=True)
class Store:
    """base[index] = value; a vector goes to consecutive elements, or is scattered by a vector index (lanes in order).

    Lanes whose mask is false are not touched.
    """

    base: Expr
    index: Expr
    value: Expr
    mask: Expr | None = None

    def __post_init__(self) -> None:
        check_access(self.value.type, self.base, self.index, self.mask, "store")


@dataclass(frozen=True)
class For:
    """for (var = lo; var < hi; var += step) body; step is positive.

    serial: as written. unroll: the trip count is constant and the body is repeated. vector: the iterations are independent
    and `schedule.vectorize` turns them into lanes (code generation does it if nobody did).
    """

    var: Var
    lo: Expr
    hi: Expr
    step: Expr
    body: Block
    kind: LoopKind = "serial"

    def __post_init__(self) -> None:
        for e in (self.var, self.lo, self.hi, self.step):
            _same(e.type, i64, f"for {self.var.name}")
        if isinstance(self.step, Const) and self.step.value <= 0:
            raise CompileError(f"loop {self.var.name} steps by {self.step.value}: a step is positive")


@dataclass(frozen=True)
class If:
    """Run `then` when cond holds, else `orelse`."""

    cond: Expr
    then: Block
    orelse: Block = ()

    def __post_init__(self) -> None:
        _same(self.cond.type, i1, "if")


@dataclass(frozen=True)
class Prefetch:
    """Hint that the cache line of base[index] (elements of `kind`) is needed soon. locality: 3 = L1, 2 = L2, 1 = L3."""

    base: Expr
    index: Expr
    kind: Type
    write: bool = False
    locality: int = 3

    def __post_init__(self) -> None:
        _same(self.base.type, ptr, "prefetch")
        _same(self.index.type, i64, "prefetch")


@dataclass(frozen=True)
class Alloc:
    """`var` points to `bytes` bytes of uninitialised memory of this call, 64-byte aligned, alive to the end of the call.

    It is on the stack: for small staging blocks. Large work space comes from the kernel's scratch.
    """

    var: Var
    bytes: int

    def __post_init__(self) -> None:
        _same(self.var.type, ptr, f"alloc {self.var.name}")


@dataclass(frozen=True)
class Instr:
    """A machine instruction with state or effects (AMX tiles), declared in `tile.instr` with its meaning.

    Which arguments are immediates (Python integers, such as tile numbers) is part of the declaration.
    """

    name: str
    args: tuple[Expr | int, ...]


Stmt = Union[Let, Set, Store, For, If, Prefetch, Alloc, Instr]
Block = tuple["Stmt", ...]


@dataclass(frozen=True)
class Param:
    """One argument slot of a kernel.

    noalias: nothing else that the kernel reads or writes overlaps the memory written or read through this pointer. True of
    constant weights; false of an output that the memory plan may lay over an input.
    align: bytes that the pointer is known to be a multiple of.
    """

    var: Var
    noalias: bool = False
    align: int = 1

    @property
    def name(self) -> str:
        return self.var.name

    @property
    def type(self) -> Type:
        return self.var.type


@dataclass(frozen=True)
class Kernel:
    """A native function `void name(ptr args, i64 begin, i64 end, ptr scratch)` that runs `body` for every task.

    Attributes:
        name: an identifier; unique within one compilation.
        params: one 8-byte slot each, in order: pointers, i64, f32, f64 (low bytes of the slot).
        task: the index of the task, from begin to end - 1.
        scratch: thread-private, 64-byte-aligned memory, when the kernel uses it.
        setup: statements that run once per call; what they bind is visible in the body.
        body: statements that run once per task.
    """

    name: str
    params: tuple[Param, ...]
    task: Var
    setup: Block
    body: Block
    scratch: Var | None = None

    def with_body(self, body: Block, setup: Block | None = None) -> Kernel:
        return replace(self, body=body, setup=self.setup if setup is None else setup)

    def __str__(self) -> str:
        from sardonyx.tile.printer import print_kernel

        return print_kernel(self)


def _same(got: Type, want: Type, what: str) -> None:
    if got != want:
        raise CompileError(f"{what}: the type is {got}, it must be {want}")


# --- walking and rebuilding --------------------------------------------------------------------------------------------


def children(e: Expr) -> tuple[Expr, ...]:
    """The operands of an expression, in order of evaluation."""
    found: list[Expr] = []
    for name in _operands(type(e)):
        value = getattr(e, name)
        if isinstance(value, Expr):
            found.append(value)
        elif isinstance(value, tuple):
            found += [v for v in cast("tuple[object, ...]", value) if isinstance(v, Expr)]
    return tuple(found)


def walk_expr(e: Expr) -> Iterator[Expr]:
    """The expression and everything below it; operands come before their users."""
    for child in children(e):
        yield from walk_expr(child)
    yield e


def exprs(s: Stmt) -> tuple[Expr, ...]:
    """The expressions that a statement itself evaluates, in order; not those of its blocks."""
    match s:
        case Let(_, value) | Set(_, value):
            return (value,)
        case Store(base, index, value, mask):
            return (base, index, value) if mask is None else (base, index, value, mask)
        case For(_, lo, hi, step):
            return lo, hi, step
        case If(cond):
            return (cond,)
        case Prefetch(base, index):
            return base, index
        case Instr(_, args):
            return tuple(a for a in args if isinstance(a, Expr))
        case Alloc():
            return ()


def walk(block: Block) -> Iterator[Stmt]:
    """Every statement of the block and of the blocks inside, outer first."""
    for s in block:
        yield s
        if isinstance(s, For):
            yield from walk(s.body)
        elif isinstance(s, If):
            yield from walk(s.then)
            yield from walk(s.orelse)


def rebuild(e: Expr, before: Callable[[Expr], Expr | None], after: Callable[[Expr], Expr] | None = None) -> Expr:
    """The expression with parts replaced: `before` may replace a node whole, `after` maps a node whose operands are done.

    Unchanged parts are shared with the old expression.
    """
    found = before(e)
    if found is not None:
        return found
    new: dict[str, object] = {}
    for name in _operands(type(e)):
        value = getattr(e, name)
        if isinstance(value, Expr):
            mapped: object = rebuild(value, before, after)
            if mapped is not value:
                new[name] = mapped
        elif isinstance(value, tuple):
            items = cast("tuple[object, ...]", value)
            many = tuple(rebuild(v, before, after) if isinstance(v, Expr) else v for v in items)
            if any(x is not y for x, y in zip(many, items, strict=True)):
                new[name] = many
    if new:
        e = replace(e, **new)  # pyright: ignore[reportArgumentType] every Expr but the base is a dataclass
    return after(e) if after else e


def map_stmt(s: Stmt, on: Callable[[Expr], Expr], blocks: Callable[[Block], Block]) -> Stmt:
    """The statement with its own expressions mapped whole by `on`, and its blocks by `blocks`."""
    match s:
        case Let(var, value):
            return Let(var, on(value))
        case Set(reg, value):
            return Set(reg, on(value))
        case Store(base, index, value, mask):
            return Store(on(base), on(index), on(value), None if mask is None else on(mask))
        case For():
            return replace(s, lo=on(s.lo), hi=on(s.hi), step=on(s.step), body=blocks(s.body))
        case If(cond, then, orelse):
            return If(on(cond), blocks(then), blocks(orelse))
        case Prefetch():
            return replace(s, base=on(s.base), index=on(s.index))
        case Instr(name, args):
            return Instr(name, tuple(on(a) if isinstance(a, Expr) else a for a in args))
        case Alloc():
            return s


_OPERANDS: dict[type[Expr], tuple[str, ...]] = {}


def _operands(cls: type[Expr]) -> tuple[str, ...]:
    """The fields of a node class that may hold expressions."""
    found = _OPERANDS.get(cls)
    if found is None:
        skip = {"type", "op", "name", "value", "lanes", "indices", "fn", "kind"}
        names = [f.name for f in fields(cls)]  # pyright: ignore[reportArgumentType] every Expr but the base is a dataclass
        found = tuple(n for n in names if n not in skip and (n != "index" or cls.__name__ != "Lane"))
        _OPERANDS[cls] = found
    return found
