"""Functions and instructions replaced by their meaning in the tile IR.

`expansion` gives a pure function's meaning once per types; code generation and the interpreter inline it. `lower_instrs`
rewrites the machine instructions of a kernel into statements, for a CPU that lacks them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

from sardonyx.tile.builder import Builder, Pointer
from sardonyx.tile.convert import CONVERSIONS
from sardonyx.tile.expr import Expr, Var
from sardonyx.tile.functions import DOTS, LOOKUPS
from sardonyx.tile.instr import DOT_MEANINGS, INSTRS, LOOKUP_MEANINGS, STATE_BYTES
from sardonyx.tile.ir import Alloc, Block, For, If, Instr, Kernel, Let, walk
from sardonyx.tile.math import MATH
from sardonyx.tile.rewrite import names_of
from sardonyx.tile.types import Type, ptr, u8

__all__ = ["Expansion", "expansion", "lower_instrs", "uses_instrs"]

MEANINGS: dict[str, Callable[..., Expr]] = {**MATH, **DOT_MEANINGS, **LOOKUP_MEANINGS, **CONVERSIONS}
assert set(DOTS) == set(DOT_MEANINGS) and set(LOOKUPS) == set(LOOKUP_MEANINGS)


@dataclass(frozen=True)
class Expansion:
    """result, after lets, in terms of params."""

    params: tuple[Var, ...]
    lets: tuple[Let, ...]
    result: Expr


@functools.cache
def expansion(fn: str, types: tuple[Type, ...]) -> Expansion:
    """What the function means for arguments of these types."""
    k = Builder(fn)
    params = tuple(Var(k.fresh(f"x{i}"), t) for i, t in enumerate(types))
    result = k.let("result", MEANINGS[fn](k, *params))
    lets = tuple(s for s in k.taken() if isinstance(s, Let))
    return Expansion(params, lets, result)


def uses_instrs(kernel: Kernel) -> set[str]:
    """The machine instructions that the kernel uses."""
    return {s.name for s in (*walk(kernel.setup), *walk(kernel.body)) if isinstance(s, Instr)}


def lower_instrs(kernel: Kernel) -> Kernel:
    """kernel -> the same kernel with every instruction spelled out over a block of tile state on the stack."""
    if not uses_instrs(kernel):
        return kernel
    k = Builder("meaning")
    k.reserve(names_of(kernel))
    state = Var(k.fresh("tiles"), ptr)

    def lower(block: Block) -> Block:
        out: list[object] = []
        for s in block:
            if isinstance(s, Instr):
                INSTRS[s.name].meaning(k, Pointer(k, state, u8), s.args)
                out += k.taken()
            elif isinstance(s, For):
                out.append(replace(s, body=lower(s.body)))
            elif isinstance(s, If):
                out.append(replace(s, then=lower(s.then), orelse=lower(s.orelse)))
            else:
                out.append(s)
        return tuple(out)  # pyright: ignore[reportReturnType] statements all

    setup = (Alloc(state, STATE_BYTES), *lower(kernel.setup))
    return kernel.with_body(lower(kernel.body), setup)
