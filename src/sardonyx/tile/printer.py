"""Kernels as text: one statement per line, blocks by indentation. `parser` reads it back to an equal kernel.

    kernel scale(x: ptr noalias align 64, n: i64) task task
    setup
      let c: f32 = 0.5:f32
    body
      for i = (task * 8) to n step 8 serial
        let v: f32x8 = load f32x8 x[i] if m
        store x[i] = (v * splat(c, 8)) if m
        set $acc: f32x8 = fma(v, v, $acc)

Registers carry a ``$``; a constant carries its type, except an i64.
"""

from __future__ import annotations

import math

from sardonyx.tile.expr import (
    ARITHMETIC,
    COMPARISONS,
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
from sardonyx.tile.ir import Alloc, Block, For, If, Instr, Kernel, Let, Param, Prefetch, Set, Stmt, Store
from sardonyx.tile.types import i64

__all__ = ["RESERVED", "print_expr", "print_kernel", "print_stmt"]

RESERVED = frozenset({"load", "at", "cast", "bits", "ramp", "reduce", "call", "inf", "nan"})  # not names of variables

_SIGNS = {op: sign for op, (_, sign) in ARITHMETIC.items() if sign} | COMPARISONS


def print_kernel(kernel: Kernel) -> str:
    """The text of a kernel, ending in a newline."""
    params = ", ".join(map(_param, kernel.params))
    scratch = f" scratch {kernel.scratch.name}" if kernel.scratch is not None else ""
    lines = [f"kernel {kernel.name}({params}) task {kernel.task.name}{scratch}"]
    if kernel.setup:
        lines.append("setup")
        _block(kernel.setup, 1, lines)
    lines.append("body")
    _block(kernel.body, 1, lines)
    return "\n".join(lines) + "\n"


def print_stmt(s: Stmt) -> str:
    """The text of one statement and the blocks inside it."""
    lines: list[str] = []
    _stmt(s, 0, lines)
    return "\n".join(lines)


def _param(p: Param) -> str:
    align = f" align {p.align}" if p.align > 1 else ""
    return f"{p.name}: {p.type}{' noalias' if p.noalias else ''}{align}"


def _block(block: Block, depth: int, lines: list[str]) -> None:
    for s in block:
        _stmt(s, depth, lines)


def _stmt(s: Stmt, depth: int, lines: list[str]) -> None:
    pad = "  " * depth
    match s:
        case Let(var, value):
            lines.append(f"{pad}let {var.name}: {var.type} = {print_expr(value)}")
        case Set(reg, value):
            lines.append(f"{pad}set ${reg.name}: {reg.type} = {print_expr(value)}")
        case Store(base, index, value, mask):
            lines.append(f"{pad}store {print_expr(base)}[{print_expr(index)}] = {print_expr(value)}{_mask(mask)}")
        case For(var, lo, hi, step, body, kind):
            head = f"for {var.name} = {print_expr(lo)} to {print_expr(hi)} step {print_expr(step)} {kind}"
            lines.append(pad + head)
            _block(body, depth + 1, lines)
        case If(cond, then, orelse):
            lines.append(f"{pad}if {print_expr(cond)}")
            _block(then, depth + 1, lines)
            if orelse:
                lines.append(f"{pad}else")
                _block(orelse, depth + 1, lines)
        case Prefetch(base, index, kind, write, locality):
            where = f"{kind} {print_expr(base)}[{print_expr(index)}]"
            lines.append(f"{pad}prefetch {where} {'write' if write else 'read'} {locality}")
        case Alloc(var, size):
            lines.append(f"{pad}alloc {var.name} {size}")
        case Instr(name, args):
            shown = ", ".join(f"#{a}" if isinstance(a, int) else print_expr(a) for a in args)
            lines.append(f"{pad}do {name}({shown})")


def _mask(mask: Expr | None) -> str:
    return "" if mask is None else f" if {print_expr(mask)}"


def print_expr(e: Expr) -> str:
    """The text of an expression, fully parenthesised."""
    p = print_expr
    match e:
        case Const(value, t):
            if t.is_bool:
                return f"{'true' if value else 'false'}:{t}"
            shown = str(value) if not t.is_float or math.isfinite(value) else repr(float(value)).removeprefix("+")
            return shown if t == i64 else f"{shown}:{t}"
        case Var(name):
            return name
        case Reg(name):
            return "$" + name
        case Bin(op, a, b):
            sign = _SIGNS.get(op)
            return f"({p(a)} {sign} {p(b)})" if sign else f"{op}({p(a)}, {p(b)})"
        case Un(op, a):
            return f"{op}({p(a)})"
        case Fma(a, b, c):
            return f"fma({p(a)}, {p(b)}, {p(c)})"
        case Cast(t, a):
            return f"cast {t}({p(a)})"
        case Bitcast(t, a):
            return f"bits {t}({p(a)})"
        case Select(cond, a, b):
            return f"select({p(cond)}, {p(a)}, {p(b)})"
        case Load(t, base, index, mask):
            inner = f"load {t} {p(base)}[{p(index)}]{_mask(mask)}"
            return f"({inner})" if mask is not None else inner
        case Address(base, index, kind):
            return f"at {kind} {p(base)}[{p(index)}]"
        case Broadcast(a, lanes):
            return f"splat({p(a)}, {lanes})"
        case Ramp(t):
            return f"ramp {t}"
        case Lane(a, index):
            return f"lane({p(a)}, {index})"
        case Reduce(op, a):
            return f"reduce {op}({p(a)})"
        case Shuffle(a, b, indices):
            return f"shuffle({p(a)}, {p(b)}, {', '.join(map(str, indices))})"
        case Call(fn, args):
            return f"call {fn}({', '.join(map(p, args))})"
        case _:
            raise TypeError(f"{type(e).__name__} is no node of the tile IR")
