"""Machine instructions with state: each is declared once, with its LLVM intrinsic and its meaning in the tile IR.

The matrix unit (AMX) has eight tiles of 16 rows x 64 bytes. `tileconfig` makes all eight full size; a kernel that uses
tiles starts its `setup` with it. Tile numbers are immediates 0..7; pointers and strides (in bytes) are values.

    tileconfig                    all tiles 16 x 64 bytes, zeroed
    tilerelease                   give the unit back; the last statement of a call's tiles (optional: code generation adds it)
    tilezero t                    t = 0
    tileload t, ptr, stride       row r of t = the 64 bytes at ptr + r * stride
    tilestore t, ptr, stride      the 64 bytes at ptr + r * stride = row r of t
    tdpbf16ps c, a, b             c[m][n] += a[m][2k] b[k][2n] + a[m][2k+1] b[k][2n+1]        f32 from bf16 pairs
    tdpbssd tdpbsud tdpbusd tdpbuud c, a, b      the same with four 8-bit integers into i32; s/u: signs of a and b

The products of 2k are summed apart from those of 2k + 1, both from zero, and the two sums together are added to c. The
meaning keeps this order, so that it gives the machine's bits.

A CPU without the unit runs the meaning: statements over a `state` block of 8 KiB (tile t at byte 1024 t). The interpreter
does the same, so a kernel can be tested anywhere. Denormals are flushed by the real unit; the meaning does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sardonyx.tile.builder import Builder, Pointer, select
from sardonyx.tile.expr import Broadcast, Const, Expr, Fma, Shuffle
from sardonyx.tile.functions import INSTR_ARGS
from sardonyx.tile.types import Type, bf16, f32, i8, i32, u8

__all__ = ["DOT_MEANINGS", "INSTRS", "LOOKUP_MEANINGS", "STATE_BYTES", "Declared"]

STATE_BYTES = 8 * 1024
_ROW, _TILE = 64, 1024

Arg = Expr | int


@dataclass(frozen=True)
class Declared:
    """One instruction.

    llvm: the intrinsic that does it on a CPU with `feature`.
    meaning: emits the same effect as tile IR over the 8 KiB of tile state.
    """

    llvm: str
    feature: str
    meaning: Callable[[Builder, Pointer, tuple[Arg, ...]], None]


def _tile(state: Pointer, number: Arg, kind: Type) -> Pointer:
    assert isinstance(number, int)
    return state.cast(u8).at(number * _TILE).cast(kind)


def _clear(k: Builder, state: Pointer, count: int) -> None:
    with k.loop("z", 0, count, 32) as z:
        state.cast(u8).store(z, k.let("zero", 0, u8.x(32)))


def _config(k: Builder, state: Pointer, _: tuple[Arg, ...]) -> None:
    _clear(k, state, STATE_BYTES)


def _release(k: Builder, state: Pointer, _: tuple[Arg, ...]) -> None:
    """No effect that a kernel can observe."""


def _zero(k: Builder, state: Pointer, args: tuple[Arg, ...]) -> None:
    _clear(k, _tile(state, args[0], u8), _TILE)


def _rows(k: Builder, state: Pointer, args: tuple[Arg, ...]) -> tuple[Pointer, Pointer, Expr]:
    tile, base, stride = args
    assert isinstance(base, Expr)
    assert isinstance(stride, Expr)
    return _tile(state, tile, i32), Pointer(k, base, u8), stride


def _load(k: Builder, state: Pointer, args: tuple[Arg, ...]) -> None:
    tile, memory, stride = _rows(k, state, args)
    with k.loop("r", 0, 16) as r:
        tile.store(r * 16, memory.at(r * stride).cast(i32).load(0, 16))


def _store(k: Builder, state: Pointer, args: tuple[Arg, ...]) -> None:
    tile, memory, stride = _rows(k, state, args)
    with k.loop("r", 0, 16) as r:
        memory.at(r * stride).cast(i32).store(0, tile.load(r * 16, 16))


def _dot(a_kind: Type, b_kind: Type, acc: Type, group: int) -> Callable[[Builder, Pointer, tuple[Arg, ...]], None]:
    """c[m][n] += the products of `group` neighbours: each neighbour's are summed along k from zero, then the sums, then c."""

    def meaning(k: Builder, state: Pointer, args: tuple[Arg, ...]) -> None:
        c, a, b = _tile(state, args[0], acc), _tile(state, args[1], a_kind), _tile(state, args[2], b_kind)
        row = 16 * group  # elements in 64 bytes
        with k.loop("m", 0, 16) as m:
            sums = [k.reg(f"sum{g}", acc.x(16), Const(0.0 if acc.is_float else 0, acc.x(16))) for g in range(group)]
            with k.loop("kk", 0, 16) as kk:
                pairs = b.load(kk * row, row)
                for g, total in enumerate(sums):
                    column = k.let("column", _every(pairs, group, g).to(acc))
                    x = k.let("x", a.load(m * row + kk * group + g).to(acc).splat(16))
                    k.set(total, Fma(x, column, total) if acc.is_float else total + x * column)
            together: Expr = sums[0]
            for total in sums[1:]:
                together += total
            c.store(m * 16, c.load(m * 16, 16) + together)

    return meaning


def _every(v: Expr, step: int, start: int) -> Expr:
    """Lanes start, start + step, ... of v."""
    return Shuffle(v, v, tuple(range(start, v.type.lanes, step)))


INSTRS: dict[str, Declared] = {
    "tileconfig": Declared("ldtilecfg", "amx-tile", _config),
    "tilerelease": Declared("tilerelease", "amx-tile", _release),
    "tilezero": Declared("tilezero", "amx-tile", _zero),
    "tileload": Declared("tileloadd64", "amx-tile", _load),
    "tilestore": Declared("tilestored64", "amx-tile", _store),
    "tdpbf16ps": Declared("tdpbf16ps", "amx-bf16", _dot(bf16, bf16, f32, 2)),
    "tdpbssd": Declared("tdpbssd", "amx-int8", _dot(i8, i8, i32, 4)),
    "tdpbsud": Declared("tdpbsud", "amx-int8", _dot(i8, u8, i32, 4)),
    "tdpbusd": Declared("tdpbusd", "amx-int8", _dot(u8, i8, i32, 4)),
    "tdpbuud": Declared("tdpbuud", "amx-int8", _dot(u8, u8, i32, 4)),
}


def _grouped(acc_kind: Type, group: int, upwards: bool) -> Callable[[Builder, Expr, Expr, Expr], Expr]:
    """acc[i] + the products of the `group` neighbours from i * group on, added one by one in the machine's order."""

    def meaning(_: Builder, acc: Expr, a: Expr, b: Expr) -> Expr:
        for g in range(group) if upwards else reversed(range(group)):
            x, y = _every(a, group, g).to(acc_kind), _every(b, group, g).to(acc_kind)
            acc = Fma(x, y, acc) if acc_kind.is_float else acc + x * y
        return acc

    return meaning


DOT_MEANINGS: dict[str, Callable[[Builder, Expr, Expr, Expr], Expr]] = {
    "dpbf16": _grouped(f32, 2, upwards=False),
    "dpbusd": _grouped(i32, 4, upwards=True),
    "dpwssd": _grouped(i32, 2, upwards=True),
}


def _pick(k: Builder, table: Expr, index: Expr) -> Expr:
    low = k.let("low", index & Const(15, index.type))
    found: Expr = Broadcast(table.lane(0), table.type.lanes)
    for i in range(1, table.type.lanes):
        found = select(low.eq(Const(i, low.type)), Broadcast(table.lane(i), table.type.lanes), found)
    return found


LOOKUP_MEANINGS: dict[str, Callable[[Builder, Expr, Expr], Expr]] = {"pick16": _pick}
assert set(INSTRS) == set(INSTR_ARGS)
