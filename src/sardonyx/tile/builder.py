"""Write kernels in Python: statements are recorded as they are called.

A dot product of any length, eight lanes at a time, with a masked tail and a fixed order of additions:

    k = Builder("dot")
    x, y, out, n = k.ptr("x", f32), k.ptr("y", f32), k.ptr("out", f32), k.param("n", i64)
    acc = k.reg("acc", f32.x(8), 0.0)

    def add(i: Expr, mask: Expr | None) -> None:        # written once, emitted for the full vectors and for the tail
        k.set(acc, Fma(x.load(i, 8, mask), y.load(i, 8, mask), acc))

    k.strip("i", 0, n, 8, add)
    out.store(0, acc.reduce("add"))
    dot = k.build()

Bias and gelu over a strided 2-D region, one row per task; the row's tail is masked:

    k = Builder("bias_gelu")
    x, bias, y = k.ptr("x", f32), k.ptr("bias", f32, noalias=True), k.ptr("y", f32)
    cols, x_stride, y_stride = (k.param(name, i64) for name in ("cols", "x_stride", "y_stride"))
    x, y = x.at(k.task * x_stride), y.at(k.task * y_stride)        # this task's rows

    def gelu(j: Expr, mask: Expr | None) -> None:
        v = k.let("v", x.load(j, 8, mask) + bias.load(j, 8, mask))
        y.store(j, v * 0.5 * (1.0 + call("erf", v * 0.5**0.5)), mask)

    k.strip("j", 0, cols, 8, gelu)
    bias_gelu = k.build()

What to know:
- Loads happen where `load` is called (it binds a name); other expressions are evaluated by the statement that uses them,
  so a register read inside an expression gives the register's value *there*. `let` pins a value.
- Python loops unroll: `acc = [k.reg("acc", f32.x(8), 0.0) for _ in range(6)]` is six registers. Names are made unique.
- A pointer register walks along memory: `p = k.ptr_reg("p", a)`, then `k.set(p.base, p.at(lda).base)` moves it.
- The kernel's one parallel loop is the engine's: decode `k.task` into block indices with `//` and `%`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sardonyx.core.errors import CompileError
from sardonyx.tile.expr import Address, Bin, Call, Const, Expr, Load, Ramp, Reg, Scalar, Select, Var, as_expr, binary
from sardonyx.tile.ir import (
    Alloc,
    Block,
    For,
    If,
    Instr,
    Kernel,
    Let,
    LoopKind,
    Param,
    Prefetch,
    Set,
    Stmt,
    Store,
    children,
    exprs,
    map_stmt,
    rebuild,
)
from sardonyx.tile.types import Type, i32, i64, ptr
from sardonyx.tile.verify import verify

__all__ = ["Builder", "Pointer", "call", "select"]


@dataclass(frozen=True)
class Pointer:
    """A pointer and the type of the elements it is indexed in."""

    k: Builder
    base: Expr
    kind: Type

    def load(self, index: Expr | int, lanes: int = 1, mask: Expr | None = None) -> Var:
        """self[index], or `lanes` elements from there on; a vector index gathers. It is read here and now."""
        index = as_expr(index, i64)
        lanes = max(lanes, index.type.lanes)
        return self.k.let("v", Load(self.kind.x(lanes), self.base, index, mask))

    def store(self, index: Expr | int, value: Expr | Scalar, mask: Expr | None = None) -> None:
        """self[index] = value, of as many elements as value has lanes; the value must be of this pointer's kind."""
        index = as_expr(index, i64)
        value = as_expr(value, self.kind.x(index.type.lanes))
        if value.type.kind != self.kind.kind:
            raise CompileError(f"a pointer to {self.kind} cannot store {value.type}", fix="cast the value first")
        self.k.emit(Store(self.base, index, value, mask))

    def at(self, index: Expr | int) -> Pointer:
        """The pointer to self[index]."""
        index = as_expr(index, i64)
        if isinstance(index, Const) and index.value == 0:
            return self
        return replace(self, base=Address(self.base, index, self.kind))

    def prefetch(self, index: Expr | int, *, write: bool = False, locality: int = 3) -> None:
        """Hint that self[index] is needed soon. locality: 3 = L1, 2 = L2, 1 = L3."""
        self.k.emit(Prefetch(self.base, as_expr(index, i64), self.kind, write, locality))

    def cast(self, kind: Type) -> Pointer:
        """The same address, indexed in elements of another kind."""
        return replace(self, kind=kind)


class Builder:
    """Records one kernel. Methods emit statements in order; `build` checks the kernel and returns it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.task = Var("task", i64)
        self._params: list[Param] = []
        self._scratch: Var | None = None
        self._setup: list[Stmt] = []
        self._block: list[Stmt] = []
        self._open = False  # inside setup
        self._names: Counter[str] = Counter(["task", "scratch"])

    # --- what the kernel takes -----------------------------------------------------------------------------------------

    def param(self, name: str, kind: Type = i64) -> Var:
        """A scalar argument: i64, f32 or f64."""
        return self._param(Param(Var(name, kind)))

    def ptr(self, name: str, kind: Type, *, noalias: bool = False, align: int = 1) -> Pointer:
        """A pointer argument to elements of `kind`; for noalias and align see `Param`."""
        return Pointer(self, self._param(Param(Var(name, ptr), noalias, align)), kind)

    def _param(self, param: Param) -> Var:
        if self._names[param.name]:
            raise CompileError(f"kernel {self.name} already has something called {param.name!r}")
        self._names[param.name] += 1
        self._params.append(param)
        return param.var

    def scratch(self, kind: Type) -> Pointer:
        """The thread-private scratch memory; the plan says how many bytes it has."""
        self._scratch = Var("scratch", ptr)
        return Pointer(self, self._scratch, kind)

    # --- values --------------------------------------------------------------------------------------------------------

    def let(self, name: str, value: Expr | Scalar, kind: Type = i64) -> Var:
        """Evaluate `value` here and name it; a Python number becomes a `kind`."""
        value = as_expr(value, kind)
        var = Var(self.fresh(name), value.type)
        self.emit(Let(var, value))
        return var

    def reg(self, name: str, kind: Type, value: Expr | Scalar) -> Reg:
        """A mutable local that starts as `value`."""
        reg = Reg(self.fresh(name), kind)
        self.set(reg, value)
        return reg

    def set(self, reg: Expr, value: Expr | Scalar) -> None:
        """Give a register a new value."""
        if not isinstance(reg, Reg):
            raise CompileError(
                f"only a register can be set, not a {type(reg).__name__}", fix="make it with Builder.reg"
            )
        self.emit(Set(reg, as_expr(value, reg.type)))

    def ptr_reg(self, name: str, start: Pointer) -> Pointer:
        """A pointer register that starts at `start`; move it with `advance`."""
        return replace(start, base=self.reg(name, ptr, start.base))

    def advance(self, pointer: Pointer, count: Expr | int) -> None:
        """Move a pointer register on by `count` elements."""
        self.set(pointer.base, pointer.at(count).base)

    def local(self, name: str, kind: Type, count: int) -> Pointer:
        """`count` elements of uninitialised stack memory, 64-byte aligned: for small staging blocks."""
        var = Var(self.fresh(name), ptr)
        self.emit(Alloc(var, count * kind.bytes))
        return Pointer(self, var, kind)

    def mask(self, left: Expr, lanes: int) -> Expr:
        """Which of `lanes` lanes are below `left` (an i64 count of remaining elements, at most 2**31)."""
        return binary("lt", Ramp(i32.x(lanes)), left.to(i32))

    # --- control -------------------------------------------------------------------------------------------------------

    @contextmanager
    def setup(self) -> Iterator[None]:
        """Statements inside run once per call, before the tasks."""
        if self._open:
            raise CompileError("setup does not nest")
        self._open, kept, self._block = True, self._block, self._setup
        yield
        self._open, self._block = False, kept

    @contextmanager
    def _inside(self) -> Iterator[list[Stmt]]:
        kept, self._block = self._block, []
        yield self._block
        self._block = kept

    @contextmanager
    def loop(
        self, name: str, lo: Expr | int, hi: Expr | int, step: Expr | int = 1, kind: LoopKind = "serial"
    ) -> Iterator[Var]:
        """for name in lo, lo + step, ... below hi."""
        var = Var(self.fresh(name), i64)
        with self._inside() as body:
            yield var
        self.emit(For(var, as_expr(lo, i64), as_expr(hi, i64), as_expr(step, i64), tuple(body), kind))

    @contextmanager
    def when(self, cond: Expr) -> Iterator[None]:
        """Run what is inside if cond holds."""
        with self._inside() as body:
            yield
        self.emit(If(cond, tuple(body)))

    @contextmanager
    def otherwise(self) -> Iterator[None]:
        """Run what is inside if the condition of the `when` just before did not hold."""
        last = self._block[-1] if self._block else None
        if not isinstance(last, If) or last.orelse:
            raise CompileError("otherwise must directly follow a when")
        with self._inside() as body:
            yield
        self._block[-1] = replace(last, orelse=tuple(body))

    def strip(
        self,
        name: str,
        lo: Expr | int,
        hi: Expr | int,
        lanes: int,
        body: Callable[[Expr, Expr | None], None],
        *,
        unroll: int = 1,
    ) -> None:
        """body(i, None) for each full vector of [lo, hi), then body(i, mask) once for what is left, if anything is.

        With unroll > 1 a loop over `unroll` vectors at a time comes first.
        """
        lo, hi = as_expr(lo, i64), as_expr(hi, i64)
        if isinstance(hi, Const) and isinstance(lo, Const):  # constant extents need no run-time tail
            left = (int(hi.value) - int(lo.value)) % lanes
            whole: Expr = Const(int(hi.value) - left, i64)
        else:
            whole = self.let(f"{name}_whole", lo + Bin("and", hi - lo, Const(-lanes, i64)) if lanes & (lanes - 1) == 0
                             else lo + (hi - lo) // lanes * lanes)  # fmt: skip
            left = -1
        start = lo
        if unroll > 1:
            block = Const(lanes * unroll, i64)
            start = self.let(f"{name}_blocked", lo + binary("max", whole - lo, 0) // block * block)
            with self.loop(name, lo, start, block) as i:
                for u in range(unroll):
                    body(i + u * lanes, None)
        with self.loop(name, start, whole, lanes) as i:
            body(i, None)
        if left == 0:
            return
        if left > 0:
            body(whole, self.mask(Const(left, i64), lanes))
            return
        if lanes > 1:
            with self.when(whole < hi):
                body(whole, self.let("mask", self.mask(hi - whole, lanes)))

    # --- effects -------------------------------------------------------------------------------------------------------

    def instr(self, name: str, *args: Expr | int) -> None:
        """A machine instruction with effects, by its name in `tile.instr`."""
        self.emit(Instr(name, args))

    def emit(self, stmt: Stmt) -> None:
        """Append a statement; a subexpression that it uses more than once is bound to a name first."""
        self._block.append(self._share(stmt))

    def build(self) -> Kernel:
        """The finished kernel, verified."""
        kernel = Kernel(
            self.name, tuple(self._params), self.task, tuple(self._setup), tuple(self._block), self._scratch
        )
        verify(kernel)
        return kernel

    # --- inside --------------------------------------------------------------------------------------------------------

    def taken(self) -> Block:
        """The statements recorded so far, taken out: for rewriters that use a builder to write a piece of a kernel."""
        block = tuple(self._block)
        self._block.clear()
        return block

    def reserve(self, names: Iterable[str]) -> None:
        """Keep these names from being given to anything new."""
        for name in names:
            self._names[name] += 1

    def fresh(self, name: str) -> str:
        """`name`, or with a number, such that nothing else is called so."""
        while True:
            count = self._names[name]
            self._names[name] += 1
            if count == 0:
                return name
            candidate = f"{name}_{count}"
            if not self._names[candidate]:
                self._names[candidate] += 1
                return candidate

    def _share(self, stmt: Stmt) -> Stmt:
        uses: Counter[int] = Counter()
        order: list[Expr] = []

        def count(e: Expr) -> None:
            if isinstance(e, (Var, Reg, Const, Ramp)):
                return
            uses[id(e)] += 1
            if uses[id(e)] == 1:
                for child in children(e):
                    count(child)
                order.append(e)

        for e in exprs(stmt):
            count(e)
        shared = [e for e in order if uses[id(e)] > 1]
        if not shared:
            return stmt
        bound: dict[int, Expr] = {}
        for e in shared:
            value = rebuild(e, lambda part: bound.get(id(part)))
            var = Var(self.fresh("s"), value.type)
            self._block.append(Let(var, value))
            bound[id(e)] = var
        return map_stmt(stmt, lambda e: rebuild(e, lambda part: bound.get(id(part))), lambda block: block)


def select(cond: Expr, a: Expr | Scalar, b: Expr | Scalar) -> Expr:
    """a where cond holds, else b; numbers and scalars adapt to the other side."""
    if not isinstance(a, Expr):
        if not isinstance(b, Expr):
            raise CompileError("one side of a select must be an expression")
        a = as_expr(a, b.type)
    b = as_expr(b, a.type)
    a = as_expr(a, b.type)
    return Select(cond, a, b)


def call(fn: str, *args: Expr | Scalar) -> Expr:
    """A function of `tile.math` or `tile.instr` by name: call("exp", x). Numbers take the type of the first expression."""
    like = next((a.type for a in args if isinstance(a, Expr)), None)
    if like is None:
        raise CompileError(f"{fn} needs at least one expression")
    return Call(fn, tuple(as_expr(a, like) for a in args))
