"""From a linked program and the numbers of its extents to a plan that can run: arguments, memory, native steps."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sardonyx.core.errors import ExecutionError
from sardonyx.engine.link import Layout, Linked
from sardonyx.engine.outputs import LARGE, Outputs, room_for
from sardonyx.engine.program import Call, Fallback, Table, blocked
from sardonyx.engine.threads import NativePlan, execute
from sardonyx.engine.views import Buffer, View
from sardonyx.evaluate import Scope
from sardonyx.ir import Array, Value
from sardonyx.ir.place import place

__all__ = ["Bound", "Timing", "address"]

_addressof, _borrow = ctypes.addressof, ctypes.c_char.from_buffer


def address(array: Array) -> int:
    """Where the first element lies. Most arrays give it by the buffer protocol, which is four times faster than other ways."""
    try:
        return _addressof(_borrow(array))  # pyright: ignore[reportArgumentType] an array is a buffer
    except (TypeError, ValueError):  # it is read-only, empty, or of a type that the protocol does not know
        return array.__array_interface__["data"][0]


@dataclass(frozen=True)
class Timing:
    """One step of a run: how long it took, the floating-point operations in it, and the bytes of the buffers it touched."""

    kernel: str
    nodes: tuple[str, ...]
    seconds: float
    flops: int
    bytes: int
    native: bool


class Bound:
    """A plan for one set of extents, whose temporaries lie in `memory`. One call at a time may run it."""

    def __init__(self, linked: Linked, layout: Layout, memory: Array, threads: int, pool: Outputs) -> None:
        self.linked, self.memory, self.threads, self._pool = linked, memory, threads, pool
        self.extents, self.scratch = layout.extents, layout.scratch
        program = linked.program
        self.outputs = [(tuple(self.extents[d] for d in v.shape), v.dtype.numpy) for v in program.outputs]
        sizes = [math.prod(shape) * dtype.itemsize for shape, dtype in self.outputs]
        self._large = [(i, size) for i, size in enumerate(sizes) if size >= LARGE]
        self._room = sum(room_for(size) for _, size in self._large)
        self._place(layout.offsets)
        self._keep: list[Array] = []
        self._compose()

    # -- memory -------------------------------------------------------------------------------------------------------

    def _place(self, offsets: Mapping[Buffer, int]) -> None:
        base = address(self.memory)
        self._base: dict[Buffer, int] = {b: base + o for b, o in offsets.items()}
        self._arrays: dict[Buffer, Array] = {b: self.memory[o:] for b, o in offsets.items()}
        self._arrays |= self.linked.constants
        for buffer in self.linked.counts:
            self._arrays[buffer] = np.array([self.extents[d] for d in buffer.dims]).astype(buffer.dtype.numpy)
            self._base[buffer] = address(self._arrays[buffer])
        self._base |= self.linked.constant_bases

    def _view(self, view: View, given: Mapping[Buffer, Array]) -> Array:
        """The elements of a view as an array over the same memory."""
        found = self._arrays.get(view.buffer)
        source = given[view.buffer] if found is None else found
        itemsize = view.dtype.itemsize
        shape = tuple(self.extents[d] for d in view.shape)
        strides = tuple(self.extents[s] * itemsize for s in view.strides)
        if 0 in shape:
            return np.empty(shape, view.dtype.numpy)
        line = source.reshape(-1).view(np.uint8)[self.extents[view.offset] * itemsize :]
        return np.ndarray(shape, view.dtype.numpy, line.data, 0, strides)

    # -- native steps -------------------------------------------------------------------------------------------------

    def _compose(self) -> None:
        """Write the argument blocks and group consecutive calls into native plans."""
        template = self.linked.template
        numbers = np.fromiter(self.extents.values(), np.int64, len(self.extents))
        self.args, patches = template.fill(numbers, self._base)
        for slot, table in template.tables:
            self.args[slot] = address(self._table(table))
        runs: list[Fallback | list[tuple[Call, tuple[int, int, int, int, int]]]] = []
        for step, code, block in zip(self.linked.program.steps, self.linked.code, template.blocks, strict=True):
            if isinstance(step, Fallback):
                runs.append(step)
                continue
            assert code is not None and block is not None
            chosen, tasks, phases = blocked(step, self.extents, self.threads)
            if tasks == 0:
                continue
            for slot, value in zip(block.chosen, chosen, strict=True):
                self.args[slot] = value
            row = (code.address, block.start, tasks, self.extents[step.grain], phases - 1)
            if not runs or isinstance(runs[-1], Fallback):
                runs.append([])
            last = runs[-1]
            assert isinstance(last, list)
            last.append((step, row))
        base = address(self.args)
        scratch = address(self.memory)
        self.segments: list[NativePlan | Fallback] = []
        self.calls: list[list[Call]] = []
        for run in runs:
            if isinstance(run, Fallback):
                self.segments.append(run)
                continue
            table = np.array(
                [(code, base + 8 * slot, tasks, grain, more) for _, (code, slot, tasks, grain, more) in run], np.int64
            )
            self.segments.append(NativePlan(table, scratch, self.scratch))
            self.calls.append([call for call, _ in run])
        program = self.linked.program
        self._slots = self.args.data
        # which arrays the arguments name, and the slots and offsets of each
        self.input_places = [(i, patches[v.buffer]) for i, v in enumerate(program.inputs) if v.buffer in patches]
        self.output_places = [(i, patches[v.buffer]) for i, v in enumerate(program.outputs) if v.buffer in patches]

    def _table(self, table: Table) -> Array:
        numbers = tuple(self.extents[d] for d in table.extents)
        key = (table.make, numbers)
        found = self.linked.tables.get(key)
        if found is None:
            found = self.linked.tables[key] = np.ascontiguousarray(table.make(*numbers))
        self._keep.append(found)
        return found

    # -- running ------------------------------------------------------------------------------------------------------

    def run(self, inputs: Sequence[Array], out: Sequence[Array | None] = ()) -> list[Array]:
        """The outputs for contiguous inputs of the bound shapes and the right types.

        Args:
            out: where the outputs go; what is None, or cannot be written to directly, is made new.
        """
        outputs = self._begin(inputs, out)
        for segment in self.segments:
            if isinstance(segment, Fallback):
                self._reference(segment, inputs, outputs)
            else:
                execute(segment, self.threads)
        return outputs

    def _begin(self, inputs: Sequence[Array], out: Sequence[Array | None] = ()) -> list[Array]:
        """Make the outputs, and write into the arguments where they and the inputs lie."""
        outputs = self._new() if self._large else [np.empty(shape, dtype) for shape, dtype in self.outputs]
        if out:
            for i, array in enumerate(out):
                if array is not None and array.flags.carray and (array.shape, array.dtype) == self.outputs[i]:
                    outputs[i] = array
        slots = self._slots
        for i, places in self.input_places:
            at = address(inputs[i])
            for slot, offset in places:
                slots[slot] = at + offset
        for i, places in self.output_places:
            at = address(outputs[i])
            for slot, offset in places:
                slots[slot] = at + offset
        return outputs

    def _new(self) -> list[Array]:
        """Outputs, some of which are large."""
        self._pool.expect(self._room)
        sizes = dict(self._large)
        return [
            self._pool.empty(shape, dtype, sizes[i]) if i in sizes else np.empty(shape, dtype)
            for i, (shape, dtype) in enumerate(self.outputs)
        ]

    def timed(self, inputs: Sequence[Array]) -> tuple[list[Array], list[Timing]]:
        """As `run`, step by step, with the time of each."""
        outputs = self._begin(inputs)
        times: list[Timing] = []
        calls = iter(self.calls)
        for segment in self.segments:
            if isinstance(segment, Fallback):
                start = time.perf_counter()
                self._reference(segment, inputs, outputs)
                spent = time.perf_counter() - start
                times.append(Timing(segment.node.op_type, segment.nodes, spent, 0, self._bytes(segment), False))
                continue
            for call, row in zip(next(calls), segment.split(), strict=True):
                start = time.perf_counter()
                execute(row, self.threads)
                spent = time.perf_counter() - start
                flops = self.extents[call.flops]
                times.append(Timing(call.kernel.name, call.nodes, spent, flops, self._bytes(call), True))
        return outputs, times

    def _bytes(self, step: Call | Fallback) -> int:
        """Of the buffers that a step reads or writes, each counted once."""
        touched = dict.fromkeys(buffer for buffer, _ in step.buffers())
        return sum(self.extents[b.size] * b.dtype.itemsize for b in touched)

    def _reference(self, step: Fallback, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
        program = self.linked.program
        given = {v.buffer: a for v, a in zip(program.inputs, inputs, strict=True)}
        given |= {v.buffer: a for v, a in zip(program.outputs, outputs, strict=True)}
        arrays = [None if v is None else self._view(v, given) for v in step.inputs]
        captured: dict[Value, Array] = {value: self._view(v, given) for value, v in step.captured}
        interpreter = self.linked.interpreter
        assert interpreter is not None
        results = interpreter.run_node(step.node, None, arrays, Scope(interpreter.model.opsets, captured))
        for view, result in zip(step.outputs, results, strict=False):
            if view is None:
                continue
            array, found = self._view(view, given), np.asarray(result)
            if array.shape != found.shape:
                raise ExecutionError(
                    f"{step.node!r} gives an array of shape {list(found.shape)}, not {list(array.shape)}",
                    where=place(step.node),
                    why="the shape that follows from the model's types is another",
                    fix="correct or remove the types that the model declares",
                )
            if array.size:
                np.copyto(array, found)
