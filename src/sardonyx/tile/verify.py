"""The verifier: what every well-formed kernel satisfies beyond the types, which expressions check when they are made.

- a name is bound once in the whole kernel, and used only where it is visible, at the type it was bound with;
- a register is read only where a Set has surely happened before;
- unrolled loops have constant bounds; functions and instructions exist and get the arguments they declare.
"""

from __future__ import annotations

from sardonyx.core.errors import CompileError
from sardonyx.tile.expr import Call, Const, Expr, Reg, Var
from sardonyx.tile.functions import check_call, check_instr
from sardonyx.tile.ir import Alloc, Block, For, If, Instr, Kernel, Let, Set, Stmt, children, exprs
from sardonyx.tile.printer import RESERVED, print_stmt
from sardonyx.tile.types import Type, f32, f64, i64, ptr

__all__ = ["verify"]


def verify(kernel: Kernel) -> Kernel:
    """The kernel itself, or a CompileError that names the statement and the fault."""
    _Verifier(kernel).run()
    return kernel


class _Verifier:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.bound: dict[str, Type] = {}  # every name of the kernel, visible or not
        self.regs: dict[str, Type] = {}

    def fail(self, what: str, s: Stmt | None = None) -> CompileError:
        line = "" if s is None else ": " + print_stmt(s).splitlines()[0].strip()
        return CompileError(f"kernel {self.kernel.name}: {what}", where=f"tile IR{line}")

    def run(self) -> None:
        visible: dict[str, Type] = {}
        for param in self.kernel.params:
            if param.type not in (ptr, i64, f32, f64):
                raise self.fail(f"parameter {param.name} is a {param.type}; slots hold ptr, i64, f32, f64")
            self.bind(param.var, visible, None)
        if self.kernel.scratch is not None:
            self.bind(self.kernel.scratch, visible, None)
        assigned: set[str] = set()
        self.block(self.kernel.setup, visible, assigned)
        self.bind(self.kernel.task, visible, None)
        self.block(self.kernel.body, visible, assigned)

    def bind(self, var: Var, visible: dict[str, Type], s: Stmt | None) -> None:
        if not var.name.isidentifier() or var.name in RESERVED:
            raise self.fail(f"{var.name!r} cannot be a name: it would not read back", s)
        if var.name in self.bound or var.name in self.regs:
            raise self.fail(f"{var.name} is bound twice", s)
        self.bound[var.name] = visible[var.name] = var.type

    def block(self, block: Block, visible: dict[str, Type], assigned: set[str]) -> None:
        """Check statements in order; `visible` and `assigned` grow with what they bind."""
        for s in block:
            for e in exprs(s):
                self.expr(e, visible, assigned, s)
            match s:
                case Let(var, _) | Alloc(var, _):
                    self.bind(var, visible, s)
                case Set(reg, _):
                    if reg.name in self.bound or self.regs.setdefault(reg.name, reg.type) != reg.type:
                        raise self.fail(f"{reg.name} is also something else", s)
                    assigned.add(reg.name)
                case For():
                    if s.kind == "unroll" and not all(isinstance(e, Const) for e in (s.lo, s.hi, s.step)):
                        raise self.fail(f"loop {s.var.name} cannot be unrolled: its bounds are not constant", s)
                    inside = dict(visible)
                    self.bind(s.var, inside, s)
                    self.block(s.body, inside, set(assigned))  # it may run no time at all
                case If(_, then, orelse):
                    first, second = set(assigned), set(assigned)
                    self.block(then, dict(visible), first)
                    self.block(orelse, dict(visible), second)
                    assigned |= first & second
                case Instr():
                    self.instr(s)
                case _:
                    pass

    def expr(self, e: Expr, visible: dict[str, Type], assigned: set[str], s: Stmt) -> None:
        match e:
            case Var(name, t):
                if visible.get(name) != t:
                    known = name in self.bound
                    raise self.fail(f"{name} ({t}) is {'not visible' if known else 'never bound'} here", s)
            case Reg(name, t):
                if name not in assigned or self.regs[name] != t:
                    raise self.fail(f"register {name} ({t}) may be read before it is set", s)
            case Call(fn, args):
                fault = check_call(fn, tuple(a.type for a in args))
                if fault:
                    raise self.fail(fault, s)
            case _:
                pass
        for child in children(e):
            self.expr(child, visible, assigned, s)

    def instr(self, s: Instr) -> None:
        fault = check_instr(s)
        if fault:
            raise self.fail(fault, s)
