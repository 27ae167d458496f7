"""Memory for large outputs, used again when nobody holds them any more.

The system clears every new page before it hands it out, which takes longer than a kernel needs to write it. So a block comes back
when the last array over it goes, and serves the next output of about its size: in a step of generation, the caches that the
caller has let go of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sardonyx.engine.threads import aligned
from sardonyx.ir import Array

__all__ = ["LARGE", "Outputs", "room_for"]

LARGE = 1 << 18  # bytes from which on memory is kept: below, the allocator does so itself


def room_for(count: int) -> int:
    """The bytes of the block that holds `count` of them: of the sizes there are, eight lie between two powers of two."""
    step = 1 << max(count.bit_length() - 4, 6)
    return -(-count // step) * step


class _Lease:
    """What keeps a block from being used again, as long as an array lies in it."""

    __slots__ = ("__array_interface__", "_block", "_owner")

    def __init__(self, block: _Block, owner: Outputs) -> None:
        self._block, self._owner = block, owner
        self.__array_interface__ = block[1]

    def __del__(self) -> None:
        self._owner.give(self._block)


_Block: TypeAlias = tuple[Array, dict[str, Any]]  # the bytes, and where they are


class Outputs:
    """Blocks of one part of a model that nobody holds: together no larger than the outputs of its last run.

    Any thread may take or give at any time; lists are only popped and appended to.
    """

    def __init__(self) -> None:
        self._free: dict[int, list[_Block]] = {}
        self.held = 0  # bytes that are free, give or take what threads do at one time
        self._most = 0

    def expect(self, count: int) -> None:
        """Keep no more than this many bytes: what a run takes."""
        self._most = count

    def empty(self, shape: Sequence[int], dtype: npt.DTypeLike, count: int) -> Array:
        """An array of `count` bytes, of whatever was there."""
        size = room_for(count)
        try:
            block = self._free[size].pop()
            self.held -= size
        except (KeyError, IndexError):
            made = aligned(size)
            block = made, made.__array_interface__
        lease: Any = _Lease(block, self)
        return np.ndarray(shape, dtype, np.asarray(lease))

    def give(self, block: _Block) -> None:
        size = len(block[0])
        if self.held + size > self._most:
            self._forget(size)
        if self.held + size <= self._most:
            self._free.setdefault(size, []).append(block)
            self.held += size

    def _forget(self, kept: int) -> None:
        """Let go of blocks of other sizes, which are asked for no more, and count what there is."""
        self._free = {size: blocks for size, blocks in list(self._free.items()) if size == kept}
        self.held = sum(size * len(blocks) for size, blocks in self._free.items())

    def trim(self) -> None:
        """Give back what nobody holds, and what will come back."""
        self._free, self.held, self._most = {}, 0, 0
