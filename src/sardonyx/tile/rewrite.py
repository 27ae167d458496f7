"""Finding and replacing parts of a kernel, for schedule verbs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from sardonyx.core.errors import CompileError
from sardonyx.tile.builder import Builder
from sardonyx.tile.expr import Const, Expr, Reg, Var
from sardonyx.tile.ir import Alloc, Block, For, If, Kernel, Let, Set, Stmt, exprs, map_stmt, rebuild, walk, walk_expr
from sardonyx.tile.types import Type
from sardonyx.tile.verify import verify

__all__ = [
    "Scope",
    "bound_names",
    "constant_trips",
    "copy_block",
    "find_loop",
    "names_of",
    "read_registers",
    "refuse",
    "replace_loop",
    "set_registers",
    "shared_registers",
    "substitute",
    "used_names",
]


def refuse(verb: str, loop: str, why: str) -> CompileError:
    """The error with which a verb declines."""
    return CompileError(f"{verb} refuses loop {loop}", why=why)


def find_loop(kernel: Kernel, name: str) -> For:
    """The loop over the variable called `name`."""
    for s in (*walk(kernel.setup), *walk(kernel.body)):
        if isinstance(s, For) and s.var.name == name:
            return s
    raise CompileError(f"kernel {kernel.name} has no loop {name!r}")


def replace_loop(kernel: Kernel, name: str, new: Callable[[For], Iterable[Stmt]]) -> Kernel:
    """The kernel with the loop `name` replaced by statements; verified."""

    def on(block: Block) -> Block:
        out: list[Stmt] = []
        for s in block:
            if isinstance(s, For) and s.var.name == name:
                out += new(s)
            elif isinstance(s, For):
                out.append(replace(s, body=on(s.body)))
            elif isinstance(s, If):
                out.append(replace(s, then=on(s.then), orelse=on(s.orelse)))
            else:
                out.append(s)
        return tuple(out)

    return verify(kernel.with_body(on(kernel.body), on(kernel.setup)))


def substitute(e: Expr, values: Mapping[str, Expr]) -> Expr:
    """The expression with variables replaced by name."""
    return rebuild(e, lambda part: values.get(part.name) if isinstance(part, Var) else None)


def bound_names(s: Stmt) -> list[str]:
    """The names that a statement itself binds."""
    if isinstance(s, (Let, Alloc, For)):
        return [s.var.name]
    return [s.reg.name] if isinstance(s, Set) else []


def names_of(kernel: Kernel) -> set[str]:
    """Every name that the kernel binds."""
    found = {p.name for p in kernel.params} | {kernel.task.name}
    if kernel.scratch is not None:
        found.add(kernel.scratch.name)
    for s in (*walk(kernel.setup), *walk(kernel.body)):
        found.update(bound_names(s))
    return found


class Scope:
    """Gives names that a kernel does not have yet."""

    def __init__(self, kernel: Kernel) -> None:
        self.k = Builder(kernel.name)
        self.k.reserve(names_of(kernel))

    def fresh(self, name: str) -> str:
        return self.k.fresh(name)


def copy_block(block: Block, values: Mapping[str, Expr], scope: Scope, keep: frozenset[str] = frozenset()) -> Block:
    """A copy with variables replaced and everything that it binds renamed, but for the registers in `keep`."""
    values = dict(values)
    regs: dict[str, str] = {}

    def name(old: str, t: Type) -> Var:
        var = Var(scope.fresh(old), t)
        values[old] = var
        return var

    def on(e: Expr) -> Expr:
        def part(p: Expr) -> Expr | None:
            if isinstance(p, Var):
                return values.get(p.name)
            return Reg(regs.get(p.name, p.name), p.type) if isinstance(p, Reg) else None

        return rebuild(e, part)

    def copied(inside: Block) -> Block:
        out: list[Stmt] = []
        for s in inside:
            match s:
                case Let(var, value):
                    value = on(value)
                    out.append(Let(name(var.name, var.type), value))
                case Alloc(var, size):
                    out.append(Alloc(name(var.name, var.type), size))
                case Set(reg, value):
                    value = on(value)
                    if reg.name not in keep and reg.name not in regs:
                        regs[reg.name] = scope.fresh(reg.name)
                    out.append(Set(Reg(regs.get(reg.name, reg.name), reg.type), value))
                case For(var, lo, hi, step, body, kind):
                    bounds = on(lo), on(hi), on(step)
                    new = name(var.name, var.type)
                    out.append(For(new, *bounds, copied(body), kind))
                case _:
                    out.append(map_stmt(s, on, copied))
        return tuple(out)

    return copied(block)


def constant_trips(loop: For) -> range | None:
    """The values of the loop variable, if they are known."""
    if isinstance(loop.lo, Const) and isinstance(loop.hi, Const) and isinstance(loop.step, Const):
        return range(int(loop.lo.value), int(loop.hi.value), int(loop.step.value))
    return None


def used_names(e: Expr) -> set[str]:
    """The variables and registers (with a $) that an expression reads."""
    return {("$" if isinstance(p, Reg) else "") + p.name for p in walk_expr(e) if isinstance(p, (Var, Reg))}


def set_registers(block: Block) -> set[str]:
    """The registers that a block sets."""
    return {s.reg.name for s in walk(block) if isinstance(s, Set)}


def read_registers(block: Block) -> set[str]:
    """The registers that a block reads."""
    return {p.name for s in walk(block) for e in exprs(s) for p in walk_expr(e) if isinstance(p, Reg)}


def shared_registers(kernel: Kernel, loop: For) -> set[str]:
    """The registers that the loop sets and that statements outside it read or set too."""
    outside: set[str] = set()

    def collect(block: Block) -> None:
        for s in block:
            if s is loop:
                continue
            outside.update(p.name for e in exprs(s) for p in walk_expr(e) if isinstance(p, Reg))
            match s:
                case Set(reg, _):
                    outside.add(reg.name)
                case For(body=body):
                    collect(body)
                case If(_, then, orelse):
                    collect(then)
                    collect(orelse)
                case _:
                    pass

    collect(kernel.setup)
    collect(kernel.body)
    return outside & set_registers(loop.body)
