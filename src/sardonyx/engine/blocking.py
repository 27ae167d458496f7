"""How the work of contractions is cut into tasks, once extents and threads are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sardonyx.core.dims import Dim, ceildiv, dmax, dmin, floordiv
from sardonyx.engine.tiles import BYTE_GAP, GAP, PLACES, STEP, Group, MicroTile

if TYPE_CHECKING:
    from sardonyx.engine.contract import Left

__all__ = [
    "ApartBlocking",
    "Blocking",
    "Cutting",
    "FewBitsBlocking",
    "IntegerBlocking",
    "IntegerTileBlocking",
    "SplitBlocking",
    "TileBlocking",
]


@dataclass(frozen=True)
class Blocking:
    """Cuts a contraction into tasks, from its extents and the number of threads."""

    tile: MicroTile
    itemsize: int

    STAGED_TILES = 5  # rows of tiles that a task copies at a time
    NEAR = 128 * 1024  # bytes of A, the result and an operand that a task works on at a time
    AHEAD = 8 * 1024  # the same where the result is too large to stay anywhere: it is written nearly in one sequence
    LARGE = 4 * 1024 * 1024  # bytes of such a result
    CACHE = 512 * 1024  # bytes of A or B that a task may count on keeping near

    def may_stage(self, left: Left) -> bool:
        known = isinstance(left.depth, int) and isinstance(left.pitch, int)
        return not known or self.stages(self.tile.rows, left.depth, left.taps, left.pitch)  # pyright: ignore[reportArgumentType] ints

    def stages(self, m: int, depth: int, taps: int, pitch: int) -> bool:
        """Whether rows are copied: taps of few channels, or rows that would crowd into the same lines of the first cache."""
        if m < 4:
            return False
        return (taps > 1 and depth < 32) or (depth * self.itemsize >= 2048 and pitch * self.itemsize % 4096 == 0)

    def scratch(self, whole: Dim) -> Dim:
        rows = self.STAGED_TILES * self.tile.rows
        return rows * ((whole + GAP) * self.itemsize + 4) + 64

    def __call__(self, m: int, n: int, depth: int, taps: int, pitch: int, outer: int, threads: int) -> tuple[int, ...]:
        """staged, block_m, block_n, blocks_m, blocks_n, tasks."""
        if m == 0 or n == 0:
            return 0, 1, 1, 0, 0, 0
        tiles, panels = -(-m // self.tile.rows), -(-n // self.tile.width)
        staged = self.stages(m, depth, taps, pitch)
        whole = depth * taps
        row_bytes, panel_bytes = max(depth * self.itemsize, 1), whole * self.tile.width * self.itemsize
        most = max(1, self.CACHE // (row_bytes * self.tile.rows))
        if staged:
            most = min(self.STAGED_TILES, max(1, self.CACHE // max(1, whole * self.itemsize * self.tile.rows)))
        if panels * panel_bytes <= self.CACHE:  # B stays near, so rows go by in blocks whose results do too
            line = row_bytes + 2 * n * self.itemsize
            near = self.AHEAD if m * n * outer * self.itemsize > self.LARGE else self.NEAR
            most = min(most, max(1, near // (line * self.tile.rows)))
        wanted = max(1, 1 if threads == 1 else 8 * threads // max(outer, 1))
        high = min(tiles, most)
        wide = panels
        if panels * panel_bytes > self.CACHE:  # each task streams its own part of B
            wide = max(1, -(-panels // wanted))
            blocks = -(-tiles // high)
            wide = min(panels, max(wide, 1) * blocks)
        count = -(-panels // wide) * -(-tiles // high)
        if count < wanted and tiles > 1:
            high = max(1, min(high, tiles * -(-panels // wide) // wanted))
        count = -(-panels // wide) * -(-tiles // high)
        if count < wanted // 2:
            wide = max(1, wide * count // wanted)
        wide = -(-panels // -(-panels // wide))
        high = -(-tiles // -(-tiles // high))
        blocks_m, blocks_n = -(-tiles // high), -(-panels // wide)
        return int(staged), high * self.tile.rows, wide, blocks_m, blocks_n, blocks_m * blocks_n * outer


class ApartBlocking(Blocking):
    """The same for the matrix unit and rows that are split already; `itemsize` is that of all parts."""

    def stages(self, m: int, depth: int, taps: int, pitch: int) -> bool:
        return False

    def may_stage(self, left: Left) -> bool:
        return False


class SplitBlocking(Blocking):
    """The same for the matrix unit, whose tasks always copy their rows, split; `itemsize` is that of all parts."""

    LEAST_PANELS = 8  # that share the splitting of a row

    def __call__(self, m: int, n: int, depth: int, taps: int, pitch: int, outer: int, threads: int) -> tuple[int, ...]:
        staged, block_m, wide, blocks_m, _, _ = super().__call__(m, n, depth, taps, pitch, outer, threads)
        panels = -(-n // self.tile.width)
        wide = min(panels, max(wide, self.LEAST_PANELS))
        blocks_n = -(-panels // wide) if wide else 0
        return staged, block_m, wide, blocks_m, blocks_n, blocks_m * blocks_n * outer

    def stages(self, m: int, depth: int, taps: int, pitch: int) -> bool:
        return True

    def scratch(self, whole: Dim) -> Dim:
        return ceildiv(whole, STEP) * STEP * (self.STAGED_TILES * self.tile.rows * self.itemsize + 4) + 64


class IntegerBlocking(Blocking):
    """Cuts a contraction of bytes into tasks, which always copy their rows; `itemsize` is that of what is multiplied."""

    def stages(self, m: int, depth: int, taps: int, pitch: int) -> bool:
        return True

    def scratch(self, whole: Dim) -> Dim:
        rows = self.STAGED_TILES * self.tile.rows
        return rows * (ceildiv(whole * self.itemsize, BYTE_GAP) * BYTE_GAP + BYTE_GAP + 4) + 64


@dataclass(frozen=True)
class IntegerTileBlocking(Blocking):
    """The same for the matrix unit, whose tasks copy rows that do not lie as tiles are filled.

    Attributes:
        step: of how many bytes along k a tile is.
        lies: whether rows have one tap and lie equally far apart.
    """

    step: int
    lies: bool

    LEAST_PANELS = 8  # that share the copy of a row

    def __call__(self, m: int, n: int, depth: int, taps: int, pitch: int, outer: int, threads: int) -> tuple[int, ...]:
        staged, block_m, wide, blocks_m, blocks_n, tasks = super().__call__(m, n, depth, taps, pitch, outer, threads)
        panels = -(-n // self.tile.width)
        if not staged or wide >= min(panels, self.LEAST_PANELS):
            return staged, block_m, wide, blocks_m, blocks_n, tasks
        wide = min(panels, self.LEAST_PANELS)
        blocks_n = -(-panels // wide)
        return staged, block_m, wide, blocks_m, blocks_n, blocks_m * blocks_n * outer

    def stages(self, m: int, depth: int, taps: int, pitch: int) -> bool:
        return not self.lies or depth == 0 or depth % self.step != 0

    def may_stage(self, left: Left) -> bool:
        return True

    def scratch(self, whole: Dim) -> Dim:
        lies = self.lies and isinstance(whole, int) and not self.stages(0, whole, 1, 0)
        copied = (1 if lies else self.STAGED_TILES) * self.tile.rows
        most = max(self.CACHE // self.step, self.STAGED_TILES * self.tile.rows)  # rows of a task
        return copied * (ceildiv(whole, self.step) * self.step + BYTE_GAP) + most * 4 + 64


@dataclass(frozen=True)
class FewBitsBlocking(Blocking):
    """Cuts a product with packed weights: by columns first, so that each weight is read once as long as rows stay near."""

    block: int

    ROWS = 256 * 1024  # bytes of A that stay near

    def stages(self, m: int, depth: int, taps: int, pitch: int) -> bool:
        return depth % self.block != 0

    def may_stage(self, left: Any) -> bool:
        return not isinstance(left.depth, int) or left.depth % self.block != 0

    def scratch(self, whole: Dim) -> Dim:
        return self.tile.rows * ceildiv(whole, self.block) * self.block * 4 + 64

    def __call__(self, m: int, n: int, depth: int, taps: int, pitch: int, outer: int, threads: int) -> tuple[int, ...]:
        if m == 0 or n == 0:
            return 0, 1, 1, 0, 0, 0
        staged = self.stages(m, depth, taps, pitch)
        most = 1 if staged else max(1, self.ROWS // (4 * max(depth, 1) * self.tile.rows))
        tiles, panels = -(-m // self.tile.rows), -(-n // self.tile.width)
        high = min(tiles, most)
        blocks_m = -(-tiles // high)
        wide = max(1, min(panels // max(1, 8 * threads // max(blocks_m * outer, 1)), 16))
        blocks_n = -(-panels // wide)
        return int(staged), high * self.tile.rows, wide, blocks_m, blocks_n, blocks_m * blocks_n * outer


@dataclass(frozen=True)
class TileBlocking:
    """Cuts the work into tasks. width: of a panel of filters."""

    width: int

    MOST = 56  # tiles of a block
    NEAR = 640 * 1024  # bytes of transformed tiles that a task may count on keeping near

    def most(self, channels: Dim) -> Dim:
        """The tiles of a block, at most; their transforms stay near."""
        return dmax(dmin(floordiv(self.NEAR, channels * (PLACES * 4)), self.MOST), 1)

    def scratch(self, channels: Dim) -> Dim:
        return self.most(channels) * ((channels + GAP + self.width) * (PLACES * 4) + 4)

    def __call__(self, tiles: int, n: int, channels: int, threads: int) -> tuple[int, ...]:
        """block_t, block_n, blocks_t, blocks_n, tasks."""
        if tiles == 0 or n == 0:
            return 1, 1, 0, 0, 0
        most, panels = int(self.most(channels)), -(-n // self.width)  # pyright: ignore[reportArgumentType] an int
        blocks = -(-tiles // most)
        high = -(-tiles // blocks)
        blocks = -(-tiles // high)
        wanted = 1 if threads == 1 else 4 * threads
        groups = min(panels, max(1, -(-wanted // blocks)))
        wide = -(-panels // groups)
        groups = -(-panels // wide)
        return high, wide, blocks, groups, blocks * groups


@dataclass(frozen=True)
class Cutting:
    """Cuts the steps of a cell into tasks.

    Rows of the batch go through time by themselves. The units of a step may be shared, too, but then threads wait for one
    another at its end; a step must be long enough for that.
    """

    group: Group
    shares: bool  # whether units may be shared

    NEAR = 512 * 1024  # bytes of R that stay near a core
    LONG = 6_000  # cycles

    def __call__(
        self, steps: int, directions: int, batch: int, hidden: int, threads: int
    ) -> tuple[int, int, int, int, int, int, int]:
        """span, block_b, block_u, blocks_b, blocks_u, phases, tasks of a phase."""
        groups = self.group.count(hidden)
        if steps == 0 or batch == 0:
            return 1, 1, groups, 0, 1, 1, 0
        helpers = -(-threads // directions)
        size = self.group.size(hidden)
        vectors, alone = size // self.group.lanes, batch >= 4 * helpers and 4 * size <= self.NEAR
        if helpers > 1 and self.shares and not alone and vectors * max(2, batch) >= self.LONG:  # R comes at half speed
            wide = -(-groups // helpers)
            blocks = -(-groups // wide)
            return 1, batch, wide, 1, blocks, steps, directions * blocks
        high = -(-batch // helpers) if batch >= 2 * helpers and vectors * batch * steps >= 3 * self.LONG else batch
        blocks = -(-batch // high)
        return steps, high, groups, blocks, 1, 1, directions * blocks
