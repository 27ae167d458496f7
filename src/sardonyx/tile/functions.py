"""Signatures: of the pure functions that `Call` may name and of the machine instructions that `Instr` may.

`tile.math` and `tile.instr` give their meanings.

A mathematical function takes and gives one float type (f32 or f64, any lanes). A dot instruction takes an accumulator and
two vectors of narrower elements, as its machine instruction does. A lookup takes a table and an index, lane by lane.
"""

from __future__ import annotations

from sardonyx.tile.expr import Expr
from sardonyx.tile.ir import Instr
from sardonyx.tile.types import Type, bf16, f32, i8, i16, i32, u8, u32

__all__ = ["ARITY", "DOTS", "INSTR_ARGS", "LOOKUPS", "check_call", "check_instr"]

# Elementwise functions of floats, by number of arguments.
ARITY: dict[str, int] = {
    **dict.fromkeys(("exp", "exp2", "exp_down", "expm1", "log", "log2", "log10", "log1p"), 1),
    **dict.fromkeys(
        ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"), 1
    ),
    **dict.fromkeys(
        ("erf", "sigmoid", "gelu", "gelu_tanh", "silu", "softplus", "mish", "rsqrt", "reciprocal", "cbrt"), 1
    ),
    **dict.fromkeys(("pow", "atan2"), 2),
}

# name -> (accumulator kind, first kind, second kind, elements of each multiplied into one accumulator lane)
DOTS: dict[str, tuple[Type, Type, Type, int]] = {
    "dpbf16": (f32, bf16, bf16, 2),  # acc + a[2i+1] b[2i+1] + a[2i] b[2i]   (AVX512_BF16 vdpbf16ps)
    "dpbusd": (i32, u8, i8, 4),  # acc + sum of four products, wrapping   (VNNI vpdpbusd)
    "dpwssd": (i32, i16, i16, 2),  # acc + sum of two products, wrapping   (VNNI vpdpwssd, else vpmaddwd and vpaddd)
}

# name -> (the kind of the table and of the result, that of the index, how many lanes both have)
LOOKUPS: dict[str, tuple[Type, Type, int]] = {
    "pick16": (
        f32,
        u32,
        16,
    ),  # lane i = the lane of the table that the lowest four bits of index lane i say   (vpermps)
}

# Machine instructions: per argument "tile" (an immediate 0..7), "ptr" or "i64". `tile.instr` says what they do.
_DOT = ("tile", "tile", "tile")
INSTR_ARGS: dict[str, tuple[str, ...]] = {
    "tileconfig": (),
    "tilerelease": (),
    "tilezero": ("tile",),
    "tileload": ("tile", "ptr", "i64"),
    "tilestore": ("tile", "ptr", "i64"),
    **dict.fromkeys(("tdpbf16ps", "tdpbssd", "tdpbsud", "tdpbusd", "tdpbuud"), _DOT),
}


def check_call(fn: str, args: tuple[Type, ...]) -> str | None:
    """What is wrong with calling `fn` on these types, or None."""
    if fn in DOTS:
        acc, a, b, group = DOTS[fn]
        lanes = args[0].lanes
        want = (acc.x(lanes), a.x(lanes * group), b.x(lanes * group))
        return None if args == want else f"{fn} takes {want}, not {args}"
    if fn in LOOKUPS:
        table, index, lanes = LOOKUPS[fn]
        want = (table.x(lanes), index.x(lanes))
        return None if args == want else f"{fn} takes {want}, not {args}"
    if fn not in ARITY:
        return f"there is no function {fn!r}"
    if len(args) != ARITY[fn]:
        return f"{fn} takes {ARITY[fn]} arguments, not {len(args)}"
    if len(set(args)) != 1 or not args[0].is_float or args[0].is_storage:
        return f"{fn} takes f32 or f64 of one type, not {args}"
    return None


def check_instr(s: Instr) -> str | None:
    """What is wrong with this use of an instruction, or None."""
    want = INSTR_ARGS.get(s.name)
    if want is None:
        return f"there is no instruction {s.name!r}"
    if len(s.args) != len(want):
        return f"{s.name} takes {len(want)} arguments, not {len(s.args)}"
    for kind, arg in zip(want, s.args, strict=True):
        tile = isinstance(arg, int) and 0 <= arg < 8
        value = isinstance(arg, Expr) and str(arg.type) == kind
        if not (tile if kind == "tile" else value):
            return f"{s.name} takes {want}, not {s.args}"
    return None
