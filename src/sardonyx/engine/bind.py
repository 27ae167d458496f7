"""From a program and the numbers of its symbols to a plan that can run: arguments, memory, tables, native steps."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sardonyx.core.dims import Dim
from sardonyx.engine.codegen import CompiledKernel, Target, compile
from sardonyx.engine.extents import Extents
from sardonyx.engine.memory import Life, plan_memory
from sardonyx.engine.program import Address, Call, Fallback, Program, Real, Table
from sardonyx.engine.threads import NativePlan, aligned, alone, pool
from sardonyx.engine.views import Buffer, View
from sardonyx.ir import Array
from sardonyx.ops import run_reference

__all__ = ["Bound", "Linked"]


class Linked:
    """A program with its kernels compiled and its dims gathered: all that does not depend on the extents."""

    def __init__(self, program: Program, target: Target) -> None:
        self.program, self.target = program, target
        calls = [s for s in program.steps if isinstance(s, Call)]
        distinct = list({c.kernel: None for c in calls})
        compiled = dict(zip(distinct, compile(distinct, target), strict=True))
        self.code: list[CompiledKernel | None] = [
            compiled[s.kernel] if isinstance(s, Call) else None for s in program.steps
        ]
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
        for buffer in self.buffers:
            self.extents.add([buffer.size, *buffer.dims])
        self.tables: dict[tuple[Any, ...], Array] = {}

    def _gather(self, step: Call | Fallback) -> None:
        if isinstance(step, Fallback):
            for view in (*step.inputs, *step.outputs):
                if view is not None:
                    self._gather_view(view)
            return
        self.extents.add([step.tasks, step.scratch, step.flops, *step.blocking_of])
        for arg in step.args:
            if isinstance(arg, Address):
                self.extents.add([arg.offset])
            elif isinstance(arg, Table):
                self.extents.add(arg.extents)
            elif arg is not None and not isinstance(arg, Real):
                self.extents.add([arg])

    def _gather_view(self, view: View) -> None:
        self.extents.add([*view.shape, *view.strides, view.offset, view.buffer.size])

    def bind(self, symbols: Mapping[str, int], threads: int) -> Bound:
        """A plan for these extents."""
        return Bound(self, self.extents.evaluate(symbols), threads)


@dataclass(slots=True)
class _Patch:
    """An argument that is the address of something inside an input or output array."""

    slot: int
    offset: int  # bytes


class Bound:
    """A plan for one set of extents. It owns its arena, so one call at a time may run it."""

    def __init__(self, linked: Linked, extents: Mapping[Dim, int], threads: int) -> None:
        self.linked, self.extents, self.threads = linked, extents, threads
        program = linked.program
        self.output_shapes = [tuple(extents[d] for d in v.shape) for v in program.outputs]
        self.output_dtypes = [v.dtype.numpy for v in program.outputs]
        self._place()
        self._args: list[int] = []
        self._patches: dict[Buffer, list[_Patch]] = {}
        self._keep: list[Array] = []
        self._compose()

    # -- memory -------------------------------------------------------------------------------------------------------

    def _place(self) -> None:
        temps = [b for b in self.linked.buffers if b.kind == "temp"]
        lives = [Life(self.extents[b.size] * b.dtype.itemsize, *self.linked.lives[b]) for b in temps]
        offsets, self.arena_bytes = plan_memory(lives)
        self.arena = aligned(self.arena_bytes)
        base = self.arena.ctypes.data
        self._base: dict[Buffer, int] = {b: base + o for b, o in zip(temps, offsets, strict=True)}
        self._dims: dict[Buffer, Array] = {}
        for buffer in self.linked.buffers:
            if buffer.kind == "const":
                assert buffer.array is not None
                self._base[buffer] = buffer.array.ctypes.data
            elif buffer.kind == "dims":
                numbers = np.array([self.extents[d] for d in buffer.dims], buffer.dtype.numpy)
                self._dims[buffer] = numbers
                self._base[buffer] = numbers.ctypes.data

    def _view_array(self, view: View, given: Mapping[Buffer, Array]) -> Array:
        """The elements of a view as an array over the same memory."""
        shape = tuple(self.extents[d] for d in view.shape)
        itemsize = view.dtype.itemsize
        strides = tuple(self.extents[s] * itemsize for s in view.strides)
        start = self.extents[view.offset] * itemsize
        buffer = view.buffer
        if buffer.kind == "temp":
            at = self._base[buffer] - self.arena.ctypes.data + start
            return np.ndarray(shape, view.dtype.numpy, self.arena.data, at, strides)
        source = {"const": buffer.array, "dims": self._dims.get(buffer)}.get(buffer.kind, given.get(buffer))
        assert source is not None
        return np.ndarray(shape, view.dtype.numpy, source.data, start, strides)

    # -- native steps -------------------------------------------------------------------------------------------------

    def _compose(self) -> None:
        """Write the argument blocks and group consecutive calls into native plans."""
        rows: list[tuple[int, int, int, int, int]] = []  # code, first slot, tasks, grain, flags
        self.segments: list[NativePlan | Fallback] = []
        self.steps: list[list[Call]] = []
        pending: list[tuple[list[tuple[int, int, int, int, int]], int]] = []
        scratch = 0
        calls: list[Call] = []

        def close() -> None:
            nonlocal rows, scratch, calls
            if rows:
                pending.append((rows, scratch))
                self.segments.append(None)  # type: ignore[arg-type]  # filled below, when addresses are known
                self.steps.append(calls)
            rows, scratch, calls = [], 0, []

        for step, code in zip(self.linked.program.steps, self.linked.code, strict=True):
            if isinstance(step, Fallback):
                close()
                self.segments.append(step)
                continue
            assert code is not None
            tasks = self.extents[step.tasks]
            chosen: tuple[int, ...] = ()
            if step.blocking is not None:
                *chosen_args, tasks = step.blocking(*(self.extents[d] for d in step.blocking_of), self.threads)
                chosen = tuple(chosen_args)
            if tasks == 0:
                continue
            first = len(self._args)
            self._write(step, chosen)
            rows.append((code.address, first, tasks, step.grain, 0))
            calls.append(step)
            scratch = max(scratch, self.extents[step.scratch])
        close()
        self.args = np.array(self._args, np.int64)
        base = self.args.ctypes.data
        filled = iter(pending)
        for i, segment in enumerate(self.segments):
            if segment is None:
                found, bytes_ = next(filled)
                table = np.array([(a, base + 8 * s, t, g, f) for a, s, t, g, f in found], np.int64)
                self.segments[i] = NativePlan(table, bytes_, [self.args, self.arena, *self._keep])
        program = self.linked.program
        self._inputs = [self._patches.get(v.buffer, []) for v in program.inputs]
        self._outputs = [self._patches.get(v.buffer, []) for v in program.outputs]

    def _write(self, step: Call, chosen: Sequence[int]) -> None:
        picked = iter(chosen)
        for arg in step.args:
            if arg is None:
                self._args.append(next(picked))
            elif isinstance(arg, Address):
                offset = self.extents[arg.offset] * arg.buffer.dtype.itemsize
                if arg.buffer.kind in ("input", "output"):
                    self._patches.setdefault(arg.buffer, []).append(_Patch(len(self._args), offset))
                    self._args.append(0)
                else:
                    self._args.append(self._base[arg.buffer] + offset)
            elif isinstance(arg, Table):
                self._args.append(self._table(arg).ctypes.data)
            elif isinstance(arg, Real):
                self._args.append(struct.unpack("<i", struct.pack("<f", arg.value))[0])
            else:
                self._args.append(self.extents[arg])

    def _table(self, table: Table) -> Array:
        numbers = tuple(self.extents[d] for d in table.extents)
        key = (table.make, numbers)
        found = self.linked.tables.get(key)
        if found is None:
            found = self.linked.tables[key] = np.ascontiguousarray(table.make(*numbers))
        self._keep.append(found)
        return found

    # -- running ------------------------------------------------------------------------------------------------------

    def run(self, inputs: Sequence[Array], outputs: Sequence[Array] | None = None) -> list[Array]:
        """The outputs for contiguous inputs of the bound shapes and the right types."""
        if outputs is None:
            outputs = [np.empty(s, d) for s, d in zip(self.output_shapes, self.output_dtypes, strict=True)]
        args = self.args
        for array, patches in zip(inputs, self._inputs, strict=True):
            if patches:
                at = array.ctypes.data
                for p in patches:
                    args[p.slot] = at + p.offset
        for array, patches in zip(outputs, self._outputs, strict=True):
            at = array.ctypes.data
            for p in patches:
                args[p.slot] = at + p.offset
        for segment in self.segments:
            if isinstance(segment, Fallback):
                self._reference(segment, inputs, outputs)
            elif self.threads == 1:
                alone(segment)
            else:
                pool().run(segment, self.threads)
        return list(outputs)

    def _reference(self, step: Fallback, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
        program = self.linked.program
        given = {v.buffer: a for v, a in zip(program.inputs, inputs, strict=True)}
        given |= {v.buffer: a for v, a in zip(program.outputs, outputs, strict=True)}
        arrays = [None if v is None else self._view_array(v, given) for v in step.inputs]
        results = run_reference(step.schema, arrays, step.attrs, len(step.outputs))
        for view, result in zip(step.outputs, results, strict=True):
            np.copyto(self._view_array(view, given), result)
