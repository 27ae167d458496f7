"""A program with its kernels compiled and its extents gathered: all that does not depend on the numbers of the symbols."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sardonyx.core.dims import Dim
from sardonyx.core.errors import InputError
from sardonyx.engine.extents import Extents
from sardonyx.engine.memory import ALIGNMENT, Life, plan_memory
from sardonyx.engine.program import Address, Call, Fallback, Program, Real, Table
from sardonyx.engine.template import Template
from sardonyx.engine.views import Buffer, View
from sardonyx.ir import Array

if TYPE_CHECKING:
    from sardonyx.engine.codegen import CompiledKernel
    from sardonyx.evaluate import Interpreter

__all__ = ["Layout", "Linked"]


@dataclass(frozen=True, eq=False)
class Layout:
    """The numbers of all extents, and where each temporary lies.

    Attributes:
        scratch: bytes of thread-private memory that the neediest step wants.
        bytes: of the memory a run needs: the calling thread's scratch memory first, then the temporaries.
    """

    extents: dict[Dim, int]
    offsets: dict[Buffer, int]
    scratch: int
    bytes: int


_PLANS = 64  # how many plans of the memory are remembered


def _rounded(size: int) -> int:
    """A size up to a sixteenth larger: sixteen of them lie between two powers of two."""
    step = 1 << max(size.bit_length() - 5, 0)
    return -(-size // step) * step


class Linked:
    """See above.

    Args:
        code: of each step that is a call.
        interpreter: runs the steps that are not.
    """

    def __init__(
        self, program: Program, code: Sequence[CompiledKernel | None], interpreter: Interpreter | None
    ) -> None:
        self.program, self.code, self.interpreter = program, code, interpreter
        self.extents = Extents()
        self.buffers: dict[Buffer, None] = {}
        self.lives: dict[Buffer, list[int]] = {}
        for i, step in enumerate(program.steps):
            self._gather(step)
            for buffer, _ in step.buffers():
                self.buffers[buffer] = None
                self.lives.setdefault(buffer, [i, i])[1] = i
        for view in (*program.inputs, *program.outputs):
            self._gather_view(view)
            self.buffers[view.buffer] = None
        self.claims = dict(program.claims)
        self.spread: dict[tuple[Dim, Dim], str] = {}
        for buffer in self.buffers:
            self.extents.add([buffer.size, *buffer.dims])
            self.spread |= dict.fromkeys(buffer.spread, buffer.name)
        for pair in (*self.claims, *self.spread):
            self.extents.add(pair)
        self.symbols = self.extents.symbols
        self.temps = [b for b in self.buffers if b.kind == "temp"]
        self.counts = [b for b in self.buffers if b.kind == "dims"]
        self.constants = {b: b.array for b in self.buffers if b.kind == "const" and b.array is not None}
        self.constant_bases = {b: array.ctypes.data for b, array in self.constants.items()}
        self.tables: dict[tuple[Any, ...], Array] = {}
        self._planned: dict[tuple[int, ...], tuple[list[int], int]] = {}

    def _gather(self, step: Call | Fallback) -> None:
        if isinstance(step, Fallback):
            for view in step.views():
                self._gather_view(view)
            return
        self.extents.add([step.tasks, step.grain, step.scratch, step.flops, *step.blocking_of])
        for arg in step.args:
            if isinstance(arg, Address):
                self.extents.add([arg.offset])
            elif isinstance(arg, Table):
                self.extents.add(arg.extents)
            elif arg is not None and not isinstance(arg, Real):
                self.extents.add([arg])

    def _gather_view(self, view: View) -> None:
        self.extents.add([*view.shape, *view.strides, view.offset, view.buffer.size])

    def layout(self, symbols: Mapping[str, int]) -> Layout:
        """The layout for these numbers.

        Raises:
            InputError: the model cannot be run with extents like these.
        """
        extents = self.extents.evaluate(symbols)
        self._check(extents, symbols)
        scratch = max((extents[s.scratch] for s in self.program.steps if isinstance(s, Call)), default=0)
        scratch = -(-scratch // ALIGNMENT) * ALIGNMENT
        offsets, arena = self._plan([extents[b.size] * b.dtype.itemsize for b in self.temps])
        places = {b: scratch + o for b, o in zip(self.temps, offsets, strict=True)}
        return Layout(extents, places, scratch, scratch + arena)

    @functools.cached_property
    def template(self) -> Template:
        """The argument blocks."""
        return Template(self.program.steps, self.extents.dims)

    def _plan(self, sizes: list[int]) -> tuple[list[int], int]:
        """Where temporaries of these sizes lie, and the bytes of them all.

        Where shapes vary, sizes are rounded up, so that the next shape finds a plan: a cache that grows by a token.
        """
        if self.symbols:
            sizes = [_rounded(size) for size in sizes]
        key = tuple(sizes)
        found = self._planned.get(key)
        if found is None:
            if len(self._planned) >= _PLANS:
                self._planned.clear()
            lives = [Life(size, *self.lives[b]) for size, b in zip(sizes, self.temps, strict=True)]
            found = self._planned[key] = plan_memory(lives)
        return found

    def _check(self, extents: Mapping[Dim, int], symbols: Mapping[str, int]) -> None:
        """What was relied upon while extents were symbols must be true of their numbers: kernels do not check again."""
        shown = ", ".join(f"{name} = {value}" for name, value in symbols.items())
        for (a, b), what in self.claims.items():
            if extents[a] != extents[b]:
                raise InputError(f"{what}: {extents[a]} is not {extents[b]}", why=f"{a} must be {b}, with {shown}")
        for (have, want), name in self.spread.items():
            if extents[have] not in (1, extents[want]):
                raise InputError(
                    f"an extent of {extents[have]} does not broadcast to {extents[want]}",
                    where=f"value '{name}'" if name else None,
                    why=f"{have} must be 1 or {want}, with {shown}",
                    fix="give arrays whose extents agree",
                )
        for view in self.program.inputs:
            if any(extents[d] < 0 for d in view.shape):
                raise InputError(f"'{view.buffer.name}' would have a negative extent", why=f"with {shown}")
