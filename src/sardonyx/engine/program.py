"""A lowered model: calls of kernels over buffers, with every extent still symbolic.

`bind` gives the symbols numbers and makes a plan from it: see `bind.py`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, Union

from sardonyx.core.dims import Dim
from sardonyx.engine.views import Buffer, View
from sardonyx.ir import Array, Node, Value

if TYPE_CHECKING:
    from sardonyx.tile import Kernel

__all__ = [
    "Address",
    "Argument",
    "Call",
    "Fallback",
    "Made",
    "Program",
    "Real",
    "Table",
    "Work",
    "arguments",
    "bits",
    "blocked",
    "label",
]


@dataclass(frozen=True, eq=False)
class Address:
    """The address of an element of a buffer."""

    buffer: Buffer
    offset: Dim = 0  # in elements
    writes: bool = False


@dataclass(frozen=True)
class Real:
    """A float32 argument."""

    value: float


@dataclass(frozen=True, eq=False)
class Table:
    """The address of an integer table that is made from extents when they are known; equal extents share it."""

    make: Callable[..., Array]
    extents: tuple[Dim, ...]


Argument: TypeAlias = Union[Address, Table, Real, Dim]
Work: TypeAlias = Callable[..., tuple[int, ...]]


@dataclass(frozen=True)
class Made:
    """A kernel of which there is only the code any more."""

    name: str
    key: str  # what the code is found by


@dataclass(eq=False)
class Call:
    """One step of the plan: a kernel over its tasks.

    Attributes:
        args: one per parameter of the kernel; an int64 or symbolic dim, a float, a table or an address.
        tasks: how many tasks there are.
        grain: how many of them a thread takes at a time.
        scratch: bytes of thread-private memory, from extents.
        blocking: where given, called with the extents `blocking_of` and the number of threads; gives the values that stand
            for the `None`s in `args`, followed by the number of tasks.
        phased: `blocking` gives, before the number of tasks, how many times as many tasks come, numbered on; each time those
            before must be done.
        nodes: the ONNX nodes it computes, for the profile.
        flops: floating-point operations, for the profile.
    """

    kernel: Kernel | Made
    args: Sequence[Argument | None]
    tasks: Dim
    nodes: tuple[str, ...]
    grain: Dim = 1
    scratch: Dim = 0
    blocking: Work | None = None
    blocking_of: tuple[Dim, ...] = ()
    phased: bool = False
    flops: Dim = 0

    def buffers(self) -> list[tuple[Buffer, bool]]:
        """The buffers it touches, and whether it writes them."""
        return [(a.buffer, a.writes) for a in self.args if isinstance(a, Address)]


def blocked(step: Call, extents: Mapping[Dim, int], threads: int) -> tuple[list[int], int, int]:
    """The values that stand for the `None`s in the arguments of a step; the tasks of a phase, and the phases."""
    chosen: list[int] = []
    tasks = extents[step.tasks]
    if step.blocking is not None:
        *chosen, tasks = step.blocking(*[extents[d] for d in step.blocking_of], threads)
    phases = 1
    if step.phased:
        *chosen, phases = chosen
    return chosen, tasks, phases


def arguments(step: Call, extents: Mapping[Dim, int], threads: int) -> tuple[Iterator[int | Address | Table], int, int]:
    """The slots of a step's argument block, integers where they are known already; the tasks of a phase, and the phases."""
    chosen, tasks, phases = blocked(step, extents, threads)
    return _slots(step, extents, iter(chosen)), tasks, phases


def _slots(step: Call, extents: Mapping[Dim, int], chosen: Iterator[int]) -> Iterator[int | Address | Table]:
    for arg in step.args:
        if isinstance(arg, (Address, Table)):
            yield arg
        elif arg is None:
            yield next(chosen)
        elif isinstance(arg, Real):
            yield bits(arg)
        else:
            yield extents[arg]


def bits(number: Real) -> int:
    """What stands for a float32 in a slot."""
    return struct.unpack("<i", struct.pack("<f", number.value))[0]


def label(node: Node) -> str:
    """What a node is called in profiles: its name, or its operator and first result."""
    return node.name or f"{node.op_type}({node.output.name})"


@dataclass(eq=False)
class Fallback:
    """One node run by its NumPy reference, because nothing native serves it.

    Attributes:
        captured: what the graphs inside the node read.
        outputs: None for a result that the node leaves out.
    """

    node: Node
    inputs: list[View | None]
    captured: list[tuple[Value, View]]
    outputs: list[View | None]
    nodes: tuple[str, ...]

    def views(self) -> list[View]:
        return [v for v in (*self.inputs, *(v for _, v in self.captured), *self.outputs) if v is not None]

    def buffers(self) -> list[tuple[Buffer, bool]]:
        reads = [v for v in (*self.inputs, *(v for _, v in self.captured)) if v is not None]
        return [*((v.buffer, False) for v in reads), *((v.buffer, True) for v in self.outputs if v is not None)]


@dataclass(eq=False)
class Program:
    """The calls in order, and what goes in and comes out.

    Attributes:
        claims: pairs of extents that must be equal when they are known, and what needs it.
    """

    inputs: list[View] = field(default_factory=list[View])
    outputs: list[View] = field(default_factory=list[View])
    steps: list[Call | Fallback] = field(default_factory=list["Call | Fallback"])
    claims: dict[tuple[Dim, Dim], str] = field(default_factory=dict[tuple[Dim, Dim], str])
