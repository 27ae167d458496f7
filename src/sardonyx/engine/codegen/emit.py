"""A kernel as an LLVM module in text.

Control flow is structured, so registers become SSA values right here: a loop's registers are phis at its head, a branch's
are phis at its join. Nothing is left for mem2reg to find.

Each kernel is two functions: the public one unpacks the argument slots; the inner one has one typed parameter per slot, so
that what is known of a pointer (noalias, align) is an attribute that every later pass understands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sardonyx.engine.codegen.target import Target
from sardonyx.engine.codegen.values import Values, llvm_type
from sardonyx.tile import Alloc, Block, Const, For, If, Instr, Kernel, Let, Param, Prefetch, Set, Store
from sardonyx.tile.instr import INSTRS
from sardonyx.tile.ir import walk

__all__ = ["emit_module"]


def emit_module(kernels: Sequence[Kernel], target: Target, *, internal: bool = False) -> str:
    """The text of one module with all kernels, seen from outside unless `internal`; instructions that the target lacks must
    be expanded before."""
    declared: dict[str, str] = {}
    bodies: list[str] = []
    for kernel in kernels:
        emitter = _Emitter(target, "internal " if internal else "")
        emitter.kernel(kernel)
        declared |= emitter.declared
        bodies += emitter.lines
    wide = ' "min-legal-vector-width"="512"' if target.has("avx512f") else ""
    attributes = f'attributes #0 = {{ nounwind mustprogress "tune-cpu"="{target.tune}"{wide} }}'
    head = f'target triple = "{target.triple}"'
    return "\n".join([head, *declared.values(), *bodies, attributes, ""])


@dataclass(frozen=True)
class _Slot:
    """One parameter of the inner function."""

    param: Param
    name: str

    @property
    def type(self) -> str:
        return llvm_type(self.param.type)

    def declare(self) -> str:
        facts = " noalias" if self.param.noalias else ""
        facts += f" align {self.param.align}" if self.param.align > 1 else ""
        return f"{self.type}{facts} {self.name}"


class _Emitter(Values):
    """Emits one kernel's statements; `Values` emits their expressions."""

    def __init__(self, target: Target, linkage: str = "") -> None:
        super().__init__(target)
        self.linkage = linkage
        self.label = "entry"
        self._labels = 0
        self._allocs: list[str] = []
        self.reg_types: dict[str, str] = {}

    def kernel(self, kernel: Kernel) -> None:
        slots = [_Slot(p, f"%p{i}") for i, p in enumerate(kernel.params)]
        params = [*(s.declare() for s in slots), "i64 %begin", "i64 %end", "ptr align 64 %scratch"]
        self.vars = {s.param.name: s.name for s in slots}
        if kernel.scratch is not None:
            self.vars[kernel.scratch.name] = "%scratch"
        self.lines.append(f"define internal void @{kernel.name}.tasks({', '.join(params)}) #0 {{\nentry:")
        entry = len(self.lines)
        self.block(kernel.setup)
        self._loop(kernel.task.name, "%begin", "%end", "1", kernel.body, guard=True)
        if any(isinstance(s, Instr) for s in (*walk(kernel.setup), *walk(kernel.body))):
            self.lines.append("  " + self.intrinsic("llvm.x86.tilerelease", "void", []))
        self.lines += ["  ret void", "}"]
        self.lines[entry:entry] = self._allocs
        self._unpack(kernel, slots)

    def _unpack(self, kernel: Kernel, slots: list[_Slot]) -> None:
        self.lines.append(
            f"define {self.linkage}void @{kernel.name}(ptr %args, i64 %begin, i64 %end, ptr %scratch) #0 {{"
        )
        for i, slot in enumerate(slots):
            self.lines.append(f"  %a{i} = getelementptr i64, ptr %args, i64 {i}")
            self.lines.append(f"  {slot.name} = load {slot.type}, ptr %a{i}, align 8")
        passed = [*(f"{s.type} {s.name}" for s in slots), "i64 %begin", "i64 %end", "ptr %scratch"]
        self.lines += [f"  tail call void @{kernel.name}.tasks({', '.join(passed)})", "  ret void", "}"]

    # --- statements ----------------------------------------------------------------------------------------------------

    def block(self, block: Block) -> None:
        for s in block:
            _EMIT[type(s)](self, s)

    def let(self, s: Let) -> None:
        self.vars[s.var.name] = self.value(s.value)

    def set(self, s: Set) -> None:
        self.regs[s.reg.name] = self.value(s.value)
        self.reg_types[s.reg.name] = llvm_type(s.reg.type)

    def store(self, s: Store) -> None:
        t, ty = s.value.type, llvm_type(s.value.type)
        at, value = self.address(s.base, s.index, t), self.value(s.value)
        vector = s.index.type.lanes > 1
        if s.mask is None and not vector:
            self.lines.append(f"  store {ty} {value}, ptr {at}, align {t.bytes}")
            return
        if t.lanes == 1:
            assert s.mask is not None
            self._branch(
                self.value(s.mask), lambda: self.lines.append(f"  store {ty} {value}, ptr {at}, align {t.bytes}")
            )
            return
        mask = "splat (i1 true)" if s.mask is None else self.value(s.mask)
        self.lines.append("  " + self.masked("scatter" if vector else "store", t, at, mask, value))

    def prefetch(self, s: Prefetch) -> None:
        at = self.address(s.base, s.index, s.kind)
        name = "llvm.prefetch.p0"
        self.declared.setdefault(name, f"declare void @{name}(ptr, i32 immarg, i32 immarg, i32 immarg)")
        self.lines.append(f"  call void @{name}(ptr {at}, i32 {int(s.write)}, i32 {s.locality}, i32 1)")

    def alloc(self, s: Alloc) -> None:
        name = f"%{s.var.name}.stack{len(self._allocs)}"
        self._allocs.append(f"  {name} = alloca [{s.bytes} x i8], align 64")
        self.vars[s.var.name] = name

    def instr(self, s: Instr) -> None:
        declared = INSTRS[s.name]
        if s.name == "tileconfig":
            self._configure()
            return
        args = [f"i8 {a}" if isinstance(a, int) else self.typed(a) for a in s.args]
        types = ["i8 immarg" if isinstance(a, int) else llvm_type(a.type) for a in s.args]
        name = f"llvm.x86.{declared.llvm}"
        self.declared.setdefault(name, f"declare void @{name}({', '.join(types)})")
        self.lines.append(f"  call void @{name}({', '.join(args)})")

    def _configure(self) -> None:
        """Load the configuration of eight tiles of 16 rows x 64 bytes, kept in a constant of the module."""
        shape = [1, *[0] * 15, *[64, 0] * 8, *[0] * 16, *[16] * 8, *[0] * 8]
        self.declared["tile.config"] = (
            f"@tile.config = private constant [64 x i8] [{', '.join(f'i8 {b}' for b in shape)}], align 64"
        )
        self.lines.append("  " + self.intrinsic("llvm.x86.ldtilecfg", "void", [("ptr", "@tile.config")]))

    # --- control -------------------------------------------------------------------------------------------------------

    def _new_label(self, name: str) -> str:
        self._labels += 1
        return f"{name}{self._labels}"

    def _start(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.label = label

    def _branch(self, cond: str, then: Callable[[], object], orelse: Callable[[], object] | None = None) -> None:
        yes, no, join = (self._new_label(n) for n in ("then", "else", "join"))
        before, came = dict(self.regs), self.label
        self.lines.append(f"  br i1 {cond}, label %{yes}, label %{no if orelse else join}")
        self._start(yes)
        then()
        first, from_first = self.regs, self.label
        self.lines.append(f"  br label %{join}")
        self.regs = dict(before)
        from_second = came
        if orelse:
            self._start(no)
            orelse()
            from_second = self.label
            self.lines.append(f"  br label %{join}")
        second = self.regs
        self._start(join)
        self.regs = {}
        for name in [n for n in first if n in second]:
            a, b, ty = first[name], second[name], self.reg_types[name]
            self.regs[name] = a if a == b else self.new(f"phi {ty} [ {a}, %{from_first} ], [ {b}, %{from_second} ]")

    def branch(self, s: If) -> None:
        orelse = (lambda: self.block(s.orelse)) if s.orelse else None
        self._branch(self.value(s.cond), lambda: self.block(s.then), orelse)

    def loop(self, s: For) -> None:
        lo, hi, step = self.value(s.lo), self.value(s.hi), self.value(s.step)
        if isinstance(s.lo, Const) and isinstance(s.hi, Const) and isinstance(s.step, Const):
            trips = range(int(s.lo.value), int(s.hi.value), int(s.step.value))
            if s.kind == "unroll" or len(trips) <= 1:
                for i in trips:
                    self.vars[s.var.name] = str(i)
                    self.block(s.body)
                return
            self._loop(s.var.name, lo, hi, step, s.body, guard=False)
            return
        self._loop(s.var.name, lo, hi, step, s.body, guard=True)

    def _loop(self, var: str, lo: str, hi: str, step: str, body: Block, guard: bool) -> None:
        """A loop that tests at the bottom; with `guard`, also once before it."""
        head, done = self._new_label("loop"), self._new_label("done")
        carried = [n for n in _assigned(body) if n in self.regs]
        before, came = {n: self.regs[n] for n in carried}, self.label
        if guard:
            self.lines.append(f"  br i1 {self.new(f'icmp slt i64 {lo}, {hi}')}, label %{head}, label %{done}")
        else:
            self.lines.append(f"  br label %{head}")
        self._start(head)
        at = len(self.lines)
        index = self.new("")  # its phi is written when the end of the loop is known
        for name in carried:
            self.regs[name] = self.new("")
        phis = {n: self.regs[n] for n in carried}
        self.vars[var] = index
        outside = set(self.regs)
        self.block(body)
        latch = self.label
        following = self.new(f"add nsw i64 {index}, {step}")
        self.lines.append(f"  br i1 {self.new(f'icmp slt i64 {following}, {hi}')}, label %{head}, label %{done}")
        self.lines[at] = f"  {index} = phi i64 [ {lo}, %{came} ], [ {following}, %{latch} ]"
        for i, name in enumerate(carried):
            incoming = f"[ {before[name]}, %{came} ], [ {self.regs[name]}, %{latch} ]"
            self.lines[at + 1 + i] = f"  {phis[name]} = phi {self.reg_types[name]} {incoming}"
        self._start(done)
        self.regs = {n: v for n, v in self.regs.items() if n in outside}
        if guard:
            for name in carried:
                incoming = f"[ {before[name]}, %{came} ], [ {self.regs[name]}, %{latch} ]"
                self.regs[name] = self.new(f"phi {self.reg_types[name]} {incoming}")


def _assigned(body: Block) -> list[str]:
    """The registers that a block sets, each once, in order."""
    return list(dict.fromkeys(s.reg.name for s in walk(body) if isinstance(s, Set)))


_EMIT: dict[type, Callable[[_Emitter, Any], None]] = {
    Let: _Emitter.let,
    Set: _Emitter.set,
    Store: _Emitter.store,
    For: _Emitter.loop,
    If: _Emitter.branch,
    Prefetch: _Emitter.prefetch,
    Alloc: _Emitter.alloc,
    Instr: _Emitter.instr,
}
