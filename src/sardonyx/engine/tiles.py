"""The blocks of results that registers hold: what kernels are written for, and what their work is cut by."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BYTE_GAP", "GAP", "PLACES", "STEP", "Group", "MicroTile"]

GAP = 16  # elements between rows in scratch, so that they do not all meet in one set of the cache
BYTE_GAP = 64  # bytes between rows of bytes in scratch, for the same reason
PLACES = 16  # of the image that a tile of Winograd's way depends on; products of a tile
STEP = 32  # elements along k in a tile of the matrix unit


@dataclass(frozen=True)
class MicroTile:
    """The block of results that the registers hold.

    heights: the numbers of rows there is code for, tallest first; the last rows of a matrix are cut into these.
    vectors, lanes: a row of the block is this many vectors.
    """

    heights: tuple[int, ...]
    vectors: int
    lanes: int

    @property
    def rows(self) -> int:
        return self.heights[0]

    @property
    def width(self) -> int:
        return self.vectors * self.lanes


@dataclass(frozen=True)
class Group:
    """The hidden units whose sums the registers hold together, for `rows` rows at most: `vectors` vectors of each gate.

    rest: how many units make the last, smaller group; 0 for none.
    """

    gates: int
    rows: int
    vectors: int
    lanes: int
    rest: int

    @property
    def units(self) -> int:
        return self.vectors * self.lanes

    @property
    def width(self) -> int:
        """How many numbers of R belong to one k."""
        return self.gates * self.units

    @property
    def last(self) -> int:
        """The same of the last, smaller group."""
        return -(-self.rest * self.gates // self.lanes) * self.lanes

    def count(self, hidden: int) -> int:
        """How many groups there are, the smaller one included."""
        return -(-hidden // self.units)

    def size(self, hidden: int) -> int:
        """How many numbers a direction has, packed."""
        return (hidden // self.units * self.width + self.last) * hidden
