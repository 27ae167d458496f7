"""Models ahead of time: an object file and a C header, for programs without Python and without Sardonyx."""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np

from sardonyx.core.dims import Dim
from sardonyx.core.errors import InputError, UnsupportedError
from sardonyx.engine.codegen import Entry, Patch, Step, detect, object_file
from sardonyx.engine.compile import compile_model
from sardonyx.engine.link import Layout, Linked
from sardonyx.engine.precision import Precision, check_precision
from sardonyx.engine.prepare import prepare
from sardonyx.engine.program import Address, Call, Made, Table, arguments
from sardonyx.engine.variant import Choice, specialize
from sardonyx.engine.views import Buffer, View
from sardonyx.io import load
from sardonyx.io.files import replace_file
from sardonyx.ir import Array, Model
from sardonyx.passes.edit import set_dims
from sardonyx.tile import Kernel

__all__ = ["Compilation", "compile_ahead"]

_ALIGNMENT = 64
_TYPES = {"float32": "float", "float64": "double", "bool": "uint8_t", "float16": "uint16_t", "bfloat16": "uint16_t"}


@dataclass(frozen=True)
class Compilation:
    """What was written, and what a program needs to know.

    Attributes:
        object, header: the files.
        name: of the function.
        workspace: how many bytes of memory a call needs.
        data: how many bytes of weights are in the object.
        isa: the instruction-set level that the program's CPU must have.
    """

    object: Path
    header: Path
    name: str
    workspace: int
    data: int
    isa: str


def compile_ahead(
    model: Model | str | os.PathLike[str] | bytes,
    folder: str | os.PathLike[str],
    *,
    name: str = "model",
    dims: Mapping[str, int] | None = None,
    precision: Precision = "highest",
) -> Compilation:
    """Write NAME.o and NAME.h into a folder: one C function that runs the model for fixed shapes, on the calling thread.

    The code is for this machine's instruction-set level; the environment variable SARDONYX_ISA chooses a lower one.

    Args:
        dims: the numbers of the symbolic dims of the inputs.
        name: of the function and the files.

    Raises:
        InputError: a dim has no number, an input is no tensor of a known type, or `name` is no name in C.
        UnsupportedError: a node has no native kernel.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise InputError(f"'{name}' is no name in C", fix="use letters, digits and _")
    check_precision(precision)
    source = model if isinstance(model, Model) else load(model)
    if dims:
        source = set_dims(source, dict[str, Dim](dims))
    target = detect()
    compiled = compile_model(prepare(specialize(source, Choice())), target, precision=precision)
    linked = compiled.linked
    if compiled.refused or linked is None:
        lacking = [f"{node} ({why})" for node, why in compiled.refused.items()]
        raise UnsupportedError(
            f"{len(lacking)} nodes have no native kernel: {', '.join(lacking[:5])}",
            why="an object file has no NumPy to run their references",
        )
    if linked.symbols:
        raise InputError(
            f"the dims {', '.join(linked.symbols)} have no number",
            why="an object file is for fixed shapes",
            fix="give `dims`, as {" + ", ".join(f"'{s}': 1" for s in linked.symbols) + "}",
        )
    plan = _Plan(name, linked)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = Compilation(folder / f"{name}.o", folder / f"{name}.h", name, plan.workspace, plan.size, target.isa)
    with tempfile.TemporaryDirectory() as place:
        data = Path(place, "data")
        with data.open("wb") as file:
            plan.write(file)
        image = object_file(plan.entry, plan.kernels, data, plan.size, target)
    replace_file(written.object, lambda file: file.write(image))
    header = _header(written, linked, plan.layout)
    replace_file(written.header, lambda file: file.write(header.encode()))
    return written


class _Plan:
    """A linked program whose addresses are offsets: into the workspace, the data, or an input or output."""

    def __init__(self, name: str, linked: Linked) -> None:
        self.layout = linked.layout({})
        self.size = 0
        self._data: list[tuple[int, Array]] = []
        self._places: dict[Buffer, tuple[int, int]] = {b: (0, o) for b, o in self.layout.offsets.items()}
        program = linked.program
        ports = [*program.inputs, *program.outputs]
        self._places |= {view.buffer: (i + 2, 0) for i, view in enumerate(ports)}
        self._args: list[int] = []
        self._patches: list[Patch] = []
        self._names: dict[int, Kernel] = {}
        steps: list[Step] = []
        for step in program.steps:
            assert isinstance(step, Call) and not isinstance(step.kernel, Made)
            slots, tasks, phases = arguments(step, self.layout.extents, 1)
            if tasks == 0:
                continue
            kernel = self._names.setdefault(
                id(step.kernel), replace(step.kernel, name=f"{name}_{len(self._names)}_{step.kernel.name}")
            )
            steps.append(Step(kernel.name, len(self._args), tasks * phases))
            for slot in slots:
                self._args.append(slot if isinstance(slot, int) else self._patched(slot))
        at = -(-self.layout.bytes // _ALIGNMENT) * _ALIGNMENT
        self.workspace = at + 8 * len(self._args) + _ALIGNMENT
        self.entry = Entry(name, len(ports), self._args, self._patches, steps, at)

    @property
    def kernels(self) -> list[Kernel]:
        return list(self._names.values())

    def _patched(self, slot: Address | Table) -> int:
        if isinstance(slot, Table):
            base, offset = 1, self._keep(slot.make(*[self.layout.extents[d] for d in slot.extents]))
        else:
            base, offset = self._place(slot.buffer)
            offset += self.layout.extents[slot.offset] * slot.buffer.dtype.itemsize
        self._patches.append(Patch(len(self._args), base, offset))
        return 0

    def _place(self, buffer: Buffer) -> tuple[int, int]:
        found = self._places.get(buffer)
        if found is None:
            array = buffer.array
            if array is None:  # integers that follow from extents
                array = np.array([self.layout.extents[d] for d in buffer.dims]).astype(buffer.dtype.numpy)
            found = self._places[buffer] = (1, self._keep(array))
        return found

    def _keep(self, array: Array) -> int:
        """Where an array will lie in the data."""
        start = -(-self.size // _ALIGNMENT) * _ALIGNMENT
        self._data.append((start, array))
        self.size = start + max(array.nbytes, 1)
        return start

    def write(self, file: IO[bytes]) -> None:
        """The data."""
        for start, array in self._data:
            file.write(bytes(start - file.tell()))
            file.write(np.ascontiguousarray(array).tobytes())
        file.write(bytes(self.size - file.tell()))


def _header(made: Compilation, linked: Linked, layout: Layout) -> str:
    """The declaration in C."""
    name, big = made.name, made.name.upper()

    def port(view: View, what: str, i: int) -> tuple[str, str]:
        shape = [layout.extents[d] for d in view.shape]
        named = re.sub(r"\W", "_", view.buffer.name, flags=re.ASCII) or f"{what}{i}"
        kind = _TYPES.get(str(view.dtype), f"{view.dtype}_t")
        comment = f" * {named}: {what} {i}, {view.dtype}{shape}, {math.prod(shape)} elements"
        return comment, f"{'const ' if what == 'input' else ''}{kind} *{what}{i}_{named}"

    program = linked.program
    ports = [
        port(v, what, i)
        for what, of in (("input", program.inputs), ("output", program.outputs))
        for i, v in enumerate(of)
    ]
    parameters = ",\n    ".join([*(declared for _, declared in ports), "void *workspace"])
    comments = "\n".join(comment for comment, _ in ports)
    return f"""#ifndef {big}_H
#define {big}_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

/* Bytes of memory that a call needs. Calls at the same time need memory of their own. */
#define {big}_WORKSPACE_BYTES ((size_t){made.workspace})

/* Runs the model on the calling thread, on a CPU of the level {made.isa}.
 *
{comments}
 * workspace: {big}_WORKSPACE_BYTES bytes, whatever is in them
 *
 * Arrays are in C order; float16 and bfloat16 are given by their bits. Inputs and outputs must not overlap. */
void {name}(
    {parameters});

#ifdef __cplusplus
}}
#endif

#endif
"""
