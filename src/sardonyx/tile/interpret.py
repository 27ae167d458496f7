"""The interpreter: what a kernel means, slowly, in NumPy. Code generation is tested against it bit for bit.

Every access is checked against the array it was given, so the interpreter also finds reads and writes out of bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sardonyx.core.errors import ExecutionError
from sardonyx.tile import arithmetic
from sardonyx.tile.expand import expansion, lower_instrs
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
)
from sardonyx.tile.ir import Alloc, Block, For, If, Kernel, Let, Prefetch, Set, Store
from sardonyx.tile.types import Type

__all__ = ["interpret"]

_UNINITIALISED = 0xAA  # local memory starts as this, so that a result that depends on it looks wrong


@dataclass(frozen=True)
class Pointer:
    """A place in an array of bytes."""

    memory: np.ndarray[Any, np.dtype[np.uint8]]
    offset: int
    name: str


Value = Any  # a Pointer, a NumPy scalar, or a NumPy vector of `lanes` elements


def interpret(
    kernel: Kernel, args: Sequence[np.ndarray[Any, Any] | float], begin: int = 0, end: int = 1, scratch: int = 1 << 16
) -> None:
    """Run tasks begin..end-1. An array stands for a pointer to its first element and is written in place."""
    if len(args) != len(kernel.params):
        raise ExecutionError(f"kernel {kernel.name} takes {len(kernel.params)} arguments, not {len(args)}")
    machine = _Machine(kernel.name)
    for param, arg in zip(kernel.params, args, strict=True):
        machine.vars[param.name] = _argument(param.name, param.type, arg)
    if kernel.scratch is not None:
        machine.vars[kernel.scratch.name] = _fresh_memory("scratch", scratch)
    lowered = lower_instrs(kernel)
    with np.errstate(all="ignore"):
        machine.block(lowered.setup)
        for task in range(begin, end):
            machine.vars[kernel.task.name] = np.int64(task)
            machine.block(lowered.body)


def _argument(name: str, t: Type, arg: np.ndarray[Any, Any] | float) -> Value:
    if not t.is_ptr:
        return t.numpy.type(arg)  # pyright: ignore[reportArgumentType] the caller's number
    if not isinstance(arg, np.ndarray) or not arg.flags.c_contiguous:
        raise ExecutionError(f"pointer {name} needs a contiguous array")
    return Pointer(arg.reshape(-1).view(np.uint8), 0, name)


def _fresh_memory(name: str, size: int) -> Pointer:
    return Pointer(np.full(size, _UNINITIALISED, np.uint8), 0, name)


class _Machine:
    """The names of a running kernel and what they are."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.vars: dict[str, Value] = {}
        self.regs: dict[str, Value] = {}

    # --- memory --------------------------------------------------------------------------------------------------------

    def element(self, at: Pointer, index: int, t: Type, what: str) -> slice:
        """The bytes of at[index]; an access outside the array is an error."""
        start = at.offset + index * t.bytes
        if not 0 <= start <= at.memory.size - t.bytes:
            raise ExecutionError(
                f"kernel {self.name} {what} out of bounds",
                where=f"{at.name}, byte {start} of {at.memory.size}",
                why=f"element {index} of type {t.scalar}, from byte {at.offset}",
            )
        return slice(start, start + t.bytes)

    def places(self, at: Pointer, index: Value, t: Type, mask: Value | None, what: str) -> list[tuple[int, slice]]:
        """Lane and bytes of every lane that is accessed."""
        numbers = [int(i) for i in index] if np.ndim(index) else [int(index) + i for i in range(t.lanes)]
        lanes = [mask] if mask is None or not np.ndim(mask) else mask
        active = [True] * t.lanes if mask is None else [bool(m) for m in lanes]
        return [(i, self.element(at, n, t, what)) for i, n in enumerate(numbers) if active[i]]

    # --- statements ----------------------------------------------------------------------------------------------------

    def block(self, block: Block) -> None:
        for s in block:
            match s:
                case Let(var, value):
                    self.vars[var.name] = self.eval(value)
                case Set(reg, value):
                    self.regs[reg.name] = self.eval(value)
                case Store(base, index, value, mask):
                    self.store(base, index, value, mask)
                case For(var, lo, hi, step, body):
                    for i in range(int(self.eval(lo)), int(self.eval(hi)), int(self.eval(step))):
                        self.vars[var.name] = np.int64(i)
                        self.block(body)
                case If(cond, then, orelse):
                    self.block(then if self.eval(cond) else orelse)
                case Alloc(var, size):
                    self.vars[var.name] = _fresh_memory(var.name, size)
                case Prefetch():
                    pass
                case _:
                    raise ExecutionError(f"kernel {self.name}: {s} was not lowered")

    def store(self, base: Expr, index: Expr, value: Expr, mask: Expr | None) -> None:
        at, numbers, t = self.eval(base), self.eval(index), value.type
        values = np.atleast_1d(self.eval(value))
        active = None if mask is None else self.eval(mask)
        for lane, where in self.places(at, numbers, t, active, "writes"):
            at.memory[where] = np.frombuffer(values[lane].tobytes(), np.uint8)

    # --- expressions ---------------------------------------------------------------------------------------------------

    def eval(self, e: Expr) -> Value:
        return _EVAL[type(e)](self, e)

    def const(self, e: Const) -> Value:
        one = e.type.numpy.type(e.value)  # pyright: ignore[reportArgumentType] a number of that type
        return one if e.type.lanes == 1 else np.full(e.type.lanes, one)

    def var(self, e: Var) -> Value:
        return self.vars[e.name]

    def reg(self, e: Reg) -> Value:
        return self.regs[e.name]

    def bin(self, e: Bin) -> Value:
        return arithmetic.binary(e.op, self.eval(e.a), self.eval(e.b), e.a.type)

    def un(self, e: Un) -> Value:
        return arithmetic.unary(e.op, self.eval(e.a), e.type)

    def fma(self, e: Fma) -> Value:
        return arithmetic.fma(self.eval(e.a), self.eval(e.b), self.eval(e.c), e.type)

    def cast(self, e: Cast) -> Value:
        return arithmetic.cast(self.eval(e.a), e.a.type, e.type)

    def bitcast(self, e: Bitcast) -> Value:
        flat = np.frombuffer(np.atleast_1d(self.eval(e.a)).tobytes(), e.type.numpy)
        return flat if e.type.lanes > 1 else flat[0]

    def select(self, e: Select) -> Value:
        cond, a, b = self.eval(e.cond), self.eval(e.a), self.eval(e.b)
        if isinstance(a, Pointer) or not np.ndim(cond):
            return a if cond else b
        return np.where(cond, a, b)

    def load(self, e: Load) -> Value:
        at, numbers = self.eval(e.base), self.eval(e.index)
        mask = None if e.mask is None else self.eval(e.mask)
        out = np.zeros(e.type.lanes, e.type.numpy)
        for lane, where in self.places(at, numbers, e.type, mask, "reads"):
            out[lane] = at.memory[where].view(e.type.numpy)[0]
        return out if e.type.lanes > 1 else out[0]

    def address(self, e: Address) -> Value:
        at = self.eval(e.base)
        return replace(at, offset=at.offset + int(self.eval(e.index)) * e.kind.bytes)

    def broadcast(self, e: Broadcast) -> Value:
        return np.full(e.lanes, self.eval(e.a))

    def ramp(self, e: Ramp) -> Value:
        lanes = np.arange(e.type.lanes).astype(e.type.numpy)
        return lanes if e.type.lanes > 1 else lanes[0]

    def lane(self, e: Lane) -> Value:
        return self.eval(e.a)[e.index]

    def reduce(self, e: Reduce) -> Value:
        value, t = self.eval(e.a), e.a.type
        while t.lanes > 1:
            t = t.x(t.lanes // 2)
            value = arithmetic.binary(e.op, value[: t.lanes], value[t.lanes :], t)
        return value[0] if np.ndim(value) else value

    def shuffle(self, e: Shuffle) -> Value:
        return np.concatenate([self.eval(e.a), self.eval(e.b)])[list(e.indices)]

    def call(self, e: Call) -> Value:
        body = expansion(e.fn, tuple(a.type for a in e.args))
        args = [self.eval(a) for a in e.args]
        kept = self.vars
        self.vars = {p.name: a for p, a in zip(body.params, args, strict=True)}
        for let in body.lets:
            self.vars[let.var.name] = self.eval(let.value)
        result = self.eval(body.result)
        self.vars = kept
        return result


_EVAL: dict[type[Expr], Callable[[_Machine, Any], Value]] = {
    Const: _Machine.const, Var: _Machine.var, Reg: _Machine.reg, Bin: _Machine.bin, Un: _Machine.un, Fma: _Machine.fma,
    Cast: _Machine.cast, Bitcast: _Machine.bitcast, Select: _Machine.select, Load: _Machine.load,
    Address: _Machine.address, Broadcast: _Machine.broadcast, Ramp: _Machine.ramp, Lane: _Machine.lane,
    Reduce: _Machine.reduce, Shuffle: _Machine.shuffle, Call: _Machine.call,
}  # fmt: skip
