"""The argument blocks of a program, as far as they do not depend on the numbers of the symbols: what is left is arithmetic on
whole arrays, so that a new shape is soon planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sardonyx.core.dims import Dim
from sardonyx.engine.program import Address, Call, Fallback, Real, Table, bits
from sardonyx.engine.views import Buffer

__all__ = ["Block", "Template"]

_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Where the arguments of a call begin, and which of them its blocking chooses."""

    start: int
    chosen: tuple[int, ...]


class Template:
    """All arguments of all calls in one row of slots.

    Args:
        dims: all dims of the program, in the order in which their numbers will come.
    """

    def __init__(self, steps: Sequence[Call | Fallback], dims: Sequence[Dim]) -> None:
        numbers = {d: i for i, d in enumerate(dims)}
        self.blocks: list[Block | None] = []
        self.tables: list[tuple[int, Table]] = []
        self.buffers: dict[Buffer, int] = {}
        self._uses: dict[Buffer, list[int]] = {}  # of each buffer, the rows of `_addresses` that lie in it
        row: list[int] = []
        counted: list[tuple[int, int]] = []  # slot, number of the dim
        addresses: list[tuple[int, int, int, int]] = []  # slot, buffer, number of the offset, bytes of an element
        for step in steps:
            if isinstance(step, Fallback):
                self.blocks.append(None)
                continue
            start, chosen = len(row), []
            for slot, arg in enumerate(step.args, start):
                value = 0
                if isinstance(arg, Address):
                    self._uses.setdefault(arg.buffer, []).append(len(addresses))
                    place = self.buffers.setdefault(arg.buffer, len(self.buffers))
                    addresses.append((slot, place, numbers[arg.offset], arg.buffer.dtype.itemsize))
                elif isinstance(arg, Table):
                    self.tables.append((slot, arg))
                elif isinstance(arg, Real):
                    value = bits(arg)
                elif arg is None:
                    chosen.append(slot)
                else:
                    counted.append((slot, numbers[arg]))
                row.append(value)
            self.blocks.append(Block(start, tuple(chosen)))
        self._row: _Numbers = np.array(row, np.int64)
        self._counted: _Numbers = np.array(counted, np.int64).reshape(-1, 2).T.copy()
        self._addresses: _Numbers = np.array(addresses, np.int64).reshape(-1, 4).T.copy()

    def fill(
        self, numbers: _Numbers, bases: Mapping[Buffer, int]
    ) -> tuple[_Numbers, dict[Buffer, list[tuple[int, int]]]]:
        """The slots, but for tables and what blocking chooses; of each buffer that has no base yet, its slots and offsets in bytes."""
        row = self._row.copy()
        slots, dims = self._counted
        row[slots] = numbers[dims]
        slots, places, dims, sizes = self._addresses
        offsets = numbers[dims] * sizes
        row[slots] = offsets + np.array([bases.get(b, 0) for b in self.buffers], np.int64)[places]
        missing = {
            b: [(int(slots[i]), int(offsets[i])) for i in rows] for b, rows in self._uses.items() if b not in bases
        }
        return row, missing
