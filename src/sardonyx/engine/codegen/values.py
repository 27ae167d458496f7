"""Expressions as LLVM text. Every type of the tile IR has one LLVM type, and every operator a few instructions.

bf16 and f16 are held as i16: they are only moved, and casts spell out the conversion. No fast-math flag is ever set:
what the interpreter computes is what the machine computes, bit for bit. The one exception is Fma on a CPU without fused
multiply-add, where it rounds twice.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from sardonyx.engine.codegen.target import Target
from sardonyx.tile import (
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
    Type,
    Un,
    Var,
    f32,
    i1,
    u16,
)
from sardonyx.tile.expand import Expansion, expansion

__all__ = ["Values", "llvm_type"]

_SCALARS = {
    "i1": "i1", "i8": "i8", "u8": "i8", "i16": "i16", "u16": "i16", "i32": "i32", "u32": "i32", "i64": "i64", "u64": "i64",
    "f16": "i16", "bf16": "i16", "f32": "float", "f64": "double", "ptr": "ptr",
}  # fmt: skip
_SUFFIX = {"float": "f32", "double": "f64", "half": "f16"}

# op -> (instruction for floats, for signed integers and bools, for unsigned integers)
_SIMPLE: dict[str, tuple[str, str, str]] = {
    "add": ("fadd", "add", "add"),
    "sub": ("fsub", "sub", "sub"),
    "mul": ("fmul", "mul", "mul"),
    "div": ("fdiv", "", ""),
    "and": ("", "and", "and"),
    "or": ("", "or", "or"),
    "xor": ("", "xor", "xor"),
    "lt": ("fcmp olt", "icmp slt", "icmp ult"),
    "le": ("fcmp ole", "icmp sle", "icmp ule"),
    "gt": ("fcmp ogt", "icmp sgt", "icmp ugt"),
    "ge": ("fcmp oge", "icmp sge", "icmp uge"),
    "eq": ("fcmp oeq", "icmp eq", "icmp eq"),
    "ne": ("fcmp une", "icmp ne", "icmp ne"),
}
_INTRINSIC: dict[str, tuple[str, str, str]] = {
    "min": ("minimum", "smin", "umin"),
    "max": ("maximum", "smax", "umax"),
    "abs": ("fabs", "abs", ""),
    "sqrt": ("sqrt", "", ""),
    "floor": ("floor", "", ""),
    "ceil": ("ceil", "", ""),
    "trunc": ("trunc", "", ""),
    "round_even": ("roundeven", "", ""),
    "popcount": ("", "ctpop", "ctpop"),
    "clz": ("", "ctlz", "ctlz"),
}


def _pick(row: tuple[str, str, str], t: Type) -> str:
    return row[0] if t.is_float else row[1] if t.is_signed or t.is_bool else row[2]


def llvm_type(t: Type) -> str:
    """The LLVM type that holds a value of type t."""
    scalar = _SCALARS[t.kind]
    return scalar if t.lanes == 1 else f"<{t.lanes} x {scalar}>"


def _suffix(t: Type) -> str:
    scalar = _SCALARS[t.kind]
    scalar = _SUFFIX.get(scalar, scalar)
    return scalar if t.lanes == 1 else f"v{t.lanes}{scalar}"


def constant(value: float | bool, t: Type) -> str:
    """A number as an LLVM constant of type t, without the type."""
    if t.is_bool:
        scalar = "true" if value else "false"
    elif t.is_storage:
        scalar = str(int.from_bytes(t.numpy.type(value).tobytes(), "little"))  # pyright: ignore[reportCallIssue] takes a number
    elif t.is_float:
        scalar = f"0x{struct.unpack('<Q', struct.pack('<d', float(value)))[0]:016X}"
    else:
        scalar = str(int(value))
    return scalar if t.lanes == 1 else f"splat ({llvm_type(t.scalar)} {scalar})"


class Values:
    """Emits expressions into `lines`; knows what every variable and register is at the moment."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.lines: list[str] = []
        self.vars: dict[str, str] = {}
        self.regs: dict[str, str] = {}
        self.declared: dict[str, str] = {}  # intrinsic -> its declaration
        self._count = 0

    # --- building blocks -----------------------------------------------------------------------------------------------

    def new(self, text: str) -> str:
        """Emit `%v = text` and return the name of the value."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"  {name} = {text}")
        return name

    def intrinsic(self, name: str, result: str, args: list[tuple[str, str]]) -> str:
        """Declare an intrinsic once and return the text of a call of it."""
        types = ", ".join(t for t, _ in args)
        self.declared.setdefault(name, f"declare {result} @{name}({types})")
        return f"call {result} @{name}({', '.join(f'{t} {v}' for t, v in args)})"

    def unary(self, name: str, t: Type, *args: str) -> str:
        """A call of the overloaded intrinsic llvm.<name> on values of type t."""
        ty = llvm_type(t)
        return self.new(self.intrinsic(f"llvm.{name}.{_suffix(t)}", ty, [(ty, a) for a in args]))

    def op(self, op: str, t: Type, a: str, b: str) -> str:
        """a op b on two emitted values of type t."""
        if op in _SIMPLE:
            return self.new(f"{_pick(_SIMPLE[op], t)} {llvm_type(t)} {a}, {b}")
        if op in ("min", "max"):
            return self.unary(_pick(_INTRINSIC[op], t), t, a, b)
        if op in ("minb", "maxb"):
            lower = self.new(f"fcmp {'olt' if op == 'minb' else 'ogt'} {llvm_type(t)} {a}, {b}")
            return self.select(t, lower, a, b)
        if op in ("shl", "shr"):
            amount = self.new(f"and {llvm_type(t)} {b}, {constant(t.bits - 1, t)}")
            name = "shl" if op == "shl" else "ashr" if t.is_signed else "lshr"
            return self.new(f"{name} {llvm_type(t)} {a}, {amount}")
        if t.is_float and op == "truncmod":
            return self.new(f"frem {llvm_type(t)} {a}, {b}")
        return self._division(op, t, a, b)

    def select(self, t: Type, cond: str, a: str, b: str, scalar: bool = False) -> str:
        """a where the emitted condition holds, else b."""
        ty, ct = llvm_type(t), llvm_type(i1 if scalar else t.like(i1))
        return self.new(f"select {ct} {cond}, {ty} {a}, {ty} {b}")

    def _division(self, op: str, t: Type, a: str, b: str) -> str:
        """Integer division that never traps: by zero it gives 0, and the smallest integer by -1 wraps."""
        ty, zero = llvm_type(t), constant(0, t)
        bad = self.new(f"icmp eq {ty} {b}, {zero}")
        if t.is_signed:
            least, minus = constant(-(1 << (t.bits - 1)), t), constant(-1, t)
            wraps = self.new(f"and {llvm_type(t.like(i1))} {self.new(f'icmp eq {ty} {a}, {least}')}, "
                             f"{self.new(f'icmp eq {ty} {b}, {minus}')}")  # fmt: skip
            unsafe = self.new(f"or {llvm_type(t.like(i1))} {bad}, {wraps}")
        else:
            wraps, unsafe = "", bad
        by = self.select(t, unsafe, constant(1, t), b)
        sign = "s" if t.is_signed else "u"
        quotient = self.new(f"{sign}div {ty} {a}, {by}")
        rest = self.new(f"{sign}rem {ty} {a}, {by}")
        if t.is_signed and op.startswith("floor"):
            differ = self.new(f"icmp slt {ty} {self.new(f'xor {ty} {rest}, {by}')}, {zero}")
            inexact = self.new(f"icmp ne {ty} {rest}, {zero}")
            down = self.new(f"and {llvm_type(t.like(i1))} {differ}, {inexact}")
            if op == "floordiv":
                quotient = self.select(t, down, self.new(f"sub {ty} {quotient}, {constant(1, t)}"), quotient)
            else:
                rest = self.select(t, down, self.new(f"add {ty} {rest}, {by}"), rest)
        return self.select(t, bad, zero, quotient if op.endswith("div") else rest)

    # --- expressions ---------------------------------------------------------------------------------------------------

    def value(self, e: Expr) -> str:
        """Emit an expression and return the LLVM value, a name or a constant."""
        return _EMIT[type(e)](self, e)

    def typed(self, e: Expr) -> str:
        return f"{llvm_type(e.type)} {self.value(e)}"

    def const(self, e: Const) -> str:
        return constant(e.value, e.type)

    def var(self, e: Var) -> str:
        return self.vars[e.name]

    def reg(self, e: Reg) -> str:
        return self.regs[e.name]

    def bin(self, e: Bin) -> str:
        t, a = e.a.type, self.value(e.a)
        if isinstance(e.b, Const) and e.b.value > 0 and (e.op.endswith(("div", "mod")) and t.is_int):
            return self._divide_by(e.op, t, a, int(e.b.value))
        return self.op(e.op, t, a, self.value(e.b))

    def _divide_by(self, op: str, t: Type, a: str, by: int) -> str:
        """Division by a positive constant: a power of two rounded down is a shift or a mask."""
        ty = llvm_type(t)
        if by & (by - 1) == 0 and (op.startswith("floor") or not t.is_signed):
            if op.endswith("div"):
                return self.new(f"{'ashr' if t.is_signed else 'lshr'} {ty} {a}, {constant(by.bit_length() - 1, t)}")
            return self.new(f"and {ty} {a}, {constant(by - 1, t)}")
        sign, b = "s" if t.is_signed else "u", constant(by, t)
        rest = self.new(f"{sign}rem {ty} {a}, {b}")
        quotient = self.new(f"{sign}div {ty} {a}, {b}") if op.endswith("div") else ""
        if t.is_signed and op.startswith("floor"):
            negative = self.new(f"ashr {ty} {rest}, {constant(t.bits - 1, t)}")  # -1 or 0
            if quotient:
                return self.new(f"add {ty} {quotient}, {negative}")
            return self.new(f"add {ty} {rest}, {self.new(f'and {ty} {negative}, {b}')}")
        return quotient or rest

    def un(self, e: Un) -> str:
        t, ty, a = e.type, llvm_type(e.type), self.value(e.a)
        match e.op:
            case "neg":
                return self.new(f"fneg {ty} {a}" if t.is_float else f"sub {ty} {constant(0, t)}, {a}")
            case "not":
                return self.new(f"xor {ty} {a}, {constant(True if t.is_bool else -1, t)}")
            case "abs" | "clz" if not t.is_float:
                if e.op == "abs" and not t.is_signed:
                    return a
                name = f"llvm.{_pick(_INTRINSIC[e.op], t)}.{_suffix(t)}"
                self.declared.setdefault(name, f"declare {ty} @{name}({ty}, i1 immarg)")
                return self.new(f"call {ty} @{name}({ty} {a}, i1 false)")
            case _:
                return self.unary(_pick(_INTRINSIC[e.op], t), t, a)

    def fma(self, e: Fma) -> str:
        a, b, c = self.value(e.a), self.value(e.b), self.value(e.c)
        if self.target.has("fma"):
            return self.unary("fma", e.type, a, b, c)
        return self.op("add", e.type, self.op("mul", e.type, a, b), c)

    def cast(self, e: Cast) -> str:
        if isinstance(e.a, Un) and e.a.op == "round_even" and (e.a.type.kind, e.type.kind) == ("f32", "i32"):
            # rounded by the conversion, in the default mode of every process
            a, (whole, wide) = self.value(e.a.a), (_suffix(e.type), _suffix(e.a.type))
            called = self.intrinsic(f"llvm.lrint.{whole}.{wide}", llvm_type(e.type), [(llvm_type(e.a.type), a)])
            return self.new(f"freeze {llvm_type(e.type)} {self.new(called)}")
        return self.convert(self.value(e.a), e.a.type, e.type)

    def convert(self, a: str, source: Type, to: Type) -> str:
        """An emitted value of type `source` as type `to`."""
        if source == to:
            return a
        if source.is_storage or to.is_storage:
            return self._storage(a, source, to)
        src, dst = llvm_type(source), llvm_type(to)
        if to.is_bool:
            zero = constant(0, source)
            return self.new(f"fcmp une {src} {a}, {zero}" if source.is_float else f"icmp ne {src} {a}, {zero}")
        if source.is_float and to.is_float:
            return self.new(f"{'fpext' if to.bits > source.bits else 'fptrunc'} {src} {a} to {dst}")
        if source.is_float:
            unsafe = self.new(f"{'fptosi' if to.is_signed else 'fptoui'} {src} {a} to {dst}")
            return self.new(f"freeze {dst} {unsafe}")
        if to.is_float:
            return self.new(f"{'sitofp' if source.is_signed else 'uitofp'} {src} {a} to {dst}")
        if to.bits == source.bits:
            return a
        name = "trunc" if to.bits < source.bits else "sext" if source.is_signed else "zext"
        return self.new(f"{name} {src} {a} to {dst}")

    def _storage(self, a: str, source: Type, to: Type) -> str:
        """To or from bf16 or f16, always by way of f32."""
        middle = source.like(f32)
        if source.is_storage and to != middle:
            return self.convert(self.convert(a, source, middle), middle, to)
        if to.is_storage and source != middle:
            return self.convert(self.convert(a, source, middle), middle, to)
        kind = source.kind if source.is_storage else to.kind
        if kind == "f16" and self.target.has("f16c"):
            i16, half, wide = llvm_type(middle.like(u16)), llvm_type(middle).replace("float", "half"), llvm_type(middle)
            if source.is_storage:
                return self.new(f"fpext {half} {self.new(f'bitcast {i16} {a} to {half}')} to {wide}")
            return self.new(f"bitcast {half} {self.new(f'fptrunc {wide} {a} to {half}')} to {i16}")
        return self.inline(expansion(f"{kind}_{'widen' if source.is_storage else 'narrow'}", (source,)), [a])

    def bitcast(self, e: Bitcast) -> str:
        a, src, dst = self.value(e.a), llvm_type(e.a.type), llvm_type(e.type)
        return a if src == dst else self.new(f"bitcast {src} {a} to {dst}")

    def choose(self, e: Select) -> str:
        cond, a, b = self.value(e.cond), self.value(e.a), self.value(e.b)
        return self.select(e.type, cond, a, b, scalar=e.cond.type == i1)

    def address(self, base: Expr, index: Expr, kind: Type) -> str:
        """A pointer, or a vector of pointers for a vector of indices."""
        b = self.value(base)
        if isinstance(index, Const) and index.value == 0:
            return b
        return self.new(f"getelementptr {_SCALARS[kind.kind]}, ptr {b}, {self.typed(index)}")

    def pointer(self, e: Address) -> str:
        return self.address(e.base, e.index, e.kind)

    def load(self, e: Load) -> str:
        t, ty = e.type, llvm_type(e.type)
        at = self.address(e.base, e.index, t)
        vector = e.index.type.lanes > 1
        if e.mask is None and not vector:
            return self.new(f"load {ty}, ptr {at}, align {t.bytes}")
        if t.lanes == 1:
            return self._load_if(t, at, e.mask)
        mask = "splat (i1 true)" if e.mask is None else self.value(e.mask)
        return self.new(self.masked("gather" if vector else "load", t, at, mask))

    def masked(self, what: str, t: Type, at: str, mask: str, value: str | None = None) -> str:
        """The text of a masked load, gather, store or scatter of lanes of type t."""
        ty, bools = llvm_type(t), llvm_type(t.like(i1))
        many = what in ("gather", "scatter")
        pointers = f"<{t.lanes} x ptr>" if many else "ptr"
        name = f"llvm.masked.{what}.{_suffix(t)}.{f'v{t.lanes}p0' if many else 'p0'}"
        where = (pointers, f"align {t.bytes} {at}")
        mask_arg = (bools, mask)
        args = [where, mask_arg, (ty, "zeroinitializer")] if value is None else [(ty, value), where, mask_arg]
        return self.intrinsic(name, ty if value is None else "void", args)

    def _load_if(self, t: Type, at: str, mask: Expr | None) -> str:
        """A scalar read only if its mask holds, else 0."""
        assert mask is not None
        lane = self.new(f"insertelement <1 x i1> poison, i1 {self.value(mask)}, i32 0")
        ty = f"<1 x {llvm_type(t)}>"
        name = f"llvm.masked.load.v1{_suffix(t)}.p0"
        args = [("ptr", f"align {t.bytes} {at}"), ("<1 x i1>", lane), (ty, "zeroinitializer")]
        return self.new(f"extractelement {ty} {self.new(self.intrinsic(name, ty, args))}, i32 0")

    def broadcast(self, e: Broadcast) -> str:
        a = self.value(e.a)
        return self.splat(a, e.a.type, e.lanes)

    def splat(self, a: str, t: Type, lanes: int) -> str:
        ty = llvm_type(t.x(lanes))
        one = self.new(f"insertelement {ty} poison, {llvm_type(t)} {a}, i64 0")
        return self.new(f"shufflevector {ty} {one}, {ty} poison, <{lanes} x i32> zeroinitializer")

    def ramp(self, e: Ramp) -> str:
        if e.type.lanes == 1:
            return "0"
        scalar = _SCALARS[e.type.kind]
        return "<" + ", ".join(f"{scalar} {i}" for i in range(e.type.lanes)) + ">"

    def lane(self, e: Lane) -> str:
        return self.new(f"extractelement {self.typed(e.a)}, i64 {e.index}")

    def reduce(self, e: Reduce) -> str:
        t, value = e.a.type, self.value(e.a)
        while t.lanes > 1:
            half, ty = t.x(t.lanes // 2), llvm_type(t)
            parts = [self.shuffle_lanes(value, ty, range(s, s + half.lanes)) for s in (0, half.lanes)]
            if half.lanes == 1:
                parts = [self.new(f"extractelement {ty} {value}, i64 {i}") for i in (0, 1)]
            value, t = self.op(e.op, half, *parts), half
        return value

    def shuffle_lanes(self, a: str, ty: str, lanes: range) -> str:
        if len(lanes) == 1:
            return ""
        picks = ", ".join(f"i32 {i}" for i in lanes)
        return self.new(f"shufflevector {ty} {a}, {ty} poison, <{len(lanes)} x i32> <{picks}>")

    def shuffle(self, e: Shuffle) -> str:
        picks = ", ".join(f"i32 {i}" for i in e.indices)
        return self.new(f"shufflevector {self.typed(e.a)}, {self.typed(e.b)}, <{len(e.indices)} x i32> <{picks}>")

    def call(self, e: Call) -> str:
        args = [self.value(a) for a in e.args]
        for feature, intrinsic, lanes in DOT_INSTRUCTIONS.get(e.fn, ()):
            if self.target.has(feature) and e.type.lanes in lanes:
                return self._dot(intrinsic, e, args)
        if e.fn == "pick16" and self.target.has("avx512f"):
            operands = [(llvm_type(a.type), value) for a, value in zip(e.args, args, strict=True)]
            return self.new(self.intrinsic("llvm.x86.avx512.permvar.sf.512", llvm_type(e.type), operands))
        return self.inline(expansion(e.fn, tuple(a.type for a in e.args)), args)

    def inline(self, body: Expansion, args: list[str]) -> str:
        """The value of a function's meaning on emitted arguments."""
        kept = self.vars
        self.vars = {p.name: a for p, a in zip(body.params, args, strict=True)}
        for let in body.lets:
            self.vars[let.var.name] = self.value(let.value)
        result = self.value(body.result)
        self.vars = kept
        return result

    def _dot(self, name: str, e: Call, args: list[str]) -> str:
        bits = e.type.lanes * 32
        operands: list[tuple[str, str]] = []
        for arg, value in zip(e.args, args, strict=True):
            ty = llvm_type(arg.type)
            if arg.type.kind == "bf16":
                bfloat = ty.replace("i16", "bfloat")
                ty, value = bfloat, self.new(f"bitcast {ty} {value} to {bfloat}")
            operands.append((ty, value))
        result = llvm_type(e.type)
        if "pmadd" in name:  # without an accumulator
            return self.op("add", e.type, args[0], self.new(self.intrinsic(name, result, operands[1:])))
        return self.new(self.intrinsic(f"{name}.{bits}", result, operands))


# function -> ways to compute it, the best first: the feature, the intrinsic (without the width, if it accumulates), the lanes
DOT_INSTRUCTIONS: dict[str, tuple[tuple[str, str, tuple[int, ...]], ...]] = {
    "dpbf16": (("avx512bf16", "llvm.x86.avx512bf16.dpbf16ps", (4, 8, 16)),),
    "dpbusd": (
        ("avx512vnni", "llvm.x86.avx512.vpdpbusd", (4, 8, 16)),
        ("avxvnni", "llvm.x86.avx512.vpdpbusd", (4, 8)),
    ),
    "dpwssd": (
        ("avx512vnni", "llvm.x86.avx512.vpdpwssd", (4, 8, 16)),
        ("avxvnni", "llvm.x86.avx512.vpdpwssd", (4, 8)),
        ("avx512bw", "llvm.x86.avx512.pmaddw.d.512", (16,)),
        ("avx2", "llvm.x86.avx2.pmadd.wd", (8,)),
        ("sse2", "llvm.x86.sse2.pmadd.wd", (4,)),
    ),
}

_EMIT: dict[type[Expr], Callable[[Values, Any], str]] = {
    Const: Values.const, Var: Values.var, Reg: Values.reg, Bin: Values.bin, Un: Values.un, Fma: Values.fma,
    Cast: Values.cast, Bitcast: Values.bitcast, Select: Values.choose, Load: Values.load, Address: Values.pointer,
    Broadcast: Values.broadcast, Ramp: Values.ramp, Lane: Values.lane, Reduce: Values.reduce, Shuffle: Values.shuffle,
    Call: Values.call,
}  # fmt: skip
